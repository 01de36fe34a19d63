#!/usr/bin/env python3
"""Train the head for words and write models/lyrics_emotion.onnx with its measured quality.

    pip install -e '.[export]'
    python scripts/train_lyrics.py DATA

DATA holds songs.csv.xz with the columns source, lang, label, text. The head is a softmax over six labels on the mean
of the encoder's vectors of a song's parts. The sets do not have the same labels: of a song, only the labels of its
set and "none" take part in the softmax. Each set has an offset of its own for how common its labels are, which is left
out when the head is shipped and when it is measured. Versions of one song stay on one side of every split.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import json
import lzma
import re
import zlib
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import onnx
import opencc
from model_files import IR_VERSION, OPSET, update_manifest
from onnx import TensorProto, helper, numpy_helper
from sklearn.metrics import accuracy_score, f1_score
from sklearn.model_selection import StratifiedGroupKFold
from train_heads import Linear, calibration_error, softmax, spread, temperature, threshold_for, train

from musictaste.inference import NO_EMOTION, Encoder, Head, parts_of
from musictaste.moods import EMOTIONS

Array = np.ndarray

LABELS = (*EMOTIONS, "fear", NO_EMOTION)
SOURCES = {
    "lastfm4q": EMOTIONS,
    "nju_train": EMOTIONS,
    "musicmood_train": ("happy", "sad"),
    "kassia": ("happy", "sad", "angry", "fear", NO_EMOTION),
}
FOLDS = 5
SEEDS = 3
PENALTY = 0.1
BALANCE = 0.5
"""Songs weigh by the frequency of their label in their set to the power of minus this."""

OFFSET_SCALE = 3.0
SHINGLE = 5
SHARED = 0.25
"""Two songs are one when they share this part of the runs of five words of the shorter."""

MOST_COMMON = 15
PRECISION = 0.6
LEAST_PIECES = 12
LEAST_PROBABILITY = 0.35
VERSION = "1"
CHINESE = "[\u4e00-\u9fff]"


@dataclasses.dataclass(frozen=True)
class Songs:
    """Texts, the set of each, its column in `LABELS`, and which songs are versions of one [n]."""

    texts: list[str]
    sources: Array
    labels: Array
    groups: Array


def load(path: Path) -> Songs:
    csv.field_size_limit(1 << 24)
    simplified = opencc.OpenCC("tw2s")
    with lzma.open(path, "rt", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["label"] in SOURCES[row["source"]]]
    texts = [simplified.convert(row["text"]) if row["lang"] == "zh" else row["text"] for row in rows]
    # Two of the sets have their lines in one: parted by spaces, or in Chinese by commas.
    texts = [re.sub(f"  +|, (?={CHINESE})", "\n", text) for text in texts]
    labels = np.array([LABELS.index(row["label"]) for row in rows])
    return Songs(texts, np.array([row["source"] for row in rows]), labels, versions(texts))


def shingles(text: str) -> set[int]:
    """Checksums of all runs of five words, a Chinese character counting as one."""
    words = re.findall(rf"{CHINESE}|[^\W_\u4e00-\u9fff]+", text.lower())
    starts = range(max(1, len(words) - SHINGLE + 1))
    return {zlib.crc32(" ".join(words[i : i + SHINGLE]).encode()) for i in starts}


def versions(texts: list[str]) -> Array:
    """A number for each text, the same for texts that share words [n]."""
    found = [shingles(text) for text in texts]
    holders: dict[int, list[int]] = defaultdict(list)
    for i, each in enumerate(found):
        for shingle in each:
            holders[shingle].append(i)
    pairs: Counter[tuple[int, int]] = Counter()
    for indices in holders.values():
        if len(indices) <= MOST_COMMON:
            pairs.update((a, b) for b in indices for a in indices if a < b)
    groups = list(range(len(texts)))
    for (a, b), shared in pairs.items():
        if shared >= SHARED * min(len(found[a]), len(found[b])):
            old, new = groups[b], groups[a]
            groups = [new if group == old else group for group in groups]
    return np.array(groups)


def embed(texts: list[str], encoder: Encoder) -> Array:
    """The mean of the vectors of each song's parts, [n, 512]."""
    return np.stack([encoder.embed(parts_of(text) or [""]).mean(axis=0) for text in texts])


def masks(sources: Array) -> Array:
    """Which labels each song's set has, bool [n, k]."""
    return np.array([[label in SOURCES[source] for label in LABELS] for source in sources])


def competing(sources: Array) -> Array:
    """Which labels take part in the softmax of a song that is trained on: a song with an emotion is not without one."""
    mask = masks(sources)
    mask[:, LABELS.index(NO_EMOTION)] = True
    return mask


def masked(logits: Array, mask: Array) -> Array:
    return np.where(mask, logits, -1e9)


@dataclasses.dataclass(frozen=True)
class Standard:
    """Vectors standardised over all songs."""

    mean: Array
    deviation: Array

    def into(self, x: Array) -> Array:
        return ((x - self.mean) / self.deviation).astype(np.float32)

    def out_of(self, head: Linear) -> Linear:
        weights = head.weights.astype(np.float64) / self.deviation[:, None]
        return Linear(weights, head.bias - self.mean @ weights)


def fit(z: Array, songs: Songs, rows: Array, penalty: float) -> Linear:
    """The head without the sets' offsets."""
    sources, labels, mask = songs.sources[rows], songs.labels[rows], competing(songs.sources[rows])
    offsets = OFFSET_SCALE * np.array([sources == name for name in SOURCES], np.float32).T
    counts = Counter(zip(sources, labels, strict=True))
    sizes = Counter(sources)
    frequency = [counts[s, c] / sizes[s] for s, c in zip(sources, labels, strict=True)]
    head = train(
        np.hstack([z[rows], offsets]),
        np.eye(len(LABELS))[labels],
        penalty,
        weights=np.array(frequency) ** -BALANCE,
        link=lambda logits: softmax(masked(logits, mask)),
    )
    return Linear(head.weights[: z.shape[1]], head.bias)


