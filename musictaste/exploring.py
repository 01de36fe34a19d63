"""Favourites or what was never played, and what was played lately: pure functions over columns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from musictaste.fading import DAY_S
from musictaste.track import Plays

Floats = NDArray[np.float32]

FAVOURITE_WEIGHT = 0.3
"""How much the most liked track gains where nothing new is wanted: as much as taste can change at all."""

APART = 0.01
"""By how much tracks are moved past each other, where there is room for it."""


@dataclass(frozen=True)
class Heard:
    """What the user did with each track of a pool, as columns [n].

    `liked` is the weight of its own history scaled to 0..1, `last_played` is in Unix seconds, 0 where it is not known.
    """

    played: NDArray[np.bool_] = field(compare=False)
    liked: Floats = field(compare=False)
    last_played: NDArray[np.float64] = field(compare=False)

    def of(self, kept: NDArray[np.bool_]) -> Heard:
        """The same of some of the tracks."""
        return Heard(self.played[kept], self.liked[kept], self.last_played[kept])


def heard(track_ids: NDArray[np.int64], plays: Plays, weights: Floats) -> Heard:
    """The history of some tracks out of that of all; `weights` [m] belong to the tracks of `plays`."""
    if not len(plays.ids):
        return Heard(np.zeros(len(track_ids), bool), np.zeros(len(track_ids), np.float32), np.zeros(len(track_ids)))
    order = np.argsort(plays.ids)
    rows = order[np.searchsorted(plays.ids, track_ids, sorter=order).clip(max=len(order) - 1)]
    known = plays.ids[rows] == track_ids
    liked = np.maximum(weights, 0) / max(float(weights.max()), 1e-9)
    last: NDArray[Any] = np.zeros(len(rows)) if plays.last_played is None else plays.last_played[rows]
    return Heard(
        known & (plays.plays[rows] > 0), np.where(known, liked[rows], np.float32(0)), np.where(known, last, 0.0)
    )


def admitted(
    history: Heard, *, explore: float | None, avoid_recent_days: float | None, now: float
) -> NDArray[np.bool_]:
    """Which tracks are let in: none that was played within so many days; at the ends of `explore`, one kind only."""
    kept = np.ones(len(history.played), bool)
    if avoid_recent_days is not None:
        kept &= history.last_played < now - avoid_recent_days * DAY_S
    if explore in (0, 1):
        kept &= history.played == (explore == 0)
    return kept


def explored(scores: Floats, history: Heard, explore: float | None, *, limit: int) -> Floats:
    """Scores by which the first `limit` tracks hold a share of never played ones, 0..1, as far as there are so many.

    All that were never played gain or lose the same, so that the others stay in their order, and they in theirs; the
    less is to be new, the more favourites gain.
    """
    if explore is None:
        return scores
    ranked = scores + FAVOURITE_WEIGHT * (1 - explore) * history.liked
    new, old = (np.sort(ranked[kind])[::-1] for kind in (~history.played, history.played))
    count = min(limit, len(ranked))
    wanted = min(max(round(explore * count), count - len(old)), len(new))
    others = count - wanted
    # The last new one that is wanted has to pass the first old one that is not, and the other way round.
    least = old[others] - new[wanted - 1] if wanted and others < len(old) else -np.inf
    most = old[others - 1] - new[wanted] if others and wanted < len(new) else np.inf
    room = min(APART, (most - least) / 2)
    gain = np.clip(0.0, least + room, most - room)
    return np.asarray(np.where(history.played, ranked, ranked + gain), np.float32)
