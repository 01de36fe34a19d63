"""Genius through lyricsgenius, with the user's own token; the only place that knows that library."""

from __future__ import annotations

import threading
from dataclasses import replace

import lyricsgenius
import requests

from musictaste.errors import NoAnswerError
from musictaste.lyrics.agreement import Hit, disagreement
from musictaste.lyrics.polite import USER_AGENT, Pace, make_polite
from musictaste.track import Song


class Genius:
    """The service as a source of words."""

    name = "genius"

    def __init__(self, token: str, stopping: threading.Event, *, pace: Pace = Pace()) -> None:  # noqa: B008 - frozen
        self._genius = lyricsgenius.Genius(token, user_agent=USER_AGENT, sleep_time=0)  # the session has its own pace
        # Of a page that refuses the library makes a song without words, so the session itself must tell.
        make_polite(self._genius._session, pace, stopping)

    def find(self, song: Song) -> Hit | None:
        """The hit that agrees with title and artist, or else the first without its words; None where there is none.

        Raises
        ------
        NoAnswerError
            When the service does not answer, or with something that the library does not understand.
        """
        try:
            return self._find(song)
        # What the library raises for statuses, and what its parsing lets through where pages have changed.
        except (AssertionError, KeyError, TypeError, AttributeError, requests.RequestException) as error:
            raise NoAnswerError(f"answered something that cannot be read ({type(error).__name__})") from error

    def _find(self, song: Song) -> Hit | None:
        artist = song.artists[0] if song.artists else song.artist
        # Not search_song: it asks without the token, and where no title agrees it takes another song of the artist.
        found = self._genius.search_songs(f"{song.title} {artist}")["hits"]
        records = [hit["result"] for hit in found if hit["type"] == "song"]
        hits = [Hit("", bool(one.get("instrumental")), one["title"], one["primary_artist"]["name"]) for one in records]
        for hit, record in zip(hits, records, strict=True):
            if disagreement(song, hit) is None:
                text = "" if hit.instrumental else self._genius.lyrics(song_url=record["url"])
                return replace(hit, text=text) if text or hit.instrumental else None
        return hits[0] if hits else None
