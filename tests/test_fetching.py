"""The services of lyrics, asked on loopback: LRCLIB's documented answers, and lyricsgenius itself."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
import requests
from local_services import NOT_FOUND, Server, lrclib_record, serve_genius, serving

from musictaste import __version__, lyrics
from musictaste.errors import LyricsSourceError, NoAnswerError
from musictaste.lyrics import fetching, polite
from musictaste.lyrics.agreement import Hit
from musictaste.lyrics.genius import Genius
from musictaste.lyrics.lrclib import Lrclib
from musictaste.lyrics.polite import Pace
from musictaste.lyrics.sources import Service
from musictaste.track import Lyrics, Song

FAST = Pace(interval_s=0.0, backoff_s=0.0)
WORDS = "I walk alone through the rain tonight\nnobody is there to hold my hand"
SONG = Song(1, "Rain", "Ann", ("Ann",), "Blue", 200.4)
GET = "/api/get"


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


@pytest.fixture
def stopping() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture
def lrclib(server: Server, stopping: threading.Event) -> Lrclib:
    return Lrclib(stopping, url=server.url + GET, pace=FAST)


def all_said(services: list[Service], songs: dict[Song, list[str]]) -> list[fetching.Said]:
    found: list[fetching.Said] = []
    with lyrics.Fetcher(lambda _: services) as fetcher:
        fetcher.ask(songs)
        while fetcher.pending:
            found += fetcher.said(wait_s=1)
    return found


def found(text: str, source: str = "lrclib") -> Lyrics:
    return Lyrics(source, text, text, "en", instrumental=False, cleaner=lyrics.VERSION)


# LRCLIB


def test_what_lrclib_is_asked(server: Server, lrclib: Lrclib) -> None:
    server.answers[GET] = [lrclib_record(WORDS)]
    assert lrclib.find(SONG) == Hit(WORDS, False, "Rain", "Ann", "Blue", 200.0)
    (asked,) = server.asked
    assert asked.query == {"track_name": "Rain", "artist_name": "Ann", "album_name": "Blue", "duration": "200"}
    assert asked.headers["User-Agent"] == f"musictaste/{__version__} (https://github.com/musictaste/musictaste)"


def test_an_album_that_nobody_knows_is_not_asked_for(server: Server, lrclib: Lrclib) -> None:
    assert lrclib.find(SONG._replace(album=None)) is None
    assert server.asked[0].query == {"track_name": "Rain", "artist_name": "Ann", "duration": "200"}


def test_synced_words_where_there_are_no_plain_ones(server: Server, lrclib: Lrclib) -> None:
    server.answers[GET] = [lrclib_record(None, synced="[00:01.00] La")]
    assert lrclib.find(SONG) == Hit("[00:01.00] La", False, "Rain", "Ann", "Blue", 200.0)


def test_lrclib_says_instrumental(server: Server, lrclib: Lrclib) -> None:
    server.answers[GET] = [lrclib_record(None, instrumental=True)]
    silent = Lyrics("lrclib", "", None, None, instrumental=True, cleaner=lyrics.VERSION)
    assert all_said([lrclib], {SONG: ["lrclib"]}) == [fetching.Fetched(1, "lrclib", silent)]


@pytest.mark.parametrize("answer", [NOT_FOUND, (400, {"name": "ValidationError"}), lrclib_record(None)])
def test_lrclib_has_none(server: Server, lrclib: Lrclib, answer: tuple[int, object]) -> None:
    server.answers[GET] = [answer]
    assert all_said([lrclib], {SONG: ["lrclib"]}) == [fetching.Fetched(1, "lrclib", None)]


@pytest.mark.parametrize("answer", ["<html>", "[]", "{}", "null", '{"plainLyrics": 1}'])
def test_lrclib_answers_what_is_not_documented(server: Server, lrclib: Lrclib, answer: str) -> None:
    server.answers[GET] = [(200, answer)]
    with pytest.raises(NoAnswerError, match=r"^answered something that is not documented$"):
        lrclib.find(SONG)


def test_an_answer_that_breaks_off(server: Server, lrclib: Lrclib) -> None:
    server.answers[GET], server.missing_bytes = [lrclib_record(WORDS)], 9
    with pytest.raises(NoAnswerError, match=r"^answered something that is not documented$"):
        lrclib.find(SONG)


def test_a_track_that_is_too_long_is_not_asked_for(server: Server, lrclib: Lrclib) -> None:
    assert (lrclib.find(SONG._replace(duration_s=7200.0)), server.asked) == (None, [])


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (lrclib_record(WORDS, title="Sun"), "the title is another: 'Sun'"),
        (lrclib_record(WORDS, artist="Ben"), "the artist is another: 'Ben'"),
        (lrclib_record(WORDS, album="Red"), "the album is another: 'Red'"),
        (lrclib_record(WORDS, duration=190), "the duration is another: 190 s"),
        (lrclib_record("作词 : 甲"), "nothing is left of the words after cleaning"),
    ],
)
def test_words_of_another_song_are_rejected(
    server: Server, lrclib: Lrclib, record: tuple[int, object], reason: str
) -> None:
    server.answers[GET] = [record]
    assert all_said([lrclib], {SONG: ["lrclib"]}) == [fetching.Fetched(1, "lrclib", None, reason)]


def test_words_in_another_script_than_the_title_are_rejected(server: Server, lrclib: Lrclib) -> None:
    server.answers[GET] = [lrclib_record(WORDS, title="雨")]
    reason = "the words are not in the script of the title '雨'"
    assert all_said([lrclib], {SONG._replace(title="雨"): ["lrclib"]}) == [fetching.Fetched(1, "lrclib", None, reason)]


# Genius


def test_genius_gives_words(server: Server, stopping: threading.Event, monkeypatch: pytest.MonkeyPatch) -> None:
    serve_genius(server, monkeypatch, f"[Verse 1]\n{WORDS}")
    genius = Genius("secret", stopping, pace=FAST)
    assert genius.find(SONG) == Hit(f"[Verse 1]\n{WORDS}", False, "Rain", "Ann")
    assert server.asked[0].headers["User-Agent"].startswith(f"(musictaste/{__version__} (https://")
    assert [(asked.path, asked.query, asked.headers.get("authorization")) for asked in server.asked] == [
        ("/search", {"q": "Rain Ann"}, "Bearer secret"),
        ("/ann-rain-lyrics", {}, None),
    ]


def test_genius_says_instrumental(server: Server, stopping: threading.Event, monkeypatch: pytest.MonkeyPatch) -> None:
    serve_genius(server, monkeypatch, "", instrumental=True)
    assert Genius("secret", stopping, pace=FAST).find(SONG) == Hit("", True, "Rain", "Ann")


def test_another_song_of_the_artist_is_rejected(
    server: Server, stopping: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve_genius(server, monkeypatch, WORDS, title="Sunshine")
    assert all_said([Genius("secret", stopping, pace=FAST)], {SONG: ["genius"]}) == [
        fetching.Fetched(1, "genius", None, "the title is another: 'Sunshine'")
    ]
    assert [asked.path for asked in server.asked] == ["/search"]


def test_genius_has_none(server: Server, stopping: threading.Event, monkeypatch: pytest.MonkeyPatch) -> None:
    serve_genius(server, monkeypatch, WORDS)
    server.answers["/search"] = [(200, {"response": {"hits": []}})]
    assert Genius("secret", stopping, pace=FAST).find(SONG) is None


def test_genius_without_words(server: Server, stopping: threading.Event, monkeypatch: pytest.MonkeyPatch) -> None:
    serve_genius(server, monkeypatch, WORDS)
    server.answers["/ann-rain-lyrics"] = [(200, "<html><body>Nothing here</body></html>")]
    assert Genius("secret", stopping, pace=FAST).find(SONG) is None


def test_genius_has_changed(server: Server, stopping: threading.Event, monkeypatch: pytest.MonkeyPatch) -> None:
    serve_genius(server, monkeypatch, WORDS)
    server.answers["/search"] = [(200, {"response": {"other": []}})]
    with pytest.raises(NoAnswerError, match=r"^answered something that cannot be read \(KeyError\)$"):
        Genius("secret", stopping, pace=FAST).find(SONG)


def test_a_page_that_refuses_is_no_song_without_words(
    server: Server, stopping: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    """lyricsgenius itself takes the page of a 403 for one without words."""
    serve_genius(server, monkeypatch, WORDS)
    server.answers["/ann-rain-lyrics"] = [(403, "<html>Forbidden</html>")]
    with pytest.raises(NoAnswerError, match=r"^refused to answer \(403\)$"):
        Genius("secret", stopping, pace=FAST).find(SONG)


def test_genius_needs_a_token() -> None:
    with pytest.raises(LyricsSourceError, match=r"^'genius': needs a token of yours .* set GENIUS_ACCESS_TOKEN, or "):
        lyrics.Fetcher(lambda _: lyrics.open_services(("tags", "genius"), None, stopping))
    assert [s.name for s in lyrics.open_services(("lrclib", "genius"), "x", threading.Event())] == ["lrclib", "genius"]
    assert lyrics.open_services(lyrics.DEFAULT, None, threading.Event()) == []


# Being polite


def songs(count: int) -> dict[Song, list[str]]:
    return {SONG._replace(track_id=i): ["lrclib", "genius"] for i in range(1, count + 1)}


@pytest.mark.parametrize("status", [401, 403, 429])
def test_three_refusals_and_a_service_is_left_alone(server: Server, lrclib: Lrclib, status: int) -> None:
    server.answers[GET] = [lrclib_record(WORDS), (status, "")]
    reason = f"refused to answer ({status})"
    assert all_said([lrclib], songs(7)) == [
        fetching.Fetched(1, "lrclib", found(WORDS)),
        *(fetching.Unanswered(i, "lrclib", reason) for i in (2, 3, 4)),
        fetching.LeftAlone("lrclib", "refused 3 times"),
    ]
    assert len(server.asked) == 4


def test_a_service_that_is_left_alone_leaves_the_others(
    server: Server, lrclib: Lrclib, stopping: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve_genius(server, monkeypatch, WORDS)
    server.answers[GET] = [(429, "")]
    said = all_said([lrclib, Genius("secret", stopping, pace=FAST)], songs(5))
    assert [one for one in said if isinstance(one, fetching.Fetched)] == [
        fetching.Fetched(i, "genius", found(WORDS, "genius")) for i in range(1, 6)
    ]


def test_a_server_in_trouble_is_tried_again(server: Server, lrclib: Lrclib) -> None:
    server.answers[GET] = [(503, ""), (500, ""), lrclib_record(WORDS)]
    assert all_said([lrclib], songs(1)) == [fetching.Fetched(1, "lrclib", found(WORDS))]
    assert len(server.asked) == 3


def test_a_server_that_stays_in_trouble_is_left_alone(server: Server, lrclib: Lrclib) -> None:
    server.answers[GET] = [(503, "")]
    assert all_said([lrclib], songs(5)) == [
        *(fetching.Unanswered(i, "lrclib", "is in trouble (503)") for i in (1, 2, 3)),
        fetching.LeftAlone("lrclib", "gave no answer 3 times in a row"),
    ]
    assert len(server.asked) == 12  # one question and three further tries, for three songs


def test_trouble_now_and_then_is_forgiven(server: Server, lrclib: Lrclib) -> None:
    server.answers[GET] = [*[(503, "")] * 8, NOT_FOUND, *[(503, "")] * 8, NOT_FOUND]
    assert not any(isinstance(one, fetching.LeftAlone) for one in all_said([lrclib], songs(8)))


def test_nobody_there(stopping: threading.Event) -> None:
    with serving() as gone:
        pass
    lrclib = Lrclib(stopping, url=gone.url + GET, pace=FAST)
    assert all_said([lrclib], songs(9)) == [
        *(fetching.Unanswered(i, "lrclib", "cannot be reached (ConnectionError)") for i in (1, 2, 3)),
        fetching.LeftAlone("lrclib", "gave no answer 3 times in a row"),
    ]


def test_a_server_that_does_not_answer_in_time(
    server: Server, stopping: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(polite, "TIMEOUT_S", (1.0, 0.05))
    server.may_answer.clear()
    with pytest.raises(NoAnswerError, match=r"^cannot be reached \((ReadTimeout|ConnectionError)\)$"):
        Lrclib(stopping, url=server.url + GET, pace=FAST).find(SONG)


class Waits:
    """An event that notes for how long it was waited for, and a clock that goes on by so much."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.waits = 100.0, list[float]()
        monkeypatch.setattr(polite.time, "monotonic", lambda: self.now)

    def wait(self, seconds: float) -> bool:
        self.waits.append(seconds)
        self.now += seconds
        return False


