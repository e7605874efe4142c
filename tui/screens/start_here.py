"""The first questions of a user of each screen, and their answers. `{id}` is the key of the binding with that id."""

RUN = (
    ("What is it doing now?", "The tasks marked ▶. {find.active} goes to the next one."),
    ("Where is it stuck?", "Where NOW has the longest time. {run.waterfall}: the waterfall."),
    ("Why did it fail?", "{run.errors} lists all errors, {find.error} goes to the next."),
    ("What did it cost?", "COST includes all beneath; {tree.own}: the task alone."),
    ("How did it get there?", "{run.travel} travels in time, {travel.play} plays the run."),
)
"""Questions on the screen of a run."""

RUNS = (
    ("What is running now?", "The first rows. {app.newest} follows the newest run."),
    ("Where is it stuck?", "{runs.now} lists what all live runs do, late calls first."),
    ("Why did a run fail?", "{row.open} opens a failed run on its error."),
    ("What did it cost?", "COST; {runs.sort} sorts by the next column."),
    ("Where is that run?", "{runs.filter} filters by words, id or status."),
)
"""Questions on the list of runs."""
