#!/usr/bin/env python3
"""Rebuild models/musicnn_*.onnx from the PyPI wheel `musicnn`, and by export_lyrics.py the encoder of words.

    pip install -e '.[export]'
    python scripts/export_onnx.py --check ~/Music

Most filters of the two published MusiCNN networks died in training: their kernels are zero to within rounding, so
what they put out is a constant. The export removes them, folds their constants into the layers behind (exactly, the
zero-padded edges included) and moves max-pooling in front of the rectifier and the batch normalisation. The wide
filters of the first layer are applied to the spectrum of each frame over its bands, which takes a quarter of the
multiplications. That is compared with the original TensorFlow graph on real patches before a file is written.

Of the filters that live, some put out nearly what others do together: scripts/stand_ins.npz says which those are and
how the others stand for them (scripts/redundant_filters.py). They are removed too, and their shares folded into layers
behind; how far the result is from the original is printed and noted.

Reference: Pons and Serra, "musicnn: pre-trained convolutional neural networks for music audio tagging",
ISMIR late-breaking demo, 2019.
"""

from __future__ import annotations

import musictaste  # noqa: F401 - first, since it keeps onnxruntime from telling Microsoft

# isort: split
import argparse
import dataclasses
import os
import sys
import tempfile
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import export_lyrics
import numpy as np
import onnx
import onnxruntime as ort
import tensorflow as tf
from model_files import IR_VERSION, OPSET, Graph, fetch_wheel, update_manifest
from onnx import TensorProto, helper

from musictaste import audio, scan
from musictaste.errors import UnheardError

WHEEL = "musicnn==0.1.0"
WHEEL_SHA256 = "f38a4890c648c1ddbb141c5d96d2b0a8cfcd36746002d896989f7b88beb65cfa"
BATCH_NORM_EPSILON = 1e-3
MAX_TAG_DIFFERENCE = 1e-5
MIN_PATCHES = 50
BINS = audio.N_MELS // 2 + 1
"""Of a discrete Fourier transform over the mel bands."""

FEW_FILTERS = 4

# A filter is dead when no weight of its kernel exceeds this, per layer. MTT's died later in training: its dead kernels
# are not yet zero, and what they still put out is below the difference that is allowed. Convolutions are computed in
# blocks of 16 filters: 1.8e-3 and 1.2e-3 leave 64, 16 and 16 where 1e-3 would leave 66, 18 and 17.
DEAD_BELOW = {"MSD": (1e-6,) * 6, "MTT": (1.8e-3, *(1.2e-3,) * 5)}
VERSIONS = {"MSD": "3", "MTT": "4"}
STAND_INS = Path(__file__).with_name("stand_ins.npz")

MSD_TAGS = (
    "rock,pop,alternative,indie,electronic,female vocalists,dance,00s,alternative rock,jazz,beautiful,metal,chillout,"
    "male vocalists,classic rock,soul,indie rock,Mellow,electronica,80s,folk,90s,chill,instrumental,punk,oldies,blues,"
    "hard rock,ambient,acoustic,experimental,female vocalist,guitar,Hip-Hop,70s,party,country,easy listening,sexy,"
    "catchy,funk,electro,heavy metal,Progressive rock,60s,rnb,indie pop,sad,House,happy"
)
MTT_TAGS = (
    "guitar,classical,slow,techno,strings,drums,electronic,rock,fast,piano,ambient,beat,violin,vocal,synth,female,"
    "indian,opera,male,singing,vocals,no vocals,harpsichord,loud,quiet,flute,woman,male vocal,no vocal,pop,soft,sitar,"
    "solo,man,classic,choir,voice,new age,dance,male voice,female vocal,beats,harp,cello,no voice,weird,country,metal,"
    "female voice,choral"
)
TAGS = {"MSD": MSD_TAGS, "MTT": MTT_TAGS}

Weights = dict[str, np.ndarray]


def numbered(name: str, index: int) -> str:
    """TensorFlow's names of layers of one kind: conv2d, conv2d_1, conv2d_2 ..."""
    return f"{name}_{index}" if index else name


