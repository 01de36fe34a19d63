from __future__ import annotations

import musictaste  # noqa: F401 - first, since it keeps onnxruntime from telling Microsoft

# isort: split
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import settings
from make_audio import chord, noise, write_audio
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.capi.onnxruntime_pybind11_state import Fail

from musictaste import inference, scan
from musictaste.cli import main
from musictaste.moods import EMOTIONS, FINER_MOODS
from musictaste.store import Library
from musictaste.styles import STYLES
from musictaste.track import Labels, Sound, Sung, Tags, Timeline

settings.register_profile("any machine", deadline=None)  # a busy machine is slow, which is no defect
settings.load_profile("any machine")

os.environ.pop("PYTHONUNBUFFERED", None)  # it would hide that a process ends before all that it printed is out

SIZE = 1864


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str


Run = Callable[..., Result]


@pytest.fixture
def empty_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    home.mkdir()
    for variable in ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(variable, str(home))
    monkeypatch.setenv("MUSICTASTE_DB", str(tmp_path / "library.db"))


@pytest.fixture
def run(
    empty_home: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> Run:
    """Run the command line in this process, in an empty home: ten times as fast as in one of its own.

    A scan has one worker, as more would each load the networks for a file or two; it is forked from a process that has
    imported what it needs, and that is kept from test to test.
    """
    monkeypatch.setattr(scan, "usable_cpus", lambda: 1)

    def run_command(*words: str | Path, cwd: Path = tmp_path) -> Result:
        monkeypatch.chdir(cwd)
        monkeypatch.setattr(sys, "argv", ["musictaste", *map(str, words)])
        capsysbinary.readouterr()
        with patch.dict(os.environ), pytest.raises(SystemExit) as end:
            main()
        out, err = capsysbinary.readouterr()
        code = end.value.code
        return Result(code if isinstance(code, int) else 0, out.decode(), err.decode())

    return run_command


@pytest.fixture
def run_alone(empty_home: None, tmp_path: Path) -> Run:
    """Run the command line as a user does, in a process of its own, in an empty home.

    It is for what only a process shows: what it imports, its exit, its signals, and all that its workers print.
    """

    def run_command(*words: str | Path, cwd: Path = tmp_path) -> Result:
        command = [sys.executable, "-m", "musictaste", *map(str, words)]
        done = subprocess.run(command, capture_output=True, cwd=cwd, check=False)
        return Result(done.returncode, done.stdout.decode(), done.stderr.decode())

    return run_command


@pytest.fixture
def music(tmp_path: Path) -> Path:
    """Four short files in four formats."""
    folder = tmp_path / "music"
    (folder / "more").mkdir(parents=True)
    write_audio(folder / "a.wav", chord(2))
    write_audio(folder / "b.mp3", noise(2))
    write_audio(folder / "more" / "C.FLAC", chord(3, (220.0, 261.63, 329.63)))
    write_audio(folder / "more" / "d.ogg", noise(4, seed=1))
    return folder


class Gpu(onnxruntime.InferenceSession):
    """A session that says it runs on CUDA, with memory for so many rows; what it runs is kept, as (inputs, rows)."""

    rows_in_memory = 10**6
    fault = (
        "[ONNXRuntimeError] : 1 : FAIL : Non-zero status code returned while running Conv node. Name:'t27' Status "
        "Message: /onnxruntime_src/onnxruntime/core/framework/bfc_arena.cc:360 void* "
        "onnxruntime::BFCArena::AllocateRawInternal(size_t, bool, onnxruntime::Stream*) Failed to allocate memory for "
        "requested buffer of size 441188352\n"
    )
    runs: list[int]

    def get_providers(self) -> list[str]:
        return ["CUDAExecutionProvider", "CPUExecutionProvider"]

    def run_with_iobinding(self, binding: onnxruntime.IOBinding, run_options: object = None) -> None:
        super().run_with_iobinding(binding, run_options)
        rows = binding.get_outputs()[0].shape()[0]
        if rows > self.rows_in_memory:
            raise Fail(self.fault)
        self.runs.append(rows)


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> type[Gpu]:
    """Sessions that are asked to run on CUDA say that they do, and run on the CPU."""
    here = type("Here", (Gpu,), {"runs": []})
    session = onnxruntime.InferenceSession

    def build(path: object, options: object, providers: list[object]) -> onnxruntime.InferenceSession:
        built = here if len(providers) > 1 else session
        return built(path, options, providers=["CPUExecutionProvider"])

    monkeypatch.setattr(inference.ort, "InferenceSession", build)
    monkeypatch.setattr(inference, "MEMORY", {"CUDA": "cpu"})
    return here


HEARD = """SELECT path, duration_s, heard_s, bpm, key, round(loudness_db, 2), embedder, kind.kind, mood.*, style.*
    FROM file JOIN track ON track.id = track_id JOIN mood USING (track_id) JOIN style USING (track_id)
    JOIN kind USING (track_id) ORDER BY path"""


def heard_rows(db: Path) -> dict[object, list[object]]:
    """All that was heard of each path, without the numbers of its tracks."""
    with sqlite3.connect(db) as connection:
        return {path: [x for x in row if not isinstance(x, int)] for path, *row in connection.execute(HEARD)}


def shares(labels: tuple[str, ...], **given: float) -> dict[str, float]:
    """Probabilities in which the named labels have what is given and the others share the rest."""
    named = {name.replace("_", "-"): p for name, p in given.items()}
    rest = (1 - sum(named.values())) / (len(labels) - len(named))
    return {label: named.get(label, rest) for label in labels}


def feelings(**given: float) -> dict[str, float]:
    """Probabilities of all moods: emotions that are not given share the rest, finer moods that are not are unlikely."""
    finer = {mood: given.pop(mood, 0.1) for mood in FINER_MOODS}
    return shares(EMOTIONS, **given) | finer


def kinds(music: float = 0.25, speech: float = 0.5, head: str = "kind-1") -> Labels:
    return Labels(head, {"music": music, "speech": speech, "noise": 1 - music - speech})


def voices(vocal: float, head: str = "voice-1") -> Labels:
    return Labels(head, {"vocal": vocal, "instrumental": 1 - vocal})


def first_three(path: Path, *, embedder: str) -> Path:
    """A head whose logits for music, speech and noise are the first three numbers of an embedding."""
    return first_numbers(path, embedder=embedder, name="kind", labels=("music", "speech", "noise"))


def first_numbers(path: Path, *, embedder: str, name: str, labels: Sequence[str]) -> Path:
    """A head whose logits are the first numbers of an embedding, one for each label."""
    weights = np.eye(SIZE, len(labels), dtype=np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["embedding", "weights"], ["logits"]),
            helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
        ],
        "tiny",
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["tracks", SIZE])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["tracks", len(labels)])],
        [numpy_helper.from_array(weights, "weights")],
    )
    model = helper.make_model(graph, ir_version=9, opset_imports=[helper.make_opsetid("", 17)])
    properties = {"name": name, "version": "tiny", "labels": ",".join(labels), "embedder": embedder}
    helper.set_model_props(model, properties)
    onnx.save(model, path)
    return path


