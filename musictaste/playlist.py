"""Which tracks, and in which order: pure functions over columns, without the library."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from musictaste import flow
from musictaste.exploring import Heard, explored
from musictaste.moods import EMOTIONS, MOODS
from musictaste.taste import MOOD_PRIOR, MOOD_WEIGHT, Taste, by_moods, cosines_seen_from, seen_from
from musictaste.track import Pool, Surroundings, Timeline, normalise

Floats = NDArray[np.float32]
Order = Literal["flow", "score", "random"]
Timelines = Callable[[Sequence[int]], Mapping[int, Timeline]]
"""How the mood of each of some tracks goes."""

TASTE_WEIGHT = 0.3
"""The fit to what was asked comes first; among tracks that fit about as well, taste decides."""

FAVOURITES = 0.6
"""The part of a mix for the user that what was done with a track itself has, beside what was done with its neighbours.
Of listeners who love one corner of a library, 20 tracks of it, this share gives their corner the most of the list."""

THROUGHOUT = 0.9
"""The share of its windows in which a track has a mood when it has it throughout: one of the twelve may be an intro, a
break or a mistake, since a window of a few seconds is heard less surely than a whole track."""

COLD_WEIGHT = 0.05
"""How much of a fit being central is worth to somebody who has played nothing: it decides between tracks as good."""

SAME_DURATION_S = 3.0
SAME_SOUND = 0.95
SEED_NOISE = 0.1
"""How far `seed` may reorder: tracks whose scores are this close change places often, others rarely."""

RELEVANCE = 0.75
"""How much the score of a track weighs beside its likeness to what is in the list already, which has the rest.

