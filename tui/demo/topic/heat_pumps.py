"""A report: Norrhaven's heat-pump plan."""

from tui.demo.topic.record import Topic

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
