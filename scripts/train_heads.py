#!/usr/bin/env python3
"""Train the emotion and style heads and write models/emotion.onnx, models/style.onnx and their measured quality.

    pip install -e '.[export]'
    python scripts/train_heads.py DATA

DATA holds quadrants, gems and styles_short, each as .csv and .npz: log-mel spectrograms of labelled clips in the
input format of MusiCNN. A head is a softmax model, P(label | x) = softmax(W x + b), trained by gradient descent on the
cross-entropy with an L2 penalty; its gradient is the mean of (p - y) x. Cross-validation keeps each artist on one side
of every split; probabilities are calibrated by one temperature on the held-out logits.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import json
import multiprocessing
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import onnx
from model_files import IR_VERSION, OPSET, update_manifest
from onnx import TensorProto, helper, numpy_helper
from sklearn.metrics import accuracy_score, f1_score, roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from musictaste import audio
from musictaste.inference import Model
from musictaste.moods import EMOTIONS, STYLES
from musictaste.quality import NETWORKS

Array = np.ndarray

SETS = ("quadrants", "gems", "styles_short")
MEL_STEP = 40
FOLDS = 10
SEEDS = 5
STEPS = 150
CALIBRATION_BINS = 15
HEAD_VERSION = "2"

EMOTION_PENALTY = 0.2
STYLE_PENALTY = 0.3
EMOTION_PRECISION = 0.75
STYLE_PRECISION = 0.7
LEAST_RECALL = 0.25

GTZAN_STYLES = {"hiphop": "hip-hop"}
ALLMUSIC_STYLES = {
    "Jazz": ("jazz",),
    "Electronic": ("electronic", "ambient"),
    "Country": ("country",),
    "R&B": ("soul",),
    "Blues": ("blues",),
    "Folk": ("folk",),
    "Rap": ("hip-hop",),
    "New Age": ("ambient",),
    "Reggae": ("reggae",),
    "Classical": ("classical",),
    "Pop/Rock": ("rock", "pop", "metal", "punk"),
    "Easy Listening": ("pop",),
}
"""What an AllMusic genre may be called here; between several, the tags of MusiCNN decide."""

TEACHER_TAGS = {
    "ambient": ("ambient",),
    "blues": ("blues",),
    "country": ("country",),
    "electronic": ("electronic", "electronica", "electro", "House"),
    "folk": ("folk",),
    "hip-hop": ("Hip-Hop",),
    "jazz": ("jazz",),
    "metal": ("metal", "heavy metal"),
    "pop": ("pop", "indie pop"),
    "punk": ("punk",),
    "rock": ("rock", "alternative rock", "classic rock", "indie rock", "hard rock"),
    "soul": ("soul", "rnb", "funk"),
}
INDEPENDENT_GENRE = {"ambient": "New Age", "electronic": "Electronic", "folk": "Folk", "soul": "R&B"}
"""The AllMusic genre that styles outside of GTZAN's ten are measured against."""


@dataclasses.dataclass(frozen=True)
class Clips:
    """One labelled set: mean embeddings [n, d], mean MSD tags [n, 50], labels, artists, genres."""

    x: Array
    tags: Array
    labels: Array
    groups: Array
    genres: list[tuple[str, ...]]


@dataclasses.dataclass(frozen=True)
class Softmax:
    """Weights [d, k] and biases [k] on embeddings as they are (standardisation is folded in)."""

    weights: Array
    bias: Array

    def logits(self, x: Array) -> Array:
        return x @ self.weights + self.bias


def softmax(logits: Array) -> Array:
    exponents = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponents / exponents.sum(axis=1, keepdims=True)


def train(x: Array, targets: Array, penalty: float) -> Softmax:
    """Gradient descent with Nesterov momentum on the mean cross-entropy plus penalty / 2 * |W|^2.

    `targets` [n, k] are distributions. The step is one over the largest curvature and the momentum follows from the
    condition number (Nesterov, 2004), so descent neither overshoots nor needs tuning.
    """
    mean, deviation = x.mean(axis=0), x.std(axis=0) + 1e-6
    z, targets = ((x - mean) / deviation).astype(np.float32), targets.astype(np.float32)
    curvature = 0.5 * largest_eigenvalue(z) + penalty
    root = np.sqrt(penalty / curvature)
    momentum = (1 - root) / (1 + root)
    weights, bias = np.zeros((z.shape[1], targets.shape[1]), np.float32), np.log(targets.mean(axis=0) + 1e-6)
    step, bias_step = np.zeros_like(weights), np.zeros_like(bias)
    for _ in range(STEPS):
        ahead, bias_ahead = weights + momentum * step, bias + momentum * bias_step
        error = (softmax(z @ ahead + bias_ahead) - targets) / len(z)
        step = momentum * step - (z.T @ error + penalty * ahead) / curvature
        bias_step = momentum * bias_step - error.sum(axis=0)
        weights, bias = weights + step, bias + bias_step
    scaled = weights.astype(np.float64) / deviation[:, None]
    return Softmax(scaled, bias - mean @ scaled)


