from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import add_track
from hypothesis import given
from hypothesis import strategies as st
from players import Song, write_foobar2000, write_lastfm_uts, write_navidrome, write_rhythmbox, write_scrobbler_log

from musictaste import fading
from musictaste.errors import UnknownUserError
from musictaste.history import Imported, Whose, distinct_times, import_history, merge, read_history, relate
from musictaste.matching import Matcher
from musictaste.store import Library
from musictaste.track import Counts, Faded

T = 1_600_000_001
DAY = 86_400
SONG = Song("/music/A/B/1.ogg", "A", "One", "B", 200.0)
OTHER = Song("/music/A/B/2.ogg", "A", "Two", "B", 201.0)


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with Library.open(tmp_path / "library.db", create=True) as opened:
        for seed, song in enumerate((SONG, OTHER)):
            add_track(
                opened, song.path, mood={"calm": 0.7}, style={"jazz": 0.9}, seed=seed, artist=song.artist,
                title=song.title, album=song.album,
            )  # fmt: skip
        yield opened


def bring(library: Library, path: Path, *users: str, everyone: bool = False) -> Imported:
    whose = Whose(users, everyone)
    return import_history(library, Matcher(library.named_files()), path, read_history(path, whose), whose)


def known(library: Library, *fields: str) -> list[tuple[object, ...]]:
    return [tuple(getattr(track, field) for field in fields) for track in library.tracks([1, 2])]


def everything(library: Library) -> list[list[tuple[object, ...]]]:
    tables = ("listener", "play_count", "play_event", "imported")
    return [list(library._db.execute(f"SELECT * FROM {table}")) for table in tables]


# Importing


def test_what_a_player_says_becomes_the_tracks(library: Library, tmp_path: Path) -> None:
    path = tmp_path / "rhythmdb.xml"
    write_rhythmbox(
        path, [replace(SONG, plays=5, rating=0.8, last_played=T), replace(OTHER, plays=1, title="?", path="/?")]
    )
    imported = bring(library, path)
    assert (imported.source, imported.plays, imported.skips, imported.malformed) == ("rhythmbox", 5, 0, 0)
    assert [m.track_id for m in imported.matches] == [1, None]
    fields = ("plays", "skips", "rating", "loved", "last_played")
    assert known(library, *fields) == [(5, 0, 0.8, False, T), (0, 0, None, False, None)]
    plays = library.plays()
    assert (plays.ids.tolist(), plays.plays.tolist(), plays.rating.tolist()) == ([1], [5.0], [pytest.approx(0.8)])


@pytest.mark.parametrize("write", [write_rhythmbox, write_lastfm_uts, write_scrobbler_log, write_navidrome])
def test_importing_twice_changes_nothing(write: object, library: Library, tmp_path: Path) -> None:
    path = tmp_path / "plays"
    songs = [replace(SONG, plays=2, last_played=T + 300, played_at=(T, T + 300), skipped_at=(T + 900,)), OTHER]
    write(path, songs)  # type: ignore[operator]
    bring(library, path)
    once = everything(library)
    bring(library, path)
    assert everything(library) == once
    assert known(library, "plays")[0] == (2,)


def test_a_later_state_of_the_same_file_takes_the_place_of_the_earlier(library: Library, tmp_path: Path) -> None:
    path = tmp_path / "rhythmdb.xml"
    write_rhythmbox(path, [replace(SONG, plays=5), replace(OTHER, plays=2)])
    bring(library, path)
    write_rhythmbox(path, [replace(SONG, plays=3)])
    bring(library, path)
    assert known(library, "plays") == [(3,), (0,)]
    write_rhythmbox(path, [])
    bring(library, path)
    assert known(library, "plays") == [(0,), (0,)]


def test_a_log_that_began_anew_adds_to_the_earlier(library: Library, tmp_path: Path) -> None:
    path = tmp_path / ".scrobbler.log"
    write_scrobbler_log(path, [replace(SONG, played_at=(T, T + DAY))])
    bring(library, path)
    write_scrobbler_log(path, [replace(SONG, played_at=(T + DAY, T + 2 * DAY))])
    bring(library, path)
    assert known(library, "plays", "last_played")[0] == (3, T + 2 * DAY)


