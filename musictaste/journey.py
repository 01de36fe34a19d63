"""A way from one mood to another, in even steps through valence and arousal.

Music that begins where the listener is and leads them by small steps to where they want to be is the iso-principle of
music therapy: I. M. Altshuler, "A psychiatrist's experience with music as a therapeutic agent", in Music and Medicine,
ed. Schullian and Schoen, 1948, pp. 266-281; measured by A. Heiderscheit and A. Madson, "Use of the iso principle as a
central method in mood management", Music Therapy Perspectives 33(1), 2015, pp. 45-52.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from musictaste import flow, playlist
from musictaste.playlist import SEED_NOISE, Choice, Timelines, Wish
from musictaste.taste import Taste
from musictaste.track import Pool, normalise

Floats = NDArray[np.float32]
Reals = NDArray[np.float64]
Rows = NDArray[np.int64]

CORRIDOR = 0.25
"""How far beside the straight way, on the plane of valence and arousal, a track may be."""

JAR_WEIGHT = 0.3
"""How much the joins weigh (see `flow.jars`) beside the way, where the edge of the corridor weighs 1."""


@dataclass(frozen=True)
class Step:
    """One track of a journey, and where on the plane it is."""

    choice: Choice
    valence: float
    arousal: float


@dataclass(frozen=True)
class Land:
    """Tracks that a journey may go through, with valence and arousal of each, float32 [n, 2], and what is liked."""

    pool: Pool
    at: Floats = field(compare=False)
    taste: Taste | None = None


def travel(land: Land, begins: Pool, ends: Pool, wish: Wish, *, timelines: Timelines) -> list[Step]:
    """Steps from the best track of one pool to the best of another, both of them part of the land.

    Empty where one track alone is in both. There are fewer steps than were wished for where fewer tracks lie between.
    """
    pool = land.pool
    rng = np.random.default_rng(wish.seed or 0)
    noise = np.zeros(len(pool)) if wish.seed is None else SEED_NOISE * rng.gumbel(size=len(pool))
    liked = noise + playlist.TASTE_WEIGHT * land.taste.scores if land.taste else noise
    first = next(_best_first(pool, begins, noise), None)
    if first is None:
        return []
    last = next((row for row in _best_first(pool, ends, noise) if _may_end(pool, first, row, wish)), None)
    if last is None:
        return []
    route, fit = _route(land, (first, last), liked, wish, timelines)
    for row, end in ((first, begins), (last, ends)):
        fit[row] = playlist.fit_to_labels(end)[np.searchsorted(end.ids, pool.ids[row])]
    scores = playlist.total(fit, land.taste)
    return [
        Step(playlist.choice(pool, row, scores, fit, land.taste), *map(float, land.at[row])) for row in route.tolist()
    ]


def _best_first(pool: Pool, end: Pool, noise: Reals) -> Iterator[int]:
    """The rows of the tracks of a mood, from the best on; taste is not asked, so that an end is what it is called."""
    rows = np.searchsorted(pool.ids, end.ids)
    scores = playlist.fit_to_labels(end) + noise[rows]
    yield from rows[np.argsort(-scores, kind="stable")].tolist()


def _may_end(pool: Pool, first: int, last: int, wish: Wish) -> bool:
    """Whether one list may have both tracks."""
    artists = {normalise(pool.artists[row]) for row in (first, last)}
    same_artist = len(artists) == 1 and artists != {""}
    return first != last and not playlist.is_copy(pool, first, last) and not (same_artist and wish.max_per_artist == 1)


def _route(land: Land, ends: tuple[int, int], liked: Reals, wish: Wish, timelines: Timelines) -> tuple[Rows, Floats]:
    """The rows of the way in order, and for all rows how near they are to it, 1 on it and 0 at the corridor's edge."""
    along, beside = _along(land.at, ends)
    fit = np.asarray(np.clip(1 - beside / CORRIDOR, 0, 1), np.float32)
    between = np.flatnonzero((along > 0) & (along < 1) & (beside <= CORRIDOR))
    between = between[~np.isin(between, ends)]
    ranked = between[_in_turn(along[between], fit[between] + liked[between], wish.limit)]
    rows, artists = playlist.shortlist(land.pool, np.concatenate([ends, ranked]), wish)
    # The ends come first, and stay outside of whatever lies between.
    place = np.concatenate([[0], 2 + np.argsort(along[rows[2:]], kind="stable"), [1]])
    rows, artists = rows[place], [artists[i] for i in place]
    jar = JAR_WEIGHT * flow.jars(land.pool, rows.tolist(), timelines(land.pool.ids[rows].tolist()))
    kept = np.arange(len(rows))
    while True:
        away = _away(land.at[rows[kept]], min(wish.limit, len(kept)))
        costs = (away / CORRIDOR) ** 2 - liked[rows[kept]]
        path = _cheapest(costs, jar[np.ix_(kept, kept)])
        lost = _over_the_cap(path, costs, [artists[i] for i in kept], wish.max_per_artist)
        if not lost:
            return rows[kept[path]], fit
        kept = np.delete(kept, lost)


