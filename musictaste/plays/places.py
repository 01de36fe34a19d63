"""Where players keep their files."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

_PLEX = "Plex Media Server/Plug-in Support/Databases/com.plexapp.plugins.library.db"

# The name of a variable, then a pattern below the folder that it names. ROOT is the file system's own.
PLACES: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "HOME",
        (
            ".mpd/sticker.sql",
            ".quodlibet/songs",
            ".kodi/userdata/Database/MyMusic*.db",
            ".var/app/tv.kodi.Kodi/data/userdata/Database/MyMusic*.db",
            ".var/app/org.gnome.Rhythmbox3/data/rhythmbox/rhythmdb.xml",
            ".var/app/org.strawberrymusicplayer.strawberry/data/strawberry/strawberry/strawberry.db",
            ".var/app/org.clementine_player.Clementine/config/Clementine/clementine.db",
            ".var/app/io.github.quodlibet.QuodLibet/config/quodlibet/songs",
            ".scrobbler.log",
            "Music/iTunes/iTunes*Library.xml",
            "Music/Music/Library.xml",
            "Music/MusicBee/iTunes*Library.xml",
            "Library/Application Support/Clementine/clementine.db",
            "Library/Application Support/Strawberry/Strawberry/strawberry.db",
            "Library/Application Support/Kodi/userdata/Database/MyMusic*.db",
            f"Library/Application Support/{_PLEX}",
            "Library/Application Support/jellyfin/data/*.db",
            # What services export goes where browsers put it.
            "Downloads/listenbrainz*.zip",
            "Downloads/my_spotify_data*.zip",
            "Downloads/StreamingHistory*.json",
            "Downloads/Streaming_History_Audio*.json",
            "Downloads/endsong*.json",
            "Downloads/*scrobbles*.csv",
            "Downloads/maloja_export*.json",
            "Downloads/*[Ss]crobbl*.jsonl",
            "Downloads/*lastfm*.csv",
            "Downloads/iTunes*Library.xml",
            "Downloads/*[Ss]tatistics*.xml",
            "Documents/*[Ss]tatistics*.xml",
        ),
    ),
    (
        "XDG_CONFIG_HOME",
        (
            "banshee-1/banshee.db",
            "Clementine/clementine.db",
            "quodlibet/songs",
            "beets/*.db",
            "mpd/sticker.sql",
        ),
    ),
    (
        "XDG_DATA_HOME",
        (
            "rhythmbox/rhythmdb.xml",
            "strawberry/strawberry/strawberry.db",
            "mpd/sticker.sql",
            "navidrome/navidrome.db",
            "jellyfin/data/*.db",
            "beets/*.db",
        ),
    ),
    ("XDG_CACHE_HOME", ("mpd/sticker.sql",)),
    (
        "APPDATA",
        (
            "MediaMonkey5/MM5.DB",
            "MediaMonkey/MM.DB",
            "Kodi/userdata/Database/MyMusic*.db",
            "Quod Libet/songs",
            "beets/*.db",
        ),
    ),
    (
        "LOCALAPPDATA",
        (
            "Strawberry/Strawberry/strawberry.db",
            _PLEX,
            "jellyfin/data/*.db",
        ),
    ),
    ("PROGRAMDATA", ("Jellyfin/Server/data/*.db", "Squeezebox/Cache/persist.db", "Lyrion/Cache/persist.db")),
    ("ND_DATAFOLDER", ("navidrome.db",)),
    (
        "ROOT",
        (
            "var/lib/mpd/sticker.sql",
            "var/lib/navidrome/navidrome.db",
            "var/lib/jellyfin/data/*.db",
            f"var/lib/plexmediaserver/Library/Application Support/{_PLEX}",
            "var/lib/squeezeboxserver/cache/persist.db",
            "var/lib/lyrionmusicserver/cache/persist.db",
            # Portable players, where systems mount them.
            "media/*/*/.scrobbler.log",
            "media/*/*/.rockbox/database_changelog.txt",
            "run/media/*/*/.scrobbler.log",
            "run/media/*/*/.rockbox/database_changelog.txt",
            "Volumes/*/.scrobbler.log",
            "Volumes/*/.rockbox/database_changelog.txt",
        ),
    ),
)


def candidates(environment: Mapping[str, str], root: Path = Path("/")) -> Iterator[Path]:
    """Files at the places where players keep theirs, each once; whether they are what they seem is not looked at.

    `environment` holds the variables of the user's session, `root` is where the file system begins.
    """
    home = Path(environment.get("HOME") or environment.get("USERPROFILE") or os.path.expanduser("~"))  # noqa: PTH111
    defaults = {
        "XDG_CONFIG_HOME": home / ".config",
        "XDG_DATA_HOME": home / ".local/share",
        "XDG_CACHE_HOME": home / ".cache",
        "HOME": home,
        "ROOT": root,
    }
    given = {name: Path(environment[name]) for name, _ in PLACES if environment.get(name)}
    folders = defaults | {name: folder for name, folder in given.items() if name not in ("HOME", "ROOT")}
    seen = set()
    for variable, patterns in PLACES:
        for pattern in patterns if variable in folders else ():
            for path in sorted(_matching(folders[variable], pattern)):
                if path.resolve() not in seen:
                    seen.add(path.resolve())
                    yield path


def _matching(folder: Path, pattern: str) -> list[Path]:
    """The files that match; a folder that cannot be looked into holds none."""
    try:
        return [path for path in folder.glob(pattern) if path.is_file()]
    except OSError:
        return []
