#!/usr/bin/env python3
"""Make the head that hears whether there is a voice, and write models/voice.onnx and its measured quality.

    pip install -e '.[export]'
    python scripts/train_voice.py DATA

Both networks were trained to tag voices, so nothing has to be learned but how sure they are: the head is their output
layers for those tags, read out of models/musicnn_*.onnx. The layers below are linear in what is kept of a track, so
the head finds the mean over a track's patches of each tag's logit, exactly; the check compares that with the mean of
the tag itself. One score is made of the strongest tag for and against a voice in each network, and turned into a
probability on genres that are mostly sung and mostly not (Platt, 1999), since no labels by ear are at hand.

DATA is the folder that scripts/train_heads.py trains on. Nothing here is drawn at random.
"""

from __future__ import annotations

import argparse
import csv
import multiprocessing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from model_files import IR_VERSION, OPSET, Graph, update_manifest
from onnx import TensorProto, helper, numpy_helper
from sklearn.metrics import roc_auc_score
from train_heads import SETS, patches_of, platt, sigmoid

from musictaste.inference import PENULTIMATE, Model, model_path
from musictaste.quality import NETWORKS

Array = np.ndarray

VERSION = "2"
TAGS: dict[str, dict[str, tuple[str, ...]]] = {
    "musicnn_msd": {
        "for": ("female vocalists", "male vocalists", "female vocalist"),
        "against": ("instrumental",),
    },
    "musicnn_mtt": {
        "for": ("vocal", "female", "opera", "male", "singing", "vocals", "woman", "male vocal", "man", "choir", "voice",
                "male voice", "female vocal", "female voice", "choral"),
        "against": ("no vocals", "no vocal", "no voice"),
    },
}  # fmt: skip
"""Tags that speak of a voice, and those that speak of none."""

SUNG = {"Rap", "Vocal", "Country", "R&B", "Folk", "Blues"}
OFTEN_PLAYED = {"New Age", "Classical", "Jazz", "Stage & Screen"}
PLAYED = "classical"
"""AllMusic's genres that are mostly sung, unless one that often is not is named as well; the genre of Emotify and of
GTZAN that is mostly played."""

INSTRUMENTAL_TO, VOCAL_FROM = 0.35, 0.8
"""Up to where a track is called instrumental and from where vocal; between the two nothing is said. At 0.2
hardly less of what is sung would be called instrumental, and much less of what is played."""


@dataclass(frozen=True)
class Layer:
    """Weights [200, k] and biases [k] of a network's output layer, for its embedding as it is kept."""

    weights: Array
    bias: Array


@dataclass(frozen=True)
class Clips:
    """Mean embeddings [n, d], means over patches of the tags [n, k] in the order of `columns`, and genres."""

    x: Array
    tags: Array
    genres: list[set[str]]
    names: list[str]


def columns() -> list[tuple[str, str, str]]:
    """Network, side and tag of every column of the head's own layer."""
    return [(name, side, tag) for name in NETWORKS for side, tags in TAGS[name].items() for tag in tags]


def output_layer(name: str) -> Layer:
    """The layer from the standardised embedding to the logits of the tags of TAGS, read out of a network's file."""
    model = onnx.load(model_path(name))
    values = {each.name: numpy_helper.to_array(each) for each in model.graph.initializer}
    made_by = {node.output[0]: node for node in model.graph.node}
    _, kernel, bias = made_by[made_by["tags"].input[0]].input
    centred, scale = made_by["embedding"].input
    mean, deviation = values[made_by[centred].input[1]], 1 / values[scale]
    labels = Model(name).labels
    picked = [labels.index(tag) for tags in TAGS[name].values() for tag in tags]
    weights = values[kernel][:, picked]
    return Layer(weights * deviation[:, None], values[bias][picked] + mean @ weights)


def joint_layer() -> Layer:
    """Both output layers as one on the first part of the embedding, [400, k]."""
    layers = [output_layer(name) for name in NETWORKS]
    weights = np.zeros((PENULTIMATE * len(layers), len(columns())))
    column = 0
    for i, layer in enumerate(layers):
        weights[i * PENULTIMATE : (i + 1) * PENULTIMATE, column : column + len(layer.bias)] = layer.weights
        column += len(layer.bias)
    return Layer(weights, np.concatenate([layer.bias for layer in layers]))


def score(logits: Array) -> Array:
    """The strongest tag for a voice less the strongest against one, in both networks together, [n]."""
    total = np.zeros(len(logits))
    for name in NETWORKS:
        for side, sign in (("for", 1), ("against", -1)):
            rows = [i for i, (network, of, _) in enumerate(columns()) if (network, of) == (name, side)]
            total += sign * logits[:, rows].max(axis=1)
    return total


_networks: list[Model] = []


def hear(clip: tuple[Array, int]) -> tuple[Array, Array]:
    """The mean embedding [d] of one clip and the mean of its tags [k]."""
    if not _networks:
        _networks.extend(Model(name) for name in NETWORKS)
    patches = patches_of(*clip)
    outputs = [network.run(patches, "embedding", "pools", "tags") for network in _networks]
    labels = {name: network.labels for name, network in zip(NETWORKS, _networks, strict=True)}
    tags = dict(zip(NETWORKS, (o[2] for o in outputs), strict=True))
    picked = [tags[name][:, labels[name].index(tag)].mean() for name, _, tag in columns()]
    return np.hstack([o[0] for o in outputs] + [o[1] for o in outputs]).mean(axis=0), np.array(picked)


