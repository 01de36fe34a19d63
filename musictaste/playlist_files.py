"""Playlist files, written byte-exact and all at once, in the way that a player wants them.

Paths are `str` as `os.fsdecode` gives them, so a name that is not UTF-8 travels as surrogate escapes and is written
with the bytes that it has on disk.
"""

from __future__ import annotations

import errno
import json
import math
import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeGuard
from urllib.parse import quote

from musictaste.errors import PlaylistFileError, SettingsError, SuffixError

BOM = b"\xef\xbb\xbf"
XSPF = "http://xspf.org/ns/0/"
_REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS)
_MISREAD = re.compile(r"[#\s]|[^/]*:")
URI = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)
_NOT_XML = r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")


@dataclass(frozen=True)
class Entry:
    """One track of a playlist; `path` is absolute."""

    path: str
    title: str | None = None
    artist: str | None = None
    duration_s: float | None = None


@dataclass(frozen=True)
class LeftOut:
    """A track that is not in the file, because the format cannot hold its name; the reason is a clause."""

    entry: Entry
    reason: str


@dataclass(frozen=True)
class Player:
    """What a player expects of its playlists.

    `encoded` are the characters of a path that it takes for percent-encoding or another part of a URI; None when it
    takes all of them as they are, "" when the whole path has to be encoded. `marked` ones need a byte order mark to
    take .m3u for UTF-8. `beside_music` are the suffixes that it finds among the music, but not in a folder of its own
    for playlists.
    """

    suffixes: tuple[str, ...] = (".m3u8", ".m3u")
    absolute: bool = False
    windows: bool = False
    encoded: str | None = None
    marked: bool = False
    beside_music: tuple[str, ...] = ()


_WITH_XSPF = (".m3u8", ".m3u", ".xspf")
PLAYERS = {
    # Its playlist folder is not where its music is, so relative paths would end elsewhere.
    "mpd": Player(absolute=True, beside_music=(".m3u8",)),
    "navidrome": Player(),
    "jellyfin": Player(encoded="%+"),  # it decodes each line as a form of the web: "+" would become a space
    "plex": Player(absolute=True),
    "kodi": Player(_WITH_XSPF),
    "vlc": Player(_WITH_XSPF, encoded=""),  # it takes each line for a reference, so "%41", "?" and "#" would be lost
    "rockbox": Player(marked=True),
    "lyrion": Player(_WITH_XSPF),
    "strawberry": Player(_WITH_XSPF),
    "foobar2000": Player((".m3u8",), windows=True),
}


@dataclass(frozen=True)
class PathStyle:
    """How paths are written: relative to the playlist's folder, absolute, or with one leading folder replaced.

    `prefix` is the pair (OLD, NEW) of `parse_prefix`; it works on absolute paths, and one outside OLD stays absolute.
    """

    absolute: bool = False
    prefix: tuple[str, str] | None = None
    player: str | None = None


Locate = Callable[[str], str]
Placed = Sequence[tuple[Entry, str]]
"""Tracks, and how the file names each: a path, or a URI with a scheme."""
Writer = Callable[[Placed, str], bytes]


def path_style(*, absolute: bool | None, prefix: str | None, player: str | None) -> PathStyle:
    """How paths are written where an option says so, else as the player expects it.

    Raises
    ------
    SettingsError
        When the player is not known, or the prefix is none.
    """
    if player is not None and player not in PLAYERS:
        raise SettingsError(f"'{player}': unknown player: use {_listed(list(PLAYERS))}")
    by_default = player is not None and PLAYERS[player].absolute
    chosen = by_default if absolute is None else absolute
    return PathStyle(chosen, parse_prefix(prefix) if prefix is not None else None, player)


def parse_prefix(text: str) -> tuple[str, str]:
    """Split OLD=NEW at the first "="; an empty NEW makes paths relative to OLD."""
    old, equals, new = text.partition("=")
    if not equals:
        raise SettingsError(f"'{text}': a prefix is written OLD=NEW")
    if not Path(old).is_absolute():
        raise SettingsError(f"'{text}': the folder before '=' must be an absolute path")
    return old, new


def check_target(path: Path, player: str | None = None) -> None:
    """Raise what would stop `write_playlist`, before any work is done for it; nothing is left on the disk."""
    _writer(path, player)
    folder = _file_behind(path).parent if path.is_symlink() else path.parent
    with failures_named(path, "written"):
        if path.is_dir():
            raise PlaylistFileError(f"'{path}': is a folder, not a file")
        if not folder.exists():
            raise PlaylistFileError(f"'{path}': the folder '{folder}' does not exist")
        if not folder.is_dir():
            raise PlaylistFileError(f"'{path}': '{folder}' is not a folder")
        _probe(path, folder)


