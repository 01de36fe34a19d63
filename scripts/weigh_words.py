#!/usr/bin/env python3
"""Measure what the words of a song add to its sound: emotions by sound, by words, and by both as they are fused.

    pip install -e '.[export]'
    python scripts/weigh_words.py AUDIO LYRICS --cache FOLDER

No set at hand has sound and words of the same songs. So clips of the quadrants are paired with English songs of four
quadrants: a share of the clips with songs of the same emotion, the others with songs drawn evenly from all four. Clips
and songs are read by heads that were not trained on them. That takes sound and words as independent given the emotion,
and says nothing of how large the share is among real songs; the table shows what follows from each share, and from
each value of `moods.AGREEMENT`, which is the share that the program assumes.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import train_heads
import train_lyrics
from sklearn.metrics import f1_score
from train_lyrics import LABELS, LEAST_PROBABILITY

from musictaste import moods, quality
from musictaste.inference import NO_EMOTION, Encoder
from musictaste.moods import EMOTIONS

Array = np.ndarray

DRAWS = 5
PAIRED_SETS = ("lastfm4q", "nju_train")
SHARES = (1.0, 0.75, 0.5, 0.25, 0.0)
ASSUMED = (0.25, 0.35, 0.5, 0.75, 1.0)


def heard(data: Path, cache: Path | None) -> tuple[list[Array], Array]:
    """Calibrated held-out probabilities [n, 4] of the clips for each seed, and their emotions [n]."""
    quadrants, gems = (train_heads.load(name, data, cache) for name in ("quadrants", "gems"))
    frame = train_heads.Frame.of(quadrants.x, gems.x)
    held_out = train_heads.validate_emotions(quadrants, gems, frame, train_lyrics.SEEDS)
    return held_out.probabilities, held_out.truth


def read(trainer: train_lyrics.Trainer, cache: Path | None = None) -> tuple[list[Array], Array]:
    """Calibrated held-out probabilities [n, labels] of the songs of `PAIRED_SETS` for each seed, and their emotions."""
    runs = train_lyrics.held_out_runs(trainer, cache)
    rows = np.isin(trainer.songs.sources, PAIRED_SETS)
    found = train_lyrics.held_out_logits(trainer, runs)
    return [train_heads.softmax(logits[rows]) for logits in found], trainer.songs.labels[rows]


def pair(clips: Array, songs: Array, share: float, rng: np.random.Generator) -> Array:
    """For each clip the row of a song [n]: of its emotion for a share of the clips, of any for the others."""
    wanted = np.where(rng.random(len(clips)) < share, clips, rng.integers(0, len(EMOTIONS), len(clips)))
    return np.array([rng.choice(np.flatnonzero(songs == label)) for label in wanted])


def fused(sound: Array, words: Array) -> Array:
    """Probabilities [n, 4] as the program fuses them; where the reader would be silent, those of the sound."""
    silent = (words.max(axis=1) < LEAST_PROBABILITY) | (words.argmax(axis=1) == LABELS.index(NO_EMOTION))
    rows = []
    for by_sound, by_words, nothing in zip(sound, words, silent, strict=True):
        told = dict(zip(EMOTIONS, by_sound, strict=True))
        if not nothing:
            told = moods.fuse(told, moods.word_weights(dict(zip(LABELS, by_words, strict=True))))
        rows.append([told[mood] for mood in EMOTIONS])
    return np.array(rows)


def pairings(
    sound: tuple[list[Array], Array], words: tuple[list[Array], Array], share: float
) -> Iterator[tuple[Array, Array]]:
    """Probabilities of clips by sound [n, 4] and of the songs that they are paired with [n, labels]."""
    for seed, (by_sound, by_words) in enumerate(zip(sound[0], words[0], strict=True)):
        rng = np.random.default_rng(seed)
        for _ in range(DRAWS):
            yield by_sound, by_words[pair(sound[1], words[1], share, rng)]


def figures(runs: Sequence[Array], truth: Array) -> str:
    """Macro F1, calibration error and log loss, means over runs, with the spread of the first."""
    scores = [f1_score(truth, p.argmax(axis=1), average="macro") for p in runs]
    error = np.mean([train_heads.calibration_error(p, truth) for p in runs])
    loss = np.mean([-np.log(p[np.arange(len(truth)), truth]).mean() for p in runs])
    return f"{np.mean(scores):.3f} ± {np.std(scores):.3f}  {error:.3f}  {loss:.3f}"


def at_thresholds(runs: Sequence[Array], truth: Array) -> str:
    """Precision and recall of each emotion at the threshold that ships for the sound."""
    limits = quality.labels("emotion")
    parts = []
    for label, mood in enumerate(EMOTIONS):
        passes = np.array([p[:, label] >= limits[mood].threshold for p in runs])
        right = (passes & (truth == label)).sum()
        parts.append(f"{mood} {right / passes.sum():.3f}/{right / (truth == label).sum() / len(runs):.3f}")
    return ", ".join(parts)


def started(description: str | None) -> tuple[argparse.Namespace, train_lyrics.Trainer]:
    """The arguments of a script on clips and songs, and the songs that are ready to be read."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("audio", type=Path, help="folder with quadrants and gems (.csv and .npz)")
    parser.add_argument("lyrics", type=Path, help="folder with songs.csv.xz")
    parser.add_argument("--cache", type=Path, help="folder to keep embeddings in between runs")
    args = parser.parse_args()
    return args, train_lyrics.prepare(args.lyrics, Encoder(), args.cache)[0]


def main() -> None:
    args, trainer = started(__doc__)
    sound, words = heard(args.audio, args.cache), read(trainer, args.cache)
    alone = [p[:, : len(EMOTIONS)] / p[:, : len(EMOTIONS)].sum(axis=1, keepdims=True) for p in words[0]]
    print("macro F1, calibration error, log loss")
    print(f"sound alone  {figures(sound[0], sound[1])}\nwords alone  {figures(alone, words[1])}")
    shipped = moods.AGREEMENT
    for share in SHARES:
        for moods.AGREEMENT in ASSUMED:
            both = [fused(*each) for each in pairings(sound, words, share)]
            print(f"share {share:.2f}, assumed {moods.AGREEMENT:.2f}  {figures(both, sound[1])}")
    moods.AGREEMENT = shipped
    print(f"precision/recall at the thresholds, sound alone  {at_thresholds(sound[0], sound[1])}")
    for share in SHARES:
        both = [fused(*each) for each in pairings(sound, words, share)]
        print(f"with words of which {share:.2f} agree  {at_thresholds(both, sound[1])}")


if __name__ == "__main__":
    main()
