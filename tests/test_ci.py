"""`.ci/run` and the configuration of pytest: only marked tests are rerun, and the lowest versions are tested."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]

FAILING_ONCE = """
import pytest
from pathlib import Path

def fails_once(name):
    flag = Path(__file__).with_name(name)
    if not flag.exists():
        flag.touch()
        assert False, "the first time"

@pytest.mark.quiet
def test_marked():
    fails_once("marked")

def test_other():
    fails_once("other")
"""
"""A test file whose two tests fail when they are first run."""


def test_only_tests_marked_quiet_are_rerun_and_listed(tmp_path: Path) -> None:
    file = tmp_path / "test_once.py"
    file.write_text(FAILING_ONCE)
    options = ["-p", "tests.conftest", "-p", "no:cacheprovider", "-c", str(ROOT / "pyproject.toml"), "--rootdir", str(ROOT)]
    command = [sys.executable, "-m", "pytest", *options, str(file)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=120, check=False)
    assert done.returncode == 1, done.stdout
    assert "1 failed, 1 passed, 1 rerun" in done.stdout
    listed = set(re.findall(r"^(RERUN|FAILED) \S*::(\w+)", done.stdout, re.MULTILINE))
    assert listed == {("RERUN", "test_marked"), ("FAILED", "test_other")}


def test_every_dependency_is_pinned_to_its_lowest_version() -> None:
    done = subprocess.run([sys.executable, ROOT / ".ci" / "minimums"], capture_output=True, text=True, check=True)
    pinned = dict(line.partition(";")[0].split("==") for line in done.stdout.splitlines())
    declared = dict(re.findall(r"^([\w-]+)(?:\[\w+\])?>=([\w.]+)", "\n".join(PROJECT["dependencies"]), re.MULTILINE))
    assert pinned == declared
    assert len(pinned) == len(PROJECT["dependencies"])


def test_every_test_file_that_ci_names_exists() -> None:
    script = (ROOT / ".ci" / "run").read_text("utf-8")
    named = set(re.findall(r"tests/[\w/{},]+(?:\.py)?", script))
    command = ["bash", "-c", "printf '%s\\n' " + " ".join(named)]
    paths = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert "tests/stream/test_ingest.py" in paths
    assert [path for path in paths if not (ROOT / path).exists()] == []
