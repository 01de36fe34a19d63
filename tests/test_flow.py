from __future__ import annotations

from itertools import pairwise, permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_playlist import alike, course

from musictaste import flow
from musictaste.flow import Floats
from musictaste.track import Timeline


def cost(jar: Floats, order: list[int]) -> float:
    return float(sum(jar[a, b] for a, b in pairwise(order)))


def test_valence_and_arousal_of_the_four_emotions() -> None:
    moods = np.hstack([np.eye(4), np.full((4, 8), 0.5)]).astype(np.float32)
    assert flow.circumplex(moods).tolist() == [[1, 1], [0, 0], [0, 1], [1, 0]]
    assert flow.circumplex(np.full((1, 4), 0.51, np.float32)).tolist() == [[1, 1]]


def test_what_jars_between_two_tracks() -> None:
    pool = alike(2, bpm=[120, 120 * 2**0.25], loudness_db=[-10, -15], keys=["C major", "F# major"])
    jar = flow.jars(pool, [0, 1], {})
    without_mood = 0.5 * 0.25 + 0.15 * 1 + 0.02 * 5
    assert jar.tolist()[0] == pytest.approx([0.125, without_mood + 0.125], abs=1e-6)
    assert jar.tolist() == jar.T.tolist()


def test_only_the_mood_tells_the_directions_apart() -> None:
    timelines = {100: course(["calm", "calm", "sad", "sad"]), 101: course(["sad", "sad", "happy", "happy"])}
    jar = flow.jars(alike(2), [0, 1], timelines)
    # From sad to sad; from happy to calm; and each to itself.
    assert jar[0, 1] == pytest.approx(0, abs=1e-6)
    assert jar[1, 0] == pytest.approx(0.5)
    assert np.diagonal(jar) == pytest.approx([0.5, 0.5 * np.sqrt(2)])


def test_one_window_is_beginning_and_end() -> None:
    jar = flow.jars(alike(2), [0, 1], {100: course(["calm"]), 101: course(["angry"])})
    assert jar[0, 1] == jar[1, 0] == pytest.approx(0.5 * np.sqrt(2))


def test_what_was_not_heard_over_time_is_halfway() -> None:
    nothing = Timeline("emotion-1", np.zeros(0, np.float32), np.zeros((0, 12), np.float32))
    jar = flow.jars(alike(2), [0, 1], {100: course(["calm"]), 101: nothing})
    assert jar[0, 1] == jar[1, 0] == pytest.approx(0.125)


@st.composite
def matrices(draw: st.DrawFn) -> Floats:
    count, seed = draw(st.integers(0, 9)), draw(st.integers(0, 1000))
    return np.random.default_rng(seed).random((count, count)).astype(np.float32)


@given(jar=matrices())
def test_an_order_has_all_tracks_and_is_no_worse_than_the_nearest_first(jar: Floats) -> None:
    order = flow.smoothest(jar)
    assert sorted(order) == list(range(len(jar)))
    assert order[:1] == [0][: len(jar)]
    assert cost(jar, order) <= cost(jar, flow._nearest_first(jar).tolist()) + 1e-5


@given(jar=matrices())
def test_no_reversal_and_no_move_makes_an_order_better(jar: Floats) -> None:
    order = flow.smoothest(jar)
    others = []
    for first in range(1, len(order)):
        rest = order[:first] + order[first + 1 :]
        others += [[*rest[:place], order[first], *rest[place:]] for place in range(1, len(order))]
        for last in range(first + 1, len(order)):
            others.append(order[:first] + order[first : last + 1][::-1] + order[last + 1 :])
    assert all(cost(jar, other) >= cost(jar, order) - 1e-5 for other in others)


def test_points_on_a_line_are_walked_from_end_to_end() -> None:
    places = np.array([0, 7, 2, 9, 4, 1, 8, 3, 6, 5], np.float32)
    order = flow.smoothest(np.abs(places[:, None] - places[None, :]))
    assert places[order].tolist() == list(range(10))


def test_near_the_best_of_all_orders() -> None:
    ratios = []
    for seed in range(20):
        at = np.random.default_rng(seed).random((7, 2))
        jar = np.linalg.norm(at[:, None] - at[None, :], axis=2).astype(np.float32)
        best = min(cost(jar, [0, *rest]) for rest in permutations(range(1, 7)))
        ratios.append(cost(jar, flow.smoothest(jar)) / best)
    assert np.mean(ratios) < 1.02


def test_long_lists_keep_the_nearest_first(monkeypatch: pytest.MonkeyPatch) -> None:
    jar = np.random.default_rng(0).random((9, 9)).astype(np.float32)
    improved = flow.smoothest(jar)
    monkeypatch.setattr(flow, "LONGEST_IMPROVED", 8)
    assert flow.smoothest(jar) == flow._nearest_first(jar).tolist() != improved
