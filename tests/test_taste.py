from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from musictaste import taste
from musictaste.taste import NEIGHBOURS, Floats, Taste
from musictaste.track import Plays, Surroundings, Together

AXES = np.eye(4, dtype=np.float32)


def history(
    vectors: Floats,
    *,
    plays: Sequence[float] | None = None,
    skips: Sequence[float] | None = None,
    rating: Sequence[float] | None = None,
    loved: Sequence[float] | None = None,
    recent: Sequence[float] | None = None,
    verdict: Sequence[float] | None = None,
) -> Plays:
    """What was done with tracks of the given vectors; nothing where nothing is given."""
    count = len(vectors)

    def column(values: Sequence[float] | None, otherwise: float) -> Floats:
        return np.asarray([otherwise] * count if values is None else values, np.float32)

    return Plays(
        np.arange(100, 100 + count), vectors, column(plays, 0), column(skips, 0), column(rating, -1), column(loved, 0),
        recent=None if recent is None else column(recent, 0), verdict=column(verdict, 0),
    )  # fmt: skip


def unit_vectors(count: int, seed: int) -> Floats:
    vectors = np.random.default_rng(seed).standard_normal((count, 6))
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def scored(vectors: Floats, plays: Plays) -> Taste:
    result = taste.score(vectors, plays)
    assert result is not None
    return result


def as_lists(result: Taste) -> tuple[list[float], list[int]]:
    return [round(float(score), 4) for score in result.scores], result.because.tolist()


def test_weights() -> None:
    plays = history(
        np.repeat(AXES[:1], 8, axis=0),
        plays=[0, 1, 3, 3, 0, 0, 0, 0],
        skips=[0, 0, 0, 3, 3, 0, 0, 0],
        rating=[-1, -1, -1, -1, -1, 1, 0, 0.5],
        loved=[1, 0, 0, 0, 0, 0, 0, 0],
    )
    log = np.log
    assert taste.weigh(plays) == pytest.approx([1, log(2), log(4), log(2), -log(2), 1, -1, 0])


@pytest.mark.parametrize(
    "plays",
    [
        history(AXES[:0]),
        history(AXES),
        history(AXES, rating=[0.5, 0.5, -1, -1]),
    ],
    ids=["empty", "never played", "rated neither high nor low"],
)
def test_none_without_anything_that_is_liked_or_not(plays: Plays) -> None:
    assert (taste.score(AXES, plays), taste.is_cold(plays)) == (None, True)


@pytest.mark.parametrize(
    ("plays", "cold"),
    [
        (history(AXES[:2], skips=[5, 5]), True),
        (history(AXES[:2], rating=[0.2, 0]), True),
        (history(AXES[:2], verdict=[-1, 0]), True),
        (history(AXES[:2], plays=[9, 0], verdict=[-1, 0]), True),
        (history(AXES[:2], verdict=[-1, 1]), False),
        (history(AXES[:2], plays=[1, 0], verdict=[0, -1]), False),
    ],
)
def test_who_is_cold(plays: Plays, cold: bool) -> None:
    assert taste.is_cold(plays) is cold


def test_what_is_said_weighs_more_than_what_was_played() -> None:
    plays = history(np.repeat(AXES[:1], 4, axis=0), plays=[0, 3, 50, 0], verdict=[1, 1, -1, -1])
    assert taste.weigh(plays) == pytest.approx([2, 2 + np.log(4), -2, -2])


def test_recent_plays_are_what_weighs() -> None:
    plays = history(np.repeat(AXES[:1], 2, axis=0), plays=[90, 3], recent=[1, 3])
    assert taste.weigh(plays) == pytest.approx([np.log(2), np.log(4)])


def test_dislikes_alone_lower_their_neighbours() -> None:
    between = np.asarray([[0.6, 0.8, 0, 0]], np.float32)
    result = scored(np.concatenate([AXES[:1], between, AXES[1:2]]), history(AXES[:1], verdict=[-1]))
    assert as_lists(result) == ([-1.0, -0.6, 0.0], [-1, -1, -1])


def test_a_dislike_lowers_neighbours_more_than_a_play_raises_them() -> None:
    vectors = np.asarray([[0.8, 0.6, 0, 0], [0.6, 0.8, 0, 0], [0, 1, 0, 0]], np.float32)
    before = scored(vectors, history(AXES[:2], plays=[3, 3]))
    after = scored(vectors, history(AXES[:2], plays=[3, 3], verdict=[-1, 0]))
    assert before.scores.argmax() == 0
    assert after.scores.argsort().tolist() == [0, 1, 2]


