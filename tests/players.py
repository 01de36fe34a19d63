"""Files as players write them, made from a list of songs."""

from __future__ import annotations

import json
import pickle
import plistlib
import sqlite3
import sys
import types
import zipfile
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import escape

from musictaste.track import PlayRecord

UNKNOWN = PlayRecord()


@dataclass(frozen=True)
class Song:
    path: str
    artist: str
    title: str
    album: str
    duration_s: float
    recording_id: str | None = None
    user: str = "anna"
    plays: int = 0
    skips: int = 0
    rating: float | None = None
    loved: bool | None = None
    last_played: int | None = None
    played_at: tuple[int, ...] = ()
    skipped_at: tuple[int, ...] = ()


def expected(song: Song, *fields: str) -> PlayRecord:
    """What a format that holds only some fields says of a song."""
    values: dict[str, Any] = {field: getattr(song, field) for field in fields if field != "path"}
    return PlayRecord(paths=(song.path,) if "path" in fields else (), **values)


def database(path: Path, script: str, *rows: tuple[str, Iterable[Sequence[Any]]]) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.create_collation("IUNICODE", lambda one, other: (one > other) - (one < other))
        db.executescript(script)
        for table, values in rows:
            for value in values:
                db.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(value))})", value)
        db.commit()


def uri(path: str) -> str:
    return "file://" + quote(path)


def iso(at: int | None, form: str = "%Y-%m-%dT%H:%M:%SZ") -> str | None:
    return None if at is None else datetime.fromtimestamp(at, UTC).strftime(form)


def local(at: int | None) -> str | None:
    return None if at is None else datetime.fromtimestamp(at).strftime("%Y-%m-%d %H:%M:%S")


def scaled(rating: float | None, best: int, none: Any = 0) -> Any:
    return none if rating is None else round(rating * best)


def write_mpd(path: Path, songs: Sequence[Song]) -> None:
    stickers = []
    for song in songs:
        names = {
            "playCount": f"{song.plays:04}", "skipCount": song.skips, "lastPlayed": song.last_played,
            "rating": scaled(song.rating, 10, None), "like": {True: 2, False: 0, None: 1}[song.loved],
        }  # fmt: skip
        stickers += [("song", song.path, name, str(value)) for name, value in names.items() if value is not None]
    stickers.append(("playlist", "mine", "playCount", "3"))
    script = "CREATE TABLE sticker(type VARCHAR NOT NULL, uri VARCHAR NOT NULL, name VARCHAR NOT NULL, value VARCHAR)"
    database(path, script, ("sticker", stickers))


def write_beets(path: Path, songs: Sequence[Song]) -> None:
    script = """CREATE TABLE items (id INTEGER PRIMARY KEY, path BLOB, artist TEXT, title TEXT, album TEXT, length REAL,
      mb_trackid TEXT);
    CREATE TABLE item_attributes (id INTEGER PRIMARY KEY, entity_id INTEGER, key TEXT, value TEXT);"""
    items, attributes = [], list[tuple[Any, ...]]()
    for i, song in enumerate(songs, 1):
        items.append((i, song.path.encode(), song.artist, song.title, song.album, song.duration_s, song.recording_id))
        said = {
            "play_count": song.plays, "lastfm_play_count": song.plays - 1, "skip_count": song.skips,
            "rating": song.rating, "last_played": song.last_played,
        }  # fmt: skip
        attributes += [(None, i, key, str(value)) for key, value in said.items() if value is not None]
    database(path, script, ("items", items), ("item_attributes", attributes))


def write_banshee(path: Path, songs: Sequence[Song]) -> None:
    script = """CREATE TABLE CoreArtists (ArtistID INTEGER PRIMARY KEY, Name TEXT);
    CREATE TABLE CoreAlbums (AlbumID INTEGER PRIMARY KEY, Title TEXT);
    CREATE TABLE CoreTracks (ArtistID INTEGER, AlbumID INTEGER, Uri TEXT, Title TEXT, Duration INTEGER,
      MusicBrainzID TEXT, Rating INTEGER, PlayCount INTEGER, SkipCount INTEGER, LastPlayedStamp INTEGER);"""
    numbered = list(enumerate(songs, 1))
    tracks = [
        (i, i, uri(s.path), s.title, round(1000 * s.duration_s), s.recording_id, scaled(s.rating, 5), s.plays,
         s.skips, s.last_played) for i, s in numbered
    ]  # fmt: skip
    database(
        path, script, ("CoreArtists", [(i, s.artist) for i, s in numbered]),
        ("CoreAlbums", [(i, s.album) for i, s in numbered]), ("CoreTracks", tracks),
    )  # fmt: skip


