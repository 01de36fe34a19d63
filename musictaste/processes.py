"""Processes that listen to files: one for each core, or as many as feed the networks on a GPU."""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
from concurrent.futures import Future
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Self

from musictaste import workers
from musictaste.errors import UnheardError
from musictaste.listening import Ears, Heard, Task, hear_file, most_seconds
from musictaste.store import Library

if TYPE_CHECKING:
    from multiprocessing.synchronize import Semaphore

    from musictaste.gathering import Address
    from musictaste.inference import Device

FILES_PER_WORKER = 1000
"""A worker is replaced after so many files, which bounds whatever a decoder may leak."""

START_S = 10


class Processes:
    """A pool of processes that listen to files, each with networks of its own, or all with those on a GPU.

    Raises
    ------
    ProviderError
        When the device that was asked for cannot run.
    """

    def __init__(self, library_path: Path, device: Device, jobs: int, *, full: bool = False) -> None:
        from pebble import ProcessPool

        from musictaste.gathering import Lender, networks_on_gpu  # a worker on the CPU has no need of it

        self.jobs = jobs
        with ExitStack() as opened:
            networks = networks_on_gpu(device)
            lender = opened.enter_context(Lender(networks)) if networks else None
            context = workers.context(forked=lender is None)
            self._started = context.Semaphore(0)
            self._pool = ProcessPool(
                max_workers=jobs,
                max_tasks=FILES_PER_WORKER,
                initializer=_start_worker,
                initargs=(self._started, str(library_path), full, lender.address if lender else None),
                context=context,
            )
            self._open = opened.pop_all()

    def provider(self) -> str:
        """The provider of the networks that a worker uses; waits for the first worker.

        Raises
        ------
        ModelError
            When a model file is not what it should be.
        """
        return self._answers[0].result()

    def submit(self, task: Task) -> Future[Heard]:
        future: Future[Heard] = self._pool.schedule(_listen, args=[task.path], timeout=most_seconds(task.size))
        return future

    def tend(self) -> None:
        """The pool replaces processes that die."""

    def __enter__(self) -> Self:
        # All load their networks at once; who has done takes the question of one that is still at it.
        with workers.deaf():  # the first question starts the pool
            self._answers: list[Future[str]] = [self._pool.schedule(_provider) for _worker in range(self.jobs)]
        return self

    def __exit__(self, *_: object) -> None:
        # The pool takes its locks away before it ends its workers: one that still starts would print a traceback.
        for _worker in range(self.jobs):
            self._started.acquire(timeout=START_S)
        self._pool.stop()  # type: ignore[no-untyped-call]
        self._pool.join()
        self._open.close()


_worker_settings: tuple[str, bool, Address | None]


def _start_worker(started: Semaphore, *settings: *tuple[str, bool, Address | None]) -> None:
    global _worker_settings  # noqa: PLW0603 - a process holds one worker
    _worker_settings = settings
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_die_with, args=[parent.sentinel], daemon=True).start()
    started.release()


def _die_with(sentinel: int) -> None:
    """End this process when its parent was killed and cannot tell it to stop."""
    multiprocessing.connection.wait([sentinel])
    os._exit(1)


@cache
def _own_ears() -> Ears:
    """What this worker listens with, made when the first task comes so that errors reach whoever asked."""
    _, full, lent = _worker_settings
    if lent:
        from musictaste.gathering import Borrowed

        return Ears.with_networks(Borrowed(lent), full=full)
    from musictaste.inference import Embedder

    return Ears.with_networks(Embedder(), full=full)


@cache
def _own_library() -> Library:
    """A connection of this worker, for reading."""
    return Library.open(Path(_worker_settings[0]))


def _provider() -> str:
    return _own_ears().networks.provider


def _listen(path: str) -> Heard:
    return hear_file(path, _own_ears(), _own_library().analysis)


def why_unheard(error: BaseException) -> str:
    """The reason that a user reads for a file that failed."""
    from pebble import ProcessExpired

    if isinstance(error, UnheardError):
        return str(error)
    if isinstance(error, ProcessExpired):
        return f"the decoder crashed ({_ending(error.exitcode)})"
    if isinstance(error, TimeoutError):
        return "the decoder did not finish"
    return f"unexpected {type(error).__name__}: {error}"


def _ending(exit_code: int) -> str:
    if exit_code >= 0:
        return f"exit code {exit_code}"
    try:
        return signal.Signals(-exit_code).name
    except ValueError:
        return f"signal {-exit_code}"
