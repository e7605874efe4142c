"""Commands that read the state of a stream, and identify the entry at a cursor.

If Redis permits scripts (EVAL), no entry is transferred for that.
"""

import time
from collections.abc import Sequence
from hashlib import sha1
from typing import Any

import redis
from redis.client import Pipeline

from store.model.entry import Cursor, Entry, StreamId
from store.stream.gap import Snapshot
from store.stream.refusal import may_run_scripts

IDLE_CHECK_INTERVAL_S = 1.0
"""Seconds between two checks of an idle stream without scripts. Each check transfers up to three entries."""

PIECE_BYTES = 32_768
"""Bytes at each end of a longer value that its fingerprint covers. The length is covered, too."""

SCRIPT = f"""
local fingerprint = ''
local entry = redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[1])[1]
if entry then
  local parts, names, values = {{}}, {{}}, {{}}
  for number = 1, #entry[2], 2 do
    local name = entry[2][number]
    if values[name] == nil then names[#names + 1] = name end
    values[name] = entry[2][number + 1]
  end
  local function add(value)
    local size = #value
    if size > {2 * PIECE_BYTES} then
      value = string.sub(value, 1, {PIECE_BYTES}) .. string.sub(value, -{PIECE_BYTES})
    end
    parts[#parts + 1] = size .. ':' .. redis.sha1hex(value)
  end
  for _, name in ipairs(names) do
    add(name)
    add(values[name])
  end
  fingerprint = table.concat(parts, ',')
end
if ARGV[2] == '' then return {{fingerprint}} end
local server = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
if redis.call('EXISTS', KEYS[1]) == 0 then return {{fingerprint, server}} end
local reply, facts = redis.call('XINFO', 'STREAM', KEYS[1]), {{}}
for number = 1, #reply, 2 do facts[reply[number]] = reply[number + 1] end
local oldest = facts['first-entry']
return {{
  fingerprint, server, facts['last-generated-id'], facts['length'], facts['entries-added'] or -1,
  oldest and oldest[1] or '', facts['max-deleted-entry-id'] or '',
}}
"""
"""Lua script that returns the fingerprint of the entry with the id ARGV[1], empty if there is none. Reads only.

If ARGV[2] is not empty, facts of server and stream follow, for which XINFO would transfer the oldest and the newest entry.
If an entry has a field twice, the second value counts, as in `Entry`.
"""


def fingerprint(entry: Entry) -> str:
    """Identity of the content of an entry. Equals the result of SCRIPT for it."""
    parts = []
    for value in (part for pair in entry.fields.items() for part in pair):
        piece = value if len(value) <= 2 * PIECE_BYTES else value[:PIECE_BYTES] + value[-PIECE_BYTES:]
        parts.append(f"{len(value)}:{sha1(piece, usedforsecurity=False).hexdigest()}")
    return ",".join(parts)


def replies_of(pipe: Pipeline) -> list[Any]:
    """Execute a pipeline. Raises the first error as Redis sent it; redis-py would put the command before it."""
    replies = pipe.execute(raise_on_error=False)
    for reply in replies:
        if isinstance(reply, Exception):
            raise reply
    return replies


