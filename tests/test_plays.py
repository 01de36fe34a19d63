from __future__ import annotations

import io
import json
import os
import pickle
import sqlite3
import time
import zipfile
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import mutagen
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from make_audio import chord, write_audio
from players import (
    FORMATS,
    Song,
    expected,
    write_beets,
    write_itunes,
    write_jellyfin,
    write_listenbrainz,
    write_navidrome,
    write_quodlibet,
    write_rhythmbox,
)

from musictaste.errors import PlaysFileError
from musictaste.plays import bounded, fields, read_plays
from musictaste.plays.places import candidates
from musictaste.track import History, PlayRecord

WHOLE_MINUTE = 1_700_000_040
SONGS = [
    Song(
        "/music/Björk/Début & more/01 Señor “Ω”.flac", "Björk, Someone", "Señor “Ω” & Söhne", "Début & more", 182.0,
        recording_id="d5e4fb56-e457-4684-aa31-63ce70ee5a8c", plays=12, skips=3, rating=0.8, loved=True,
        last_played=WHOLE_MINUTE, played_at=(1_699_999_980, WHOLE_MINUTE), skipped_at=(1_600_000_000,),
    ),
    Song(
        "/music/周杰倫/范特西/02 愛在西元前.mp3", "周杰倫", "愛在西元前", "范特西", 234.0, plays=1,
        last_played=1_600_000_020, played_at=(1_600_000_020,),
    ),
]  # fmt: skip


def refusal(path: Path) -> str:
    with pytest.raises(PlaysFileError) as caught:
        read_plays(path)
    return str(caught.value)


def without_empty(records: tuple[PlayRecord, ...]) -> list[PlayRecord]:
    """With None for a count of 0: some formats do not write it."""
    return [replace(r, plays=r.plays or None, skips=r.skips or None) for r in records]


# Each format


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_is_recognised_and_read_whole(name: str, tmp_path: Path) -> None:
    source, write, holds = FORMATS[name]
    path = tmp_path / "without a telling name"
    write(path, SONGS)
    before = path.read_bytes()
    history = read_plays(path)
    wanted = [expected(song, *holds) for song in SONGS]
    if name == "lastfm loved":
        wanted = wanted[:1]
    if name == "listenbrainz":
        wanted.append(PlayRecord(recording_id=SONGS[0].recording_id, loved=True))
    assert (history.source, history.malformed) == (source, 0)
    assert without_empty(history.records) == without_empty(tuple(wanted))
    assert (path.read_bytes(), list(tmp_path.iterdir())) == (before, [path])


