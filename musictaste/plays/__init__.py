"""Play counts out of players' own files, recognised by their content and never written to."""

from __future__ import annotations

import io
import os
import sqlite3
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from musictaste.errors import PlaysFileError, UnknownFormatError
from musictaste.plays import desktop, libraries, logs, scrobbles, servers, xml_libraries
from musictaste.plays.bounded import CHUNK, Stream, Tables, members, tables, xml_root
from musictaste.plays.quodlibet import quodlibet
from musictaste.plays.rows import Row, gather
from musictaste.tags import read_tags
from musictaste.track import History, PlayRecord

__all__ = ["read_plays"]

Found = tuple[str, Iterator[Row]]

# Each database by a table and columns that no other has; the first that fits is it.
DATABASES: tuple[tuple[str, tuple[str, ...], Callable[[Tables], Iterator[Row]]], ...] = (
    ("mpd", ("sticker", "type", "uri", "name", "value"), libraries.mpd),
    ("beets", ("item_attributes", "entity_id", "key", "value"), libraries.beets),
    ("banshee", ("CoreTracks", "Uri", "PlayCount"), desktop.banshee),
    ("strawberry", ("songs", "url", "playcount", "skipcount"), desktop.clementine),
    ("clementine", ("songs", "filename", "playcount", "skipcount"), desktop.clementine),
    ("mediamonkey", ("Songs", "SongPath", "PlayCounter"), desktop.mediamonkey),
    ("navidrome", ("annotation", "user_id", "item_id", "item_type", "play_count"), servers.navidrome),
    ("jellyfin", ("UserData", "ItemId", "UserId", "PlayCount"), servers.jellyfin),
    ("jellyfin", ("UserDatas", "key", "userId", "playCount"), servers.jellyfin),
    ("plex", ("metadata_item_settings", "account_id", "guid", "view_count"), servers.plex),
    ("kodi", ("song", "idPath", "strFileName", "iTimesPlayed"), desktop.kodi),
    ("lyrion", ("tracks_persistent", "url", "playCount"), servers.lyrion),
)
DOCUMENTS: dict[str, tuple[str, Callable[[Stream], Iterator[Row]]]] = {
    "rhythmdb": ("rhythmbox", xml_libraries.rhythmbox),
    "plist": ("itunes", xml_libraries.itunes),
    "PlaybackStatistics": ("foobar2000", xml_libraries.foobar2000),
}
ARCHIVED = (".json", ".jsonl", ".csv")

# What opening damaged files raises beside their own errors; the archives' come from zipfile and its decompressors.
_DAMAGED = (
    sqlite3.Error, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError,
    RecursionError, MemoryError, OverflowError, struct.error,
)  # fmt: skip


def read_plays(path: Path) -> History:
    """Everything that a player's file says of what was played.

    Raises
    ------
    UnknownFormatError
        When it is no player's file that is known.
    PlaysFileError
        When it cannot be read, is damaged, or breaks the bounds.
    """
    with _failures_named(path):
        if not path.is_file():
            raise PlaysFileError("is not a file" if path.exists() else "does not exist")
        with io.BufferedReader(io.FileIO(path), CHUNK) as stream:
            head = stream.peek(CHUNK)
            if head.startswith(b"SQLite format 3\0"):
                return _from_database(path)
            if head.startswith(b"PK\x03\x04"):
                return _from_archive(path)
            found = _document(stream, head)
            if found:
                return gather(*found)
        return _from_tags(path)


def _from_database(path: Path) -> History:
    with tables(path) as db:
        for source, (table, *columns), read in DATABASES:
            if db.have(table, *columns):
                return gather(source, read(db))
    raise UnknownFormatError("is a database, but of no player that is known")


def _from_archive(path: Path) -> History:
    """All plays in an archive as services export them; the other files in it are passed over."""
    rows: dict[str, list[Row]] = {}
    for stream in members(path, ARCHIVED):
        found = _document(stream, stream.peek(CHUNK))
        if found:
            rows.setdefault(found[0], []).extend(found[1])
    if len(rows) != 1:
        raise PlaysFileError("is an archive " + ("of several players" if rows else "without plays in it"))
    return gather(*next((source, iter(given)) for source, given in rows.items()))


def _document(stream: Stream, head: bytes) -> Found | None:
    """What reads a document, by its first bytes; None where nothing does."""
    plain = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if head.startswith(b"\x80"):
        return "quodlibet", quodlibet(stream)
    if plain.startswith(b"<") or head.startswith((b"\xff\xfe<", b"\xfe\xff\0<")):
        source, read = DOCUMENTS.get(xml_root(head) or "", (None, None))
        return (source, read(stream)) if source and read else None
    if plain.startswith((b"{", b"[")):
        return scrobbles.scrobble_documents(stream)
    if plain.startswith(b"#AUDIOSCROBBLER/"):
        return "scrobbler-log", logs.scrobbler_log(stream)
    if plain.startswith(b"## Changelog version"):
        return "rockbox", logs.rockbox(stream)
    utf16 = head.startswith((b"\xff\xfe", b"\xfe\xff"))
    source = scrobbles.csv_source(head.decode("utf-16" if utf16 else "utf-8-sig", "replace"))
    return (source, scrobbles.scrobble_table(stream)) if source else None


def _from_tags(path: Path) -> History:
    """The counts in an audio file's own tags: POPM, PCNT, FMPS, foobar2000's, Quod Libet's, MusicBee's."""
    tags = read_tags(os.fspath(path))
    counted = (tags.plays, tags.skips, tags.rating, tags.loved)
    if all(value is None for value in counted):
        if tags.title or tags.artist:
            raise UnknownFormatError("is a track whose tags say nothing of plays")
        raise UnknownFormatError("is no player's file that is known")
    record = PlayRecord(
        (str(path.absolute()),), tags.artist, tags.title, tags.album, None, tags.musicbrainz_recording_id,
        plays=tags.plays, skips=tags.skips, rating=tags.rating, loved=tags.loved, last_played=tags.last_played,
    )  # fmt: skip
    return gather("tags", iter([record]))


@contextmanager
def _failures_named(path: Path) -> Iterator[None]:
    try:
        yield
    except PlaysFileError as error:
        raise type(error)(f"'{path}': {_line(error)}") from error
    except OSError as error:
        raise PlaysFileError(f"'{path}': cannot be read: {error.strerror or error}") from error
    except _DAMAGED as error:
        raise PlaysFileError(f"'{path}': is damaged: {_line(error)}") from error


def _line(error: Exception) -> str:
    """What an error says, on one line that can be printed: it may quote the file."""
    words = " ".join(str(error).split()) or type(error).__name__
    return "".join(c for c in words if c.isprintable())
