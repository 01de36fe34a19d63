"""Exports of what keeps every play with its time: Last.fm, Libre.fm, ListenBrainz, Spotify, Maloja, Pano Scrobbler."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from operator import itemgetter
from typing import Any

from musictaste.plays import fields
from musictaste.plays.bounded import Stream, documents, lines
from musictaste.plays.rows import Listen, Row, each, listing, mapping
from musictaste.track import PlayRecord

SHORTEST_PLAY_MS = 30_000
HEADER_WITHIN = 20
"""Libre.fm writes a few lines of its own before the header."""

_COLUMNS = {
    "artist": ("artist", "artist_name", "artistname"),
    "title": ("track", "title", "track_name", "trackname", "song", "name"),
    "album": ("album", "album_name", "release"),
    "track_id": ("track_mbid", "recording_mbid"),
    "when": ("uts", "timestamp", "utc_time", "time", "date"),
    "day": ("date",),
}
_NAMES = ("artist", "title", "album", "track_id")


def csv_source(head: str) -> str | None:
    """Whose table it is, by its header or by what stands in its first rows; None for a table of something else."""
    rows = _parsed(head.splitlines()[:HEADER_WITHIN])
    for row in rows:
        if row is not None and _header(row):
            return "librefm" if [c.strip() for c in row] == ["Artist", "Track", "Album", "Time"] else "lastfm"
        if row is not None and _layout(row):
            return "lastfm"
    return None


def scrobble_table(stream: Stream) -> Iterator[Row]:
    """Plays as comma separated values, with a header that names the columns or in one of two known orders."""
    rows = _parsed(lines(stream))
    before: list[list[str] | None] = []
    for row in rows:
        if row is not None and (columns := _header(row)):
            return _table(rows, columns)
        if row is not None and (columns := _layout(row)):
            return _table(chain([row], rows), columns)
        before.append(row)
        if len(before) == HEADER_WITHIN:
            break
    return iter([None] * len(before))


def _parsed(text: Iterable[str]) -> Iterator[list[str] | None]:
    """Rows of comma separated values; None for one that is none."""
    reader = csv.reader(text)
    while True:
        try:
            row = next(reader, None)
        except csv.Error:
            yield None
            continue
        if row is None:
            return
        if row:
            yield row


def _header(row: Sequence[str]) -> dict[str, int] | None:
    """Where each column is, if these are their names."""
    names = [name.strip().lower() for name in row]
    found = {
        field: names.index(known)
        for field, spellings in _COLUMNS.items()
        for known in reversed(spellings)
        if known in names
    }
    if found.get("day") == found.get("when") or "time" not in names:
        found.pop("day", None)  # a date apart from the time counts only beside it
    return found if {"artist", "title", "when"} <= set(found) else None


def _layout(row: Sequence[str]) -> dict[str, int] | None:
    """Where each column is in a table without a header: the two that programs for Last.fm write."""
    orders: tuple[dict[str, int], ...] = (
        {"artist": 0, "album": 1, "title": 2, "when": 3},
        {"day": 0, "when": 1, "artist": 2, "title": 3},
    )
    for columns in orders:
        if len(row) == len(columns):
            try:
                if _when(row, columns) is not None:
                    return columns
            except ValueError:
                continue
    return None


def _when(row: Sequence[str], columns: dict[str, int]) -> int | None:
    """Unix seconds of a row; all of these programs write UTC."""
    words = row[columns["when"]]
    if "day" in columns:
        words = f"{row[columns['day']]} {words}"
    return fields.date(words) if len(words) > 7 else None


def _table(rows: Iterable[list[str] | None], columns: dict[str, int]) -> Iterator[Row]:
    """The plays of a table, by what the rows name: most of a million rows name what others have named."""
    last = max(columns.values())
    named = [field for field in _NAMES if field in columns]
    names_of = itemgetter(*(columns[field] for field in named))
    times: dict[tuple[str, ...], list[int]] = {}

    def keep(row: list[str] | None) -> Iterable[Row]:
        if row is None or len(row) <= last:
            raise ValueError("a row with too few columns")
        at = _sometime(_when(row, columns))
        times.setdefault(names_of(row), []).append(at)
        return ()

    yield from each(rows, keep)
    for names, played_at in times.items():
        said = dict(zip(named, names, strict=True))
        try:
            record = _named(*map(said.get, _NAMES))
        except ValueError:
            yield from [None] * len(played_at)
        else:
            yield from (Listen(record, at) for at in played_at)


def _named(
    artist: Any, title: Any, album: Any = None, track_id: Any = None, *, duration_s: float | None = None
) -> PlayRecord:
    names = fields.text(artist), fields.text(title), fields.text(album)
    record = PlayRecord((), *names, duration_s, recording_id=fields.recording_id(track_id))
    if record.title is None or record.artist is None:
        raise ValueError("a play of nothing")
    return record


def _sometime(at: int | None) -> int:
    if at is None:
        raise ValueError("a play at no time")
    return at


# Which keys an entry, or the page around it, has; the first that fits is it.
_KEYS = (
    ("lastfm", ("lovedtracks",)),
    ("lastfm", ("recenttracks",)),
    ("lastfm", ("artist", "name", "date")),
    ("spotify", ("endTime", "msPlayed")),
    ("spotify", ("ts", "ms_played")),
    ("listenbrainz", ("listened_at", "track_metadata")),
    ("listenbrainz", ("score", "recording_mbid")),
    ("listenbrainz", ("score", "recording_msid")),
    ("maloja", ("maloja", "scrobbles")),
    ("panoscrobbler", ("timeMs", "artist", "track")),
)


def json_source(document: Any) -> str | None:
    """Whose JSON document it is; None for one of something else."""
    first = document
    while isinstance(first, list) and first:
        first = first[0]
    said = mapping(first)
    if isinstance(said.get("track"), list):
        return "lastfm"
    return next((source for source, keys in _KEYS if all(key in said for key in keys)), None)


def scrobble_documents(stream: Stream) -> tuple[str, Iterator[Row]] | None:
    """The JSON exports of all services, told apart by their keys."""
    found = documents(stream)
    first = next(found, None)
    source = json_source(first)
    if source is None:
        return None
    entries = chain.from_iterable(_entries(document) for document in chain([first], found))
    return source, each(entries, _READERS[source])


def _entries(document: Any) -> Iterator[Any]:
    """Single plays, out of the pages in which Last.fm and Maloja give them."""
    match document:
        case list():
            for part in document:
                yield from _entries(part) if isinstance(part, list) else _page(part)
        case _:
            yield from _page(document)


def _page(part: Any) -> Iterator[Any]:
    said = mapping(part)
    if "lovedtracks" in said:
        loved = listing(mapping(said["lovedtracks"]).get("track"))
        yield from ({"loved": True, **mapping(track)} for track in loved)
    elif "recenttracks" in said:
        yield from listing(mapping(said["recenttracks"]).get("track"))
    elif "scrobbles" in said:
        yield from listing(said["scrobbles"])
    elif isinstance(said.get("track"), dict | list):
        yield from listing(said["track"])
    else:
        yield part


def _lastfm(entry: Any) -> Iterator[Row]:
    said = mapping(entry)
    artist = mapping(said.get("artist"))
    album = mapping(said.get("album"))
    if mapping(said.get("@attr")).get("nowplaying"):
        return
    record = _named(artist.get("name") or artist.get("#text"), said.get("name"), album.get("#text"), said.get("mbid"))
    loved = said.get("loved")
    if loved is not True:  # a page of loved tracks has the times of loving
        yield Listen(record, _sometime(fields.moment(mapping(said.get("date")).get("uts"))))
    if loved in (True, "1"):
        yield replace(record, loved=True)


def _spotify(entry: Any) -> Iterator[Row]:
    """The time of a play is its end; less than 30 s is no play, and a skip only where Spotify says so."""
    said = mapping(entry)
    if "endTime" in said:
        artist, title, album, end = said.get("artistName"), said.get("trackName"), None, said["endTime"]
    else:
        title, artist = said.get("master_metadata_track_name"), said.get("master_metadata_album_artist_name")
        album, end = said.get("master_metadata_album_album_name"), said.get("ts")
    if title is None:  # an episode of a podcast, a video
        if "ts" not in said and "endTime" not in said:
            raise ValueError("no play")
        return
    length = fields.number(said.get("msPlayed", said.get("ms_played")))
    end_at = fields.date(end)
    if length is None or end_at is None or not 0 <= length < 1e9:
        raise ValueError("a play without a length or an end")
    begin = end_at - round(length / 1000)
    skipped = said.get("skipped") is True or said.get("reason_end") == "fwdbtn"
    if length >= SHORTEST_PLAY_MS or skipped:
        yield Listen(_named(artist, title, album), begin, length < SHORTEST_PLAY_MS)


def _listenbrainz(entry: Any) -> Iterator[Row]:
    said = mapping(entry)
    names = mapping(said.get("track_metadata"))
    extra, mapped = mapping(names.get("additional_info")), mapping(names.get("mbid_mapping"))
    track_id = extra.get("recording_mbid") or mapped.get("recording_mbid") or said.get("recording_mbid")
    if "score" in said:
        record = PlayRecord(
            (),
            fields.text(names.get("artist_name")),
            fields.text(names.get("track_name")),
            fields.text(names.get("release_name")),
            recording_id=fields.recording_id(track_id),
            loved={1: True, -1: False}.get(said["score"]) if isinstance(said["score"], int) else None,
        )
        if record.recording_id or record.title:  # one that names the recording by Spotify's number alone says nothing
            yield record
        return
    length = fields.duration_s(extra.get("duration_ms"), 1000) or fields.duration_s(extra.get("duration"))
    record = _named(
        names.get("artist_name"), names.get("track_name"), names.get("release_name"), track_id, duration_s=length
    )
    yield Listen(record, _sometime(fields.moment(said.get("listened_at"))))


def _maloja(entry: Any) -> Iterator[Row]:
    said = mapping(entry)
    track = mapping(said.get("track"))
    artists = " & ".join(filter(None, map(fields.text, listing(track.get("artists")))))
    album, length = mapping(track.get("album")).get("albumtitle"), fields.duration_s(track.get("length"))
    record = _named(artists, track.get("title"), album, duration_s=length)
    yield Listen(record, _sometime(fields.moment(said.get("time"))))


def _panoscrobbler(entry: Any) -> Iterator[Row]:
    said = mapping(entry)
    if said.get("event", "scrobble") != "scrobble":
        return
    length = fields.duration_s(said.get("durationMs"), 1000)
    record = _named(said.get("artist"), said.get("track"), said.get("album"), duration_s=length)
    at_ms = fields.number(said.get("timeMs"))
    yield Listen(record, _sometime(None if at_ms is None else fields.moment(at_ms / 1000)))


_READERS = {
    "lastfm": _lastfm, "spotify": _spotify, "listenbrainz": _listenbrainz, "maloja": _maloja,
    "panoscrobbler": _panoscrobbler,
}  # fmt: skip