class Probe:
    """State of one stream. Methods raise redis.RedisError and OSError."""

    def __init__(self, client: redis.Redis, name: str) -> None:
        self.head: StreamId | None = None
        """Newest id of the stream at the last snapshot."""
        self.scripts: bool | None = None
        """Whether Redis permits scripts; None until that is tested."""
        self._client = client
        self._name = name
        self._known: tuple[StreamId, str, int] | None = None
        """Id, fingerprint and checksum of the entry read last."""
        self._checked_at = 0.0
        """Time of the last snapshot, by the monotonic clock."""

    def remember(self, entry: Entry) -> None:
        """Remember the entry read last, to recognise it by its fingerprint."""
        self._known = entry.at, fingerprint(entry), entry.crc

    # The entry at the cursor

    def request_entry(self, pipe: Pipeline, cursor: Cursor) -> None:
        """Add a request for the entry at the cursor to a pipeline. `crc_of_reply` evaluates its reply."""
        at = str(cursor.position)
        if self.may_run_scripts():
            pipe.eval(SCRIPT, 1, self._name, at, "")
        else:
            pipe.xrange(self._name, at, at)

    def crc_of_reply(self, cursor: Cursor, reply: Any) -> int | None:
        """Checksum of the entry at the cursor, from the reply to `request_entry`; None if the entry is not recognised."""
        if self.scripts:
            return self._crc_of_fingerprint(cursor, reply[0])[1]
        return reply[0].crc if reply else None

    def crc(self, cursor: Cursor) -> int | None:
        """Checksum of the entry at the cursor; None if it does not exist. Transfers it unless it was read last."""
        at = str(cursor.position)
        if self.may_run_scripts():
            is_recognised, crc = self._crc_of_fingerprint(cursor, self._client.eval(SCRIPT, 1, self._name, at, "")[0])
            if is_recognised:
                return crc
        entries: Any = self._client.xrange(self._name, at, at)
        return entries[0].crc if entries else None

    def may_run_scripts(self) -> bool:
        """Whether Redis permits scripts. Tested once per connection."""
        if self.scripts is None:
            self.scripts = may_run_scripts(self._client)
        return self.scripts

    def _crc_of_fingerprint(self, cursor: Cursor, found: bytes) -> tuple[bool, int | None]:
        """Whether the entry at the cursor is recognised, and its checksum: None if it does not exist (no fingerprint)."""
        if not found:
            return True, None
        if self._known is None or self._known[:2] != (cursor.position, found.decode()):
            return False, None
        return True, self._known[2]

    # Snapshots

    def server(self) -> str:
        """Run id of the server."""
        return str(self._client.info("server")["run_id"])

    def snapshot(self, cursor: Cursor, limit: int) -> Snapshot:
        """The stream, and up to `limit` entries after the cursor, at one moment."""
        self._checked_at = time.monotonic()
        is_known = cursor.entry_crc is None or (self._known is not None and self._known[0] == cursor.position)
        if is_known and self.may_run_scripts():
            pipe = self._client.pipeline(transaction=True)
            pipe.xread({self._name: str(cursor.position)}, count=limit)
            pipe.eval(SCRIPT, 1, self._name, str(cursor.position), "all")
            entries, facts = replies_of(pipe)
            if (snapshot := self._snapshot_of_reply(cursor, limit, entries, facts)) is not None:
                return snapshot
        return self._snapshot_without_script(cursor, limit)

    def idle_snapshot(self, cursor: Cursor, limit: int) -> Snapshot | None:
        """Snapshot after a wait without entries; None if the last one was a moment ago, and scripts are not permitted."""
        if not self.may_run_scripts():
            is_due = time.monotonic() >= self._checked_at + IDLE_CHECK_INTERVAL_S
            return self.snapshot(cursor, limit) if is_due else None
        facts = self._client.eval(SCRIPT, 1, self._name, str(cursor.position), "all")
        found = self._snapshot_of_reply(cursor, limit, (), facts)
        if found is None or (found.last is not None and found.last > cursor.position):  # entries arrived meanwhile
            return self.snapshot(cursor, limit)
        return found

    def _snapshot_of_reply(
        self, cursor: Cursor, limit: int, entries: Sequence[Entry], reply: Sequence[Any]
    ) -> Snapshot | None:
        """Snapshot from the reply of SCRIPT; None if the entry at the cursor is not recognised."""
        found, server, *facts = reply
        is_recognised, crc = self._crc_of_fingerprint(cursor, found)
        if not is_recognised:
            return None
        if not facts:
            self.head = None
            return Snapshot((), limit, None, None, 0, None, server.decode())
        last, length, added, oldest, deleted = facts
        self.head = StreamId.parse(last)
        return Snapshot(
            entries,
            limit,
            crc,
            self.head,
            length,
            None if added < 0 else added,
            server.decode(),
            StreamId.parse(oldest) if oldest else None,
            StreamId.parse(deleted) if deleted else None,
        )

    def _snapshot_without_script(self, cursor: Cursor, limit: int) -> Snapshot:
        """Transfers the entry at the cursor, the oldest and the newest."""
        server, at = self.server(), str(cursor.position)
        pipe = self._client.pipeline(transaction=True)
        pipe.exists(self._name)
        pipe.xread({self._name: at}, count=limit)
        pipe.xrange(self._name, at, at)
        pipe.xinfo_stream(self._name)
        exists, entries, at_cursor, facts = replies = pipe.execute(raise_on_error=False)
        if exists == 0:
            self.head = None
            return Snapshot((), limit, None, None, 0, None, server)
        for reply in replies:
            if isinstance(reply, Exception):
                raise reply
        self.head = StreamId.parse(facts["last-generated-id"])
        if at_cursor:
            self.remember(at_cursor[0])
        return Snapshot(
            entries,
            limit,
            at_cursor[0].crc if at_cursor else None,
            self.head,
            facts["length"],
            facts.get("entries-added"),
            server,
            StreamId.parse(facts["first-entry"][0]) if facts.get("first-entry") else None,
            StreamId.parse(facts["max-deleted-entry-id"]) if facts.get("max-deleted-entry-id") else None,
        )
