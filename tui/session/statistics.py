"""The statistics of a run, or of one of its tasks with everything beneath it, at the position of a session."""

from collections.abc import Callable

from store.database.analysis import Scope, analyse, path_tasks
from store.database.moment import Moment
from store.database.statistics_queries import Progress
from store.model.phase import may_continue
from tui.models.forest import TOP
from tui.models.name import task_name
from tui.models.selection import Selection
from tui.models.statistics_rows import PATH_TASKS_SHOWN, StatisticsShown
from tui.text import clean


class SessionStatistics:
    """Reads the statistics of a session, and keeps the last ones. Each reading takes all spans of the run."""

    def __init__(self, moment: Moment, tree: Selection, now: Callable[[], float]) -> None:
        self._moment = moment
        self._tree = tree
        self._now = now
        self.task: int | None = None
        """Number of the task whose subtree is analysed; None: the whole run."""
        self.shown = StatisticsShown()
        """The statistics that were read last."""
        self._shown_state: object = None
        """`state` at that time; None: nothing was read yet."""
        self._task_id = ""
        """Id of the task; empty until it was read."""
        self._generation = -1
        """That of the run in which the task has its number."""

    def open(self) -> None:
        """Begin with the subtree in view, or with the run."""
        self._set_task(self._tree.root)

    def change_scope(self) -> None:
        """Switch from the run to a subtree, and back: to the subtree in view, else to that of the selected task."""
        tree = self._tree
        self._set_task(None if self.task is not None else tree.selected if tree.root is None else tree.root)

    def _set_task(self, task: int | None) -> None:
        self.task, self._task_id, self._generation = task, "", self._moment.row.generation

    async def find_task(self) -> None:
        """Find the task again after the run was rebuilt, in which it may have got another number. None: it is gone."""
        if self._generation != self._moment.row.generation:
            node_id = self._task_id
            found = await self._moment.numbers([node_id]) if self.task is not None and node_id else []
            self._set_task(found[0] if found else None)
            self._task_id = node_id if found else ""

    @property
    def state(self) -> object:
        """Equal as long as another reading would give the same. In a run that may continue, open spans last longer."""
        moment, now = self._moment, self._now()
        ages = moment.position is None and bool(moment.run.active) and may_continue(moment.run, now)
        return moment.row.generation, moment.run.events, self.task, int(now) if ages else None

    @property
    def scope(self) -> Scope:
        """The tasks that are analysed, at the position of the moment."""
        tree, horizon = self._tree, self._moment.horizon
        if self.task is not None and self.task >= horizon:  # it does not exist at the position, or the run was rebuilt
            self.task = None
        within = None if self.task is None else tree.beneath(self.task)
        return Scope(self._moment, tree.outline.parents[:horizon], within)

    @property
    def stale(self) -> bool:
        """Whether another reading would give other statistics."""
        return self.state != self._shown_state

    async def read(self, progress: Progress) -> None:
        """Read the statistics at the position. `progress` gets the part that is done. Raises RunChanged."""
        state, scope, task = self.state, self.scope, self.task
        name = await self._name(task)
        analysis = await analyse(self._moment, scope, self._now(), progress)
        tasks = await path_tasks(self._moment, analysis, PATH_TASKS_SHOWN)
        self.shown, self._shown_state = StatisticsShown(analysis.groups, analysis.path, tasks, name), state

    async def _name(self, task: int | None) -> str:
        if task is None:
            return ""
        outer = self._tree.outline.parents[task]
        nodes = await self._moment.nodes({task, outer} - {TOP})
        self._task_id, around = nodes[task].node_id, nodes.get(outer)
        return clean(task_name(nodes[task].nid, None if around is None else around.nid), 40)
