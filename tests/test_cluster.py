"""Workers of a cluster that listen: fakes for what can go wrong, and a small cluster of dask on the loopback."""

from __future__ import annotations

import errno
import json
import os
import platform
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import Run, heard_rows
from make_audio import chord, noise, piece, write_audio

from musictaste import __version__, cluster, listening, scan
from musictaste.cluster import Cluster, Order
from musictaste.errors import ClusterError, ExecutorError, ProviderError, UnheardError
from musictaste.inference import Embedder
from musictaste.track import Analysis, FileState, Tags

ADDRESS = "dask://box:8786"
HERE = f"worker on '{platform.node()}': "
HEARD = listening.Heard("hash", Tags(title="heard"))


class KilledError(Exception):
    """What dask says of a file that its workers died of."""


class FakeClient(Executor):
    """A client that keeps what is submitted, for a test to answer."""

    def __init__(self, answers: Mapping[str, object] | None = None) -> None:
        self.answers = {"tcp://a:1": "CPU", "tcp://b:1": "CPU"} if answers is None else answers
        self.workers: dict[str, dict[str, int]] = {"tcp://a:1": {"nthreads": 1}, "tcp://b:1": {"nthreads": 2}}
        self.sent: list[tuple[str, Mapping[str, Analysis], Future[listening.Heard]]] = []
        self.closed = False

    def get_executor(self, *, pure: bool) -> Executor:
        assert not pure  # dask would take files of one name for one
        return self

    def run(self, function: Callable[..., Any], *_: object, on_error: str) -> dict[str, Any]:
        assert (function, on_error) == (cluster.introduce, "return")
        return dict(self.answers)

    def submit(self, function: Callable[..., Any], /, *words: Any, **_: Any) -> Future[Any]:
        assert function is cluster.hear
        _, path, _, known = words
        self.sent.append((path, known, Future()))
        return self.sent[-1][2]

    def scheduler_info(self) -> dict[str, Any]:
        return {"workers": self.workers}

    def close(self) -> None:
        self.closed = True

    def answer(self, number: int, error: Exception | None = None) -> None:
        future = self.sent[number][2]
        if error:
            future.set_exception(error)
        else:
            future.set_result(HEARD)

    @property
    def paths(self) -> list[str]:
        return [path for path, *_ in self.sent]


def order(**changes: Any) -> Order:
    return replace(cluster.make_order([], scan.Options()), **changes)


def make(client: FakeClient, known: cluster.Known | None = None) -> Cluster:
    return Cluster(ADDRESS, client, order(), killed=KilledError, known=known or {})


def task(path: str, size: int = 1) -> listening.Task:
    return listening.Task(path, size, 1)


# On a worker


def test_an_order_is_what_this_program_has() -> None:
    options = scan.Options("cuda", 3, full=True)
    versions = listening.current_versions()
    assert cluster.make_order(["/a"], options) == Order(__version__, versions, ("/a",), "cuda", full=True)


@pytest.fixture(scope="module")
def ears() -> listening.Ears:
    return listening.Ears.with_networks(Embedder(), full=False)


@pytest.fixture
def worker(ears: listening.Ears, monkeypatch: pytest.MonkeyPatch) -> None:
    """This process is a worker that has built its networks."""
    monkeypatch.setattr(cluster, "_made_ears", lambda _: ears)


@pytest.mark.usefixtures("worker")
def test_a_worker_that_differs_says_how(tmp_path: Path) -> None:
    ours = listening.current_versions()
    older = replace(ours, emotion="emotion-0")
    has, wanted = (", ".join(vars(versions).values()) for versions in (ours, older))
    for changes, said in (
        ({"program": "9.9"}, f"has musictaste {__version__}, not 9.9 as here: install the same on both"),
        ({"folders": (str(tmp_path), "/no")}, "does not see the folder '/no': share it under the same name"),
        ({"models": older}, f"has the models {has}, not {wanted} as here: install the same on both"),
    ):
        for ask in (cluster.introduce, lambda asked: cluster.hear(asked, "/no/a.mp3", 1, {})):
            with pytest.raises(ClusterError) as caught:
                ask(order(**changes))
            assert str(caught.value) == HERE + said
    assert cluster.introduce(order(folders=(str(tmp_path),))) == "CPU"


