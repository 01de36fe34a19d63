"""What the user said, as a measure: whether lists pleased, and whether moods are what the user hears."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from musictaste.evaluate import measures
from musictaste.evaluate.measures import Doubles, Figure, Numbers
from musictaste.track import Answer, Judged


@dataclass(frozen=True)
class Pleased:
    """How tracks of lists were judged, and likes over all of that; a dislike is no less a miss than a skip."""

    likes: int
    skips: int
    dislikes: int
    share: Figure


@dataclass(frozen=True)
class Satisfaction:
    """What was said of tracks of lists, in all and by the command that made the list."""

    all: Pleased
    commands: Mapping[str, Pleased]


@dataclass(frozen=True)
class Agreement:
    """How probabilities of a mood fit what was taught of it.

    `right` is the share of answers on whose side of the mood's threshold the probability is, `brier` the mean squared
    error, 0 at best and 0.25 of who always says one half (Brier, Monthly Weather Review 78(1), 1950).
    """

    answers: int
    right: Figure
    brier: Figure


@dataclass(frozen=True)
class Calibration:
    """Probabilities of moods beside what was taught."""

    all: Agreement
    error: Figure
    moods: Mapping[str, Agreement]


def satisfaction(judged: Sequence[Judged], rng: np.random.Generator) -> Satisfaction | None:
    """How lists pleased; None where no track of one was judged."""
    if not judged:
        return None
    commands = sorted({one.command for one in judged})
    return Satisfaction(
        _pleased(judged, rng),
        {command: _pleased([one for one in judged if one.command == command], rng) for command in commands},
    )


def _pleased(judged: Sequence[Judged], rng: np.random.Generator) -> Pleased:
    counts = Counter(one.verdict for one in judged)
    liked = np.array([[one.verdict == "like"] for one in judged], np.float64)
    (share,) = measures.mean(liked, np.array([one.list_number for one in judged]), rng)
    return Pleased(counts["like"], counts["skip"], counts["dislike"], share)


def calibration(
    answers: Sequence[Answer],
    probabilities: Mapping[tuple[int, str], float],
    thresholds: Mapping[str, float],
    rng: np.random.Generator,
) -> Calibration | None:
    """How probabilities by track and mood fit answers; None where none of these tracks has any."""
    told = [answer for answer in answers if (answer.track_id, answer.mood) in probabilities]
    if not told:
        return None
    heard = np.array([probabilities[answer.track_id, answer.mood] for answer in told])
    truths = np.array([answer.yes for answer in told], np.float64)
    sides = heard >= [thresholds[answer.mood] for answer in told]
    values = np.stack([sides == truths, (heard - truths) ** 2], axis=1)
    tracks = np.array([answer.track_id for answer in told])
    of = np.array([answer.mood for answer in told])

    def error(chosen: Numbers) -> float:
        return measures.calibration_error(heard[chosen], truths[chosen])

    return Calibration(
        _agreement(values, tracks, rng),
        measures.drawn_again(error, len(told), rng),
        {mood: _agreement(values[of == mood], tracks[of == mood], rng) for mood in sorted(set(of.tolist()))},
    )


def _agreement(values: Doubles, tracks: Numbers, rng: np.random.Generator) -> Agreement:
    right, brier = measures.mean(values, tracks, rng)
    return Agreement(len(values), right, brier)
