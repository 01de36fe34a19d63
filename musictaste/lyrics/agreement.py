"""Whether words that a service found are those of the song that was asked for."""

from __future__ import annotations

import re
from dataclasses import dataclass

from musictaste.lyrics.cleaning import script
from musictaste.track import Song, fold, normalise

MOST_APART_S = 2.0
"""LRCLIB's own tolerance: another length is another recording, often with other words."""

ADDED = re.compile(r"[(\[].{0,80}?[)\]]|\s-\s.*|\b(?:feat|ft|featuring)\b.*")


@dataclass(frozen=True)
class Hit:
    """The words that a service gives for a song, and what song it says that they are of, as far as it says."""

    text: str
    instrumental: bool
    title: str
    artist: str
    album: str | None = None
    duration_s: float | None = None


def disagreement(song: Song, hit: Hit) -> str | None:
    """Why a hit is about another song or recording; None where it agrees."""
    if _bare(hit.title) != _bare(song.title):
        return f"the title is another: '{hit.title}'"
    if _bare(hit.artist) not in {_bare(name) for name in (song.artist, *song.artists)}:
        return f"the artist is another: '{hit.artist}'"
    if hit.album and song.album and _bare(hit.album) != _bare(song.album):
        return f"the album is another: '{hit.album}'"
    if hit.duration_s is not None and abs(hit.duration_s - song.duration_s) > MOST_APART_S:
        return f"the duration is another: {hit.duration_s:.0f} s"
    return None


def other_script(song: Song, words: str) -> str | None:
    """Why words are not in the language of the title: a translation, or a transcription into Latin letters.

    Nothing can be said of a title in Latin letters, which songs of every language have.
    """
    title = script(song.title)
    if title in ("", "LATIN") or any(script(letter) == title for letter in words):
        return None
    return f"the words are not in the script of the title '{song.title}'"


def _bare(name: str) -> str:
    """A name without case, signs, guests and what stands in brackets: "(Remastered)", "- Live", "feat. Ann"."""
    folded = fold(name)
    return normalise(ADDED.sub("", folded)) or "".join(folded.split())
