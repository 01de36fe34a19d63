"""What portable players write: the Audioscrobbler log, and Rockbox's changelog of its database."""

from __future__ import annotations

import re
from collections.abc import Iterator

from musictaste.plays import fields
from musictaste.plays.bounded import Stream, lines
from musictaste.plays.rows import Listen, Row, each
from musictaste.track import PlayRecord

SCROBBLER_COLUMNS = 7
_TAG = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_ESCAPES = {"\\n": "\n", '\\"': '"', "\\\\": "\\"}


def scrobbler_log(stream: Stream) -> Iterator[Row]:
    """Audioscrobbler log 1.0 and 1.1: tab separated, L for listened and S for skipped.

    A device that knows no time zone writes its local time as if it were UTC; it is taken to be in this machine's zone.
    """
    zone_unknown = True

    def read(line: str) -> Iterator[Row]:
        nonlocal zone_unknown
        if line.startswith("#"):
            if line.startswith("#TZ/"):
                zone_unknown = line.strip() != "#TZ/UTC"
            return
        if not line.strip():
            return
        columns = line.rstrip("\r\n").split("\t")
        if len(columns) < SCROBBLER_COLUMNS or columns[5] not in ("L", "S"):
            raise ValueError("not the columns of a log")
        artist, album, title, _, length, listened, when, *track_id = columns
        at = fields.moment(when)
        record = PlayRecord(
            (),
            fields.text(artist),
            fields.text(title),
            fields.text(album),
            fields.duration_s(length),
            fields.recording_id(track_id[0] if track_id else None),
        )
        if at is None or record.title is None:
            raise ValueError("a play of nothing, or at no time")
        yield Listen(record, fields.local(at) or at if zone_unknown else at, listened == "S")

    return each(lines(stream), read)


def rockbox(stream: Stream) -> Iterator[Row]:
    """Ratings from 0 to 10, lengths in milliseconds; its `lastplayed` is a serial number and no time."""

    def read(line: str) -> Iterator[Row]:
        if line.startswith("##") or not line.strip():
            return
        said = {name: re.sub(r"\\.", _unescaped, value) for name, value in _TAG.findall(line)}
        if "filename" not in said:
            raise ValueError("no row of a changelog")
        yield PlayRecord(
            fields.paths(said["filename"]),
            fields.text(said.get("artist")),
            fields.text(said.get("title")),
            fields.text(said.get("album")),
            fields.duration_s(said.get("length"), 1000),
            fields.recording_id(said.get("mb_track_id")),
            plays=fields.count(said.get("playcount")),
            rating=fields.rating(said.get("rating"), 10),
        )

    return each(lines(stream), read)


def _unescaped(found: re.Match[str]) -> str:
    return _ESCAPES.get(found[0], found[0][1:])
