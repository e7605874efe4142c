"""Checkpoints: runs as they were. A checkpoint names the working nodes by the keys of their rows."""

from collections.abc import Callable

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from store.model.lazy_mapping import LazyMapping
from store.model.state import Run, Work


class _Checkpoint(Struct, array_like=True):
    """A run without its id, which may change."""

    run: Run
    active: list[tuple[int | None, str, float, str]]
    """The fields of each `Work` in `Run.active`, with the key of its node in place of the id."""


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Checkpoint).decode


def checkpoint_to_row(run: Run, key_of: Callable[[str], int]) -> bytes:
    """The column `data` of a checkpoint."""
    active = [
        (None if work.node_id is None else key_of(work.node_id), work.kind, work.since, work.label) for work in run.active
    ]
    return _encode(_Checkpoint(replace(run, run_id="", active=()), active))


def run_from_checkpoint(data: bytes, run_id: str, node_ids: LazyMapping[int, str]) -> Run:
    """The run of a checkpoint. `node_ids`: ids of nodes by key."""
    checkpoint = _decode(data)
    node_ids.prefetch(key for key, *_ in checkpoint.active if key is not None)
    active = tuple(
        Work(None if key is None else node_ids[key], kind, since, label) for key, kind, since, label in checkpoint.active
    )
    return replace(checkpoint.run, run_id=run_id, active=active)
