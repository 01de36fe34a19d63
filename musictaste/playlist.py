"""Which tracks, and in which order: pure functions over columns, without the library."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from musictaste.exploring import Heard, explored
from musictaste.moods import EMOTIONS, MOODS
from musictaste.taste import Taste
from musictaste.track import PITCHES, Pool, Timeline, normalise

Floats = NDArray[np.float32]
Order = Literal["flow", "score", "random"]

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

TEMPO_WEIGHT, KEY_WEIGHT, LEVEL_WEIGHT = 0.5, 0.15, 0.02
ARRAYS = ("ids", "mood", "style", "vectors", "duration_s", "bpm", "loudness_db")


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


def without(pool: Pool, track_ids: list[int]) -> Pool:
    """The pool without some of its tracks."""
    return where(pool, ~np.isin(pool.ids, track_ids))


def where(pool: Pool, wanted: NDArray[np.bool_]) -> Pool:
    """Some tracks of the pool."""
    if wanted.all():
        return pool
    kept = np.flatnonzero(wanted)
    columns: dict[str, Any] = {name: getattr(pool, name)[kept] for name in ARRAYS}
    columns |= {name: tuple(getattr(pool, name)[i] for i in kept) for name in ("keys", "artists", "titles")}
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


def fit_to_seeds(vectors: Floats, seeds: Floats) -> Floats:
    """Cosine similarity to the mean of the seeds, 0..1."""
    centre = seeds.mean(axis=0)
    cosine = vectors @ (centre / max(float(np.linalg.norm(centre)), 1e-9))
    return np.asarray((1 + cosine) / 2, np.float32)


def fit_to_centre(vectors: Floats) -> Floats:
    """Cosine similarity to the middle of the library, 0..1: what is typical of it, for who has not played anything."""
    return fit_to_seeds(vectors, vectors) if len(vectors) else np.zeros(0, np.float32)


def fit_to_user(taste: Taste, history: Heard) -> Floats:
    """A score by taste alone, 0..1: what is near to what the user likes, and favourites themselves before it."""
    near = np.maximum(taste.scores, 0)
    return np.asarray((1 - FAVOURITES) * near + FAVOURITES * history.liked, np.float32)


def choose(pool: Pool, fit: Floats, taste: Taste | None, wish: Wish, *, history: Heard | None = None) -> list[Choice]:
    """The best tracks of a pool in playing order; the same arguments always give the same list."""
    scores = fit if taste is None else (1 - TASTE_WEIGHT) * fit + TASTE_WEIGHT * taste.scores
    rng = np.random.default_rng(wish.seed or 0)
    ranking = scores + COLD_WEIGHT * fit_to_centre(pool.vectors) if wish.typical and taste is None else scores
    ranking = explored(ranking, history, wish.explore, limit=wish.limit) if history else ranking
    ranking = ranking if wish.seed is None else ranking + SEED_NOISE * rng.gumbel(size=len(scores))
    picked = _pick(pool, np.argsort(-ranking, kind="stable"), wish)
    if wish.order == "random":
        rng.shuffle(picked)
    elif wish.order == "flow":
        picked = arrange(pool, picked)
    return [
        Choice(
            int(pool.ids[i]),
            float(scores[i]),
            float(fit[i]),
            None if taste is None else float(taste.scores[i]),
            -1 if taste is None else int(taste.because[i]),
        )
        for i in picked
    ]


def _pick(pool: Pool, ranked: NDArray[np.int64], wish: Wish) -> list[int]:
    """The first tracks that keep to the artist cap and are not the same recording as one already picked."""
    picked: list[int] = []
    artists: Counter[str] = Counter()
    by_name: dict[tuple[str, str], list[int]] = {}
    for i in map(int, ranked):
        if len(picked) == wish.limit:
            break
        artist, title = normalise(pool.artists[i]), normalise(pool.titles[i])
        if artist and artists[artist] >= wish.max_per_artist:
            continue
        same_name = by_name.setdefault((artist, title), [])
        if title and any(_same_recording(pool, i, j) for j in same_name):
            continue
        picked.append(i)
        artists[artist] += 1
        same_name.append(i)
    return picked


def _same_recording(pool: Pool, i: int, j: int) -> bool:
    close = abs(float(pool.duration_s[i] - pool.duration_s[j])) <= SAME_DURATION_S
    return close and float(pool.vectors[i] @ pool.vectors[j]) >= SAME_SOUND


def arrange(pool: Pool, picked: list[int]) -> list[int]:
    """An order that flows: from the best track on, always the one whose sound, tempo, key and level are nearest."""
    if len(picked) < 3:
        return picked
    distance = _distances(pool, np.array(picked))
    order, left = [0], set(range(1, len(picked)))
    while left:
        following = min(left, key=lambda j: (distance[order[-1], j], j))
        order.append(following)
        left.remove(following)
    return [picked[i] for i in order]


def _distances(pool: Pool, picked: NDArray[np.int64]) -> Floats:
    """How much each pair of tracks jars when one follows the other, [n, n]."""
    vectors = pool.vectors[picked]
    sound = 1 - vectors @ vectors.T
    octaves = np.log2(np.where(pool.bpm[picked] > 0, pool.bpm[picked], np.nan))
    tempo = np.abs(octaves[:, None] - octaves[None, :])
    # Half and double tempo are felt as the same; a track without a pulse is halfway from everything.
    tempo = np.nan_to_num(np.abs(tempo - np.round(tempo)), nan=0.25)
    level = np.abs(pool.loudness_db[picked][:, None] - pool.loudness_db[picked][None, :])
    fifths = np.array([_fifths(pool.keys[i]) for i in picked])
    apart = np.abs(fifths[:, None] - fifths[None, :])
    key = np.nan_to_num(np.minimum(apart, 12 - apart) / 6, nan=0.5)
    return np.asarray(sound + TEMPO_WEIGHT * tempo + KEY_WEIGHT * key + LEVEL_WEIGHT * level, np.float32)


def _fifths(key: str | None) -> float:
    """Place on the circle of fifths, 0..11, a minor key at its relative major; nan for no key."""
    if key is None:
        return float("nan")
    pitch, mode = key.split()
    return float((PITCHES.index(pitch) + (3 if mode == "minor" else 0)) * 7 % 12)
