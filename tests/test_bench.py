"""The bench of scans: what it calculates, and how it speaks of programs that do not run."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "scripts"))

import bench
import rivals


@pytest.mark.parametrize(
    ("alone_s", "several_s", "jobs", "cores", "expected_s"),
    [
        (100.0, 50.0, 2, 16, 6.25),  # all of it is shared
        (100.0, 60.0, 2, 16, 25.0),  # 20 s are not, and 80 s are
        (100.0, 40.0, 4, 4, 40.0),  # what was measured comes out
        (100.0, 45.0, 2, 10, 10.0),  # faster than there are cores: chance
    ],
)
def test_time_on_more_cores(alone_s: float, several_s: float, jobs: int, cores: int, expected_s: float) -> None:
    assert bench.more_cores_s(alone_s, several_s, jobs=jobs, cores=cores) == pytest.approx(expected_s)


def die_of(number: str) -> float:
    os.kill(os.getpid(), int(number))
    return 0.0


def test_a_program_that_is_not_there_or_dies_is_passed_over() -> None:
    missing = rivals.Rival("it", die_of, "no_such_module")
    dies = rivals.Rival("it", die_of, "numpy", "numpy")
    assert (missing.trouble("9"), dies.trouble(str(int(signal.SIGILL)))) == (
        "not installed",
        f"cannot run here: it ends with SIGILL, numpy {dies.version()} was built for another processor",
    )
