"""HTTP as a guest: a pace, time-outs, patience with a server in trouble, and no more questions after three refusals."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

from musictaste import __version__
from musictaste.errors import LeftAloneError, NoAnswerError

USER_AGENT = f"musictaste/{__version__} (https://github.com/musictaste/musictaste)"
TIMEOUT_S = (5.0, 15.0)
"""To connect, and between two bytes of an answer."""

REFUSALS = (401, 403, 429)
IN_TROUBLE = (500, 502, 503, 504)
MOST_REFUSALS = 3
LONGEST_PAUSE_S = 60.0


@dataclass(frozen=True)
class Pace:
    """Seconds between two questions, and what the wait before each further try of one grows from."""

    interval_s: float = 1.0
    backoff_s: float = 1.0


class PoliteAdapter(HTTPAdapter):
    """What a session sends through, whoever made the session."""

    def __init__(self, pace: Pace, stopping: threading.Event) -> None:
        retries = Retry(
            total=3,
            backoff_factor=pace.backoff_s,
            status_forcelist=IN_TROUBLE,
            allowed_methods=("GET",),
            raise_on_status=False,
            respect_retry_after_header=False,  # a 429 is no invitation to try again, and may name an hour
        )
        super().__init__(max_retries=retries)
        self._pace, self._stopping = pace, stopping
        self._not_before = 0.0
        self._refusals = self._silences = 0

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:  # type: ignore[override]
        """The answer of the server.

        Raises
        ------
        NoAnswerError
            When it refuses, cannot be reached, or is in trouble after all tries.
        LeftAloneError
            When it has refused three times, or not been there for three questions in a row, or the scan ends.
        """
        self._wait()
        options["timeout"] = TIMEOUT_S
        try:
            response = super().send(request, **options)
        except requests.RequestException as error:
            self._silences += 1
            raise NoAnswerError(f"cannot be reached ({type(error).__name__})") from error
        finally:
            self._not_before = time.monotonic() + self._pace.interval_s
        if response.status_code in REFUSALS:
            self._refusals += 1
            self._not_before += _pause_s(response)
            raise NoAnswerError(f"refused to answer ({response.status_code})")
        self._silences = self._silences + 1 if response.status_code >= 500 else 0
        if response.status_code >= 500:
            raise NoAnswerError(f"is in trouble ({response.status_code})")
        return response

    def _wait(self) -> None:
        if self._refusals >= MOST_REFUSALS:
            raise LeftAloneError(f"refused {self._refusals} times")
        if self._silences >= MOST_REFUSALS:
            raise LeftAloneError(f"gave no answer {self._silences} times in a row")
        if self._stopping.wait(max(self._not_before - time.monotonic(), 0)):
            raise LeftAloneError("the scan ends")


def _pause_s(response: requests.Response) -> float:
    """How long a refusal asks to wait; the scan goes on without this source meanwhile."""
    asked = response.headers.get("Retry-After", "")
    return min(float(asked), LONGEST_PAUSE_S) if asked.isdecimal() else 0.0


def polite_session(pace: Pace, stopping: threading.Event) -> requests.Session:
    session = requests.Session()
    session.headers["User-Agent"] = USER_AGENT
    make_polite(session, pace, stopping)
    return session


def make_polite(session: requests.Session, pace: Pace, stopping: threading.Event) -> None:
    """Let a session that another library has made send as this program does."""
    adapter = PoliteAdapter(pace, stopping)
    for scheme in ("https://", "http://"):
        session.mount(scheme, adapter)
