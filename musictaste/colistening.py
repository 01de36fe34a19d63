"""Which tracks go together, learned from listening: item-item models in numpy and scipy.sparse, without the library.

Everything here is linear in what was listened to. `regress` is for many listeners without times, `followed` for plays
with times, `together` for any rows at all; `mixture` learns how several of them are blended.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, sparse

Floats = NDArray[np.float32]
Numbers = NDArray[np.int64]
Sparse = Any
"""A scipy.sparse.csr_array: scipy carries no types."""

SESSION_GAP_S = 1800
"""A pause that ends a session, as last.fm and the literature on sessions have it."""

HALF_LIFE_S = 120 * 86400.0
LAGS = 8
LAG_DECAY = 0.75
"""A track that was played k tracks later counts LAG_DECAY^(k-1): best of 0.5, 0.75 and 1 on earlier sessions."""

CONTEXT = 6
CONTEXT_DECAY = 0.7

REGULARISATION = 100.0
DROPOUT = 0.5
POPULARITY_DAMPING = 0.15

PRIOR = 2.0
"""Events that each part of a mixture is given before any is counted: without data, all parts weigh the same."""

LEARNED_EVENTS = 2000
HELD_OUT = 0.2

NEIGHBOURS = 32
SHRINK = 5.0
"""So much is added to how often a track was heard beside others before it is believed."""

FEWEST_LISTENERS, MOST_LISTENERS = 20, 2000
"""Fewer say nothing of what goes together, more are too many for the inverse of `regress`."""

SHARPNESS = tuple(5.0 * 2**doubled for doubled in range(4))
"""Cosines of sounds become probabilities as exp(sharpness * cosine); the one that predicts best is taken. Each is twice
the one before, so that squaring makes the next: there are two hundred million to make for 100,000 tracks."""

BLOCK = 64


@dataclass(frozen=True)
class Listens:
    """Plays as columns in the order of time; `at` in Unix seconds, `sessions` ascending numbers, all int64 [n]."""

    tracks: Numbers = field(compare=False)
    at: Numbers = field(compare=False)
    sessions: Numbers = field(compare=False)

    def __len__(self) -> int:
        return len(self.tracks)

    def between(self, first: int, last: int) -> Listens:
        """The plays of the sessions first <= number < last."""
        begin, end = np.searchsorted(self.sessions, [first, last])
        return Listens(self.tracks[begin:end], self.at[begin:end], self.sessions[begin:end])


@dataclass(frozen=True)
class Names:
    """Whose each track is: numbers of artists and of albums, int64 [n]."""

    artists: Numbers = field(compare=False)
    albums: Numbers = field(compare=False)


def listens(tracks: Numbers, at: Numbers, listeners: Numbers | None = None) -> Listens:
    """Plays sorted by listener and time, and cut into sessions where nothing was played for SESSION_GAP_S."""
    whose = np.zeros(len(at), np.int64) if listeners is None else listeners
    order = np.lexsort((at, whose))
    tracks, at, whose = tracks[order], at[order], whose[order]
    begins = (np.diff(at) > SESSION_GAP_S) | (np.diff(whose) != 0)
    sessions = np.concatenate([np.zeros(min(len(at), 1), np.int64), np.cumsum(begins)])
    return Listens(tracks, at, sessions)


def recency(at: Numbers, now: int) -> NDArray[np.float64]:
    """How much a play of that time counts, 0..1: half after HALF_LIFE_S."""
    return np.asarray(0.5 ** (np.maximum(now - at, 0) / HALF_LIFE_S))


def followed(plays: Listens, count: int, lags: int = LAGS, *, fading: bool = True) -> Sparse:
    """How often each track was played soon after each other one in a session, csr float32 [count, count].

    Row a, column b is the sum over such pairs of LAG_DECAY^(lag - 1), each weighed by the `recency` of b's play where
    that is `fading`; a track that follows itself does not count. Directed co-occurrence as in the sequential rules of
    Ludewig and Jannach, "Evaluation of session-based recommendation algorithms", 2018.
    """
    now = int(plays.at.max()) if len(plays) else 0
    rows, columns, values = [], [], []
    for lag in range(1, lags + 1):
        pairs = (plays.sessions[lag:] == plays.sessions[:-lag]) & (plays.tracks[lag:] != plays.tracks[:-lag])
        rows.append(plays.tracks[:-lag][pairs].astype(np.int32))
        columns.append(plays.tracks[lag:][pairs].astype(np.int32))
        weights = recency(plays.at[lag:][pairs], now) if fading else np.ones(int(pairs.sum()))
        values.append((LAG_DECAY ** (lag - 1) * weights).astype(np.float32))
    data = np.concatenate(values)
    where = (np.concatenate(rows), np.concatenate(columns))
    return sparse.csr_array(sparse.coo_array((data, where), shape=(count, count)))


def rows_of(rows: Numbers, tracks: Numbers, values: Floats, shape: tuple[int, int]) -> Sparse:
    """Listening as a matrix: one row for each listener or session, values of the same pair added up."""
    return sparse.csr_array(sparse.coo_array((values.astype(np.float32), (rows, tracks)), shape=shape))


def together(matrix: Sparse, shrink: float) -> Sparse:
    """Cosine between the columns of [rows, items], csr [items, items], lowered for those that are seldom seen.

    The squared length of each column is raised by `shrink`, so that two tracks of one single session are not the same
    (Bell and Koren, "Lessons from the Netflix prize challenge", 2007, shrink in the same spirit).
    """
    lengths = np.sqrt(np.asarray(matrix.power(2).sum(axis=0)).ravel() + max(shrink, 1e-9))
    scaled = sparse.csr_array(matrix @ sparse.diags_array(1 / lengths)).astype(np.float32)
    return sparse.csr_array(scaled.T @ scaled)


@dataclass(frozen=True)
class Regression:
    """Weights between items as a product, B = left @ right: left csr [items, rows], right float32 [rows, items]."""

    left: Sparse = field(compare=False)
    right: Floats = field(compare=False)

    def scores(self, listened: Sparse) -> Floats:
        """How well each item goes with each row of [n, items], float32 [n, items]."""
        return np.asarray((listened @ self.left) @ self.right, np.float32)


def regress(
    matrix: Sparse,
    regularisation: float = REGULARISATION,
    *,
    dropout: float = DROPOUT,
    damping: float = POPULARITY_DAMPING,
) -> Regression:
    """Items predicted from items by ridge regression, solved on the side of the rows.

    The linear autoencoder with dropout of Steck, "Autoencoders that don't overfit towards the identity", NeurIPS 2020,
    B = (G + L)^-1 G with G = X'X and L = dropout / (1 - dropout) diag(G) + regularisation. By Woodbury's identity
    B = L^-1 X' (I + X L^-1 X')^-1 X, which inverts [rows, rows] alone. Its columns are divided by how many rows have
    the item, to the power of `damping`: what everybody plays says little.

    Parameters
    ----------
    matrix : csr [rows, items]
        What each row listened to: ones, or weights.
    """
    seen = np.asarray(matrix.power(2).sum(axis=0)).ravel()
    ridge = regularisation + dropout / (1 - dropout) * seen
    left = sparse.csr_array(sparse.diags_array(1 / ridge) @ matrix.T).astype(np.float32)
    gram = (matrix @ left).toarray().astype(np.float32)
    gram[np.diag_indices_from(gram)] += 1
    right = linalg.cho_solve(linalg.cho_factor(gram, overwrite_a=True), matrix.toarray().astype(np.float32))
    popularity = np.maximum(np.asarray((matrix != 0).sum(axis=0)).ravel(), 1)
    return Regression(left, np.asarray(right * popularity**-damping, np.float32))


def mixture(likelihoods: NDArray[np.float64], prior: float = PRIOR) -> NDArray[np.float64]:
    """Weights of the parts of a mixture, float64 [k], that make what happened most likely; they sum to one.

    Expectation and maximisation as for interpolated language models (Jelinek and Mercer, 1980), with `prior` events
    for each part, so that the weights go to equal ones as the data goes to nothing.

    Parameters
    ----------
    likelihoods : float64 [n, k]
        How likely each part held each of n events.
    """
    parts = likelihoods.shape[1]
    weights = np.full(parts, 1 / parts)
    told = likelihoods[likelihoods.sum(axis=1) > 0]
    for _ in range(100):
        shares = told * weights
        shares /= np.maximum(shares.sum(axis=1, keepdims=True), 1e-300)
        weights = (shares.sum(axis=0) + prior) / (len(told) + parts * prior)
    return weights


PARTS = ("follows", "near", "album", "artist", "recent")


@dataclass(frozen=True)
class NextTrack:
    """What is played next: a mixture of what followed, what was near, the same album and artist, and what is current.

    `follows` and `near` are csr [n, n] as of `followed`, `recent` the plays of each track weighed by `recency`,
    float64 [n], `weights` float64 [5] in the order of PARTS. A part that has nothing to say, for a track that is new
    to it, leaves its share to the others.
    """

    follows: Sparse = field(compare=False)
    near: Sparse = field(compare=False)
    recent: NDArray[np.float64] = field(compare=False)
    names: Names
    weights: NDArray[np.float64] = field(compare=False)

    def parts(self, context: Numbers) -> NDArray[np.float64]:
        """Probabilities by each part, float64 [5, n], after the tracks of a session, the latest first."""
        latest, count = context[0], len(self.recent)
        found = np.zeros((len(PARTS), count))
        _add_row(found[0], self.follows, latest, 1.0)
        for back, track in enumerate(context[:CONTEXT]):
            _add_row(found[1], self.near, track, CONTEXT_DECAY**back)
        found[2] = (self.names.albums == self.names.albums[latest]) * self.recent
        found[3] = (self.names.artists == self.names.artists[latest]) * self.recent
        found[4] = self.recent
        found[:, context] = 0
        return np.asarray(found / np.maximum(found.sum(axis=1, keepdims=True), 1e-300), np.float64)

    def scores(self, context: Numbers) -> NDArray[np.float64]:
        """How likely each track comes next, float64 [n]; those of the context itself are left out with 0."""
        return np.asarray(self.weights @ self.parts(context))


def _add_row(target: NDArray[np.float64], matrix: Sparse, row: int, weight: float) -> None:
    begin, end = matrix.indptr[row], matrix.indptr[row + 1]
    target[matrix.indices[begin:end]] += weight * matrix.data[begin:end]


def learn_next(plays: Listens, names: Names) -> NextTrack:
    """The model of one listener's plays; the weights of its parts are learned on the last fifth of the sessions."""
    sessions = int(plays.sessions[-1]) + 1 if len(plays) else 0
    held = int(sessions * (1 - HELD_OUT))
    earlier = _count_next(plays.between(0, held), names)
    told = [
        earlier.parts(context)[:, track]
        for track, context in next_tracks(plays.between(held, sessions), earlier.recent > 0, LEARNED_EVENTS)
    ]
    weights = mixture(np.asarray(told, np.float64).reshape(len(told), len(PARTS)))
    return replace(_count_next(plays, names), weights=weights)


