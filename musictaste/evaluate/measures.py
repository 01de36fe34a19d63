"""How good answers and lists are, each figure with its spread: pure functions over arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Numbers = NDArray[np.int64]

DRAWS = 1000
LIST_DRAWS = 200
"""Lists are drawn again less often: each draw counts all of their tracks."""

BINS = 10


@dataclass(frozen=True)
class Figure:
    """A figure and its standard error: the deviation over samples of its groups, drawn again with replacement.

    Efron, "Bootstrap methods: another look at the jackknife", 1979. One group alone has no spread: None.
    """

    value: float
    spread: float | None


Figures = Mapping[str, Figure]


def found(top: Numbers, wanted: Numbers, limit: int) -> tuple[float, float, float, float]:
    """Hit, reciprocal rank, recall and NDCG (Jarvelin and Kekalainen 2002) at `limit`, of tracks in order of rank."""
    hits = np.isin(top[:limit], wanted)
    if not hits.any():
        return 0.0, 0.0, 0.0, 0.0
    discounts = 1 / np.log2(np.arange(2, limit + 2))
    gain = float(discounts[: len(hits)] @ hits / discounts[: len(wanted)].sum())
    return 1.0, float(1 / (1 + hits.argmax())), float(hits.sum() / len(wanted)), gain


def mean(values: Doubles, groups: Numbers, rng: np.random.Generator) -> list[Figure]:
    """The mean of each column of values float64 [q, m], with the spread over the groups int64 [q] of its rows."""
    _, rows = np.unique(groups, return_inverse=True)
    counts = np.bincount(rows)
    sums = np.stack([np.bincount(rows, column) for column in values.T], axis=1)
    drawn = rng.multinomial(len(counts), np.full(len(counts), 1 / len(counts)), DRAWS)
    spreads = ((drawn @ sums) / (drawn @ counts)[:, None]).std(axis=0)
    alone = len(counts) < 2
    return [
        Figure(float(value), None if alone else float(spread))
        for value, spread in zip(values.mean(axis=0), spreads, strict=True)
    ]


def drawn_again(measure: Callable[[Numbers], float], count: int, rng: np.random.Generator) -> Figure:
    """A measure of all of some lists, given by their numbers, with its spread over the lists."""
    values = [measure(rng.integers(count, size=count)) for _ in range(LIST_DRAWS)]
    return Figure(measure(np.arange(count)), float(np.std(values)) if count > 1 else None)


def diversity(vectors: Floats) -> float:
    """Mean distance, 1 - cosine, of two of some unit vectors [n, d] (Smyth and McClave 2001); 0 of fewer than two."""
    count = len(vectors)
    if count < 2:
        return 0.0
    total = vectors.sum(axis=0, dtype=np.float64)
    return float(1 - (total @ total - count) / (count * (count - 1)))


def novelty(played: Numbers) -> Doubles:
    """Bits of surprise -log2 p of each track, p its share of all plays (Zhou et al., PNAS 2010), float64 [n].

    Each track is given one play more than it had, so that one that was never played has the most, and not infinite.
    """
    return np.asarray(-np.log2((played + 1) / (played.sum() + len(played))), np.float64)


def gini(counts: Numbers) -> float:
    """How unevenly something is shared out, 0 (all alike) to 1 (one has everything); 0 of nothing."""
    total = counts.sum()
    if not total:
        return 0.0
    ranks = np.arange(1, len(counts) + 1)
    return float(2 * (ranks @ np.sort(counts)) / (len(counts) * total) - (len(counts) + 1) / len(counts))


def calibration_error(probabilities: Doubles, truths: Doubles) -> float:
    """Expected calibration error (Naeini, Cooper and Hauskrecht, AAAI 2015) over BINS bins of the same width."""
    bins = np.minimum((probabilities * BINS).astype(np.int64), BINS - 1)
    gaps = np.bincount(bins, probabilities - truths, minlength=BINS)
    return float(np.abs(gaps).sum() / len(probabilities))


def named(names: Sequence[str], figures: Sequence[Figure]) -> Figures:
    return dict(zip(names, figures, strict=True))
