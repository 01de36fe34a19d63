"""Files of words beside files of music: `song.lrc` or `song.txt` for `song.mp3`, there or in a folder "Lyrics"."""

from __future__ import annotations

import os
import stat
import unicodedata
from collections.abc import Iterable

from musictaste.track import Beside

SUFFIXES = (".lrc", ".txt")
FOLDER = "lyrics"
MOST_BYTES = 1 << 20
"""A larger file is no song's words."""

ENCODINGS = (
    "utf-8", "utf-16", "utf-16-le", "utf-16-be", "gb18030", "big5hkscs", "cp932", "euc-jp", "cp949", "windows-1252",
    "windows-1250", "windows-1251", "windows-1254", "windows-1256", "cp874",
)  # fmt: skip
"""What old files of words come in; with every encoding to choose from, short ones are taken for rarities."""


class Shelf:
    """The files of words that lie in one folder, by the name of the song without case."""

    def __init__(self, entries: Iterable[os.DirEntry[str]]) -> None:
        self._by_stem: dict[str, list[tuple[int, int, os.DirEntry[str]]]] = {}
        for entry in entries:
            self._add(entry, 0)
            if entry.name.lower() == FOLDER and entry.is_dir():
                for inside in _list(entry.path):
                    self._add(inside, 1)

    def _add(self, entry: os.DirEntry[str], depth: int) -> None:
        stem, suffix = os.path.splitext(entry.name)
        if suffix.lower() in SUFFIXES and not stem.startswith("."):
            rank = SUFFIXES.index(suffix.lower())
            self._by_stem.setdefault(_folded(stem), []).append((depth, rank, entry))

    def find(self, name: str) -> Beside | None:
        """The file of words for a file of music: beside it before in the folder, .lrc before .txt."""
        stem = os.path.splitext(name)[0]

        def nearness(found: tuple[int, int, os.DirEntry[str]]) -> tuple[int, int, bool, str]:
            depth, rank, entry = found
            return depth, rank, os.path.splitext(entry.name)[0] != stem, entry.name

        for _, _, entry in sorted(self._by_stem.get(_folded(stem), ()), key=nearness):
            try:
                info = entry.stat()
            except OSError:  # it vanished, or is a broken link
                continue
            if stat.S_ISREG(info.st_mode):
                return Beside(entry.path, info.st_mtime_ns)
        return None


def _list(folder: str) -> list[os.DirEntry[str]]:
    try:
        return list(os.scandir(folder))
    except OSError:  # whoever walks the folder itself reports it
        return []


def _folded(stem: str) -> str:
    """Without case, and composed: macOS and archives store the same name decomposed."""
    return unicodedata.normalize("NFC", stem).casefold()


def read_beside(beside: Beside) -> str:
    """The text of a file of words; empty where it cannot be read or is too large."""
    try:
        with open(beside.path, "rb") as file:
            raw = file.read(MOST_BYTES + 1)
    except OSError:
        return ""
    return "" if len(raw) > MOST_BYTES else decode(raw)


def decode(raw: bytes) -> str:
    """Text from bytes in an encoding that nobody noted."""
    if b"\0" not in raw:
        try:
            return raw.decode("utf-8-sig")
        except UnicodeDecodeError:
            pass
    import chardet

    encoding = chardet.detect(raw, include_encodings=ENCODINGS)["encoding"]
    return raw.decode(encoding or "cp1252", "replace")