def test_a_worker_without_cuda_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(device: str) -> None:
        raise ProviderError(f"{device} cannot run here")

    monkeypatch.setattr(cluster, "networks_on_gpu", refuse)
    with pytest.raises(ClusterError) as caught:
        cluster.introduce(order(device="cuda"))
    assert str(caught.value) == HERE + "cuda cannot run here"


@pytest.mark.usefixtures("worker")
def test_a_worker_hears_what_a_process_hears(ears: listening.Ears, tmp_path: Path) -> None:
    path = str(write_audio(tmp_path / "a.wav", piece(3)))
    found = cluster.hear(order(), path, 1, {})
    here = listening.hear_file(path, ears, lambda _: None)
    assert found == here
    assert found.sound
    # What is known needs no listening, unless more is asked for.
    known = {found.audio_hash: Analysis(found.sound.embedder, full=False, timeline=ears.versions.emotion)}
    assert cluster.hear(order(), path, 1, known) == replace(
        here, sound=None, moods=None, styles=None, kinds=None, voices=None
    )
    whole = cluster.hear(order(full=True), path, 1, known)
    assert (whole.full, whole.sound is None) == (True, False)


@pytest.mark.usefixtures("worker")
def test_a_file_that_cannot_be_heard_is_no_fault_of_the_worker(tmp_path: Path) -> None:
    (tmp_path / "a.mp3").touch()
    with pytest.raises(UnheardError, match=r"^the file is empty$"):
        cluster.hear(order(), str(tmp_path / "a.mp3"), 0, {})


@pytest.mark.usefixtures("worker")
def test_a_decoder_that_hangs_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    woken = threading.Event()
    monkeypatch.setattr(listening, "most_seconds", lambda _: 0.01)
    monkeypatch.setattr(listening, "hear_file", lambda *_: woken.wait())
    with pytest.raises(TimeoutError):
        cluster.hear(order(), "/a.mp3", 1, {})
    woken.set()


# On this machine


def test_files_go_to_workers_and_come_back() -> None:
    client = FakeClient()
    known = {7: {"same size": Analysis("net", full=True, timeline=None)}}
    state = FileState(1, 1, 7, 1, missing=False, audio_hash="own", analysis=Analysis("net", full=False, timeline="e"))
    with make(client, known) as listeners:
        assert (listeners.jobs, listeners.provider()) == (3, "CPU")
        futures = [listeners.submit(replace(task("/a", 7), state=state)), listeners.submit(task("/b"))]
        assert [(path, known) for path, known, _ in client.sent] == [
            ("/a", {**known[7], "own": state.analysis}), ("/b", {}),
        ]  # fmt: skip
        client.answer(0)
        client.answer(1, UnheardError("the file is empty"))
        assert futures[0].result() == HEARD
        assert str(futures[1].exception()) == "the file is empty"
    assert client.closed