def largest_eigenvalue(z: Array) -> float:
    """Of the covariance z' z / n, by power iteration."""
    vector = np.ones(z.shape[1], np.float32)
    for _ in range(30):
        vector = z.T @ (z @ vector) / len(z)
        vector /= np.linalg.norm(vector)
    return 1.02 * float(np.linalg.norm(z @ vector) ** 2 / len(z))


def cross_validate(
    x: Array,
    targets: Array,
    penalty: float,
    folds: Iterator[tuple[Array, Array]],
    extra: tuple[Array, Array] | None = None,
) -> Array:
    """Held-out logits [n, k]; `extra` examples are always trained on."""
    held_out = np.zeros(targets.shape)
    for training, testing in folds:
        examples, answers = x[training], targets[training]
        if extra is not None:
            examples, answers = np.vstack([examples, extra[0]]), np.vstack([answers, extra[1]])
        held_out[testing] = train(examples, answers, penalty).logits(x[testing])
    return held_out


def temperature(logits: Array, labels: Array) -> float:
    """The number to divide logits by so that the likelihood of held-out labels is highest (Guo et al., 2017)."""
    candidates = np.geomspace(0.2, 5, 200)
    losses = [-np.log(softmax(logits / t)[np.arange(len(labels)), labels] + 1e-12).mean() for t in candidates]
    return float(candidates[int(np.argmin(losses))])