def moving_statistics(weights: Weights, index: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation that a batch normalisation saw in training."""
    name = numbered("batch_normalization", index)
    return weights[f"{name}/moving_mean"], np.sqrt(weights[f"{name}/moving_variance"] + BATCH_NORM_EPSILON)


@dataclasses.dataclass(frozen=True)
class Affine:
    """Batch normalisation at inference: y = scale * x + shift, per channel."""

    scale: np.ndarray
    shift: np.ndarray

    @classmethod
    def of(cls, weights: Weights, index: int) -> Affine:
        mean, deviation = moving_statistics(weights, index)
        name = numbered("batch_normalization", index)
        scale = weights[f"{name}/gamma"] / deviation
        return cls(scale, weights[f"{name}/beta"] - mean * scale)


def affine_layer(graph: Graph, x: str, affine: Affine, shape: tuple[int, ...]) -> str:
    scaled = graph.add("Mul", x, graph.floats(affine.scale.reshape(shape)))
    return graph.add("Add", scaled, graph.floats(affine.shift.reshape(shape)))


@dataclasses.dataclass(frozen=True)
class StandIns:
    """Live filters of the first layer that are left out, and how those that are kept stand for them.

    `kept` [live filters of all branches] says which stay. In each frame, what one of the others puts out is `shares`
    [left out, kept] times what those do, plus `rest` [left out]; its maximum over time is `highest_shares` [left out, 2
    * kept] times their maxima and their means over time, plus `highest_rest`.
    """

    kept: np.ndarray
    shares: np.ndarray
    rest: np.ndarray
    highest_shares: np.ndarray
    highest_rest: np.ndarray

    @classmethod
    def load(cls, name: str) -> StandIns:
        with np.load(STAND_INS) as arrays:
            return cls(**{field.name: arrays[f"{name}_{field.name}"] for field in dataclasses.fields(cls)})


@dataclasses.dataclass(frozen=True)
class Channels:
    """A feature map: some channels as a tensor of the graph, and what the others are by these.

    All channels in a frame are `shares` [all, those in the tensor] times the tensor plus `constants` [all]; their
    maxima over time are `highest_shares` [all, twice as many] times the tensor's maxima and means over time plus
    `highest_constants` [all].
    """

    tensor: str
    shares: np.ndarray
    constants: np.ndarray
    highest_shares: np.ndarray
    highest_constants: np.ndarray

    @classmethod
    def of(cls, tensor: str, live: np.ndarray, constants: np.ndarray) -> Channels:
        """The channels in `live` [all] are those of the tensor, each of the others is its constant."""
        shares = np.eye(len(live))[:, live]
        rest = np.where(live, 0, constants)
        return cls(tensor, shares, rest, np.hstack([shares, np.zeros_like(shares)]), rest)

    def stood_for(self, stand_ins: StandIns) -> Channels:
        """The same for a tensor of those channels alone that stand-ins keep."""
        count = self.shares.shape[1]
        columns = np.eye(count)[:, stand_ins.kept]
        inside, rest = columns.copy(), np.zeros(count)
        highest, highest_rest = np.hstack([columns, np.zeros_like(columns)]), np.zeros(count)
        inside[~stand_ins.kept], rest[~stand_ins.kept] = stand_ins.shares, stand_ins.rest
        highest[~stand_ins.kept], highest_rest[~stand_ins.kept] = stand_ins.highest_shares, stand_ins.highest_rest
        return Channels(
            self.tensor,
            self.shares @ inside,
            self.constants + self.shares @ rest,
            self.shares @ highest,
            self.constants + self.shares @ highest_rest,
        )


def conv_weights(weights: Weights, index: int) -> tuple[np.ndarray, np.ndarray]:
    """Kernel [height, width, in, out] and bias [out]."""
    name = numbered("conv2d", index)
    return weights[f"{name}/kernel"], weights[f"{name}/bias"]


def live_filters(kernel: np.ndarray, threshold: float) -> np.ndarray:
    return np.abs(kernel).reshape(-1, kernel.shape[-1]).max(axis=0) > threshold


@dataclasses.dataclass(frozen=True)
class Branch:
    """What is left of a branch of the first layer: kernels [filters, frames, bands] and biases of the live filters.

    max(s * relu(c) + t) over frequency equals s * relu(max(c)) + t for s > 0 and s * relu(min(c)) + t for s < 0; the
    sign goes into the kernel, so that everything behind the pooling works on one row instead of up to 96.
    """

    kernels: np.ndarray
    biases: np.ndarray
    signs: np.ndarray
    norm: Affine
    live: np.ndarray
    constants: np.ndarray

    @classmethod
    def of(cls, weights: Weights, index: int, threshold: float) -> Branch:
        kernel, bias = conv_weights(weights, index)
        norm = Affine.of(weights, index + 1)
        live = live_filters(kernel, threshold)
        signs = np.where(norm.scale[live] < 0, -1.0, 1.0)
        kernels = kernel[:, :, 0, live].transpose(2, 0, 1) * signs[:, None, None]
        kept = Affine(norm.scale[live], norm.shift[live])
        return cls(kernels, bias[live] * signs, signs, kept, live, norm.scale * np.maximum(bias, 0) + norm.shift)

    def only(self, kept: np.ndarray) -> Branch:
        """Some of the live filters, bool [filters]; of the others nothing is put out."""
        norm = Affine(self.norm.scale[kept], self.norm.shift[kept])
        return dataclasses.replace(
            self, kernels=self.kernels[kept], biases=self.biases[kept], signs=self.signs[kept], norm=norm
        )


def pads_before_and_after(frames: int) -> tuple[int, int]:
    """TensorFlow's "same" puts the odd row at the end."""
    return (frames - 1) // 2, frames // 2


def highest_over_frequency(graph: Graph, image: str, branch: Branch) -> str:
    """The highest value of each filter over all places in frequency, by convolution: [patches, filters, frames]."""
    before, after = pads_before_and_after(branch.kernels.shape[1])
    kernels = graph.floats(branch.kernels[:, None])
    conv = graph.add("Conv", image, kernels, graph.floats(branch.biases), pads=[before, 0, after, 0])
    return graph.add("ReduceMax", conv, axes=[3], keepdims=0)


def highest_by_matrix(graph: Graph, mel: str, branch: Branch) -> str:
    """The same by one matrix that holds a filter at each of its places in time: [patches, filters, frames].

    Convolutions are computed in blocks of 8 filters: a few cost less as a matrix, though it multiplies more.
    """
    filters, length, _ = branch.kernels.shape
    before, _ = pads_before_and_after(length)
    taps = np.arange(audio.PATCH_FRAMES) - np.arange(audio.PATCH_FRAMES)[:, None] + before
    inside = (taps >= 0) & (taps < length)
    matrix = np.where(inside, branch.kernels[:, np.clip(taps, 0, length - 1), 0], 0)
    product = graph.add("MatMul", graph.floats(matrix.reshape(-1, audio.PATCH_FRAMES)), mel)
    highest = graph.add("ReduceMax", product, axes=[2], keepdims=0)
    shaped = graph.add("Reshape", highest, graph.ints(0, filters, audio.PATCH_FRAMES))
    return graph.add("Add", shaped, graph.floats(branch.biases[:, None]))


def spectrum_over_bands(graph: Graph, mel: str) -> str:
    """Discrete Fourier transform of each frame over its bands: [patches, real and imaginary parts of 49 bins, 187]."""
    turns = np.exp(-2j * np.pi * np.outer(np.arange(BINS), np.arange(audio.N_MELS)) / audio.N_MELS)
    matrix = np.stack([turns.real, turns.imag], axis=1).reshape(2 * BINS, audio.N_MELS)
    return graph.add("MatMul", graph.floats(matrix), graph.add("Transpose", mel, perm=[0, 2, 1]))


def highest_by_spectrum(graph: Graph, spectrum: str, branch: Branch) -> str:
    """The same as `highest_over_frequency`, by the theorem of convolution.

    A filter of h bands has 97 - h places. They wrap around nowhere, so a transform of 96 points suffices, and a
    product of spectra stands for h multiplications. Places are counted from the middle one: the values at n and -n
    are the sum and the difference of a cosine and a sine series, and the higher of them is c + |s|.
    """
    filters, _, bands = branch.kernels.shape
    places = audio.N_MELS - bands + 1
    bins = np.arange(BINS)
    turns = np.exp(2j * np.pi * np.outer(bins, np.arange(bands) + (places - 1) / 2) / audio.N_MELS)
    response = np.einsum("fkh,bh->bfk", branch.kernels, turns)
    real = np.stack([response.real, -response.imag], axis=2)  # bin, filter, part of the input, frame
    imaginary = np.stack([response.imag, response.real], axis=2)
    away = np.arange((places + 1) // 2) + (places % 2 == 0) / 2
    angles = 2 * np.pi * np.outer(away, bins) / audio.N_MELS
    weight = np.where((bins == 0) | (bins == BINS - 1), 1, 2) / audio.N_MELS
    pads = list(pads_before_and_after(branch.kernels.shape[1]))
    series = []
    for part, wave in ((real, np.cos(angles)), (imaginary, np.sin(angles))):
        kernels = graph.floats(part.reshape(BINS * filters, 2, -1))
        product = graph.add("Conv", spectrum, kernels, group=BINS, pads=pads)
        by_bin = graph.add("Reshape", product, graph.ints(0, BINS, filters * audio.PATCH_FRAMES))
        series.append(graph.add("MatMul", graph.floats(wave * weight), by_bin))
    both = graph.add("Add", series[0], graph.add("Abs", series[1]))
    highest = graph.add("ReduceMax", both, axes=[1], keepdims=0)
    shaped = graph.add("Reshape", highest, graph.ints(0, filters, audio.PATCH_FRAMES))
    return graph.add("Add", shaped, graph.floats(branch.biases[:, None]))


def frontend(graph: Graph, weights: Weights, thresholds: Sequence[float], stand_ins: StandIns | None) -> Channels:
    """Five branches on the normalised log-mel: two timbral (7 frames), three temporal (128, 64, 32 frames)."""
    mel = affine_layer(graph, "mel", Affine.of(weights, 0), (1,))
    image = graph.add("Unsqueeze", mel, graph.ints(1))
    spectrum = spectrum_over_bands(graph, mel)
    branches = [Branch.of(weights, index, thresholds[index]) for index in range(5)]
    ends = np.cumsum([len(branch.kernels) for branch in branches])
    outputs = []
    for branch, kept in zip(branches, np.split(stand_ins.kept, ends[:-1]) if stand_ins else [None] * 5, strict=True):
        few = branch if kept is None else branch.only(kept)
        filters, _, bands = few.kernels.shape
        if bands > 1:
            pooled = highest_by_spectrum(graph, spectrum, few)
        elif filters <= FEW_FILTERS:
            pooled = highest_by_matrix(graph, mel, few)
        else:
            pooled = highest_over_frequency(graph, image, few)
        rectified = graph.add("Relu", graph.add("Mul", pooled, graph.floats(few.signs[:, None])))
        outputs.append(affine_layer(graph, rectified, few.norm, (-1, 1)))
    channels = Channels.of(
        graph.add("Concat", *outputs, axis=1),
        np.concatenate([b.live for b in branches]),
        np.concatenate([b.constants for b in branches]),
    )
    return channels.stood_for(stand_ins) if stand_ins else channels


def midend_layer(graph: Graph, x: Channels, weights: Weights, *, index: int, threshold: float) -> Channels:
    """Convolution over 7 frames and all channels; a constant channel becomes a map that knows the padded edges."""
    kernel, bias = conv_weights(weights, index)
    kernel = kernel[:, :, 0, :]  # frames, in, out
    norm = Affine.of(weights, index + 1)
    live = live_filters(kernel, threshold)
    frames, reach = audio.PATCH_FRAMES, kernel.shape[0] // 2
    tap = np.einsum("i,kio->ko", x.constants, kernel[:, :, live])
    padded = np.pad(np.ones(frames), reach)
    inside = np.lib.stride_tricks.sliding_window_view(padded, kernel.shape[0])  # frame, tap: 0 where padded
    edges = (inside @ tap + bias[live]).T
    taken = np.einsum("kio,il->olk", kernel[:, :, live], x.shares)
    conv = graph.add("Conv", x.tensor, graph.floats(taken), pads=[reach, reach])
    rectified = graph.add("Relu", graph.add("Add", conv, graph.floats(edges)))
    output = affine_layer(graph, rectified, Affine(norm.scale[live], norm.shift[live]), (-1, 1))
    return Channels.of(output, live, norm.scale * np.maximum(bias, 0) + norm.shift)


def spread_out(graph: Graph, x: Channels) -> Channels:
    """All channels again, the dead ones as their constants, so that a residual can be added."""
    tensor = graph.add("Conv", x.tensor, graph.floats(x.shares[:, :, None]), graph.floats(x.constants))
    return Channels.of(tensor, np.ones(len(x.shares), bool), x.constants)


def backend(graph: Graph, layers: list[Channels], weights: Weights) -> None:
    """Mean and maximum over time of all layers, a dense layer of 200 (the embedding), a dense layer of 50 tags.

    The embedding is given standardised by the moving statistics of its own batch normalisation, so that distances
    need no corpus of ours. The means, maxima and standard deviations over time of all layers go out as `pools`.
    """
    features = graph.add("Concat", *(layer.tensor for layer in layers), axis=1)
    maximum = graph.add("ReduceMax", features, axes=[2], keepdims=0)
    mean_pool = graph.add("ReduceMean", features, axes=[2], keepdims=0)
    squares = graph.add("ReduceMean", graph.add("Mul", features, features), axes=[2], keepdims=0)
    variance = graph.add("Sub", squares, graph.add("Mul", mean_pool, mean_pool))
    graph.add("Concat", mean_pool, maximum, graph.add("Sqrt", graph.add("Relu", variance)), axis=1, output="pools")
    out = Affine.of(weights, 10)
    mean, deviation = moving_statistics(weights, 10)
    pools = graph.add("Concat", maximum, mean_pool, axis=1)
    rectified = graph.add("Relu", graph.add("Gemm", pools, *map(graph.floats, dense_layer(layers, weights))))
    graph.add("Mul", graph.add("Sub", rectified, graph.floats(mean)), graph.floats(1 / deviation), output="embedding")
    tags = weights["dense_1/kernel"] * out.scale[:, None]
    tags_bias = weights["dense_1/bias"] + out.shift @ weights["dense_1/kernel"]
    graph.add("Sigmoid", graph.add("Gemm", rectified, graph.floats(tags), graph.floats(tags_bias)), output="tags")


def dense_layer(layers: list[Channels], weights: Weights) -> tuple[np.ndarray, np.ndarray]:
    """Weights [2 * channels in tensors, 200] for maxima, then means, of all layers' tensors, and biases [200]."""
    norm = Affine.of(weights, 9)
    # The checkpoint interleaves [max, mean] per channel.
    kernel = (weights["dense/kernel"] * norm.scale[:, None]).reshape(-1, 2, weights["dense/bias"].size)
    bias = weights["dense/bias"] + norm.shift @ weights["dense/kernel"]
    of_maxima, of_means = [], []
    ends = np.cumsum([len(layer.shares) for layer in layers])[:-1]
    for layer, part in zip(layers, np.split(kernel, ends), strict=True):
        from_maxima, from_means = np.split(layer.highest_shares.T @ part[:, 0], 2)
        of_maxima.append(from_maxima)
        of_means.append(from_means + layer.shares.T @ part[:, 1])
        bias = bias + layer.highest_constants @ part[:, 0] + layer.constants @ part[:, 1]
    return np.concatenate(of_maxima + of_means), bias


def build(
    weights: Weights, thresholds: Sequence[float], metadata: dict[str, str], stand_ins: StandIns | None
) -> onnx.ModelProto:
    graph = Graph()
    front = frontend(graph, weights, thresholds, stand_ins)
    first = midend_layer(graph, front, weights, index=5, threshold=thresholds[5])
    residual = spread_out(graph, first)
    second = add_residual(graph, midend_layer(graph, first, weights, index=6, threshold=-1), residual)
    third = add_residual(graph, midend_layer(graph, second, weights, index=7, threshold=-1), second)
    layers = [front, first, second, third]
    backend(graph, layers, weights)
    pools = 3 * sum(layer.shares.shape[1] for layer in layers)
    onnx_graph = helper.make_graph(
        graph.nodes,
        "musicnn",
        [helper.make_tensor_value_info("mel", TensorProto.FLOAT, ["patches", audio.PATCH_FRAMES, audio.N_MELS])],
        [
            helper.make_tensor_value_info("tags", TensorProto.FLOAT, ["patches", weights["dense_1/bias"].size]),
            helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["patches", weights["dense/bias"].size]),
            helper.make_tensor_value_info("pools", TensorProto.FLOAT, ["patches", pools]),
        ],
        graph.initializers,
    )
    model = helper.make_model(onnx_graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    helper.set_model_props(model, metadata)
    onnx.checker.check_model(model, full_check=True)
    return model


def add_residual(graph: Graph, x: Channels, residual: Channels) -> Channels:
    return dataclasses.replace(x, tensor=graph.add("Add", x.tensor, residual.tensor))


def unpack_checkpoint(wheel: Path, name: str, folder: Path) -> Path:
    """Copy a checkpoint out of the wheel under a prefix that TensorFlow can open."""
    prefix = folder / name
    with zipfile.ZipFile(wheel) as archive:
        for suffix in (".index", ".meta", ".data-00000-of-00001"):
            prefix.with_suffix(suffix).write_bytes(archive.read(f"musicnn/{name}_musicnn/{suffix}"))
    return prefix


def read_weights(prefix: Path) -> Weights:
    """All trained variables, as float64 so that folding costs no precision."""
    reader = tf.train.load_checkpoint(str(prefix))
    names = [n for n in reader.get_variable_to_shape_map() if "Adam" not in n and "/" in n]
    return {name: reader.get_tensor(name).astype(np.float64) for name in names}


class Reference:
    """The authors' own graph, as saved beside the checkpoint, cut down to its forward pass."""

    OUTPUTS = ("model/Sigmoid", "model/dense/Relu")

    def __init__(self, prefix: Path) -> None:
        meta = tf.compat.v1.MetaGraphDef()
        meta.ParseFromString(prefix.with_suffix(".meta").read_bytes())
        for node in meta.graph_def.node:
            node.attr.pop("_output_shapes", None)
        forward = tf.compat.v1.graph_util.extract_sub_graph(meta.graph_def, [*self.OUTPUTS, "save/restore_all"])
        graph = tf.Graph()
        with graph.as_default():
            tf.compat.v1.import_graph_def(forward, name="")
        placeholders = [o.outputs[0] for o in graph.get_operations() if o.type == "Placeholder"]
        (self.mel,) = (t for t in placeholders if t.dtype == tf.float32 and t.shape.rank == 3)
        (self.is_training,) = (t for t in placeholders if t.dtype == tf.bool)
        config = tf.compat.v1.ConfigProto(intra_op_parallelism_threads=1, inter_op_parallelism_threads=1)
        self.session = tf.compat.v1.Session(graph=graph, config=config)
        self.session.run("save/restore_all", {"save/Const:0": str(prefix)})

    def run(self, mel: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Tags [n, 50] and the rectified dense layer before them [n, 200]."""
        tags, dense = self.session.run([f"{name}:0" for name in self.OUTPUTS], {self.mel: mel, self.is_training: False})
        return tags, dense


def real_patches(folder: Path, count: int) -> np.ndarray:
    """The first patches of files below a folder, float32 [count, 187, 96]."""
    patches: list[np.ndarray] = []
    for path in sorted(p for p in folder.rglob("*") if p.suffix.lower() in scan.SUFFIXES):
        try:
            with audio.open_recording(str(path)) as recording:
                patches.extend(next(audio.hear(recording, audio.Meter())).patches)
        except UnheardError as error:
            print(f"passed over {path}: {error}", file=sys.stderr)
        if len(patches) >= count:
            return np.stack(patches[:count])
    sys.exit(f"{folder}: found {len(patches)} patches, {count} are needed for the check")


def seconds_per_patch(run: Any, patches: np.ndarray) -> float:
    run(patches[:1])
    started = time.perf_counter()
    for patch in patches:
        run(patch[None])
    return (time.perf_counter() - started) / len(patches)


def metadata_of(name: str) -> dict[str, str]:
    own = {"name": f"musicnn-{name.lower()}", "version": VERSIONS[name], "labels": TAGS[name]}
    return {**audio.mel_settings(), **own}


def session_of(model: onnx.ModelProto) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def export(name: str, *, wheel: Path, out: Path, patches: np.ndarray, scratch: Path) -> None:
    prefix = unpack_checkpoint(wheel, name, scratch)
    weights = read_weights(prefix)
    metadata = metadata_of(name)
    reference = Reference(prefix)
    tags, dense = reference.run(patches)
    exact = session_of(build(weights, DEAD_BELOW[name], metadata, None))
    tag_difference = float(np.abs(tags - exact.run(["tags"], {"mel": patches})[0]).max())
    model = build(weights, DEAD_BELOW[name], metadata, StandIns.load(name))
    few = session_of(model)
    few_tags, embedding = few.run(["tags", "embedding"], {"mel": patches})
    mean, deviation = moving_statistics(weights, 10)
    correlation = float(np.corrcoef(((dense - mean) / deviation).ravel(), embedding.ravel())[0, 1])
    mean_difference = float(np.abs(tags - few_tags).mean())
    print(
        f"{name}: {len(patches)} patches, largest difference of a tag without stand-ins {tag_difference:.1e}, with "
        f"them in the mean {mean_difference:.4f}, correlation of the embedding {correlation:.4f}"
    )
    for title, run in (
        ("TensorFlow", reference.run),
        ("without stand-ins", lambda mel: exact.run(None, {"mel": mel})),
        ("with them", lambda mel: few.run(None, {"mel": mel})),
    ):
        print(f"  {title}: {seconds_per_patch(run, patches) * 1e3:.1f} ms per 3-second patch on one core")
    if tag_difference > MAX_TAG_DIFFERENCE:
        sys.exit(f"{name}: differs from the original by more than {MAX_TAG_DIFFERENCE}: not written")
    path = out / f"musicnn_{name.lower()}.onnx"
    path.write_bytes(model.SerializeToString())
    print(f"  {sum(w.size for w in weights.values()) * 4e-6:.1f} -> {path.stat().st_size * 1e-6:.1f} MB")
    measured = {
        "tag_difference_without_stand_ins": float(f"{tag_difference:.1e}"),
        "mean_tag_difference": round(mean_difference, 4),
        "embedding_correlation": round(correlation, 4),
        "patches": len(patches),
    }
    update_manifest(path, {"version": f"{metadata['name']}-{metadata['version']}", "quality": measured})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", type=Path, required=True, metavar="FOLDER", help="music to compare on")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent.parent / "models")
    parser.add_argument("--patches", type=int, default=100, help=f"how many, at least {MIN_PATCHES}")
    args = parser.parse_args()
    patches = real_patches(args.check, max(args.patches, MIN_PATCHES))
    with tempfile.TemporaryDirectory() as scratch:
        export_lyrics.export(args.out, Path(scratch))
        wheel = fetch_wheel(WHEEL, WHEEL_SHA256, Path(scratch))
        for name in TAGS:
            export(name, wheel=wheel, out=args.out, patches=patches, scratch=Path(scratch))


if __name__ == "__main__":
    main()
