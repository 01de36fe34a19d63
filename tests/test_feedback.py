from __future__ import annotations

import json
import sqlite3
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import SIZE, Run, add_track
from players import Song, write_lastfm_uts, write_rhythmbox

from musictaste.store import Library
from musictaste.track import Counts, Feedback, Judged, Listener, Said

NOW = 1_700_000_000
DAY = 86_400
PATHS = [f"/m/{i}.ogg" for i in range(8)]


def near(corner: int, seed: int) -> np.ndarray:
    """An embedding in one of several corners of a library, told from others of its corner by a little noise."""
    vector = np.zeros(SIZE, np.float32)
    vector[corner * 20 : corner * 20 + 20] = 1
    return vector + np.random.default_rng(seed).standard_normal(SIZE).astype(np.float32) * 0.2


def fill(path: Path, tracks: int = 8, corners: int = 2, **tags: object) -> Path:
    """Calm tracks of artists of their own, in turn from each corner."""
    with Library.open(path, create=True) as library:
        for i in range(tracks):
            add_track(
                library, f"/m/{i}.ogg", mood={"calm": 0.9}, style={"jazz": 0.9}, seed=i, embedding=near(i % corners, i),
                title=f"Title {i}", artist=f"Artist {i}", **tags,
            )  # fmt: skip
    return path


@pytest.fixture
def library(tmp_path: Path) -> Path:
    return fill(tmp_path / "library.db")


def paths(run: Run, *words: str) -> list[str]:
    result = run("-q", *words, "-n", "99")
    assert result.code == 0, result.err
    return result.out.splitlines()


# What the user says


@pytest.mark.parametrize(
    ("verdict", "done"), [("like", "liked"), ("dislike", "disliked"), ("skip", "skipped")], ids=lambda word: word
)
@pytest.mark.usefixtures("library")
def test_what_is_said_is_kept_and_taken_back(run: Run, verdict: str, done: str) -> None:
    result = run(verdict, "/m/3.ogg", "title 4")
    assert (result.code, result.out, result.err) == (0, f"{done}: Artist 3 - Title 3\n{done}: Artist 4 - Title 4\n", "")
    told = json.loads(run("show", "/m/3.ogg", "--json").out)
    assert [said["verdict"] for said in told["feedback"]] == [verdict]
    assert told["disliked"] is (verdict == "dislike")
    back = run("undo")
    lines = f"no longer {done}: Artist 3 - Title 3\nno longer {done}: Artist 4 - Title 4\n"
    assert (back.code, back.out, back.err) == (0, lines, "")
    told = json.loads(run("show", "/m/3.ogg", "--json").out)
    assert (told["feedback"], told["disliked"]) == ([], False)
    nothing = run("undo")
    reason = "musictaste: nothing was liked, disliked or skipped that could be taken back\n"
    assert (nothing.code, nothing.out, nothing.err) == (1, "", reason)


@pytest.mark.usefixtures("library")
def test_json_of_what_is_said(run: Run) -> None:
    paths = run("-q", "mood", "calm", "--order", "score").out.splitlines()
    before = int(time.time())
    said = json.loads(run("like", "2", "--json").out)
    assert before <= said["at"] <= time.time()
    number = paths[1].removeprefix("/m/").removesuffix(".ogg")
    track = {"path": paths[1], "artist": f"Artist {number}", "title": f"Title {number}"}
    assert said == {"verdict": "like", "at": said["at"], "tracks": [track]}
    assert json.loads(run("undo", "--json").out) == said
    assert (run("-q", "skip", "/m/1.ogg").out, run("-q", "undo").out) == ("", "")


@pytest.mark.usefixtures("library")
def test_a_track_that_is_not_known_leaves_all_unsaid(run: Run) -> None:
    result = run("like", "/m/1.ogg", "nobody")
    assert (result.code, result.err) == (2, "musictaste: no track is called 'nobody'\n")
    assert run("undo").code == 1


def test_undo_takes_back_the_last_alone(library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: float(NOW))
    with Library.open(library) as opened:
        opened.save_feedback("like", [1, 2])
        assert opened.save_feedback("skip", [2]) == Feedback("skip", (2,), NOW)
        assert opened.said_of([1, 2, 3]) == {1: [Said("like", NOW)], 2: [Said("like", NOW), Said("skip", NOW)]}
        assert opened.forget_feedback() == Feedback("skip", (2,), NOW)
        assert opened.forget_feedback() == Feedback("like", (1, 2), NOW)
        assert opened.forget_feedback() is None


