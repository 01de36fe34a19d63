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
from fractions import Fraction
from pathlib import Path

import numpy as np
import onnx
from model_files import IR_VERSION, OPSET, update_manifest
from onnx import TensorProto, helper, numpy_helper
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score, roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from musictaste import audio
from musictaste.inference import Model
from musictaste.moods import EMOTIONS, FINER_MOODS, MOODS
from musictaste.quality import NETWORKS
from musictaste.styles import STYLES

Array = np.ndarray

SETS = ("quadrants", "gems", "styles_short")
MEL_STEP = 40
FOLDS = 10
SEEDS = 5
STEPS = 150
CALIBRATION_BINS = 15
HEAD_VERSION = "4"

EMOTION_PENALTY = 0.2
FINER_PENALTY = 0.3
STYLE_PENALTY = 0.5
GEMS_WEIGHT = 0.1
OTHERS_WEIGHT = {"in_cuts": 0.1, "elsewhere": 0.5}
"""How much a 30-second clip weighs beside a cut of GTZAN, by whether its style is among those of the cuts or not."""

EMOTION_PRECISION = 0.75
FINER_PRECISION = 0.6
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
GEMS_EMOTIONS = {
    "happy": {"joyful_activation": 1.0, "amazement": 0.3},
    "sad": {"sadness": 1.0, "nostalgia": 0.4},
    "angry": {"tension": 1.0, "power": 0.2},
    "calm": {"calmness": 1.0, "tenderness": 0.4},
}
"""Which of the nine emotions of the Geneva Emotional Music Scale speak for which quadrant, and how loudly."""

VOTED_SHARE = 0.25
"""A clip of Emotify has an emotion when it is in the upper quarter by votes for it."""

MOOD_EVIDENCE: dict[str, tuple[tuple[str, ...], str | None]] = {
    "energetic": (
        ("Energetic", "Exciting", "Rousing", "Lively", "Fiery", "Boisterous", "Exuberant", "Rowdy", "Rambunctious",
         "Raucous", "Explosive", "Rollicking", "Thrilling", "Effervescent", "Manic", "Celebratory"),
        "joyful_activation",
    ),
    "party": (
        ("Celebratory", "Fun", "Rowdy", "Exuberant", "Boisterous", "Rollicking", "Raucous", "Lively", "Carefree",
         "Hedonistic", "Pulsing"),
        None,
    ),
    "romantic": (
        ("Romantic", "Sensual", "Intimate", "Sentimental", "Sweet", "Passionate", "Smooth", "Lush", "Tender",
         "Yearning", "Warm"),
        None,
    ),
    "tender": (
        ("Gentle", "Delicate", "Soft/Quiet", "Tender", "Warm", "Intimate", "Sweet", "Innocent", "Soothing", "Precious"),
        "tenderness",
    ),
    "nostalgic": (
        ("Nostalgic", "Bittersweet", "Wistful", "Sentimental", "Autumnal", "Reflective", "Poignant", "Melancholy",
         "Plaintive", "Yearning"),
        "nostalgia",
    ),
    "dark": (
        ("Gloomy", "Bleak", "Ominous", "Menacing", "Malevolent", "Eerie", "Spooky", "Brooding", "Nihilistic",
         "Unsettling", "Cold"),
        None,
    ),
    "tense": (
        ("Tense/Anxious", "Nervous/Jittery", "Paranoid", "Volatile", "Urgent", "Unsettling", "Anguished/Distraught",
         "Manic", "Menacing", "Ominous"),
        "tension",
    ),
    "dreamy": (("Dreamy", "Ethereal", "Hypnotic", "Atmospheric", "Trippy", "Spacey", "Mystical", "Nocturnal"), None),
    "powerful": ((), "power"),
    "solemn": (("Reverent", "Spiritual", "Somber", "Stately", "Austere", "Majestic", "Serious"), "solemnity"),
    "playful": (
        ("Playful", "Humorous", "Whimsical", "Silly", "Quirky", "Witty", "Giddy", "Gleeful", "Campy", "Carefree",
         "Fun"),
        None,
    ),
    "aggressive": (
        ("Aggressive", "Hostile", "Harsh", "Fierce", "Angry", "Menacing", "Confrontational", "Belligerent", "Outraged",
         "Malevolent", "Volatile"),
        None,
    ),
    "rebellious": (
        ("Rebellious", "Reckless", "Outrageous", "Uncompromising", "Snide", "Provocative", "Rowdy", "Confrontational"),
        None,
    ),
    "gritty": (("Gritty", "Gutsy", "Greasy", "Messy", "Trashy", "Sleazy", "Reckless", "Thuggish"), None),
    "melancholy": (
        ("Melancholy", "Sad", "Bleak", "Gloomy", "Weary", "Somber", "Lonely", "Poignant", "Bittersweet", "Wistful"),
        "sadness",
    ),
}  # fmt: skip
"""Per candidate: AllMusic's words that mean it, and the emotion of the Geneva scale that does."""

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
    words: list[tuple[str, ...]]


