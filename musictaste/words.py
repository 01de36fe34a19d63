"""What the songs of a library say, kept up to date from the sources of their words."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from typing import Protocol

from musictaste import lyrics, moods, quality
from musictaste.store import Library
from musictaste.track import Beside, Labels, Reading, Unread

REMEMBER_MISSES_S = 30 * 86_400
AT_ONCE = 500
READ_AT_ONCE = 50

MOST_READ_CHARACTERS = 8_000
"""So much of a song is read: what it has not said by then it will not say."""


class Reads(Protocol):
    """What names the emotion of words, as `inference.Reader` does."""

    def read_all(self, texts: Sequence[str], languages: Sequence[str | None]) -> list[Labels | None]: ...

    def loudest(self, words: str, language: str | None, labels: Sequence[str]) -> dict[str, int]: ...


def keep_found(
    library: Library, file_id: int, embedded: str | None, beside: Beside | None, sources: Collection[str]
) -> None:
    """Keep the words in a file and beside it, of the sources that count."""
    if embedded and "tags" in sources:
        library.save_lyrics(file_id, lyrics.understand("tags", embedded))
    else:
        library.forget_lyrics(file_id, "tags")
    if "files" in sources:
        _keep_beside(library, file_id, beside)


def look_beside(library: Library, found: Sequence[tuple[int, Beside | None]]) -> None:
    """Read files of words that appeared or changed beside files, by their ids; where there is none now, forget it."""
    for start in range(0, len(found), AT_ONCE):
        with library.transaction():
            for file_id, beside in found[start : start + AT_ONCE]:
                _keep_beside(library, file_id, beside)


def _keep_beside(library: Library, file_id: int, beside: Beside | None) -> None:
    if beside is None:
        library.forget_lyrics(file_id, "files")
    else:
        library.save_lyrics(file_id, lyrics.understand("files", lyrics.read_beside(beside)), beside)


def clean_again(library: Library) -> int:
    """Let the present program clean what older ones had cleaned; returns how many texts."""
    count = 0
    while stale := library.stale_lyrics(lyrics.VERSION, limit=AT_ONCE):
        with library.transaction():
            for lyrics_id, old in stale:
                # Only a service can have called a text with words in it instrumental.
                told = old.instrumental and old.source in lyrics.SERVICES
                library.save_cleaned(lyrics_id, lyrics.understand(old.source, old.text, instrumental=told))
        count += len(stale)
    return count


def reading_head() -> str:
    """Which head reads words and how they are weighed; what another has read is read again."""
    return f"{quality.version('lyrics_emotion')}+{moods.FUSION}"


def read(library: Library, unread: Sequence[Unread], head: str, load: Callable[[], Reads]) -> Iterator[list[Reading]]:
    """Let a head read words, some at a time; it is loaded when there is something to read."""
    if not unread:
        return
    reader = load()
    for start in range(0, len(unread), READ_AT_ONCE):
        now = unread[start : start + READ_AT_ONCE]
        known = library.texts([each.lyrics_id for each in now])
        words = [known[each.lyrics_id] for each in now]
        texts = [lyrics.for_model(each, MOST_READ_CHARACTERS) for each in words]
        readings = [Reading(each.track_id, each.lyrics_id, head) for each in now]
        languages = [each.language for each in words]
        rows = zip(readings, texts, languages, reader.read_all(texts, languages), strict=True)
        yield [_told(reading, said, reader, text, language=language) for reading, text, language, said in rows]


def _told(reading: Reading, said: Labels | None, reader: Reads, text: str, *, language: str | None) -> Reading:
    if said is None:
        return reading
    told = {mood: said.probabilities[mood] for mood in moods.EMOTIONS}
    likelier = [mood for mood, weight in moods.word_weights(told).items() if weight > 1]
    return replace(reading, moods=told, loudest=reader.loudest(text, language, likelier))


def ask(library: Library, fetcher: lyrics.Fetcher, track_ids: Sequence[int]) -> None:
    """Ask services for the words of tracks that have none, unless they had none in the last 30 days."""
    since = int(time.time()) - REMEMBER_MISSES_S
    fetcher.ask(library.songs_without_words(fetcher.services, since, track_ids))


def keep_said(library: Library, said: lyrics.Said) -> str:
    """Keep what a service said, and put it into a clause."""
    if isinstance(said, lyrics.LeftAlone):
        return f"{said.reason}, and is left alone for the rest of this scan"
    if isinstance(said, lyrics.Unanswered):
        return f"{said.source} {said.reason}"
    if said.lyrics is None:
        library.save_miss(said.track_id, said.source, said.reason)
        return f"{said.source} has none" if not said.reason else f"rejected those of {said.source}: {said.reason}"
    library.save_fetched(said.track_id, said.lyrics)
    return f"{said.source} says instrumental" if said.lyrics.instrumental else f"found at {said.source}"
