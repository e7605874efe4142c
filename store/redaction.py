r"""Taking the secrets out of events, so that a run can be given away. Pure.

Every string of a body is looked at, keys too, as what it means: with its escapes undone, and, where it holds escaped text
itself (JSON in JSON, a repr, a log), with those undone as well. Only the strings in which something was found are written
anew; everything else stays byte for byte. The same secret is replaced by the same words in the whole export, so equal
things stay equal: node ids would still join if somebody put a key into them.
"""

import json
import re
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from hashlib import blake2b

from store.secret import NAMES, SHAPES, Found, Shape, find_named, find_shapes, is_secret, kind_of_key

LONGEST_NAME = 100
"""Characters that a key has at most which tells what its value is."""

DEPTH = 4
"""How many layers of escapes are undone inside a string."""

_STRING = re.compile(r'"((?:[^"\\]++|\\.)*+)"(?:(\s*:)(?:\s*(-?[0-9][0-9.eE+-]*+))?)?', re.DOTALL)
"""A string of a JSON text; group 2 is there for keys, group 3 for keys whose value is a number."""

_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(.))", re.DOTALL)
_MEANING = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
_SPLITTING = ("\\u", "\\/", "\\x")
"""Escapes that can hide what we look for."""

_HINTS = [(hint, shape) for shape in SHAPES for hint in shape.hints]

Edit = tuple[int, int, str]
"""What to put in the place of text[start:end]."""

Places = tuple["array[int]", "array[int]"]
"""Where the parts of a text begin whose escapes were undone: in it, and in the text it was made of."""


class Redactor:
    """Replaces secrets by `[redacted:<kind>#<number>]`, one number for each secret. Remembers hashes, not secrets."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        """How often something of a kind was replaced."""
        self._numbers: dict[str, dict[bytes, int]] = {}

    def body(self, body: bytes) -> bytes:
        """An event's body, which must be JSON, without secrets; the same object when it held none."""
        text = body.decode()
        hidden = any(escape in text for escape in _SPLITTING)
        shapes, named = (SHAPES, True) if hidden else _likely(text)
        if not shapes and not named:
            return body
        edits = list(self._edits(text, shapes, named))
        return _edited(text, edits).encode() if edits else body

    def text(self, text: str) -> str:
        """A text outside of events, such as a goal, without secrets."""
        return self._replaced(text, _search(text, SHAPES, named=True))

    def _edits(self, text: str, shapes: tuple[Shape, ...], named: bool) -> Iterator[Edit]:
        """What to change in a JSON text. The values of a key, one or an array of them, are what the key says."""
        promise: tuple[str, bool] | None = None
        for match in _STRING.finditer(text):
            value = _decoded(match[1])
            if match[2] is not None:
                promise = kind_of_key(value) if named and len(value) <= LONGEST_NAME else None
                new = self._replaced(value, _search(value, shapes, named))
            elif promise is not None and is_secret(value, promise[1]):
                new = self._tag(promise[0], value)
            else:
                new = self._replaced(value, _search(value, shapes, named))
            if new is not value:
                yield match.start(1), match.end(1), _encoded(new, match[1])
            if match[3] is not None and promise is not None and promise[1]:
                yield match.start(3), match.end(3), f'"{self._tag(promise[0], match[3])}"'

    def _replaced(self, text: str, found: Iterable[tuple[Found, str]]) -> str:
        """The text with these secrets replaced; where they overlap, all of it by the one that begins first."""
        edits: list[Edit] = []
        for (start, end, kind), secret in sorted(found, key=lambda item: (item[0].start, -item[0].end)):
            if edits and start < edits[-1][1]:
                edits[-1] = (edits[-1][0], max(end, edits[-1][1]), edits[-1][2])
            else:
                edits.append((start, end, self._tag(kind, secret)))
        return _edited(text, edits) if edits else text

    def _tag(self, kind: str, secret: str) -> str:
        self.counts[kind] = self.counts.get(kind, 0) + 1
        numbers = self._numbers.setdefault(kind, {})
        digest = blake2b(secret.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        return f"[redacted:{kind}#{numbers.setdefault(digest, len(numbers) + 1)}]"


def _likely(text: str) -> tuple[tuple[Shape, ...], bool]:
    """Which shapes can be in the text, and whether there can be anything with a name."""
    return tuple(dict.fromkeys([shape for hint, shape in _HINTS if hint in text])), _may_be_named(text)


def _may_be_named(text: str) -> bool:
    small = text.lower()
    return bool([name for name in NAMES if name in small])  # mostly there is none: `any` would be slower


def _search(text: str, shapes: tuple[Shape, ...], named: bool) -> Iterator[tuple[Found, str]]:
    """Secrets in a text, at their place in it, each with what it is once all escapes are undone."""
    view = text
    maps: list[Places] = []
    while True:
        for start, end, kind in find_shapes(view, shapes):
            yield Found(_place(start, maps), _place(end, maps), kind), view[start:end]
        if named and _may_be_named(view):
            for start, end, kind in find_named(view):
                yield Found(_place(start, maps), _place(end, maps), kind), view[start:end]
        if "\\" not in view or len(maps) == DEPTH:
            return
        view, places = _unescaped(view)
        maps.append(places)


def _unescaped(text: str) -> tuple[str, Places]:
    """The text with one layer of escapes undone."""
    pieces: list[str] = []
    ours, theirs = array("q", [0]), array("q", [0])
    length = done = 0
    for match in _ESCAPE.finditer(text):
        code, letter = match[1] or match[2], match[3]
        meaning = chr(int(code, 16)) if code else _MEANING.get(letter, letter)
        pieces += text[done : match.start()], meaning
        length += match.start() - done + 1
        done = match.end()
        ours.append(length)
        theirs.append(done)
    pieces.append(text[done:])
    return "".join(pieces), (ours, theirs)


def _place(at: int, maps: list[Places]) -> int:
    """Where a place in the innermost view is in the text itself."""
    for ours, theirs in reversed(maps):
        part = bisect_right(ours, at) - 1
        at = theirs[part] + at - ours[part]
    return at


def _edited(text: str, edits: Iterable[Edit]) -> str:
    pieces, done = list[str](), 0
    for start, end, new in edits:
        pieces += text[done:start], new
        done = end
    return "".join(pieces) + text[done:]


def _decoded(inner: str) -> str:
    """What stands between the quotes of a JSON string, as text."""
    text: str = json.loads(f'"{inner}"', strict=False) if "\\" in inner else inner
    return text


def _encoded(text: str, like: str) -> str:
    """The inverse of `_decoded`; in ASCII where the original was written so, as halves of characters must be."""
    return json.dumps(text, ensure_ascii="\\u" in like)[1:-1]
