"""Services of lyrics on this machine, which answer as LRCLIB and Genius document it, and remember what was asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import lyricsgenius.api.base
import pytest

Answer = tuple[int, Any]
NOT_FOUND: Answer = (404, {"statusCode": 404, "name": "TrackNotFound", "message": "Failed to find specified track"})


@dataclass
class Asked:
    path: str
    query: dict[str, str]
    headers: Mapping[str, str]


@dataclass
class Server:
    """Answers each path with what stands for it in turn, the last one for ever; anything else is not found."""

    url: str = ""
    answers: dict[str, list[Answer]] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    missing_bytes: int = 0
    """How many bytes of each body do not come, although they were promised."""
    may_answer: threading.Event = field(default_factory=threading.Event)

    def answer(self, path: str) -> Answer:
        waiting = self.answers.get(path, [NOT_FOUND])
        return waiting.pop(0) if len(waiting) > 1 else waiting[0]


@contextmanager
def serving() -> Iterator[Server]:
    server = Server()
    server.may_answer.set()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {key: values[0] for key, values in parse_qs(parts.query).items()}
            server.asked.append(Asked(parts.path, query, dict(self.headers)))
            server.may_answer.wait(30)
            status, body = server.answer(parts.path)
            raw = body.encode() if isinstance(body, str) else json.dumps(body).encode()
            self.send_response(status)
            for name, value in server.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            with suppress(ConnectionError):  # whoever asked has gone
                self.wfile.write(raw[: len(raw) - server.missing_bytes])
            self.close_connection = bool(server.missing_bytes)

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        server.url = f"http://127.0.0.1:{http.server_port}"
        thread = threading.Thread(target=http.serve_forever, args=[0.01])
        thread.start()
        yield server
        server.may_answer.set()
        http.shutdown()
        thread.join()


def lrclib_record(
    text: str | None,
    *,
    title: str = "Rain",
    artist: str = "Ann",
    album: str = "Blue",
    duration: float = 200.0,
    instrumental: bool = False,
    synced: str | None = None,
) -> Answer:
    return 200, {
        "id": 1, "name": title, "trackName": title, "artistName": artist, "albumName": album, "duration": duration,
        "instrumental": instrumental, "plainLyrics": text, "syncedLyrics": synced,
    }  # fmt: skip


def serve_genius(
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
    text: str,
    *,
    title: str = "Rain",
    artist: str = "Ann",
    instrumental: bool = False,
) -> None:
    """Let lyricsgenius find the server in the place of Genius, with one song on it."""
    for root in ("API_ROOT", "PUBLIC_API_ROOT", "WEB_ROOT"):
        monkeypatch.setattr(lyricsgenius.api.base.Sender, root, f"{server.url}/")
    song = {
        "id": 7, "title": title, "url": "https://genius.com/ann-rain-lyrics", "lyrics_state": "complete",
        "instrumental": instrumental, "primary_artist": {"name": artist, "id": 8}, "path": "/ann-rain-lyrics",
    }  # fmt: skip
    hits = [{"index": "song", "type": kind, "result": song} for kind in ("article", "song")]
    server.answers["/search"] = [(200, {"meta": {"status": 200}, "response": {"hits": hits}})]
    lines = text.replace("\n", "<br/>")
    page = f'<html><body><div data-lyrics-container="true">{lines}</div></body></html>'
    server.answers["/ann-rain-lyrics"] = [(200, page)]