def _count_next(plays: Listens, names: Names) -> NextTrack:
    count = len(names.artists)
    now = int(plays.at[-1]) if len(plays) else 0
    recent = np.bincount(plays.tracks, recency(plays.at, now), minlength=count).astype(np.float64)
    equal = np.full(len(PARTS), 1 / len(PARTS))
    return NextTrack(followed(plays, count, 1), followed(plays, count), recent, names, equal)


def next_tracks(plays: Listens, known: NDArray[np.bool_], most: int | None = None) -> list[tuple[int, Numbers]]:
    """Each play that goes on in a session with a known track new to it, and what came before, the latest first.

    Of more than `most`, the last ones.
    """
    found: list[tuple[int, Numbers]] = []
    begins = np.searchsorted(plays.sessions, plays.sessions).tolist()
    for place in range(len(plays) - 1, -1, -1):
        if len(found) == most:
            break
        track, context = int(plays.tracks[place]), plays.tracks[begins[place] : place][::-1]
        if len(context) and known[track] and track not in context:
            found.append((track, context))
    return found[::-1]


def near(plays: Listens, count: int) -> tuple[Sparse, NDArray[np.float64]]:
    """Which tracks were played near each other, either first: csr [count, count] in 0..1, and how often each was.

    A shrunk cosine: the counts of `followed` both ways, over the root of the product of both tracks' sums, each raised
    by SHRINK.
    """
    one_way = followed(plays, count, fading=False)  # what goes together does not age
    both = sparse.csr_array(one_way + one_way.T)
    often = np.asarray(both.sum(axis=0)).ravel().astype(np.float64)
    scale = sparse.diags_array((1 / np.sqrt(often + SHRINK)).astype(np.float32))
    return sparse.csr_array(scale @ both @ scale), often


