from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import Run
from make_audio import chord, write_audio
from mutagen.flac import FLAC

from musictaste import scan

ZERO = dict.fromkeys(("added", "changed", "moved", "unchanged", "removed", "failed"), 0)


def counts(run: Run, *words: str | Path) -> dict[str, int]:
    result = run("scan", *words, "--json")
    assert result.code == 0, result.err
    document = json.loads(result.out)
    return {kind: document[kind] for kind in ZERO}


def rows(tmp_path: Path, sql: str) -> list[tuple[object, ...]]:
    with sqlite3.connect(tmp_path / "library.db") as connection:
        return connection.execute(sql).fetchall()


def test_a_life_of_a_library(run: Run, music: Path, tmp_path: Path) -> None:
    assert counts(run, music) == ZERO | {"added": 4}
    scores = rows(
        tmp_path,
        "SELECT audio_hash, happy, jazz FROM track JOIN mood ON mood.track_id = id JOIN style USING (track_id)",
    )
    assert counts(run) == ZERO | {"unchanged": 4}

    (music / "a.wav").rename(music / "more" / "renamed.wav")
    tags = FLAC(music / "more" / "C.FLAC")
    tags["title"] = "New title"
    tags.save()
    (music / "b.mp3").rename(tmp_path / "b.mp3")
    (music / "broken.mp3").write_text("no music at all")
    assert counts(run) == ZERO | {"unchanged": 1, "moved": 1, "changed": 1, "removed": 1, "failed": 1}
    assert rows(tmp_path, "SELECT title FROM file WHERE path LIKE '%C.FLAC'") == [("New title",)]

    (tmp_path / "b.mp3").rename(music / "b.mp3")
    assert counts(run) == ZERO | {"unchanged": 4, "added": 1}
    assert counts(run, "--retry-failed") == ZERO | {"unchanged": 4, "failed": 1}
    assert (
        rows(
            tmp_path,
            "SELECT audio_hash, happy, jazz FROM track JOIN mood ON mood.track_id = id JOIN style USING (track_id)",
        )
        == scores
    )


def test_scanning_in_two_steps_gives_what_one_gives(run: Run, music: Path, tmp_path: Path) -> None:
    sql = "SELECT path, audio_hash, happy, sad, jazz, bpm, key FROM library JOIN file USING (path) JOIN track ON track.id = track_id ORDER BY path"
    sql = sql.replace("bpm, key", "track.bpm, track.key")
    counts(run, music)
    once = rows(tmp_path, sql)
    (tmp_path / "library.db").unlink()
    shutil.move(music / "more", tmp_path / "more")
    counts(run, music)
    shutil.move(tmp_path / "more", music / "more")
    counts(run, music)
    assert len(once) == 4
    assert rows(tmp_path, sql) == once


def test_names_that_are_awkward(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "music"
    (folder / "x.mp3").mkdir(parents=True)
    (folder / ".hidden").mkdir()
    wav = write_audio(folder / "x.mp3" / "LOUD.WAV", chord(1.2)).read_bytes()
    for name in (b"\xff.wav", "é:雨.wav".encode(), b"._mac.wav", b".hidden/y.wav"):
        Path(os.fsdecode(os.path.join(os.fsencode(folder), name))).write_bytes(wav)
    (folder / "loop").symlink_to(folder)
    (folder / "broken.wav").symlink_to(folder / "nothing")
    os.mkfifo(folder / "pipe.wav")
    found = [item.path for item in scan.walk(str(folder)) if isinstance(item, scan.Found)]
    assert sorted(os.fsencode(os.path.relpath(p, folder)) for p in found) == [
        b"x.mp3/LOUD.WAV",
        "é:雨.wav".encode(),
        b"\xff.wav",
    ]
    assert counts(run, folder) == ZERO | {"added": 3}
    # Three copies of one recording are one track.
    assert [
        json.loads(line)["path"].startswith(str(folder)) for line in run("show", "--all", "--json").out.splitlines()
    ] == [True]


def test_failures_have_reasons(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "music"
    folder.mkdir()
    (folder / "empty.mp3").touch()
    write_audio(folder / "short.wav", chord(0.5))
    write_audio(folder / "silent.wav", chord(2) * 0)
    assert counts(run, folder) == ZERO | {"failed": 3}
    assert json.loads(run("failures", "--json").out) == [
        {"path": str(folder / "empty.mp3"), "reason": "the file is empty"},
        {"path": str(folder / "short.wav"), "reason": "shorter than one second (0.50 s)"},
        {"path": str(folder / "silent.wav"), "reason": "nothing but silence"},
    ]


def test_folders_that_cannot_be_scanned(run: Run, tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    (tmp_path / "file").touch()
    for words, message in (
        (["nowhere"], "musictaste: 'nowhere': there is no such folder\n"),
        (["file"], "musictaste: 'file': is a file: name the folder that it is in\n"),
        (["nothing"], f"musictaste: '{tmp_path / 'nothing'}': no audio files found in it\n"),
        ([], "musictaste: no folder has been scanned yet: run 'musictaste scan FOLDER'\n"),
    ):
        result = run("scan", *words)
        assert (result.code, result.out, result.err) == (1, "", message)


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_killed_in_the_middle_it_goes_on(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "music"
    folder.mkdir()
    for i in range(40):
        write_audio(folder / f"{i:02}.wav", chord(20, (220.0 + i, 330.0)))
    process = subprocess.Popen(
        [sys.executable, "-m", "musictaste", "scan", str(folder)], stderr=subprocess.DEVNULL, start_new_session=True
    )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.1)
        if (tmp_path / "library.db").exists() and (tmp_path / "library.db-wal").exists():
            try:
                kept = rows(tmp_path, "SELECT count(*) FROM file")[0][0]
            except sqlite3.OperationalError:
                continue
            if kept:
                break
    process.send_signal(signal.SIGKILL)
    process.wait()
    (kept,) = rows(tmp_path, "SELECT count(*) FROM file")[0]
    assert isinstance(kept, int)
    assert kept > 0
    assert counts(run, folder) == ZERO | {"unchanged": kept, "added": 40 - kept}


def test_the_current_folder_is_not_imported_from(run: Run, tmp_path: Path) -> None:
    """Regression: standing in a checkout, workers took its source tree for the installed package."""
    (tmp_path / "music").mkdir()
    write_audio(tmp_path / "music" / "a.wav", chord(1.2))
    for name in ("musictaste", "librosa"):
        (tmp_path / "here" / name).mkdir(parents=True)
        (tmp_path / "here" / name / "__init__.py").touch()
    command = [str(Path(sys.executable).with_name("musictaste")), "scan", str(tmp_path / "music"), "--json"]
    done = subprocess.run(command, capture_output=True, cwd=tmp_path / "here", check=False)
    assert done.stderr.decode() == ""
    assert json.loads(done.stdout)["added"] == 1
