"""Other machines listen: workers of a dask cluster run what processes of this machine run for each file.

They need this program with the same models, and the folders of music under the same names. The library stays here;
what it knows of a file already goes along with it. A worker that dies loses nothing: its files are heard by others.
"""

from __future__ import annotations

import asyncio
import logging
import os
import platform
import re
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeVar

from musictaste import __version__, listening, scan
from musictaste.errors import ClusterError, ExecutorError, MusictasteError, UnheardError
from musictaste.gathering import Gatherer, networks_on_gpu

if TYPE_CHECKING:
    from musictaste.inference import Device
    from musictaste.track import Analysis

T = TypeVar("T")
Known = Mapping[int, Mapping[str, "Analysis"]]
"""What a library knows of audio, by the size of a file that holds it and by its hash."""

REMEDY = "pip install 'musictaste[cluster]'"
CONNECT_S = 10.0
LOOK_EVERY_S = 1.0
PATIENCE_S = 60.0
"""How long a scan waits when all workers are gone: those that died are started again within seconds."""


@dataclass(frozen=True)
class Order:
    """How workers are to listen, and what they must have in common with this machine."""

    program: str
    models: listening.Versions
    folders: tuple[str, ...]
    device: Device
    full: bool


def make_order(folders: Sequence[str], options: scan.Options) -> Order:
    """The order of a scan by this program with these models."""
    return Order(__version__, listening.current_versions(), tuple(folders), options.device, options.full)


# On the workers


def introduce(order: Order) -> str:
    """The provider of a worker's networks.

    Raises
    ------
    ClusterError
        When the worker cannot hear what this machine would hear.
    """
    try:
        return _ears(order).networks.provider
    except MusictasteError as error:
        raise _of_this_worker(error) from None


def hear(order: Order, path: str, size: int, known: Mapping[str, Analysis]) -> listening.Heard:
    """Listen to one file on a worker.

    Raises
    ------
    UnheardError
        When nothing of the file can be heard.
    TimeoutError
        When its decoder does not finish.
    ClusterError
        When the worker can hear no file as this machine would.
    """
    try:
        ears = _ears(order)
        return _within(listening.most_seconds(size), lambda: listening.hear_file(path, ears, known.get))
    except UnheardError:
        raise
    except MusictasteError as error:
        raise _of_this_worker(error) from None


def _of_this_worker(error: MusictasteError) -> ClusterError:
    return ClusterError(f"worker on '{platform.node()}': {error}")


_making = threading.Lock()


def _ears(order: Order) -> listening.Ears:
    """What this worker listens with, checked against what was ordered."""
    if order.program != __version__:
        raise ClusterError(f"has musictaste {__version__}, not {order.program} as here: install the same on both")
    for folder in order.folders:
        if not os.path.isdir(folder):
            raise ClusterError(f"does not see the folder '{folder}': share it under the same name")
    with _making:  # workers have threads, and one set of networks is enough
        ears = _made_ears(order.device)
    if ears.versions != order.models:
        found, wanted = (", ".join(vars(models).values()) for models in (ears.versions, order.models))
        raise ClusterError(f"has the models {found}, not {wanted} as here: install the same on both")
    return replace(ears, full=order.full)


@cache
def _made_ears(device: Device) -> listening.Ears:
    from musictaste.inference import Embedder

    on_gpu = networks_on_gpu(device)
    return listening.Ears.with_networks(Gatherer(on_gpu) if on_gpu else Embedder(), full=False)


def _within(seconds: float, function: Callable[[], T]) -> T:
    """Call a function, and leave it behind when it takes longer: a thread of a worker cannot be killed."""
    thread = ThreadPoolExecutor(1)
    try:
        return thread.submit(function).result(seconds)
    finally:
        thread.shutdown(wait=False)


# On this machine


class Client(Protocol):
    """What is used of dask.distributed's client."""

    def get_executor(self, *, pure: bool) -> Executor: ...

    def run(self, function: Callable[..., T], *args: object, on_error: str) -> dict[str, T | BaseException]: ...

    def scheduler_info(self) -> Mapping[str, Any]: ...

    def close(self) -> None: ...


