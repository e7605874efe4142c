"""The first questions of a user of each screen, and their answers. `{id}` is the key of the binding with that id."""

RUN = (
    (
        "What is it doing now?",
        "▶ marks the tasks at work, and NOW has the call or step that each waits for. {find.active} goes to the next one.",
    ),
    (
        "Where is it stuck?",
        "Where NOW has the longest time. A run without an end opens on the task that it worked on last.",
    ),
    ("Why did it fail?", "A failed run opens on its error. {run.errors} lists all errors, {find.error} goes to the next."),
    (
        "What did it cost?",
        "TOTAL, TOKENS and COST of a task include everything beneath it. {tree.own}: of the task alone.",
    ),
    ("How did it get there?", "{run.travel} travels in time: {travel.step} goes an event on, {travel.play} plays the run."),
)
"""Of the screen of a run."""

RUNS = (
    ("What is running now?", "Live runs are at the top. {app.newest} opens the newest one and follows its work."),
    ("Why did a run fail?", "{row.open} opens a failed run on its error."),
    ("What did it cost?", "COST has the cost of each run, and {runs.sort} sorts by the next column."),
    ("Where is that run?", "{runs.filter} shows only runs with certain words in their goal, id or status."),
)
"""Of the list of runs."""