def test_tags_of_an_audio_file(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    write_audio(path, chord(1))
    tags = mutagen.File(path)
    tags.update({"title": "T", "artist": "A", "FMPS_PLAYCOUNT": "7.0", "FMPS_RATING": "0.6"})
    tags.save()
    record = PlayRecord((str(path),), "A", "T", plays=7, rating=0.6)
    assert read_plays(path) == History("tags", (record,))


def test_a_track_without_counts(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    write_audio(path, chord(1))
    tags = mutagen.File(path)
    tags.update({"title": "T"})
    tags.save()
    assert refusal(path) == f"'{path}': is a track whose tags say nothing of plays"


def test_users_of_a_server_are_kept_apart(tmp_path: Path) -> None:
    path = tmp_path / "navidrome.db"
    write_navidrome(path, [SONGS[0], replace(SONGS[0], user="bob", plays=2, played_at=(), rating=None)])
    assert [(r.user, r.plays, r.played_at) for r in read_plays(path).records] == [
        ("anna", 12, SONGS[0].played_at),
        ("bob", 2, ()),
    ]


def test_the_older_row_of_an_item_adds_nothing(tmp_path: Path) -> None:
    path = tmp_path / "jellyfin.db"
    write_jellyfin(path, SONGS)
    assert [r.plays for r in read_plays(path).records] == [12, 1]


def test_a_log_in_local_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Shanghai")
    time.tzset()
    path = tmp_path / "log"
    row = "A\tB\tC\t1\t200\tL\t1700000000\t"
    path.write_text(f"#AUDIOSCROBBLER/1.1\n#TZ/UNKNOWN\n{row}\n")
    try:
        assert read_plays(path).records[0].played_at == (1_700_000_000 - 8 * 3600,)
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_table_in_utf16(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("artist,track,album,time\nBjörk,Jóga,Homogenic,1600000000\n", encoding="utf-16")
    assert read_plays(path) == History(
        "lastfm", (PlayRecord((), "Björk", "Jóga", "Homogenic", played_at=(1_600_000_000,)),)
    )


def test_a_date_and_a_time_in_columns_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("date,time,artist,title\n2020-09-13,12:26:40,A,B\n")
    assert read_plays(path).records == (PlayRecord((), "A", "B", played_at=(1_600_000_000,)),)


# Rows that make no sense


def test_a_bad_row_is_passed_over_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "rhythmdb.xml"
    bad = ("-1", "99999999999", "NaN", "1e400", "x")
    rows = [f"<entry type='song'><title>{i}</title><play-count>{n}</play-count></entry>" for i, n in enumerate(bad)]
    good = "<entry type='song'><title>good</title><play-count>2</play-count></entry>"
    path.write_text(f"<rhythmdb>{''.join(rows)}{good}</rhythmdb>")
    assert read_plays(path) == History("rhythmbox", (PlayRecord(title="good", plays=2),), malformed=5)


@pytest.mark.parametrize(
    "row",
    [
        "A,B,C,99999999999", "A,B,C,-5", "A,B,C,nan", "A,B,C,soon", "A,,C,1600000000", ",B,C,1600000000", "A,B",
        "A,\udcff,C,1600000000", f"A,{'x' * 5000},C,1600000000", "A,B,C,0", f"A,B,C,{'9' * 5000}", "A,B,C,9999-01-01",
    ],
)  # fmt: skip
def test_bad_rows_of_a_table(row: str, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    text = f"artist,track,album,time\n{row}\nA,B,C,1600000000\n"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    good = PlayRecord((), "A", "B", "C", played_at=(1_600_000_000,))
    assert read_plays(path) == History("lastfm", (good,), malformed=1)


def test_rows_that_name_the_same_are_counted_each(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    rows = [
        "A,B,C,soon",
        "A,,C,1600000000",
        "A,D,C,1600000005",
        "A,,C,1600000060",
        "A,B,C,1600000120",
        "A,B,C,1600000030",
    ]
    path.write_text("\n".join(["artist,track,album,time", *rows]))
    first = PlayRecord((), "A", "D", "C", played_at=(1_600_000_005,))
    second = PlayRecord((), "A", "B", "C", played_at=(1_600_000_030, 1_600_000_120))
    assert read_plays(path) == History("lastfm", (first, second), malformed=3)


def test_plays_in_the_future_are_none(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    now = int(time.time())
    path.write_text(f"artist,track,album,time\nA,B,C,{now + 3600}\nA,B,C,{now + 90_000}\n")
    history = read_plays(path)
    assert ([r.played_at for r in history.records], history.malformed) == ([(now + 3600,)], 1)


@pytest.mark.parametrize(
    "line",
    [
        "1", "null", "{}", '{"listened_at": 1, "track_metadata": []}', "{", "[" * 100_000,
        '{"listened_at": NaN, "track_metadata": {"artist_name": "A", "track_name": "B"}}',
        '{"listened_at": 1600000000, "track_metadata": {"artist_name": ["A"], "track_name": "B"}}',
        '{"listened_at": 1600000000, "track_metadata": {"artist_name": "A", "track_name": "\\ud800"}}',
    ],
)  # fmt: skip
def test_bad_lines_of_an_export(line: str, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    good = '{"listened_at": 1600000000, "track_metadata": {"artist_name": "A", "track_name": "B"}}'
    path.write_text(f"{good}\n{line}\n{good}\n")
    assert read_plays(path) == History(
        "listenbrainz", (PlayRecord((), "A", "B", played_at=(1_600_000_000,)),), malformed=1
    )


def test_bad_rows_of_maloja(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    good = {"time": 1_600_000_000, "track": {"artists": ["A", "C"], "title": "B"}}
    bad = [1, {}, {"time": 1, "track": {"title": "B"}}, {"time": 1, "track": {"artists": [], "title": "B"}}]
    bad += [{"track": good["track"]}, {"time": "x", "track": good["track"]}]
    path.write_text(json.dumps({"maloja": {}, "scrobbles": [good, *bad]}))
    assert read_plays(path) == History(
        "maloja", (PlayRecord((), "A & C", "B", played_at=(1_600_000_000,)),), malformed=len(bad)
    )


@pytest.mark.parametrize(
    "row", ["{}", "1", '{"timeMs": null, "artist": "A", "track": "B"}', '{"timeMs": 1, "track": "B"}']
)
def test_bad_lines_of_pano_scrobbler(row: str, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    good = '{"timeMs": 1600000000933, "artist": "A", "track": "B"}'
    path.write_text(f"{good}\n{row}\n")
    assert read_plays(path) == History(
        "panoscrobbler", (PlayRecord((), "A", "B", played_at=(1_600_000_000,)),), malformed=1
    )


# Files that are none, or meant to harm


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is no player's file that is known"),
        (b"hello\n", "is no player's file that is known"),
        (b"Never,Gonna,Give,You\n", "is no player's file that is known"),
        (b'{"type": "album", "name": "x"}', "is no player's file that is known"),
        (b"<html><body/></html>", "is no player's file that is known"),
        (b"<rhythmdb><entry type='song'><title>x", "is damaged XML: no element found: line 1, column 37"),
        (b"<rhythmdb>\xff</rhythmdb>", "is damaged XML: not well-formed (invalid token): line 1, column 10"),
        (b"<rhythmdb>" + b"<a>" * 40, "is XML of more levels than any player writes"),
        (
            b"[" * 100_000,
            "is damaged: maximum recursion depth exceeded while decoding a JSON array from a unicode string",
        ),
        (b'[{"ts": ', "is damaged: Expecting value: line 1 column 9 (char 8)"),
        (b"SQLite format 3\0" + b"\0" * 84, "is damaged: file is not a database"),
        (b"PK\x03\x04", "is damaged: File is not a zip file"),
    ],
)
def test_files_that_are_none(content: bytes, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    assert refusal(path) == f"'{path}': {reason}"


def test_folders_and_what_is_not_there(tmp_path: Path) -> None:
    assert refusal(tmp_path) == f"'{tmp_path}': is not a file"
    assert refusal(tmp_path / "no") == f"'{tmp_path / 'no'}': does not exist"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch(mode=0)
    assert refusal(path) == f"'{path}': cannot be read: Permission denied"


LAUGHS = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 10))


@pytest.mark.parametrize("root", ["rhythmdb", "plist", "PlaybackStatistics"])
@pytest.mark.parametrize(
    "declared", [f'<!ENTITY l0 "lol">{LAUGHS}', '<!ENTITY l9 SYSTEM "file:///etc/passwd">', '<!ENTITY % l9 "x">']
)
def test_entities_are_refused(root: str, declared: str, tmp_path: Path) -> None:
    path = tmp_path / "bomb.xml"
    path.write_text(f'<?xml version="1.0"?><!DOCTYPE {root} [{declared}]><{root}><a>&l9;</a></{root}>')
    assert refusal(path) == f"'{path}': is XML that declares entities, which no player writes"


def test_a_zip_that_unpacks_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded, "MOST_BYTES", 2**20)
    path = tmp_path / "bomb.zip"
    line = '{"listened_at": 1600000000, "track_metadata": {"artist_name": "A", "track_name": "B"}}\n'
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for i in range(4):
            archive.writestr(f"listens/{i}.jsonl", line * 4000)
    assert refusal(path) == f"'{path}': unpacks to more than 1 MiB"


def test_a_zip_of_countless_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded, "MOST_MEMBERS", 3)
    path = tmp_path / "a.zip"
    write_listenbrainz(path, SONGS)
    assert refusal(path) == f"'{path}': is an archive of more than 3 files"


def test_a_zip_without_plays(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.json", "{}")
        archive.writestr("b.jsonl", "\n\n")
    assert refusal(path) == f"'{path}': is an archive without plays in it"


def test_a_zip_with_a_damaged_member(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    write_listenbrainz(path, SONGS)
    content = bytearray(path.read_bytes())
    at = content.index(b"listens/2023/11.jsonl") + 40
    content[at : at + 20] = b"x" * 20
    path.write_bytes(content)
    assert refusal(path).startswith(f"'{path}': is damaged: ")


def test_larger_documents_than_memory_should_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded, "WHOLE_BYTES", 2**20)
    path = tmp_path / "a.json"
    path.write_text(json.dumps([{"ts": "2020-01-01T00:00:00Z", "ms_played": 1}] * 40_000, indent=1))
    assert refusal(path) == f"'{path}': is a JSON document of more than 1 MiB"


def test_a_line_without_end_is_a_few_bad_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded, "LONGEST_LINE", 1000)
    path = tmp_path / "a.jsonl"
    good = '{"listened_at": 1600000000, "track_metadata": {"artist_name": "A", "track_name": "B"}}'
    path.write_text(f"{good}\n{'x' * 2500}\n{good}\n")
    history = read_plays(path)
    assert (len(history.records), history.malformed) == (1, 3)


class _Command:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch pwned",)


class _Evaluation:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return eval, ("open('pwned', 'w')",)


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("evil", [_Command(), _Evaluation(), io.BytesIO, os.system])
def test_pickles_with_code_are_refused(
    evil: object, protocol: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "songs"
    path.write_bytes(pickle.dumps([{"~filename": "/a", "~#playcount": 1, "x": evil}], protocol))
    assert refusal(path).startswith(f"'{path}': is no list of songs, or a damaged one: it names '")
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "pickled",
    [
        b"\x80\x02cquodlibet.formats\nos.system\n.",
        b"\x80\x02c_codecs\nencode\nX\x01\x00\x00\x00aX\x06\x00\x00\x00rot_13\x86R.",
        b"\x80\x02X\xff\xff\xff\x7fa.",
        b"\x80\x02\x85R.",
        b"\x80\xff.",
        b"\x80",
    ],
)
def test_damaged_pickles(pickled: bytes, tmp_path: Path) -> None:
    path = tmp_path / "songs"
    path.write_bytes(pickled)
    assert refusal(path).startswith(f"'{path}': is no list of songs, or a damaged one: ")


def test_an_error_that_quotes_the_file_stays_one_line(tmp_path: Path) -> None:
    path = tmp_path / "songs"
    path.write_bytes(b"\x80\x04\x8c\x05a\nb\xed\xa0\x80"[:8] + b"\x8c\x04os\n\x1b\x8c\x06system\x93.")
    assert refusal(path).isprintable()


def test_a_far_entry_of_a_pickles_memo_takes_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "songs"
    path.write_bytes(b"\x80\x02]r\xff\xff\xff\xff.")
    assert read_plays(path) == History("quodlibet", ())


def test_a_pickle_of_something_else(tmp_path: Path) -> None:
    path = tmp_path / "songs"
    path.write_bytes(pickle.dumps({"a": 1}, 2))
    assert refusal(path) == f"'{path}': is a pickle, but no list of songs"


def test_what_a_pickle_sets_on_a_song_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "songs"
    write_quodlibet(path, SONGS[:1])
    plain = read_plays(path)
    state = pickle.dumps({"get": None}, 2)[2:-1] + b"b"
    content = path.read_bytes()
    at = content.rindex(b"ua.") + 1
    path.write_bytes(content[:at] + state + content[at:])
    assert read_plays(path) == plain


# Databases that are open elsewhere


def test_a_live_database_is_copied_with_its_journal(tmp_path: Path) -> None:
    path = tmp_path / "library.db"
    write_beets(path, SONGS)
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("UPDATE item_attributes SET value = '77' WHERE entity_id = 2 AND key = 'play_count'")
        db.commit()
        before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
        assert set(before) == {"library.db", "library.db-wal", "library.db-shm"}
        assert [r.plays for r in read_plays(path).records] == [12, 77]
        assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_an_unfinished_transaction_is_taken_back_in_the_copy(tmp_path: Path) -> None:
    path = tmp_path / "library.db"
    write_beets(path, SONGS)
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA cache_size = 1")
        db.execute("UPDATE item_attributes SET value = '77' WHERE key = 'play_count'")
        db.execute("CREATE TABLE filler AS SELECT randomblob(100000) AS x")  # spills the cache into the file
        kept = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
        (tmp_path / "crashed").mkdir()
        for name, content in kept.items():
            (tmp_path / "crashed" / name).write_bytes(content)
        db.rollback()
    assert sorted(kept) == ["library.db", "library.db-journal"]
    assert [r.plays for r in read_plays(tmp_path / "crashed" / "library.db").records] == [12, 1]


def test_a_database_that_is_being_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "library.db"
    write_beets(path, SONGS)
    (tmp_path / "library.db-wal").write_bytes(b"x" * 100)
    states = iter(range(100))
    monkeypatch.setattr(bounded, "_stamps", lambda _: next(states))
    assert refusal(path) == f"'{path}': is being written to: close its player first"


def test_views_of_a_database_are_not_run(tmp_path: Path) -> None:
    path = tmp_path / "evil.db"
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i AS uri FROM n"
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"CREATE VIEW tracks_persistent AS SELECT uri AS url, 1 AS playCount FROM ({endless})")
        db.commit()
    assert refusal(path) == f"'{path}': is a database, but of no player that is known"


def test_more_rows_than_any_player_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded, "MOST_ROWS", 3)
    path = tmp_path / "library.db"
    write_beets(path, SONGS)
    assert refusal(path) == f"'{path}': has a table of more than 3 rows"


def test_only_names_are_read_of_users(tmp_path: Path) -> None:
    """The tables with credentials are asked for two columns and no more."""
    asked = []

    class Spy(bounded.Tables):
        def rows(self, table: str, *columns: str) -> object:  # type: ignore[override]
            asked.append((table, columns))
            return super().rows(table, *columns)

    path = tmp_path / "navidrome.db"
    write_navidrome(path, SONGS)
    original = bounded.Tables
    bounded.Tables = Spy  # type: ignore[misc]
    try:
        read_plays(path)
    finally:
        bounded.Tables = original  # type: ignore[misc]
    assert [columns for table, columns in asked if table == "user"] == [("id", "user_name")]


# Whatever happens to the bytes


def outcome(path: Path) -> History | str:
    """What is read, or the one line that says why nothing is; anything else that is raised is a mistake."""
    try:
        return read_plays(path)
    except PlaysFileError as error:
        return str(error)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
@pytest.mark.parametrize("name", FORMATS)
def test_damaged_files_never_crash(name: str, tmp_path: Path, data: st.DataObject) -> None:
    pristine = tmp_path / "pristine"
    if not pristine.exists():
        FORMATS[name][1](pristine, SONGS)
    content = bytearray(pristine.read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at] = data.draw(st.integers(0, 255))
    cut = data.draw(st.one_of(st.none(), st.integers(0, len(content))))
    path = tmp_path / "damaged"
    path.write_bytes(content[:cut])
    history = outcome(path)
    if isinstance(history, str):
        assert history.startswith(f"'{path}': ")
        assert "\n" not in history
        return
    for record in history.records:
        assert 0 <= (record.plays or 0) <= fields.MOST_PLAYS
        assert record.rating is None or 0 < record.rating <= 1
        assert all(0 < at <= time.time() + fields.CLOCKS_APART_S for at in (*record.played_at, *record.skipped_at))


@given(st.binary(max_size=200))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    history = outcome(path)
    assert isinstance(history, History) or history.startswith(f"'{path}': ")


# Values


@pytest.mark.parametrize(
    ("value", "expected_path"),
    [
        ("/a/b%20c.mp3", "/a/b%20c.mp3"),
        ("file:///a/b%20c.mp3", "/a/b c.mp3"),
        ("file://localhost/G:/a.mp3", "/G:/a.mp3"),
        ("file:/a.mp3", "/a.mp3"),
        (b"file:///a/%FF.mp3", "/a/\udcff.mp3"),
        (b"/a/\xff.mp3", "/a/\udcff.mp3"),
        ("C:\\Music\\a.mp3", "C:\\Music\\a.mp3"),
        ("http://radio/a", None),
        ("spotify:track:6pHLEjP6LdsoP31jZDNc6e", "spotify:track:6pHLEjP6LdsoP31jZDNc6e"),
        ("", None),
        (7, None),
    ],
)
def test_paths(value: object, expected_path: str | None) -> None:
    assert fields.path(value) == expected_path


@pytest.mark.parametrize(
    ("value", "unix"),
    [
        ("2020-09-13T12:26:40Z", 1_600_000_000),
        ("2020-09-13 12:26:40", 1_600_000_000),
        ("2020-09-13 14:26:40+02:00", 1_600_000_000),
        ("2020-09-13 12:26:40.0000000", 1_600_000_000),
        ("13 Sep 2020 12:26", 1_599_999_960),
        ("13 Sep 2020, 12:26", 1_599_999_960),
        ("13 Sep 2020 12:26 GMT", 1_599_999_960),
        ("1600000000", 1_600_000_000),
        (1_600_000_000, 1_600_000_000),
        ("", None),
        (None, None),
        (0, None),
        (-1, None),
    ],
)
def test_dates(value: object, unix: int | None) -> None:
    assert fields.date(value) == unix


# Places


def test_files_are_looked_for_where_players_keep_them(tmp_path: Path) -> None:
    home, root, elsewhere = tmp_path / "home", tmp_path / "root", tmp_path / "data"
    wanted = [
        home / ".kodi/userdata/Database/MyMusic83.db",
        home / "Downloads/listenbrainz_anna.zip",
        home / ".config/quodlibet/songs",
        elsewhere / "rhythmbox/rhythmdb.xml",
        root / "var/lib/navidrome/navidrome.db",
        root / "media/anna/IPOD/.scrobbler.log",
    ]
    for path in [*wanted, home / "Music/other.xml", home / ".local/share/rhythmbox/rhythmdb.xml"]:
        path.parent.mkdir(parents=True)
        path.touch()
    (home / ".kodi/userdata/Database/MyMusic84.db").mkdir()
    environment = {"HOME": str(home), "XDG_DATA_HOME": str(elsewhere)}
    assert list(candidates(environment, root)) == wanted


def test_itunes_and_rhythmbox_say_the_same(tmp_path: Path) -> None:
    """One song in two players' words is one record, but for what the second cannot say."""
    one, other = tmp_path / "one", tmp_path / "other"
    write_itunes(one, SONGS[:1])
    write_rhythmbox(other, SONGS[:1])
    (itunes,), (rhythmbox,) = read_plays(one).records, read_plays(other).records
    assert replace(itunes, skips=None, loved=None, recording_id=SONGS[0].recording_id) == rhythmbox
