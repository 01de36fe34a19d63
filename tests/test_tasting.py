from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import Run, add_track, feelings, shares
from players import (
    Song,
    write_banshee,
    write_beets,
    write_clementine,
    write_jellyfin,
    write_kodi,
    write_lastfm_uts,
    write_lyrion,
    write_mediamonkey,
    write_mpd,
    write_navidrome,
    write_plex,
    write_rhythmbox,
    write_strawberry,
)

from musictaste import profile
from musictaste.moods import MOODS
from musictaste.store import Library
from musictaste.styles import STYLES
from musictaste.track import Evidence, Track

T = 1_600_000_001
SONGS = [Song(f"/m/{i}.ogg", f"Artist {i // 2}", f"Title {i}", "", 200.0 + i) for i in range(6)]


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """Four calm jazz tracks of the nineties, two angry metal ones of the last decade with counts in their tags."""
    path = tmp_path / "library.db"
    with Library.open(path, create=True) as library:
        for i, song in enumerate(SONGS):
            calm = i < 4
            add_track(
                library, song.path, mood={"calm" if calm else "angry": 0.9}, style={"jazz" if calm else "metal": 0.9},
                seed=i, title=song.title, artist=song.artist, date="1994-05-01" if calm else "2012",
                plays=None if calm else 3,
            )  # fmt: skip
    return path


# What is believed


def track(i: int, artist: str | None, mood: str, style: str) -> Track:
    return Track(
        i, f"/{i}", None, artist, None, None, 200.0, None, None, -14.0, feelings(**{mood: 1.0}),
        shares(STYLES, **{style: 1.0}), 0, 0, None, None, False,
    )  # fmt: skip


WHOLE = profile.Whole(
    dict.fromkeys(MOODS, 0.25), dict.fromkeys(STYLES, 1 / len(STYLES)), {"A": 0.5, "B": 0.1}, {"1990s": 0.75}
)


def test_beliefs_are_weighed_and_traced_to_their_sources() -> None:
    tracks = [track(1, "A", "calm", "jazz"), track(2, "B", "angry", "metal"), track(3, None, "sad", "folk")]
    evidence = [
        Evidence("lastfm", 1, 3, 0, None, loved=False, liked=False),
        Evidence("feedback", 1, 0, 0, None, loved=False, liked=True),
        Evidence("tags", 2, 7, 0, None, loved=False, liked=False),
        Evidence("rhythmbox", 2, 0, 0, 0.2, loved=False, liked=False),
        Evidence("tags", 3, 9, 9, None, loved=False, liked=False),
    ]
    found = profile.profile(
        tracks, np.array([3, 1, -1], np.float32), years={1: 1994, 2: 2012, 3: 2001}, evidence=evidence, whole=WHOLE
    )
    assert found is not None
    played, said = np.log(4) / (np.log(4) + 2), 2 / (np.log(4) + 2)
    first = found.moods[0]
    assert (found.tracks, first.name, first.share, first.library, first.tracks) == (2, "calm", 0.75, 0.25, 1)
    assert dict(first.sources) == pytest.approx({"feedback": said, "lastfm": played})
    assert [(b.name, b.share, b.library, b.tracks, list(b.sources)) for b in found.artists] == [
        ("A", 0.75, 0.5, 1, ["feedback", "lastfm"]),
        ("B", 0.25, 0.1, 1, ["tags"]),
    ]
    assert [(b.name, b.share, b.library) for b in found.decades] == [("1990s", 0.75, 0.75), ("2010s", 0.25, 0)]
    assert [(b.name, b.share) for b in found.styles[:2]] == [("jazz", 0.75), ("metal", 0.25)]
    # calm is pleasant and quiet, angry is unpleasant and lively
    assert (found.centre.valence, found.centre.arousal) == pytest.approx((0.75, 0.25))
    rows, columns = len(found.density), len(found.density[0])
    assert (rows, columns) == (profile.MAP_ROWS, profile.MAP_COLUMNS)
    assert (found.density[rows - 1][columns - 1], found.density[0][0]) == (0.75, 0.25)
    assert sum(map(sum, found.density)) == pytest.approx(1)


def test_nothing_is_believed_of_who_likes_nothing() -> None:
    tracks = [track(1, "A", "calm", "jazz")]
    assert profile.profile(tracks, np.array([-2], np.float32), years={}, evidence=[], whole=WHOLE) is None
    assert profile.profile([], np.zeros(0, np.float32), years={}, evidence=[], whole=WHOLE) is None


