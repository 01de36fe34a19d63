"""Where words are looked for, nearest first."""

from __future__ import annotations

import difflib
import threading
from collections.abc import Collection
from typing import Protocol

from musictaste.errors import LyricsSourceError
from musictaste.lyrics.agreement import Hit
from musictaste.track import Song

DEFAULT = ("tags", "files")
SERVICES = ("lrclib", "genius")
"""These are asked over the network, and only when the user says so."""

SOURCES = (*DEFAULT, *SERVICES)


class Service(Protocol):
    """A source that is asked over the network."""

    @property
    def name(self) -> str: ...

    def find(self, song: Song) -> Hit | None: ...


def choose(names: str, *, offline: bool) -> tuple[str, ...]:
    """The sources that a list with commas names, nearest first; offline without services.

    Raises
    ------
    LyricsSourceError
        When one is not known.
    """
    wanted = {name.strip().lower() for name in names.split(",")} - {"", "none"}
    for name in sorted(wanted.difference(SOURCES)):
        near = difflib.get_close_matches(name, SOURCES, 1, 0)[0]
        raise LyricsSourceError(f"'{name}': is no source of lyrics: did you mean '{near}'?")
    return tuple(name for name in SOURCES if name in wanted and not (offline and name in SERVICES))


def open_services(names: Collection[str], token: str | None, stopping: threading.Event) -> list[Service]:
    """Clients of the services among some sources, nearest first; nothing is sent yet.

    Raises
    ------
    LyricsSourceError
        When Genius is asked for without a token.
    """
    services: list[Service] = []
    if "lrclib" in names:
        from musictaste.lyrics.lrclib import Lrclib

        services.append(Lrclib(stopping))
    if "genius" in names:
        if not token:
            raise LyricsSourceError(
                "'genius': needs a token of yours (https://genius.com/api-clients): set GENIUS_ACCESS_TOKEN,"
                " or genius_token under [scan] in config.toml"
            )
        from musictaste.lyrics.genius import Genius

        services.append(Genius(token, stopping))
    return services
