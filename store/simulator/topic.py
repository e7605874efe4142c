"""What the simulated agents write about: six reports and a story, all of them invented.

Names of firms, towns and studies are fictional; every web address lies under ``example.org``, which nobody can own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

RunMode = Literal["report", "story"]


@dataclass(frozen=True, slots=True)
class Topic:
    """A request and everything needed to write believably about it."""

    key: str
    """How a scenario names it."""
    mode: RunMode
    ask: str
    """The request, in the words of whoever made it: the goal of the root."""
    title: str
    """The same as a noun phrase, for sentences about it."""
    sections: tuple[tuple[str, tuple[str, ...]], ...]
    """The parts of the finished text, each with its points, as noun phrases."""
    lookups: tuple[str, ...]
    """What has to be searched for, as noun phrases."""
    questions: tuple[str, ...]
    """What has to be thought through, each a goal of its own."""
    names: tuple[str, ...]
    """Who appears in it."""
    sources: tuple[tuple[str, str], ...]
    """Where search finds it: a publication and its host."""
    claims: tuple[str, ...]
    """Sentences with the slots {who}, {n}, {pct}, {year} and {name}."""


AI_WRITING = Topic(
    key="ai-writing",
    mode="report",
    ask="Who will earn money with AI tools for technical documentation until 2030? Write a market report for an "
    "investment committee.",
    title="the market for AI documentation tools",
    sections=(
        ("the question and the short answer", ("what the committee has to decide", "the answer on half a page")),
        (
            "the size of the market and its growth",
            ("seats, prices and churn", "three ways to count the same market", "growth by region until 2030"),
        ),
        (
            "the vendors and what sets them apart",
            ("incumbents with a large installed base", "specialists for regulated industries", "open-source stacks"),
        ),
        (
            "what customers do with the tools today",
            ("release notes and API references", "translation and terminology", "support deflection", "failed pilots"),
        ),
        (
            "the economics of a single seat",
            ("inference cost per finished page", "the hours an editor still needs", "gross margin at three scales"),
        ),
        (
            "the risks that could halve the estimate",
            ("model price wars", "liability for wrong instructions", "bundling by platform owners"),
        ),
        ("the recommendation", ("where to invest first", "signals to watch each quarter")),
    ),
    lookups=(
        "vendor revenue and seat counts since 2022",
        "survey results on how technical writers use language models",
        "list prices and discounts of documentation platforms",
        "case studies of documentation teams with measured time savings",
        "announced acquisitions of documentation start-ups",
    ),
    questions=(
        "Design the outline of the report and decide which three numbers carry its argument.",
        "Work out a model of revenue per seat that survives a price war.",
        "Weigh the vendors against each other: who owns the content, who only owns the editor?",
    ),
    names=("Quillworks", "Docufjord", "Parallel Pages", "Marginalia Labs", "Tersely", "Inkwell & Sons"),
    sources=(
        ("Documentation Monitor", "monitor.techdocs.example.org"),
        ("The Editor's Ledger", "ledger.example.org"),
        ("Seat Count Quarterly", "seatcount.example.org"),
        ("Nordic Software Review", "review.nordsoft.example.org"),
    ),
    claims=(
        "{who} reports {n} paying teams, {pct} % more than in {year}.",
        "At {who} an editor now signs off {n} pages a week; in {year} it was a third of that.",
        "Only {pct} % of the pilots that started in {year} became a contract.",
        "List prices fell by {pct} % within a year, while the share of customers on annual contracts rose.",
        "{who} and {name} count seats differently, so their figures cannot simply be added.",
        "Interviewed buyers name review time, not generation quality, as the reason to cancel.",
        "Where a wrong instruction can hurt somebody, {who} still requires two human signatures per page.",
        "The inference bill of {name} is about {pct} % of its revenue and shrinking.",
    ),
)

HEAT_PUMPS = Topic(
    key="heat-pumps",
    mode="report",
    ask="Plan how the city of Norrhaven replaces its 41,000 gas boilers by heat pumps within twelve years, street by "
    "street, and what it will cost whom.",
    title="Norrhaven's heat-pump plan",
    sections=(
        ("the starting point", ("41,000 boilers and the houses around them", "what was promised and what was done")),
        (
            "which streets come first",
            ("a score for every street", "streets where the gas main is due anyway", "what tenants gain and lose"),
        ),
        (
            "the grid underneath",
            ("transformers that are full already", "peaks on the coldest evening", "flexibility that is cheap today"),
        ),
        (
            "the people who install them",
            ("how many crews are missing", "a nine-month conversion course", "keeping small firms in the market"),
        ),
        (
            "the cost and who bears it",
            ("the cost per dwelling over fifteen years", "grants that pay for results", "hardship cases"),
        ),
        ("listed buildings and other hard cases", ("noise in narrow courtyards", "radiators, not façades")),
        ("the timetable and its checkpoints", ("the first hundred days", "what is measured in public")),
    ),
    lookups=(
        "measured seasonal efficiency of heat pumps in unrenovated houses",
        "cost per dwelling of district-wide boiler replacement",
        "transformer capacity in low-voltage networks of mid-sized cities",
        "training programmes that turn gas fitters into heat-pump installers",
        "tariffs for interruptible loads",
        "noise limits for outdoor units in dense blocks",
    ),
    questions=(
        "Decide on the unit of planning: the house, the street or the transformer district.",
        "Work out the order of streets when crews, grid and money all run short.",
        "Think through who loses under each grant scheme, and what would make it fair.",
    ),
    names=("Norrhaven Stadtwerke", "Varmebo Cooperative", "Lindqvist & Daughters", "Grid North", "Holm Institute"),
    sources=(
        ("Norrhaven Energy Desk", "energy.norrhaven.example.org"),
        ("Holm Institute Working Papers", "papers.holm.example.org"),
        ("Installer's Gazette", "gazette.heat.example.org"),
        ("City Grids Database", "data.citygrids.example.org"),
    ),
    claims=(
        "{who} measured a seasonal efficiency of 3.{n1} across {n} dwellings in the winter of {year}.",
        "In {pct} % of the streets the gas main has to be renewed within {n1} years anyway.",
        "A crew of two converts {n1} dwellings a week once the street is prepared, and half of that otherwise.",
        "{who} puts the reinforcement of one transformer district at {n} thousand crowns.",
        "On the coldest evening of {year} the feeders carried {pct} % of their rated load.",
        "Tenants save {n} crowns a year on average, but the lower quartile saves nothing without the hardship fund.",
        "The course run by {name} had {n} graduates, of whom {pct} % still work in the trade.",
        "With flow temperatures of 45 °C, {pct} % of the radiators can stay.",
    ),
)

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

LIGHTHOUSE = Topic(
    key="lighthouse",
    mode="story",
    ask="Write a mystery story of about 6,000 words: in October 1911 the keeper of a tidal lighthouse vanishes, and "
    "the lamp burns on for three nights without him.",
    title="the story of the Skerrow light",
    sections=(
        ("the morning the boat comes", ("the relief crew sees the lamp lit at noon", "a table laid for two")),
        (
            "Ada Brandreth arrives",
            ("the inspector's niece who can read clockwork", "what the harbour thinks of her", "the first lie"),
        ),
        (
            "the clockwork",
            ("eleven hours to a winding", "a weight that was filed down", "soot on the wrong side of the glass"),
        ),
        (
            "three people who rowed out that week",
            ("the chandler and his unpaid bill", "the curate with wet boots", "Maren, who counts the waves"),
        ),
        (
            "the second night",
            ("the causeway under water", "a light answering from the mainland", "what the logbook leaves out"),
        ),
        ("what the keeper saw", ("the ship that was not on any list", "a bargain at low tide")),
        ("the lamp goes out", ("who wound it", "what Ada leaves unwritten")),
    ),
    lookups=(
        "how long a lighthouse clockwork of 1911 ran on one winding",
        "tide tables and causeways of drying harbours",
        "duties and log-keeping of lighthouse keepers before the war",
        "paraffin vapour burners and the soot they leave",
        "what the keepers of offshore lights were paid and fed",
    ),
    questions=(
        "Decide who wound the lamp, why, and which clue must be in plain sight by the second scene.",
        "Work out the tide for each night so that every alibi depends on it.",
        "Give each suspect one truth to hide that has nothing to do with the keeper.",
    ),
    names=("Ada Brandreth", "Keeper Tolliver", "Maren Sorley", "Mr Pask the chandler", "the curate"),
    sources=(
        ("Lamp and Lens Society", "lamps.history.example.org"),
        ("Coastal Almanacs Online", "almanac.coast.example.org"),
        ("Keepers' Letters Archive", "letters.keepers.example.org"),
    ),
    claims=(
        "{who} had wound it every night since {year}, and never once late.",
        "The tide left the causeway dry for {n1} hours, no more.",
        "“You counted the steps,” said {who}. “Everybody counts the steps.”",
        "There were {n1} cups on the shelf and room for one more.",
        "{name} looked at the lamp as one looks at a dog that has bitten somebody.",
        "The log for the night said only: wind W by S, {n1}, lamp bright.",
        "Nobody in Skerrow owned a boat that could have crossed, and {name} said so twice.",
        "It rained in the way it rains on people who are about to be found out.",
    ),
)

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

STREET_TREES = Topic(
    key="street-trees",
    mode="report",
    ask="Write a practical guide for small towns: which street trees to plant for a hotter, drier 2060, how to plant "
    "them, and how to keep them alive for the first five years.",
    title="street trees for a hotter town",
    sections=(
        ("why the old list no longer works", ("losses in three dry summers", "what a street tree is asked to do")),
        (
            "choosing species",
            ("a matrix of heat, drought and salt", "no genus above a tenth", "natives and newcomers", "seed origins"),
        ),
        (
            "the pit",
            ("twelve cubic metres of soil", "pipes, cables and patience", "rain that is led to the roots"),
        ),
        (
            "planting and the first summer",
            ("bare-root or balled", "watering by weight, not by calendar", "stakes that come off again"),
        ),
        (
            "years two to five",
            ("formative pruning", "who waters in August", "a register that people really use"),
        ),
        ("money", ("the cost of one tree over thirty years", "what a dead tree costs twice")),
        ("six towns, six plans", ("a harbour town on sand", "a hill town with one main street")),
    ),
    lookups=(
        "mortality of newly planted street trees by species",
        "cooling effect of street trees on summer afternoons",
        "soil volumes and structural substrates for tree pits",
        "watering regimes with sap-flow measurements",
        "municipal tree registers and citizen watering schemes",
    ),
    questions=(
        "Decide how to rank species when heat, drought and salt disagree.",
        "Work out the smallest programme that a town with one gardener can keep up.",
        "Think through what to advise where the street is too narrow for any tree.",
    ),
    names=("Eschenbach Nursery", "the Town Trees Network", "Arbor Register", "Professor Ilves", "Halden Gardens"),
    sources=(
        ("Town Trees Network", "towntrees.example.org"),
        ("Urban Soils Letters", "letters.urbansoils.example.org"),
        ("Shade Atlas", "atlas.shade.example.org"),
        ("Nursery Trials Archive", "trials.nursery.example.org"),
    ),
    claims=(
        "Of {n} trees planted in {year}, {pct} % were alive five years later.",
        "{who} found afternoon temperatures {n1} degrees lower under closed crowns.",
        "A pit of less than four cubic metres cost every second tree its life by {year}.",
        "Watering twice a month with {n} litres did better than weekly watering with half of it.",
        "{name} lists {n1} species that came through all three summers without dieback.",
        "Seed from southern stands flushed {n1} days earlier and was caught by frost once in six years.",
        "Where neighbours adopted a tree, losses fell by {pct} %.",
        "Removing and replacing one failed tree costs as much as {n1} years of watering.",
    ),
)

SMALL_DATABASES = Topic(
    key="small-databases",
    mode="report",
    ask="We keep 900 small databases on ships with poor links. Compare the ways to hold them in sync with the shore "
    "and write a decision memo.",
    title="syncing 900 shipboard databases",
    sections=(
        ("the decision in brief", ("what changes on Monday", "what we would regret")),
        (
            "what the fleet really does",
            ("writes per hour and their size", "links: hours of nothing, minutes of plenty", "clocks that drift"),
        ),
        (
            "six candidates",
            ("shipping the log", "statement replay", "merging by row", "conflict-free types", "files and checksums"),
        ),
        (
            "the measurements",
            ("a link that loses every fifth packet", "recovery after nine days at sea", "bytes per changed row"),
        ),
        (
            "conflicts and who settles them",
            ("last writer wins, and is sorry", "fields nobody may merge", "a queue for the purser"),
        ),
        ("operations", ("upgrades while half the fleet is away", "backups that were restored, not only taken")),
        ("the recommendation", ("the plan for forty ships", "when to stop and turn back")),
    ),
    lookups=(
        "published comparisons of log shipping and row merging",
        "satellite link statistics for merchant ships",
        "failure reports on clock drift in replicated databases",
        "tools that ship database logs over unreliable links",
        "experience reports on conflict-free data types in production",
    ),
    questions=(
        "Decide which properties are needed and which are merely nice, before looking at any product.",
        "Work out the worst case: nine days offline, two writers, one wrong clock.",
        "Think through how each candidate fails, and whether the crew would notice.",
    ),
    names=("Harbour Sync", "the fleet office", "Logline", "MV Petrel", "Tidewater Systems"),
    sources=(
        ("Replication Notes", "notes.replication.example.org"),
        ("Fleet Engineering Log", "log.fleet.example.org"),
        ("Databases at Sea", "dbsea.example.org"),
        ("Postmortem Shelf", "shelf.postmortem.example.org"),
    ),
    claims=(
        "{who} needed {n} seconds to catch up after nine days offline.",
        "On a link that drops {pct} % of its packets the log grew faster than it could be sent.",
        "In {year} the clock of {name} was {n1} hours ahead, and every one of its rows won.",
        "A changed row costs {n} bytes on the wire, of which {pct} % are envelope.",
        "The restore took {n1} minutes; finding out which backup to restore took the day.",
        "Of {n} conflicts in the trial, people had to look at {n1}.",
        "{who} upgrades ships in port only, which leaves three versions at sea at any time.",
        "Checksums found {n1} silent differences that no counter had shown.",
    ),
)

TOPICS: dict[str, Topic] = {
    topic.key: topic
    for topic in (AI_WRITING, HEAT_PUMPS, BATTERIES, LIGHTHOUSE, NIGHT_TRAINS, STREET_TREES, SMALL_DATABASES)
}
"""Every topic by its key, in the order in which seeds take them."""
