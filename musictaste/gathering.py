"""One set of networks on a GPU for many processes and threads: what they ask for is gathered into large batches.

A process that decodes sends its patches over a local connection and waits for their vectors. Nobody waits for a batch
to fill: while one runs the next one gathers, so batches grow as far as the GPU is the slowest part.
"""

from __future__ import annotations

import secrets
import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Connection, Listener
from typing import TYPE_CHECKING, Self

import numpy as np

from musictaste.errors import MusictasteError, ProviderError
from musictaste.workers import on_cpu

if TYPE_CHECKING:
    from musictaste.inference import Device, Embedder, Floats


def networks_on_gpu(device: Device) -> Embedder | None:
    """Warm networks on a GPU, or None where they are to run, or can only run, on the CPU.

    Raises
    ------
    ProviderError
        When `device` is "cuda" and it cannot run.
    """
    if on_cpu(device):
        return None
    from musictaste.inference import MEMORY, Embedder

    embedder = Embedder(device=device)
    if embedder.provider not in MEMORY:
        return None
    embedder.warm()
    return embedder


@dataclass
class _Request:
    patches: Floats
    vectors: Floats | None = None


class Gatherer:
    """Networks that any thread may use; what is asked for while they run becomes one batch."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._waiting: deque[_Request] = deque()
        self._lock = threading.Lock()
        self._turns = ThreadPoolExecutor(1)  # on a GPU, networks belong to one thread

    @property
    def version(self) -> str:
        return self._embedder.version

    @property
    def provider(self) -> str:
        return self._embedder.provider

    def embed(self, patches: Floats) -> Floats:
        """Vectors float32 [n, d] of log-mel patches float32 [n, 187, 96].

        Raises
        ------
        ProviderError
            When the networks cannot go on.
        """
        request = _Request(patches)
        with self._lock:
            self._waiting.append(request)
            turn = self._turns.submit(self._take_turn)
        # There are as many turns as requests, and none is taken without one: by now it was answered, or never will be.
        turn.result()
        if request.vectors is None:
            raise ProviderError(f"{self.provider} failed: try --device cpu")
        return request.vectors

    def _take_turn(self) -> None:
        batch = self._gather()
        if batch:
            vectors = self._embedder.embed(np.concatenate([request.patches for request in batch]))
            ends = np.cumsum([len(request.patches) for request in batch])[:-1]
            for request, part in zip(batch, np.split(vectors, ends), strict=True):
                request.vectors = part

    def _gather(self) -> Sequence[_Request]:
        """As many requests as fit into one batch, in order; at least one, unless an earlier turn took it along."""
        batch: list[_Request] = []
        rows = 0
        with self._lock:
            while self._waiting and (not batch or rows + len(self._waiting[0].patches) <= self._embedder.rows):
                batch.append(self._waiting.popleft())
                rows += len(batch[-1].patches)
        return batch

    def close(self) -> None:
        self._turns.shutdown()


@dataclass(frozen=True)
class Address:
    """Where networks are lent, and the secret that whoever borrows them must know."""

    name: str
    secret: bytes


class Lender:
    """Networks of this process, lent to processes of this machine until it is closed."""

    def __init__(self, embedder: Embedder) -> None:
        self._gatherer = Gatherer(embedder)
        self.provider = embedder.provider
        secret = secrets.token_bytes()
        self._listener = Listener(authkey=secret)
        self.address = Address(str(self._listener.address), secret)
        self._closing = False
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        while not self._closing:
            # Whoever does not know the secret, or dies at the door, is no reason to close it.
            with suppress(OSError, EOFError, AuthenticationError):
                connection = self._listener.accept()
                threading.Thread(target=self._serve, args=[connection], daemon=True).start()

    def _serve(self, connection: Connection[object, Floats]) -> None:
        with connection, suppress(EOFError, OSError):  # the process has ended
            connection.send((self._gatherer.version, self._gatherer.provider))
            while True:
                patches = connection.recv()
                try:
                    connection.send(self._gatherer.embed(patches))
                except MusictasteError as error:
                    connection.send(error)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._closing = True
        # Wakes the thread that waits at the door; it may have gone by now, so that nobody greets whoever comes.
        Client(self.address.name).close()
        self._thread.join()
        self._listener.close()
        self._gatherer.close()


class Borrowed:
    """Networks that another process lends."""

    def __init__(self, address: Address) -> None:
        self._connection: Connection[Floats, object] = Client(address.name, authkey=address.secret)
        self.version, self.provider = self._connection.recv()  # type: ignore[misc]

    def embed(self, patches: Floats) -> Floats:
        """Vectors float32 [n, d] of log-mel patches float32 [n, 187, 96].

        Raises
        ------
        ProviderError
            When the networks cannot go on, or the process that lends them has ended.
        """
        try:
            self._connection.send(patches)
            answer = self._connection.recv()
        except (EOFError, OSError) as error:
            raise ProviderError("the process that runs the networks has ended") from error
        if isinstance(answer, MusictasteError):
            raise answer
        return np.asarray(answer, np.float32)

    def close(self) -> None:
        self._connection.close()