def _along(at: Floats, ends: tuple[int, int]) -> tuple[Floats, Floats]:
    """How far along the straight way each point is, 0 where it begins and 1 where it ends, and how far beside it."""
    way = at[ends[1]] - at[ends[0]]
    from_start = at - at[ends[0]]
    along = from_start @ way / max(float(way @ way), 1e-9)
    return along, np.linalg.norm(from_start - along[:, None] * way, axis=1)


def _in_turn(along: Floats, worth: Reals, steps: int) -> Rows:
    """An order that takes from each step of the way the track that is worth most, then from each the next one."""
    step = np.round(along * (steps - 1)).astype(int)
    order = np.lexsort((-worth, step))
    first = np.searchsorted(step[order], step[order])
    return np.asarray(order[np.argsort(np.arange(len(order)) - first, kind="stable")], np.int64)


def _away(at: Floats, steps: int) -> Reals:
    """How far each of some tracks, the first and last of which are the ends, is from each waypoint: [steps, n]."""
    waypoints = np.linspace(at[0], at[-1], steps)
    return np.asarray(np.linalg.norm(waypoints[:, None] - at[None, :], axis=2), np.float64)


def _cheapest(costs: Reals, joins: Floats) -> Rows:
    """The cheapest rising sequence of columns, one for each row of [steps, n], from the first column to the last.

    Dynamic programming (the Viterbi algorithm) over what each step costs and what each join adds.
    """
    steps, count = costs.shape
    rising = np.where(np.triu(np.ones((count, count), bool), 1), joins, np.inf)
    total = np.where(np.arange(count) == 0, 0.0, np.inf)
    came_from = np.zeros((steps, count), np.int64)
    for step in range(1, steps):
        ways = total[:, None] + rising
        came_from[step] = ways.argmin(axis=0)
        total = ways.min(axis=0) + costs[step]
    path = [count - 1]
    for step in range(steps - 1, 0, -1):
        path.append(int(came_from[step, path[-1]]))
    return np.array(path[::-1])


def _over_the_cap(path: Rows, costs: Reals, artists: Sequence[str], cap: int) -> list[int]:
    """Columns of artists of whom a path has more than the cap, all but those that are best where they are."""
    used = defaultdict[str, list[tuple[float, int]]](list)
    for step, column in enumerate(path.tolist()):
        # The ends stay whatever they cost.
        is_end = step in (0, len(path) - 1)
        used[artists[column]].append((-np.inf if is_end else float(costs[step, column]), column))
    full = {artist: sorted(columns)[:cap] for artist, columns in used.items() if artist and len(columns) > cap}
    kept = {column for columns in full.values() for _, column in columns}
    return [column for column, artist in enumerate(artists) if artist in full and column not in kept]
