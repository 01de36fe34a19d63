"""Libraries of the command line: beets, and the stickers of the Music Player Daemon."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from musictaste.plays import fields
from musictaste.plays.bounded import Tables
from musictaste.plays.rows import Row, each
from musictaste.track import PlayRecord

MPD_LIKES = {0: False, 1: None, 2: True}
BEETS_PLAYS = ("play_count", "lastfm_play_count", "itunes_playcount")
BEETS_SKIPS = ("skip_count", "itunes_skipcount")
BEETS_LAST = ("last_played", "itunes_lastplayed")


def mpd(tables: Tables) -> Iterator[Row]:
    """Stickers of songs by the names that myMPD and others gave them, whatever their case; values are text."""
    stickers: dict[Any, dict[str, Any]] = defaultdict(dict)
    for kind, uri, name, value in tables.rows("sticker", "type", "uri", "name", "value"):
        if kind == "song":
            stickers[uri][str(name).lower()] = value

    def read(sticker: tuple[Any, dict[str, Any]]) -> Iterator[Row]:
        uri, values = sticker
        like = fields.number(values.get("like"))
        yield PlayRecord(
            fields.paths(uri),
            plays=fields.count(values.get("playcount")),
            skips=fields.count(values.get("skipcount")),
            rating=fields.rating(values.get("rating"), 10),
            loved=None if like is None else MPD_LIKES.get(int(like)),
            last_played=fields.moment(values.get("lastplayed")),
        )

    return each(stickers.items(), read)


def beets(tables: Tables) -> Iterator[Row]:
    """What its plugins keep as attributes of items: `mpdstats`, `lastimport` and `metasync`.

    They count the same plays, so the largest of their counters holds. Ratings are from 0 to 1, those of iTunes to 100.
    """
    attributes: dict[Any, dict[Any, Any]] = defaultdict(dict)
    for item, key, value in tables.rows("item_attributes", "entity_id", "key", "value"):
        attributes[item][key] = value

    def read(row: tuple[Any, ...]) -> Iterator[Row]:
        item, path, artist, title, album, length, track_id = row
        values = attributes[item]
        own = fields.rating(values.get("rating"), 1)
        yield PlayRecord(
            fields.paths(path),
            fields.text(artist),
            fields.text(title),
            fields.text(album),
            fields.duration_s(length),
            fields.recording_id(track_id),
            plays=_largest(fields.count(values.get(key)) for key in BEETS_PLAYS),
            skips=_largest(fields.count(values.get(key)) for key in BEETS_SKIPS),
            rating=fields.rating(values.get("itunes_rating"), 100) if own is None else own,
            last_played=_largest(fields.date(values.get(key)) for key in BEETS_LAST),
        )

    return each(tables.rows("items", "id", "path", "artist", "title", "album", "length", "mb_trackid"), read)


def _largest(values: Iterator[int | None]) -> int | None:
    return max((value for value in values if value is not None), default=None)
