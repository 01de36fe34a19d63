"""LRCLIB, by its documented HTTP API (https://lrclib.net/docs): one question per song, no key."""

from __future__ import annotations

import threading
from typing import Any

import requests

from musictaste.errors import NoAnswerError
from musictaste.lyrics.agreement import Hit
from musictaste.lyrics.polite import Pace, polite_session
from musictaste.track import Song

URL = "https://lrclib.net/api/get"
LONGEST_S = 3600
"""The API refuses to be asked for longer tracks."""


class Lrclib:
    """The service as a source of words."""

    name = "lrclib"

    def __init__(self, stopping: threading.Event, *, url: str = URL, pace: Pace = Pace(interval_s=0.5)) -> None:  # noqa: B008 - frozen
        self._session, self._url = polite_session(pace, stopping), url

    def find(self, song: Song) -> Hit | None:
        """What the service has for title, artist, album and duration together; None where it has nothing.

        Raises
        ------
        NoAnswerError
            When it does not answer, or with something else than it documents.
        """
        if not 1 <= song.duration_s <= LONGEST_S:
            return None
        named = {"track_name": song.title, "artist_name": song.artist, "duration": str(round(song.duration_s))}
        if song.album:
            named["album_name"] = song.album
        try:
            response = self._session.get(self._url, params=named)
            return None if response.status_code in (400, 404) else _hit(response.json())
        except (requests.RequestException, KeyError, TypeError, ValueError) as error:
            raise NoAnswerError("answered something that is not documented") from error


def _hit(record: dict[str, Any]) -> Hit | None:
    text = record["plainLyrics"] or record["syncedLyrics"] or ""
    if not text and not record["instrumental"]:
        return None
    return Hit(
        str(text), bool(record["instrumental"]), str(record["trackName"]), str(record["artistName"]),
        str(record["albumName"]), float(record["duration"]),
    )  # fmt: skip