def hint(path: Path, player: str | None) -> str | None:
    """What the user has to know for the player to find a playlist; None where there is nothing."""
    if player is None or path.suffix.lower() not in PLAYERS[player].beside_music:
        return None
    return f"{player} finds {path.suffix} among its music alone: in its folder for playlists it takes .m3u"


def write_playlist(path: Path, entries: Sequence[Entry], *, name: str, paths: PathStyle) -> list[LeftOut]:
    """Write the format that the suffix of `path` names, whole or not at all.

    Returns
    -------
    list of LeftOut
        Those that the format cannot hold, in order; they are not in the file.
    """
    writer = _writer(path, paths.player)
    player = PLAYERS.get(paths.player or "", Player())
    locate = _locate(path, paths)
    placed, left_out = [], []
    for entry in entries:
        location = locate(entry.path)
        in_lines = writer is _write_m3u
        written = _for_player(location, player) if in_lines else location
        reason = _obstacle(entry.path, written, player, in_lines=in_lines)
        if reason:
            left_out.append(LeftOut(entry, reason))
        else:
            placed.append((entry, written))
    mark = BOM if player.marked and path.suffix.lower() == ".m3u" else b""
    write_whole(path, mark + writer(placed, name))
    return left_out


def write_whole(path: Path, content: bytes) -> None:
    """Write a file that is there whole or as it was before; one that has this content already is left as it is.

    Raises
    ------
    PlaylistFileError
        When it cannot be written.
    """
    with failures_named(path, "written"):
        target = _file_behind(path)
        if not _holds(target, content):
            _replace(target, content)


def _holds(path: Path, content: bytes) -> bool:
    try:
        return path.read_bytes() == content
    except OSError:  # it is not there, or may be written but not read
        return False


def _obstacle(path: str, written: str, player: Player, *, in_lines: bool) -> str | None:
    if in_lines and ("\n" in written or "\r" in written):  # a line per path is the whole grammar: there is no escape
        return "its name has a line break"
    if player.windows and "\\" in path and os.sep != "\\":
        return "its name has a backslash, which Windows takes for a folder"
    return None


def _for_player(location: str, player: Player) -> str:
    if URI.match(location):
        return location
    if player.windows:
        return location.replace("/", "\\")
    if player.encoded is None:
        return location
    if not player.encoded:
        return _uri(location) if _DRIVE.match(location) else _quoted(location)
    return "".join(quote(c, safe="") if c in player.encoded else c for c in location)


def _quoted(path: str) -> str:
    return quote(os.fsencode(path))


def _uri(location: str) -> str:
    """The URI (RFC 3986, RFC 8089) of a path, a relative reference where it is relative."""
    if URI.match(location):
        return location
    if _DRIVE.match(location):
        return f"file:///{location[:2]}{_quoted(location[2:].replace(chr(92), '/'))}"
    slashed = location.replace(os.sep, "/")
    return f"file://{_quoted(slashed)}" if slashed.startswith("/") else _quoted(slashed)


def _write_m3u(placed: Placed, name: str) -> bytes:
    lines = [b"#EXTM3U", b"#PLAYLIST:" + _comment(name)]
    for entry, location in placed:
        lines += [b"#EXTINF:%d,%s" % (_whole_seconds(entry.duration_s), _label(entry)), os.fsencode(location)]
    return b"\n".join([*lines, b""])


def _write_xspf(placed: Placed, name: str) -> bytes:
    """XSPF version 1: https://xspf.org/spec."""
    from xml.etree import ElementTree as ET  # every start of the program would pay for it

    root = ET.Element("playlist", {"version": "1", "xmlns": XSPF})
    ET.SubElement(root, "title").text = _plain(name)
    tracks = ET.SubElement(root, "trackList")
    for entry, location in placed:
        track = ET.SubElement(tracks, "track")
        for tag, value in _facts(entry, location).items():
            ET.SubElement(track, tag).text = str(value)
    ET.indent(root)
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"


def _write_jspf(placed: Placed, name: str) -> bytes:
    """XSPF in JSON: https://wiki.xiph.org/JSPF_Draft."""
    tracks = [_facts(entry, location) for entry, location in placed]
    rows = [{**facts, "location": [facts["location"]]} for facts in tracks]
    document = {"playlist": {"title": _plain(name), "track": rows}}
    return json.dumps(document, ensure_ascii=False, indent=2).encode() + b"\n"


def _facts(entry: Entry, location: str) -> dict[str, str | int]:
    """The elements of a track; `duration` is in milliseconds."""
    facts: dict[str, str | int] = {"location": _uri(location)}
    facts |= {
        key: text
        for key, text in (("title", _plain(entry.title or "")), ("creator", _plain(entry.artist or "")))
        if text
    }
    if _is_length(entry.duration_s):
        facts["duration"] = round(entry.duration_s * 1000)
    return facts


