"""`/ws`: the endpoints of WebSocket clients."""

from starlette.datastructures import QueryParams
from starlette.websockets import WebSocket

from store.database.moment import Moment
from store.database.seek import position_of
from store.errors import RunUnknown
from store.relay import parameter, run_head
from store.relay.change_feed import ChangeFeed
from store.relay.connection import Close, Connections
from store.relay.reference_socket import PageGate, ReferenceSocket, Start, start_of
from store.relay.replay import SPEED_MAX, SPEED_MIN, replay_to_client
from store.relay.response import BadRequest
from store.relay.run_head import RunHead
from store.relay.run_list_socket import RunListSocket
from store.relay.run_socket import RunSocket
from store.relay.snapshot import Snapshots
from store.relay.websocket_protocol import FrameWriter


class WebSocketApi:
    """Checks the parameters of each handshake, then serves the client."""

    def __init__(
        self, feed: ChangeFeed, snapshots: Snapshots, gate: PageGate, connections: Connections, reload: bool
    ) -> None:
        """`reload`: clients of `/ws/events` get the latest run first, unless they specify otherwise."""
        self._feed = feed
        self._snapshots = snapshots
        self._gate = gate
        self._connections = connections
        self._reload = reload

    async def events(self, websocket: WebSocket) -> None:
        """`/ws/events`: the reference servers' socket; a replay with `speed` or `from`."""
        given = websocket.query_params
        parameter.check(given, ("run", "after", "reload", "speed", "from"))
        if "speed" in given or "from" in given:
            await self._replay(websocket)
            return
        stay = "run" in given
        if stay:
            head = await self._head(given["run"])
            start = Start(head, _after(given, head), 0)
        elif "after" in given:
            raise BadRequest("The parameter after needs the parameter run.")
        else:
            start = await start_of(self._feed, parameter.flag(given, "reload", self._reload))
        await self._connections.serve(
            websocket, lambda writer: ReferenceSocket(self._feed, self._gate, writer, start, stay).run()
        )

    async def _replay(self, websocket: WebSocket) -> None:
        given = websocket.query_params
        if "run" not in given or "after" in given or "reload" in given:
            raise BadRequest("A replay needs the parameter run, and takes speed and from.")
        speed = parameter.number(given, "speed", 1.0, SPEED_MIN, SPEED_MAX)
        async with self._snapshots.open() as reader:
            moment = Moment(reader, await reader.resolve(given["run"]))
            await moment.load()
            position = await position_of(moment, given["from"]) if "from" in given else 0
        head = await self._head(moment.run_id)

        async def work(writer: FrameWriter) -> Close:
            await self._gate.wait()
            return await replay_to_client(self._feed, writer, head, min(position, head.events), speed)

        await self._connections.serve(websocket, work)

    async def run(self, websocket: WebSocket) -> None:
        """`/ws/runs/ID`: the events of a run after a position, then new ones."""
        given = websocket.query_params
        parameter.check(given, ("after", "generation"))
        head = await self._head(websocket.path_params["run"])
        generation = parameter.integer(given, "generation", head.generation)
        after = _after(given, head) if generation == head.generation else 0
        await self._connections.serve(
            websocket, lambda writer: RunSocket(self._feed, writer, head, after, generation).run()
        )

    async def runs(self, websocket: WebSocket) -> None:
        """`/ws/runs`: the newest runs, then each row that changes."""
        parameter.check(websocket.query_params, ())
        self._feed.check()
        await self._connections.serve(websocket, lambda writer: RunListSocket(self._feed, writer).run())

    async def _head(self, name: str) -> RunHead:
        """The run with this id or beginning of an id, or `latest`. Raises RunUnknown."""
        head = await run_head.by_id(self._feed.reader, await self._feed.reader.resolve(name))
        if head is None:
            raise RunUnknown(f"{self._feed.path}: there is no run {name!r}")
        return head


def _after(given: QueryParams, head: RunHead) -> int:
    after = parameter.integer(given, "after", 0)
    if after > head.events:
        raise BadRequest(f"The run has {head.events:,} events; there is nothing after position {after:,} yet.")
    return after