def among_listeners(matrix: Sparse) -> Sparse | None:
    """What goes together by `regress` over [listeners, count], csr [count, count]; None for too few or too many."""
    if not FEWEST_LISTENERS <= matrix.shape[0] <= MOST_LISTENERS:
        return None
    model = regress(matrix)
    blocks = []
    for begin in range(0, matrix.shape[1], BLOCK):
        rows = np.asarray(model.left[begin : begin + BLOCK] @ model.right)
        rows[np.arange(len(rows)), np.arange(begin, begin + len(rows))] = 0
        if rows.shape[1] > 2 * NEIGHBOURS:
            floor = -np.partition(-rows, 2 * NEIGHBOURS, axis=1)[:, [2 * NEIGHBOURS]]
            rows[rows <= floor] = 0
        blocks.append(sparse.csr_array(np.maximum(rows, 0)))
    return sparse.csr_array(sparse.vstack(blocks))


@dataclass(frozen=True)
class Related:
    """The NEIGHBOURS that go with each track most in what was played, and how far listening is to be trusted.

    `columns` int32 [n, NEIGHBOURS], the strongest first and -1 where there are fewer; `strengths` float32 of the same
    shape, 1 for the strongest; `trust` float32 [n], 0..1, what is left of it is for the sound.
    """

    columns: NDArray[np.int32] = field(compare=False)
    strengths: Floats = field(compare=False)
    trust: Floats = field(compare=False)


