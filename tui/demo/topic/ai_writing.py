"""A report: the market for AI documentation tools."""

from tui.demo.topic.record import Topic

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