def connect(address: str) -> tuple[Client, type[BaseException]]:
    """A client of the cluster at dask://HOST:PORT, and its error for a file that all workers died of.

    Raises
    ------
    ExecutorError
        When the address is none.
    ClusterError
        When dask.distributed is missing, or no scheduler answers.
    """
    found = re.fullmatch(r"dask://(?P<host>\[[^\]/]+\]|[^:/\[\]]+):(?P<port>\d+)/?", address)
    if not found:
        raise ExecutorError(f"'{address}': an executor is named as dask://HOST:PORT")
    try:
        import dask
        import distributed
    except ImportError as error:
        raise ClusterError(f"'{address}': dask.distributed is not installed: {REMEDY}") from error
    url = f"tcp://{found['host']}:{found['port']}"
    # What it says of lost connections, the scan says in its own words.
    for name in ("distributed", "distributed.client", "distributed.core"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        _greet(found["host"].strip("[]"), int(found["port"]))
        if asyncio.run(_identify(url)) != "Scheduler":
            raise ClusterError(f"'{address}': what answers there is no scheduler of dask")
        with dask.config.set({"distributed.comm.timeouts.connect": f"{CONNECT_S:g}s"}):
            client: Client = distributed.Client(url, timeout=CONNECT_S, set_as_default=False)
    except (OSError, OverflowError) as error:  # the second is a port above all ports
        raise ClusterError(f"'{address}': no scheduler of dask answers there: {error}") from error
    return client, distributed.KilledWorker


def _greet(host: str, port: int) -> None:
    """Find out whether dask is there: its client would wait for ever for another program to answer."""
    with socket.create_connection((host, port), CONNECT_S) as connection:
        if b"pickle-protocol" not in connection.recv(4096):
            raise OSError("another program does")


async def _identify(url: str) -> str:
    """What a server of dask is: "Scheduler", "Worker" or "Nanny"."""
    import distributed

    async with distributed.rpc(url) as server:
        return str((await server.identity())["type"])


@dataclass(frozen=True)
class _Errand:
    task: listening.Task
    answer: Future[listening.Heard]


class Cluster:
    """Workers of a dask cluster that listen to files.

    Whatever a dying worker had in hand is blamed for its death by dask, and given up after some deaths. So what was
    blamed is sent once more, alone, before it counts as a file that nobody survives.

    Raises
    ------
    ClusterError
        When there is no worker, or one that cannot hear what this machine would hear.
    """

    def __init__(
        self, address: str, client: Client, order: Order, *, killed: type[BaseException], known: Known
    ) -> None:
        self._address, self._client, self._order, self._killed, self._known = address, client, order, killed, known
        self._executor = client.get_executor(pure=False)
        self._lock = threading.Lock()
        self._ready: deque[_Errand] = deque()
        self._suspects: deque[_Errand] = deque()
        self._under_way = 0
        self._alone = False
        self._provider = self._meet()
        self._seen = self._looked = time.monotonic()
        self._threads = 1
        self._look()

    def _meet(self) -> str:
        answers = self._client.run(introduce, self._order, on_error="return")
        if not answers:
            raise ClusterError(f"'{self._address}': no worker has joined: dask worker {self._address[7:]}")
        for where, answer in answers.items():
            if isinstance(answer, ClusterError):
                raise answer
            if isinstance(answer, BaseException):
                raise ClusterError(f"worker at {where}: cannot run musictaste {__version__}: {answer}")
        return ", ".join(sorted({str(answer) for answer in answers.values()}))

    @property
    def jobs(self) -> int:
        return self._threads

    def provider(self) -> str:
        return self._provider

    def submit(self, task: listening.Task) -> Future[listening.Heard]:
        errand = _Errand(task, Future())
        self._ready.append(errand)
        self._dispatch()
        return errand.answer

    def tend(self) -> None:
        """Send what waits to be sent, and see whether workers are left.

        Raises
        ------
        ClusterError
            When there has been none for a minute, or the scheduler is gone.
        """
        self._dispatch()
        if time.monotonic() - self._looked >= LOOK_EVERY_S:
            self._look()

    def _dispatch(self) -> None:
        """Send what is ready; a suspect goes when nothing else is under way, and nothing goes beside it."""
        with self._lock:
            if self._alone:
                return
            going = list(self._ready)
            self._ready.clear()
            if not going and not self._under_way and self._suspects:
                going.append(self._suspects.popleft())
                self._alone = True
            alone = self._alone
            self._under_way += len(going)
        for errand in going:
            self._send(errand, alone=alone)

    def _send(self, errand: _Errand, *, alone: bool) -> None:
        task = errand.task
        known = dict(self._known.get(task.size, {}))
        if task.state:
            known[task.state.audio_hash] = task.state.analysis
        future = self._executor.submit(hear, self._order, task.path, task.size, known)
        future.add_done_callback(partial(self._arrived, errand, alone=alone))

    def _arrived(self, errand: _Errand, future: Future[listening.Heard], *, alone: bool) -> None:
        error = self._lost() if future.cancelled() else future.exception()
        suspicious = isinstance(error, self._killed)
        with self._lock:
            self._under_way -= 1
            self._alone = self._alone and not alone
            if suspicious and not alone:
                self._suspects.append(errand)
                return
        if suspicious:
            errand.answer.set_exception(UnheardError("the decoder crashed on every worker that tried"))
        elif error:
            errand.answer.set_exception(error)
        else:
            errand.answer.set_result(future.result())

    def _look(self) -> None:
        self._looked = time.monotonic()
        try:
            workers = self._client.scheduler_info()["workers"].values()
        except OSError as error:
            raise self._lost() from error
        if workers:
            self._seen = self._looked
            self._threads = sum(worker["nthreads"] for worker in workers)
        elif self._looked - self._seen >= PATIENCE_S:
            raise ClusterError(f"'{self._address}': no worker is left: scan again to go on when there are some")

    def _lost(self) -> ClusterError:
        return ClusterError(f"'{self._address}': the scheduler is gone: scan again to go on when it is back")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._executor.shutdown(wait=False)
        self._client.close()


def open_cluster(address: str, order: Order, known: Known) -> Cluster:
    """The cluster at an address, when all its workers can listen as ordered."""
    client, killed = connect(address)
    try:
        return Cluster(address, client, order, killed=killed, known=known)
    except MusictasteError:
        client.close()
        raise
