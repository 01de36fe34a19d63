"""A small personal head: what the user says of some tracks, carried over to those that sound like them.

For each mood that was taught, the logit of the shipped head gets w·z more, z being a track's unit vector; then the four
emotions share one softmax again, and each finer mood has its sigmoid. w is fitted by logistic regression with an L2
penalty, which pulls toward the shipped head, on the answers and on anchors: other tracks, held where they are. A bias
is not needed, since the vectors have a common direction that serves as one.

The constants were chosen on 400 clips of Emotify, with a head that had not seen them, by teaching 2 or 10 of its
errors at a time, and on a library of 134 tracks, by teaching the contrary of what the head said of tracks drawn at
random. With a penalty of 0.02 28 % of single answers and 22 % of ten together stayed on the wrong side in that library,
with 0.003 none and 1 %. On the clips every answer held, and 3 % and 7 % of all others changed sides; without anchors
25 % and 43 % did. Their agreement with the listeners stayed what it was (F1 +0.00 and +0.01): a teaching mends what was
named and what is close to it, and does not make the head better elsewhere.

A clip counted as having a mood when it was among the 30 % with most votes for joyful activation (happy), calmness,
sadness or tension (angry). The figures come from the tracks that the constants were chosen on, after more than
a hundred settings were tried, so that on other music more answers may stay on the wrong side. Finer moods use the same
constants; what teaching does to them was not measured.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from musictaste import quality
from musictaste.errors import NothingTaughtError, TeachingError
from musictaste.moods import EMOTIONS, MOODS
from musictaste.store import Library
from musictaste.track import Answer, HeardBy, MoodColumns, Move

Floats = NDArray[np.float64]

PENALTY = 0.003
ANCHORS = 300
"""At most so many tracks stand for those that nobody spoke of."""

ANCHOR_PULL = 60.0
"""What all anchors weigh together, in answers; the same for every size of library."""

MOST_PULL = 0.5
"""What one anchor may weigh: in a library of a few tracks, an answer still counts more than its neighbours."""

ROUNDS = 8
"""Emotions share one softmax, so each is fitted again when the others have moved."""

AT_ONCE = 1000
FOLDS = 5
NEWTON_STEPS = 50
SETTLED = 1e-6
LEAST_PROBABILITY = 1e-9


@dataclass(frozen=True)
class Change:
    """What a teaching did: the tracks that were named, and all that crossed the threshold."""

    mood: str
    threshold: float
    yes: Sequence[Move]
    no: Sequence[Move]
    moved_in: Sequence[Move]
    moved_out: Sequence[Move]

    @property
    def unmoved(self) -> list[Move]:
        """Named tracks that are still on the wrong side."""
        return [m for m in self.yes if m.after < self.threshold] + [m for m in self.no if m.after >= self.threshold]


def thresholds() -> dict[str, float]:
    """From which probability on a track has each mood."""
    return {mood: measured.threshold for mood, measured in quality.labels("emotion").items()}


# What is done to a library


def teach(library: Library, mood: str, *, yes: Iterable[int], no: Iterable[int]) -> Change:
    """Keep what was said of some tracks, and let the personal head learn it.

    Raises
    ------
    TeachingError
        When one of them was heard by a head that did not know this mood.
    """
    answers = [Answer(i, mood, yes=True) for i in sorted(set(yes))]
    answers += [Answer(i, mood, yes=False) for i in sorted(set(no))]
    with library.transaction():
        library.remember_moods(mood)
        if len(library.moves_of([answer.track_id for answer in answers], mood)) < len(answers):
            raise TeachingError(f"{mood} is not known yet of all these tracks: run 'musictaste scan' first")
        library.save_lesson(answers)
        _learn(library)
        return _change(library, mood, answers)


def undo(library: Library, mood: str) -> Change:
    """Take the last teaching of a mood back.

    Raises
    ------
    NothingTaughtError
        When there is none.
    """
    with library.transaction():
        library.remember_moods(mood)
        answers = library.forget_lesson(mood)
        if not answers:
            raise NothingTaughtError(f"nothing was taught of {mood}: there is nothing to undo")
        _learn(library)
        return _change(library, mood, answers)


def taught(library: Library, mood: str) -> Change:
    """All that was taught of a mood, and what it changed."""
    answers = [answer for answer in library.answers() if answer.mood == mood]
    library.remember_moods(mood, shipped=True)
    return _change(library, mood, answers)


def foretold(library: Library) -> dict[tuple[int, str], float]:
    """What a personal head says of each answer, by track and mood, when it learned from those on other tracks alone.

    The tracks that were spoken of are left out in FOLDS turns; empty where there is one alone.
    """
    answers, found = library.answers(), dict[tuple[int, str], float]()
    for by in library.heard_by() if answers else ():
        ids = library.ids_heard_by(by)
        known = set(ids)
        given = [answer for answer in answers if answer.track_id in known]
        spoken_of = sorted({answer.track_id for answer in given})
        columns = library.mood_columns(_examples(ids, given), with_words=True)
        for turn in range(min(FOLDS, len(spoken_of)) if len(spoken_of) > 1 else 0):
            found |= _foretold_of(columns, given, set(spoken_of[turn::FOLDS]))
    return found


def _foretold_of(columns: MoodColumns, answers: Sequence[Answer], left_out: set[int]) -> dict[tuple[int, str], float]:
    """The same for the answers on some tracks, of which nothing is learned."""
    apart = np.isin(columns.ids, list(left_out))
    others, those = (
        MoodColumns(columns.ids[rows], columns.vectors[rows], columns.moods[rows]) for rows in (~apart, apart)
    )
    weights = fit(others, [answer for answer in answers if answer.track_id not in left_out], thresholds())
    felt = feel(those, weights.astype(np.float32))
    felt = np.where(np.isnan(felt), those.moods, felt)
    asked = [answer for answer in answers if answer.track_id in left_out]
    rows = np.searchsorted(those.ids, [answer.track_id for answer in asked])
    told = felt[rows, [MOODS.index(answer.mood) for answer in asked]]
    pairs = zip(asked, told.tolist(), strict=True)
    return {(answer.track_id, answer.mood): p for answer, p in pairs if not np.isnan(p)}


def follow(library: Library) -> None:
    """Give personal probabilities to tracks that were heard or labelled since the personal head was fitted.

    The head stays as it is, so that a scan does not change tracks that it did not touch, unless tracks that the user
    spoke of were heard anew: what was learnt from their old vectors is learnt again.
    """
    spoken_of = {answer.track_id for answer in library.answers()}
    if not spoken_of:
        return
    with library.transaction():
        for by in library.heard_by():
            ids = library.ids_heard_by(by, without_personal=True)
            if spoken_of.intersection(ids):
                _learn(library)
                return
            weights = library.personal_weights(by)
            if weights is not None:
                _apply(library, by, ids, weights)


def follow_words(library: Library, track_ids: Iterable[int]) -> None:
    """Learn again when the words of tracks that the user spoke of were read: the answers hold with the words."""
    if {answer.track_id for answer in library.answers()}.intersection(track_ids):
        with library.transaction():
            _learn(library)


def _learn(library: Library) -> None:
    """Fit the personal head anew; tracks of other networks have one of their own, since vectors cannot be mixed."""
    answers = library.answers()
    library.forget_personal()
    for by in library.heard_by() if answers else ():
        ids = library.ids_heard_by(by)
        known = set(ids)
        given = [answer for answer in answers if answer.track_id in known]
        if given:
            # What the words say stands fast, so the sound is taught what brings both to the right side together.
            columns = library.mood_columns(_examples(ids, given), with_words=True)
            weights = fit(columns, given, thresholds()).astype(np.float32)
            library.save_personal_weights(by, weights)
            _apply(library, by, ids, weights)


def _apply(library: Library, by: HeardBy, ids: Sequence[int], weights: NDArray[np.float32]) -> None:
    """Write personal probabilities in parts: all vectors of a large library at once would be slower and fill memory."""
    parts = (library.mood_columns(ids[start : start + AT_ONCE]) for start in range(0, len(ids), AT_ONCE))
    library.save_personal_moods(by, ((columns.ids, feel(columns, weights)) for columns in parts))


def _examples(ids: Sequence[int], answers: Sequence[Answer]) -> list[int]:
    """The tracks that a fit needs: those that were spoken of, and anchors evenly spread over all others."""
    spoken_of = {answer.track_id for answer in answers}
    rest = [i for i in ids if i not in spoken_of]
    count = min(ANCHORS, len(rest))
    return sorted(spoken_of) + [rest[n * len(rest) // count] for n in range(count)]


def _change(library: Library, mood: str, answers: Sequence[Answer]) -> Change:
    threshold = thresholds()[mood]
    moves = library.moves(mood, threshold)
    return Change(
        mood,
        threshold,
        library.moves_of([a.track_id for a in answers if a.yes], mood),
        library.moves_of([a.track_id for a in answers if not a.yes], mood),
        sorted((m for m in moves if m.after >= threshold), key=lambda m: (-m.after, m.track_id)),
        sorted((m for m in moves if m.after < threshold), key=lambda m: (m.after, m.track_id)),
    )


# The personal head


def feel(columns: MoodColumns, weights: NDArray[np.float32]) -> Floats:
    """Personal probabilities [n, k] of the weights [k, 400] that `fit` gave.

    NaN for finer moods that were not taught: those of the shipped head hold.
    """
    # Without BLAS, whose threads wait for each other on a busy machine and may round differently from run to run.
    taught, shared = weights.any(axis=1), len(EMOTIONS)
    shifts = np.full((len(columns.ids), len(MOODS)), np.nan)
    shifts[:, :shared] = 0
    shifts[:, taught] = np.einsum("nd,kd->nk", columns.vectors, weights[taught])
    logits = _log(columns.moods[:, :shared]) + shifts[:, :shared]
    exponents = np.exp(logits - logits.max(axis=1, keepdims=True))
    finer = _sigmoid(_log_odds(columns.moods[:, shared:]) + shifts[:, shared:])
    return np.hstack([exponents / exponents.sum(axis=1, keepdims=True), finer])


def fit(columns: MoodColumns, answers: Sequence[Answer], limits: Mapping[str, float]) -> Floats:
    """The weights [k, 400] of the personal head; zeros for moods that were not taught.

    Tracks of `columns` that were not answered for a mood are its anchors. An answer is about the side of the mood's
    threshold, so the odds of a track that was spoken of are taken relative to it. The order of the answers does not
    matter.

    The weights of a mood are a sum of the tracks' vectors, w = Z^T a, so that `a` is sought, and all that is needed of
    the vectors are their products (the representer theorem: Kimeldorf and Wahba, "Some results on Tchebycheffian
    spline functions", 1971).
    """
    vectors = columns.vectors.astype(np.float64)
    products = vectors @ vectors.T
    shares = np.zeros((len(MOODS), len(vectors)))
    known = np.isfinite(columns.moods.sum(axis=0))
    taught = [m for m, mood in enumerate(MOODS) if known[m] and any(a.mood == mood for a in answers)]
    for _ in range(ROUNDS if len(taught) > 1 else 1):
        for m in taught:
            given = [a for a in answers if a.mood == MOODS[m]]
            examples = _examples_of(columns, given, _odds(columns, shares @ products, m), limits[MOODS[m]])
            shares[m] = _descend(products, examples, shares[m])
    return np.asarray(shares @ vectors)


def _odds(columns: MoodColumns, shifts: Floats, m: int) -> Floats:
    """Log-odds [n] of one mood before its own correction; an emotion's depend on what the others were shifted by."""
    if MOODS[m] not in EMOTIONS:
        return _log_odds(columns.moods[:, m])
    heard = _log(columns.moods[:, : len(EMOTIONS)])
    rest = np.delete(heard + shifts[: len(EMOTIONS)].T, m, axis=1)
    return np.asarray(heard[:, m] - np.logaddexp.reduce(rest, axis=1))


@dataclass(frozen=True)
class _Examples:
    """What one mood is fitted on, a row for each track.

    `odds` are log-odds before this mood's correction, `target` is what they should give, `pull` how much a row weighs.
    """

    odds: Floats = field(compare=False)
    target: Floats = field(compare=False)
    pull: Floats = field(compare=False)


def _examples_of(columns: MoodColumns, answers: Sequence[Answer], odds: Floats, limit: float) -> _Examples:
    anchors = len(odds) - len(answers)
    target, pull = _sigmoid(odds), np.full(len(odds), min(ANCHOR_PULL / max(anchors, 1), MOST_PULL))
    undecided = np.zeros(len(odds))
    rows = np.searchsorted(columns.ids, [a.track_id for a in answers])
    target[rows] = [a.yes for a in answers]
    pull[rows] = 1.0
    undecided[rows] = np.log(limit / (1 - limit))
    return _Examples(odds - undecided, target, pull)


def _descend(products: Floats, examples: _Examples, shares: Floats) -> Floats:
    """Shares `a` that minimise the cross-entropy of sigmoid(odds + K a) plus PENALTY / 2 a^T K a, K being `products`.

    Newton's method; a step that does not help is halved (Armijo's rule), since an answer far on the wrong side has
    next to no curvature and would overshoot.
    """

    def loss(a: Floats) -> float:
        shift = products @ a
        odds = examples.odds + shift
        cross_entropy = np.logaddexp(0, odds) - examples.target * odds
        return float(examples.pull @ cross_entropy + PENALTY / 2 * a @ shift)

    current = loss(shares)
    for _ in range(NEWTON_STEPS):
        p = _sigmoid(examples.odds + products @ shares)
        gradient = examples.pull * (p - examples.target) + PENALTY * shares
        curvature = (examples.pull * p * (1 - p))[:, None] * products + PENALTY * np.eye(len(shares))
        step = np.linalg.solve(curvature, gradient)
        slope = float(gradient @ products @ step)
        if slope < SETTLED:
            break
        size = 1.0
        while loss(shares - size * step) > current - 1e-4 * size * slope:
            size /= 2
        shares = shares - size * step
        current = loss(shares)
    return shares


def _sigmoid(x: Floats) -> Floats:
    return np.asarray((1 + np.tanh(x / 2)) / 2)


def _log_odds(probabilities: Floats) -> Floats:
    return _log(probabilities) - _log(1 - probabilities)


def _log(probabilities: Floats) -> Floats:
    return np.asarray(np.log(np.maximum(probabilities, LEAST_PROBABILITY)))