def add_track(
    library: Library,
    path: str,
    *,
    mood: dict[str, float],
    style: dict[str, float],
    seed: int,
    over_time: Sequence[dict[str, float]] = (),
    embedding: NDArray[np.float32] | None = None,
    kind: str | None = None,
    voice: Sung | None = None,
    **tags: object,
) -> int:
    """A track that was "heard", its embedding given or drawn from `seed`; `over_time` has a mood every ten seconds.

    Without a kind, or a voice, it is as those are that were heard before these were told.
    """
    windows = over_time or [mood] * 12
    if embedding is None:
        embedding = np.random.default_rng(seed).standard_normal(SIZE).astype(np.float32)
    sound = Sound(
        duration_s=200.0 + seed,
        heard_s=72.0,
        bpm=120.0,
        key="C major",
        loudness_db=-14.0,
        embedder="musicnn-msd-3+musicnn-mtt-4",
        embedding=embedding,
        spread=np.zeros(SIZE, np.float32),
        timeline=Timeline(
            "emotion-1",
            np.arange(5, 10 * len(windows), 10, dtype=np.float32),
            np.array([list(feelings(**window).values()) for window in windows], np.float32),
        ),
    )
    with library.transaction():
        track_id = library.save_track(
            f"hash-{seed}",
            sound,
            Labels("emotion-1", feelings(**mood)),
            Labels("style-1", shares(STYLES, **style)),
            full=False,
        )
        if kind:
            library.save_kind(track_id, kind, kinds())
        if voice:
            library.save_voice(track_id, voice, voices(0.9 if voice == "vocal" else 0.1))
        library.save_file(path, Tags(**tags), track_id=track_id, size=1, mtime_ns=1)  # type: ignore[arg-type]
    return track_id
