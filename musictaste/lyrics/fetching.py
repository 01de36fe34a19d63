"""Asking services in a thread of its own, so that nobody who listens to music waits for them."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from musictaste.errors import LeftAloneError, NoAnswerError
from musictaste.lyrics.agreement import disagreement, other_script
from musictaste.lyrics.cleaning import understand
from musictaste.lyrics.sources import Service
from musictaste.track import Lyrics, Song


@dataclass(frozen=True)
class Fetched:
    """What a service said to one question: the words, or why there are none."""

    track_id: int
    source: str
    lyrics: Lyrics | None
    reason: str = ""


@dataclass(frozen=True)
class Unanswered:
    """A question that a service did not answer; it is asked again by the next scan."""

    track_id: int
    source: str
    reason: str


@dataclass(frozen=True)
class LeftAlone:
    """A service that is not asked any more by this scan."""

    source: str
    reason: str


Said = Fetched | Unanswered | LeftAlone


class Fetcher:
    """Songs go in, what services say of them comes out, both without waiting."""

    def __init__(self, open_services: Callable[[threading.Event], Sequence[Service]]) -> None:
        self._stopping = threading.Event()
        self._services = list(open_services(self._stopping))
        self._songs: queue.SimpleQueue[tuple[Song, Sequence[str]] | None] = queue.SimpleQueue()
        self._said: queue.SimpleQueue[Said | None] = queue.SimpleQueue()
        self._asked: set[int] = set()
        self._thread = threading.Thread(target=self._work, name="lyrics", daemon=True)
        self.pending = 0
        """How many songs wait for an answer."""

    def __enter__(self) -> Self:
        if self._services:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        # A request that is under way is not waited for: its thread owns nothing that anybody else needs.
        self._stopping.set()
        self._songs.put(None)

    @property
    def services(self) -> tuple[str, ...]:
        return tuple(service.name for service in self._services)

    def ask(self, songs: Mapping[Song, Sequence[str]]) -> None:
        """Look for the words of songs that were not asked for before, each at the services named for it."""
        for song, names in songs.items():
            if names and song.track_id not in self._asked:
                self._asked.add(song.track_id)
                self.pending += 1
                self._songs.put((song, names))

    def said(self, *, wait_s: float = 0.0) -> list[Said]:
        """All that came since the last call; where nothing did, what comes first within a time."""
        found: list[Said] = []
        while True:
            try:
                said = self._said.get(block=bool(wait_s and self.pending and not found), timeout=wait_s)
            except queue.Empty:
                if self._thread.ident and not self._thread.is_alive():
                    self.pending = 0  # whatever ended it, nobody will answer
                return found
            if said is None:
                self.pending -= 1
            else:
                found.append(said)

    def _work(self) -> None:
        while not self._stopping.is_set() and (item := self._songs.get()):
            song, names = item
            for said in self._look_for(song, [service for service in self._services if service.name in names]):
                self._said.put(said)
            self._said.put(None)

    def _look_for(self, song: Song, services: Iterable[Service]) -> Iterable[Said]:
        for service in services:
            try:
                fetched = _ask(service, song)
            except LeftAloneError as error:
                self._services.remove(service)
                yield LeftAlone(service.name, str(error))
            except NoAnswerError as error:
                yield Unanswered(song.track_id, service.name, str(error))
            else:
                yield fetched
                if fetched.lyrics:
                    return


def _ask(service: Service, song: Song) -> Fetched:
    hit = service.find(song)
    if hit is None:
        return Fetched(song.track_id, service.name, None)
    lyrics = understand(service.name, hit.text, instrumental=hit.instrumental)
    reason = disagreement(song, hit) or (other_script(song, lyrics.words) if lyrics.words else None)
    if not reason and not lyrics.words and not lyrics.instrumental:
        reason = "nothing is left of the words after cleaning"
    return Fetched(song.track_id, service.name, None if reason else lyrics, reason or "")