@pytest.mark.usefixtures("library")
def test_show_tells_it(run: Run) -> None:
    run("like", "/m/1.ogg")
    run("dislike", "/m/1.ogg", "/m/2.ogg")
    run("skip", "/m/1.ogg")
    run("skip", "/m/1.ogg")
    today = time.strftime("%Y-%m-%d")
    lines = run("show", "/m/1.ogg").out.splitlines()
    assert f"  you dislike it since {today}, you skipped it 2 times, in no list" in lines
    assert "you " not in run("show", "/m/3.ogg").out


def test_it_survives_that_a_file_moves_and_gets_other_tags(library: Path) -> None:
    from musictaste.track import Tags

    with Library.open(library) as opened:
        opened.save_feedback("dislike", [3])
        state = opened.file_state("/m/2.ogg")
        assert state
        with opened.transaction():
            opened.save_file("/x/y.ogg", Tags(title="New"), track_id=3, size=2, mtime_ns=2, file_id=state.id)
        assert (opened.tracks([3])[0].name, opened.disliked([3])) == ("New", {3})


# What it does to lists


@pytest.mark.usefixtures("library")
def test_a_disliked_track_is_in_no_list_and_may_be_a_seed(run: Run) -> None:
    run("dislike", "/m/0.ogg")
    rest = sorted(PATHS[1:])
    for words in (["mood", "calm"], ["style", "jazz"], ["mix"], ["similar", "/m/1.ogg"]):
        assert "/m/0.ogg" not in paths(run, *words)
    assert sorted(paths(run, "mood", "calm")) == rest
    assert sorted(paths(run, "similar", "/m/0.ogg")) == rest
    assert run("mood", "calm").err == "7 of 7 tracks are calm (left out: 1 disliked)\n"
    run("like", "/m/0.ogg")
    assert sorted(paths(run, "mood", "calm")) == sorted(PATHS)


@pytest.mark.usefixtures("library")
def test_neighbours_of_what_is_disliked_come_last(run: Run) -> None:
    run("dislike", "/m/0.ogg")
    assert {path in PATHS[1::2] for path in paths(run, "mood", "calm", "--order", "score")[:4]} == {True}
    run("undo")
    run("dislike", "/m/1.ogg")
    assert {path in PATHS[0::2] for path in paths(run, "mood", "calm", "--order", "score")[:4]} == {True}


@pytest.mark.usefixtures("library")
def test_what_is_liked_comes_first_in_the_next_list(run: Run) -> None:
    run("like", "/m/4.ogg")
    assert paths(run, "mix", "--order", "score")[0] == "/m/4.ogg"
    run("like", "/m/3.ogg", "/m/5.ogg", "/m/7.ogg")
    listed = json.loads(run("mix", "--order", "score", "--json").out)
    assert {row["path"] for row in listed[:3]} == {"/m/3.ogg", "/m/5.ogg", "/m/7.ogg"}
    reasons = {row["path"]: row["reasons"] for row in listed}
    assert reasons["/m/3.ogg"] == ["you like it"]
    assert reasons["/m/1.ogg"][0].endswith(", which you like")


@pytest.mark.usefixtures("library")
def test_skips_count_against(run: Run) -> None:
    for _ in range(3):
        run("skip", "/m/0.ogg", "/m/2.ogg")
    assert {path in PATHS[1::2] for path in paths(run, "mood", "calm", "--order", "score")[:4]} == {True}


@pytest.mark.usefixtures("library")
def test_a_change_of_taste_is_seen_in_the_next_list(run: Run, tmp_path: Path) -> None:
    songs = [Song(path, f"Artist {i}", f"Title {i}", "", 200.0 + i) for i, path in enumerate(PATHS)]
    old = [replace(song, played_at=tuple(range(NOW, NOW + 3000, 300))) for song in songs[0::2]]
    write_lastfm_uts(tmp_path / "a.csv", old)
    run("plays", "import", tmp_path / "a.csv")
    assert set(paths(run, "mix", "--order", "score")[:4]) == set(PATHS[0::2])
    new = [replace(song, played_at=tuple(range(NOW + 200 * DAY, NOW + 200 * DAY + 900, 300))) for song in songs[1::2]]
    write_lastfm_uts(tmp_path / "a.csv", old + new)
    run("plays", "import", tmp_path / "a.csv")
    assert set(paths(run, "mix", "--order", "score")[:4]) == set(PATHS[1::2])


def say(library: Library, source: str, counts: Counts) -> None:
    with library.transaction():
        library.save_counts(library.save_listener(Listener(source, f"/{source}", "", True)), [counts])
        library.save_imported([counts])