def write_clementine(path: Path, songs: Sequence[Song], location: str = "filename") -> None:
    script = f"""CREATE TABLE songs (title TEXT, album TEXT, artist TEXT, length INTEGER, {location} TEXT,
      playcount INTEGER NOT NULL DEFAULT 0, skipcount INTEGER NOT NULL DEFAULT 0, lastplayed INTEGER, rating INTEGER)"""
    rows = [
        (s.title, s.album, s.artist, round(s.duration_s * 1e9), uri(s.path).encode(), s.plays, s.skips,
         s.last_played or -1, -1 if s.rating is None else s.rating) for s in songs
    ]  # fmt: skip
    database(path, script, ("songs", rows))


def write_strawberry(path: Path, songs: Sequence[Song]) -> None:
    write_clementine(path, songs, "url")


def write_mediamonkey(path: Path, songs: Sequence[Song]) -> None:
    script = """PRAGMA encoding = 'UTF-16le';
    CREATE TABLE Songs (ID INTEGER PRIMARY KEY, SongPath TEXT COLLATE IUNICODE, Artist TEXT COLLATE IUNICODE,
      SongTitle TEXT COLLATE IUNICODE, Album TEXT COLLATE IUNICODE, SongLength INTEGER, Rating INTEGER,
      PlayCounter INTEGER, SkipCount INTEGER, LastTimePlayed REAL);
    CREATE INDEX paths ON Songs (SongPath);
    CREATE TABLE Played (IDPlayed INTEGER PRIMARY KEY, IDSong INTEGER, PlayDate REAL, UTCOffset REAL);"""

    def days(at: int) -> float:
        return at / 86_400 + 25_569

    rows = [
        (i, s.path, s.artist, s.title, s.album, round(1000 * s.duration_s), scaled(s.rating, 100, -1), s.plays,
         s.skips, days(s.last_played) if s.last_played else 0) for i, s in enumerate(songs, 1)
    ]  # fmt: skip
    played = [(None, i, days(at), -1 / 24) for i, s in enumerate(songs, 1) for at in s.played_at]
    database(path, script, ("Songs", rows), ("Played", played))


def write_kodi(path: Path, songs: Sequence[Song]) -> None:
    script = """CREATE TABLE path (idPath INTEGER PRIMARY KEY, strPath TEXT);
    CREATE TABLE album (idAlbum INTEGER PRIMARY KEY, strAlbum TEXT);
    CREATE TABLE song (idSong INTEGER PRIMARY KEY, idAlbum INTEGER, idPath INTEGER, strArtistDisp TEXT, strTitle TEXT,
      iDuration INTEGER, strFileName TEXT, strMusicBrainzTrackID TEXT, iTimesPlayed INTEGER, lastplayed TEXT,
      userrating INTEGER NOT NULL DEFAULT 0);"""
    numbered = list(enumerate(songs, 1))
    rows = [
        (i, i, i, s.artist, s.title, round(s.duration_s), s.path.rpartition("/")[2], s.recording_id, s.plays,
         local(s.last_played), scaled(s.rating, 10)) for i, s in numbered
    ]  # fmt: skip
    folders = [(i, s.path.rpartition("/")[0] + "/") for i, s in numbered]
    database(path, script, ("path", folders), ("album", [(i, s.album) for i, s in numbered]), ("song", rows))


