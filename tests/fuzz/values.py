"""Values of hostile entries."""

ESCAPES = (
    *("\x1b]2;PWNED\x07", "\x1b[2J\x1b[H", "\x1b]52;c;cm0gLXJm\x07", "\x9b31m", "\x1bP+q\x1b\\", "\x07\x08\x0c\r\n\t\x0b"),
    *("[/]", "[bold red]", "[@click=app.quit]quit[/]", "[link=file:///etc/passwd]x[/link]", "[", "\\[", "{0}", "%s", "$x"),
    *("\u202eevil\u202c", "\u2066\u2067\u2069", "\u200b\u200d\ufeff", "\U000e0041\U000e007f", "\u115f\u3164", "\x00"),
    *("a\x00b", "\x7f\x80\x85\x9f", "\u2028\u2029", "\ufffe\uffff", "👍🏽❤️👨\u200d👩\u200d👧", "e\u0301" * 50),
    *("\u0301" * 300, "漢字" * 200, "ﷺ" * 40, "  ", "\n\n\n"),
)
"""Texts that affect terminals, markup or layouts."""

NUMBERS = (
    *(
        "NaN",
        "Infinity",
        "-Infinity",
        "1e999",
        "-1e999",
        "-0",
        "-0.0",
        "1e-400",
        "0.1e1",
        "01",
        "+1",
        ".5",
        "0x10",
        "1_000",
    ),
    *(str(2**31), str(2**53 + 1), str(2**63 - 1), str(2**63), str(-(2**63) - 1), str(2**64)),
    *("1" * 400, "1" * 4_300, "1" * 4_301, "9" * 10_000),
)
"""Numbers as written in JSON; many are malformed."""

VALUES: tuple[str, ...] = (
    *NUMBERS,
    *("null", "true", "false", "0", "1", "-1", "1.5", '""', '" "', '"0"', '"x"', '"UNKNOWN"', '"null"', '"\\u0000"'),
    *("[]", "{}", "[[]]", '[""]', "[null]", "[1]", '["a","a"]', '{"a":1}', '"\\ud800"', '"\\udc00\\ud800"'),
    '"' + "y" * 5_000 + '"',
)
"""Wrong values of a field, as written in JSON; some are malformed."""

TIMES = (
    *("", "now", "2025-04-22T17:25:11.434487Z", "2025-04-22T17:25:11+00:00Z", "2025-04-22", "1745342735", "\x1b[2J"),
    *("0000-00-00T00:00:00Z", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "2025-13-45T99:99:99Z"),
    *("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59-14:00", "2025-04-22T17:25:11.4344871234567Z"),
    "２０２５-04-22T17:25:11Z",
)
"""Timestamps."""
