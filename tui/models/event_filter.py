"""What is typed to see only some events of a timeline. Pure."""

from store.record import Match
from tui.theme import EVENTS

PLACEHOLDER = "words, type:plan, type:llm, type:error"
"""What can be typed, by example."""

KINDS = (*dict.fromkeys(short.partition(" ")[0] for _, _, short, _ in EVENTS.values()), "error")
"""What can follow `type:`, as short as it can be said."""


def parse_match(text: str) -> Match:
    """Words must all be found together as they stand; `type:` narrows to types whose name, or short name, holds a word.

    `type:error` means events that report an error, whatever their type.
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
