from __future__ import annotations

import gc
import json
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import Run, add_track
from players import Song, write_lastfm_uts, write_navidrome, write_quodlibet, write_rhythmbox

from musictaste.plays.places import candidates
from musictaste.store import Library

T = 1_600_000_001
SONGS = [Song(f"/music/A/{i}.ogg", f"Artist {i}", f"Title {i}", "Album", 200.0 + i) for i in range(4)]


@pytest.fixture
def library(tmp_path: Path) -> Path:
    path = tmp_path / "library.db"
    with Library.open(path, create=True) as library:
        for i, song in enumerate(SONGS):
            add_track(
                library, song.path, mood={"calm": 0.9}, style={"jazz": 0.9}, seed=i, artist=song.artist,
                title=song.title, album=song.album,
            )  # fmt: skip
    return path


@pytest.mark.usefixtures("library")
def test_a_file_is_imported(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "songs"
    stranger = replace(SONGS[0], path="/x/y/z.ogg", artist="Artist 0", title="Title of 0", plays=1)
    write_quodlibet(path, [replace(SONGS[0], plays=5, skips=2), replace(SONGS[1], plays=1), stranger])
    result = run("plays", "import", path, "--json", "--unmatched", tmp_path / "lost.tsv")
    document = {"source": "quodlibet", "matched": 2, "unmatched": 1, "plays": 6, "skips": 2}
    assert (result.code, json.loads(result.out), result.err) == (0, document, "")
    assert (tmp_path / "lost.tsv").read_text(encoding="utf-8") == (
        "source\tartist\ttitle\talbum\tpath\tuser\tplays\tskips\treason\tcandidates\n"
        "quodlibet\tArtist 0\tTitle of 0\tAlbum\t/x/y/z.ogg\t\t1\t0\tno track\t/music/A/0.ogg\n"
    )
    assert sorted(file.name for file in tmp_path.iterdir() if file.name.startswith(".")) == []
    again = run("plays", "import", path)
    line = f"{path}: quodlibet, 6 plays and 2 skips of 2 recordings found their track, 1 did not\n"
    assert (again.code, again.out, again.err) == (0, line, "--unmatched FILE lists what found no track\n")
    shown = json.loads(run("show", "/music/A/0.ogg", "--json").out)
    assert (shown["plays"], shown["skips"]) == (5, 2)


@pytest.mark.usefixtures("library")
def test_lists_follow_what_was_imported(run: Run, tmp_path: Path) -> None:
    def listed() -> list[tuple[str, float]]:
        rows = json.loads(run("mood", "calm", "--order", "score", "--json").out)
        return [(row["path"], row["taste"]) for row in rows]

    assert {taste for _, taste in listed()} == {None}
    write_lastfm_uts(tmp_path / "a.csv", [replace(SONGS[3], played_at=tuple(range(T, T + 9000, 300)))])
    run("plays", "import", tmp_path / "a.csv")
    assert listed()[0] == (SONGS[3].path, 1.0)


@pytest.mark.usefixtures("library")
def test_cycles_are_collected_again_after_an_import(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setattr("musictaste.history.read_history", lambda *_: seen.append(gc.isenabled()) or 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run("plays", "import", tmp_path / "a")
    assert (seen, gc.isenabled()) == ([False], True)


@pytest.mark.usefixtures("library")
def test_several_files_give_a_list(run: Run, tmp_path: Path) -> None:
    write_rhythmbox(tmp_path / "a", [replace(SONGS[0], plays=5)])
    (tmp_path / "b").write_text("artist,track,album,time\nArtist 0,Title 0,,1600000000\nArtist 0,Title 0,,never\n")
    result = run("plays", "import", tmp_path / "a", tmp_path / "b", "--json")
    documents = [
        {"source": "rhythmbox", "matched": 1, "unmatched": 0, "plays": 5, "skips": 0},
        {"source": "lastfm", "matched": 1, "unmatched": 0, "plays": 1, "skips": 0},
    ]
    assert (result.code, json.loads(result.out)) == (0, documents)
    assert result.err == f"{tmp_path / 'b'}: rows that make no sense, passed over: 1\n"


@pytest.mark.usefixtures("library")
def test_ambiguous_plays_are_reported(run: Run, library: Path, tmp_path: Path) -> None:
    with Library.open(library) as opened:
        add_track(
            opened, "/x/y.ogg", mood={"sad": 0.9}, style={"jazz": 0.9}, seed=9, artist="Artist 0", title="Title 0"
        )
    write_lastfm_uts(tmp_path / "a.csv", [replace(SONGS[0], album="", played_at=(T,))])
    result = run("plays", "import", tmp_path / "a.csv", "--unmatched", tmp_path / "lost.tsv")
    assert result.err == f"{tmp_path / 'a.csv'}: recordings that could be any of several tracks, given to none: 1\n"
    lost = (tmp_path / "lost.tsv").read_text(encoding="utf-8").splitlines()[1:]
    assert lost == ["lastfm\tArtist 0\tTitle 0\t\t\t\t1\t0\tseveral tracks\t/music/A/0.ogg | /x/y.ogg"]


@pytest.mark.usefixtures("library")
def test_users_of_a_server(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "navidrome.db"
    write_navidrome(path, [replace(SONGS[0], user="anna", plays=5), replace(SONGS[1], user="bob", plays=7)])
    result = run("plays", "import", path)
    reason = "has the plays of several users: say --user with one of anna, bob"
    assert (result.code, result.out, result.err) == (2, "", f"musictaste: '{path}': {reason}\n")
    one = json.loads(run("plays", "import", path, "--user", "bob", "--json").out)
    assert one == {"source": "navidrome", "matched": 1, "unmatched": 0, "plays": 7, "skips": 0}
    both = json.loads(run("plays", "import", path, "--user", "bob", "--all-users", "--json").out)
    assert both == {"source": "navidrome", "matched": 2, "unmatched": 0, "plays": 12, "skips": 0}
    assert json.loads(run("show", SONGS[0].path, "--json").out)["plays"] == 0


@pytest.mark.usefixtures("library")
def test_a_bad_file_is_one_line_and_nothing_is_imported(run: Run, tmp_path: Path) -> None:
    write_rhythmbox(tmp_path / "a", [replace(SONGS[0], plays=5)])
    (tmp_path / "b").write_text("hello")
    result = run("plays", "import", tmp_path / "a", tmp_path / "b")
    reason = f"musictaste: '{tmp_path / 'b'}': is no player's file that is known\n"
    assert (result.code, result.out, result.err) == (1, "", reason)
    assert json.loads(run("show", SONGS[0].path, "--json").out)["plays"] == 0


@pytest.mark.usefixtures("library")
def test_a_list_of_what_found_nothing_that_cannot_be_written(run: Run, tmp_path: Path) -> None:
    write_rhythmbox(tmp_path / "a", [replace(SONGS[0], plays=5)])
    target = tmp_path / "no" / "lost.tsv"
    result = run("plays", "import", tmp_path / "a", "--unmatched", target)
    reason = f"musictaste: '{target}': cannot be written: No such file or directory\n"
    assert (result.code, result.out, result.err) == (1, "", reason)


def test_importing_without_a_library(run: Run, tmp_path: Path) -> None:
    write_rhythmbox(tmp_path / "a", SONGS)
    result = run("plays", "import", tmp_path / "a")
    reason = f"'{tmp_path / 'library.db'}': there is no library yet: run 'musictaste scan FOLDER' first"
    assert (result.code, result.err) == (1, f"musictaste: {reason}\n")


without_servers = pytest.mark.skipif(
    any(candidates({"HOME": "/nowhere"})), reason="this machine has servers' files, which would be found too"
)


@without_servers
def test_nothing_is_detected(run: Run) -> None:
    result = run("plays", "detect")
    assert (result.code, result.out, result.err) == (0, "", "no player's file was found\n")
    assert json.loads(run("plays", "detect", "--json").out) == []


@without_servers
@pytest.mark.usefixtures("library")
def test_players_files_are_detected_and_imported(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / ".config"))
    songs, other = home / ".config/quodlibet/songs", home / ".config/beets/other.db"
    for path in (songs, other):
        path.parent.mkdir(parents=True)
    write_quodlibet(songs, [replace(SONGS[0], plays=5)])
    other.write_text("no library of beets")
    found = run("plays", "detect")
    assert (found.code, found.out, found.err) == (0, f"quodlibet: {songs}\n", "")
    document = [{"source": "quodlibet", "path": str(songs)}]
    assert json.loads(run("plays", "detect", "--json").out) == document
    assert json.loads(run("show", SONGS[0].path, "--json").out)["plays"] == 0
    imported = json.loads(run("plays", "detect", "--import", "--json").out)
    assert imported == [{"source": "quodlibet", "matched": 1, "unmatched": 0, "plays": 5, "skips": 0}]
    assert json.loads(run("show", SONGS[0].path, "--json").out)["plays"] == 5
    broken = home / ".config/Clementine/clementine.db"
    broken.parent.mkdir()
    broken.write_bytes(b"SQLite format 3\0" + b"\0" * 84)
    result = run("plays", "detect", "--import")
    assert (result.code, result.err) == (1, f"musictaste: '{broken}': is damaged: file is not a database\n")
    assert result.out.startswith(f"{songs}: quodlibet, 5 plays")


@pytest.mark.usefixtures("library")
def test_what_was_played_together_is_similar(run: Run, tmp_path: Path) -> None:
    def nearest() -> tuple[str, str]:
        rows = json.loads(run("similar", SONGS[0].path, "--order", "score", "--json").out)
        return rows[0]["path"], rows[0]["reasons"][0].rsplit(" ", 1)[0]

    assert nearest()[1] == "sounds and feels close to what you named"
    farthest = json.loads(run("similar", SONGS[0].path, "--order", "score", "--json").out)[-1]["path"]
    (other,) = (song for song in SONGS if song.path == farthest)
    days = range(T, T + 40 * 86_400, 86_400)
    played = [(SONGS[0], 0), (other, 240)]
    write_lastfm_uts(
        tmp_path / "a.csv", [replace(song, played_at=tuple(day + after for day in days)) for song, after in played]
    )
    run("plays", "import", tmp_path / "a.csv")
    assert nearest() == (farthest, "is played together with what you named")
