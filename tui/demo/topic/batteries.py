"""A report: lithium-ion battery recycling."""

from tui.demo.topic.record import Topic

BATTERIES = Topic(
    key="battery-recycling",
    mode="report",
    ask="Survey the state of lithium-ion battery recycling: processes, yields, economics, and what is still unknown.",
    title="lithium-ion battery recycling",
    sections=(
        ("the scope of the survey", ("which cells are counted", "terms that vary from paper to paper")),
        (
            "collection and sorting",
            ("where end-of-life packs really go", "state-of-health tests at the gate", "fires in storage"),
        ),
        (
            "hydrometallurgy",
            ("leaching chemistry and its waste", "lithium yield under plant conditions", "fluorine in the loop"),
        ),
        ("pyrometallurgy", ("energy per tonne of black mass", "what ends up in the slag")),
        (
            "direct recycling of cathodes",
            ("relithiation in molten salts", "sensitivity to mixed chemistries", "pilots above one tonne a day"),
        ),
        (
            "the economics at three metal prices",
            ("gate fees and who pays them", "break-even for iron-phosphate cells", "second life as a competitor"),
        ),
        ("open questions", ("data nobody publishes", "five experiments worth funding")),
    ),
    lookups=(
        "recovery yields of lithium, nickel and cobalt by process",
        "energy and reagent demand per tonne of black mass",
        "pilot plants for direct cathode recycling",
        "collection rates of traction batteries",
        "gate fees and contract structures of recyclers",
    ),
    questions=(
        "Decide how to compare yields that were measured against different baselines.",
        "Work out under which metal prices each process breaks even.",
        "Sort the claims into measured, modelled and merely announced.",
    ),
    names=("Ferrolith", "Blackmass AB", "Second Cell", "Kobalta Refining", "Institute for Circular Cells"),
    sources=(
        ("Journal of Circular Cells", "journal.circularcells.example.org"),
        ("Recycler's Index", "index.blackmass.example.org"),
        ("Open Battery Data", "data.openbattery.example.org"),
        ("Materials in Motion", "motion.materials.example.org"),
    ),
    claims=(
        "{who} states a lithium yield of {pct} %, measured at the leach tank and not at the gate.",
        "Of {n} packs that arrived in {year}, one in {n1} was sold on for stationary storage.",
        "The energy demand was {n} kWh per tonne of black mass, drying included.",
        "{name} stopped its pilot in {year} after the third fire in the storage hall.",
        "Iron-phosphate cells cover their own cost only when the gate fee exceeds {n} per tonne.",
        "Two of the {n1} papers reviewed here report the same plant under different names.",
        "After relithiation the capacity reached {pct} % of a fresh cathode, for a single chemistry.",
        "Nobody outside {who} has reproduced the figure so far.",
    ),
)
