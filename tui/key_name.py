"""Names of keys as the screens show them. Pure."""

SHOWN_AS = {
    "question_mark": "?",
    "dollar_sign": "$",
    "plus": "+",
    "minus": "-",
    "equals_sign": "=",
    "backslash": "\\",
    "slash": "/",
    "colon": ":",
    "exclamation_mark": "!",
    "left_curly_bracket": "{",
    "right_curly_bracket": "}",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "comma": ",",
    "full_stop": ".",
    "less_than_sign": "<",
    "greater_than_sign": ">",
    "escape": "Esc",
    "pagedown": "PgDn",
    "pageup": "PgUp",
    "up": "↑",
    "down": "↓",
    "left": "←",
    "right": "→",
    "shift+tab": "Shift+Tab",
    "shift+left": "Shift+←",
    "shift+right": "Shift+→",
    "left_parenthesis": "(",
    "right_parenthesis": ")",
}
"""Label of a key, by Textual's name of it."""

ARROWS = frozenset(("up", "down", "left", "right"))


def key_names(keys: str, ascii_only: bool = False) -> str:
    """Labels of keys, such as `j ↓` for `j,down`."""
    return " ".join(_key_name(key, ascii_only) for key in keys.split(","))


def _key_name(key: str, ascii_only: bool) -> str:
    if ascii_only and (arrow := key.removeprefix("shift+")) in ARROWS:
        return key.replace("shift", "Shift").replace(arrow, arrow.capitalize())  # stand-ins of arrows are other keys
    if key in SHOWN_AS:
        return SHOWN_AS[key]
    if key.startswith("ctrl+"):
        return f"Ctrl+{key[5:].upper()}"
    return key if len(key) == 1 else key.capitalize()
