#!/usr/bin/env python3
"""Measure what a genre tag adds to the sound: styles by sound, by tags, and by both as the program weighs them.

    pip install -e '.[export]'
    python scripts/weigh_tags.py DATA --cache FOLDER

The sound is that of styles_short through held-out logits (see train_heads.py), so that no clip is heard by a head that
was trained on it. The tags are made: a share of the clips has one, a share of those names another of the ten styles,
drawn evenly. That is what the weights assume, so these figures show what follows from it, and what happens where the
share is not the assumed one; how often real tags are wrong, they cannot show.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import train_heads

from musictaste import genres, quality
from musictaste.styles import STYLES

Array = np.ndarray

DRAWS = 10
RIGHT = (1.0, 0.9, 0.7, 0.5, 0.1)
TAGGED = (1.0, 0.5)
ROCKS = ("rock", "metal", "pop")
"""Clips of these are called rock by the tagger of the last table, whatever they are."""


def held_out(data: Path, cache: Path | None) -> tuple[list[Array], Array]:
    """Calibrated probabilities [n, k] of the short clips for each seed, and their styles as numbers [n]."""
    quadrants, gems, short = (train_heads.load(name, data, cache) for name in train_heads.SETS)
    frame = train_heads.Frame.of(short.x, gems.x, quadrants.x)
    heard = train_heads.validate_styles(train_heads.StyleExamples.of(short, gems, quadrants, frame))
    return heard.probabilities, heard.truth


def weighed(heard: Array, tags: Array) -> Array:
    """Probabilities [n, k] of sound and tags [n]; -1 is no tag."""
    weights = [genres.weights([STYLES[tag]] if tag >= 0 else []) for tag in tags]
    rows = (genres.weigh(dict(zip(STYLES, p, strict=True)), w) for p, w in zip(heard, weights, strict=True))
    return np.array([list(row.values()) for row in rows])


def draw(truth: Array, right: float, tagged: float, rng: np.random.Generator) -> Array:
    """A tag for each clip [n]; -1 is none."""
    others = np.array([rng.choice(np.setdiff1d(truth, [style])) for style in truth])
    tags = np.where(rng.random(len(truth)) < right, truth, others)
    return np.where(rng.random(len(truth)) < tagged, tags, -1)


def accuracies(
    runs: Sequence[Array], truth: Array, right: float, tagged: float
) -> Iterator[tuple[float, float, float, float]]:
    """By sound, by tags, by both, and by both among clips whose tag is wrong; a clip without a tag is a miss."""
    rng = np.random.default_rng(0)
    for heard in runs:
        alone = (heard.argmax(axis=1) == truth).mean()
        for _ in range(DRAWS):
            tags = draw(truth, right, tagged, rng)
            hits = weighed(heard, tags).argmax(axis=1) == truth
            wrong = (tags >= 0) & (tags != truth)
            yield alone, (tags == truth).mean(), hits.mean(), hits[wrong].mean() if wrong.any() else np.nan


def by_shares(runs: Sequence[Array], truth: Array) -> None:
    print("tagged  right  sound   tags   both   both, where the tag is wrong")
    for tagged in TAGGED:
        for right in RIGHT:
            means = np.mean(list(accuracies(runs, truth, right, tagged)), axis=0)
            print(f"{tagged:6.1f} {right:6.1f} " + " ".join(f"{mean:6.3f}" for mean in means))


def at_thresholds(heard: Array, truth: Array) -> tuple[float, float]:
    """Precision and recall of the measured thresholds, over the ten styles of the clips taken together."""
    limits = quality.labels("style")
    reached = heard >= np.array([limits[style].threshold for style in STYLES])
    right = reached[np.arange(len(truth)), truth].sum()
    return right / reached[:, np.unique(truth)].sum(), right / len(truth)


def as_probabilities(runs: Sequence[Array], truth: Array) -> None:
    """Whether what is weighed are probabilities still, and the thresholds of the sound serve them."""
    rng = np.random.default_rng(0)
    both = [weighed(heard, draw(truth, 0.9, 1.0, rng)) for heard in runs]
    for name, each in (("sound", runs), ("both", both)):
        figures = [(train_heads.calibration_error(p, truth), *at_thresholds(p, truth)) for p in each]
        error, precision, recall = np.mean(figures, axis=0)
        print(f"nine in ten right, {name:5}  calibration error {error:.3f}", end="  ")
        print(f"at the thresholds: precision {precision:.3f}, recall {recall:.3f}")


def under_an_umbrella(runs: Sequence[Array], truth: Array) -> None:
    """What a tagger does who calls every clip of `ROCKS` rock."""
    called = np.isin(truth, [STYLES.index(style) for style in ROCKS])
    tags = np.where(called, STYLES.index("rock"), -1)
    for style in ROCKS:
        own = truth == STYLES.index(style)
        alone, both = (
            np.mean([(p.argmax(axis=1) == truth)[own].mean() for p in each])
            for each in (runs, [weighed(heard, tags) for heard in runs])
        )
        print(f"all called rock, {style:6} sound {alone:.3f}  both {both:.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder with quadrants, gems and styles_short (.csv and .npz)")
    parser.add_argument("--cache", type=Path, help="folder with the embeddings that train_heads.py kept")
    args = parser.parse_args()
    runs, truth = held_out(args.data, args.cache)
    by_shares(runs, truth)
    as_probabilities(runs, truth)
    under_an_umbrella(runs, truth)


if __name__ == "__main__":
    main()
