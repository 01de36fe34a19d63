#!/usr/bin/env python3
"""Train the head that tells music from speech and noise, and write models/kind.onnx and its measured quality.

    pip install -e '.[export]'
    python scripts/make_kind_data.py OTHERS
    python scripts/train_kind.py DATA OTHERS

DATA is the folder that scripts/train_heads.py trains on: all of it is music. OTHERS holds kind.csv and kind.npz, most
of which is none. Every recording is heard a second time, cut to a few seconds and at another level. Cross-validation
keeps an artist, and a package with all that came from it, on one side of every split. The threshold is the highest at
which at most `LOST` of the held-out music is taken for something else.
"""

from __future__ import annotations

import argparse
import csv
import multiprocessing
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from make_kind_data import at_level
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold
from train_heads import SETS, Examples, Frame, embed, one_hot, softmax, spread, write

Array = np.ndarray

KINDS = ("music", "speech", "noise")
HEAD_VERSION = "2"
FOLDS = 5
SEEDS = 3
PENALTY = 0.05
LOST = 0.002
HIGHEST = 0.5
"""A threshold above this would call music what the head itself calls something else more surely."""

GAIN_DB = (-25.0, 6.0)
CUT_FRAMES = (156, 625)
"""How long the cuts are, 2.5 to 10 s."""


@dataclass(frozen=True)
class Heard:
    """Mean embeddings [n, d] of recordings; `genres` are AllMusic's where the set has them."""

    x: Array
    labels: Array
    groups: Array
    sets: Array
    genres: Array

    def __add__(self, other: Heard) -> Heard:
        return Heard(*(np.concatenate(pair) for pair in zip(vars(self).values(), vars(other).values(), strict=True)))


def mean_embedding(clip: tuple[Array, int]) -> Array:
    return embed(clip)[0].mean(axis=0)


def heard_twice(mels: Array, frames: Array) -> Iterator[tuple[Array, int]]:
    """Each recording as it is, then a part of it at another level."""
    rng = np.random.default_rng(0)
    yield from zip(mels, frames, strict=True)
    for mel, count in zip(mels, frames, strict=True):
        length = min(count, int(rng.integers(*CUT_FRAMES)))
        start = int(rng.integers(0, count - length + 1))
        yield at_level(mel[start : start + length], rng.uniform(*GAIN_DB)), length


def load(name: str, data: Path, cache: Path | None) -> Heard:
    rows = list(csv.DictReader((data / f"{name}.csv").read_text(encoding="utf-8").splitlines()))
    stored = cache / f"{name}_twice.npy" if cache else None
    if stored and stored.exists():
        x = np.load(stored)
    else:
        arrays = np.load(data / f"{name}.npz")
        with multiprocessing.Pool() as pool:
            x = np.array(pool.map(mean_embedding, heard_twice(arrays["mel"], arrays["frames"]), chunksize=8))
        if stored:
            np.save(stored, x)
    ours = name == "kind"
    labels = [row["label"] if ours else "music" for row in rows]
    sets = [f"{row['label']}, {row['group']}" if ours else name for row in rows]
    columns = (labels, [f"{name} {row['group']}" for row in rows], sets, [row["genres"] for row in rows])
    return Heard(x, *(np.tile(column, 2) for column in columns))


def validate(heard: Heard, frame: Frame, seed: int) -> Array:
    """Held-out probabilities [n, 3]."""
    z, targets = frame.into(heard.x), one_hot(heard.labels, KINDS)
    examples = Examples(z, targets, balance(heard))
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
    held_out = np.zeros(targets.shape)
    for training, testing in folds.split(z, heard.labels, heard.groups):
        held_out[testing] = examples.only(training).head(PENALTY).logits(z[testing])
    return softmax(held_out)


def balance(heard: Heard) -> Array:
    """Weights [n] that let the three kinds weigh alike."""
    shares = {kind: np.mean(heard.labels == kind) for kind in KINDS}
    return np.array([1 / (len(KINDS) * shares[label]) for label in heard.labels])


def music_from(p: Array, heard: Heard) -> float:
    """The threshold, rounded down to a thousandth."""
    lost = np.quantile(p[heard.labels == "music", 0], LOST, method="lower")
    return float(np.floor(min(lost, HIGHEST) * 1000) / 1000)


def measure(p: Array, heard: Heard, threshold: float) -> dict[str, float]:
    """Shares of the music that is lost, and of the speech and the noise that is kept out, at a threshold."""
    out = p[:, 0] < threshold
    kinds = {kind: heard.labels == kind for kind in KINDS}
    return {
        "music_lost": out[kinds["music"]].mean(),
        "speech_kept_out": out[kinds["speech"]].mean(),
        "noise_kept_out": out[kinds["noise"]].mean(),
        "auroc": roc_auc_score(kinds["music"], p[:, 0]),
    }


def report(p: Array, heard: Heard, threshold: float) -> None:
    """Per source, how many recordings are taken for something else than music; and per genre of the music."""
    out = p[:, 0] < threshold
    print(f"\n{'source':52} recordings  not music")
    for name in sorted(set(heard.sets)):
        rows = heard.sets == name
        print(f"{name:52} {rows.sum():10} {out[rows].mean():10.3f}")
    genres = [set(g.split("; ")) for g in heard.genres]
    for genre in sorted(set().union(*genres) - {""}):
        rows = np.array([genre in g for g in genres])
        print(f"{'genre ' + genre:52} {rows.sum():10} {out[rows].mean():10.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder with quadrants, gems and styles_short (.csv and .npz)")
    parser.add_argument("others", type=Path, help="folder with kind.csv and kind.npz")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent.parent / "models")
    parser.add_argument("--cache", type=Path, help="folder to keep embeddings in between runs")
    args = parser.parse_args()
    heard = load("kind", args.others, args.cache)
    for name in SETS:
        heard += load(name, args.data, args.cache)
    frame = Frame.of(heard.x)
    runs = [validate(heard, frame, seed) for seed in range(SEEDS)]
    mean = np.mean(runs, axis=0)
    threshold = music_from(mean, heard)
    report(mean, heard, threshold)
    figures = [measure(run, heard, threshold) for run in runs]
    quality = {name: spread([figure[name] for figure in figures]) for name in figures[0]}
    z = frame.into(heard.x)
    head = frame.out_of(Examples(z, one_hot(heard.labels, KINDS), balance(heard)).head(PENALTY))
    measured = {"quality": quality, "music_from": threshold}
    write("kind", head, KINDS, measured, exclusive=len(KINDS), check=heard.x, out=args.out, version=HEAD_VERSION)


if __name__ == "__main__":
    main()
