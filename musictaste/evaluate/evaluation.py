"""All that `evaluate` says of a library."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from musictaste import teaching
from musictaste.errors import TooLittleError
from musictaste.evaluate import lacking, measuring, opinions, reading
from musictaste.evaluate.measuring import Prediction
from musictaste.evaluate.opinions import Calibration, Satisfaction
from musictaste.evaluate.past import Catalogue, Listening
from musictaste.evaluate.reading import Read
from musictaste.moods import MOODS
from musictaste.store import Library
from musictaste.track import Answer, Judged, Plays


@dataclass(frozen=True)
class Evaluation:
    """How well plays are predicted, how lists please, and how moods agree with what was taught; None where unknown.

    `untaught` is of moods before anything was taught, `taught` of each after the answers on other tracks. Lists were
    made from `drawn` of `tracks`. `missing` has a sentence for each kind of data that would help.
    """

    tracks: int
    drawn: int
    prediction: Prediction | None
    satisfaction: Satisfaction | None
    untaught: Calibration | None
    taught: Calibration | None
    missing: tuple[str, ...]


def evaluate(library: Library, *, limit: int, seed: int) -> Evaluation:
    """Measure a library against its own history; the same seed gives the same figures.

    Raises
    ------
    TooLittleError
        When nothing can be measured.
    """
    rng = np.random.default_rng(seed)
    known = reading.read(library)
    of = reading.catalogue(library, known, rng)
    listening = reading.listening(library, known, of)
    history = reading.history(known, of)
    prediction = measuring.by_times(of, listening, limit=limit, rng=rng)
    prediction = prediction or measuring.by_counts(of, listening, history, limit=limit, rng=rng)
    judged, answers = library.judged(), library.answers()
    pleased = opinions.satisfaction(judged, rng)
    limits = teaching.thresholds()
    untaught = opinions.calibration(answers, _untaught(library, answers), limits, rng)
    taught = opinions.calibration(answers, teaching.foretold(library), limits, rng)
    missing = lacking.missing(_stock(library, known, judged, listening.others.shape[0]))
    if prediction is None:
        few = _too_little(listening, history, of)
        if not pleased and not untaught:
            raise TooLittleError(few)
        missing = [few, *missing]
    drawn = int(of.offered.sum())
    return Evaluation(len(known.music), drawn, prediction, pleased, untaught, taught, tuple(missing))


def _too_little(listening: Listening, history: Plays, of: Catalogue) -> str:
    played = int((history.plays > 0).sum())
    sessions = int(listening.plays.sessions.max(initial=-1)) + 1
    return (
        f"too little is known to predict: {sessions} sessions of plays with a time ({measuring.LEAST_SESSIONS} are"
        f" needed), or {played} tracks that were played and {len(of) - played} that were not"
        f" ({measuring.LEAST_TRACKS} and a fifth as many are needed): see 'plays detect'"
    )


def _untaught(library: Library, answers: Sequence[Answer]) -> dict[tuple[int, str], float]:
    """What the models say of the tracks that were taught, by track and mood."""
    columns = library.mood_columns(sorted({answer.track_id for answer in answers}), with_words=True)
    return {
        (track_id, mood): p
        for track_id, row in zip(columns.ids.tolist(), columns.moods.tolist(), strict=True)
        for mood, p in zip(MOODS, row, strict=True)
        if not math.isnan(p)
    }


def _stock(library: Library, known: Read, judged: list[Judged], others: int) -> lacking.Stock:
    plays = known.plays
    return lacking.Stock(
        timed=len(known.played),
        plays=round(float(plays.plays.sum())),
        skips=math.ceil(float(plays.skips.sum())),
        rated=int(((plays.rating >= 0) | (plays.loved > 0)).sum()),
        judged=len(judged),
        taught=len(library.answers()),
        gone=int((~known.present).sum()),
        failed=len(library.failures()),
        others=others,
    )
