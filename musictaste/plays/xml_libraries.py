"""Players whose library is, or is exported as, XML: Rhythmbox, iTunes and what writes its format, foobar2000."""

from __future__ import annotations

from collections.abc import Iterator

from musictaste.plays import fields
from musictaste.plays.bounded import Element, Stream, xml_rows
from musictaste.plays.rows import Row, each
from musictaste.track import PlayRecord


def rhythmbox(stream: Stream) -> Iterator[Row]:
    """Ratings from 0 to 5, times in Unix seconds, lengths in seconds; what is 0 is left out."""

    def read(row: list[Element]) -> Iterator[Row]:
        _, attributes, _ = row[-1]
        if attributes.get("type") != "song":
            return
        said = {tag: text for tag, _, text in row[:-1]}
        yield PlayRecord(
            fields.paths(said.get("location")),
            fields.text(said.get("artist")),
            fields.text(said.get("title")),
            fields.text(said.get("album")),
            fields.duration_s(said.get("duration")),
            fields.recording_id(said.get("mb-trackid")),
            plays=fields.count(said.get("play-count")),
            rating=fields.rating(said.get("rating"), 5),
            last_played=fields.moment(said.get("last-played")),
        )

    return each(xml_rows(stream, "rhythmdb", "entry"), read)


def itunes(stream: Stream) -> Iterator[Row]:
    """Ratings of 20 per star, of which computed ones are those of the album; dates in UTC, lengths in milliseconds."""

    def read(row: list[Element]) -> Iterator[Row]:
        said = _property_list(row[:-1])
        loved = said.get("Loved") or said.get("Favorited")
        disliked = said.get("Disliked")
        yield PlayRecord(
            fields.paths(said.get("Location")),
            fields.text(said.get("Artist")),
            fields.text(said.get("Name")),
            fields.text(said.get("Album")),
            fields.duration_s(said.get("Total Time"), 1000),
            plays=fields.count(said.get("Play Count")),
            skips=fields.count(said.get("Skip Count")),
            rating=None if said.get("Rating Computed") == "true" else fields.rating(said.get("Rating"), 100),
            loved=True if loved == "true" else False if disliked == "true" else None,
            last_played=fields.date(said.get("Play Date UTC")),
        )

    return each(xml_rows(stream, "plist", "dict", "dict", "dict"), read)


def _property_list(row: list[Element]) -> dict[str, str]:
    """The keys of a dictionary and the texts of their values; true and false are elements without text."""
    said: dict[str, str] = {}
    key = None
    for tag, _, text in row:
        if tag == "key":
            key = text
        elif key is not None:
            said.setdefault(key, tag if tag in ("true", "false") else text)
            key = None
    return said


def foobar2000(stream: Stream) -> Iterator[Row]:
    """Playback statistics: ratings from 1 to 5, times as FILETIME; an entry may stand for several equal files."""

    def read(row: list[Element]) -> Iterator[Row]:
        _, entry, _ = row[-1]
        yield PlayRecord(
            fields.paths(*(attributes.get("Path") for tag, attributes, _ in row[:-1] if tag == "Item")),
            plays=fields.count(entry.get("Count")),
            rating=fields.rating(entry.get("Rating"), 5),
            last_played=fields.filetime(entry.get("LastPlayed")),
        )

    return each(xml_rows(stream, "PlaybackStatistics", "Entry"), read)
