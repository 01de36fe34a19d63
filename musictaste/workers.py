"""How processes that listen come to be."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import forkserver, resource_tracker
from multiprocessing.context import BaseContext

IMPORTS = ["musictaste.processes", "musictaste.audio", "musictaste.inference", "musictaste.tags", "pebble"]
"""What they need. Who only surveys, writes or chooses does without the last four, and without that half second."""

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
"""Environment variables that keep libraries from starting threads of their own."""


def context(*, forked: bool) -> BaseContext:
    """How workers are started: `forked` from one warm process where the system can, so that imports are paid once.

    Beside CUDA nothing is forked.
    """
    # Each worker has one core: threads inside of libraries would only wait for each other.
    for variable, count in ONE_THREAD.items():
        os.environ.setdefault(variable, count)
    # Without it, workers would import whatever lies in the folder that the user happens to stand in.
    os.environ["PYTHONSAFEPATH"] = "1"
    if sys.platform != "linux" or not forked:
        return multiprocessing.get_context("spawn")
    found = multiprocessing.get_context("forkserver")
    found.set_forkserver_preload(IMPORTS)
    resource_tracker.ensure_running()  # it would let signals in again
    with deaf():
        forkserver.ensure_running()
    return found


def hasten(device: str) -> None:
    """Let the process that workers are forked from import what they need while this one has imports of its own."""
    if on_cpu(device):
        context(forked=True)


@contextmanager
def deaf() -> Iterator[None]:
    """Threads and processes that are started here never hear of Ctrl-C, which reaches the whole group.

    Who starts them decides; where it interrupted their imports, nobody would be left to start a worker.
    """
    if sys.platform == "win32":
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def on_cpu(device: str) -> bool:
    """Whether it is certain, before anything is loaded, that the networks are to run, or can only run, on the CPU."""
    return device == "cpu" or (device == "auto" and not has_driver())


def has_driver() -> bool:
    """Whether this system has NVIDIA's driver; without it there is no need to load onnxruntime to find out."""
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    return True
