"""Playlist files of any player, read within bounds: M3U, PLS, XSPF and JSPF."""

from __future__ import annotations

import codecs
import json
import os
import re
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

from musictaste.errors import PlaylistFileError, PlaysFileError, SuffixError
from musictaste.playlist_files import BOM, URI, failures_named
from musictaste.plays import bounded
from musictaste.track import PlayRecord

_FILE_URI = re.compile(rb"file:(?://(?:localhost)?)?(/(?!/).*)", re.IGNORECASE | re.DOTALL)
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")
_PLS_KEY = re.compile(rb"\s*(file|title)(\d{1,9})\s*=(.*)", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class Line:
    """One track of a playlist: the name as the file has it, and the absolute path that it means.

    `path` is None for what is on a network, and for what is only named, as services do.
    """

    text: str
    path: str | None
    title: str | None = None
    artist: str | None = None


Reader = Callable[[Path], Iterator[Line]]


def is_playlist(path: Path) -> bool:
    """Whether it is a file whose suffix is that of a playlist which can be read."""
    return path.suffix.lower() in _READERS and os.path.isfile(path)


def read_lines(path: Path) -> list[Line]:
    """All tracks that a playlist names, in order, whether they exist or not.

    Raises
    ------
    SuffixError
        When the suffix is that of no playlist.
    PlaylistFileError
        When the file cannot be read, is damaged, or is larger than any playlist.
    """
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        *others, last = _READERS
        raise SuffixError(f"'{path}': cannot read this kind of playlist: use {', '.join(others)} or {last}")
    with failures_named(path, "read"):
        try:
            return list(reader(path))
        except PlaysFileError as error:
            raise PlaylistFileError(f"'{path}': {error}") from error


def read_playlist(path: Path) -> list[str]:
    """The absolute paths that a playlist names, whether they exist or not; streams are passed over."""
    return [line.path for line in read_lines(path) if line.path is not None]


def fault(path: str) -> str | None:
    """Why a track cannot be opened, as a clause; None where it can."""
    if "\0" in path:
        return "has a null in its name"
    try:
        if not stat.S_ISREG(Path(path).stat().st_mode):  # a pipe would be waited for
            return "is not a file"
        with Path(path).open("rb"):
            return None
    except OSError as error:
        return error.strerror or str(error)


def record(line: Line) -> PlayRecord:
    """What a line says of its track, the name of the file standing in for a title that it does not have."""
    path = line.path or line.text
    artist, title = (line.artist, line.title) if line.title else _names(Path(path.replace("\\", "/")).stem)
    return PlayRecord(paths=(line.path,) if line.path else (), artist=artist, title=title)


def _bytes_of(path: Path) -> bytes:
    with path.open("rb") as file:
        content = file.read(bounded.WHOLE_BYTES + 1)
    if len(content) > bounded.WHOLE_BYTES:
        raise PlaysFileError(f"is larger than {bounded.WHOLE_BYTES >> 20} MiB")
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16", "replace").encode("utf-8", "replace")
    return content.removeprefix(BOM)


def _read_m3u(path: Path) -> Iterator[Line]:
    artist, title = None, None
    for line in _bytes_of(path).splitlines():
        if line.upper().startswith(b"#EXTINF:"):
            artist, title = _names(_label(line.partition(b",")[2]))
        elif line.strip() and not line.startswith(b"#"):
            yield Line(_decoded(line), _path_of(line, path.parent), title, artist)
            artist, title = None, None


def _read_pls(path: Path) -> Iterator[Line]:
    files: dict[int, bytes] = {}
    titles: dict[int, bytes] = {}
    for line in _bytes_of(path).splitlines():
        if found := _PLS_KEY.fullmatch(line):
            kept = files if found[1].lower() == b"file" else titles
            kept[int(found[2])] = found[3]
    for number, named in sorted(files.items()):
        artist, title = _names(_label(titles.get(number, b"")))
        yield Line(_decoded(named), _path_of(named, path.parent), title, artist)


def _read_xspf(path: Path) -> Iterator[Line]:
    with path.open("rb") as stream:
        root = bounded.xml_root(stream.peek(bounded.CHUNK)) or ""
        space = root[: root.rfind(":") + 1]  # a prefix of the namespace, where there is one
        place = [space + tag for tag in ("playlist", "trackList", "track")]
        for row in bounded.xml_rows(stream, *place):
            facts = {tag.removeprefix(space): text.strip() for tag, _, text in reversed(row)}
            if facts.get("location"):
                yield _referred(facts["location"], facts.get("title"), facts.get("creator"), path.parent)
            elif facts.get("title"):
                yield _named(facts["title"], facts.get("creator"))


def _read_jspf(path: Path) -> Iterator[Line]:
    try:
        document = json.loads(_bytes_of(path))
    except (ValueError, RecursionError) as error:
        raise PlaysFileError(f"is damaged JSON: {error}") from error
    playlist = document.get("playlist") if isinstance(document, dict) else None
    tracks = playlist.get("track") if isinstance(playlist, dict) else None
    if not isinstance(tracks, list):
        raise PlaysFileError("is JSON without the tracks of a playlist")
    for track in tracks:
        facts = track if isinstance(track, dict) else {}
        locations = facts.get("location")
        first = locations[0] if isinstance(locations, list) and locations else locations
        title, creator = _text(facts.get("title")), _text(facts.get("creator"))
        if isinstance(first, str) and first.strip():
            yield _referred(_clean(first.strip()), title, creator, path.parent)
        elif title:
            yield _named(title, creator)


_READERS: dict[str, Reader] = {
    ".m3u8": _read_m3u,
    ".m3u": _read_m3u,
    ".pls": _read_pls,
    ".xspf": _read_xspf,
    ".jspf": _read_jspf,
}


def _text(value: Any) -> str | None:
    return _clean(value) if isinstance(value, str) else None


def _clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode()  # JSON may hold lone surrogates, which nothing can print


def _label(line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line.decode("latin-1")


def _names(label: str) -> tuple[str | None, str | None]:
    """Artist and title of the label "Artist - Title", which may have no artist."""
    artist, dash, title = label.strip().partition(" - ")
    return (artist, title) if dash else (None, artist or None)


def _referred(uri: str, title: str | None, artist: str | None, folder: Path) -> Line:
    """A line out of a URI or, relative to the playlist's folder, a reference (RFC 3986, section 4.2)."""
    raw = uri.encode()
    if _FILE_URI.fullmatch(raw) or URI.match(uri):
        return Line(uri, _path_of(raw, folder), title, artist)
    return Line(uri, _absolute(_decoded(unquote_to_bytes(raw)), folder), title, artist)


def _named(title: str, artist: str | None) -> Line:
    return Line(f"{artist} - {title}" if artist else title, None, title, artist)


def _path_of(line: bytes, folder: Path) -> str | None:
    uri = _FILE_URI.fullmatch(line)
    if uri is None:
        text = _decoded(line)
        return None if URI.match(text) else _meant(text, folder)
    text = _decoded(unquote_to_bytes(uri[1]))
    return _absolute(text[1:] if Path(text[1:]).drive else text, folder)  # Windows: file:///C:/Music


def _meant(text: str, folder: Path) -> str:
    """The path as written; percent-decoded, with other slashes or of an old code page where only that exists.

    Some players write them so. A path of Windows that is not here stays as it is.
    """
    raw = os.fsencode(text)
    forms = (text, _decoded(unquote_to_bytes(raw)), text.replace("\\", "/"), _label(raw))
    paths = [_absolute(form, folder) for form in dict.fromkeys(forms)]
    as_written = text if _DRIVE.match(text) else paths[0]
    return next((path for path in paths if os.path.isfile(path)), as_written)


def _decoded(line: bytes) -> str:
    try:
        return os.fsdecode(line)
    except UnicodeDecodeError:  # Windows, where names are Unicode and odd bytes come from an old code page
        return line.decode("latin-1")


def _absolute(text: str, folder: Path) -> str:
    """The path by the names as given where it leads to the file that players open, else by the real folder."""
    if Path(text).is_absolute() or "\0" in text:  # no system opens a name with a null
        return text
    opened = Path(os.path.realpath(folder), text)
    as_given = os.path.normpath((folder / text).absolute())
    same = os.path.realpath(as_given) == os.path.realpath(opened)
    return as_given if same else os.path.normpath(opened)
