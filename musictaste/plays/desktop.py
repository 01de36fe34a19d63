"""Desktop players whose library is a SQLite file: Banshee, Clementine, Strawberry, MediaMonkey, Kodi."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from musictaste.plays import fields
from musictaste.plays.bounded import Tables
from musictaste.plays.rows import Row, each
from musictaste.track import PlayRecord


def banshee(tables: Tables) -> Iterator[Row]:
    """Ratings from 0 to 5, times in Unix seconds, lengths in milliseconds."""
    artists = dict(tables.rows("CoreArtists", "ArtistID", "Name"))
    albums = dict(tables.rows("CoreAlbums", "AlbumID", "Title"))

    def read(row: tuple[Any, ...]) -> Iterator[Row]:
        uri, title, artist, album, length, track_id, rating, plays, skips, played = row
        yield PlayRecord(
            fields.paths(uri),
            fields.text(artists.get(artist)),
            fields.text(title),
            fields.text(albums.get(album)),
            fields.duration_s(length, 1000),
            fields.recording_id(track_id),
            plays=fields.count(plays),
            skips=fields.count(skips),
            rating=fields.rating(rating, 5),
            last_played=fields.moment(played),
        )

    columns = ("Title", "ArtistID", "AlbumID", "Duration", "MusicBrainzID", "Rating", "PlayCount", "SkipCount")
    return each(tables.rows("CoreTracks", "Uri", *columns, "LastPlayedStamp"), read)


def clementine(tables: Tables) -> Iterator[Row]:
    """Clementine and Strawberry, its descendant: ratings from 0 to 1 (-1: none), lengths in nanoseconds."""

    def read(row: tuple[Any, ...]) -> Iterator[Row]:
        url, filename, artist, title, album, length, track_id, rating, plays, skips, played = row
        yield PlayRecord(
            fields.paths(url or filename),
            fields.text(artist),
            fields.text(title),
            fields.text(album),
            fields.duration_s(length, 1e9),
            fields.recording_id(track_id),
            plays=fields.count(plays),
            skips=fields.count(skips),
            rating=fields.rating(rating, 1),
            last_played=fields.moment(played),
        )

    columns = ("artist", "title", "album", "length", "musicbrainz_recording_id", "rating", "playcount", "skipcount")
    return each(tables.rows("songs", "url", "filename", *columns, "lastplayed"), read)


def mediamonkey(tables: Tables) -> Iterator[Row]:
    """Ratings from 0 to 100 (-1: none), days since 1899-12-30, lengths in milliseconds, single plays in a table.

    Its text columns are sorted by a collation of its own, so rows are joined here and not by SQLite.
    """
    played: dict[Any, list[Any]] = defaultdict(list)
    for song, day in tables.rows("Played", "IDSong", "PlayDate"):
        played[song].append(day)

    def read(row: tuple[Any, ...]) -> Iterator[Row]:
        song, path, artist, title, album, length, rating, plays, skips, last = row
        yield PlayRecord(
            fields.paths(path),
            fields.text(artist),
            fields.text(title),
            fields.text(album),
            fields.duration_s(length, 1000),
            plays=fields.count(plays),
            skips=fields.count(skips),
            rating=fields.rating(rating, 100),
            last_played=fields.ole_date(last),
            played_at=tuple(sorted({at for day in played[song] if (at := fields.ole_date(day))})),
        )

    columns = ("Artist", "SongTitle", "Album", "SongLength", "Rating", "PlayCounter", "SkipCount", "LastTimePlayed")
    return each(tables.rows("Songs", "ID", "SongPath", *columns), read)


def kodi(tables: Tables) -> Iterator[Row]:
    """Ratings from 0 to 10, dates in this machine's time zone, lengths in seconds."""
    folders = dict(tables.rows("path", "idPath", "strPath"))
    albums = dict(tables.rows("album", "idAlbum", "strAlbum"))

    def read(row: tuple[Any, ...]) -> Iterator[Row]:
        folder, name, album, artist, title, length, track_id, plays, played, rating = row
        yield PlayRecord(
            fields.paths(f"{folders.get(folder) or ''}{name or ''}"),
            fields.text(artist),
            fields.text(title),
            fields.text(albums.get(album)),
            fields.duration_s(length),
            fields.recording_id(track_id),
            plays=fields.count(plays),
            rating=fields.rating(rating, 10),
            last_played=fields.date(played, None),
        )

    columns = ("strArtistDisp", "strTitle", "iDuration", "strMusicBrainzTrackID", "iTimesPlayed", "lastplayed")
    return each(tables.rows("song", "idPath", "strFileName", "idAlbum", *columns, "userrating"), read)