@dataclasses.dataclass(frozen=True)
class Linear:
    """Weights [d, k] and biases [k]: logits of k labels."""

    weights: Array
    bias: Array

    def logits(self, x: Array) -> Array:
        return x @ self.weights + self.bias


@dataclasses.dataclass(frozen=True)
class Frame:
    """Embeddings standardised over a set of clips, in the coordinates that those clips span.

    A head with an L2 penalty lies in the span of its examples, and gradient descent does not mind a rotation: the same
    head comes out of 1,000 coordinates as of 1,864, in half the time.
    """

    mean: Array
    deviation: Array
    axes: Array

    @classmethod
    def of(cls, *clips: Array) -> Frame:
        x = np.vstack(clips)
        mean, deviation = x.mean(axis=0), x.std(axis=0) + 1e-6
        _, size, axes = np.linalg.svd((x - mean) / deviation, full_matrices=False)
        return cls(mean, deviation, axes[size > size[0] * 1e-6].T)

    def into(self, x: Array) -> Array:
        return ((x - self.mean) / self.deviation @ self.axes).astype(np.float32)

    def out_of(self, head: Linear) -> Linear:
        """The same head for embeddings as they are."""
        weights = self.axes @ head.weights.astype(np.float64) / self.deviation[:, None]
        return Linear(weights, head.bias - self.mean @ weights)


def softmax(logits: Array) -> Array:
    exponents = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponents / exponents.sum(axis=1, keepdims=True)


def sigmoid(logits: Array) -> Array:
    return 1 / (1 + np.exp(-logits))


def train(
    z: Array, targets: Array, penalty: float, *, weights: Array | None = None, link: Callable[[Array], Array] = softmax
) -> Linear:
    """Gradient descent with Nesterov momentum on the weighted mean cross-entropy plus penalty / 2 * |W|^2.

    `targets` [n, k] are distributions, or with the sigmoid as `link` one probability per label; `weights` [n] or, where
    not every example has every label, [n, k]. The gradient is the mean of (p - y) z for both links. The step is one
    over the largest curvature and the momentum follows from the condition number (Nesterov, 2004), so descent neither
    overshoots nor needs tuning.
    """
    weights = np.ones((len(z), 1), np.float32) if weights is None else weights.reshape(len(z), -1).astype(np.float32)
    targets = targets.astype(np.float32)
    total = np.maximum(weights.sum(axis=0), 1e-9)
    curvature = 0.5 * largest_eigenvalue(z, (weights / total).max(axis=1)) + penalty
    root = np.sqrt(penalty / curvature)
    momentum = (1 - root) / (1 + root)
    share = np.clip((weights * targets).sum(axis=0) / total, 1e-6, 1 - 1e-6)
    bias = np.log(share) if link is softmax else np.log(share / (1 - share))
    matrix = np.zeros((z.shape[1], targets.shape[1]), np.float32)
    step, bias_step = np.zeros_like(matrix), np.zeros_like(bias)
    for _ in range(STEPS):
        ahead, bias_ahead = matrix + momentum * step, bias + momentum * bias_step
        error = (link(z @ ahead + bias_ahead) - targets) * weights / total
        step = momentum * step - (z.T @ error + penalty * ahead) / curvature
        bias_step = momentum * bias_step - error.sum(axis=0)
        matrix, bias = matrix + step, bias + bias_step
    return Linear(matrix, bias)


