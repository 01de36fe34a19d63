from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from musictaste import colistening
from musictaste.colistening import (
    DROPOUT,
    HALF_LIFE_S,
    LAG_DECAY,
    NEIGHBOURS,
    PARTS,
    SESSION_GAP_S,
    SHRINK,
    Floats,
    Listens,
    Names,
    Sparse,
)


def played(*sessions: str) -> Listens:
    """Plays of the tracks a (0), b (1) ... in sessions a day apart."""
    tracks = [ord(letter) - ord("a") for session in sessions for letter in session]
    at = [86_400 * day + 240 * place for day, session in enumerate(sessions) for place in range(len(session))]
    return colistening.listens(np.asarray(tracks, np.int64), np.asarray(at, np.int64))


def names(count: int, artists: list[int] | None = None) -> Names:
    own = np.arange(count) if artists is None else np.asarray(artists)
    return Names(own, own)


def binary(rows: list[str], count: int) -> Sparse:
    pairs = [(row, ord(letter) - ord("a")) for row, letters in enumerate(rows) for letter in letters]
    whose, tracks = np.asarray(pairs, np.int64).reshape(-1, 2).T
    return colistening.rows_of(whose, tracks, np.ones(len(pairs), np.float32), (len(rows), count))


NOBODY = colistening.rows_of(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.float32), (0, 4))
AXES: Floats = np.eye(4, dtype=np.float32)


# Sessions


def test_a_pause_ends_a_session_and_so_does_another_listener() -> None:
    at = np.asarray([SESSION_GAP_S * 2 + 1, 0, SESSION_GAP_S, 10])
    plays = colistening.listens(np.asarray([3, 1, 2, 9]), at, np.asarray([0, 0, 0, 1]))
    assert (plays.tracks.tolist(), plays.sessions.tolist()) == ([1, 2, 3, 9], [0, 0, 1, 2])
    assert plays.at.tolist() == [0, SESSION_GAP_S, SESSION_GAP_S * 2 + 1, 10]


def test_nothing_was_played() -> None:
    plays = played()
    assert (len(plays), colistening.followed(plays, 3).toarray().sum()) == (0, 0)


def test_sessions_are_cut_out_by_number() -> None:
    assert played("ab", "cd", "ea").between(1, 2).tracks.tolist() == [2, 3]


def test_a_play_counts_half_after_the_half_life() -> None:
    found = colistening.recency(np.asarray([0, int(HALF_LIFE_S), 2 * int(HALF_LIFE_S)]), 2 * int(HALF_LIFE_S))
    assert found == pytest.approx([0.25, 0.5, 1])


# What goes together


def test_what_follows_counts_by_its_distance_and_never_over_the_end_of_a_session() -> None:
    found = colistening.followed(played("abc", "aab"), 3, fading=False).toarray()
    d = LAG_DECAY
    assert found == pytest.approx(np.asarray([[0, 2 + d, d], [0, 0, 1], [0, 0, 0]]))


def test_what_followed_long_ago_fades() -> None:
    tracks, at = np.asarray([0, 1, 0, 2]), np.asarray([0, 60, int(HALF_LIFE_S), int(HALF_LIFE_S) + 60])
    found = colistening.followed(colistening.listens(tracks, at), 3).toarray()
    assert found[0] == pytest.approx([0, 0.5, 1])


def test_cosine_is_shrunk() -> None:
    found = colistening.together(binary(["ab", "ab", "a", "c"], 3), 1.0).toarray()
    assert found[0, 1] == pytest.approx(2 / np.sqrt((3 + 1) * (2 + 1)))
    assert (found[0, 2], found[2, 2]) == (0, pytest.approx(0.5))


def test_near_is_symmetric_shrunk_and_does_not_age() -> None:
    found, often = colistening.near(played("ab", "ba", "cd"), 4)
    assert often.tolist() == [2, 2, 1, 1]
    dense = found.toarray()
    assert dense[0, 1] == dense[1, 0] == pytest.approx(2 / (2 + SHRINK))
    assert dense[2, 3] == pytest.approx(1 / (1 + SHRINK))