On a real library this costs ten tracks of a mood 0.6 % of their fit and makes them 7 % more diverse (2 % and 37 %
where they are to be near a track); 0.7 costs the latter 4 %, and 0.6 costs 12 %: see `scripts/measure_lists.py`.
"""

CAPS_WAITING = 3
"""Tracks by one artist that wait to be picked, in caps: enough to choose from, and no artist fills the shortlist."""

SPARE = 200
"""So many more wait, since a short list has little to choose from otherwise."""

ARRAYS = ("ids", "mood", "style", "vectors", "duration_s", "bpm", "loudness_db")
TUPLES = ("keys", "artists", "titles")


@dataclass(frozen=True)
class Wish:
    """How many tracks, how many by one artist, in which order; `seed` makes another list of the same kind.

    `explore` is the share of tracks that were never played, 0..1; None lets the scores decide. `avoid_recent_days`
    leaves out what was played within so many days.

    `typical` says that what is central comes first among tracks that fit alike, where nothing is known of the user.
    """

    limit: int = 25
    max_per_artist: int = 2
    order: Order = "flow"
    seed: int | None = None
    explore: float | None = None
    avoid_recent_days: float | None = None
    typical: bool = False


@dataclass(frozen=True)
class Choice:
    """One chosen track: its id, the score it was chosen by, and what the score is made of."""

    track_id: int
    score: float
    fit: float
    taste: float | None
    because: int


@dataclass(frozen=True)
class Known:
    """What else is known of the tracks of a pool: what the user did with them, and how their moods go."""

    history: Heard | None = None
    timelines: Timelines | None = None


NOTHING_KNOWN = Known()


def without(pool: Pool, track_ids: list[int]) -> Pool:
    """The pool without some of its tracks."""
    return where(pool, ~np.isin(pool.ids, track_ids))


def where(pool: Pool, wanted: NDArray[np.bool_]) -> Pool:
    """Some tracks of the pool."""
    return pool if wanted.all() else _at(pool, np.flatnonzero(wanted))


def together(pool: Pool, *others: Pool) -> Pool:
    """The tracks of a pool and those that only others have, by ascending id."""
    pools = (pool, *others)
    columns: dict[str, Any] = {name: np.concatenate([getattr(each, name) for each in pools]) for name in ARRAYS}
    columns |= {name: tuple(chain.from_iterable(getattr(each, name) for each in pools)) for name in TUPLES}
    _, rows = np.unique(columns["ids"], return_index=True)
    return _at(replace(pool, **columns), rows)


def _at(pool: Pool, rows: NDArray[np.int64]) -> Pool:
    """The tracks of some rows, in their order."""
    columns: dict[str, Any] = {name: getattr(pool, name)[rows] for name in ARRAYS}
    columns |= {name: tuple(getattr(pool, name)[i] for i in rows) for name in TUPLES}
    return replace(pool, **columns)


def throughout(pool: Pool, timelines: Mapping[int, Timeline], mood: str, threshold: float) -> Pool:
    """The tracks of a pool that keep a mood nearly all the time; one without a timeline does not."""
    lost = [i for i in pool.ids.tolist() if i not in timelines or not keeps_mood(timelines[i], mood, threshold)]
    return without(pool, lost)


def keeps_mood(timeline: Timeline, mood: str, threshold: float) -> bool:
    """Whether `THROUGHOUT` of the windows have a mood.

    An emotion has to be the most likely one, as likely as another is enough; a finer mood has to reach its threshold.
    """
    probabilities = timeline.moods[:, MOODS.index(mood)]
    if mood in EMOTIONS:
        return _nearly_all(probabilities >= timeline.moods[:, : len(EMOTIONS)].max(axis=1))
    return _nearly_all(probabilities >= threshold)


def _nearly_all(windows: NDArray[np.bool_]) -> bool:
    return bool(windows.mean() >= THROUGHOUT)


def fit_to_labels(pool: Pool) -> Floats:
    """The probability that a track has the mood and one of the styles, taken as independent."""
    return np.asarray(pool.mood * pool.style, np.float32)


def centre(vectors: Floats) -> Floats:
    """The direction of the mean of vectors [n, d], of unit length [d]."""
    mean = vectors.mean(axis=0)
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-9), np.float32)


def fit_to_seeds(vectors: Floats, seeds: Floats, around: Surroundings | None = None) -> Floats:
    """Cosine similarity to the mean of the seeds, 0..1.

    With surroundings, in which the seeds are what was played, sounds are compared as they differ from the middle of
    the library, and the moods that the seeds have count as much as they do for a taste; 1 is what a track has that is
    as near as a seed is to itself.
    """
    if around is None:
        return np.asarray((1 + vectors @ centre(seeds)) / 2, np.float32)
    sounds = seen_from(seeds, around.middle)
    towards = centre(sounds)
    own = _nearness(sounds @ towards, replace(around, moods=around.played)).mean()
    nearness = _nearness(cosines_seen_from(vectors, around.middle, towards), around)
    return np.asarray(np.clip((1 + nearness / max(float(own), 1e-9)) / 2, 0, 1), np.float32)


def _nearness(sound: Floats, around: Surroundings) -> Floats:
    mood = by_moods(around, np.full(len(around.played), MOOD_PRIOR, np.float32))
    return np.asarray((1 - MOOD_WEIGHT) * sound + MOOD_WEIGHT * mood, np.float32)


def fit_to_centre(vectors: Floats) -> Floats:
    """Cosine similarity to the middle of the library, 0..1: what is typical of it, for who has not played anything."""
    return fit_to_seeds(vectors, vectors) if len(vectors) else np.zeros(0, np.float32)


def fit_to_user(taste: Taste, history: Heard) -> Floats:
    """A score by taste alone, 0..1: what is near to what the user likes, and favourites themselves before it."""
    near = np.maximum(taste.scores, 0)
    return np.asarray((1 - FAVOURITES) * near + FAVOURITES * history.liked, np.float32)


def choose(pool: Pool, fit: Floats, taste: Taste | None, wish: Wish, *, known: Known = NOTHING_KNOWN) -> list[Choice]:
    """The best tracks of a pool in playing order; the same arguments always give the same list.

    An order that flows knows how tracks begin and end where there are timelines.
    """
    scores = total(fit, taste)
    ranking = scores + COLD_WEIGHT * fit_to_centre(pool.vectors) if wish.typical and taste is None else scores
    ranking = explored(ranking, known.history, wish.explore, limit=wish.limit) if known.history else ranking
    noise = 0 if wish.seed is None else SEED_NOISE * np.random.default_rng(wish.seed).gumbel(size=len(scores))
    ranking = np.asarray(ranking + noise, np.float32)
    picked = _pick(pool, ranking, wish)
    if wish.order == "random":
        np.random.default_rng(wish.seed or 0).shuffle(picked)
    elif wish.order == "score":
        picked.sort(key=lambda i: (-ranking[i], i))
    else:
        picked = arrange(pool, picked, known.timelines)
    return [choice(pool, i, scores, fit, taste) for i in picked]


def total(fit: Floats, taste: Taste | None) -> Floats:
    """One score per track from how it fits and how it is liked."""
    return fit if taste is None else (1 - TASTE_WEIGHT) * fit + TASTE_WEIGHT * taste.scores


def choice(pool: Pool, row: int, scores: Floats, fit: Floats, taste: Taste | None) -> Choice:
    """The record of a row that was chosen."""
    return Choice(
        int(pool.ids[row]),
        float(scores[row]),
        float(fit[row]),
        None if taste is None else float(taste.scores[row]),
        -1 if taste is None else int(taste.because[row]),
    )


def _pick(pool: Pool, ranking: Floats, wish: Wish) -> list[int]:
    """The tracks that rank high and are unlike each other, none of them twice, no artist over the cap.

    References
    ----------
    J. Carbonell and J. Goldstein, "The use of MMR, diversity-based reranking for reordering documents and producing
    summaries", SIGIR 1998, pp. 335-336. Similarity is the cosine of two sounds.
    """
    rows, artists = shortlist(pool, np.argsort(-ranking, kind="stable"), wish)
    vectors, nearest = pool.vectors[rows], np.zeros(len(rows), np.float32)
    open_to, taken = np.ones(len(rows), bool), Counter[str]()
    # The share of what was never played would not hold where likeness decides as well.
    relevance = RELEVANCE if wish.explore is None else 1.0
    picked: list[int] = []
    while len(picked) < wish.limit and open_to.any():
        worth = relevance * ranking[rows] - (1 - relevance) * nearest
        best = int(np.where(open_to, worth, -np.inf).argmax())
        picked.append(int(rows[best]))
        open_to[best] = False
        taken[artists[best]] += 1
        if artists[best] and taken[artists[best]] == wish.max_per_artist:
            open_to &= np.array([artist != artists[best] for artist in artists])
        nearest = np.maximum(nearest, vectors @ vectors[best])
    return picked


def shortlist(pool: Pool, ranked: NDArray[np.int64], wish: Wish) -> tuple[NDArray[np.int64], list[str]]:
    """The first tracks that are no copies of others, several for each place of the list, and who they are by."""
    rows: list[int] = []
    artists: list[str] = []
    waiting: Counter[str] = Counter()
    by_name: dict[tuple[str, str], list[int]] = {}
    for i in map(int, ranked):
        if len(rows) == CAPS_WAITING * wish.limit + SPARE:
            break
        artist, title = normalise(pool.artists[i]), normalise(pool.titles[i])
        same_name = by_name.setdefault((artist, title), [])
        full = artist and waiting[artist] >= CAPS_WAITING * wish.max_per_artist
        if full or (title and any(_same_recording(pool, i, j) for j in same_name)):
            continue
        rows.append(i)
        artists.append(artist)
        waiting[artist] += 1
        same_name.append(i)
    return np.array(rows, np.int64), artists


def is_copy(pool: Pool, i: int, j: int) -> bool:
    """Whether two rows are the same recording: name, length and sound are the same."""
    names = {(normalise(pool.artists[row]), normalise(pool.titles[row])) for row in (i, j)}
    return len(names) == 1 and bool(normalise(pool.titles[i])) and _same_recording(pool, i, j)


def _same_recording(pool: Pool, i: int, j: int) -> bool:
    close = abs(float(pool.duration_s[i] - pool.duration_s[j])) <= SAME_DURATION_S
    return close and float(pool.vectors[i] @ pool.vectors[j]) >= SAME_SOUND


def arrange(pool: Pool, picked: list[int], timelines: Timelines | None = None) -> list[int]:
    """An order that flows, from the first of the tracks on."""
    if len(picked) < 3:
        return picked
    courses = timelines([int(pool.ids[i]) for i in picked]) if timelines else {}
    return [picked[i] for i in flow.smoothest(flow.jars(pool, picked, courses))]