@pytest.mark.parametrize(
    ("source", "counts", "hidden"),
    [
        ("rhythmbox", Counts(1, rating=0.2), True),
        ("rhythmbox", Counts(1, rating=0.4), False),
        ("rhythmbox", Counts(1, plays=3, loved=False), False),
        ("navidrome", Counts(1, loved=False), False),
        ("listenbrainz", Counts(1, loved=False), True),
        ("mpd", Counts(1, loved=False), True),
        ("itunes", Counts(1, loved=False), True),
        ("listenbrainz", Counts(1, loved=True), False),
    ],
)
def test_what_a_player_calls_hated(library: Path, source: str, counts: Counts, hidden: bool) -> None:
    with Library.open(library) as opened:
        say(opened, source, counts)
        assert opened.disliked([1, 2]) == ({1} if hidden else set())
        plays = opened.plays()
        assert plays.verdict is not None
        assert plays.verdict.tolist() == [-1 if hidden else 0]
        opened.save_feedback("like", [1])
        assert opened.disliked([1, 2]) == set()


def test_ratings_in_tags(tmp_path: Path) -> None:
    for rating, hidden in ((0.2, True), (0.0, False), (0.6, False)):
        path = fill(tmp_path / f"{rating}.db", tracks=1, rating=rating, loved=False)
        with Library.open(path) as opened:
            assert opened.disliked([1]) == ({1} if hidden else set())
            assert len(opened.pool(mood=None, styles=[], mood_from=0, style_from=0)) == (not hidden)


# mix, --explore, --avoid-recent


@pytest.mark.usefixtures("library")
def test_a_mix_for_who_has_not_played_anything(run: Run) -> None:
    result = run("mix", "-n", "1", "--json")
    (track,) = json.loads(result.out)
    assert result.err == (
        "nothing that you play is known yet, so this is what is typical of your library:"
        " see 'plays detect' and 'like'\n"
    )
    assert track["reasons"] == [f"typical of your library ({track['score']:.2f})"]
    assert run("-q", "mix").err == ""


def test_a_mix_of_a_library_without_music(run: Run, tmp_path: Path) -> None:
    Library.open(tmp_path / "library.db", create=True).close()
    result = run("mix")
    assert (result.code, result.out) == (1, "")
    assert result.err == "musictaste: no track fits: 0 tracks were considered\n"


@pytest.mark.usefixtures("library")
def test_a_mix_of_a_style_is_written(run: Run, tmp_path: Path) -> None:
    run("like", "/m/4.ogg")
    result = run("mix", "--style", "爵士", "-n", "2", "-o", "x.m3u8", "--order", "score")
    assert (result.code, result.err.endswith("in x.m3u8\n")) == (0, True)
    lines = (tmp_path / "x.m3u8").read_text(encoding="utf-8").splitlines()
    assert lines[:3] == ["#EXTM3U", "#PLAYLIST:for you, jazz", "#EXTINF:204,Artist 4 - Title 4"]


def test_a_planted_taste(run: Run, tmp_path: Path) -> None:
    """Who plays twenty tracks of one corner five times each gets a mix of that corner."""
    fill(tmp_path / "library.db", tracks=120, corners=4)
    loved = [Song(f"/m/{i}.ogg", f"Artist {i}", f"Title {i}", "", 200.0 + i, plays=5) for i in range(1, 80, 4)]
    write_rhythmbox(tmp_path / "a", loved)
    run("plays", "import", tmp_path / "a")
    run("dislike", "/m/81.ogg", "/m/5.ogg")
    mix = run("-q", "mix", "-n", "25").out.splitlines()
    corner = [path for path in mix if int(path.removeprefix("/m/").removesuffix(".ogg")) % 4 == 1]
    assert (len(mix), len(set(mix))) == (25, 25)
    assert len(corner) >= 20
    assert not {"/m/81.ogg", "/m/5.ogg"} & set(mix)


def test_no_artist_is_over_its_cap_though_albums_are_by_others(run: Run, tmp_path: Path) -> None:
    with Library.open(tmp_path / "library.db", create=True) as library:
        for i in range(6):
            add_track(
                library, f"/m/{i}.ogg", mood={"calm": 0.9}, style={"jazz": 0.9}, seed=i, title=f"Title {i}",
                artist="One" if i < 3 else f"Artist {i}", album_artist=f"Various {i}" if i < 3 else "Various",
            )  # fmt: skip
    assert len(paths(run, "mix")) == 5
    assert len(paths(run, "mix", "--max-per-artist", "1")) == 4


@pytest.fixture
def half_played(library: Path, run: Run, tmp_path: Path) -> None:
    """The first four tracks were played, the first two of them lately."""
    now = int(time.time())
    songs = [Song(path, f"Artist {i}", f"Title {i}", "", 200.0 + i) for i, path in enumerate(PATHS[:4])]
    times = [now - 2 * DAY, now - 3 * DAY, now - 60 * DAY, now - 90 * DAY]
    write_lastfm_uts(tmp_path / "a.csv", [replace(s, played_at=(at,)) for s, at in zip(songs, times, strict=True)])
    run("plays", "import", tmp_path / "a.csv")