def load(data: Path, cache: Path | None) -> Clips:
    x, tags, genres, names = [], [], [], []
    for name in SETS:
        rows = list(csv.DictReader((data / f"{name}.csv").read_text(encoding="utf-8").splitlines()))
        stored = cache / f"{name}_voice.npz" if cache else None
        if stored and stored.exists():
            arrays = np.load(stored)
            heard = list(zip(arrays["x"], arrays["tags"], strict=True))
        else:
            clips = np.load(data / f"{name}.npz")
            with multiprocessing.Pool() as pool:
                heard = pool.map(hear, zip(clips["mel"], clips["frames"], strict=True), chunksize=8)
            if stored:
                np.savez(stored, x=np.array([h[0] for h in heard]), tags=np.array([h[1] for h in heard]))
        x += [h[0] for h in heard]
        tags += [h[1] for h in heard]
        genres += [set(row["genres"].split("; ")) for row in rows]
        names += [name] * len(rows)
    return Clips(np.array(x), np.array(tags), genres, names)


def build(layer: Layer, slope: float, offset: float) -> onnx.ModelProto:
    graph = Graph()
    kept = graph.add("Slice", "embedding", graph.ints(0), graph.ints(len(layer.weights)), graph.ints(1))
    logits = graph.add("Gemm", kept, graph.floats(layer.weights), graph.floats(layer.bias))
    sizes = [len(tags) for name in NETWORKS for tags in TAGS[name].values()]
    parts = [f"part{i}" for i in range(len(sizes))]
    graph.nodes.append(helper.make_node("Split", [logits, graph.ints(*sizes)], parts, axis=1))
    strongest = [graph.add("ReduceMax", part, axes=[1], keepdims=1) for part in parts]
    signs = graph.floats([[slope], [-slope]] * len(NETWORKS))
    vocal = graph.add("Gemm", graph.add("Concat", *strongest, axis=1), signs, graph.floats([offset]))
    both = graph.add("Concat", vocal, graph.add("Neg", vocal), axis=1)
    graph.add("Softmax", graph.add("Mul", both, graph.floats(0.5)), output="probabilities", axis=1)
    size = sum(Model(name).run(np.zeros((1, 187, 96), np.float32), "pools")[0].shape[1] for name in NETWORKS)
    onnx_graph = helper.make_graph(
        graph.nodes,
        "voice",
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["tracks", len(layer.weights) + size])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["tracks", 2])],
        graph.initializers,
    )
    model = helper.make_model(onnx_graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    embedder = "+".join(Model(network).version for network in NETWORKS)
    metadata = {"name": "voice", "version": VERSION, "labels": "vocal,instrumental", "embedder": embedder}
    helper.set_model_props(model, metadata)
    onnx.checker.check_model(model, full_check=True)
    return model


def report(p: Array, sung: Array, played: Array, clips: Clips) -> dict[str, float]:
    """Print what is answered per genre; return the figures on those that are mostly sung and mostly played."""
    print(f"\n{'':26} clips    vocal  instrumental")
    every = sorted({(name, genre) for name, of in zip(clips.names, clips.genres, strict=True) for genre in of})
    for name, genre in every:
        rows = np.array([n == name and genre in of for n, of in zip(clips.names, clips.genres, strict=True)])
        shares = (p[rows] >= VOCAL_FROM).mean(), (p[rows] <= INSTRUMENTAL_TO).mean()
        print(f"{name:12} {genre:16} {rows.sum():4} {shares[0]:8.2f} {shares[1]:8.2f}")
    truth = np.r_[np.ones(sung.sum()), np.zeros(played.sum())]
    return {
        "auroc": roc_auc_score(truth, np.r_[p[sung], p[played]]),
        "sung_called_instrumental": (p[sung] <= INSTRUMENTAL_TO).mean(),
        "sung_called_vocal": (p[sung] >= VOCAL_FROM).mean(),
        "played_called_vocal": (p[played] >= VOCAL_FROM).mean(),
        "played_called_instrumental": (p[played] <= INSTRUMENTAL_TO).mean(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder with quadrants, gems and styles_short (.csv and .npz)")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent.parent / "models")
    parser.add_argument("--cache", type=Path, help="folder to keep embeddings in between runs")
    args = parser.parse_args()
    clips, layer = load(args.data, args.cache), joint_layer()
    logits = clips.x[:, : len(layer.weights)] @ layer.weights + layer.bias
    agreement = [np.corrcoef(sigmoid(logits[:, i]), clips.tags[:, i])[0, 1] for i in range(len(columns()))]
    for (name, _, tag), r in zip(columns(), agreement, strict=True):
        print(f"{name} {tag:18} correlation with the mean of the tag over patches {r:.3f}")
    sung = np.array([bool(of & SUNG) and not of & OFTEN_PLAYED for of in clips.genres])
    played = np.array([of == {PLAYED} for of in clips.genres])
    truth = np.r_[np.ones(sung.sum()), np.zeros(played.sum())]
    slope, offset = platt(np.r_[score(logits)[sung], score(logits)[played]], truth)
    path = args.out / "voice.onnx"
    path.write_bytes(build(layer, slope, offset).SerializeToString())
    p = Model("voice", path=path).run(clips.x.astype(np.float32), "probabilities")[0][:, 0]
    difference = np.abs(p - sigmoid(slope * score(logits) + offset)).max()
    print(f"\nlargest difference of a probability from the layers it is made of {difference:.1e}")
    figures = {"tag_correlation_mean": float(np.mean(agreement)), "tag_correlation_least": float(np.min(agreement))}
    figures |= report(p, sung, played, clips)
    quality = {name: float(np.round(value, 4)) for name, value in figures.items()}
    print(f"\n{sung.sum()} clips of genres that are sung, {played.sum()} of one that is played\n{quality}")
    limits = {"instrumental_to": INSTRUMENTAL_TO, "vocal_from": VOCAL_FROM}
    update_manifest(path, {"version": f"voice-{VERSION}", "quality": quality, **limits})


if __name__ == "__main__":
    main()