def test_some_tracks_of_a_taste() -> None:
    result = scored(AXES, history(AXES[:2], plays=[1, 15])).of(np.array([False, True, True, False]))
    assert as_lists(result) == ([1.0, 0.0], [1, -1])


def test_none_without_tracks_to_score() -> None:
    assert taste.score(AXES[:0], history(AXES, plays=[1, 1, 1, 1])) is None


def test_neighbours_of_much_played_tracks_come_first() -> None:
    plays = history(AXES[:3], plays=[1, 15, 0])
    assert as_lists(scored(AXES, plays)) == ([0.25, 1.0, 0.0, 0.0], [0, 1, -1, -1])


def test_skips_lower_a_score() -> None:
    plays = history(AXES[:2], plays=[3, 3], skips=[0, 7])
    assert as_lists(scored(AXES[:2], plays)) == ([1.0, 0.25], [0, 1])


def test_what_is_near_a_skipped_track_is_below_zero() -> None:
    plays = history(AXES[:2], plays=[3, 0], skips=[0, 3])
    assert as_lists(scored(AXES[:2], plays)) == ([1.0, -0.5], [0, -1])


def test_a_skipped_neighbour_counts_against_a_played_one() -> None:
    between = np.asarray([[0.8, 0.6, 0, 0]], np.float32)
    plays = history(AXES[:2], plays=[3, 0], skips=[0, 3])
    vectors = np.concatenate([AXES[:1], between])
    # log 4 for the first; 0.8 log 4 - 0.6 * 0.5 log 4 for the second
    assert as_lists(scored(vectors, plays)) == ([1.0, 0.5], [0, 0])


def test_what_points_the_other_way_does_not_count() -> None:
    plays = history(AXES[:1], plays=[9])
    assert as_lists(scored(np.concatenate([AXES[:1], -AXES[:1]]), plays)) == ([1.0, 0.0], [0, -1])


def test_because_names_the_row_that_speaks_loudest() -> None:
    near_third = np.asarray([[0.0, 0.6, 0.8, 0.0]], np.float32)
    even = scored(near_third, history(AXES[:3], plays=[5, 5, 5]))
    louder = scored(near_third, history(AXES[:3], plays=[5, 500, 5]))
    assert (as_lists(even), as_lists(louder)) == (([1.0], [2]), ([1.0], [1]))


def test_only_the_nearest_count() -> None:
    nearest = np.repeat(AXES[:1], NEIGHBOURS, axis=0)
    far = np.asarray([[0.6, 0.8, 0, 0]] * 5, np.float32)
    without_far = scored(AXES[:1], history(nearest, plays=[1] * NEIGHBOURS))
    plays = history(
        np.concatenate([nearest, far]), plays=[1] * NEIGHBOURS + [0] * 5, skips=[0] * NEIGHBOURS + [999] * 5
    )
    assert without_far.scores.tolist() == scored(AXES[:1], plays).scores.tolist() == [1.0]