@pytest.mark.usefixtures("library")
def test_taste_in_json(run: Run, tmp_path: Path) -> None:
    write_lastfm_uts(tmp_path / "a.csv", [replace(SONGS[0], played_at=tuple(range(T, T + 3000, 300)))])
    run("plays", "import", tmp_path / "a.csv")
    run("like", "/m/1.ogg")
    run("dislike", "/m/2.ogg")
    run("skip", "/m/3.ogg")
    result = run("taste", "--json", "-n", "2")
    told = json.loads(result.out)
    assert (result.code, result.err, told["tracks"]) == (0, "", 4)
    assert told["moods"][0]["name"] == "calm"
    assert [(b["name"], b["library"], b["tracks"]) for b in told["artists"]] == [
        ("Artist 0", 0.3333, 2),
        ("Artist 2", 0.3333, 2),
    ]
    assert [set(belief["sources"]) for belief in told["artists"]] == [{"lastfm", "feedback"}, {"tags"}]
    assert [(b["name"], b["library"]) for b in told["decades"]] == [("1990s", 0.6667), ("2010s", 0.3333)]
    assert told["styles"][0]["name"] == "jazz"
    assert sum(map(sum, told["map"]["density"])) == pytest.approx(1, abs=0.01)
    none = {"plays": 0, "skips": 0, "rated": 0, "loved": 0, "liked": 0, "disliked": 0}
    assert told["sources"] == [
        none | {"source": "lastfm", "tracks": 1, "plays": 10},
        none | {"source": "tags", "tracks": 2, "plays": 6},
        none | {"source": "feedback", "tracks": 3, "skips": 1, "liked": 1, "disliked": 1},
    ]


@pytest.mark.usefixtures("library")
def test_taste_in_words(run: Run) -> None:
    run("like", "/m/0.ogg")
    lines = run("taste", "-n", "1").out.splitlines()
    assert lines[0] == "from 3 tracks that you like; beside each share that of your library"
    assert lines[1].split()[:2] == ["moods", "calm"]
    assert lines[3].split()[:3] == ["artists", "Artist", "0"] or lines[3].split()[:3] == ["artists", "Artist", "2"]
    grid = [line for line in lines if line.endswith("|")]
    assert (len(grid), {len(line) for line in grid}) == (profile.MAP_ROWS, {10 + profile.MAP_COLUMNS + 1})
    assert "".join(grid).count("█") >= 1
    assert "".join(grid).count("o") == 1
    assert lines[-2:] == ["sources  tags: 2 tracks, 6 plays", "         feedback: 1 track, 1 liked"]


@pytest.mark.usefixtures("library")
def test_satisfaction_is_that_with_tracks_of_lists(run: Run) -> None:
    run("like", "/m/5.ogg")
    assert json.loads(run("taste", "--json").out)["satisfaction"] is None
    run("mood", "calm", "--max-per-artist", "9")
    run("like", "/m/0.ogg", "/m/1.ogg")
    run("skip", "/m/2.ogg")
    run("dislike", "/m/3.ogg")
    assert run("taste").out.splitlines()[-1] == "of 4 tracks of lists that you judged you liked 2"
    assert json.loads(run("taste", "--json").out)["satisfaction"] == {"judged": 4, "liked": 2}


def test_taste_of_who_likes_nothing(run: Run, tmp_path: Path) -> None:
    Library.open(tmp_path / "library.db", create=True).close()
    result = run("taste")
    assert (result.code, result.out) == (0, "")
    assert result.err == "nothing that you like is known yet: see 'plays detect' and 'like'\n"
    nothing: dict[str, object] = {kind: [] for kind in ("moods", "styles", "artists", "decades", "sources")}
    empty = {"tracks": 0, **nothing, "map": None, "satisfaction": None}
    assert json.loads(run("taste", "--json").out) == empty
    assert run("-q", "taste").err == ""


# Forgetting a source


def counts(run: Run) -> list[int]:
    return [json.loads(run("show", song.path, "--json").out)["plays"] for song in SONGS[:2]]


