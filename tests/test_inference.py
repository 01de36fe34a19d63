from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from conftest import Gpu
from onnx import TensorProto, helper
from onnxruntime.capi.onnxruntime_pybind11_state import RuntimeException

from musictaste import audio, inference, quality
from musictaste.errors import ModelError, ProviderError
from musictaste.inference import Embedder, Head, Heads, Model
from musictaste.moods import EMOTIONS, MOODS
from musictaste.styles import STYLES

VERSION = "musicnn-msd-3+musicnn-mtt-4"
NAMED = {"name": "tiny", "version": "7"}


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return Embedder(threads=2)


@pytest.fixture(scope="module")
def heads() -> Heads:
    return Heads.load(VERSION)


def patches(count: int) -> audio.Floats:
    """Log-mel patches of noise whose level falls over the bands, float32 [n, 187, 96]."""
    rng = np.random.default_rng(count)
    mel = rng.exponential(1.0, (count, 187, 96)) * np.geomspace(10, 0.001, 96) * rng.uniform(0.1, 1, (count, 1, 1))
    return np.log10(1 + 10_000 * mel).astype(np.float32)


def write_model(path: Path, metadata: Mapping[str, str], *, operator: str = "Softmax", ir_version: int = 10) -> Path:
    """A graph that softmaxes its input [n, 3]."""
    graph = helper.make_graph(
        [helper.make_node(operator, ["embedding"], ["probabilities"], axis=1)],
        "tiny",
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["tracks", 3])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["tracks", 3])],
    )
    model = helper.make_model(graph, ir_version=ir_version, opset_imports=[helper.make_opsetid("", 17)])
    helper.set_model_props(model, dict(metadata))
    onnx.save(model, path)
    return path


# The shipped models


def test_an_embedding_per_patch(embedder: Embedder) -> None:
    vectors = embedder.embed(patches(3))
    assert (vectors.shape, vectors.dtype) == ((3, 1864), np.float32)
    assert np.isfinite(vectors).all()
    assert (embedder.version, embedder.provider) == (VERSION, "CPU")


def test_the_first_part_of_an_embedding_is_the_networks_own_layer(embedder: Embedder) -> None:
    batch = patches(2)
    parts = [model.run(batch, "embedding")[0] for model in embedder.models]
    assert [part.shape for part in parts] == [(2, inference.PENULTIMATE)] * 2
    np.testing.assert_array_equal(embedder.embed(batch)[:, :400], np.hstack(parts))


def test_a_batch_equals_one_by_one(embedder: Embedder) -> None:
    batch = patches(7)
    single = np.concatenate([embedder.embed(batch[i : i + 1]) for i in range(7)])
    np.testing.assert_allclose(embedder.embed(batch), single, rtol=1e-5, atol=1e-5)


def test_other_sounds_have_other_embeddings(embedder: Embedder) -> None:
    first, second = embedder.embed(patches(2))
    assert np.abs(first - second).max() > 0.01


def test_heads_name_the_moods_and_styles(heads: Heads) -> None:
    assert (heads.emotion.labels, heads.style.labels) == (MOODS, STYLES)


def test_emotions_share_one_and_so_do_styles(embedder: Embedder, heads: Heads) -> None:
    vectors = embedder.embed(patches(40))
    for head, labels in ((heads.emotion, MOODS), (heads.style, STYLES)):
        given = list(head.label_all(vectors))
        assert len(given) == 40
        for one in given:
            assert (one.head, tuple(one.probabilities)) == (head.version, labels)
            shared = EMOTIONS if labels == MOODS else labels
            assert sum(one.probabilities[label] for label in shared) == pytest.approx(1, abs=1e-5)
            assert all(0 <= p <= 1 for p in one.probabilities.values())
        alone = head.label(vectors[7])
        assert alone.probabilities == pytest.approx(given[7].probabilities, abs=1e-5)


@pytest.mark.parametrize("name", [*quality.NETWORKS, *quality.HEADS])
def test_a_shipped_model_lies_as_a_plain_file(name: str) -> None:
    path = inference.model_path(name)
    assert path.name == f"{name}.onnx"
    assert inference.checksum(path) == inference.checksum(path)
    assert len(inference.checksum(path)) == 64


# A model that describes itself


def test_a_tiny_head(tmp_path: Path) -> None:
    path = write_model(tmp_path / "tiny.onnx", NAMED | {"labels": "a,b,c", "embedder": "net-1"})
    head = Head("tiny", embedder="net-1", path=path)
    assert (head.version, head.labels) == ("tiny-7", ("a", "b", "c"))
    labels = head.label(np.log(np.array([1, 2, 5], np.float32)))
    assert (labels.head, labels.probabilities) == ("tiny-7", pytest.approx({"a": 0.125, "b": 0.25, "c": 0.625}))