def test_regression_is_what_the_formula_says() -> None:
    matrix = binary(["abc", "ab", "cd", "acd", "d"], 4)
    X = matrix.toarray().astype(np.float64)  # noqa: N806 - as in the paper
    gram = X.T @ X
    ridge = np.diag(3 + DROPOUT / (1 - DROPOUT) * np.diag(gram))
    wanted = np.linalg.solve(gram + ridge, gram) / X.sum(axis=0) ** 0.5
    model = colistening.regress(matrix, 3.0, damping=0.5)
    assert model.scores(matrix) == pytest.approx(X @ wanted, abs=1e-5)


@pytest.mark.parametrize("listeners", [colistening.FEWEST_LISTENERS - 1, colistening.MOST_LISTENERS + 1])
def test_too_few_and_too_many_listeners_say_nothing(listeners: int) -> None:
    assert colistening.among_listeners(binary(["ab"] * listeners, 2)) is None


def test_listeners_say_what_goes_together() -> None:
    found = colistening.among_listeners(binary(["ab"] * 15 + ["cd"] * 15 + ["ac"], 4))
    assert found is not None
    dense = found.toarray()
    assert dense.argmax(axis=1).tolist() == [1, 0, 3, 2]
    assert (dense.min(), dense.diagonal().max()) == (0, 0)


def test_only_the_strongest_of_many_are_kept_among_listeners() -> None:
    rng = np.random.default_rng(0)
    rows, tracks = np.nonzero(rng.random((30, 200)) < 0.3)
    values = np.ones(len(rows), np.float32)
    found = colistening.among_listeners(colistening.rows_of(rows, tracks, values, (30, 200)))
    assert found is not None
    assert np.diff(found.indptr).max() == 2 * NEIGHBOURS


# Mixtures


def test_weights_are_equal_without_data() -> None:
    assert colistening.mixture(np.zeros((0, 4))).tolist() == [0.25] * 4
    assert colistening.mixture(np.zeros((5, 2))).tolist() == [0.5, 0.5]


def test_weights_go_to_what_happened() -> None:
    told = np.asarray([[0.5, 0.0]] * 75 + [[0.0, 0.5]] * 25)
    assert colistening.mixture(told, prior=0.0) == pytest.approx([0.75, 0.25])
    assert colistening.mixture(told, prior=50.0) == pytest.approx([125 / 200, 75 / 200])


@given(events=st.integers(0, 30), parts=st.integers(1, 5), seed=st.integers(0, 2**32 - 1))
def test_weights_sum_to_one(events: int, parts: int, seed: int) -> None:
    weights = colistening.mixture(np.random.default_rng(seed).random((events, parts)))
    assert weights.sum() == pytest.approx(1)
    assert weights.min() > 0


# The next track


def test_events_go_on_in_a_session_with_something_known_and_new() -> None:
    known = np.asarray([True, True, True, False])
    plays = played("abac", "d", "db")
    found = colistening.next_tracks(plays, known)
    events = [(1, [0]), (2, [0, 1, 0]), (1, [3])]
    assert [(track, context.tolist()) for track, context in found] == events
    last = colistening.next_tracks(plays, known, 2)
    assert [(track, context.tolist()) for track, context in last] == events[1:]


def test_what_always_follows_is_expected_next() -> None:
    plays = played(*["abcd", "bcda", "cdab"] * 10)
    model = colistening.learn_next(plays, names(4))
    assert [int(model.scores(np.asarray([track])).argmax()) for track in range(4)] == [1, 2, 3, 0]
    assert dict(zip(PARTS, model.weights, strict=True))["follows"] > 0.5