def write_navidrome(path: Path, songs: Sequence[Song]) -> None:
    script = """CREATE TABLE user (id TEXT PRIMARY KEY, user_name TEXT, password TEXT);
    CREATE TABLE library (id INTEGER PRIMARY KEY, name TEXT, path TEXT);
    CREATE TABLE media_file (id TEXT PRIMARY KEY, path TEXT, title TEXT, album TEXT, artist TEXT, duration REAL,
      library_id INTEGER, mbz_recording_id TEXT);
    CREATE TABLE annotation (user_id TEXT, item_id TEXT, item_type TEXT, play_count INTEGER, play_date DATETIME,
      rating INTEGER, starred BOOL, starred_at DATETIME);
    CREATE TABLE scrobbles (id INTEGER PRIMARY KEY, media_file_id TEXT, user_id TEXT, submission_time INTEGER);"""
    root = "/music"
    users = [(f"u-{name}", name, "secret") for name in sorted({s.user for s in songs})]
    files = {s.path: f"m{i}" for i, s in enumerate(songs)}
    media = {
        files[s.path]: (files[s.path], s.path.removeprefix(f"{root}/"), s.title, s.album, s.artist, s.duration_s, 1,
                        s.recording_id or "") for s in songs
    }  # fmt: skip
    notes = [
        (f"u-{s.user}", files[s.path], "media_file", s.plays, iso(s.last_played, "%Y-%m-%d %H:%M:%S+00:00"),
         scaled(s.rating, 5), bool(s.loved), None) for s in songs
    ]  # fmt: skip
    notes.append(("u-anna", "album-1", "album", 99, None, 5, True, None))
    times = [(None, files[s.path], f"u-{s.user}", at) for s in songs for at in s.played_at]
    database(
        path, script, ("user", users), ("library", [(1, "Music", root)]), ("media_file", media.values()),
        ("annotation", notes), ("scrobbles", times),
    )  # fmt: skip


def write_jellyfin(path: Path, songs: Sequence[Song]) -> None:
    script = """CREATE TABLE Users (Id TEXT PRIMARY KEY, Username TEXT, Password TEXT);
    CREATE TABLE BaseItems (Id TEXT PRIMARY KEY, Type TEXT, Path TEXT, Name TEXT, Album TEXT, Artists TEXT,
      RunTimeTicks INTEGER);
    CREATE TABLE UserData (ItemId TEXT, UserId TEXT, CustomDataKey TEXT, Rating REAL, PlayCount INTEGER,
      IsFavorite INTEGER, LastPlayedDate TEXT, Likes INTEGER);"""
    items = {s.path: _jellyfin_item(s) for s in songs}
    items["film"] = ("film", "MediaBrowser.Controller.Entities.Movies.Movie", "/films/f.mkv", "Film", None, None, 1)
    data = [(s.path, s.user.upper(), key, *rest) for s in songs for key, *rest in _jellyfin_data(s)]
    data.append(("film", "ANNA", "f", None, 3, 0, None, None))
    users = [(name.upper(), name, "secret") for name in sorted({s.user for s in songs})]
    database(path, script, ("Users", users), ("BaseItems", items.values()), ("UserData", data))


def write_old_jellyfin(path: Path, songs: Sequence[Song]) -> None:
    script = """CREATE TABLE TypedBaseItems (guid TEXT, type TEXT, Path TEXT, Name TEXT, Album TEXT, Artists TEXT,
      RunTimeTicks INTEGER, UserDataKey TEXT);
    CREATE TABLE UserDatas (key TEXT, userId INTEGER, rating REAL, playCount INTEGER, isFavorite INTEGER,
      lastPlayedDate TEXT, Likes INTEGER);"""
    items = {s.path: (*_jellyfin_item(s), s.path) for s in songs}
    data = [(s.path, s.user, *rest) for s in songs for _, *rest in _jellyfin_data(s)[:1]]
    database(path, script, ("TypedBaseItems", items.values()), ("UserDatas", data))


def _jellyfin_item(s: Song) -> tuple[Any, ...]:
    kind = "MediaBrowser.Controller.Entities.Audio.Audio"
    return (s.path, kind, s.path, s.title, s.album, s.artist, round(s.duration_s * 1e7))


def _jellyfin_data(s: Song) -> list[tuple[Any, ...]]:
    """The row that counts, and an older one of the same item under another key."""
    rating = None if s.rating is None else 10 * s.rating
    return [
        ("new", rating, s.plays, int(s.loved is True), iso(s.last_played, "%Y-%m-%d %H:%M:%S.0000000"), s.loved),
        ("old", None, max(s.plays - 1, 0), 0, None, None),
    ]


