"""A run while events are folded into it: its nodes and edges, and the operations that keep tree and counters consistent."""

from collections.abc import Iterator, MutableMapping

from msgspec.structs import replace

from store.model.alarm import check_place, count_child
from store.model.change import Change, Move, Transition
from store.model.facts import Id
from store.model.price import Price
from store.model.span import Span
from store.model.state import Edge, EdgeKey, Node, Run, RunState, RunStatus, Status, Sums, Work


class Accumulator:
    """Mutable accumulator for incremental folding. Mappings are updated in place.

    Records are replaced by copies in each `advance`, so records that a caller took before it never change. `nodes` and
    `edges` may be mappings that load values on demand: only the values that events touch are read.
    """

    def __init__(self, run: Run, nodes: MutableMapping[str, Node], edges: MutableMapping[EdgeKey, Edge]) -> None:
        self.run: Run = run
        self.nodes = nodes
        self.edges = edges
        self.change = Change()
        self.latest_before: float | None = None
        """`Run.latest` before the current event."""
        self.price: Price | None = None
        """`Event.price` of the current event."""
        self.active: dict[str | None, Work] = {work.node_id: work for work in run.active}
        """`Run.active` by node, in its order. An event changes it at a cost that does not depend on its size."""

    @classmethod
    def of(cls, state: RunState) -> "Accumulator":
        """An accumulator that continues from a state, which stays as it is."""
        return cls(state.run, dict(state.nodes), dict(state.edges))

    @property
    def state(self) -> RunState:
        """The current state. Needs mappings that hold the whole run."""
        return RunState(self.run, dict(self.nodes), dict(self.edges))

    def begin(self) -> None:
        """Begin a new `change`."""
        self.change = Change()
        self.run = replace(self.run)

    def end(self) -> None:
        """End the change."""
        self.run.active = tuple(self.active.values())

    def node(self, node_id: str) -> Node:
        """The copy of a node that belongs to this change. Creates a placeholder if the node does not exist."""
        node = self.change.nodes.get(node_id)
        if node is None:
            known = self.nodes.get(node_id)
            if known is None:
                node = Node(node_id, born=self.run.events)
                self.run.nodes += 1
                self.change.born.append(node_id)
            else:
                node = replace(known)  # a copy, at a fraction of the cost of `copy.copy`
                if node.beneath is not None:
                    node.beneath = replace(node.beneath)
            self.nodes[node_id] = self.change.nodes[node_id] = node
        return node

    def put_span(self, span: Span) -> None:
        """Record a new or changed span."""
        self.change.spans[span.born] = span

    def stepping(self) -> Iterator[Node]:
        """The nodes whose step is open, the one with the latest event last."""
        for node_id in self.active:
            if node_id is not None:
                node = self.nodes[node_id]
                if node.step is not None and node.step.open:
                    yield node

    def update_active(self, holder: Node | Run) -> None:
        """Update `active` after a step or call of a node, or a call of the run, began or ended."""
        node_id, work = holder.node_id if isinstance(holder, Node) else None, holder.work
        self.active.pop(node_id, None)
        if work is not None:
            self.active[node_id] = work

    def raise_active(self, node_id: str) -> None:
        """Make a working node the last of `active`: it published the latest event."""
        if node_id in self.active:
            self.active[node_id] = self.active.pop(node_id)

    def add_busy(self, node: Node, seconds: float) -> None:
        """Add to the seconds in ended steps of a node. A step that counts as ended after all subtracts from them."""
        node.busy += seconds
        self.run.busy += seconds
        for sums in self.above(node):
            sums.seconds += seconds

    def above(self, node: Node) -> Iterator[Sums]:
        """`Node.beneath` of each node above a node, the nearest first."""
        outer = node.outer
        while outer is not None:
            node = self.node(outer)
            sums = node.beneath
            if sums is None:
                sums = node.beneath = Sums()
            yield sums
            outer = node.outer

    def add_problem(self, node: Node) -> None:
        """Record the position of the node's first error or aborted step."""
        if node.troubled is None:
            node.troubled = self.run.events

    # Status and goal

    def set_status(self, node: Node, status: str | None, time: float) -> None:
        """Change the status of a node. A run without run_started ends when all of its roots are finished."""
        if not status or status == node.status:
            return
        self.change.transitions[self.run.events] = Transition(node.node_id, node.status, status)
        finished = (status == Status.FINISH) - (node.status == Status.FINISH)
        self.run.finished += finished
        node.status = status
        node.finished = time if status in (Status.FINISH, Status.FAILED) else None
        if node.root != node.node_id:
            return
        self.run.unfinished_roots -= finished
        if not self.run.began and not self.run.unfinished_roots:  # older agents publish no run_finished
            self.run.status, self.run.ended = RunStatus.COMPLETED, time

    def set_latest_goal(self, node: Node, goal: str | None) -> None:
        """Set the current goal of a node."""
        if goal:
            node.latest_goal = goal if goal != node.goal else None
            self.update_run_goal(node)

    def update_run_goal(self, node: Node) -> None:
        """Copy the goal of the first root to the run."""
        if node.node_id == self.run.root:
            self.run.goal = node.goal or node.latest_goal

    # The tree

    def make_root(self, node_id: str) -> None:
        """Make a node a root. A root has no parent."""
        node = self.node(node_id)
        if node.root != node_id:
            node.root, node.loop = node_id, None
            if node.outer is not None:  # a graph named the root as one of its nodes
                self._move(node, None)
            self.run.root = self.run.root or node_id
            self.run.roots += 1
            self.run.unfinished_roots += node.status != Status.FINISH
            self.update_run_goal(node)

    def set_root(self, node: Node, root_id: Id) -> None:
        """Set the root of a node, unless the node is a root itself."""
        if root_id and node.node_id not in (node.root, root_id):
            node.root = str(root_id)

    def set_parent(self, node: Node, parent_id: Id) -> None:
        """Set the parent of a node. A parent that lies beneath the node is only recorded as `loop`."""
        if not parent_id or node.outer == str(parent_id):
            return
        parent = self.node(str(parent_id))
        if parent is node or (node.children and self._is_beneath(parent, node)):
            node.loop = parent.node_id
            return
        self._move(node, parent.node_id)
        node.loop = None

    def add_to_graph(self, node_id: Id, owner: Id, nid: Id) -> Node:
        """A node that the graph of `owner` names. Its node_created has precedence for nid and parent."""
        node = self.node(str(node_id))
        if node.nid is None and nid is not None:
            node.nid = str(nid)
        if node.outer is None and node.loop is None and node.root != node.node_id:
            self.set_parent(node, owner)
        return node

    def _move(self, node: Node, parent_id: str | None) -> None:
        if node.born != self.run.events:
            self.change.moves.append(Move(self.run.events, node.node_id, node.outer, parent_id))
        total = node.total
        counted = total != Sums()
        if node.outer is not None:
            count_child(self.run, self.node(node.outer), -1)
        for sums in self.above(node) if counted else ():
            sums.add(total, -1)
        if parent_id is not None:
            count_child(self.run, self.node(parent_id), 1)
        node.outer = parent_id
        if node.created is not None:
            check_place(self.run, self.nodes, node, new=False)
        for sums in self.above(node) if counted else ():
            sums.add(total)

    def _is_beneath(self, node: Node, other: Node) -> bool:
        at: str | None = node.outer
        while at is not None and at != other.node_id:
            at = self.nodes[at].outer
        return at is not None
