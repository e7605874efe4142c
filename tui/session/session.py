"""What the user sees of one run: position, selection, scope, filter, search and following."""

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from store.database.failure import ending
from store.database.moment import Moment
from store.database.reader import Reader
from store.errors import RunUnknown
from store.model.phase import is_live, may_continue
from store.model.record import Failure
from store.model.state import Node, RunStatus
from store.model.target import Target
from tui.models import summary
from tui.models.forest import TOP
from tui.models.name import task_name
from tui.models.open_work import open_work
from tui.models.pair import as_one
from tui.models.selection import Selection
from tui.models.snapshot import EventCursor, Header, Highlight, Place, TreeNodes
from tui.session.arrangement import Arrangement
from tui.session.event_list import EventList, Scope
from tui.session.finder import Finder
from tui.session.picture import Picture
from tui.session.search import Search
from tui.session.travel import Travel


class Session:
    """One run as the user looks at it. Every screen on the run shares it, so that all show the same position.

    `refresh` brings the run and the shape of its tree up to the position; `read` gives what the panes draw there. Both
    must be called within one read transaction. All other changes are made at once, and are shown by the next picture.
    """

    def __init__(
        self,
        reader: Reader,
        run_id: str,
        clock: Callable[[], float],
        follow: bool = False,
        node_id: str | None = None,
    ) -> None:
        """`node_id`: the node that is selected first."""
        self.moment = moment = Moment(reader, run_id)
        """The run at the position. Its contents exist once `opened`."""
        self.opened = False
        """Whether the run was read."""
        self.deleted = False
        """Whether the run was deleted since. Its last picture stays."""
        self.follow = follow
        """Whether the node at work is selected; in time travel, the node that the event at the position is about."""
        self.travel = Travel()
        self.tree = tree = Selection()
        self.events = EventList(moment, tree)
        self.finder = Finder(moment, tree)
        self.search = Search(moment, tree)
        self._arrangement = Arrangement(moment, tree)
        self._first = node_id
        self.node: Node | None = None
        """The node that was selected in the last picture."""
        self.node_number: int | None = None
        """Its number."""
        self._nodes: Mapping[int, Node] = {}
        """The nodes of the last picture."""
        self._clock = clock
        self._status: str | None = None
        """Status of the run as stored, regardless of the position, when the last picture was read."""
        self._highlight: Highlight | None = None
        self._follow_after = False
        """Whether to follow when time travel ends."""
        self._scope_after: Scope = "node"
        """Scope when time travel ends."""
        self._interrupted = False
        """Whether the run was interrupted at the last `ages`."""

    # Reading

    async def open(self) -> None:
        """Read the run, or read it again after it was rebuilt. A selected node that still exists stays selected.

        Raises RunUnknown.
        """
        before = self._nodes.get(-1 if self.tree.selected is None else self.tree.selected, self.node)
        parents = await self.moment.load()
        self.tree.load(parents, self.moment.shape.executions)
        self.events.forget()
        await self.search.refresh()
        self.travel.axis = None
        selected = self._first if before is None else before.node_id
        again = [] if selected is None else await self.moment.numbers([selected])
        if again:
            self.tree.select(again[0])
        elif not self.opened and not self.follow:
            await self._select_first()
        self.opened = True

    async def select_failure(self) -> bool:
        """Select the task and the event with which a run failed, or ended with unfinished tasks. False: it did neither."""
        found = await ending(self.moment, self._clock())
        if found is not None:
            self.show_failure(found.failure, found.node)
        return found is not None

    async def _select_first(self) -> None:
        """Select why a run failed; in a run without an end, the task at work, or the one with the last event."""
        moment = self.moment
        if await self.select_failure() or moment.run.status != RunStatus.RUNNING:
            return
        working = await moment.numbers(moment.run.working[-1:])
        last = await moment.queries.events(moment.end, moment.end)
        target = working or moment.shape.numbers([one.node for one in last if one.node is not None])
        if target:
            self.tree.select(target[0])
            self.events.aim(moment.end)  # keys may have changed scope and filter already

    def show_failure(self, failure: Failure, node: int | None) -> None:
        """Select a task by its key, and put the timeline's cursor on an error, see `show_event`."""
        self.show_event(failure.position, node, failure.node == node)

    def show_event(self, position: int, node: int | None, of_task: bool = True) -> None:
        """Select a task by its key, and put the timeline's cursor on an event. `of_task`: whether the event is of the task.

        The timeline has the events of the task, or those of the run if it did before or if the event is not of the task.
        """
        number = None if node is None else next(iter(self.moment.shape.numbers([node])), None)
        self.tree.select(number)
        self.follow = False
        of_node = number is not None and of_task and self.events.scope != "run"
        self.events.go_to(position, "node" if of_node else "run")

    async def refresh(self) -> bool:
        """Bring the run and the shape of its tree to the position. Returns whether the run was rebuilt.

        Raises RunChanged when the run is rebuilt meanwhile; another call succeeds. When the run was deleted, sets `deleted`
        and raises RunUnknown.
        """
        moment, rebuilt = self.moment, False
        moment.seek(self.travel.position)
        try:
            while (changes := await moment.refresh()) is None:
                await self.open()
                rebuilt = True
                if self.travel.position is not None and self.travel.position > moment.end:
                    self.travel.seek(moment.end)
        except RunUnknown:
            self.deleted = True
            raise
        executions = moment.shape.executions
        further = executions[bisect_left(executions, self.tree.outline.total) :]
        self.tree.place(changes.parents, changes.moves, moment.horizon, further)
        if changes.moves:
            self.search.reorder()
            self.events.regroup([node for node, _ in changes.moves])
        return rebuilt

    async def follow_work(self) -> bool:
        """Select the node that is followed, if any. Returns whether another node is selected now."""
        moment, self._highlight = self.moment, None
        target: Sequence[int] = ()
        if moment.position is not None:
            for stored in await moment.queries.events(moment.position, moment.position):
                target = [] if stored.node is None else moment.shape.numbers([stored.node])
                target = [*map(self.tree.shown_as, target)]
                self._highlight = Highlight(target[0], stored) if target else None
        elif self.follow:
            target = [*map(self.tree.shown_as, await moment.numbers(moment.run.working[-1:]))]
        return bool(self.follow and target) and target[0] != self.tree.selected and self.tree.select(target[0])

    async def arrange(self, rows: Callable[[], range]) -> None:
        """Sort the children of the nodes in view. `rows`: see `Arrangement.sort`."""
        if await self._arrangement.sort(rows, lambda: self.now):
            self.search.reorder()

    async def read(self, wanted: Sequence[int], cursor: Callable[[], EventCursor]) -> Picture:
        """What the panes draw. `wanted`: numbers of the nodes on the screen; `cursor`: gives the timeline's cursor."""
        moment = self.moment
        playback = await self.travel.playback(moment, self._clock()) if self.travel.active else None
        working = await moment.numbers(moment.run.working)
        outer = self.tree.outline.parents
        self._nodes = nodes = await moment.nodes({*wanted, *working, *(outer[node] for node in wanted)} - {TOP})
        now, events = self.now, None
        selected, execution = self.tree.selected, self.tree.execution
        if selected is None or selected in nodes:  # another node may have been selected meanwhile
            self.node_number = selected
            self.node = (
                None if selected is None else as_one(nodes[selected], nodes.get(-1 if execution is None else execution))
            )
            at_end = is_live(moment.run, now) or self.travel.active
            events = await self.events.read(self.node, at_end, cursor)
        before, self._status = self._status, moment.row.run.status
        return Picture(
            TreeNodes(
                nodes,
                now,
                self._highlight,
                open_work(self.tree.outline, working, nodes, now),
                active=may_continue(moment.run, now if self.travel.active else self._clock()),
                priced=moment.run.cost is not None,
                names={node: self._name(node) for node in wanted if node in nodes},
            ),
            self.header(),
            playback,
            events,
            ended=not self.travel.active and before == RunStatus.RUNNING != moment.row.run.status,
            complete=events is not None and self.events.complete,
        )

    def _name(self, node: int) -> str:
        """The name of a node of the last picture."""
        outer = self._nodes.get(self.tree.outline.parents[node])
        return task_name(self._nodes[node].nid, None if outer is None else outer.nid)

    @property
    def name(self) -> str:
        """The name of the selected node in the last picture."""
        number = self.node_number
        return "" if number is None or number not in self._nodes else self._name(number)

    def header(self) -> Header:
        """The run as the header shows it. Ends following when the run has ended."""
        run, travelling = self.moment.run, self.travel.active
        now = self.now if travelling else self._clock()
        if run.status != RunStatus.RUNNING and not travelling:
            self.follow = False
        place: Place = "stored"
        if self.deleted:
            place = "deleted"
        elif travelling:
            place = "past"
        elif is_live(run, now):
            place = "following" if self.follow else "live"
        return Header(run, now, place, self.moment.row.gaps)

    @property
    def now(self) -> float:
        """Time up to which open spans have lasted: now, or the run's last event at the position.

        The last event counts in time travel and in a run that will not continue.
        """
        run, now = self.moment.run, self._clock()
        return (run.latest or now) if self.travel.active else summary.measured_to(run, now)

    @property
    def pending_events(self) -> object:
        """Identity, as in `EventRows`, of an event list that is still to be read; None if there is none.

        An empty tuple until the run is read.
        """
        if not self.opened:
            return ()
        return None if self.deleted or self.events.settled else self.events.wanted

    def ages(self) -> bool:
        """Whether to read another picture after a second without new events.

        In time travel: whether the axis ends before the run. Otherwise: whether the run may continue, so that durations
        grow, or whether it was interrupted since the last call.
        """
        if not self.opened:
            return False
        axis, run = self.travel.axis, self.moment.run
        if self.travel.active:
            return axis is not None and axis.total < self.moment.end
        if run.status != RunStatus.RUNNING:
            return False
        before, self._interrupted = self._interrupted, not may_continue(run, self._clock())
        return not (before and self._interrupted)

    # Time travel

    def seek(self, position: int | None) -> None:
        """Move to a position, clamped to the run; None ends time travel.

        Entering time travel sets the scope to the run, and follows the node of each event until the user moves the
        selection.
        """
        if position is None and self.travel.active:
            self.follow, self.events.scope = self._follow_after, self._scope_after
        elif position is not None and not self.travel.active:
            self._follow_after, self.follow = self.follow, True
            self._scope_after, self.events.scope = self.events.scope, "run"
        self.travel.seek(None if position is None else max(0, min(position, self.moment.end)))

    def step(self, step: int) -> None:
        """Move by events."""
        if self.travel.position is not None:
            self.seek(self.travel.position + step)

    async def step_of_node(self, step: int) -> bool:
        """Move to the next step or status of the selected node, or to the previous one (`step` -1).

        Returns False if there is none.
        """
        selected, here = self.tree.selected, self.travel.position
        if selected is None or here is None:
            return False
        nodes = [selected] if self.tree.execution is None else [selected, self.tree.execution]
        found = [await self.moment.queries.boundary(self.moment.shape.keys[node], here, step) for node in nodes]
        positions = [position for position in found if position is not None]
        return self._seek_if_found((min if step > 0 else max)(positions, default=None))

    async def resolve(self, target: Target) -> int:
        """Position of a target. Relative targets count from the present position."""
        here = self.moment.end if self.travel.position is None else self.travel.position
        return await self.travel.resolve(self.moment, target, here)

    def play_or_pause(self) -> None:
        """Start playing, at the end of the run from its beginning; or stop."""
        if self.travel.playing:
            self.travel.pause()
            return
        if self.travel.position == self.moment.end:
            self.travel.seek(0)
        self.travel.play()

    async def next_in_time(self, what: Literal["failed", "alike"], step: int) -> bool:
        """Move to the next event with an error (`failed`) or with the type of the present event (`alike`).

        `step` -1: to the previous one. Returns False if there is none.
        """
        file, here = self.moment.queries, self.travel.position or 0
        return self._seek_if_found(await (file.failed(here, step) if what == "failed" else file.alike(here, step)))

    def _seek_if_found(self, position: int | None) -> bool:
        if position is not None:
            self.seek(position)
        return position is not None