@pytest.mark.usefixtures("library")
def test_a_source_is_forgotten(run: Run, tmp_path: Path) -> None:
    write_rhythmbox(tmp_path / "a", [replace(SONGS[0], plays=5), replace(SONGS[1], plays=1)])
    write_lastfm_uts(tmp_path / "secret-name.csv", [replace(SONGS[0], played_at=tuple(range(T, T + 2100, 300)))])
    run("plays", "import", tmp_path / "a", tmp_path / "secret-name.csv")
    assert counts(run) == [7, 1]
    result = run("plays", "forget", "lastfm", "--json")
    assert json.loads(result.out) == {"source": "lastfm", "files": 1, "tracks": 1, "plays": 7, "skips": 0}
    assert counts(run) == [5, 1]
    with Library.open(tmp_path / "library.db") as library:
        assert list(library.own_events()) == []
    assert [b"secret-name" in path.read_bytes() for path in tmp_path.glob("library.db*")] == [False]
    last = run("plays", "forget", "rhythmbox")
    assert (last.code, last.out) == (0, "rhythmbox: forgot 6 plays and 0 skips of 2 tracks\n")
    assert counts(run) == [0, 0]


@pytest.mark.usefixtures("library")
def test_one_file_of_several_is_forgotten(run: Run, tmp_path: Path) -> None:
    for name, song in (("a", SONGS[0]), ("b", SONGS[1])):
        write_rhythmbox(tmp_path / name, [replace(song, plays=5)])
        run("plays", "import", tmp_path / name)
    assert run("plays", "forget", "b").out == "rhythmbox: forgot 5 plays and 0 skips of 1 track\n"
    assert counts(run) == [5, 0]


@pytest.mark.usefixtures("library")
def test_what_was_said_is_forgotten(run: Run) -> None:
    run("like", "/m/0.ogg", "/m/1.ogg")
    run("skip", "/m/1.ogg")
    assert run("plays", "forget", "feedback").out == "feedback: forgot what you said of 2 tracks\n"
    assert run("undo").code == 1


@pytest.mark.usefixtures("library")
def test_a_source_that_is_not_known(run: Run, tmp_path: Path) -> None:
    nothing = run("plays", "forget", "lastfm")
    reason = "musictaste: nothing is known from 'lastfm': nothing was imported or said yet\n"
    assert (nothing.code, nothing.out, nothing.err) == (2, "", reason)
    write_rhythmbox(tmp_path / "a", [replace(SONGS[0], plays=5)])
    run("plays", "import", tmp_path / "a")
    run("like", "/m/0.ogg")
    near = run("plays", "forget", "rythmbox")
    reason = "nothing is known from 'rythmbox': did you mean 'rhythmbox'? (sources: feedback, rhythmbox)"
    assert (near.code, near.err) == (2, f"musictaste: {reason}\n")
    assert counts(run) == [5, 0]


# What players' files hold besides plays

DATABASES = [
    write_banshee, write_beets, write_clementine, write_jellyfin, write_kodi, write_lyrion, write_mediamonkey,
    write_mpd, write_navidrome, write_plex, write_strawberry,
]  # fmt: skip
PLANTED = "hunter2-is-the-password"


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("write", DATABASES, ids=lambda write: write.__name__.removeprefix("write_"))
def test_secrets_of_players_never_reach_the_library(
    run: Run, tmp_path: Path, write: Callable[[Path, list[Song]], None]
) -> None:
    path = tmp_path / "player.db"
    write(path, [replace(SONGS[0], plays=5), replace(SONGS[1], plays=1)])
    with sqlite3.connect(path) as player:
        tables = [name for (name,) in player.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            for column in ("password", "token", "authToken", "session_key"):
                names = [row[1].lower() for row in player.execute(f"PRAGMA table_info({table})")]
                if column.lower() not in names:
                    player.execute(f"ALTER TABLE {table} ADD COLUMN {column} TEXT")
                player.execute(f"UPDATE {table} SET {column} = ?", [PLANTED])
        player.execute("CREATE TABLE property (id TEXT, value TEXT)")
        player.execute("INSERT INTO property VALUES ('LastFMSessionKey', ?)", [PLANTED])
    player.close()
    result = run("plays", "import", path, "--unmatched", tmp_path / "lost.tsv")
    assert (result.code, counts(run)) == (0, [5, 1])
    kept = [*tmp_path.glob("library.db*"), tmp_path / "lost.tsv"]
    assert [file.name for file in kept if PLANTED.encode() in file.read_bytes()] == []
    assert PLANTED not in result.out + result.err