def test_the_pace_is_kept(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    stopping = Waits(monkeypatch)
    lrclib = Lrclib(stopping, url=server.url + GET)  # type: ignore[arg-type]
    for _ in range(3):
        lrclib.find(SONG)
    assert stopping.waits == [0, 0.5, 0.5]


@pytest.mark.parametrize(("header", "pause_s"), [("7", 7.5), ("86400", 60.5), ("Wed, 21 Oct 2026 07:28:00 GMT", 0.5)])
def test_a_refusal_may_ask_for_a_pause(
    server: Server, monkeypatch: pytest.MonkeyPatch, header: str, pause_s: float
) -> None:
    stopping = Waits(monkeypatch)
    server.answers[GET], server.headers["Retry-After"] = [(429, ""), NOT_FOUND], header
    lrclib = Lrclib(stopping, url=server.url + GET)  # type: ignore[arg-type]
    with pytest.raises(NoAnswerError):
        lrclib.find(SONG)
    assert lrclib.find(SONG) is None
    assert stopping.waits == [0, pause_s]


# Beside listening


def test_nobody_waits_for_a_service(server: Server, lrclib: Lrclib) -> None:
    server.answers[GET] = [lrclib_record(WORDS)]
    server.may_answer.clear()
    with lyrics.Fetcher(lambda _: [lrclib]) as fetcher:
        fetcher.ask(songs(2))
        fetcher.ask(songs(2))  # asked before
        assert (fetcher.said(), fetcher.pending) == ([], 2)
        server.may_answer.set()
        while fetcher.pending:
            time.sleep(0.01)
            fetcher.said()
    assert len(server.asked) == 2


def test_a_scan_that_ends_does_not_wait(server: Server, lrclib: Lrclib) -> None:
    server.may_answer.clear()
    with lyrics.Fetcher(lambda _: [lrclib]) as fetcher:
        fetcher.ask(songs(50))
    assert fetcher.pending == 50
    assert len(server.asked) <= 1


class Broken:
    name = "broken"

    def find(self, song: Song) -> Hit | None:
        raise ZeroDivisionError(song.title)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_nobody_waits_for_a_thread_that_died() -> None:
    assert all_said([Broken()], {SONG: ["broken"]}) == []


def test_only_the_services_named_for_a_song_are_asked(server: Server, lrclib: Lrclib) -> None:
    assert all_said([lrclib], {SONG: ["genius"]}) == []
    assert server.asked == []


def test_a_fetcher_without_services_starts_no_thread() -> None:
    before = threading.active_count()
    with lyrics.Fetcher(lambda _: []) as fetcher:
        fetcher.ask({SONG: []})
        assert (fetcher.pending, fetcher.services, threading.active_count()) == (0, (), before)


def test_a_session_that_is_polite_says_who_it_is(stopping: threading.Event) -> None:
    session = polite.polite_session(FAST, stopping)
    assert isinstance(session, requests.Session)
    assert session.headers["User-Agent"] == polite.USER_AGENT