@pytest.mark.usefixtures("half_played")
@pytest.mark.parametrize("words", [["mood", "calm"], ["style", "jazz"], ["mix"], ["similar", "/m/7.ogg"]])
def test_every_list_explores_and_avoids(run: Run, words: list[str]) -> None:
    seeds = set(words)
    assert set(paths(run, *words, "--explore", "0")) == set(PATHS[:4])
    assert set(paths(run, *words, "--explore", "1")) == set(PATHS[4:]) - seeds
    some = run("-q", *words, "--explore", "0.25", "-n", "4").out.splitlines()
    assert len(set(some) & set(PATHS[4:])) == 1
    assert set(paths(run, *words, "--avoid-recent", "7")) == set(PATHS[2:]) - seeds


@pytest.mark.usefixtures("half_played")
@pytest.mark.parametrize(
    ("words", "code", "reason"),
    [
        (["--explore", "0", "--avoid-recent", "99"],
         1, "no track is left of 8 that fit: you played none of them, or they were played within 99 days"),
        (["--explore", "1.5"], 2, None),
        (["--explore", "-1"], 2, None),
        (["--avoid-recent", "-1"], 2, None),
        (["--avoid-recent", "week"], 2, None),
    ],
)  # fmt: skip
def test_what_cannot_be_explored(run: Run, tmp_path: Path, words: list[str], code: int, reason: str | None) -> None:
    result = run("mix", *words, "-o", "x.m3u8")
    assert (result.code, result.out) == (code, "")
    if reason:
        assert result.err == f"musictaste: {reason}\n"
    assert not (tmp_path / "x.m3u8").exists()


@pytest.mark.usefixtures("library")
def test_explored_without_any_plays(run: Run) -> None:
    result = run("mix", "--explore", "0")
    assert (result.code, result.err.splitlines()[-1]) == (
        1, "musictaste: no track is left of 8 that fit: you played none of them",
    )  # fmt: skip
    assert len(paths(run, "mix", "--explore", "1")) == 8


def test_feedback_without_a_library(run: Run, tmp_path: Path) -> None:
    for words in (["like", "x"], ["undo"], ["taste"], ["mix"]):
        result = run(*words)
        reason = f"'{tmp_path / 'library.db'}': there is no library yet: run 'musictaste scan FOLDER' first"
        assert (result.code, result.err) == (1, f"musictaste: {reason}\n")
    assert not (tmp_path / "library.db").exists()


def test_an_upgraded_library_knows_how_old_its_plays_are(library: Path) -> None:
    """What was imported before it was kept how plays fade is as old as the last play of the track."""
    with Library.open(library) as opened:
        say(opened, "rhythmbox", Counts(1, plays=8, last_played=NOW))
    with sqlite3.connect(library) as connection:
        connection.execute("UPDATE imported SET faded_plays = NULL, faded_skips = NULL, faded_at = NULL")
    with Library.open(library) as opened:
        recent = opened.plays().recent
        assert recent is not None
        assert 7 < recent[0] < 8


def test_what_is_said_of_a_list_is_told_from_what_is_said_before(
    library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [float(NOW)]
    monkeypatch.setattr(time, "time", lambda: clock[0])
    with Library.open(library) as opened:
        opened.save_feedback("like", [1])
        clock[0] += 10
        opened.save_list([1, 2, 3, 2], "mix")
        clock[0] += 10
        opened.save_feedback("skip", [2, 5])
        opened.save_list([2], "similar")
        opened.save_feedback("like", [2, 1])
        assert opened.judged() == [
            Judged(2, "skip", 2, "similar"), Judged(2, "like", 2, "similar"), Judged(1, "like", 1, "mix"),
        ]  # fmt: skip
        opened.forget_feedback()
        assert [judged.track_id for judged in opened.judged()] == [2]


def test_a_thousand_lists_are_remembered(library: Path) -> None:
    with Library.open(library) as opened, opened.transaction():
        for _ in range(1003):
            opened.save_list([1, 2], "mix")
    with sqlite3.connect(library) as connection:
        kept = connection.execute("SELECT min(list), max(list), count(*) FROM past_list").fetchone()
    assert kept == (4, 1003, 2000)


@pytest.mark.usefixtures("library")
def test_lists_remember_their_command(run: Run, library: Path) -> None:
    run("-q", "mood", "calm", "-n", "2")
    run("like", "1")
    with Library.open(library) as opened:
        assert [(said.verdict, said.command) for said in opened.judged()] == [("like", "mood")]
