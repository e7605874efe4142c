"""Texts of agents, sanitised for a terminal."""

import subprocess
import sys
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len, get_character_cell_size

from tui.text import clean, clean_lines

AMBIGUOUS = "\ufe0e\ufe0f\u20e3\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff"
"""Emoji modifiers about whose width terminals disagree."""

FILLERS = "\u3164\uffa0\u115f\u1160"
"""Blank letters."""

UNSAFE = "\x00\t\n\r\x1b\x7f\x85\x9b\xad\u061c\u200b\u200d\u2028\u202e\u2066\ufeff\ud800\udfff\U000e0041 "
any_text = st.text(st.characters() | st.sampled_from(UNSAFE), max_size=60)


def is_sanitised(character: str) -> bool:
    return unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Zl", "Zp") and character not in AMBIGUOUS + FILLERS


@pytest.mark.parametrize(
    "text",
    [
        "Write chapter 2, then check the citations [/] [@click=app.quit]",
        "Écrire le deuxième chapitre — vérifier",
        "東京の　天気を調べる",
        "한국어 보고서",
        "e\u0301 cafe\u0301 Việt Nam",
        "नमस्ते सुनिया",
        "שלום עולם",
        "✓ 🚀 done 🇫🇷",
        "\ue0b0 icons \uf015",
        "10\u00a0000",
    ],
)
def test_ordinary_text_is_unchanged(text: str) -> None:
    assert clean(text) == text
    assert clean_lines(text) == [text]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b]2;owned\x07", "␛]2;owned␇"),
        ("\x00 and \x7f", "␀ and ␡"),
        ("\x9b2J", "�2J"),
        ("user\u202etxt.exe", "user�txt.exe"),
        ("half a pair \ud83d", "half a pair �"),
        ("  first\r\nsecond\n\n\tthird\u2028", "first second third"),
        ("zero\u200bwidth \ufeffsoft\xadhyphen", "zerowidth softhyphen"),
        ("❤\ufe0f 👍🏽 1\ufe0f\u20e3", "❤ 👍 1"),
        ("👩\u200d👧", "👩👧"),
        ("tag\U000e0041\U000e007f", "tag��"),
        ("\u3164", "�"),
        (" \u200d \u200d ", ""),
        ("", ""),
    ],
)
def test_control_characters_are_replaced_by_symbols(text: str, shown: str) -> None:
    assert clean(text) == shown


def test_a_long_line_is_cut() -> None:
    assert clean("x" * 300) == "x" * 300
    assert clean("x" * 301) == "x" * 299 + "…"
    assert clean("word " * 1000, limit=11) == "word word…"
    assert clean("xyz", limit=1) == "…"
    assert clean("xyz", limit=0) == ""


def test_lines_keep_their_indentation() -> None:
    assert clean_lines("def f():\r\n    return 1\n\n") == ["def f():", "    return 1", ""]
    assert clean_lines("one\rtwo\x85three\x0cfour\u2029five") == ["one", "two", "three", "four", "five"]
    assert clean_lines("a  b \n\x1b[1mc") == ["a  b ", "␛[1mc"]
    assert clean_lines("") == []


def test_tab_stops_are_four_cells_apart() -> None:
    assert clean_lines("\tx\ta\tabcd\te") == ["    x   a   abcd    e"]
    assert clean_lines("東\tx\ne\u0301\tx\n\u200d\tx") == ["東  x", "e\u0301   x", "    x"]


def test_a_cut_text_shows_the_missing_length() -> None:
    assert clean_lines("12345\n" * 2000, limit=15) == ["12345", "12345", "123", "… cut: 15 of 12,000 characters shown"]
    assert clean_lines("12345", limit=5) == ["12345"]


def test_exactly_the_unsafe_characters_are_replaced() -> None:
    """The table of unsafe characters contains all of them, and no visible character."""
    everything = [chr(code) for code in range(sys.maxunicode + 1)]
    shown = clean("x".join(everything), limit=3 * len(everything))
    assert all(map(is_sanitised, shown))
    for character in everything:
        if is_sanitised(character) and character != " " and unicodedata.category(character) != "Cn":
            assert clean(character) == character


@settings(deadline=None, max_examples=500)
@given(text=any_text, limit=st.integers(0, 40))
def test_a_sanitised_line_is_safe_short_and_stable(text: str, limit: int) -> None:
    shown = clean(text, limit)
    assert len(shown) <= limit
    assert all(map(is_sanitised, shown))
    assert "  " not in shown
    assert shown == shown.strip(" ")
    assert clean(shown, limit) == shown
    assert cell_len(shown) == sum(map(get_character_cell_size, shown))
    shown.encode()


@settings(deadline=None, max_examples=500)
@given(text=any_text, limit=st.integers(0, 80))
def test_sanitised_lines_are_safe_and_stable(text: str, limit: int) -> None:
    shown = clean_lines(text, limit)
    for line in shown:
        assert all(map(is_sanitised, line))
        assert cell_len(line) == sum(map(get_character_cell_size, line))
    assert clean_lines("".join(line + "\n" for line in shown)) == shown


def test_text_is_cleaned_without_loading_the_screens() -> None:
    program = "import sys, tui.text; sys.exit('textual' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
