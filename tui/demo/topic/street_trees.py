"""A report: street trees for a hotter town."""

from tui.demo.topic.record import Topic

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