@pytest.mark.parametrize("rows", [1, 2, 3, 100])
def test_batches_of_any_size(rows: int, tmp_path: Path) -> None:
    inputs = np.random.default_rng(rows).standard_normal((rows, 3)).astype(np.float32)
    (outputs,) = Model("tiny", path=write_model(tmp_path / "tiny.onnx", NAMED)).run(inputs, "probabilities")
    powers = np.exp(inputs)
    np.testing.assert_allclose(outputs, powers / powers.sum(axis=1, keepdims=True), rtol=1e-5)


# Refusals


@pytest.mark.parametrize(
    ("metadata", "missing"),
    [
        ({}, "has no name and no version in its metadata"),
        ({"name": "tiny"}, "has no version in its metadata"),
        ({"version": "7"}, "has no name in its metadata"),
    ],
)
def test_a_model_that_does_not_say_what_it_is(metadata: dict[str, str], missing: str, tmp_path: Path) -> None:
    path = write_model(tmp_path / "tiny.onnx", metadata)
    with pytest.raises(ModelError) as caught:
        Model("tiny", path=path)
    assert str(caught.value) == f"'{path}': {missing}"


@pytest.mark.parametrize("content", [b"", b"not a model at all", bytes(range(256)) * 10])
def test_not_a_model(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "tiny.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError) as caught:
        Model("tiny", path=path)
    assert str(caught.value) == f"'{path}': is not an ONNX model"


@pytest.mark.parametrize("unknown", [{"operator": "Telepathy"}, {"ir_version": 999}])
def test_a_model_from_the_future(unknown: dict[str, Any], tmp_path: Path) -> None:
    path = write_model(tmp_path / "tiny.onnx", NAMED, **unknown)
    with pytest.raises(ModelError) as caught:
        Model("tiny", path=path)
    said = f"'{path}': onnxruntime {onnxruntime.__version__} cannot run it: install musictaste again"
    assert (str(caught.value), caught.value.exit_code) == (said, 1)


def test_a_truncated_model(tmp_path: Path) -> None:
    content = inference.model_path("emotion").read_bytes()
    path = tmp_path / "emotion.onnx"
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(ModelError) as caught:
        Model("emotion", path=path)
    assert str(caught.value) == f"'{path}': is not an ONNX model"


def test_a_missing_model(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(inference, "files", lambda _: tmp_path)
    path = tmp_path / "emotion.onnx"
    with pytest.raises(ModelError) as caught:
        inference.model_path("emotion")
    assert str(caught.value) == f"'{path}': the model is missing: install musictaste again"


@pytest.mark.parametrize(("embedder", "said"), [("net-1", "net-1"), (None, "None")])
def test_a_head_made_for_another_embedding(embedder: str | None, said: str, tmp_path: Path) -> None:
    path = write_model(tmp_path / "tiny.onnx", NAMED | ({"embedder": embedder} if embedder else {}))
    with pytest.raises(ModelError) as caught:
        Head("tiny", embedder="net-2", path=path)
    assert str(caught.value) == f"'{path}': was made for the embedding {said}, not for net-2"


@pytest.mark.parametrize(("key", "wrong", "right"), [("n_mels", "128", "96"), ("sample_rate", "44100", "16000")])
def test_a_network_made_for_another_mel(
    key: str, wrong: str, right: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = write_model(tmp_path / "net.onnx", NAMED | audio.mel_settings() | {key: wrong})
    monkeypatch.setattr(inference, "model_path", lambda _: path)
    with pytest.raises(ModelError) as caught:
        Embedder()
    assert str(caught.value) == f"'{path}': was made for {key} {wrong}, this program hears {key} {right}"


# Devices


def _runs_on_cuda() -> bool:
    return Model("emotion", device="auto").provider == "CUDA"


def test_cuda_where_there_is_none(capfd: pytest.CaptureFixture[str]) -> None:
    if _runs_on_cuda():
        pytest.skip("CUDA runs here")
    capfd.readouterr()
    with pytest.raises(ProviderError) as caught:
        Embedder(device="cuda")
    assert str(caught.value) == (
        "CUDA was asked for and cannot run here: pip install 'onnxruntime-gpu[cuda,cudnn]' and see musictaste doctor"
    )
    assert capfd.readouterr() == ("", "")


def test_auto_always_runs(capfd: pytest.CaptureFixture[str]) -> None:
    model = Model("emotion", device="auto")
    assert model.provider in ("CUDA", "CPU")
    (probabilities,) = model.run(np.zeros((1, 1864), np.float32), "probabilities")
    assert probabilities.shape == (1, 12)
    assert capfd.readouterr() == ("", "")


# A GPU: sessions that say so


def test_a_gpu_hears_what_a_cpu_hears(embedder: Embedder, gpu: type[Gpu], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inference, "LEAST_ROWS", 2)
    monkeypatch.setitem(inference.BATCH_PATCHES, "CUDA", 4)
    there = Embedder(device="cuda")
    there.warm()
    assert (there.provider, there.version) == ("CUDA", embedder.version)
    batch = patches(9)
    expected = embedder.embed(batch)
    for count in (9, 1, 3):
        np.testing.assert_allclose(there.embed(batch[:count]), expected[:count], atol=1e-3)
    # Each of the two networks ran on few shapes: full batches, and what is left in a power of two.
    assert gpu.runs[::2] == gpu.runs[1::2] == [4, 4, 4, 2, 2, 4]


def test_out_of_memory_halves_the_batch_and_goes_on(embedder: Embedder, gpu: type[Gpu]) -> None:
    gpu.rows_in_memory = 5
    there = Embedder(device="cuda")
    assert there.rows == 256
    batch = patches(9)
    expected = embedder.embed(batch)
    np.testing.assert_allclose(there.embed(batch), expected, atol=1e-3)
    assert (there.rows, gpu.runs) == (4, [4] * 6)
    gpu.rows_in_memory = 1  # another program takes more of it
    np.testing.assert_allclose(there.embed(batch[:3]), expected[:3], atol=1e-3)
    assert (there.rows, gpu.runs[6:]) == (1, [1] * 6)


NO_MEMORY = "CUDA has no memory left for the networks: try --device cpu"


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Gpu.fault, NO_MEMORY),
        ("CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED ; GPU=0", NO_MEMORY),
        ("CUDA failure 2: out of memory ; GPU=0", NO_MEMORY),
        (
            "a.cc:1 f()\nCUDA failure 719: launch failure",
            "CUDA failed: CUDA failure 719: launch failure: try --device cpu",
        ),
    ],
)
def test_a_gpu_that_fails_for_good(fault: str, said: str, gpu: type[Gpu], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(inference.BATCH_PATCHES, "CUDA", 2)
    gpu.rows_in_memory, gpu.fault = 0, fault
    with pytest.raises(ProviderError) as caught:
        Embedder(device="cuda").embed(patches(2))
    assert str(caught.value) == said


REAL = """
import resource
import numpy as np
from musictaste import inference

inference.MEMORY = {"CPU": "cpu"}
inference.BATCH_PATCHES["CPU"] = 32
embedder = inference.Embedder()
embedder.embed(np.zeros((1, 187, 96), np.float32))
with open("/proc/self/statm") as sizes:
    used = int(sizes.read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 150 * 2**20,) * 2)
assert embedder.embed(np.zeros((32, 187, 96), np.float32)).shape == (32, 1864)
assert embedder.rows < 32
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits its memory as Linux does")
def test_onnxruntime_says_that_memory_ran_out_as_it_is_understood() -> None:
    """The arena that refuses is the one that CUDA's memory comes from, here over memory of the CPU."""
    done = subprocess.run([sys.executable, "-c", REAL], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_gpu_without_memory_for_a_session(gpu: type[Gpu], monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise RuntimeException("cuda_call.cc:121\nCUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED ; GPU=0")

    monkeypatch.setattr(gpu, "__init__", refuse)
    assert Model("emotion", device="auto").provider == "CPU"
    with pytest.raises(ProviderError) as caught:
        Model("emotion", device="cuda")
    assert str(caught.value) == (
        "CUDA was asked for and fails: CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED ; GPU=0: "
        "pip install 'onnxruntime-gpu[cuda,cudnn]' and see musictaste doctor"
    )


@pytest.mark.parametrize("switch", ["", "1"])
def test_tensorrt_is_tried_where_the_user_wants_it(switch: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    session = onnxruntime.InferenceSession

    def build(path: object, options: object, providers: list[tuple[str, object]]) -> onnxruntime.InferenceSession:
        asked.extend(name for name, _ in providers)
        return session(path, options, providers=["CPUExecutionProvider"])

    monkeypatch.setattr(inference.ort, "InferenceSession", build)
    monkeypatch.setattr(inference.ort, "preload_dlls", lambda: None)
    every = ["CPUExecutionProvider", "CUDAExecutionProvider", "TensorrtExecutionProvider"]
    monkeypatch.setattr(inference.ort, "get_available_providers", lambda: every)
    monkeypatch.setenv("MUSICTASTE_TENSORRT", switch)
    assert Model("emotion", device="auto").provider == "CPU"
    assert asked == (["TensorrtExecutionProvider"] if switch else []) + every[1::-1]


@pytest.mark.skipif(sys.platform == "win32", reason="keeps what it would tell elsewhere")
def test_onnxruntime_tells_nobody_what_runs(tmp_path: Path) -> None:
    """Where it may, it keeps a number of the device and what it will send in the user's cache."""
    program = "from musictaste.inference import Embedder; Embedder()"
    # Nothing else of the environment, of which some variables silence it too.
    subprocess.run([sys.executable, "-c", program], env={"HOME": str(tmp_path)}, check=True)
    assert list(tmp_path.rglob("*")) == []
