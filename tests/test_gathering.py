"""Networks on a GPU, shared by threads and by processes."""

from __future__ import annotations

import ctypes
import multiprocessing
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from conftest import Gpu

from musictaste import inference
from musictaste.errors import ProviderError
from musictaste.gathering import Address, Borrowed, Gatherer, Lender, networks_on_gpu
from musictaste.inference import Embedder, Floats


class Slow:
    """Networks that wait for leave before each batch, and answer with the mean and the number of rows of a batch."""

    version, provider, rows = "net-1", "CUDA", 8

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.leave = threading.Semaphore(0)
        self.busy = threading.Semaphore(0)
        self.fault: ProviderError | None = None

    def embed(self, patches: Floats) -> Floats:
        self.busy.release()
        assert self.leave.acquire(timeout=30)
        if self.fault:
            raise self.fault
        self.batches.append(len(patches))
        return patches.mean(axis=(1, 2))[:, None]


def numbered(*numbers: float) -> Floats:
    """Patches that are known by their mean."""
    return np.full((len(numbers), 4, 3), 1, np.float32) * np.array(numbers, np.float32)[:, None, None]


def ask(pool: ThreadPoolExecutor, networks: Gatherer, *numbers: float) -> Future[Floats]:
    """Ask in another thread; returns when the request is waiting."""
    before = len(networks._waiting)
    future = pool.submit(networks.embed, numbered(*numbers))
    while len(networks._waiting) == before and not future.done():
        pass
    return future


def test_what_is_asked_for_meanwhile_is_one_batch() -> None:
    slow = Slow()
    networks = Gatherer(slow)  # type: ignore[arg-type]
    assert (networks.version, networks.provider) == ("net-1", "CUDA")
    with ThreadPoolExecutor(5) as pool:
        futures = [pool.submit(networks.embed, numbered(1))]
        assert slow.busy.acquire(timeout=30)
        futures += [ask(pool, networks, *numbers) for numbers in ([2, 3, 4], [5, 6, 7, 8, 9], [10], range(11, 21))]
        for _ in range(4):
            slow.leave.release()
        answers = [future.result()[:, 0].tolist() for future in futures]
    networks.close()
    assert answers == [[1], [2, 3, 4], [5, 6, 7, 8, 9], [10], list(range(11, 21))]
    # Eight rows fit into a batch; who asks for more has one of their own.
    assert slow.batches == [1, 8, 1, 10]


def test_all_of_a_batch_that_fails_are_told() -> None:
    slow = Slow()
    networks = Gatherer(slow)  # type: ignore[arg-type]
    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(networks.embed, numbered(1))
        assert slow.busy.acquire(timeout=30)
        others = [ask(pool, networks, n) for n in (2, 3)]
        slow.leave.release()
        assert first.result().tolist() == [[1]]
        assert slow.busy.acquire(timeout=30)
        slow.fault = ProviderError("CUDA has no memory left")
        slow.leave.release()
        assert [str(future.exception()) for future in others] == [
            "CUDA has no memory left",
            "CUDA failed: try --device cpu",
        ]
        slow.fault = None
        slow.leave.release()
        assert networks.embed(numbered(4)).tolist() == [[4]]
    networks.close()


def borrow(address: Address, seeds: list[int]) -> tuple[str, str, list[Floats]]:
    networks = Borrowed(address)
    return networks.version, networks.provider, [networks.embed(noise(seed)) for seed in seeds]


def noise(seed: int) -> Floats:
    """As many log-mel patches of noise as the seed says."""
    return np.random.default_rng(seed).uniform(0, 4, (seed, 187, 96)).astype(np.float32)


def test_processes_borrow_what_a_gpu_hears(gpu: type[Gpu], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(inference.BATCH_PATCHES, "CUDA", 4)
    networks = networks_on_gpu("cuda")
    assert networks
    assert gpu.runs == [4, 4]  # it was warmed
    seeds = [[1, 2], [3, 1]]
    with Lender(networks) as lender, multiprocessing.get_context("spawn").Pool(2) as pool:
        assert lender.provider == "CUDA"
        answers = pool.starmap(borrow, [(lender.address, each) for each in seeds], chunksize=1)
    here = Embedder()
    for (version, provider, vectors), each in zip(answers, seeds, strict=True):
        assert (version, provider) == (here.version, "CUDA")
        for seed, found in zip(each, vectors, strict=True):
            np.testing.assert_allclose(found, here.embed(noise(seed)), atol=1e-3)


def test_a_lender_tells_errors_and_refuses_strangers() -> None:
    slow = Slow()
    slow.fault = ProviderError("CUDA has no memory left")
    slow.leave.release()
    with Lender(slow) as lender:  # type: ignore[arg-type]
        with pytest.raises(multiprocessing.AuthenticationError):
            Borrowed(Address(lender.address.name, b"wrong"))
        networks = Borrowed(lender.address)
        with pytest.raises(ProviderError, match=r"^CUDA has no memory left$"):
            networks.embed(numbered(1))
    networks.close()


def test_a_lender_closes_though_nobody_is_at_its_door() -> None:
    """The thread there leaves by itself when somebody came in just before."""
    with Lender(Slow()) as lender:  # type: ignore[arg-type]
        lender._closing = True
        Borrowed(lender.address).close()
        lender._thread.join(timeout=30)
        assert not lender._thread.is_alive()
    with pytest.raises(OSError, match=r"."):
        Borrowed(lender.address)


def test_a_lender_that_ended_is_an_error() -> None:
    with multiprocessing.connection.Listener(authkey=b"secret") as listener:

        def hang_up() -> None:
            with listener.accept() as connection:
                connection.send(("net-1", "CUDA"))
                connection.recv()

        threading.Thread(target=hang_up).start()
        networks = Borrowed(Address(str(listener.address), b"secret"))
        with pytest.raises(ProviderError, match=r"^the process that runs the networks has ended$"):
            networks.embed(numbered(1))
        networks.close()


def test_the_cpu_has_no_networks_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    def built(**_: object) -> None:
        raise AssertionError("networks are built")

    def missing(name: str) -> None:
        raise OSError(name)

    monkeypatch.setattr(inference, "Embedder", built)
    monkeypatch.setattr(ctypes, "CDLL", missing)
    assert networks_on_gpu("cpu") is networks_on_gpu("auto") is None


def test_a_driver_alone_makes_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    if inference.Model("emotion", device="auto").provider == "CUDA":
        pytest.skip("CUDA runs here")
    monkeypatch.setattr(ctypes, "CDLL", Path)
    assert networks_on_gpu("auto") is None
    with pytest.raises(ProviderError, match=r"^CUDA was asked for and cannot run here: "):
        networks_on_gpu("cuda")
