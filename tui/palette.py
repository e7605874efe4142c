"""Colours of the dark and the light theme."""

from textual.theme import Theme

DARK = Theme(
    name="treetop-dark",
    primary="#7aa2f7",
    secondary="#5b6b8c",
    accent="#ff9e64",
    success="#8fc97f",
    warning="#e0af68",
    error="#f7768e",
    foreground="#c8d0e4",
    background="#13151d",
    surface="#1a1d28",
    panel="#262b3b",
    dark=True,
    variables={
        "kind-think": "#bb9af7",
        "kind-search": "#5fc9d8",
        "kind-write": "#7aa2f7",
        "critical": "#e8d26c",
        "row-cursor": "#2b3350",
        "row-cursor-blurred": "#20242f",
        "footer-background": "#1a1d28",
        "footer-key-foreground": "#7aa2f7",
        "border": "#7aa2f7",
        "border-blurred": "#39415a",
        "scrollbar": "#39415a",
        "scrollbar-background": "#171a23",
        "scrollbar-corner-color": "#171a23",
    },
)

LIGHT = Theme(
    name="treetop-light",
    primary="#2456b8",
    secondary="#5c6b85",
    accent="#a54108",
    success="#256d25",
    warning="#825500",
    error="#b8193b",
    foreground="#23283a",
    background="#f7f6f2",
    surface="#efede6",
    panel="#dedcd2",
    dark=False,
    variables={
        "kind-think": "#7a3fb0",
        "kind-search": "#0b6475",
        "kind-write": "#2456b8",
        "critical": "#8a2f8f",
        "row-cursor": "#dae2f5",
        "row-cursor-blurred": "#e7e5dd",
        "footer-background": "#efede6",
        "footer-key-foreground": "#2456b8",
        "border": "#2456b8",
        "border-blurred": "#c6c3b6",
        "scrollbar": "#c6c3b6",
        "scrollbar-background": "#efede6",
        "scrollbar-corner-color": "#efede6",
    },
)

DEFAULT_VARIABLES = {
    name: value for name, value in DARK.variables.items() if name.startswith(("critical", "kind-", "row-"))
}
"""Variables that Textual's own themes lack."""