def largest_eigenvalue(z: Array, weights: Array) -> float:
    """Of the weighted covariance z' diag(weights) z, by power iteration."""
    vector = np.ones(z.shape[1], np.float32)
    for _ in range(30):
        vector = z.T @ (weights * (z @ vector))
        vector /= np.linalg.norm(vector)
    return 1.02 * float(np.linalg.norm(z.T @ (weights * (z @ vector))))


Folds = Iterator[tuple[Array, Array]]


@dataclasses.dataclass(frozen=True)
class Examples:
    """Vectors [n, d], what they should give [n, k], and how much each weighs [n]."""

    z: Array
    targets: Array
    weights: Array

    @classmethod
    def of(cls, z: Array, targets: Array, weight: float = 1.0) -> Examples:
        return cls(z, targets, np.full(len(z), weight))

    def __add__(self, other: Examples) -> Examples:
        return Examples(
            np.vstack([self.z, other.z]), np.vstack([self.targets, other.targets]),
            np.append(self.weights, other.weights),
        )  # fmt: skip

    def only(self, rows: Array) -> Examples:
        return Examples(self.z[rows], self.targets[rows], self.weights[rows])

    def head(self, penalty: float) -> Linear:
        return train(self.z, self.targets, penalty, weights=self.weights)


def cross_validate(examples: Examples, penalty: float, folds: Folds, extra: Examples) -> Array:
    """Held-out logits [n, k]; the extra examples are always trained on."""
    held_out = np.zeros(examples.targets.shape)
    for training, testing in folds:
        held_out[testing] = (examples.only(training) + extra).head(penalty).logits(examples.z[testing])
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