def test_a_play_whose_name_was_mended_leaves_the_other_track(library: Library, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    write_lastfm_uts(path, [replace(SONG, played_at=(T,))])
    bring(library, path)
    write_lastfm_uts(path, [replace(OTHER, played_at=(T,))])
    bring(library, path)
    assert known(library, "plays") == [(0,), (1,)]


def test_the_same_plays_from_two_sources_count_once(library: Library, tmp_path: Path) -> None:
    write_lastfm_uts(tmp_path / "a.csv", [replace(SONG, played_at=(T, T + DAY))])
    write_scrobbler_log(tmp_path / "log", [replace(SONG, played_at=(T + 25, T + DAY, T + 2 * DAY))])
    bring(library, tmp_path / "a.csv")
    bring(library, tmp_path / "log")
    assert known(library, "plays")[0] == (3,)


def test_the_same_export_under_two_names_counts_once(library: Library, tmp_path: Path) -> None:
    for name in ("a.csv", "a (1).csv"):
        write_lastfm_uts(tmp_path / name, [replace(SONG, played_at=(T, T + 40))])
        bring(library, tmp_path / name)
    assert known(library, "plays")[0] == (2,)


def test_tags_of_the_file_and_its_players_count_the_same_plays(tmp_path: Path) -> None:
    with Library.open(tmp_path / "library.db", create=True) as library:
        add_track(
            library, SONG.path, mood={"calm": 0.7}, style={"jazz": 0.9}, seed=0, artist="A", title="One", plays=7,
            rating=0.4, loved=True,
        )  # fmt: skip
        write_rhythmbox(tmp_path / "a", [replace(SONG, plays=5, rating=0.8)])
        bring(library, tmp_path / "a")
        assert [(t.plays, t.rating, t.loved) for t in library.tracks([1])] == [(7, 0.8, True)]
        assert (library.plays().plays.tolist(), library.plays().loved.tolist()) == ([7.0], [1.0])
        view = library._db.execute("SELECT plays, skips, rating, last_played FROM library").fetchall()
        assert view == [(7, 0, 0.8, None)]


def test_two_copies_of_a_track_were_played_apart(library: Library, tmp_path: Path) -> None:
    with library.transaction():
        library.save_file("/music/A/C/1.ogg", tags_of(SONG), track_id=1, size=1, mtime_ns=1)
    write_foobar2000(tmp_path / "a", [replace(SONG, plays=5), replace(SONG, path="/music/A/C/1.ogg", plays=2)])
    bring(library, tmp_path / "a")
    assert known(library, "plays")[0] == (7,)


def tags_of(song: Song) -> object:
    from musictaste.track import Tags

    return Tags(title=song.title, artist=song.artist)


def test_ambiguous_plays_are_written_to_none(library: Library, tmp_path: Path) -> None:
    add_track(library, "/x/y.ogg", mood={"sad": 0.7}, style={"jazz": 0.9}, seed=9, artist="A", title="One", album="Z")
    write_lastfm_uts(tmp_path / "a.csv", [replace(SONG, album="", played_at=(T,))])
    imported = bring(library, tmp_path / "a.csv")
    assert [(m.ambiguous, m.candidates) for m in imported.unmatched] == [(True, (1, 3))]
    assert [t.plays for t in library.tracks([1, 2, 3])] == [0, 0, 0]


# Users


@pytest.fixture
def server(tmp_path: Path) -> Path:
    path = tmp_path / "navidrome.db"
    write_navidrome(
        path,
        [
            replace(SONG, user="anna", plays=5, last_played=T, played_at=(T,)),
            replace(SONG, user="bob", plays=50, last_played=T, played_at=(T, T + 5000)),
            replace(OTHER, user="bob", plays=9),
        ],
    )
    return path


def test_several_users_need_a_name(library: Library, server: Path) -> None:
    with pytest.raises(UnknownUserError, match=r"has the plays of several users: say --user with one of anna, bob$"):
        bring(library, server)
    with pytest.raises(UnknownUserError, match=r"has no plays of a user 'bop': did you mean 'bob'\?$"):
        bring(library, server, "bop")
    assert everything(library) == [[], [], [], []]


def test_one_of_several_users(library: Library, server: Path) -> None:
    imported = bring(library, server, "anna")
    assert (len(imported.matched), imported.plays) == (1, 5)
    assert known(library, "plays") == [(5,), (0,)]


def test_the_other_users_are_kept_apart(library: Library, server: Path) -> None:
    bring(library, server, "anna", everyone=True)
    assert known(library, "plays") == [(5,), (0,)]
    rows = library._db.execute("SELECT user, own, at FROM play_event JOIN listener ON id = listener_id ORDER BY 1, 3")
    assert rows.fetchall() == [("anna", 1, T), ("bob", 0, T), ("bob", 0, T + 5000)]


def test_nobody_named_is_nobodys_taste(library: Library, server: Path) -> None:
    bring(library, server, everyone=True)
    assert known(library, "plays") == [(0,), (0,)]
    assert library._db.execute("SELECT count(*) FROM play_event").fetchone() == (3,)


def test_who_one_is_can_be_corrected(library: Library, server: Path) -> None:
    bring(library, server, "anna")
    bring(library, server, "bob")
    assert known(library, "plays") == [(50,), (9,)]
    bring(library, server, "anna", "bob")
    assert known(library, "plays") == [(50,), (9,)]


def test_the_only_user_is_the_owner(library: Library, tmp_path: Path) -> None:
    write_navidrome(tmp_path / "n.db", [replace(SONG, plays=5)])
    bring(library, tmp_path / "n.db")
    assert known(library, "plays")[0] == (5,)


# Merging


def plays_of(counts: Sequence[tuple[int, int | None, int | None]], *times: Sequence[int]) -> int | None:
    """Of counters as (listener, plays, last played), and of the times of the listeners 0, 1, 2 and so on."""
    said = [(listener, Counts(1, plays, last_played=last)) for listener, plays, last in counts]
    events = [(1, listener, at, False) for listener, ats in enumerate(times) for at in ats]
    merged = merge(said, events)
    return merged[0].plays if merged else None


@pytest.mark.parametrize(
    ("counts", "times", "plays"),
    [
        ([], [[T]], 1),
        ([(7, 5, None)], [], 5),
        ([(7, 5, None), (8, 3, None)], [], 5),
        ([(7, 5, None)], [[T, T + DAY]], 5),
        ([(7, 1, None)], [[T, T + DAY]], 2),
        ([(7, 5, T)], [[T + DAY, T + 2 * DAY]], 7),  # after its last play a counter has counted nothing
        ([(7, 5, T + DAY)], [[T, T + DAY]], 5),
        ([(7, 5, T), (8, 3, T + DAY)], [], 6),
        ([(0, 5, T)], [[T - DAY, T]], 5),
        ([(0, 1, None)], [[T, T + DAY, T + 2 * DAY]], 3),
        ([(7, None, None)], [], 0),
    ],
)
def test_counters_and_times(
    counts: list[tuple[int, int | None, int | None]], times: list[list[int]], plays: int
) -> None:
    assert plays_of(counts, *times) == plays


def test_what_else_is_merged() -> None:
    counts = [
        (1, Counts(5, 1, 2, 0.4, None, T)),
        (2, Counts(5, None, 1, 0.8, False, T + 5)),
        (3, Counts(6, None, None, None, True, None)),
    ]
    skips = [(5, 9, T, True), (5, 9, T + 100, True), (5, 9, T + 200, True)]
    first, second = merge(counts, skips)
    assert first._replace(faded=None) == Counts(5, 1, 3, 0.8, False, T + 5)
    assert second == Counts(6, 0, 0, None, True, None)


def half_lives(count: float) -> int:
    return round(count * fading.HALF_LIFE_DAYS * DAY)


@pytest.mark.parametrize(
    ("counts", "times", "faded"),
    [
        ([], [[T, T + half_lives(1), T + half_lives(2)]], Faded(1.75, 0, T + half_lives(2))),
        ([(7, 5, T)], [], Faded(5, 0, T)),
        ([(7, 5, None)], [], None),
        ([(0, 5, None)], [[T, T + half_lives(1)]], Faded(4 * 0.5 + 1, 0, T + half_lives(1))),
        ([(7, 5, T)], [[T + half_lives(1)]], Faded(5 * 0.5 + 1, 0, T + half_lives(1))),
    ],
)
def test_what_is_left_of_plays(
    counts: list[tuple[int, int | None, int | None]], times: list[list[int]], faded: Faded | None
) -> None:
    said = [(listener, Counts(1, plays, last_played=last)) for listener, plays, last in counts]
    events = [(1, listener, at, False) for listener, ats in enumerate(times) for at in ats]
    assert [merged.faded for merged in merge(said, events)] == [faded]


def test_what_is_left_of_skips_with_times() -> None:
    events = [(1, 0, T, False), (1, 0, T, True), (1, 0, T + half_lives(1), True)]
    assert [merged.faded for merged in merge([], events)] == [Faded(0.5, 1.5, T + half_lives(1))]


def test_an_old_favourite_gives_way_to_what_is_played_now(library: Library, tmp_path: Path) -> None:
    write_lastfm_uts(
        tmp_path / "a.csv",
        [
            replace(SONG, played_at=tuple(T + i * 300 for i in range(20))),
            replace(OTHER, played_at=tuple(T + half_lives(12) + i * 300 for i in range(5))),
        ],
    )
    bring(library, tmp_path / "a.csv")
    plays = library.plays()
    assert plays.recent is not None
    assert plays.plays.tolist() == [20, 5]
    assert plays.recent[1] > 4 > plays.recent[0] > 20 * fading.LASTING
    assert plays.last_played is not None
    assert plays.last_played.tolist() == [T + 19 * 300, T + half_lives(12) + 4 * 300]


def test_what_tags_count_beyond_the_players_is_as_old_as_these_say(tmp_path: Path) -> None:
    with Library.open(tmp_path / "library.db", create=True) as library:
        for seed, song in enumerate((SONG, OTHER)):
            add_track(
                library, song.path, mood={"calm": 0.7}, style={"jazz": 0.9}, seed=seed, artist=song.artist,
                title=song.title, plays=7, last_played=T if song is OTHER else None,
            )  # fmt: skip
        write_rhythmbox(tmp_path / "a", [replace(SONG, plays=5, last_played=T)])
        bring(library, tmp_path / "a")
        plays = library.plays()
    assert plays.recent is not None
    # The last play that is known ends the day from which ages are taken.
    assert plays.recent.tolist() == pytest.approx([7 * float(fading.left(np.asarray(DAY - T % DAY)))] * 2, rel=1e-5)


@pytest.mark.parametrize(
    ("sources", "times"),
    [
        ([[T, T + 10]], [T, T + 10]),
        ([[T], [T + 30]], [T]),
        ([[T], [T + 31]], [T, T + 31]),
        ([[T + 30], [T]], [T]),
        ([[T, T + 200], [T + 5, T + 205]], [T, T + 200]),
        ([[60_000], [60_059]], [60_000]),  # the first is in whole minutes
        ([[60_000], [60_090]], [60_000]),
        ([[60_000], [60_091]], [60_000, 60_091]),
        ([[60_001], [60_059]], [60_001, 60_059]),
        ([[60_055], [60_062], [60_000]], [60_000]),
        ([[T], [T + 25], [T + 50]], [T]),
        ([], []),
    ],
)
def test_distinct_times(sources: list[list[int]], times: list[int]) -> None:
    assert distinct_times(sources) == times


ascending = st.lists(st.integers(1, 2000), max_size=8, unique=True).map(sorted)


@given(st.lists(ascending, max_size=4))
def test_distinct_times_are_bounded_by_their_sources(sources: list[list[int]]) -> None:
    times = distinct_times(sources)
    assert times == sorted(times)
    assert max(map(len, sources), default=0) <= len(times) <= sum(map(len, sources))


@given(st.lists(ascending, max_size=4))
def test_the_order_of_the_sources_does_not_matter(sources: list[list[int]]) -> None:
    assert len({tuple(distinct_times(order)) for order in itertools.permutations(sources)}) == 1


@given(ascending, st.integers(1, 4))
def test_the_same_source_again_adds_nothing(times: list[int], copies: int) -> None:
    assert distinct_times([times] * copies) == times


# What goes together


def test_what_is_played_together_is_learned(library: Library, tmp_path: Path) -> None:
    path = tmp_path / "scrobbles.csv"
    days = range(0, 40 * DAY, DAY)
    both = [
        replace(SONG, played_at=tuple(T + day for day in days)),
        replace(OTHER, played_at=tuple(T + day + 240 for day in days)),
    ]
    write_lastfm_uts(path, both)
    bring(library, path)
    relate(library)
    once = library.together([1, 2])
    assert once is not None
    assert (once.ids[:, 0].tolist(), once.strengths[:, 0].tolist()) == ([2, 1], [1, 1])
    assert 0 < once.trust[0] == once.trust[1] < 1
    write_lastfm_uts(tmp_path / "again.csv", both)
    bring(library, tmp_path / "again.csv")
    relate(library)
    twice = library.together([1, 2])
    assert twice is not None
    assert twice.trust.tolist() == once.trust.tolist()  # a play that two files report is one play


def test_nothing_is_learned_from_counts_alone(library: Library, tmp_path: Path) -> None:
    path = tmp_path / "rhythmdb.xml"
    write_rhythmbox(path, [replace(SONG, plays=5), replace(OTHER, plays=3)])
    bring(library, path)
    relate(library)
    assert library.together([1, 2]) is None
