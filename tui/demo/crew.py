"""A simulated agent whose branches run at once. It uses the client of real agents, so its events have their form.

A root plans a round of branches, waits for all of them, and plans the next round. A branch searches, writes, or leads
branches of its own. The roots of several items run at once, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from random import Random

from tui.demo.concurrency import Loop, in_thread, pause, together
from tui.demo.plan import Task
from tui.demo.priced_call import Client, PricedCaller
from tui.demo.scenario import Scenario
from tui.demo.subject import Subject
from tui.demo.text import Author
from tui.demo.topic import Topic
from tui.demo.wire import Published, Wire

LEAD_SHARE, WRITER_SHARE = 0.25, 0.4
"""Share of branches that lead others, and of the other branches that write instead of search."""

FAILS_AFTER, HANGS_FOR = 0.2, 4.0
"""Duration of the search that ends a branch with an error, and of a search in a thread, as multiples of the mean. The first
ends before all others, the second after them."""

TRACE = """Traceback (most recent call last):
  File "agent/crew.py", line 88, in run
    async with asyncio.TaskGroup() as group:
  File "agent/crew.py", line 141, in search
    raise BranchError(message)"""
"""Stack trace of a failed run, without its last line."""


class BranchError(Exception):
    """A branch failed, and with it its root."""


@dataclass(frozen=True, slots=True)
class Branch:
    """A task, and the tasks of its own branches."""

    task: Task
    inner: list[Branch] = field(default_factory=list)


class Crew:
    """One run."""

    def __init__(self, scenario: Scenario, topic: Topic, goals: Author) -> None:
        self._scenario = scenario
        self._pace = scenario.pace
        self._topic = topic
        self._goals = goals
        self._texts = Author(topic, Random(f"{scenario.seed}/texts"), lean=scenario.text_bytes is not None)
        self._luck = Random(f"{scenario.seed}/luck")
        self._wire = Wire(Random(f"{scenario.seed}/wire"), scenario.start, "G5", scenario.text_bytes)
        self._run = Client(self._wire)
        self._calls = PricedCaller(scenario, topic, self._run, self._wire, self._texts, self._luck)
        self._killed = False

    def events(self) -> Iterator[Published]:
        """All events of the run. Some may follow its end."""
        for _ in Loop(self._wire).run(self._agent):
            while self._run.published:
                yield self._run.published.popleft()
            if self._killed:
                return

    # -- the run and its roots -----------------------------------------------------------------------------------------

    async def _agent(self) -> None:
        scenario, run = self._scenario, self._run
        asks = [self._goals.ask(item) for item in range(scenario.items)]
        config = {"model": scenario.model, "branches": scenario.branches}
        run.run_started({"requests": asks}, config, timestamp_utc=f"{self._wire.now().isoformat()}Z")
        try:
            await together(*(partial(self._item, item, ask) for item, ask in enumerate(asks)))
        except BranchError as error:
            run.run_error(str(error), error_type="BranchError", stack_trace=f"{TRACE}\nBranchError: {error}")
        else:
            run.run_finished()

    async def _item(self, item: int, ask: str) -> None:
        doomed = self._scenario.ending != "finished" and item == self._scenario.items // 2
        try:
            await self._root(item, ask, doomed=doomed)
        except BranchError:
            if self._scenario.ending == "failed":
                raise

    async def _root(self, item: int, ask: str, *, doomed: bool) -> None:
        """Rounds of branches. In a doomed item, a branch fails about halfway."""
        run, items = self._run, self._scenario.items
        width = max(1, self._scenario.branches // items + (item < self._scenario.branches % items))
        left = max(1, round(self._scenario.nodes / items) - 1)
        task = Task("", "COMPOSITION", ask, Subject.of(self._topic), length="one page")
        root = run.node_created(ask, None, task_type=task.task_type)
        parts, halfway = enumerate(task.subject.parts(left), 1), left // 2
        while left > 0:
            branches = self._branches(task.subject, parts, width, left)
            left -= sum(1 + len(branch.inner) for branch in branches)
            with run.step(root, "plan") as step:
                nodes = await self._plan(task, branches)
                step.status_after = "DOING"
            with run.step(root) as step:
                starts = [partial(self._work, branch, node) for branch, node in zip(branches, nodes, strict=True)]
                if doomed and left <= halfway:
                    acts = self._fail, self._work, self._work_in_thread, self._search_in_thread
                    starts[:4] = map(partial, acts, branches, nodes)
                await together(*starts)
                step.status_after = "DOING"
        with run.step(root, "final_aggregate") as step:
            step.result = await self._calls.ask(
                "write", task, partial(self._texts.article, task.subject.title, task.brief())
            )

    def _branches(self, outer: Subject, parts: Iterator[tuple[int, Subject]], width: int, left: int) -> list[Branch]:
        """The branches of a round: at most `left` nodes, and at most `width` nodes without inner ones."""
        branches: list[Branch] = []
        while width > 0 and left > 0:
            number, subject = next(parts)
            inner = 0
            if width > 1 and left > 2 and self._luck.random() < LEAD_SHARE:
                inner = min(width, left - 1, 2 + int(2 * self._luck.random()))
            branches.append(self._branch(f"{number}", subject, outer, inner))
            width, left = width - max(1, inner), left - 1 - inner
        return branches

    def _branch(self, nid: str, subject: Subject, outer: Subject, inner: int = 0) -> Branch:
        """A branch about a part of a subject. It leads `inner` others."""
        if not inner and self._luck.random() >= WRITER_SHARE:
            return Branch(Task(nid, "RETRIEVAL", self._goals.search_goal(subject, 0), subject))
        task = Task(nid, "COMPOSITION", self._goals.write_goal(subject, outer), subject, length="one page")
        parts = enumerate(subject.parts(inner), 1) if inner else ()
        return Branch(task, [self._branch(f"{nid}.{number}", part, subject) for number, part in parts])

    async def _plan(self, task: Task, branches: list[Branch]) -> list[str]:
        """Plan the branches of the node of the current step; returns their nodes."""
        run, raw = self._run, [branch.task.raw() for branch in branches]
        owner = run.current_node_id
        assert owner is not None, "a plan is made in a step"
        await self._calls.ask("plan", task, partial(self._texts.plan, task.brief(), raw))
        run.plan_received(owner, raw)
        nodes = [
            run.node_created(
                branch.task.goal,
                node_nid=branch.task.nid,
                node_type="PLAN_NODE" if branch.inner else "EXECUTE_NODE",
                task_type=branch.task.task_type,
            )
            for branch in branches
        ]
        run.inner_graph_built(owner, nodes)
        return nodes

    # -- branches ------------------------------------------------------------------------------------------------------

    async def _work(self, branch: Branch, node: str) -> None:
        """Lead the inner branches, search, or write."""
        task, texts = branch.task, self._texts
        async with self._run.step(node) as step:
            if branch.inner:
                nodes = await self._plan(task, branch.inner)
                await together(*(partial(self._work, *each) for each in zip(branch.inner, nodes, strict=True)))
                step.result = await self._calls.ask("merge", task, partial(texts.notes, task.brief()))
            elif task.task_type == "RETRIEVAL":
                turns = range(2 + int(3 * self._luck.random()))
                await together(*(partial(self._calls.search, task, turn) for turn in turns))
                step.result = await self._calls.ask("merge", task, partial(texts.notes, task.brief()))
            else:
                await self._calls.ask("think", task, partial(texts.notes, task.brief()))
                step.result = await self._calls.ask("write", task, partial(texts.article, task.subject.title, task.brief()))

    async def _fail(self, branch: Branch, node: str) -> None:
        """Fail, while the other branches work."""
        run, texts = self._run, self._texts
        async with run.step(node), run.tool_call("WebSearch", texts.search(branch.task.goal, 0), tries=3):
            await pause(round(1_000_000 * FAILS_AFTER * self._pace.search))
            if self._scenario.ending == "killed":
                self._killed = True
                await pause(0)
            raise BranchError(f"no result after 3 tries: {texts.tool_fault()[1]}")

    async def _work_in_thread(self, branch: Branch, node: str) -> None:
        """Work that cannot be cancelled: the step may end after that of its parent."""

        async def work() -> None:
            with self._run.step(node):
                await self._calls.search(branch.task, 0, HANGS_FOR)

        await in_thread(work)

    async def _search_in_thread(self, branch: Branch, node: str) -> None:
        """A search that cannot be cancelled: it may end after its step."""
        async with self._run.step(node):
            await in_thread(partial(self._calls.search, branch.task, 0, HANGS_FOR))
