"""Playlist files: written byte-exact and all at once, read back as absolute paths.

Paths are `str` as `os.fsdecode` gives them, so a name that is not UTF-8 travels as surrogate escapes and is written
with the bytes that it has on disk.
"""

from __future__ import annotations

import errno
import math
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import unquote_to_bytes

from musictaste.errors import PlaylistFileError, SettingsError, SuffixError

_BOM = b"\xef\xbb\xbf"
_REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS)
_MISREAD = re.compile(r"[#\s]|[^/]*:")
_FILE_URI = re.compile(rb"file:(?://(?:localhost)?)?(/(?!/).*)", re.IGNORECASE)
_OTHER_URI = re.compile(rb"[a-z][a-z0-9+.-]+://", re.IGNORECASE)


@dataclass(frozen=True)
class Entry:
    """One track of a playlist; `path` is absolute."""

    path: str
    title: str | None = None
    artist: str | None = None
    duration_s: float | None = None


@dataclass(frozen=True)
class PathStyle:
    """How paths are written: relative to the playlist's folder, absolute, or with one leading folder replaced.

    `prefix` is the pair (OLD, NEW) of `parse_prefix`; it works on absolute paths, and one outside OLD stays absolute.
    """

    absolute: bool = False
    prefix: tuple[str, str] | None = None


Locate = Callable[[str], str]
Writer = Callable[[Sequence[Entry], str, Locate], tuple[bytes, list[Entry]]]


def parse_prefix(text: str) -> tuple[str, str]:
    """Split OLD=NEW at the first "="; an empty NEW makes paths relative to OLD."""
    old, equals, new = text.partition("=")
    if not equals:
        raise SettingsError(f"'{text}': a prefix is written OLD=NEW")
    if not Path(old).is_absolute():
        raise SettingsError(f"'{text}': the folder before '=' must be an absolute path")
    return old, new


def check_target(path: Path) -> None:
    """Raise what would stop `write_playlist`, before any work is done for it; nothing is left on the disk."""
    _writer(path)
    folder = _file_behind(path).parent if path.is_symlink() else path.parent
    with _failures_named(path, "written"):
        if path.is_dir():
            raise PlaylistFileError(f"'{path}': is a folder, not a file")
        if not folder.exists():
            raise PlaylistFileError(f"'{path}': the folder '{folder}' does not exist")
        if not folder.is_dir():
            raise PlaylistFileError(f"'{path}': '{folder}' is not a folder")
        _probe(path, folder)


def write_playlist(path: Path, entries: Sequence[Entry], *, name: str, paths: PathStyle) -> list[Entry]:
    """Write the format that the suffix of `path` names, whole or not at all.

    Returns
    -------
    list of Entry
        Those that the format cannot hold, in order; they are not in the file.
    """
    content, left_out = _writer(path)(entries, name, _locate(path, paths))
    with _failures_named(path, "written"):
        _replace(_file_behind(path), content)
    return left_out


def read_playlist(path: Path) -> list[str]:
    """Return the absolute paths that a playlist names, whether they exist or not; streams are passed over."""
    if path.suffix.lower() not in _WRITERS:
        raise SuffixError(f"'{path}': cannot read this kind of playlist: use {_known_suffixes()}")
    with _failures_named(path, "read"):
        lines = path.read_bytes().removeprefix(_BOM).splitlines()
    named = (_named_path(line) for line in lines if line.strip() and not line.startswith(b"#"))
    return [_absolute(text, path.parent) for text in named if text is not None]


def _write_m3u(entries: Sequence[Entry], name: str, locate: Locate) -> tuple[bytes, list[Entry]]:
    lines = [b"#EXTM3U", b"#PLAYLIST:" + _comment(name)]
    left_out = []
    for entry in entries:
        location = locate(entry.path)
        if "\n" in location or "\r" in location:  # a line per path is the whole grammar: there is no escape
            left_out.append(entry)
        else:
            lines += [b"#EXTINF:%d,%s" % (_whole_seconds(entry.duration_s), _label(entry)), os.fsencode(location)]
    return b"\n".join([*lines, b""]), left_out


_WRITERS: dict[str, Writer] = {".m3u8": _write_m3u, ".m3u": _write_m3u}


def _writer(path: Path) -> Writer:
    writer = _WRITERS.get(path.suffix.lower())
    if writer is None:
        raise SuffixError(f"'{path}': cannot write this kind of playlist: use {_known_suffixes()}")
    return writer


def _known_suffixes() -> str:
    *others, last = _WRITERS
    return f"{', '.join(others)} or {last}"


def _whole_seconds(duration_s: float | None) -> int:
    if duration_s is None or not math.isfinite(duration_s) or duration_s <= 0:
        return -1
    return round(duration_s)


def _label(entry: Entry) -> bytes:
    title = _comment(entry.title or "") or _comment(Path(entry.path).stem)
    artist = _comment(entry.artist or "")
    return artist + b" - " + title if artist else title


def _comment(text: str) -> bytes:
    # A player may take the whole file for broken over one bad byte, so here, unlike in paths, "?" stands for it.
    return " ".join(text.splitlines()).strip().encode("utf-8", "replace")


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
    separator = "\\" if "\\" in new and "/" not in new else "/"  # the device's, not this system's
    rest = separator.join(Path(path).relative_to(old).parts)
    return new.rstrip(separator) + separator + rest if new else _guarded(rest)


def _file_behind(path: Path) -> Path:
    return Path(os.path.realpath(path))


@contextmanager
def _failures_named(path: Path, verb: str) -> Iterator[None]:
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
    path = folder / f".musictaste-{secrets.token_hex(8)}.tmp"
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def _named_path(line: bytes) -> str | None:
    uri = _FILE_URI.fullmatch(line)
    if uri is None:
        return None if _OTHER_URI.match(line) else _decoded(line)
    text = _decoded(unquote_to_bytes(uri[1]))
    return text[1:] if Path(text[1:]).drive else text  # Windows: file:///C:/Music


def _decoded(line: bytes) -> str:
    try:
        return os.fsdecode(line)
    except UnicodeDecodeError:  # Windows, where names are Unicode and odd bytes come from an old code page
        return line.decode("latin-1")


def _absolute(text: str, folder: Path) -> str:
    """Undo `_relative`: the path by the names as given where it leads to the same file, else by the real folder."""
    if Path(text).is_absolute():
        return text
    opened = Path(os.path.realpath(folder), text)
    as_given = os.path.normpath((folder / text).absolute())
    return as_given if _same_place(as_given, opened) else os.path.normpath(opened)
