"""What else is done with whole files, to compare a scan with: plain decoding, and other programs where they run."""

from __future__ import annotations

import contextlib
import importlib.util
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from typing import Any

import av
import numpy as np
from av.error import FFmpegError

from musictaste import audio
from musictaste.errors import UnheardError
from musictaste.workers import ONE_THREAD

PROBE_S = 120


@dataclass(frozen=True)
class Work:
    """Seconds of wall time, of CPU time in all processes together, and of audio."""

    wall_s: float
    cpu_s: float
    audio_s: float


@dataclass(frozen=True)
class Rival:
    """Another way through a file: a function from its path to the seconds of audio in it, and what it needs."""

    name: str
    work: Callable[[str], float]
    module: str = ""
    package: str = ""

    def version(self) -> str:
        """The version that is installed."""
        return version(self.package)

    def trouble(self, path: str) -> str | None:
        """Why it cannot run here, or None; tried in a process of its own, since it may end with that process."""
        if self.module and importlib.util.find_spec(self.module) is None:
            return "not installed"
        process = multiprocessing.get_context("spawn").Process(target=_try_out, args=[self.work, path])
        process.start()
        process.join(PROBE_S)
        if process.exitcode is None:
            process.kill()
            return f"did not finish a file in {PROBE_S} s"
        if process.exitcode < 0:
            name = signal.Signals(-process.exitcode).name
            built = f", {self.package} {self.version()} was built for another processor" if name == "SIGILL" else ""
            return f"cannot run here: it ends with {name}{built}"
        return "cannot run here" if process.exitcode else None


def _try_out(work: Callable[[str], float], path: str) -> None:
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stderr(nowhere):  # noqa: PTH123 - a device
        try:
            work(path)
        except (ImportError, OSError, RuntimeError, ValueError):
            raise SystemExit(1) from None


def decode_whole(path: str) -> float:
    """Decode the first audio stream from end to end and drop it; seconds of audio, up to what cannot be decoded."""
    seconds = 0.0
    with contextlib.suppress(FFmpegError), av.open("file:" + path, metadata_errors="replace") as container:
        if container.streams.audio:
            for frame in container.decode(audio=0):
                seconds += frame.samples / frame.sample_rate
    return seconds


def analyse_with_bliss(path: str) -> float:
    """Bliss's features, which it decodes the whole file for."""
    import bliss_audio

    bliss_audio.Song(path)
    return 0.0


@cache
def _vibenet() -> Any:
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    model = files("vibenet.artifacts").joinpath("efficientnet_model.onnx").read_bytes()
    return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def analyse_with_vibenet(path: str) -> float:
    """VibeNet's own mel and network on whole files, decoded and resampled as here: it opens fewer formats itself."""
    from vibenet.core import extract_mel

    with contextlib.suppress(UnheardError), audio.open_recording(path) as recording:
        spans = audio.choose_spans(recording.duration_s, full=True)
        mel = extract_mel(np.concatenate(list(recording.read(spans))), audio.SAMPLE_RATE)
        _vibenet().run(None, {"x": mel[None]})
        return recording.duration_s
    return 0.0


DECODING = Rival("plain decoding", decode_whole)
OTHERS = (
    Rival("bliss", analyse_with_bliss, "bliss_audio", "bliss-audio"),
    Rival("VibeNet", analyse_with_vibenet, "vibenet", "vibenet"),
)


@dataclass(frozen=True)
class Timed:
    """A function of a path together with the CPU time that it takes; it can be sent to another process."""

    work: Callable[[str], float]

    def __call__(self, path: str) -> tuple[float, float]:
        began = time.process_time()
        return self.work(path), time.process_time() - began


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Processes that are started meanwhile have one thread in every library, as those of a scan have."""
    before = {name: os.environ.get(name) for name in ONE_THREAD}
    os.environ.update(ONE_THREAD)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def time_all(rival: Rival, paths: Sequence[str], jobs: int) -> Work:
    """All files in `jobs` processes, without the start of these."""
    with one_thread(), multiprocessing.get_context("spawn").Pool(jobs) as pool:
        pool.map(time.sleep, [0.2] * jobs, chunksize=1)  # all have started and imported
        began = time.perf_counter()
        done = list(pool.imap_unordered(Timed(rival.work), paths))
        wall_s = time.perf_counter() - began
    return Work(wall_s, sum(cpu_s for _, cpu_s in done), sum(audio_s for audio_s, _ in done))