def held_out_logits(z: Array, songs: Songs, seed: int) -> Array:
    """What heads say of songs that they did not see in any version [n, k], before masks."""
    logits = np.zeros((len(z), len(LABELS)))
    strata = [f"{source} {label}" for source, label in zip(songs.sources, songs.labels, strict=True)]
    for training, testing in StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed).split(
        z, strata, songs.groups
    ):
        logits[testing] = fit(z, songs, training, PENALTY).logits(z[testing])
    return logits


def scores(logits: Array, songs: Songs, scale: float) -> dict[str, float]:
    """Macro F1 and accuracy of each set among its own labels, and ECE over all."""
    own = masked(logits / scale, masks(songs.sources))
    found = {}
    for source in SOURCES:
        rows = songs.sources == source
        truth, said = songs.labels[rows], own[rows].argmax(axis=1)
        found[f"{source}_macro_f1"] = f1_score(truth, said, average="macro")
        found[f"{source}_accuracy"] = accuracy_score(truth, said)
    found["calibration_error"] = calibration_error(
        softmax(masked(logits / scale, competing(songs.sources))), songs.labels
    )
    return found


def abstention(logits: Array, songs: Songs, scale: float) -> dict[str, float]:
    """How many songs of four quadrants the head speaks of, and how often it is then right among all its labels."""
    rows = np.isin(songs.sources, ["lastfm4q", "nju_train"])
    p, truth = softmax(logits[rows] / scale), songs.labels[rows]
    first = p.argmax(axis=1)
    speaks = (p.max(axis=1) >= LEAST_PROBABILITY) & (first != LABELS.index(NO_EMOTION))
    return {
        "spoken_of": float(speaks.mean()),
        "right_when_spoken_of": float((first == truth)[speaks].mean()),
        "right_when_silent": float((first == truth)[~speaks].mean()),
    }


def of_labels(probabilities: Array, songs: Songs) -> dict[str, dict[str, float]]:
    """Threshold and quality of each label over the songs whose set has it."""
    mask = masks(songs.sources)
    return {
        label: threshold_for(PRECISION, probabilities[mask[:, i], i], songs.labels[mask[:, i]] == i)
        for i, label in enumerate(LABELS)
    }


def to_onnx(head: Linear, encoder: str) -> onnx.ModelProto:
    graph = helper.make_graph(
        [
            helper.make_node("Gemm", ["embedding", "weights", "bias"], ["logits"]),
            helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
        ],
        "lyrics_emotion",
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["songs", len(head.weights)])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["songs", len(LABELS)])],
        [
            numpy_helper.from_array(head.weights.astype(np.float32), "weights"),
            numpy_helper.from_array(head.bias.astype(np.float32), "bias"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    limits = {"least_pieces": str(LEAST_PIECES), "least_probability": str(LEAST_PROBABILITY)}
    named = {"name": "lyrics-emotion", "version": VERSION, "labels": ",".join(LABELS), "embedder": encoder}
    helper.set_model_props(model, named | limits)
    onnx.checker.check_model(model, full_check=True)
    return model


def measure(z: Array, songs: Songs) -> tuple[float, dict[str, object]]:
    """The temperature, and all that the manifest says."""
    mask = competing(songs.sources)
    runs = [held_out_logits(z, songs, seed) for seed in range(SEEDS)]
    scale = temperature(masked(np.vstack(runs), np.tile(mask, (SEEDS, 1))), np.tile(songs.labels, SEEDS))
    figures = [scores(logits, songs, scale) | abstention(logits, songs, scale) for logits in runs]
    quality = {name: spread([each[name] for each in figures]) for name in figures[0]}
    mean = np.mean([softmax(logits / scale) for logits in runs], axis=0)
    return scale, {"quality": quality, "labels": of_labels(mean, songs)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder with songs.csv.xz")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent.parent / "models")
    parser.add_argument("--cache", type=Path, help="file (.npy) to keep vectors in between runs")
    args = parser.parse_args()
    songs = load(args.data / "songs.csv.xz")
    encoder = Encoder()
    x = np.load(args.cache) if args.cache and args.cache.exists() else embed(songs.texts, encoder)
    x = x.astype(np.float32)
    if args.cache:
        np.save(args.cache, x)
    print(f"{len(x)} songs, {len(set(songs.groups))} when versions count as one")
    standard = Standard(x.mean(axis=0), x.std(axis=0) + 1e-6)
    z = standard.into(x)
    scale, measured = measure(z, songs)
    fitted = fit(z, songs, np.arange(len(z)), PENALTY)
    head = standard.out_of(Linear(fitted.weights / scale, fitted.bias / scale))
    path = args.out / "lyrics_emotion.onnx"
    path.write_bytes(to_onnx(head, encoder.version).SerializeToString())
    given = [list(one.probabilities.values()) for one in Head(path.stem, embedder=encoder.version).label_all(x[:500])]
    difference = np.abs(np.array(given) - softmax(head.logits(x[:500]))).max()
    print(f"largest difference of a probability from the trained weights {difference:.1e}, temperature {scale:.2f}")
    print(json.dumps(measured, indent=2))
    update_manifest(path, {"version": f"lyrics-emotion-{VERSION}", **measured})


if __name__ == "__main__":
    main()