def test_the_context_itself_is_not_expected() -> None:
    model = colistening.learn_next(played(*["abc"] * 10), names(3))
    assert model.scores(np.asarray([1, 0])).tolist()[:2] == [0, 0]


def test_after_a_new_track_come_those_of_its_artist_and_of_now() -> None:
    plays = played(*["ab", "bc", "ca", "dc"] * 5)
    model = colistening.learn_next(plays, names(5, [0, 1, 2, 3, 3]))
    parts = dict(zip(PARTS, model.parts(np.asarray([4])), strict=True))
    assert (parts["follows"].sum(), parts["near"].sum()) == (0, 0)
    assert parts["artist"].tolist() == [0, 0, 0, 1, 0]
    assert parts["recent"].sum() == pytest.approx(1)


def test_without_plays_all_parts_weigh_the_same_and_say_nothing() -> None:
    model = colistening.learn_next(played(), names(3))
    assert model.weights.tolist() == [0.2] * 5
    assert model.scores(np.asarray([0])).tolist() == [0, 0, 0]


# Neighbours


def test_neighbours_are_what_was_played_beside_and_the_sound_has_the_rest() -> None:
    related = colistening.relate(played(*["ab", "ba"] * 20), NOBODY, AXES)
    assert related.columns[:, 0].tolist() == [1, 0, -1, -1]
    assert (related.columns[:, 1:] == -1).all()
    assert related.strengths[:, 0].tolist() == [1, 1, 0, 0]
    assert related.trust[0] == related.trust[1] > 0.6
    assert related.trust[2:].tolist() == [0, 0]


def test_what_was_heard_once_is_hardly_trusted() -> None:
    related = colistening.relate(played(*["ab"] * 40, "cd"), NOBODY, AXES)
    assert 0 < related.trust[2] < related.trust[0] / 2


def test_listening_is_trusted_less_where_the_sound_tells_what_comes_next() -> None:
    rng = np.random.default_rng(1)
    tracks = np.stack([rng.permutation(40) for _ in range(40)])
    paired = np.stack([2 * tracks, 2 * tracks + 1], axis=2).reshape(-1)  # each pair sounds the same
    at = 240 * np.arange(len(paired)) + 86_400 * (np.arange(len(paired)) // 2)
    vectors = np.repeat(np.eye(40, dtype=np.float32), 2, axis=0)
    by_pair = colistening.relate(colistening.listens(paired, at), colistening.rows_of(*_nothing(80)), vectors)
    others = np.eye(80, dtype=np.float32)
    by_none = colistening.relate(colistening.listens(paired, at), colistening.rows_of(*_nothing(80)), others)
    assert by_pair.trust.max() < by_none.trust.min()


def _nothing(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, tuple[int, int]]:
    empty = np.zeros(0, np.int64)
    return empty, empty, np.zeros(0, np.float32), (0, count)


def test_other_listeners_say_what_goes_together_where_nobody_has_times() -> None:
    related = colistening.relate(played(), binary(["ab"] * 15 + ["cd"] * 15, 4), AXES)
    assert related.columns[:, 0].tolist() == [1, 0, 3, 2]
    assert (related.trust > 0).all()


def test_nothing_at_all() -> None:
    related = colistening.relate(played(), NOBODY, AXES)
    assert (related.columns.max(), related.strengths.max(), related.trust.max()) == (-1, 0, 0)


@given(sessions=st.lists(st.text("abcdefgh", max_size=6), max_size=8))
def test_neighbours_keep_to_their_ranges(sessions: list[str]) -> None:
    vectors = np.eye(8, dtype=np.float32)
    related = colistening.relate(played(*sessions), colistening.rows_of(*_nothing(8)), vectors)
    assert ((related.columns >= 0) == (related.strengths > 0)).all()
    assert (np.diff(related.strengths, axis=1) <= 0).all()
    assert (related.columns != np.arange(8)[:, None]).all()
    assert ((related.trust >= 0) & (related.trust < 1)).all()