def write_plex(path: Path, songs: Sequence[Song]) -> None:
    script = """CREATE TABLE accounts (id INTEGER PRIMARY KEY, name TEXT);
    CREATE TABLE metadata_items (id INTEGER PRIMARY KEY, parent_id INTEGER, metadata_type INTEGER, guid TEXT,
      title TEXT, duration INTEGER);
    CREATE TABLE media_items (id INTEGER PRIMARY KEY, metadata_item_id INTEGER);
    CREATE TABLE media_parts (id INTEGER PRIMARY KEY, media_item_id INTEGER, file TEXT);
    CREATE TABLE metadata_item_settings (account_id INTEGER, guid TEXT, rating REAL, view_count INTEGER,
      last_viewed_at INTEGER, skip_count INTEGER);
    CREATE TABLE metadata_item_views (account_id INTEGER, guid TEXT, viewed_at INTEGER);"""
    users = {name: i for i, name in enumerate(sorted({s.user for s in songs}), 1)}
    items, media, parts = [], [], []
    for i, s in enumerate({s.path: s for s in songs}.values()):
        artist, album, track = 3 * i + 1, 3 * i + 2, 3 * i + 3
        items += [
            (artist, None, 8, f"artist-{i}", s.artist, None), (album, artist, 9, f"album-{i}", s.album, None),
            (track, album, 10, f"plex://{s.path}", s.title, round(1000 * s.duration_s)),
        ]  # fmt: skip
        media.append((track, track))
        parts.append((track, track, s.path))
    settings = [
        (users[s.user], f"plex://{s.path}", None if s.rating is None else 10 * s.rating, s.plays, s.last_played,
         s.skips) for s in songs
    ]  # fmt: skip
    views = [(users[s.user], f"plex://{s.path}", at) for s in songs for at in s.played_at]
    database(
        path, script, ("accounts", [(i, name) for name, i in users.items()]), ("metadata_items", items),
        ("media_items", media), ("media_parts", parts), ("metadata_item_settings", settings),
        ("metadata_item_views", views),
    )  # fmt: skip


def write_lyrion(path: Path, songs: Sequence[Song]) -> None:
    script = """CREATE TABLE tracks_persistent (id INTEGER PRIMARY KEY, url TEXT NOT NULL, musicbrainz_id TEXT,
      rating INTEGER, playCount INTEGER, lastPlayed INTEGER)"""
    rows = [(None, uri(s.path), s.recording_id, scaled(s.rating, 100), s.plays, s.last_played) for s in songs]
    database(path, script, ("tracks_persistent", rows))


def write_quodlibet(path: Path, songs: Sequence[Song]) -> None:
    """As Quod Libet does it: instances of its own classes, keys and names of files as bytes, protocol 2."""
    module = types.ModuleType("quodlibet.formats.mp3")
    song_class = type("MP3File", (dict,), {"__module__": module.__name__})
    module.MP3File = song_class  # type: ignore[attr-defined]
    items = []
    for s in songs:
        values = {
            "~filename": s.path.encode(), "artist": s.artist.replace(", ", "\n"), "title": s.title, "album": s.album,
            "~#length": s.duration_s, "musicbrainz_trackid": s.recording_id or "", "~#playcount": s.plays,
            "~#skipcount": s.skips, "~#lastplayed": s.last_played or 0, "~mountpoint": b"",
        }  # fmt: skip
        if s.rating is not None:
            values["~#rating"] = s.rating
        items.append(song_class({key.encode(): value for key, value in values.items()}))
    names = ("quodlibet", "quodlibet.formats", "quodlibet.formats.mp3")
    sys.modules.update(dict.fromkeys(names, module))
    try:
        path.write_bytes(pickle.dumps(items, 2))
    finally:
        for name in names:
            del sys.modules[name]


def write_rhythmbox(path: Path, songs: Sequence[Song]) -> None:
    entries = ['<?xml version="1.0" standalone="yes"?>', '<rhythmdb version="2.0">']
    for s in songs:
        said = {
            "title": s.title, "genre": "Rock", "artist": s.artist, "album": s.album, "duration": round(s.duration_s),
            "location": uri(s.path), "last-played": s.last_played, "play-count": s.plays or None,
            "rating": scaled(s.rating, 5, None), "mb-trackid": s.recording_id,
        }  # fmt: skip
        inside = "".join(f"<{k}>{escape(str(v))}</{k}>" for k, v in said.items() if v is not None)
        entries.append(f'<entry type="song">{inside}</entry>')
    entries.append('<entry type="iradio"><title>Blah</title><location>http://a</location><play-count>9</play-count>')
    path.write_text("\n".join([*entries, "</entry></rhythmdb>"]), encoding="utf-8")