def test_workers_on_different_devices_are_all_named() -> None:
    assert make(FakeClient({"a": "CUDA", "b": "CPU", "c": "CUDA"})).provider() == "CPU, CUDA"


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ({}, f"'{ADDRESS}': no worker has joined: dask worker box:8786"),
        ({"tcp://a:1": "CPU", "tcp://b:1": ClusterError("worker on 'b': is old")}, "worker on 'b': is old"),
        (
            {"tcp://a:1": ModuleNotFoundError("No module named 'musictaste'")},
            f"worker at tcp://a:1: cannot run musictaste {__version__}: No module named 'musictaste'",
        ),
    ],
)
def test_workers_that_cannot_listen(answers: Mapping[str, object], said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    client = FakeClient(answers)
    monkeypatch.setattr(cluster, "connect", lambda _: (client, KilledError))
    with pytest.raises(ClusterError) as caught:
        cluster.open_cluster(ADDRESS, order(), {})
    assert (str(caught.value), client.closed) == (said, True)


def test_what_workers_died_with_is_heard_again_alone() -> None:
    """Dask blames all that a dying worker had in hand: of these three files one kills."""
    client = FakeClient()
    listeners = make(client)
    futures = {path: listeners.submit(task(path)) for path in ("/innocent", "/killer", "/other")}
    client.answer(0, KilledError())
    client.answer(1, KilledError())
    listeners.tend()
    assert client.paths == ["/innocent", "/killer", "/other"]  # the third is still under way
    client.answer(2)
    listeners.tend()
    futures["/later"] = listeners.submit(task("/later"))
    listeners.tend()
    assert client.paths[3:] == ["/innocent"]
    client.answer(3)
    listeners.tend()
    assert client.paths[4:] == ["/later"]
    client.answer(4)
    listeners.tend()
    assert client.paths[5:] == ["/killer"]
    client.answer(5, KilledError())
    listeners.tend()
    assert {path: future.exception() or future.result() for path, future in futures.items()} == {
        "/innocent": HEARD, "/killer": futures["/killer"].exception(), "/other": HEARD, "/later": HEARD,
    }  # fmt: skip
    killer = futures["/killer"].exception()
    assert (type(killer), str(killer)) == (UnheardError, "the decoder crashed on every worker that tried")


def test_a_scheduler_that_is_gone_ends_the_scan(monkeypatch: pytest.MonkeyPatch) -> None:
    said = f"'{ADDRESS}': the scheduler is gone: scan again to go on when it is back"
    client = FakeClient()
    listeners = make(client)
    future = listeners.submit(task("/a"))
    client.sent[0][2].cancel()
    client.sent[0][2].set_running_or_notify_cancel()
    assert (type(future.exception()), str(future.exception())) == (ClusterError, said)

    def refuse() -> dict[str, Any]:
        raise OSError("closed")

    monkeypatch.setattr(client, "scheduler_info", refuse)
    monkeypatch.setattr(cluster, "LOOK_EVERY_S", 0)
    with pytest.raises(ClusterError) as caught:
        listeners.tend()
    assert str(caught.value) == said


def test_a_cluster_whose_workers_are_all_gone_is_waited_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    client = FakeClient()
    listeners = make(client)
    monkeypatch.setattr(cluster, "LOOK_EVERY_S", 0)
    client.workers = {}
    listeners.tend()
    assert listeners.jobs == 3
    client.workers = {"tcp://c:1": {"nthreads": 4}}
    listeners.tend()
    assert listeners.jobs == 4
    client.workers = {}
    monkeypatch.setattr(cluster, "PATIENCE_S", 0)
    with pytest.raises(ClusterError) as caught:
        listeners.tend()
    assert str(caught.value) == f"'{ADDRESS}': no worker is left: scan again to go on when there are some"


@pytest.mark.parametrize(
    "address",
    ["foo", "dask://", "dask://box", "dask://box:", "dask://box:x", "tcp://box:1", "dask://a:1/b", "dask://:1"],
)
def test_what_is_no_address(address: str) -> None:
    with pytest.raises(ExecutorError) as caught:
        cluster.connect(address)
    assert (str(caught.value), caught.value.exit_code) == (f"'{address}': an executor is named as dask://HOST:PORT", 2)


def test_without_dask_the_command_that_brings_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ClusterError) as caught:
        cluster.connect(ADDRESS)
    said = f"'{ADDRESS}': dask.distributed is not installed: pip install 'musictaste[cluster]'"
    assert (str(caught.value), caught.value.exit_code) == (said, 1)


@pytest.fixture
def port() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def test_errors_of_a_scan_leave_no_library(run: Run, music: Path, tmp_path: Path, port: socket.socket) -> None:
    pytest.importorskip("distributed")

    def hang_up() -> None:
        port.accept()[0].close()

    threading.Thread(target=hang_up).start()
    there = f"dask://127.0.0.1:{port.getsockname()[1]}"
    for words, code, said in (
        (["box:8786"], 2, "'box:8786': an executor is named as dask://HOST:PORT"),
        ([there, "-j", "2"], 2, "--jobs is for processes of this machine: workers of a cluster say how many they are"),
        ([there], 1, f"'{there}': no scheduler of dask answers there: another program does"),
    ):
        result = run("scan", music, "--executor", *words)
        assert (result.code, result.out, result.err) == (code, "", f"musictaste: {said}\n")
        assert not (tmp_path / "library.db").exists()


def test_nobody_at_an_address() -> None:
    pytest.importorskip("distributed")
    with socket.create_server(("127.0.0.1", 0)) as closed:
        address = f"dask://127.0.0.1:{closed.getsockname()[1]}"
    with pytest.raises(ClusterError) as caught:
        cluster.connect(address)
    refused = f"[Errno {errno.ECONNREFUSED}] {os.strerror(errno.ECONNREFUSED)}"
    assert str(caught.value) == f"'{address}': no scheduler of dask answers there: {refused}"


