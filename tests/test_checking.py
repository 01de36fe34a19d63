"""Playlist files on the command line: as seeds, for players, and checked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import Run, add_track

from musictaste.store import Library


@pytest.fixture
def songs(tmp_path: Path) -> list[Path]:
    """Four files in a library, of which the third is named only by its tags."""
    folder = tmp_path / "music" / "cat"
    folder.mkdir(parents=True)
    paths = [folder / f"{name}.mp3" for name in ("swing", "sway", "03", "stomp")]
    with Library.open(tmp_path / "library.db", create=True) as library:
        for seed, path in enumerate(paths):
            path.touch()
            title = f"{path.stem.title()} Song" if seed != 2 else "Shuffle Song"
            add_track(
                library,
                str(path),
                mood={"happy": 0.95 - seed / 16},
                style={"jazz": 0.9},
                seed=seed,
                title=title,
                artist="Cat",
            )
    return paths


def test_a_playlist_stands_for_its_tracks(run: Run, songs: list[Path], tmp_path: Path) -> None:
    (tmp_path / "seeds.pls").write_text("[playlist]\nFile1=music/cat/swing.mp3\nFile2=music/cat/sway.mp3\n")
    result = run("similar", "seeds.pls")
    assert (result.code, result.err) == (0, "")
    assert set(result.out.splitlines()) == {str(path) for path in songs[2:]}


def test_seeds_that_are_not_in_the_library_are_counted(run: Run, songs: list[Path], tmp_path: Path) -> None:
    (tmp_path / "seeds.m3u").write_text("music/cat/swing.mp3\nmusic/cat/swing.mp3\nno.mp3\nhttp://x.example/\n")
    result = run("similar", "seeds.m3u", "--max-per-artist", "9")
    assert (result.code, result.err) == (0, "seeds.m3u: 2 of 4 tracks are not in the library\n")
    assert set(result.out.splitlines()) == {str(path) for path in songs[1:]}
    (tmp_path / "none.m3u").write_text("no.mp3\n")
    result = run("show", "none.m3u")
    assert (result.code, result.err) == (2, "musictaste: 'none.m3u': none of its 1 tracks is in the library\n")


WINDOWS = "[playlist]\r\nFile1=D:\\Music\\Cat\\Swing.mp3\r\nFile2=\\\\nas\\all\\Cat\\no.mp3\r\nNumberOfEntries=2\r\n"
NAMED = {
    "playlist": {"title": "x", "track": [{"title": "Swing Song (Live)"}, {"title": "swing song", "creator": "CAT"}]}
}


@pytest.mark.parametrize(
    ("name", "content"), [("w.pls", WINDOWS), ("named.jspf", json.dumps(NAMED))], ids=["paths", "names"]
)
def test_a_playlist_of_another_machine(name: str, content: str, run: Run, songs: list[Path], tmp_path: Path) -> None:
    (tmp_path / name).write_text(content, newline="")
    result = run("similar", name, "--max-per-artist", "9")
    assert (result.code, result.err) == (0, f"{name}: 1 of 2 tracks are not in the library\n")
    assert set(result.out.splitlines()) == {str(path) for path in songs[1:]}


def test_a_list_for_a_player(run: Run, songs: list[Path], tmp_path: Path) -> None:
    result = run("mood", "happy", "--for", "foobar2000", "-o", "x.m3u8", "--order", "score", "-n", "1")
    assert (result.code, result.err) == (0, "4 of 4 tracks are happy\n1 tracks, 3:20, in x.m3u8\n")
    written = "#EXTM3U\n#PLAYLIST:happy\n#EXTINF:200,Cat - Swing Song\nmusic\\cat\\swing.mp3\n"
    assert (tmp_path / "x.m3u8").read_text(encoding="utf-8") == written
    result = run("mood", "happy", "--for", "mpd", "-o", "x.m3u8", "-n", "1")
    found = "mpd finds .m3u8 among its music alone: in its folder for playlists it takes .m3u\n"
    assert (result.code, result.err) == (0, f"4 of 4 tracks are happy\n1 tracks, 3:20, in x.m3u8\n{found}")
    result = run("mood", "happy", "--for", "mpd", "-o", "x.m3u", "-n", "1")
    assert (result.code, result.err) == (0, "4 of 4 tracks are happy\n1 tracks, 3:20, in x.m3u\n")
    result = run("mood", "happy", "--for", "plex", "-o", "x.xspf")
    message = "musictaste: 'x.xspf': plex does not read this kind of playlist: use .m3u8 or .m3u\n"
    assert (result.code, result.err) == (2, message)


def test_a_whole_playlist_is_checked(run: Run, songs: list[Path], tmp_path: Path) -> None:
    assert run("mood", "happy", "-o", "x.xspf", "--max-per-artist", "9").code == 0
    result = run("playlist", "check", "x.xspf")
    assert (result.code, result.out, result.err) == (0, "", "4 of 4 tracks of x.xspf open\n")


def test_what_is_missing_is_named_with_the_nearest(run: Run, songs: list[Path], tmp_path: Path) -> None:
    (tmp_path / "x.m3u").write_text(
        "music/cat/swing.mp3\n/old/cat/sway.mp3\n#EXTINF:1,Cat - Shuffle Song\nold.mp3\nDog - Rain.mp3\n"
        "http://x.example/live\n"
    )
    result = run("playlist", "check", "x.m3u")
    gone = "No such file or directory"
    assert (result.code, result.err) == (1, "1 of 5 tracks of x.m3u open\n")
    assert result.out.splitlines() == [
        f"2: /old/cat/sway.mp3: {gone}; nearest in the library: {songs[1]}",
        f"3: {tmp_path}/old.mp3: {gone}; nearest in the library: {songs[2]}",
        f"4: {tmp_path}/Dog - Rain.mp3: {gone}",
        "not checked, not a file: http://x.example/live",
    ]
    result = run("playlist", "check", "x.m3u", "--json")
    assert (result.code, result.err) == (1, "")
    assert json.loads(result.out) == {
        "file": "x.m3u",
        "tracks": 5,
        "missing": [
            {"number": 2, "path": "/old/cat/sway.mp3", "reason": gone, "nearest": str(songs[1])},
            {"number": 3, "path": f"{tmp_path}/old.mp3", "reason": gone, "nearest": str(songs[2])},
            {"number": 4, "path": f"{tmp_path}/Dog - Rain.mp3", "reason": gone, "nearest": None},
        ],
        "not_checked": ["http://x.example/live"],
    }


def test_checking_needs_no_library(run: Run, tmp_path: Path) -> None:
    (tmp_path / "x.m3u").write_text("no.mp3\n")
    result = run("playlist", "check", "x.m3u")
    assert (result.code, result.out) == (1, f"1: {tmp_path}/no.mp3: No such file or directory\n")
    assert sorted(path.name for path in tmp_path.iterdir() if path.suffix == ".db") == []
    assert (
        run("playlist", "check", "none.m3u").err
        == "musictaste: 'none.m3u': cannot be read: No such file or directory\n"
    )