def calibration_error(probabilities: Array, truth: Array) -> float:
    """Expected calibration error of the top label over 15 equal bins."""
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth
    bins = np.minimum((confidence * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    gaps = [abs(confidence[bins == b].sum() - right[bins == b].sum()) for b in range(CALIBRATION_BINS)]
    return float(sum(gaps) / len(truth))


def threshold_for(precision: float, scores: Array, truth: Array) -> dict[str, float]:
    """The lowest threshold from which on at least `precision` of what passes is right, and what it then finds.

    Where that finds less than `LEAST_RECALL`, the threshold of the best F1 is taken and its lower precision told.
    """
    order = np.argsort(-scores)
    right = np.cumsum(truth[order])
    precisions = right / np.arange(1, len(order) + 1)
    enough = np.flatnonzero((precisions >= precision) & (np.arange(len(order)) >= 4))
    last = int(enough[-1]) if len(enough) else 0
    if right[last] < LEAST_RECALL * truth.sum():
        last = int(np.argmax(2 * right / (np.arange(1, len(order) + 1) + truth.sum())))
    return {
        "threshold": float(np.ceil(scores[order[last]] * 100 - 1e-9) / 100),
        "precision": float(precisions[last]),
        "recall": float(right[last] / max(truth.sum(), 1)),
        "auroc": float(roc_auc_score(truth, scores)),
        "examples": int(truth.sum()),
    }


# Data


def patches_of(mel: Array, frames: int) -> Array:
    """uint8 log-mel [t, 96] as the patches that listening would make of it."""
    power = (10 ** (mel[:frames].astype(np.float32) / MEL_STEP) - 1) / audio.LOG_SCALE
    return audio.to_patches(power)


_networks: list[Model] = []


def embed(clip: tuple[Array, int]) -> tuple[Array, Array]:
    """Embeddings [n, d] in the order of inference.Embedder, and MSD tags [n, 50], of one clip's patches."""
    if not _networks:
        _networks.extend(Model(name) for name in NETWORKS)
    patches = patches_of(*clip)
    outputs = [network.run(patches, "embedding", "pools", "tags") for network in _networks]
    return np.hstack([o[0] for o in outputs] + [o[1] for o in outputs]), outputs[0][2]


def load(name: str, data: Path, cache: Path | None) -> Clips:
    rows = list(csv.DictReader((data / f"{name}.csv").read_text(encoding="utf-8").splitlines()))
    stored = cache / f"{name}.npz" if cache else None
    if stored and stored.exists():
        arrays = np.load(stored)
        x, tags = arrays["x"], arrays["tags"]
    else:
        clips = np.load(data / f"{name}.npz")
        with multiprocessing.Pool() as pool:
            heard = pool.map(embed, zip(clips["mel"], clips["frames"], strict=True), chunksize=8)
        x = np.array([embeddings.mean(axis=0) for embeddings, _ in heard], np.float32)
        tags = np.array([tags.mean(axis=0) for _, tags in heard], np.float32)
        if stored:
            np.savez(stored, x=x, tags=tags)
    labels = np.array([row["label"] for row in rows])
    groups = np.array([row["group"] for row in rows])
    return Clips(x.astype(np.float64), tags, labels, groups, [tuple(row["genres"].split("; ")) for row in rows])


def one_hot(labels: Array, names: tuple[str, ...]) -> Array:
    return np.eye(len(names))[[names.index(label) for label in labels]]


def teacher_evidence(tags: Array) -> Array:
    """Log of each style's strongest MSD tag relative to that tag's mean, [n, k]; zero where no tag names the style."""
    names = Model("musicnn_msd").labels
    relative = np.log(tags + 1e-4) - np.log(tags.mean(axis=0) + 1e-4)
    evidence = np.zeros((len(tags), len(STYLES)))
    for style, words in TEACHER_TAGS.items():
        evidence[:, STYLES.index(style)] = relative[:, [names.index(word) for word in words]].max(axis=1)
    return evidence


def partial_targets(clips: Clips) -> tuple[Array, Array]:
    """Distributions over the styles that a clip's genres allow, and which clips have any."""
    allowed = np.zeros((len(clips.x), len(STYLES)), bool)
    for row, genres in enumerate(clips.genres):
        for genre in genres:
            for style in ALLMUSIC_STYLES.get(genre, ()):
                allowed[row, STYLES.index(style)] = True
    usable = allowed.any(axis=1)
    evidence = np.where(allowed, teacher_evidence(clips.tags), -np.inf)
    targets = np.zeros(allowed.shape)
    targets[usable] = softmax(evidence[usable])
    return targets, usable


# The two heads


def emotion_head(quadrants: Clips) -> tuple[Softmax, dict[str, object]]:
    truth = np.array([EMOTIONS.index(label) for label in quadrants.labels])
    targets = one_hot(quadrants.labels, EMOTIONS)
    runs = []
    for seed in range(SEEDS):
        folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed).split(quadrants.x, truth, quadrants.groups)
        runs.append(cross_validate(quadrants.x, targets, EMOTION_PENALTY, folds))
    scores = [f1_score(truth, logits.argmax(axis=1), average="macro") for logits in runs]
    scale = temperature(np.vstack(runs), np.tile(truth, SEEDS))
    held_out = [softmax(logits / scale) for logits in runs]
    valence = [roc_auc_score(np.isin(quadrants.labels, ["happy", "calm"]), p[:, 0] + p[:, 3]) for p in held_out]
    arousal = [roc_auc_score(np.isin(quadrants.labels, ["happy", "angry"]), p[:, 0] + p[:, 2]) for p in held_out]
    quality = {
        "macro_f1": spread(scores),
        "valence_auroc": spread(valence),
        "arousal_auroc": spread(arousal),
        "calibration_error": spread([calibration_error(p, truth) for p in held_out]),
    }
    mean = np.mean(held_out, axis=0)
    labels = {m: threshold_for(EMOTION_PRECISION, mean[:, i], truth == i) for i, m in enumerate(EMOTIONS)}
    model = train(quadrants.x, targets, EMOTION_PENALTY)
    return Softmax(model.weights / scale, model.bias / scale), {"quality": quality, "labels": labels}


def style_head(short: Clips, gems: Clips, quadrants: Clips) -> tuple[Softmax, dict[str, object]]:
    short_labels = np.array([GTZAN_STYLES.get(label, label) for label in short.labels])
    truth = np.array([STYLES.index(label) for label in short_labels])
    short_targets = one_hot(short_labels, STYLES)
    gems_targets = one_hot(np.array([genres[0] for genres in gems.genres]), STYLES)
    partial, usable = partial_targets(quadrants)
    others = np.vstack([gems.x, quadrants.x[usable]]), np.vstack([gems_targets, partial[usable]])

    def validate(folds: Callable[[int], Iterator[tuple[Array, Array]]]) -> list[Array]:
        return [cross_validate(short.x, short_targets, STYLE_PENALTY, folds(seed), others) for seed in range(SEEDS)]

    runs = validate(lambda seed: StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(short.x, truth))
    blocks = np.arange(len(truth)) // 5
    blocked = validate(
        lambda seed: StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed).split(short.x, truth, blocks)
    )
    ten = np.isin(np.arange(len(STYLES)), truth)
    scale = temperature(np.vstack(runs), np.tile(truth, SEEDS))
    held_out = [softmax(logits / scale) for logits in runs]
    quality = {
        "accuracy": spread([accuracy_score(truth, logits.argmax(axis=1)) for logits in runs]),
        "accuracy_among_ten": spread([accuracy_score(truth, np.where(ten, r, -np.inf).argmax(axis=1)) for r in runs]),
        "accuracy_neighbours_apart": spread([accuracy_score(truth, logits.argmax(axis=1)) for logits in blocked]),
        "calibration_error": spread([calibration_error(p, truth) for p in held_out]),
    }
    labels = {}
    mean = np.mean(held_out, axis=0)
    clips = softmax(held_out_clips(quadrants, partial, usable, (short, short_targets), (gems, gems_targets)) / scale)
    for index, style in enumerate(STYLES):
        if ten[index]:
            labels[style] = threshold_for(STYLE_PRECISION, mean[:, index], truth == index)
        elif style in INDEPENDENT_GENRE:
            right = np.array([INDEPENDENT_GENRE[style] in genres for genres in quadrants.genres])
            labels[style] = threshold_for(STYLE_PRECISION, clips[:, index], right)
        else:
            labels[style] = {"threshold": 0.5}
    everything = np.vstack([short.x, others[0]]), np.vstack([short_targets, others[1]])
    model = train(*everything, STYLE_PENALTY)
    return Softmax(model.weights / scale, model.bias / scale), {"quality": quality, "labels": labels}


