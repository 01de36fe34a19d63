"""What the user plays, as a score for tracks: item-item similarity weighted by listening.

Sarwar et al., "Item-based collaborative filtering recommendation algorithms", WWW 2001. The similarity is a blend of
sound, of the moods that sound and words tell together, and of what was played together: where plays have no times and
no other listener is known, counts alone are a single vector and say nothing of which tracks go together.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from musictaste.track import Plays, Surroundings, Together

Floats = NDArray[np.float32]

MOOD_WEIGHT = 0.6
"""How much the moods that a listener prefers count beside the sounds, see `scripts/weigh_moods.py`."""

MOOD_PRIOR = 4.0
"""So much weight of plays like the library itself is taken into what a listener prefers: two tracks of six plays."""

NEIGHBOURS = 10
SOUNDED = 128
"""The sound of so many liked tracks, and of as many disliked ones, is compared: that of 100,000 would take minutes."""

FAVOURITES = 16
"""So many liked tracks point out what a large library is searched near."""

BLOCK = 4096
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


@dataclass(frozen=True)
class Beside:
    """The ids of the tracks that are scored, int64 [n], with what goes together with each in what was played."""

    ids: NDArray[np.int64] = field(compare=False)
    together: Together


def beside(ids: NDArray[np.int64], together: Together | None) -> Beside | None:
    """What goes together with some tracks; None where that is not known of any."""
    return None if together is None else Beside(ids, together)


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


def loudest(plays: Plays) -> NDArray[np.int64]:
    """Rows of the history whose sound is compared with, int64, ascending: the most liked, and the least liked too."""
    weights = weigh(plays)
    liked, disliked = _foremost(weights), len(weights) - 1 - _foremost(-weights[::-1])
    return np.sort(np.concatenate([liked[weights[liked] > 0], disliked[weights[disliked] < 0]]))


def _foremost(weights: Floats) -> NDArray[np.int64]:
    """Rows of the SOUNDED largest weights, of equal ones the first; to sort all takes longer than what they are for."""
    if len(weights) <= SOUNDED:
        return np.arange(len(weights))
    least = np.partition(weights, -SOUNDED)[-SOUNDED]
    rows = np.flatnonzero(weights >= least)
    return rows[np.argsort(-weights[rows], kind="stable")[:SOUNDED]]


def favourites(plays: Plays) -> Floats | None:
    """Unit vectors float32 [q, d] of the tracks that are liked most, of those whose sound is at hand; None of none."""
    weights = weigh(plays) if plays.sounded is None else weigh(plays)[plays.sounded]
    order = np.argsort(-weights, kind="stable")[:FAVOURITES]
    most = order[weights[order] > 0]
    return plays.vectors[most] if len(most) else None


def liked(plays: Plays) -> NDArray[np.int64]:
    """Ids of all tracks that are liked."""
    return plays.ids[weigh(plays) > 0]


def companions(around: Together | None) -> NDArray[np.int64]:
    """Ids of what goes together with seeds in what was played."""
    if around is None:
        return np.zeros(0, np.int64)
    ids = around.ids.astype(np.int64)
    return np.unique(ids[ids >= 0])


def seen_from(vectors: Floats, middle: Floats) -> Floats:
    """Unit vectors [n, d] of how each differs from the middle of a library [d].

    What all of a library shares says nothing of what is near, and the tracks that have most of it would be near to all
    others: centring takes such hubs away (Suzuki et al., "Centering similarity measures to reduce hubs", EMNLP 2013).
    """
    apart = vectors - middle
    apart /= np.maximum(np.sqrt(np.einsum("ij,ij->i", apart, apart)), 1e-9)[:, None]
    return np.asarray(apart, np.float32)


def cosines_seen_from(vectors: Floats, middle: Floats, directions: Floats) -> Floats:
    """What `seen_from(vectors, middle) @ directions.T` is of unit vectors [n, d], float32 [n] or [n, q].

    It takes half the time, since no difference is made: the length of one is the root of 1 - 2 v.m + m.m.
    """
    products = vectors @ np.vstack([directions, middle]).T
    lengths = np.sqrt(np.maximum(1 - 2 * products[:, -1] + middle @ middle, 1e-18))
    cosines = (products[:, :-1] - directions @ middle) / lengths[:, None]
    return np.asarray(cosines[:, 0] if directions.ndim == 1 else cosines, np.float32)


def score(
    vectors: Floats, plays: Plays, listening: Beside | None = None, *, around: Surroundings | None = None
) -> Taste | None:
    """Score tracks by their nearest neighbours in the history, by sound and by what was played together.

    None without a history. What a track's listening is trusted with is decided by that, the rest by its sound, so
    that a track which is new, or a listener without times, is judged by sound and words alone.

    Parameters
    ----------
    vectors : float32 [n, d]
        Unit vectors of the tracks.
    around : Surroundings or None
        With them sounds are compared as they differ from the middle of the library, and the moods that are preferred
        count for MOOD_WEIGHT of what the sound would; that is where words count, since moods are those of both.
    """
    weights = weigh(plays)
    if len(vectors) == 0 or not weights.any():
        return None
    totals, best, voice = _by_sound(vectors, plays, weights, around)
    if around is not None:
        totals = (1 - MOOD_WEIGHT) * totals + MOOD_WEIGHT * by_moods(around, weights)
    if listening is not None:
        trust = listening.together.trust
        heard, loud, louder = _by_listening(listening, plays, weights)
        best = np.where(trust * louder > (1 - trust) * voice, loud, best)
        voice = np.maximum(trust * louder, (1 - trust) * voice)
        totals = trust * heard + (1 - trust) * totals
    because = np.where(voice > 0, best, -1)
    return Taste(np.asarray(totals / max(float(np.abs(totals).max()), 1e-9), np.float32), because)


def by_moods(around: Surroundings, weights: Floats) -> Floats:
    """How much likelier tracks have the moods that are preferred than other tracks have them, float32 [n] in -1..1.

    It is L = sum of p(mood) q(mood) / b(mood) of a track's moods p, those of the history q, of which what is disliked
    is taken away, and those of the library b: how much likelier the track is among what is liked than anywhere, if its
    mood were all that counts. It is brought into -1..1 as (L - 1) / (L + 1), 0 where nothing is known.
    """
    usual = np.maximum(around.usual, 1e-6)
    preferred = np.maximum(weights @ around.played + MOOD_PRIOR * usual, 0)
    lift = around.moods @ (preferred / max(float(preferred.sum()), 1e-9) / usual)
    return np.asarray(np.where(around.moods.any(axis=1), (lift - 1) / (lift + 1), 0), np.float32)


def _by_sound(
    vectors: Floats, plays: Plays, weights: Floats, around: Surroundings | None
) -> tuple[Floats, NDArray[np.int64], Floats]:
    """Support in -1..1, the row of the history that gives most of it, and how much that gives, each [n]."""
    theirs = plays.vectors if around is None else seen_from(plays.vectors, around.middle)
    sounded = np.arange(len(weights)) if plays.sounded is None else plays.sounded
    count = min(NEIGHBOURS, len(sounded))
    support, nearest = np.empty((len(vectors), count), np.float32), np.empty((len(vectors), count), np.int64)
    for begin in range(0, len(vectors), BLOCK):
        block = slice(begin, begin + BLOCK)
        cosines = (
            vectors[block] @ theirs.T if around is None else cosines_seen_from(vectors[block], around.middle, theirs)
        )
        similarity = np.maximum(cosines, 0)
        closest = np.argpartition(-similarity, count - 1, axis=1)[:, :count]
        support[block] = np.take_along_axis(similarity, closest, axis=1) * weights[sounded[closest]]
        nearest[block] = sounded[closest]
    return _shares(support, nearest)


def _by_listening(listening: Beside, plays: Plays, weights: Floats) -> tuple[Floats, NDArray[np.int64], Floats]:
    """The same by what was played together; a track that was played itself is its own nearest."""
    ids = np.concatenate([listening.ids[:, None].astype(np.int32), listening.together.ids], axis=1)
    strengths = np.concatenate([np.ones((len(ids), 1), np.float32), listening.together.strengths], axis=1)
    # A table by id: searching among 100,000 played tracks for each neighbour takes ten times as long.
    row_of = np.full(max(int(ids.max()), int(plays.ids.max())) + 2, -1, np.int64)  # its last item is that of no track
    row_of[plays.ids] = np.arange(len(plays.ids))
    rows = row_of[ids]
    support = np.where(rows >= 0, strengths * weights[rows], 0)
    return _shares(np.asarray(support, np.float32), rows)


def _shares(support: Floats, rows: NDArray[np.int64]) -> tuple[Floats, NDArray[np.int64], Floats]:
    totals = support.sum(axis=1)
    top = max(float(np.abs(totals).max()), 1e-9)
    best = support.argmax(axis=1)[:, None]
    voice = np.take_along_axis(support, best, axis=1).ravel()
    return totals / top, np.take_along_axis(rows, best, axis=1).ravel(), voice / top


def blended(sound: Floats, ids: NDArray[np.int64], around: Together | None) -> Floats:
    """Nearness to seeds, float32 [n] in 0..1: by sound, and as far as that is trusted by what is played with them.

    Parameters
    ----------
    sound : float32 [n]
        Nearness of the tracks `ids` by sound, 0..1.
    around : Together or None
        What goes with each of the seeds; None where nothing is known of any.
    """
    if around is None:
        return sound
    closest = np.zeros(len(sound), np.float32)
    for neighbours, strengths, trust in zip(around.ids, around.strengths, around.trust, strict=True):
        order = np.argsort(neighbours)
        place = order[np.minimum(np.searchsorted(neighbours[order], ids), len(order) - 1)]
        closest += trust * np.where(neighbours[place] == ids, strengths[place], 0)
    shares = len(around.trust)
    return np.asarray((1 - around.trust.sum() / shares) * sound + closest / shares, np.float32)