def write_itunes(path: Path, songs: Sequence[Song]) -> None:
    tracks: dict[str, dict[str, Any]] = {}
    for i, s in enumerate(songs, 100):
        said: dict[str, Any] = {
            "Track ID": i, "Name": s.title, "Artist": s.artist, "Album": s.album,
            "Total Time": round(1000 * s.duration_s), "Play Count": s.plays, "Skip Count": s.skips,
            "Location": "file://localhost" + quote(s.path),
        }  # fmt: skip
        if s.last_played:
            said["Play Date UTC"] = datetime.fromtimestamp(s.last_played, UTC).replace(tzinfo=None)
        # An album's rating spreads to its tracks, marked as computed.
        said |= {"Rating": 100, "Rating Computed": True} if s.rating is None else {"Rating": scaled(s.rating, 100)}
        if s.loved:
            said["Loved"] = True
        tracks[str(i)] = said
    playlists = [{"Name": "Library", "Playlist Items": [{"Track ID": int(i)} for i in tracks]}]
    path.write_bytes(plistlib.dumps({"Major Version": 1, "Tracks": tracks, "Playlists": playlists}))


def write_foobar2000(path: Path, songs: Sequence[Song]) -> None:
    entries = []
    for i, s in enumerate(songs):
        said = {"ID": f"{i:016x}", "Count": s.plays, "Rating": scaled(s.rating, 5, None)}
        if s.last_played:
            said["LastPlayed"] = (s.last_played + 11_644_473_600) * 10_000_000
        inside = " ".join(f'{key}="{value}"' for key, value in said.items() if value is not None)
        name = escape(s.path, {'"': "&quot;"})
        entries.append(f'  <Entry {inside}>\n<Item Path="{name}"></Item>  </Entry>')
    text = "\n".join(['<?xml version="1.0" encoding="UTF-8"?>', '<PlaybackStatistics Version="3.0">', *entries])
    path.write_text(text + "\n</PlaybackStatistics>\n", encoding="utf-8-sig")


def write_scrobbler_log(path: Path, songs: Sequence[Song]) -> None:
    lines = ["#AUDIOSCROBBLER/1.1", "#TZ/UTC", "#CLIENT/Rockbox ipodvideo"]
    for s in songs:
        for mark, times in (("L", s.played_at), ("S", s.skipped_at)):
            columns = (s.artist, s.album, s.title, 1, round(s.duration_s), mark)
            lines += ["\t".join(map(str, (*columns, at, s.recording_id or ""))) for at in times]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_rockbox(path: Path, songs: Sequence[Song]) -> None:
    lines = ["## Changelog version 1"]
    for s in songs:
        said = {
            "artist": s.artist, "album": s.album, "title": s.title, "filename": s.path,
            "length": round(1000 * s.duration_s), "playcount": s.plays, "rating": scaled(s.rating, 10),
            "lastplayed": 57,
        }  # fmt: skip
        plain = ((key, str(value).replace("\\", "\\\\").replace('"', '\\"')) for key, value in said.items())
        lines.append(" ".join(f'{key}="{value}"' for key, value in plain) + " ")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _plays(songs: Sequence[Song]) -> list[tuple[Song, int]]:
    return [(s, at) for s in songs for at in s.played_at]


def write_lastfm_uts(path: Path, songs: Sequence[Song]) -> None:
    rows = [("uts", "utc_time", "artist", "artist_mbid", "album", "album_mbid", "track", "track_mbid")]
    rows += [
        (str(at), iso(at, "%d %b %Y, %H:%M") or "", s.artist, "", s.album, "", s.title, s.recording_id or "")
        for s, at in _plays(songs)
    ]
    _csv(path, rows)


def write_lastfm_minutes(path: Path, songs: Sequence[Song]) -> None:
    _csv(path, [(s.artist, s.album, s.title, iso(at, "%d %b %Y %H:%M") or "") for s, at in _plays(songs)])


def write_lastfm_days(path: Path, songs: Sequence[Song]) -> None:
    rows = [(iso(at, "%Y-%m-%d"), iso(at, "%H:%M:%S"), s.artist, s.title) for s, at in _plays(songs)]
    _csv(path, [tuple(map(str, row)) for row in rows])


def write_librefm(path: Path, songs: Sequence[Song]) -> None:
    rows: list[tuple[str, ...]] = [("# Data export from Libre.fm", "", "", ""), ("Artist", "Track", "Album", "Time")]
    _csv(path, [*rows, *((s.artist, s.title, s.album, str(at)) for s, at in _plays(songs))])


