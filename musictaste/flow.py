"""How well one track follows another, and the order in which the joins jar least."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from musictaste.moods import EMOTIONS
from musictaste.track import PITCHES, Pool, Timeline

Floats = NDArray[np.float32]
Reals = NDArray[np.float64]

TEMPO_WEIGHT, KEY_WEIGHT, LEVEL_WEIGHT, MOOD_WEIGHT = 0.5, 0.15, 0.02, 0.5
"""What an octave of tempo, the far side of the circle of fifths, a decibel, and all of valence or of arousal weigh
beside the cosine distance of two sounds."""

EDGE_WINDOWS = 2
"""So many windows tell how a track begins, and as many how it ends: one alone may be a break or a mistake."""

UNKNOWN = {"tempo": 0.25, "key": 0.5, "mood": 0.25}
"""What is not known of a track is about as far from everything as two tracks by chance."""

LONGEST_IMPROVED = 200
"""A longer list keeps the order of nearest neighbours: the time that improving it takes grows with the cube."""

LEAST_GAIN = 1e-9
"""What is less may be rounding, and would never end."""

_VALENCE = [EMOTIONS.index(label) for label in ("happy", "calm")]
_AROUSAL = [EMOTIONS.index(label) for label in ("happy", "angry")]


def circumplex(moods: Floats) -> Floats:
    """Valence and arousal [n, 2], each 0..1, of probabilities [n, k] in the order of MOODS (see `moods.valence`)."""
    axes = [moods[:, _VALENCE].sum(axis=1), moods[:, _AROUSAL].sum(axis=1)]
    return np.asarray(np.minimum(np.stack(axes, axis=1), 1), np.float32)


def jars(pool: Pool, rows: Sequence[int], timelines: Mapping[int, Timeline]) -> Floats:
    """How much it jars when one of some tracks of a pool is followed by another, float32 [n, n]: row, then column.

    Only the mood tells the two directions apart, by how the first ends and the second begins: tempo, key and level are
    known of whole tracks. Mood counts where at least one of the tracks has a timeline.
    """
    picked = np.asarray(rows, np.int64)
    vectors = pool.vectors[picked]
    sound = 1 - vectors @ vectors.T
    octaves = np.log2(np.where(pool.bpm[picked] > 0, pool.bpm[picked], np.nan))
    tempo = np.abs(octaves[:, None] - octaves[None, :])
    # Half and double tempo are felt as the same.
    tempo = np.nan_to_num(np.abs(tempo - np.round(tempo)), nan=UNKNOWN["tempo"])
    level = np.abs(pool.loudness_db[picked][:, None] - pool.loudness_db[picked][None, :])
    fifths = np.array([_fifths(pool.keys[i]) for i in picked])
    apart = np.abs(fifths[:, None] - fifths[None, :])
    key = np.nan_to_num(np.minimum(apart, 12 - apart) / 6, nan=UNKNOWN["key"])
    mood = _mood_steps([timelines.get(int(pool.ids[i])) for i in picked])
    jar = sound + TEMPO_WEIGHT * tempo + KEY_WEIGHT * key + LEVEL_WEIGHT * level + MOOD_WEIGHT * mood
    return np.asarray(jar, np.float32)


def _mood_steps(timelines: Sequence[Timeline | None]) -> Floats:
    """The distance on the circumplex from the end of each track to the beginning of each, [n, n]."""
    edges = np.full((2, len(timelines), 2), np.nan, np.float32)
    for i, timeline in enumerate(timelines):
        if timeline and len(timeline.at_s):
            course = circumplex(timeline.moods)
            edges[:, i] = course[:EDGE_WINDOWS].mean(axis=0), course[-EDGE_WINDOWS:].mean(axis=0)
    begins, ends = edges
    steps = np.linalg.norm(ends[:, None] - begins[None, :], axis=2)
    return np.asarray(np.nan_to_num(steps, nan=UNKNOWN["mood"]), np.float32)


def _fifths(key: str | None) -> float:
    """Place on the circle of fifths, 0..11, a minor key at its relative major; nan for no key."""
    if key is None:
        return float("nan")
    pitch, mode = key.split()
    return float((PITCHES.index(pitch) + (3 if mode == "minor" else 0)) * 7 % 12)


def smoothest(jar: Floats) -> list[int]:
    """An order of all rows of [n, n] that begins with the first and whose joins jar little.

    Nearest neighbours, improved by reversing stretches and by moving single tracks while that helps.

    References
    ----------
    G. A. Croes, "A method for solving traveling-salesman problems", Operations Research 6(6), 1958, pp. 791-812: 2-opt.
    I. Or, "Traveling salesman-type combinatorial problems", thesis, Northwestern University, 1976 (Or-opt).
    """
    order = _nearest_first(jar)
    return list(map(int, _improved(jar, order) if len(order) <= LONGEST_IMPROVED else order))


def _nearest_first(jar: Floats) -> NDArray[np.int64]:
    left = np.ones(len(jar), bool)
    order = np.zeros(len(jar), np.int64)
    for place in range(1, len(jar)):
        left[order[place - 1]] = False
        order[place] = np.where(left, jar[order[place - 1]], np.inf).argmin()
    return order


def _improved(jar: Floats, order: NDArray[np.int64]) -> NDArray[np.int64]:
    """The order after every change of `_reversals` and `_moves` that makes all joins together jar less, best first."""
    wide = jar.astype(np.float64)
    while len(order) > 2:
        inside = wide[np.ix_(order, order)]
        reversals, moves = _reversals(inside), _moves(inside)
        if max(reversals.max(), moves.max()) <= LEAST_GAIN:
            break
        if reversals.max() >= moves.max():
            first, last = np.unravel_index(reversals.argmax(), reversals.shape)
            order[first : last + 1] = order[first : last + 1][::-1].copy()
        else:
            place, behind = map(int, np.unravel_index(moves.argmax(), moves.shape))
            order = np.insert(np.delete(order, place), behind + (behind < place), order[place])
    return order


def _reversals(jar: Reals) -> Reals:
    """How much less an order jars when the stretch from each row to each column is reversed, -inf where none can be.

    A join jars otherwise in the other direction, so what a stretch costs backwards is counted as well.
    """
    onward = np.diagonal(jar, 1)
    saved = np.concatenate([[0], np.cumsum(onward - np.diagonal(jar, -1))])
    gains = saved[None, :] - saved[:, None]
    # Into a stretch from what is before it, and out of it to what is behind; nothing is behind the last.
    gains[1:] += onward[:, None] - jar[:-1]
    gains[:, :-1] += onward[None, :] - jar[:, 1:]
    possible = np.triu(np.ones(jar.shape, bool), 1)
    possible[0] = False
    return np.where(possible, gains, -np.inf)


def _moves(jar: Reals) -> Reals:
    """How much less an order jars when the track of each row is put behind that of each column, -inf where none is."""
    wide = np.pad(jar, ((0, 0), (0, 1)))  # to what comes after the last no join jars
    onward = np.diagonal(wide, 1)
    gains = np.full(jar.shape, -np.inf)
    saved = onward[:-1] + onward[1:] - np.diagonal(wide, 2)
    gains[1:] = saved[:, None] - (jar.T[1:] + wide[1:, 1:] - onward[None, :])
    np.fill_diagonal(gains, -np.inf)
    np.fill_diagonal(gains[1:], -np.inf)
    return gains
