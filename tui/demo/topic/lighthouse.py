"""A story: the story of the Skerrow light."""

from tui.demo.topic.record import Topic

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