def _csv(path: Path, rows: Iterable[Sequence[str]]) -> None:
    lines = (",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in rows)
    path.write_text("\r\n".join(lines) + "\r\n", encoding="utf-8", newline="")


def write_lastfm_pages(path: Path, songs: Sequence[Song]) -> None:
    tracks = [
        {"artist": {"#text": s.artist, "mbid": ""}, "album": {"#text": s.album}, "name": s.title,
         "mbid": s.recording_id or "", "date": {"uts": str(at), "#text": ""}} for s, at in _plays(songs)
    ]  # fmt: skip
    playing = {"artist": {"#text": "x"}, "name": "now", "@attr": {"nowplaying": "true"}}
    path.write_text(json.dumps([{"track": [playing, *tracks[:1]]}, {"track": tracks[1:]}]), encoding="utf-8")


def write_lastfm_loved(path: Path, songs: Sequence[Song]) -> None:
    tracks = [
        {"artist": {"name": s.artist}, "name": s.title, "mbid": s.recording_id or "", "date": {"uts": "1664461146"}}
        for s in songs
        if s.loved
    ]
    path.write_text(json.dumps({"lovedtracks": {"track": tracks, "@attr": {"user": "anna"}}}), encoding="utf-8")


def write_listenbrainz(path: Path, songs: Sequence[Song]) -> None:
    listens = [json.dumps(_listen(s, at)) for s, at in _plays(songs)]
    scores = [
        json.dumps({"score": 1 if s.loved else -1, "recording_mbid": s.recording_id})
        for s in songs
        if s.loved is not None
    ]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("user.json", json.dumps({"user_id": 1}))
        archive.writestr("listens/2023/11.jsonl", "\n".join(listens[:1]))
        archive.writestr("listens/2023/12.jsonl", "\n".join(listens[1:]))
        archive.writestr("feedback.jsonl", "\n".join(scores))


def _listen(s: Song, at: int) -> dict[str, Any]:
    extra = {"recording_mbid": s.recording_id, "duration_ms": round(1000 * s.duration_s)}
    names = {"artist_name": s.artist, "track_name": s.title, "release_name": s.album, "additional_info": extra}
    return {"listened_at": at, "track_metadata": names}


def write_spotify(path: Path, songs: Sequence[Song]) -> None:
    """The extended history: the time is that of the end, and what was left soon may be marked as skipped."""

    def entry(s: Song, at: int, ms: int, *, skipped: bool) -> dict[str, Any]:
        return {
            "ts": iso(at + ms // 1000), "ms_played": ms, "ip_addr": "10.0.0.1", "skipped": skipped,
            "master_metadata_track_name": s.title, "master_metadata_album_artist_name": s.artist,
            "master_metadata_album_album_name": s.album, "episode_name": None, "reason_end": "trackdone",
        }  # fmt: skip

    rows = [entry(s, at, 60_000, skipped=False) for s in songs for at in s.played_at]
    rows += [entry(s, at, 3_000, skipped=True) for s in songs for at in s.skipped_at]
    rows += [entry(songs[0], 1_500_000_000, 3_000, skipped=False)]  # neither played nor skipped
    rows += [entry(songs[0], 1_500_000_000, 60_000, skipped=False) | {"master_metadata_track_name": None}]
    path.write_text(json.dumps(rows), encoding="utf-8")


def write_spotify_account(path: Path, songs: Sequence[Song]) -> None:
    rows = [
        {"endTime": iso(at + 60, "%Y-%m-%d %H:%M"), "artistName": s.artist, "trackName": s.title, "msPlayed": 60_000}
        for s, at in _plays(songs)
    ]
    path.write_text(json.dumps(rows), encoding="utf-8")


def write_maloja(path: Path, songs: Sequence[Song]) -> None:
    def track(s: Song) -> dict[str, Any]:
        album = {"artists": [s.artist], "albumtitle": s.album}
        return {"artists": [s.artist], "title": s.title, "album": album, "length": s.duration_s}

    rows = [{"time": at, "track": track(s), "duration": None, "origin": "client:x"} for s, at in _plays(songs)]
    path.write_text(json.dumps({"maloja": {"export_time": 1}, "scrobbles": rows}, indent=2), encoding="utf-8")


def write_panoscrobbler(path: Path, songs: Sequence[Song]) -> None:
    rows = [
        {
            "timeHuman": "some day", "timeMs": 1000 * at + 933, "artist": s.artist, "track": s.title, "album": s.album,
            "albumArtist": s.artist, "durationMs": round(1000 * s.duration_s), "event": event,
        }
        for event in ("scrobble", "love")
        for s, at in _plays(songs)
    ]  # fmt: skip
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")


NAMES = ("artist", "title", "album")
COUNTS = ("plays", "skips", "rating", "last_played")

Format = tuple[str, Callable[[Path, Sequence[Song]], None], tuple[str, ...]]

# What the recogniser calls it, what writes it, and the fields that it holds.
FORMATS: dict[str, Format] = {
    "mpd": ("mpd", write_mpd, ("path", *COUNTS, "loved")),
    "beets": ("beets", write_beets, ("path", *NAMES, "duration_s", "recording_id", *COUNTS)),
    "banshee": ("banshee", write_banshee, ("path", *NAMES, "duration_s", "recording_id", *COUNTS)),
    "clementine": ("clementine", write_clementine, ("path", *NAMES, "duration_s", *COUNTS)),
    "strawberry": ("strawberry", write_strawberry, ("path", *NAMES, "duration_s", *COUNTS)),
    "mediamonkey": ("mediamonkey", write_mediamonkey, ("path", *NAMES, "duration_s", *COUNTS, "played_at")),
    "kodi": ("kodi", write_kodi, ("path", *NAMES, "duration_s", "recording_id", "plays", "rating", "last_played")),
    "navidrome": (
        "navidrome",
        write_navidrome,
        ("path", *NAMES, "duration_s", "recording_id", "user", "plays", "rating", "last_played", "loved", "played_at"),
    ),
    "jellyfin": (
        "jellyfin",
        write_jellyfin,
        ("path", *NAMES, "duration_s", "user", "plays", "rating", "last_played", "loved"),
    ),
    "old jellyfin": (
        "jellyfin",
        write_old_jellyfin,
        ("path", *NAMES, "duration_s", "user", "plays", "rating", "last_played", "loved"),
    ),
    "plex": ("plex", write_plex, ("path", *NAMES, "duration_s", "user", *COUNTS, "played_at")),
    "lyrion": ("lyrion", write_lyrion, ("path", "recording_id", "plays", "rating", "last_played")),
    "quodlibet": ("quodlibet", write_quodlibet, ("path", *NAMES, "duration_s", "recording_id", *COUNTS)),
    "rhythmbox": (
        "rhythmbox",
        write_rhythmbox,
        ("path", *NAMES, "duration_s", "recording_id", "plays", "rating", "last_played"),
    ),
    "itunes": ("itunes", write_itunes, ("path", *NAMES, "duration_s", *COUNTS, "loved")),
    "foobar2000": ("foobar2000", write_foobar2000, ("path", "plays", "rating", "last_played")),
    "scrobbler log": (
        "scrobbler-log",
        write_scrobbler_log,
        (*NAMES, "duration_s", "recording_id", "played_at", "skipped_at"),
    ),
    "rockbox": ("rockbox", write_rockbox, ("path", *NAMES, "duration_s", "plays", "rating")),
    "lastfm uts": ("lastfm", write_lastfm_uts, (*NAMES, "recording_id", "played_at")),
    "lastfm minutes": ("lastfm", write_lastfm_minutes, (*NAMES, "played_at")),
    "lastfm days": ("lastfm", write_lastfm_days, ("artist", "title", "played_at")),
    "lastfm pages": ("lastfm", write_lastfm_pages, (*NAMES, "recording_id", "played_at")),
    "lastfm loved": ("lastfm", write_lastfm_loved, ("artist", "title", "recording_id", "loved")),
    "librefm": ("librefm", write_librefm, (*NAMES, "played_at")),
    "listenbrainz": ("listenbrainz", write_listenbrainz, (*NAMES, "duration_s", "recording_id", "played_at")),
    "spotify": ("spotify", write_spotify, (*NAMES, "played_at", "skipped_at")),
    "maloja": ("maloja", write_maloja, (*NAMES, "duration_s", "played_at")),
    "panoscrobbler": ("panoscrobbler", write_panoscrobbler, (*NAMES, "duration_s", "played_at")),
    "spotify account": ("spotify", write_spotify_account, ("artist", "title", "played_at")),
}