@given(tracks=st.integers(1, 20), played=st.integers(1, 30), seed=st.integers(0, 2**32 - 1))
def test_scores_and_reasons_keep_to_their_ranges(tracks: int, played: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    plays = history(
        unit_vectors(played, seed + 1),
        plays=[1, *rng.integers(0, 50, played - 1)],
        skips=[0, *rng.integers(0, 50, played - 1)],
    )
    result = scored(unit_vectors(tracks, seed), plays)
    assert result.scores.dtype == np.float32
    assert result.scores.shape == result.because.shape == (tracks,)
    assert np.abs(result.scores).max() == 0 or np.abs(result.scores).max() == pytest.approx(1)
    named = result.because[result.because >= 0]
    assert (taste.weigh(plays)[named] > 0).all()
    assert (result.scores[result.because < 0] <= 0).all()


@given(played=st.integers(1, 30), seed=st.integers(0, 2**32 - 1))
def test_the_order_of_the_history_does_not_matter(played: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    vectors, counts = unit_vectors(played, seed + 1), rng.integers(1, 50, played)
    shuffled = rng.permutation(played)
    tracks = unit_vectors(10, seed)
    one = scored(tracks, history(vectors, plays=counts.tolist()))
    other = scored(tracks, history(vectors[shuffled], plays=counts[shuffled].tolist()))
    assert other.scores == pytest.approx(one.scores, abs=1e-5)
    assert [shuffled[i] if i >= 0 else -1 for i in other.because] == one.because.tolist()


# What was played together


def beside(
    neighbours: Sequence[Sequence[int]], strengths: Sequence[Sequence[float]], trust: Sequence[float]
) -> Together:
    return Together(np.asarray(neighbours, np.int32), np.asarray(strengths, np.float32), np.asarray(trust, np.float32))


def test_what_is_trusted_is_scored_by_what_was_played_together() -> None:
    plays = history(AXES[:2], plays=[1, 3])
    # The third track sounds like the first and is played with the second; the fourth is new and sounds like nothing.
    tracks = np.concatenate([AXES[:1], AXES[3:]])
    listening = taste.beside(np.asarray([7, 8]), beside([[101, -1], [-1, -1]], [[1, 0], [0, 0]], [0.75, 0]))
    result = taste.score(tracks, plays, listening)
    assert result is not None
    assert as_lists(result) == ([1.0, 0.0], [1, -1])
    assert as_lists(scored(tracks, plays)) == ([1.0, 0.0], [0, -1])


def test_both_ways_share_the_score_by_trust() -> None:
    plays = history(AXES[:2], plays=[3, 3])
    listening = taste.beside(np.asarray([7, 8, 9]), beside([[101], [100], [-1]], [[1], [0.5], [0]], [0.5, 0.5, 0]))
    result = taste.score(np.concatenate([AXES[3:], AXES[:1], AXES[:1]]), plays, listening)
    assert result is not None
    # by sound 0, 1, 1; by listening 1, 0.5, 0; half each for the first two
    assert as_lists(result) == ([0.5, 0.75, 1.0], [1, 0, 0])


def test_a_track_that_was_played_is_its_own_neighbour() -> None:
    listening = taste.beside(np.asarray([100, 101]), beside([[101], [100]], [[1], [1]], [1, 1]))
    result = taste.score(AXES[:2], history(AXES[:2], plays=[3, 0]), listening)
    assert result is not None
    assert as_lists(result) == ([1.0, 1.0], [0, 0])


def test_a_skipped_neighbour_counts_against_by_listening_too() -> None:
    listening = taste.beside(np.asarray([7, 8]), beside([[100, 101], [100, -1]], [[1, 1], [1, 0]], [1, 1]))
    result = taste.score(AXES[2:], history(AXES[:2], plays=[3, 0], skips=[0, 3]), listening)
    assert result is not None
    assert as_lists(result) == ([0.5, 1.0], [0, 0])


def test_nothing_is_known_of_the_listening() -> None:
    assert taste.beside(np.asarray([1]), None) is None


def test_the_sound_of_those_that_weigh_most_is_compared() -> None:
    count = taste.SOUNDED + 2
    plays = history(np.zeros((count, 4), np.float32), plays=[1, *[5] * (count - 2), 0], skips=[0] * (count - 1) + [999])
    assert taste.loudest(plays).tolist() == [*range(1, count - 1), count - 1]


def test_vectors_of_some_rows_stand_for_these_alone() -> None:
    whole = history(AXES[:3], plays=[1, 2, 3])
    part = Plays(
        whole.ids, AXES[[0, 2]], whole.plays, whole.skips, whole.rating, whole.loved, sounded=np.asarray([0, 2])
    )
    assert as_lists(scored(AXES, part)) == ([0.5, 0.0, 1.0, 0.0], [0, -1, 2, -1])


def test_nearness_to_seeds_is_blended_as_far_as_listening_is_trusted() -> None:
    sound, ids = np.asarray([0.9, 0.5, 0.1], np.float32), np.asarray([5, 6, 7])
    assert taste.blended(sound, ids, None).tolist() == sound.tolist()
    around = beside([[7, 6, -1]], [[1, 0.5, 0]], [0.6])
    assert taste.blended(sound, ids, around) == pytest.approx([0.36, 0.2 + 0.3, 0.04 + 0.6])


def test_a_seed_that_nothing_is_known_of_is_near_by_sound() -> None:
    sound, ids = np.asarray([0.8, 0.4], np.float32), np.asarray([5, 6])
    around = beside([[6], [-1]], [[1], [0]], [0.5, 0.0])
    assert taste.blended(sound, ids, around) == pytest.approx([0.6, 0.3 + 0.25])


def test_what_a_large_library_is_searched_near() -> None:
    plays = history(AXES, plays=[4, 0, 9, 2], skips=[0, 3, 0, 0])
    np.testing.assert_array_equal(taste.favourites(plays), AXES[[2, 0, 3]])
    assert taste.liked(plays).tolist() == [100, 102, 103]
    assert taste.favourites(history(AXES, skips=[1, 2, 0, 0])) is None


def test_companions_of_seeds_are_all_their_neighbours() -> None:
    ids = np.array([[7, 5], [5, -1]], np.int32)
    together = Together(ids, np.ones((2, 2), np.float32), np.ones(2, np.float32))
    assert [taste.companions(around).tolist() for around in (together, None)] == [[5, 7], []]


# The library around


HAPPY, SAD = np.asarray([[1, 0], [0, 1]], np.float32)
NOTHING = np.zeros(2, np.float32)


def within(moods: Sequence[Floats], played: Sequence[Floats], *, size: int = 4) -> Surroundings:
    """A library with as much of one mood as of the other, and with nothing that its sounds share."""
    usual = np.asarray([0.5, 0.5], np.float32)
    return Surroundings(np.zeros(size, np.float32), np.asarray(moods), np.asarray(played), usual)


def test_what_all_tracks_share_is_taken_away() -> None:
    middle = np.asarray([3, 0, 0, 0], np.float32)
    tracks = middle + np.asarray([[0, 4, 0, 0], [0, -2, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]], np.float32)
    assert taste.seen_from(tracks, middle).tolist() == [[0, 1, 0, 0], [0, -1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]]


def test_a_hub_is_near_to_nobodys_taste() -> None:
    # The third has nothing but what all share: by their cosines it is nearer to what was played than the second is.
    tracks = np.asarray([[0.9, 0.3, 0, -0.3], [0.9, 0.2, 0.5, 0], [0.9, 0, 0, 0]], np.float32)
    tracks /= np.linalg.norm(tracks, axis=1, keepdims=True)
    plays = history(tracks[:1], plays=[5])
    around = Surroundings(AXES[0] * np.float32(0.9), np.zeros((2, 2), np.float32), NOTHING[None], NOTHING)
    centred = taste.score(tracks[1:], plays, around=around)
    assert centred is not None
    assert (scored(tracks[1:], plays).scores.argmax(), centred.scores.argmax()) == (1, 0)


def test_moods_that_are_preferred() -> None:
    moods = [HAPPY, SAD, (HAPPY + SAD) / 2, NOTHING]
    # With what is usual there are 4 of 12 played happily, and 2 for each mood: 10 to 2, five times as likely as not.
    assert taste.by_moods(within(moods, [HAPPY]), np.asarray([8], np.float32)) == pytest.approx([2 / 8, -1 / 2, 0, 0])


def test_a_disliked_mood_and_one_that_is_not_known() -> None:
    moods = [HAPPY, SAD, NOTHING]
    weights = np.asarray([-1, 5], np.float32)
    assert taste.by_moods(within(moods, [HAPPY, NOTHING]), weights) == pytest.approx([-1 / 5, 1 / 7, 0])
    assert taste.by_moods(within(moods, [HAPPY, NOTHING]), np.asarray([-9, 5], np.float32)) == pytest.approx(
        [-1, 1 / 3, 0]
    )


def test_moods_and_sound_share_the_score() -> None:
    # The first sounds like what was played and is sad, the second sounds like nothing and is happy as that was.
    result = taste.score(AXES[:2], history(AXES[:1], plays=[5]), around=within([SAD, HAPPY], [HAPPY]))
    weight = np.log(6)
    happily = (weight + 2) / (weight + 4) * 2
    preferred, other = ((lift - 1) / (lift + 1) for lift in (happily, 2 - happily))
    share = taste.MOOD_WEIGHT
    both = np.asarray([1 - share + share * other, share * preferred])
    assert result is not None
    assert result.scores == pytest.approx(both / both.max(), abs=1e-6)
    assert result.because.tolist() == [0, -1]
