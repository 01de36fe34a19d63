from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from musictaste.exploring import Heard, admitted, explored, heard
from musictaste.track import Plays

DAY = 86_400
NOW = 1_700_000_000.0


def history(played: Sequence[int], *, liked: Sequence[float] = (), last_played: Sequence[float] = ()) -> Heard:
    count = len(played)
    return Heard(
        np.array(played, bool),
        np.array(liked or [0] * count, np.float32),
        np.array(last_played or [0] * count, np.float64),
    )


def as_lists(known: Heard) -> tuple[list[bool], list[float], list[float]]:
    return known.played.tolist(), known.liked.tolist(), known.last_played.tolist()


def first(scores: Sequence[float], known: Heard, explore: float | None, limit: int) -> list[int]:
    """The best tracks, by position."""
    ranked = explored(np.array(scores, np.float32), known, explore, limit=limit)
    return np.argsort(-ranked, kind="stable")[:limit].tolist()


def test_the_history_of_some_tracks() -> None:
    empty = np.zeros((3, 2), np.float32)
    columns = (np.array(values, np.float32) for values in ([0, 4, 2], [0] * 3, [-1] * 3, [0] * 3))
    plays = Plays(np.array([9, 3, 5]), empty, *columns, last_played=np.array([0, NOW, 7.0]))
    found = heard(np.array([5, 1, 3, 9, 10]), plays, np.array([-2, 2, 1], np.float32))
    assert as_lists(found) == ([True, False, True, False, False], [0.5, 0, 1, 0, 0], [7, 0, NOW, 0, 0])
    assert as_lists(found.of(np.array([False, False, True, True, False]))) == ([True, False], [1, 0], [NOW, 0])


def test_the_history_of_who_has_none() -> None:
    none = np.zeros(0, np.float32)
    plays = Plays(np.zeros(0, np.int64), np.zeros((0, 2), np.float32), none, none, none, none)
    assert as_lists(heard(np.array([1, 2]), plays, none)) == ([False] * 2, [0] * 2, [0] * 2)


@pytest.mark.parametrize(
    ("explore", "days", "kept"),
    [
        (None, None, [True, True, True, True]),
        (0.5, None, [True, True, True, True]),
        (0, None, [True, True, False, True]),
        (1, None, [False, False, True, False]),
        (None, 7, [False, True, True, True]),
        (None, 0.5, [True, True, True, True]),
        (None, 30, [False, False, True, True]),
        (0, 7, [False, True, False, True]),
    ],
)
def test_what_is_let_in(explore: float | None, days: float | None, kept: list[bool]) -> None:
    known = history([1, 1, 0, 1], last_played=[NOW - DAY, NOW - 8 * DAY, 0, 0])
    assert admitted(known, explore=explore, avoid_recent_days=days, now=NOW).tolist() == kept


@pytest.mark.parametrize(
    ("explore", "limit"),
    [
        (None, 4), (0.25, 4), (0.5, 4), (0.75, 4), (0.5, 2), (0.9, 10),
    ],
)  # fmt: skip
def test_a_share_of_what_was_never_played(explore: float | None, limit: int) -> None:
    known = history([1] * 6 + [0] * 4)
    wanted = round((explore or 0) * limit)
    scores = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.35, 0.3, 0.2, 0.1]
    found = first(scores, known, explore, limit)
    assert sum(i >= 6 for i in found) == min(wanted, 4)
    assert [i for i in found if i < 6] == list(range(limit - min(wanted, 4)))
    assert [i for i in found if i >= 6] == list(range(6, 6 + min(wanted, 4)))


def test_favourites_gain_the_less_the_more_is_to_be_new() -> None:
    known = history([1, 1, 0, 0], liked=[0, 1, 0, 0])
    assert first([0.6, 0.5, 0.4, 0.3], known, 0.25, 4)[0] == 1
    assert first([0.6, 0.5, 0.4, 0.3], known, 0.75, 4)[0] == 0


@given(
    st.lists(st.tuples(st.floats(0, 1, width=32), st.booleans()), min_size=1, max_size=30),
    st.floats(0, 1),
    st.integers(1, 30),
)
def test_the_share_is_kept_as_far_as_there_are_so_many(
    tracks: list[tuple[float, bool]], explore: float, limit: int
) -> None:
    # Equal scores could not be told apart.
    scores = [score + 0.001 * i for i, (score, _) in enumerate(sorted(tracks))]
    known = history([played for _, played in sorted(tracks)])
    count = min(limit, len(tracks))
    old = int(known.played.sum())
    wanted = min(max(round(explore * count), count - old), len(tracks) - old)
    assert sum(not known.played[i] for i in first(scores, known, explore, limit)) == wanted