_WRITERS: dict[str, Writer] = {".m3u8": _write_m3u, ".m3u": _write_m3u, ".xspf": _write_xspf, ".jspf": _write_jspf}


def _writer(path: Path, player: str | None) -> Writer:
    suffix = path.suffix.lower()
    if suffix not in _WRITERS:
        raise SuffixError(f"'{path}': cannot write this kind of playlist: use {_listed(list(_WRITERS))}")
    if player is not None and suffix not in PLAYERS[player].suffixes:
        raise SuffixError(
            f"'{path}': {player} does not read this kind of playlist: use {_listed(PLAYERS[player].suffixes)}"
        )
    return _WRITERS[suffix]


def _listed(names: Sequence[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} or {last}" if others else last


def _whole_seconds(duration_s: float | None) -> int:
    return round(duration_s) if _is_length(duration_s) else -1


def _is_length(duration_s: float | None) -> TypeGuard[float]:
    return duration_s is not None and math.isfinite(duration_s) and duration_s > 0


def _label(entry: Entry) -> bytes:
    title = _comment(entry.title or "") or _comment(Path(entry.path).stem)
    artist = _comment(entry.artist or "")
    return artist + b" - " + title if artist else title


def _comment(text: str) -> bytes:
    # A player may take the whole file for broken over one bad byte, so here, unlike in paths, "?" stands for it.
    return " ".join(text.splitlines()).strip().encode("utf-8", "replace")


def _plain(text: str) -> str:
    """One line without what XML 1.0 has no way to write (section 2.2)."""
    # Compiled here, once: so many characters take some milliseconds, which only XSPF is to wait for.
    return re.sub(_NOT_XML, "", _comment(text).decode())


def _locate(playlist: Path, paths: PathStyle) -> Locate:
    if paths.prefix is not None:
        return partial(_rewritten, prefix=paths.prefix)
    if paths.absolute or _is_linked_elsewhere(playlist):
        return str
    return partial(_relative, folder=playlist.parent)


def _is_linked_elsewhere(playlist: Path) -> bool:
    """Whether it is a link to a file in another folder: no relative path then opens through both of its names."""
    return os.path.realpath(playlist.parent) != str(_file_behind(playlist).parent)


def _relative(path: str, *, folder: Path) -> str:
    """Return `path` relative to a folder, such that the system opens the same file through it.

    Players open folder + line, and ".." then leaves the folder that a link leads to, not the one that holds the link.
    The path between the names as given is the one to prefer, because it survives when a linked disk is mounted
    elsewhere, but it holds only where it leads to the same file.
    """
    real = os.path.realpath(folder)
    try:
        for start in (folder, real):
            near = os.path.relpath(path, start)
            if _same_place(path, Path(real, near)):
                return _guarded(near)
    except ValueError:  # Windows: another drive
        pass
    return path


def _same_place(path: str, other: Path) -> bool:
    return os.path.realpath(path) == os.path.realpath(other)


def _guarded(relative: str) -> str:
    """Put "./" before what a player would take for a comment, strip, or read as a URI (RFC 3986, section 4.2)."""
    return f"./{relative}" if _MISREAD.match(relative) else relative


def _rewritten(path: str, *, prefix: tuple[str, str]) -> str:
    old, new = prefix
    if not Path(path).is_relative_to(old):
        return path
    if URI.match(new):
        return new.rstrip("/") + "/" + _quoted(Path(path).relative_to(old).as_posix())
    separator = "\\" if "\\" in new and "/" not in new else "/"  # the device's, not this system's
    rest = separator.join(Path(path).relative_to(old).parts)
    return new.rstrip(separator) + separator + rest if new else _guarded(rest)


def _file_behind(path: Path) -> Path:
    return Path(os.path.realpath(path))


@contextmanager
def failures_named(path: Path, verb: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise PlaylistFileError(f"'{path}': cannot be {verb}: {error.strerror or error}") from error


def _probe(path: Path, folder: Path) -> None:
    try:
        with _temporary(folder) as temporary:
            temporary.touch(exist_ok=False)
    except OSError as error:
        if error.errno in _REFUSED:
            raise PlaylistFileError(f"'{path}': the folder '{folder}' cannot be written to") from error
        raise


def _replace(target: Path, content: bytes) -> None:
    with _temporary(target.parent) as temporary:
        # "x" is exclusive, and unlike mkstemp leaves the mode to the umask and to the folder's default ACL.
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            shutil.copymode(target, temporary)
        temporary.replace(target)


@contextmanager
def _temporary(folder: Path) -> Iterator[Path]:
    # Hidden, so that a player which watches the folder does not import half a playlist.
    path = folder / f".musictaste-{os.urandom(8).hex()}.tmp"
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)
