"""Child processes that start within milliseconds: they are forked from one that has imported everything."""

import os
import pickle
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from resource import RLIMIT_CORE, setrlimit
from typing import Any


class Child:
    """A child process."""

    def __init__(self, nursery: "Nursery", pid: int) -> None:
        self.pid = pid
        self._nursery = nursery

    def send(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)  # the number is not reused before the process was waited for

    def wait(self) -> int:
        """Wait for its end. Returns the exit code, or minus the number of the signal that killed it."""
        self._nursery.children.remove(self)
        status: int = self._nursery.ask("wait", self.pid)
        return os.waitstatus_to_exitcode(status)

    def kill(self) -> int:
        self.send(signal.SIGKILL)
        return self.wait()


class Nursery:
    """Starts child processes."""

    def __init__(self) -> None:
        self.children: list[Child] = []
        self.log = Path(os.devnull)
        """File with the output of the child processes."""
        command = [sys.executable, "-m", __name__]
        self._mother = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def close(self) -> None:
        self._mother.communicate()

    def ask(self, *request: object) -> Any:
        assert self._mother.stdin is not None
        assert self._mother.stdout is not None
        pickle.dump(request, self._mother.stdin)
        self._mother.stdin.flush()
        return pickle.load(self._mother.stdout)

    @property
    def said(self) -> str:
        """Output of the child processes since `log` was set."""
        return self.log.read_text("utf-8", "replace")

    def start(self, work: Callable[..., None], *arguments: object) -> Child:
        """Start a child process that runs a function."""
        child = Child(self, self.ask("start", self.log, work, arguments))
        self.children.append(child)
        return child

    def run(self, work: Callable[..., None], *arguments: object) -> int:
        """Run a function in a child process to its end. Returns the exit code."""
        return self.start(work, *arguments).wait()


def main() -> None:
    """Fork on demand until standard input ends."""
    import tests.faults.child  # noqa: F401 - imported before the forks, which is the purpose of this process

    alive: set[int] = set()
    while True:
        try:
            what, *rest = pickle.load(sys.stdin.buffer)
        except EOFError:
            break
        if what == "wait":
            (pid,) = rest
            answer = os.waitpid(pid, 0)[1]
            alive.remove(pid)
        else:
            answer = os.fork()
            if answer == 0:
                _work(*rest)
            alive.add(answer)
        pickle.dump(answer, sys.stdout.buffer)
        sys.stdout.flush()
    for pid in alive:
        os.kill(pid, signal.SIGKILL)


def _work(log: Path, work: Callable[..., None], arguments: tuple[object, ...]) -> None:
    """Run a function in a forked process, then exit."""
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(os.open(log, os.O_WRONLY | os.O_APPEND), 1)
    os.dup2(1, 2)
    setrlimit(RLIMIT_CORE, (0, 0))
    code = 1
    try:
        work(*arguments)
        code = 0
    except SystemExit as error:
        code = int(str(error.code or 0))
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


if __name__ == "__main__":
    main()
