"""What is believed of a user's taste, and from which source: pure functions over tracks and weights."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from musictaste import moods, taste
from musictaste.track import Evidence, Track

Floats = NDArray[np.float32]

MAP_ROWS, MAP_COLUMNS = 9, 25


@dataclass(frozen=True)
class Belief:
    """A label or a name, its share of what the user likes and of the library, 0..1, and which sources say so.

    `tracks` counts the liked tracks that have it most of all; the shares of `sources` sum to one.
    """

    name: str
    share: float
    library: float
    tracks: int
    sources: Mapping[str, float]


@dataclass(frozen=True)
class Place:
    """A point on the map of moods, valence and arousal 0..1."""

    valence: float
    arousal: float


@dataclass(frozen=True)
class Profile:
    """What is believed: labels by falling share, the centres of liked tracks and of the library, and where they lie.

    `density` [MAP_ROWS, MAP_COLUMNS] sums to one: arousal falls from row to row, valence rises from column to column.
    """

    tracks: int
    moods: tuple[Belief, ...]
    styles: tuple[Belief, ...]
    artists: tuple[Belief, ...]
    decades: tuple[Belief, ...]
    centre: Place
    library: Place
    density: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Whole:
    """The library that a taste is compared with: mean probabilities, and the share of tracks of names."""

    moods: Mapping[str, float]
    styles: Mapping[str, float]
    artists: Mapping[str, float]
    decades: Mapping[str, float]


def profile(
    tracks: Sequence[Track], weights: Floats, *, years: Mapping[int, int], evidence: Iterable[Evidence], whole: Whole
) -> Profile | None:
    """What is believed of the tracks of a history, whose weights [n] are those of `taste.weigh`; None of nobody.

    Only what is liked forms beliefs; what is disliked takes tracks and their neighbours out of lists.
    """
    liked = [(track, float(weight)) for track, weight in zip(tracks, weights, strict=True) if weight > 0]
    if not liked:
        return None
    told = _told_by(evidence)
    total = sum(weight for _, weight in liked)
    weighed = [_Weighed(track, weight / total, told.get(track.id, {})) for track, weight in liked]
    return Profile(
        len(liked),
        _labels(weighed, lambda track: track.moods, whole.moods),
        _labels(weighed, lambda track: track.styles, whole.styles),
        _names(weighed, lambda track: track.artist, whole.artists),
        _names(weighed, lambda track: decade(years.get(track.id)), whole.decades),
        Place(
            sum(w.share * moods.valence(w.track.moods) for w in weighed),
            sum(w.share * moods.arousal(w.track.moods) for w in weighed),
        ),
        Place(moods.valence(whole.moods), moods.arousal(whole.moods)),
        _density(weighed),
    )


def decade(year: int | None) -> str | None:
    return None if year is None else f"{year // 10 * 10}s"


@dataclass(frozen=True)
class _Weighed:
    """A liked track, its share of all that is liked, and the shares of the sources that speak for it."""

    track: Track
    share: float
    told_by: Mapping[str, float]


def _told_by(evidence: Iterable[Evidence]) -> dict[int, dict[str, float]]:
    """Per track, the share of each source in what speaks for it."""
    amounts: dict[int, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for said in evidence:
        rated = max(taste.RATING_WEIGHT * ((said.rating or 0) - 0.5), 0)
        amount = float(np.log1p(said.plays)) + taste.LOVED_WEIGHT * said.loved + rated + taste.LIKE_WEIGHT * said.liked
        if amount > 0:
            amounts[said.track_id][said.source] += amount
    return {
        track_id: {source: amount / sum(by_source.values()) for source, amount in by_source.items()}
        for track_id, by_source in amounts.items()
    }


def _labels(
    weighed: Sequence[_Weighed], of: Callable[[Track], Mapping[str, float]], library: Mapping[str, float]
) -> tuple[Belief, ...]:
    """Beliefs in labels that each track has with a probability."""
    firsts = Counter(max(of(w.track), key=of(w.track).__getitem__) for w in weighed)
    beliefs = [
        _belief(label, [(w, w.share * of(w.track).get(label, 0)) for w in weighed], library[label], firsts[label])
        for label in library
    ]
    return tuple(sorted(beliefs, key=lambda belief: -belief.share))


def _names(
    weighed: Sequence[_Weighed], of: Callable[[Track], str | None], library: Mapping[str, float]
) -> tuple[Belief, ...]:
    """Beliefs in names that each track has one of, or none."""
    groups: dict[str, list[tuple[_Weighed, float]]] = defaultdict(list)
    for w in weighed:
        if name := of(w.track):
            groups[name].append((w, w.share))
    beliefs = [_belief(name, parts, library.get(name, 0), len(parts)) for name, parts in groups.items()]
    return tuple(sorted(beliefs, key=lambda belief: (-belief.share, belief.name)))


def _belief(name: str, parts: Sequence[tuple[_Weighed, float]], library: float, tracks: int) -> Belief:
    share = sum(part for _, part in parts)
    sources: dict[str, float] = defaultdict(float)
    for w, part in parts:
        for source, told in w.told_by.items() if part else ():
            sources[source] += part * told / share
    return Belief(name, share, library, tracks, dict(sorted(sources.items(), key=lambda item: (-item[1], item[0]))))


def _density(weighed: Sequence[_Weighed]) -> tuple[tuple[float, ...], ...]:
    """The shares of liked tracks on an even grid of valence and arousal."""
    grid = np.zeros((MAP_ROWS, MAP_COLUMNS))
    for w in weighed:
        valence, arousal = moods.valence(w.track.moods), moods.arousal(w.track.moods)
        row = min(int((1 - arousal) * MAP_ROWS), MAP_ROWS - 1)
        grid[row, min(int(valence * MAP_COLUMNS), MAP_COLUMNS - 1)] += w.share
    return tuple(tuple(map(float, row)) for row in grid)
