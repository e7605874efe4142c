"""A report: syncing 900 shipboard databases."""

from tui.demo.topic.record import Topic

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
