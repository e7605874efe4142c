"""A report: night trains between Aldmoor and the coast."""

from tui.demo.topic.record import Topic

NIGHT_TRAINS = Topic(
    key="night-trains",
    mode="report",
    ask="Should a mid-sized operator bring back night trains between Aldmoor and the coast? Write a feasibility study "
    "with a clear yes or no.",
    title="night trains between Aldmoor and the coast",
    sections=(
        ("the proposal in one page", ("two trains a night, eleven months a year", "the answer and its conditions")),
        (
            "who would travel",
            ("business travellers who hate hotels", "families with four suitcases", "what a flight costs at the door"),
        ),
        (
            "rolling stock",
            ("buying, leasing or rebuilding", "coaches that may run through the tunnel", "workshops with free tracks"),
        ),
        (
            "paths, slots and the timetable",
            ("freight at two in the morning", "a buffer that survives a late start", "where crews change over"),
        ),
        (
            "costs and fares",
            ("track charges by night", "linen, breakfast and people", "yield management with compartments"),
        ),
        ("what went wrong the last time", ("the closure of 2009", "lessons that still hold")),
        ("the decision", ("yes, under four conditions", "the first eighteen months")),
    ),
    lookups=(
        "occupancy and fares of night trains on comparable routes",
        "track access charges at night",
        "availability and price of second-hand sleeping coaches",
        "passenger surveys on night travel",
        "construction closures planned until 2028",
    ),
    questions=(
        "Decide which three numbers would turn the answer from yes to no.",
        "Work out the break-even occupancy for coaches bought, leased and rebuilt.",
        "Lay out the timetable around the freight paths and see what remains.",
    ),
    names=("Aldmoor Lines", "Coastal Rail", "Sleeper Works Tarn", "Somnia", "the Night Travel Panel"),
    sources=(
        ("Rail Timetable Forum", "forum.timetable.example.org"),
        ("Night Travel Panel", "panel.nighttravel.example.org"),
        ("Track Charges Register", "register.tracks.example.org"),
        ("Coach & Carriage", "carriage.example.org"),
    ),
    claims=(
        "{who} filled {pct} % of its berths in {year}, in summer more than it could sell.",
        "A rebuilt coach costs {n} thousand and is ready in {n1} months if the frame is sound.",
        "Of {n} people asked, {pct} % would take the train if it arrived before eight.",
        "The slot at 02:40 is free on four nights a week; {name} holds it on the others.",
        "Linen and breakfast together come to {n1} per passenger, less than a seat reservation brings in.",
        "The last closure of the tunnel, in {year}, cost {n1} weeks of service.",
        "{who} gave up the route with {pct} % occupancy, because the locomotive was needed elsewhere.",
        "Fares rise with the lead time, not with the class: that is what {name} learnt first.",
    ),
)
