"""What the user plays, as a score for tracks: item-item similarity weighted by listening.

Sarwar et al., "Item-based collaborative filtering recommendation algorithms", WWW 2001, with similarities taken from
sound: one listener's counts alone are a single vector and say nothing of which tracks go together.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from musictaste.track import Plays

Floats = NDArray[np.float32]

NEIGHBOURS = 10
SKIP_WEIGHT = 0.5
RATING_WEIGHT = 2.0
LOVED_WEIGHT = 1.0
LIKE_WEIGHT = 2.0
DISLIKE_WEIGHT = 2.0
"""What the user says to this program counts for more than what a player's file says: six plays of today."""


@dataclass(frozen=True)
class Taste:
    """A score per track, float32 [n] in -1..1, and for each the played track that speaks for it most (or -1).

    Below zero are those that are near to what was skipped, rated low or disliked, and to little that is liked.
    """

    scores: Floats = field(compare=False)
    because: NDArray[np.int64] = field(compare=False)

    def of(self, kept: NDArray[np.bool_]) -> Taste:
        """The same of some of the tracks."""
        return Taste(self.scores[kept], self.because[kept])


def weigh(plays: Plays) -> Floats:
    """How much each track of the history counts, float32 [m]; below zero where it was skipped, rated low or disliked.

    Plays and skips count less the longer they are ago; what was said of a track holds until it is said otherwise.
    """
    recent = plays.plays if plays.recent is None else plays.recent
    weights = np.log1p(recent) - SKIP_WEIGHT * np.log1p(plays.skips) + LOVED_WEIGHT * plays.loved
    weights += np.where(plays.rating >= 0, RATING_WEIGHT * (plays.rating - 0.5), 0)
    if plays.verdict is not None:
        weights = np.where(plays.verdict < 0, -DISLIKE_WEIGHT, weights + LIKE_WEIGHT * plays.verdict)
    return np.asarray(weights, np.float32)


def is_cold(plays: Plays) -> bool:
    """Whether nothing is known that the user likes."""
    return not (weigh(plays) > 0).any()


def score(vectors: Floats, plays: Plays) -> Taste | None:
    """Score tracks with unit vectors [n, d] by their nearest neighbours in the history; None without a history."""
    weights = weigh(plays)
    if len(vectors) == 0 or not weights.any():
        return None
    similarity = np.maximum(vectors @ plays.vectors.T, 0)
    count = min(NEIGHBOURS, similarity.shape[1])
    nearest = np.argpartition(-similarity, count - 1, axis=1)[:, :count]
    support = np.take_along_axis(similarity, nearest, axis=1) * weights[nearest]
    totals = support.sum(axis=1)
    best = nearest[np.arange(len(nearest)), support.argmax(axis=1)]
    because = np.where(support.max(axis=1) > 0, best, -1)
    return Taste(np.asarray(totals / max(float(np.abs(totals).max()), 1e-9), np.float32), because)