# A cluster on the loopback


DEADLY = """
import os
from musictaste import audio

if audio.open_recording.__module__ == "musictaste.audio":  # dask loads this twice
    open_recording = audio.open_recording


def die(path):
    if path.endswith("crash.wav"):
        os._exit(1)
    if path.endswith("once.wav") and not os.path.exists(path + ".died"):
        open(path + ".died", "x").close()
        os._exit(1)
    return open_recording(path)


audio.open_recording = die
"""


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[str]:
    """A scheduler and two workers that die of files named crash.wav, and of one named once.wav the first time."""
    pytest.importorskip("distributed")
    (tmp_path / "deadly.py").write_text(DEADLY)
    meeting = tmp_path / "scheduler.json"
    python = [sys.executable, "-W", "ignore", "-m"]
    start: dict[str, Any] = {
        "stdout": subprocess.DEVNULL,
        "stderr": subprocess.DEVNULL,
        # Two deaths are enough to blame a file, which is then tried again alone: one that kills once survives that.
        "env": {**os.environ, "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1"},
        "cwd": tmp_path,
    }
    scheduler = [*python, "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard"]
    scheduler += ["--dashboard-address", "127.0.0.1:0", "--scheduler-file", str(meeting)]
    worker = [*python, "distributed.cli.dask_worker", "--scheduler-file", str(meeting), "--nworkers", "2"]
    worker += ["--nthreads", "1", "--no-dashboard", "--preload", str(tmp_path / "deadly.py")]
    worker += ["--local-directory", str(tmp_path / "scratch")]
    with subprocess.Popen(scheduler, **start) as first, subprocess.Popen(worker, **start) as second:
        try:
            yield f"dask://127.0.0.1:{wait_for_workers(meeting)}"
        finally:
            second.terminate()
            second.wait()
            first.terminate()


def wait_for_workers(meeting: Path) -> int:
    """Until two workers have joined; returns the port of their scheduler."""
    told = "import sys, distributed; distributed.Client(scheduler_file=sys.argv[1]).wait_for_workers(2, timeout=120)"
    deadline = time.monotonic() + 60
    while not meeting.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    subprocess.run([sys.executable, "-W", "ignore", "-c", told, str(meeting)], check=True, capture_output=True)
    return int(json.loads(meeting.read_text())["address"].rpartition(":")[2])


def test_a_cluster_hears_what_this_machine_hears_and_its_deaths_lose_nothing(
    workers: str, run: Run, run_alone: Run, music: Path, tmp_path: Path
) -> None:
    write_audio(music / "long.mp3", piece(80))  # of which windows are heard
    write_audio(music / "once.wav", noise(2, seed=5))
    write_audio(music / "crash.wav", chord(3))
    (music / "text.mp3").write_text("no music at all")
    result = run_alone("scan", music, "--executor", workers, "--json")
    assert (result.code, result.err) == (0, "")
    document = json.loads(result.out)
    assert (document["added"], document["failed"], document["provider"]) == (6, 2, "CPU")
    failed = {Path(row["path"]).name: row["reason"] for row in json.loads(run("failures", "--json").out)}
    assert failed == {
        "crash.wav": "the decoder crashed on every worker that tried",
        "text.mp3": "is not audio that can be decoded: invalid data found when processing input",
    }
    (music / "crash.wav").unlink()
    run("--db", tmp_path / "here.db", "scan", music)
    here, there = heard_rows(tmp_path / "here.db"), heard_rows(tmp_path / "library.db")
    assert there == {path: pytest.approx(row, abs=1e-3) for path, row in here.items()}
    assert len(there) == 6

    # A file that moved is known by its audio, and is not heard again.
    with sqlite3.connect(tmp_path / "library.db") as connection:
        connection.execute("UPDATE track SET provider = 'before'")
    (music / "long.mp3").rename(music / "more" / "moved.mp3")
    document = json.loads(run_alone("scan", music, "--executor", workers, "--json").out)
    assert (document["moved"], document["unchanged"], document["removed"]) == (1, 6, 0)
    with sqlite3.connect(tmp_path / "library.db") as connection:
        assert connection.execute("SELECT DISTINCT provider FROM track").fetchall() == [("before",)]
