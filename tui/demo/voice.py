"""The templates of the texts of simulated agents, by kind of text."""

from dataclasses import dataclass

from tui.demo.topic import RunMode


@dataclass(frozen=True, slots=True)
class Voice:
    """The templates of one kind of text. The slots {title} and {outer} are subjects."""

    facets: tuple[str, ...]
    """Parts of a subject without known parts."""
    parts: tuple[str, ...]
    """Goals of writing tasks."""
    wishes: tuple[str, ...]
    """Sentences added to the goal of the writing task of a main part."""
    lookup: str
    """Goal of a search about the whole topic."""
    caveats: tuple[str, ...]
    """Sentences added to `lookup`."""
    searches: tuple[str, ...]
    """Goals of searches about a part."""
    thoughts: tuple[str, ...]
    """Goals of thinking tasks about a part."""
    sharper: tuple[str, ...]
    """Clauses added to a rewritten goal."""


REPORT = Voice(
    facets=(
        "the evidence on {title}",
        "a worked example for {title}",
        "objections on {title}",
        "what practice says about {title}",
        "open questions around {title}",
        "the next steps after {title}",
        "the history behind {title}",
    ),
    parts=(
        "Write about {title}, within the part on {outer}.",
        "Draft one page on {title} for readers who know the rest of {outer}.",
        "Set out {title}; start from the figures that were found.",
        "Write up {title}; a table is welcome where figures are compared.",
        "Describe {title} and say plainly how sure we are.",
    ),
    wishes=(
        "Give every figure its source.",
        "Keep to what the searches support.",
        "A reader in a hurry should get the point from the first paragraph.",
        "Leave objections to the later parts.",
        "Use one example throughout.",
    ),
    lookup="Find {title}. ",
    caveats=(
        "Prefer primary sources.",
        "Note the date of every figure.",
        "Look for dissenting results as well.",
        "Nothing older than five years unless it is the only source.",
    ),
    searches=(
        "Find recent figures and named examples for {title}.",
        "Find out who disagrees on {title}, and why.",
        "Look up how others have described {title}, with quotable sentences.",
        "Collect what has been measured, not estimated, about {title}.",
        "Find three independent sources on {title}.",
        "Look for failed attempts and what they teach about {title}.",
    ),
    thoughts=(
        "Decide the order of argument for {title} and what to leave out.",
        "Work out which of the findings on {title} can carry a conclusion.",
        "Settle the terms used for {title}, so that all parts use the same ones.",
    ),
    sharper=(
        "compare at least two independent sources",
        "use the terms settled in the outline",
        "leave out what the first search has already covered",
        "give the figures per year and say how they were counted",
    ),
)
STORY = Voice(
    facets=(
        "the hour before {title}",
        "{title}, as somebody else tells it",
        "what nobody says about {title}",
        "a small thing out of place in {title}",
        "the silence after {title}",
    ),
    parts=(
        "Write the scene of {title}, within {outer}.",
        "Write {title} in a single place and without a flashback.",
        "Tell {title} from close by; let the weather do some of the work.",
        "Write {title} almost entirely in dialogue.",
        "Write {title}; end on an object, not on a thought.",
    ),
    wishes=(
        "Plant one clue and do not point at it.",
        "Keep Ada's doubts to herself.",
        "Everybody in it wants something.",
        "Short sentences when it gets dark.",
    ),
    lookup="Look up {title}. ",
    caveats=(
        "Period sources if there are any.",
        "Small concrete details are worth more than dates.",
        "Note what a reader would get wrong.",
    ),
    searches=(
        "Look up the everyday things that belong into {title}.",
        "Find out how people spoke and dressed in 1911, for {title}.",
        "Find letters or diaries that could colour {title}.",
        "Check what was technically possible for {title}.",
    ),
    thoughts=(
        "Decide who knows what at the end of {title}.",
        "Work out what {title} must hide from the reader.",
        "Give {title} a shape: where it turns, and on which word.",
    ),
    sharper=(
        "keep to what Ada can have seen",
        "mind the tide that was settled earlier",
        "let the clue of the first scene come back",
        "do not explain the lamp yet",
    ),
)
VOICES: dict[RunMode, Voice] = {"report": REPORT, "story": STORY}