def held_out_clips(quadrants: Clips, partial: Array, usable: Array, *others: tuple[Clips, Array]) -> Array:
    """Style logits of the 30-second clips, each from a head that never heard its artist."""
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=0).split(
        quadrants.x, quadrants.labels, quadrants.groups
    )
    examples, targets = np.vstack([c.x for c, _ in others]), np.vstack([t for _, t in others])
    known = ((training[usable[training]], testing) for training, testing in folds)
    return cross_validate(quadrants.x, partial, STYLE_PENALTY, known, (examples, targets))


def spread(values: list[float]) -> list[float]:
    """Mean and standard deviation over seeds."""
    return [round(float(np.mean(values)), 4), round(float(np.std(values)), 4)]


def to_onnx(name: str, head: Softmax, labels: tuple[str, ...]) -> onnx.ModelProto:
    graph = helper.make_graph(
        [
            helper.make_node("Gemm", ["embedding", "weights", "bias"], ["logits"]),
            helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
        ],
        name,
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["tracks", len(head.weights)])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["tracks", len(labels)])],
        [
            numpy_helper.from_array(head.weights.astype(np.float32), "weights"),
            numpy_helper.from_array(head.bias.astype(np.float32), "bias"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    embedder = "+".join(Model(network).version for network in NETWORKS)
    metadata = {"name": name, "version": HEAD_VERSION, "labels": ",".join(labels), "embedder": embedder}
    helper.set_model_props(model, metadata)
    onnx.checker.check_model(model, full_check=True)
    return model


def write(
    name: str, head: Softmax, labels: tuple[str, ...], measured: dict[str, object], *, check: Array, out: Path
) -> None:
    """Write the model, compare it with the weights it came from, and note its measured quality."""
    path = out / f"{name}.onnx"
    path.write_bytes(to_onnx(name, head, labels).SerializeToString())
    (probabilities,) = Model(name, path=path).run(check.astype(np.float32), "probabilities")
    difference = float(np.abs(probabilities - softmax(head.logits(check))).max())
    print(f"\n{name}: largest difference of a probability from the trained weights {difference:.1e}")
    print(json.dumps(measured, indent=2))
    update_manifest(path, {"version": f"{name}-{HEAD_VERSION}", **measured})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder with quadrants, gems and styles_short (.csv and .npz)")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent.parent / "models")
    parser.add_argument("--cache", type=Path, help="folder to keep embeddings in between runs")
    args = parser.parse_args()
    quadrants, gems, short = (load(name, args.data, args.cache) for name in SETS)
    head, measured = emotion_head(quadrants)
    write("emotion", head, EMOTIONS, measured, check=quadrants.x, out=args.out)
    head, measured = style_head(short, gems, quadrants)
    write("style", head, STYLES, measured, check=short.x, out=args.out)


if __name__ == "__main__":
    main()
