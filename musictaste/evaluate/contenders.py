"""Who predicts: what this program's lists go by, and the plain rules beside which it is measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from musictaste import playlist, taste
from musictaste.evaluate.past import NOTHING, Doubles, Flags, Floats, Moment, Numbers
from musictaste.track import Together

Contender = Callable[[Moment, Numbers], Doubles]
"""Scores of all tracks, float64 [n], after some tracks, the latest first; -inf for what is not offered at all."""

UNWANTED = -1e6
"""The fit of a seed: it is chosen after everything else, and then left out."""


def similar(moment: Moment, context: Numbers) -> Doubles:
    """What `similar` goes by for the latest track, or `mix` where there is none."""
    return _total(moment, _near(moment, context[:1]) if len(context) else _for_user(moment))


def mix(moment: Moment, _: Numbers) -> Doubles:
    """What `mix` goes by."""
    return _total(moment, _for_user(moment))


def popular(moment: Moment, _: Numbers) -> Doubles:
    return _counted(moment.played)


def same_artist(moment: Moment, context: Numbers) -> Doubles:
    """Tracks by the artist of the latest one, by plays; without one, all tracks by the plays of their artist."""
    artists = moment.catalogue.artists
    if len(context):
        return _counted(np.where(artists == artists[context[0]], moment.played, 0))
    return _counted(np.bincount(artists, moment.played)[artists])


def played_next(moment: Moment, context: Numbers) -> Doubles:
    """What came right after the latest track, by how often it did (a Markov chain of first order)."""
    return _counted(moment.learned.follows[context[:1]].toarray().ravel())


def at_random(moment: Moment, _: Numbers) -> Doubles:
    return moment.chance


MIX, SIMILAR = "mix", "similar"
OWN = (SIMILAR, MIX)
RULES: Mapping[str, Contender] = {
    "same artist by plays": same_artist,
    "what is played next": played_next,
    "popularity": popular,
    "random": at_random,
}
CONTENDERS: Mapping[str, Contender] = {SIMILAR: similar, MIX: mix, **RULES}


def foremost(scores: Doubles, among: Flags, chance: Doubles, *, limit: int) -> Numbers:
    """The first `limit` tracks of some by their scores, chance deciding between equals; what has -inf is not taken."""
    rows = np.flatnonzero(among & (scores > -np.inf))
    if len(rows) > limit:
        # All that are as good as the last one stay, so that chance decides among them.
        rows = rows[scores[rows] >= np.partition(scores[rows], -limit)[-limit]]
    return rows[np.lexsort((chance[rows], -scores[rows]))][:limit]


def listed(name: str, moment: Moment, context: Numbers, *, limit: int) -> Numbers:
    """The tracks of a list, from the whole library: as the command makes it by default, or the first by a rule."""
    offered = moment.catalogue.offered
    if name in OWN:
        return _chosen(moment, context[:1] if name == SIMILAR else NOTHING, limit)
    among = offered.copy()
    among[context] = False
    return foremost(CONTENDERS[name](moment, context), among, moment.chance, limit=limit)


def _chosen(moment: Moment, seeds: Numbers, limit: int) -> Numbers:
    offered = moment.catalogue.offered
    fit = (_near(moment, seeds) if len(seeds) else _for_user(moment)).copy()
    fit[seeds] = UNWANTED
    choices = playlist.choose(
        moment.catalogue.listed,
        fit[offered],
        moment.liking.of(offered) if moment.liking else None,
        playlist.Wish(limit, order="score"),
        known=playlist.Known(moment.history.of(offered)),
    )
    return np.array([choice.track_id for choice in choices if choice.fit > UNWANTED], np.int64)


def _near(moment: Moment, seeds: Numbers) -> Floats:
    pool, together = moment.catalogue.pool, moment.learned.together
    sound = playlist.fit_to_seeds(pool.vectors, pool.vectors[seeds], moment.catalogue.seen(seeds))
    around = Together(together.ids[seeds], together.strengths[seeds], together.trust[seeds])
    return taste.blended(sound, pool.ids, around)


def _for_user(moment: Moment) -> Floats:
    if moment.liking is None:
        return playlist.fit_to_centre(moment.catalogue.pool.vectors)
    return playlist.fit_to_user(moment.liking, moment.history)


def _total(moment: Moment, fit: Floats) -> Doubles:
    return playlist.total(fit, moment.liking).astype(np.float64)


def _counted(counts: Numbers | Doubles) -> Doubles:
    """Counts as scores: what was never counted is not offered."""
    return np.where(counts > 0, counts, -np.inf)
