"""Redaction of secrets in events, so that a run can be passed on. Pure.

Every string of a body, keys included, is searched in its decoded form, and also in the decoded forms of escaped text in it
(JSON in JSON, a repr, a log). Only strings with a secret are rewritten; all other bytes stay. A secret has the same
replacement in the whole export, so equal strings stay equal: node ids that contain a secret still match.
"""

import json
import re
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from hashlib import blake2b

from store.transfer.secret import NAMES, SHAPES, Found, Shape, find_named, find_shapes, is_secret, kind_of_key

KEY_MAX_CHARACTERS = 100
"""Longest key, in characters, that is checked for the name of a secret."""

UNESCAPE_MAX_LAYERS = 4
"""Number of layers of escapes that are decoded inside a string."""

_STRING = re.compile(r'"((?:[^"\\]++|\\.)*+)"(?:(\s*:)(?:\s*(-?[0-9][0-9.eE+-]*+))?)?', re.DOTALL)
"""A string of a JSON text. Group 2 matches for keys, group 3 is the value of a key if that is a number."""

_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(.))", re.DOTALL)
_MEANING = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
_SPLITTING = ("\\u", "\\/", "\\x")
"""Escapes that can split a secret or its name."""

_HINTS = [(hint, shape) for shape in SHAPES for hint in shape.hints]

Edit = tuple[int, int, str]
"""Start, end and replacement of a slice of a text."""

OffsetMap = tuple["array[int]", "array[int]"]
"""Offsets of the parts of a decoded text: in the decoded text, and in the text that was decoded."""


class Redactor:
    """Replaces secrets by `[redacted:<kind>#<number>]`, with one number for each secret. Stores hashes, not secrets."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        """Number of replacements by kind."""
        self._numbers: dict[str, dict[bytes, int]] = {}

    def body(self, body: bytes) -> bytes:
        """The body of an event, which must be JSON, without secrets. Returns `body` itself if it has none."""
        text = body.decode()
        hidden = any(escape in text for escape in _SPLITTING)
        shapes, named = (SHAPES, True) if hidden else _likely(text)
        if not shapes and not named:
            return body
        edits = list(self._edits(text, shapes, named))
        return _edited(text, edits).encode() if edits else body

    def text(self, text: str) -> str:
        """A plain text, such as a goal, without secrets."""
        return self._replaced(text, _search(text, SHAPES, named=True))

    def _edits(self, text: str, shapes: tuple[Shape, ...], named: bool) -> Iterator[Edit]:
        """The replacements in a JSON text. The key of a value, or of an array of values, may identify it as a secret."""
        key_kind: tuple[str, bool] | None = None
        for match in _STRING.finditer(text):
            value = _decoded(match[1])
            if match[2] is not None:
                key_kind = kind_of_key(value) if named and len(value) <= KEY_MAX_CHARACTERS else None
                new = self._replaced(value, _search(value, shapes, named))
            elif key_kind is not None and is_secret(value, key_kind[1]):
                new = self._tag(key_kind[0], value)
            else:
                new = self._replaced(value, _search(value, shapes, named))
            if new is not value:
                yield match.start(1), match.end(1), _encoded(new, match[1])
            if match[3] is not None and key_kind is not None and key_kind[1]:
                yield match.start(3), match.end(3), f'"{self._tag(key_kind[0], match[3])}"'

    def _replaced(self, text: str, found: Iterable[tuple[Found, str]]) -> str:
        """The text with these secrets replaced. Overlapping secrets get the replacement of the first."""
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
    """The shapes that the text may contain, and whether it may contain a named secret."""
    return tuple(dict.fromkeys([shape for hint, shape in _HINTS if hint in text])), _may_have_named(text)


def _may_have_named(text: str) -> bool:
    small = text.lower()
    return bool([name for name in NAMES if name in small])  # faster than `any`, because few texts match


def _search(text: str, shapes: tuple[Shape, ...], named: bool) -> Iterator[tuple[Found, str]]:
    """Secrets in a text: their offsets in it, and their decoded text."""
    decoded = text
    maps: list[OffsetMap] = []
    while True:
        for start, end, kind in find_shapes(decoded, shapes):
            yield Found(_original_offset(start, maps), _original_offset(end, maps), kind), decoded[start:end]
        if named and _may_have_named(decoded):
            for start, end, kind in find_named(decoded):
                yield Found(_original_offset(start, maps), _original_offset(end, maps), kind), decoded[start:end]
        if "\\" not in decoded or len(maps) == UNESCAPE_MAX_LAYERS:
            return
        decoded, offsets = _unescaped(decoded)
        maps.append(offsets)


def _unescaped(text: str) -> tuple[str, OffsetMap]:
    """The text with one layer of escapes decoded."""
    pieces: list[str] = []
    decoded, original = array("q", [0]), array("q", [0])
    length = done = 0
    for match in _ESCAPE.finditer(text):
        code, letter = match[1] or match[2], match[3]
        meaning = chr(int(code, 16)) if code else _MEANING.get(letter, letter)
        pieces += text[done : match.start()], meaning
        length += match.start() - done + 1
        done = match.end()
        decoded.append(length)
        original.append(done)
    pieces.append(text[done:])
    return "".join(pieces), (decoded, original)


def _original_offset(at: int, maps: list[OffsetMap]) -> int:
    """The offset in the text of an offset in its innermost decoded form."""
    for decoded, original in reversed(maps):
        part = bisect_right(decoded, at) - 1
        at = original[part] + at - decoded[part]
    return at


def _edited(text: str, edits: Iterable[Edit]) -> str:
    pieces, done = list[str](), 0
    for start, end, new in edits:
        pieces += text[done:start], new
        done = end
    return "".join(pieces) + text[done:]


def _decoded(inner: str) -> str:
    """The text of a JSON string, given without its quotes."""
    text: str = json.loads(f'"{inner}"', strict=False) if "\\" in inner else inner
    return text


def _encoded(text: str, like: str) -> str:
    """The inverse of `_decoded`. ASCII if the original is, because lone surrogates must be escaped."""
    return json.dumps(text, ensure_ascii="\\u" in like)[1:-1]