def relate(plays: Listens, others: Sparse, vectors: Floats) -> Related:
    """Blend what is played together with what many listeners share; learn how it is to be blended with the sound.

    The weights are those of a `mixture` that predicts, for each of the last fifth of the sessions, the next track from
    the one before. A track that was seldom heard beside others is trusted less, one that never was not at all.

    Parameters
    ----------
    plays : Listens
        With times; tracks are rows of `vectors`.
    others : csr [listeners, n]
        Ones for what other listeners have played, with times or without.
    vectors : float32 [n, d]
        Unit vectors of the sound.
    """
    count = len(vectors)
    shared = among_listeners(others)
    weights = _learn_blend(plays, shared, vectors)
    beside, often = near(plays, count)
    total = sparse.csr_array(_relative(beside) * weights[0])
    if shared is not None:
        total = sparse.csr_array(total + _relative(shared) * weights[1])
        often = often + np.asarray(others.sum(axis=0)).ravel()
    trust = (1 - weights[-1]) * often / (often + SHRINK)
    return _strongest(total, np.asarray(trust, np.float32))


def _relative(matrix: Sparse) -> Sparse:
    """Each row over its largest value."""
    largest = np.maximum(matrix.max(axis=1).toarray().ravel(), 1e-9)
    return sparse.csr_array(sparse.diags_array((1 / largest).astype(np.float32)) @ matrix)


def _strongest(matrix: Sparse, trust: Floats) -> Related:
    count = matrix.shape[0]
    columns, strengths = np.full((count, NEIGHBOURS), -1, np.int32), np.zeros((count, NEIGHBOURS), np.float32)
    for row, (begin, end) in enumerate(itertools.pairwise(matrix.indptr.tolist())):
        values = matrix.data[begin:end]
        order = np.argsort(-values, kind="stable")[:NEIGHBOURS]
        order = order[values[order] > 0]
        columns[row, : len(order)] = matrix.indices[begin:end][order]
        strengths[row, : len(order)] = values[order] / max(float(values.max(initial=0)), 1e-9)
    return Related(columns, strengths, np.where(columns[:, 0] >= 0, trust, 0))


def _learn_blend(plays: Listens, shared: Sparse | None, vectors: Floats) -> NDArray[np.float64]:
    """Weights of what is near, of what listeners share where that is known, and of the sound, float64 [2 or 3]."""
    sessions = int(plays.sessions[-1]) + 1 if len(plays) else 0
    held = int(sessions * (1 - HELD_OUT))
    earlier, _ = near(plays.between(0, held), len(vectors))
    events = next_tracks(plays.between(held, sessions), np.ones(len(vectors), np.bool_), LEARNED_EVENTS)
    before = np.asarray([context[0] for _, context in events], np.int64)
    after = np.asarray([track for track, _ in events], np.int64)
    parts = [_share_of(matrix, before, after) for matrix in (earlier, shared) if matrix is not None]
    parts.append(_likelihood_of_sound(vectors, before, after))
    return mixture(np.stack(parts, axis=1))


def _share_of(matrix: Sparse, before: Numbers, after: Numbers) -> NDArray[np.float64]:
    """The share of the values of rows `before` that columns `after` have, float64 [events]."""
    rows = matrix[before]
    found = np.asarray(rows[np.arange(len(after)), after]).ravel() if len(after) else np.zeros(0)
    return np.asarray(found / np.maximum(np.asarray(rows.sum(axis=1)).ravel(), 1e-9), np.float64)


def _likelihood_of_sound(vectors: Floats, before: Numbers, after: Numbers) -> NDArray[np.float64]:
    """How likely nearness of sound alone holds each track after the one before, float64 [events]."""
    asked = vectors[before]
    wanted = np.einsum("ij,ij->i", asked, vectors[after])
    found = np.exp(np.outer(SHARPNESS, wanted - 1))
    totals = np.zeros_like(found)
    for begin in range(0, len(vectors), BLOCK):
        likely = np.exp(SHARPNESS[0] * (asked @ vectors[begin : begin + BLOCK].T - 1))
        for place in range(len(SHARPNESS)):
            totals[place] += likely.sum(axis=1)
            np.square(likely, out=likely)
    found /= totals
    return np.asarray(found[np.log(np.maximum(found, 1e-300)).sum(axis=1).argmax()])
