"""The event filter of the timeline, parsed from the typed text. Pure."""

from store.model.record import Match
from tui.theme import EVENTS

PLACEHOLDER = "words, type:plan, type:llm, type:error"
"""Examples of filters, shown in the empty input field."""

KINDS = (*dict.fromkeys(short.partition(" ")[0] for _, _, short, _ in EVENTS.values()), "error")
"""The shortest words that `type:` accepts."""


def parse_match(text: str) -> Match:
    """The filter for a typed text.

    The words are one phrase: the event must contain them in this order. `type:` selects the types whose name or short name
    contains its word. `type:error` selects events of any type that report an error.
    """
    words, types, failed = [], set[str](), False
    for part in text.split():
        kind, colon, name = part.partition(":")
        if kind.lower() != "type" or not colon:
            words.append(part)
        elif name.lower() in ("error", "errors", "failed"):
            failed = True
        elif name:
            asked = name.lower().replace("-", "_")
            found = {key for key, (_, _, short, _) in EVENTS.items() if asked in key or asked in short.replace(" ", "_")}
            types |= found or {name}
    return Match(frozenset(types), " ".join(words), failed)