def binary_calibration_error(probabilities: Array, truth: Array) -> float:
    """Expected calibration error of one label over 15 equal bins."""
    bins = np.minimum((probabilities * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    gaps = [abs(probabilities[bins == b].sum() - truth[bins == b].sum()) for b in range(CALIBRATION_BINS)]
    return float(sum(gaps) / len(truth))


def threshold_for(precision: float, scores: Array, truth: Array) -> dict[str, float]:
    """The lowest threshold from which on at least `precision` of what passes is right, and what it then finds.

    Where that finds less than `LEAST_RECALL`, the threshold is the one of the highest precision among those that find
    so much, and its lower precision is told.
    """
    order = np.argsort(-scores)
    right = np.cumsum(truth[order])
    precisions = right / np.arange(1, len(order) + 1)
    enough = np.flatnonzero((precisions >= precision) & (np.arange(len(order)) >= 4))
    last = int(enough[-1]) if len(enough) else 0
    if right[last] < LEAST_RECALL * truth.sum():
        last = int(np.argmax(np.where(right >= LEAST_RECALL * truth.sum(), precisions, 0)))
    return {
        "threshold": float(np.ceil(scores[order[last]] * 100 - 1e-9) / 100),
        "precision": float(precisions[last]),
        "recall": float(right[last] / max(truth.sum(), 1)),
        "auroc": float(roc_auc_score(truth, scores)),
        "examples": int(truth.sum()),
    }


# Data


def votes(clips: Clips) -> dict[str, Array]:
    """Per GEMS emotion, the share of listeners who chose it, [n]."""
    shares = [dict(word.split("=") for word in words) for words in clips.words]
    return {name: np.array([float(Fraction(row[name])) for row in shares]) for name in shares[0]}


def has_words(clips: Clips, words: tuple[str, ...]) -> Array:
    """Whether any of AllMusic's mood words was given to a clip, bool [n]."""
    return np.array([not set(words).isdisjoint(given) for given in clips.words])


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
    genres, words = (
        [tuple(w.strip() for w in row[column].split(";")) for row in rows] for column in ("genres", "moods")
    )
    return Clips(x.astype(np.float64), tags, labels, groups, genres, words)


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


def emotion_targets(gems: Clips) -> Array:
    """What listeners felt in the clips of Emotify, as distributions over the four emotions [n, 4]."""
    felt = votes(gems)
    shares = [sum(share * felt[name] for name, share in GEMS_EMOTIONS[emotion].items()) for emotion in EMOTIONS]
    return np.stack(shares, axis=1) / np.sum(shares, axis=0)[:, None]


def artists_apart(clips: Clips, strata: Array, seed: int) -> Folds:
    return StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed).split(clips.x, strata, clips.groups)


@dataclasses.dataclass(frozen=True)
class HeldOut:
    """What heads said of clips that they were not trained on.

    `logits` [n, k] are one array per seed, `truth` [n] the columns of the right labels, `scale` the temperature.
    """

    logits: list[Array]
    truth: Array
    scale: float

    @classmethod
    def of(cls, logits: list[Array], truth: Array) -> HeldOut:
        return cls(logits, truth, temperature(np.vstack(logits), np.tile(truth, len(logits))))

    @property
    def probabilities(self) -> list[Array]:
        return [softmax(logits / self.scale) for logits in self.logits]


def emotion_examples(quadrants: Clips, gems: Clips, frame: Frame) -> tuple[Examples, Examples]:
    """The clips of the quadrants, and at a small weight what listeners felt in Emotify's."""
    examples = Examples.of(frame.into(quadrants.x), one_hot(quadrants.labels, EMOTIONS))
    return examples, Examples.of(frame.into(gems.x), emotion_targets(gems), GEMS_WEIGHT)


def validate_emotions(quadrants: Clips, gems: Clips, frame: Frame, seeds: int = SEEDS) -> HeldOut:
    examples, extra = emotion_examples(quadrants, gems, frame)
    truth = examples.targets.argmax(axis=1)
    folds = (artists_apart(quadrants, truth, seed) for seed in range(seeds))
    return HeldOut.of([cross_validate(examples, EMOTION_PENALTY, each, extra) for each in folds], truth)


def emotion_scores(p: Array, truth: Array) -> dict[str, float]:
    """Macro F1, AUROC of valence (happy, calm against the others) and of arousal (happy, angry), and ECE."""
    happy, _, angry, calm = (EMOTIONS.index(name) for name in EMOTIONS)
    return {
        "macro_f1": f1_score(truth, p.argmax(axis=1), average="macro"),
        "valence_auroc": roc_auc_score(np.isin(truth, [happy, calm]), p[:, happy] + p[:, calm]),
        "arousal_auroc": roc_auc_score(np.isin(truth, [happy, angry]), p[:, happy] + p[:, angry]),
        "calibration_error": calibration_error(p, truth),
    }


def spreads(scores: list[dict[str, float]]) -> dict[str, list[float]]:
    """Mean and standard deviation over seeds of each score."""
    return {name: spread([each[name] for each in scores]) for name in scores[0]}


def emotion_head(quadrants: Clips, gems: Clips, frame: Frame) -> tuple[Linear, dict[str, object]]:
    """The four emotions, a softmax that is trained on the quadrants and, at a small weight, on listeners' votes."""
    held_out = validate_emotions(quadrants, gems, frame)
    truth, probabilities = held_out.truth, held_out.probabilities
    mean = np.mean(probabilities, axis=0)
    labels = {m: threshold_for(EMOTION_PRECISION, mean[:, i], truth == i) for i, m in enumerate(EMOTIONS)}
    quality = spreads([emotion_scores(p, truth) for p in probabilities])
    examples, extra = emotion_examples(quadrants, gems, frame)
    model = (examples + extra).head(EMOTION_PENALTY)
    head = Linear(model.weights / held_out.scale, model.bias / held_out.scale)
    return frame.out_of(head), {"quality": quality, "labels": labels}


def finer_targets(quadrants: Clips, gems: Clips) -> tuple[Array, Array]:
    """Which clips of both sets have each mood of `MOOD_EVIDENCE`, and which have evidence of it: bool [n, k] each."""
    felt = votes(gems)
    columns, known = [], []
    for words, emotion in MOOD_EVIDENCE.values():
        shares = felt.get(emotion, np.zeros(len(gems.x)))
        columns.append(np.append(has_words(quadrants, words), shares >= np.quantile(shares, 1 - VOTED_SHARE)))
        known.append(np.append(np.full(len(quadrants.x), bool(words)), np.full(len(gems.x), emotion in felt)))
    return np.stack(columns, axis=1), np.stack(known, axis=1)


@dataclasses.dataclass(frozen=True)
class HeldOutMoods:
    """What heads said of further moods, `logits` [n, k] per seed, and the evidence: `targets` and `known`, bool [n, k].

    The first rows are the clips of the quadrants, `first` of them, the others those of Emotify.
    """

    logits: list[Array]
    targets: Array
    known: Array
    first: int

    def aurocs(self, index: int) -> dict[str, list[float]]:
        """Per set that has evidence of a mood, its AUROC for each seed."""
        ours = np.arange(len(self.targets)) < self.first
        rows = {"quadrants": ours & self.known[:, index], "gems": ~ours & self.known[:, index]}
        return {
            name: [roc_auc_score(self.targets[chosen, index], logits[chosen, index]) for logits in self.logits]
            for name, chosen in rows.items()
            if chosen.any()
        }

    def calibrated(self, index: int) -> tuple[float, float, list[Array], Array]:
        """Platt's slope and offset for a mood, the probabilities that they give per seed, and the truth."""
        rows = self.known[:, index]
        logits, truth = [each[rows, index] for each in self.logits], self.targets[rows, index]
        slope, offset = platt(np.concatenate(logits), np.tile(truth, len(logits)))
        return slope, offset, [sigmoid(slope * each + offset) for each in logits], truth


def both_sets(quadrants: Clips, gems: Clips) -> Clips:
    """Quadrants and Emotify as one set, stratified by quadrant and genre."""
    strata = np.append(quadrants.labels, [genres[0] for genres in gems.genres])
    x, groups = np.vstack([quadrants.x, gems.x]), np.append(quadrants.groups, gems.groups)
    return Clips(x, quadrants.tags, strata, groups, [], [])


def validate_finer(quadrants: Clips, gems: Clips, frame: Frame, seeds: int = SEEDS) -> HeldOutMoods:
    both = both_sets(quadrants, gems)
    z = frame.into(both.x)
    targets, known = finer_targets(quadrants, gems)
    runs = []
    for seed in range(seeds):
        logits = np.zeros(targets.shape)
        for training, testing in artists_apart(both, both.labels, seed):
            head = train(z[training], targets[training], FINER_PENALTY, weights=known[training], link=sigmoid)
            logits[testing] = head.logits(z[testing])
        runs.append(logits)
    return HeldOutMoods(runs, targets, known, len(quadrants.x))


def finer_head(quadrants: Clips, gems: Clips, frame: Frame) -> tuple[Linear, dict[str, dict[str, float]], list[float]]:
    """Further moods, each with a sigmoid of its own; how well each candidate does is printed."""
    held_out = validate_finer(quadrants, gems, frame)
    z = frame.into(both_sets(quadrants, gems).x)
    model = train(z, held_out.targets, FINER_PENALTY, weights=held_out.known, link=sigmoid)
    for index, mood in enumerate(MOOD_EVIDENCE):
        aurocs = held_out.aurocs(index)
        mean, deviation = spread(list(np.mean(list(aurocs.values()), axis=0)))
        each = ", ".join(f"{name} {np.mean(values):.3f}" for name, values in aurocs.items())
        shipped = "shipped" if mood in FINER_MOODS else "not shipped"
        print(f"{mood:12} AUROC {mean:.3f} +- {deviation:.3f} ({each}) {shipped}")
    labels, errors, weights, bias = {}, [], [], []
    for mood in FINER_MOODS:
        index = list(MOOD_EVIDENCE).index(mood)
        slope, offset, runs, truth = held_out.calibrated(index)
        mean = np.mean(runs, axis=0)
        labels[mood] = threshold_for(FINER_PRECISION, mean, truth)
        errors.append(binary_calibration_error(mean, truth))
        weights.append(slope * model.weights[:, index])
        bias.append(slope * model.bias[index] + offset)
    return frame.out_of(Linear(np.stack(weights, axis=1), np.array(bias))), labels, errors


def platt(logits: Array, truth: Array) -> tuple[float, float]:
    """Slope and offset that make a logit a calibrated one (Platt, 1999)."""
    fitted = LogisticRegression(C=1e6).fit(logits[:, None], truth)
    return float(fitted.coef_[0, 0]), float(fitted.intercept_[0])


@dataclasses.dataclass(frozen=True)
class StyleExamples:
    """GTZAN's cuts, Emotify's pieces and the clips of the quadrants whose AllMusic genres allow a style at all."""

    cuts: Examples
    pieces: Examples
    clips: Examples
    usable: Array

    @classmethod
    def of(cls, short: Clips, gems: Clips, quadrants: Clips, frame: Frame) -> StyleExamples:
        names = np.array([GTZAN_STYLES.get(label, label) for label in short.labels])
        cuts = Examples.of(frame.into(short.x), one_hot(names, STYLES))
        weights = np.where(cuts.targets.any(axis=0), OTHERS_WEIGHT["in_cuts"], OTHERS_WEIGHT["elsewhere"])
        emotify = one_hot(np.array([genres[0] for genres in gems.genres]), STYLES)
        partial, usable = partial_targets(quadrants)
        return cls(
            cuts,
            Examples(frame.into(gems.x), emotify, emotify @ weights),
            Examples(frame.into(quadrants.x), partial, partial @ weights),
            usable,
        )

    @property
    def others(self) -> Examples:
        return self.pieces + self.clips.only(self.usable)


def validate_styles(examples: StyleExamples, seeds: int = SEEDS, *, apart: bool = False) -> HeldOut:
    """GTZAN's cuts, at random or with neighbouring cuts on one side of each split."""
    cuts, others = examples.cuts, examples.others
    truth = cuts.targets.argmax(axis=1)
    blocks = np.arange(len(truth)) // 5 if apart else None
    runs = []
    for seed in range(seeds):
        splits = (StratifiedGroupKFold if apart else StratifiedKFold)(FOLDS, shuffle=True, random_state=seed)
        runs.append(cross_validate(cuts, STYLE_PENALTY, splits.split(cuts.z, truth, blocks), others))
    return HeldOut.of(runs, truth)


def style_scores(held_out: HeldOut) -> dict[str, list[float]]:
    """Accuracy among all styles and among those that the cuts have, and ECE: mean and deviation over seeds."""
    truth = held_out.truth
    ten = np.isin(np.arange(len(STYLES)), truth)
    among_ten = [np.where(ten, logits, -np.inf) for logits in held_out.logits]
    return {
        "accuracy": spread([accuracy_score(truth, logits.argmax(axis=1)) for logits in held_out.logits]),
        "accuracy_among_ten": spread([accuracy_score(truth, logits.argmax(axis=1)) for logits in among_ten]),
        "calibration_error": spread([calibration_error(p, truth) for p in held_out.probabilities]),
    }


def style_head(short: Clips, gems: Clips, quadrants: Clips, frame: Frame) -> tuple[Linear, dict[str, object]]:
    """Fifteen styles, a softmax trained on GTZAN's cuts and, at a small weight, on the genres of the other sets."""
    examples = StyleExamples.of(short, gems, quadrants, frame)
    held_out, apart = validate_styles(examples), validate_styles(examples, apart=True)
    quality = style_scores(held_out)
    quality["accuracy_neighbours_apart"] = style_scores(apart)["accuracy"]
    # The clips of 30 seconds, each heard by a head that never heard its artist.
    folds = ((rows[examples.usable[rows]], test) for rows, test in artists_apart(quadrants, quadrants.labels, 0))
    clips = cross_validate(examples.clips, STYLE_PENALTY, folds, examples.cuts + examples.pieces)
    mean = np.mean(held_out.probabilities, axis=0)
    labels = style_labels(mean, held_out.truth, softmax(clips / held_out.scale), quadrants)
    model = (examples.cuts + examples.others).head(STYLE_PENALTY)
    head = Linear(model.weights / held_out.scale, model.bias / held_out.scale)
    return frame.out_of(head), {"quality": quality, "labels": labels}


def style_labels(cuts: Array, truth: Array, clips: Array, quadrants: Clips) -> dict[str, dict[str, float]]:
    """Threshold and quality per style: from GTZAN where it has the style, else from AllMusic's genres, else none."""
    labels = {}
    for index, style in enumerate(STYLES):
        if index in truth:
            labels[style] = threshold_for(STYLE_PRECISION, cuts[:, index], truth == index)
        elif style in INDEPENDENT_GENRE:
            right = np.array([INDEPENDENT_GENRE[style] in genres for genres in quadrants.genres])
            labels[style] = threshold_for(STYLE_PRECISION, clips[:, index], right)
        else:
            labels[style] = {"threshold": 0.5}
    return labels


def spread(values: list[float]) -> list[float]:
    """Mean and standard deviation over seeds."""
    return [round(float(np.mean(values)), 4), round(float(np.std(values)), 4)]


def to_onnx(name: str, version: str, head: Linear, labels: tuple[str, ...], exclusive: int) -> onnx.ModelProto:
    """A head whose first `exclusive` labels share one softmax; the others have a sigmoid each."""
    nodes = [helper.make_node("Gemm", ["embedding", "weights", "bias"], ["logits"])]
    constants = []
    if exclusive == len(labels):
        nodes.append(helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1))
    else:
        parts = np.array([exclusive, len(labels) - exclusive])
        constants.append(numpy_helper.from_array(parts, "parts"))
        nodes += [
            helper.make_node("Split", ["logits", "parts"], ["one_of", "any_of"], axis=1),
            helper.make_node("Softmax", ["one_of"], ["shares"], axis=1),
            helper.make_node("Sigmoid", ["any_of"], ["chances"]),
            helper.make_node("Concat", ["shares", "chances"], ["probabilities"], axis=1),
        ]
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["tracks", len(head.weights)])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["tracks", len(labels)])],
        [
            numpy_helper.from_array(head.weights.astype(np.float32), "weights"),
            numpy_helper.from_array(head.bias.astype(np.float32), "bias"),
            *constants,
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    embedder = "+".join(Model(network).version for network in NETWORKS)
    metadata = {"name": name, "version": version, "labels": ",".join(labels), "embedder": embedder}
    helper.set_model_props(model, metadata)
    onnx.checker.check_model(model, full_check=True)
    return model


def write(
    name: str,
    head: Linear,
    labels: tuple[str, ...],
    measured: dict[str, object],
    *,
    exclusive: int,
    check: Array,
    out: Path,
    version: str = HEAD_VERSION,
) -> None:
    """Write the model, compare it with the weights it came from, and note its measured quality."""
    path = out / f"{name}.onnx"
    path.write_bytes(to_onnx(name, version, head, labels, exclusive).SerializeToString())
    (probabilities,) = Model(name, path=path).run(check.astype(np.float32), "probabilities")
    logits = head.logits(check)
    expected = np.hstack([softmax(logits[:, :exclusive]), sigmoid(logits[:, exclusive:])])
    difference = float(np.abs(probabilities - expected).max())
    print(f"\n{name}: largest difference of a probability from the trained weights {difference:.1e}")
    print(json.dumps(measured, indent=2))
    update_manifest(path, {"version": f"{name}-{version}", **measured})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder with quadrants, gems and styles_short (.csv and .npz)")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent.parent / "models")
    parser.add_argument("--cache", type=Path, help="folder to keep embeddings in between runs")
    args = parser.parse_args()
    quadrants, gems, short = (load(name, args.data, args.cache) for name in SETS)
    frame = Frame.of(quadrants.x, gems.x)
    emotions, measured = emotion_head(quadrants, gems, frame)
    finer, finer_labels, errors = finer_head(quadrants, gems, frame)
    head = Linear(np.hstack([emotions.weights, finer.weights]), np.append(emotions.bias, finer.bias))
    measured["labels"] |= finer_labels
    measured["quality"]["finer_calibration_error"] = spread(errors)
    write("emotion", head, MOODS, measured, exclusive=len(EMOTIONS), check=quadrants.x, out=args.out)
    frame = Frame.of(short.x, gems.x, quadrants.x)
    head, measured = style_head(short, gems, quadrants, frame)
    write("style", head, STYLES, measured, exclusive=len(STYLES), check=short.x, out=args.out)


if __name__ == "__main__":
    main()
