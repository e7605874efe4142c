"""The keys of the screen of a run."""

from collections.abc import Mapping
from dataclasses import replace

from textual.binding import ActiveBinding, Binding, BindingType

SEARCH_KEYS: list[BindingType] = [
    Binding("slash", "search", "Search", id="run.search", tooltip="Search the tree by goals, names and ids"),
    Binding("n", "hit(1)", "Next hit", id="run.hit", show=False, tooltip="To the next task that the search found"),
    Binding(
        "N",
        "hit(-1)",
        "Previous hit",
        id="run.hit-before",
        show=False,
        tooltip="To the previous task that the search found",
    ),
]

TRAVEL_KEYS: list[BindingType] = [
    Binding(
        "t",
        "travel",
        "Time travel",
        id="run.travel",
        tooltip="Time travel on, at the event under the cursor; or off",
    ),
    Binding("space", "play", "Play", id="travel.play", priority=True, tooltip="Play the run, or pause"),
    Binding("right_square_bracket", "step(1)", "Event", key_display="[ ]", id="travel.step", tooltip="One event forward"),
    Binding("left_square_bracket", "step(-1)", "Event before", id="travel.back", show=False, tooltip="One event back"),
    Binding(
        "full_stop",
        "edge(1)",
        "Task's step",
        key_display=", .",
        id="travel.edge",
        tooltip="To the task's next step or status",
    ),
    Binding(
        "comma",
        "edge(-1)",
        "Task's step before",
        id="travel.edge-back",
        show=False,
        tooltip="To the task's previous step or status",
    ),
    Binding("greater_than_sign", "speed(1)", "Faster", id="travel.faster", show=False, tooltip="Play faster"),
    Binding("less_than_sign", "speed(-1)", "Slower", id="travel.slower", show=False, tooltip="Play slower"),
    Binding(
        "T",
        "seek",
        "Go to",
        id="travel.seek",
        tooltip="To a time, a part or an event",
    ),
    Binding("home", "first", "First event", id="travel.first", show=False, priority=True, tooltip="To the first event"),
    Binding("end", "last", "Last event", id="travel.last", show=False, priority=True, tooltip="To the last event"),
    Binding("L", "live", "Now", id="travel.live", tooltip="Back to now"),
]

PANE_KEYS: list[BindingType] = [
    Binding("f", "follow", "Follow", id="run.follow", tooltip="Follow the task at work, on or off"),
    Binding("b", "scope", "Scope", id="run.scope", tooltip="Timeline of the task, its subtree, or the run"),
    Binding(
        "B",
        "bookkeeping",
        "Bookkeeping",
        id="run.bookkeeping",
        show=False,
        tooltip="Hide or show the events that repeat a plan",
    ),
    Binding("v", "raw", "Raw", id="run.raw", tooltip="The event as published, or formatted"),
    Binding("backslash", "filter", "Filter", id="run.filter", tooltip="Filter the timeline by words or types"),
    Binding("a", "next_active", "Next active", id="find.active", show=False, tooltip="To the next task at work"),
    Binding("e", "error(1)", "Next error", id="find.error", tooltip="To the next error, in the tree or in time"),
    Binding(
        "E",
        "error(-1)",
        "Previous error",
        id="find.error-before",
        show=False,
        tooltip="To the previous error, in the tree or in time",
    ),
    Binding("x", "errors", "Errors", id="run.errors", tooltip="List all errors of the run"),
    Binding("r", "next_runaway", "Next runaway", id="find.runaway", show=False, tooltip="To the next task that runs away"),
    Binding("5", "statistics", "Statistics", id="run.statistics", show=False, tooltip="What took the time and the money"),
    Binding(
        "right_curly_bracket",
        "alike(1)",
        "Next alike",
        id="find.alike",
        show=False,
        tooltip="To the next of the same kind",
    ),
    Binding(
        "left_curly_bracket",
        "alike(-1)",
        "Previous alike",
        id="find.alike-before",
        show=False,
        tooltip="To the previous of the same kind",
    ),
    Binding(
        "w", "waterfall", "Waterfall", id="run.waterfall", show=False, tooltip="What took the time: bars beside the tree"
    ),
    Binding("z", "zoom", "Zoom", id="pane.zoom", show=False, tooltip="Only the focused pane, or all again"),
    Binding(
        "right_parenthesis", "divide(1)", "More tree", id="pane.divider", show=False, tooltip="More space for the tree"
    ),
    Binding(
        "left_parenthesis",
        "divide(-1)",
        "Less tree",
        id="pane.divider-back",
        show=False,
        tooltip="Less space for the tree",
    ),
    Binding("2", "pane('tree')", "Tree", id="pane.tree", show=False, tooltip="To the tree"),
    Binding("3", "pane('timeline')", "Timeline", id="pane.timeline", show=False, tooltip="To the timeline"),
    Binding("4", "pane('inspector')", "Inspector", id="pane.inspector", show=False, tooltip="To the inspector"),
    Binding("tab", "next_pane(1)", "Next pane", id="pane.next", show=False, tooltip="To the next pane"),
    Binding("shift+tab", "next_pane(-1)", "Previous pane", id="pane.previous", show=False, tooltip="To the previous pane"),
]

TRAVEL_ACTIONS = ("step", "edge", "play", "speed", "first", "last", "live")
"""Actions that exist in time travel only. Their keys have other meanings outside it."""

TIMELINE_ACTIONS = ("scope", "bookkeeping", "raw")
"""Actions that change the timeline or the event only, which the waterfall hides."""


def in_key_line(active: Mapping[str, ActiveBinding], travelling: bool) -> dict[str, ActiveBinding]:
    """The bindings with `show` set as the line of keys needs it: in time travel only its own keys, which fill the line."""
    shown = ("travel.", "prompt.", "find.error", "app.help", "app.leave") if travelling else ("travel.",)
    return {
        key: one
        if not one.binding.show or (one.binding.id or "").startswith(shown) is travelling
        else one._replace(binding=replace(one.binding, show=False))
        for key, one in active.items()
    }
