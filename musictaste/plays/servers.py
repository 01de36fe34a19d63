"""Servers whose library is a SQLite file with several users: Navidrome, Jellyfin, Plex; and Lyrion, which has one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from musictaste.plays import fields
from musictaste.plays.bounded import Tables
from musictaste.plays.rows import Listen, Row, each
from musictaste.track import PlayRecord

AUDIO_ITEMS = ".Audio.Audio"
PLEX_TRACK = 10


def navidrome(tables: Tables) -> Iterator[Row]:
    """Ratings from 0 to 5. The same file holds credentials: of its users nothing but ids and names is read."""
    users = _users(tables, "user", "id", "user_name")
    roots = dict(tables.rows("library", "id", "path"))
    songs: dict[Any, tuple[Any, ...]] = {}
    for row in tables.rows(
        "media_file", "id", "library_id", "path", "artist", "title", "album", "duration", "mbz_recording_id"
    ):
        songs[row[0]] = row[1:]

    def song(item: Any, user: Any) -> PlayRecord:
        library, path, artist, title, album, length, track_id = songs[item]
        root = fields.path(roots.get(library))
        if root and isinstance(path, str) and not path.startswith("/"):
            path = f"{root.rstrip('/')}/{path}"
        return PlayRecord(
            fields.paths(path),
            fields.text(artist),
            fields.text(title),
            fields.text(album),
            fields.duration_s(length),
            fields.recording_id(track_id),
            user=users.get(user, _called(user)),
        )

    def counted(row: tuple[Any, ...]) -> Iterator[Row]:
        user, item, kind, plays, played, rating, starred = row
        if kind == "media_file" and item in songs:
            yield replace(
                song(item, user),
                plays=fields.count(plays),
                rating=fields.rating(rating, 5),
                loved=fields.flag(starred) or None,
                last_played=fields.date(played),
            )

    def submitted(row: tuple[Any, ...]) -> Iterator[Row]:
        item, user, when = row
        if item in songs and (at := fields.date(when)):
            yield Listen(song(item, user), at)

    yield from each(
        tables.rows("annotation", "user_id", "item_id", "item_type", "play_count", "play_date", "rating", "starred"),
        counted,
    )
    yield from each(tables.rows("scrobbles", "media_file_id", "user_id", "submission_time"), submitted)


@dataclass(frozen=True)
class _JellyfinTables:
    """The two shapes of its database: which tables and columns hold items and what users did with them."""

    items: tuple[str, str]
    data: tuple[str, ...]


def jellyfin(tables: Tables) -> Iterator[Row]:
    """Ratings from 0 to 10, dates in UTC, lengths in 100 ns; an item may have several rows for one user."""
    users = _users(tables, "Users", "Id", "Username")
    shape = _jellyfin_shape(tables)
    songs: dict[Any, PlayRecord | None] = {}
    columns = ("Type", "Path", "Name", "Album", "Artists", "RunTimeTicks")
    for key, kind, *facts in tables.rows(shape.items[0], shape.items[1], *columns):
        if isinstance(kind, str) and kind.endswith(AUDIO_ITEMS):
            songs[key] = _jellyfin_song(*facts)

    def read(row: tuple[Any, ...]) -> Iterator[Row]:
        key, user, plays, rating, favourite, played, likes = row
        if key not in songs:
            return
        yield replace(
            _known(songs[key]),
            user=users.get(user, _called(user)),
            plays=fields.count(plays),
            rating=fields.rating(rating, 10),
            loved=True if fields.flag(favourite) else fields.flag(likes),
            last_played=fields.date(played),
        )

    return each(tables.rows(*shape.data), read)


def _jellyfin_shape(tables: Tables) -> _JellyfinTables:
    rest = ("UserId", "PlayCount", "Rating", "IsFavorite", "LastPlayedDate", "Likes")
    if tables.have("BaseItems", "Id", "Path"):
        return _JellyfinTables(("BaseItems", "Id"), ("UserData", "ItemId", *rest))
    return _JellyfinTables(("TypedBaseItems", "UserDataKey"), ("UserDatas", "key", *rest))


def _jellyfin_song(path: Any, title: Any, album: Any, artists: Any, ticks: Any) -> PlayRecord | None:
    try:
        artist = fields.text(artists)
        return PlayRecord(
            fields.paths(path),
            ", ".join(artist.split("|")) if artist else None,
            fields.text(title),
            fields.text(album),
            fields.duration_s(ticks, fields.TICKS_PER_S),
        )
    except ValueError:
        return None


def _known(song: PlayRecord | None) -> PlayRecord:
    if song is None:
        raise ValueError("an item whose own row makes no sense")
    return song


def plex(tables: Tables) -> Iterator[Row]:
    """Ratings from 0 to 10, times in Unix seconds or as text, lengths in milliseconds; users are accounts."""
    users = _users(tables, "accounts", "id", "name")
    songs = _plex_songs(tables)

    def song(guid: Any, account: Any) -> PlayRecord:
        return replace(_known(songs[guid]), user=users.get(account, _called(account)))

    def counted(row: tuple[Any, ...]) -> Iterator[Row]:
        account, guid, plays, skips, rating, played = row
        if guid in songs:
            yield replace(
                song(guid, account),
                plays=fields.count(plays),
                skips=fields.count(skips),
                rating=fields.rating(rating, 10),
                last_played=fields.date(played),
            )

    def viewed(row: tuple[Any, ...]) -> Iterator[Row]:
        account, guid, when = row
        if guid in songs and (at := fields.date(when)):
            yield Listen(song(guid, account), at)

    columns = ("account_id", "guid", "view_count", "skip_count", "rating", "last_viewed_at")
    yield from each(tables.rows("metadata_item_settings", *columns), counted)
    yield from each(tables.rows("metadata_item_views", "account_id", "guid", "viewed_at"), viewed)


def _plex_songs(tables: Tables) -> dict[Any, PlayRecord | None]:
    """Tracks by their guid, which the settings of users name; several copies may share one."""
    parts: dict[Any, list[Any]] = defaultdict(list)
    for media, file in tables.rows("media_parts", "media_item_id", "file"):
        parts[media].append(file)
    files: dict[Any, list[Any]] = defaultdict(list)
    for media, item in tables.rows("media_items", "id", "metadata_item_id"):
        files[item] += parts[media]
    parents: dict[Any, tuple[Any, Any]] = {}
    tracks: dict[Any, tuple[Any, ...]] = {}
    columns = ("id", "parent_id", "metadata_type", "guid", "title", "duration")
    for item, parent, kind, guid, title, length in tables.rows("metadata_items", *columns):
        if kind == PLEX_TRACK:
            copies = tracks[guid][0] if guid in tracks else []
            tracks[guid] = (copies + files[item], parent, title, length)
        else:
            parents[item] = (title, parent)
    return {guid: _plex_song(parents, *facts) for guid, facts in tracks.items()}


def _plex_song(
    parents: dict[Any, tuple[Any, Any]], files: list[Any], parent: Any, title: Any, length: Any
) -> PlayRecord | None:
    album, grandparent = parents.get(parent, (None, None))
    artist, _ = parents.get(grandparent, (None, None))
    try:
        return PlayRecord(
            fields.paths(*files),
            fields.text(artist),
            fields.text(title),
            fields.text(album),
            fields.duration_s(length, 1000),
        )
    except ValueError:
        return None


def lyrion(tables: Tables) -> Iterator[Row]:
    """Ratings from 0 to 100, times in Unix seconds."""

    def read(row: tuple[Any, ...]) -> Iterator[Row]:
        url, track_id, plays, rating, played = row
        yield PlayRecord(
            fields.paths(url),
            recording_id=fields.recording_id(track_id),
            plays=fields.count(plays),
            rating=fields.rating(rating, 100),
            last_played=fields.moment(played),
        )

    return each(tables.rows("tracks_persistent", "url", "musicbrainz_id", "playCount", "rating", "lastPlayed"), read)


def _users(tables: Tables, table: str, key: str, name: str) -> dict[Any, str]:
    return {user: _called(called) for user, called in tables.rows(table, key, name) if called}


def _called(name: Any) -> str:
    """A user's name, or the number of one who has none, fit to be printed and stored."""
    return "".join(c for c in str(name) if c.isprintable())
