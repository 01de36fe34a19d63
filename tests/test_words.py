from __future__ import annotations

import time
from pathlib import Path

import pytest
from conftest import add_track
from local_services import lrclib_record, serving

from musictaste import lyrics, scan, words
from musictaste.lyrics.lrclib import Lrclib
from musictaste.lyrics.polite import Pace
from musictaste.store import Library
from musictaste.track import Beside, Lyrics, Words

SONG = "I walk alone through the rain tonight\nnobody is there to hold my hand"
LIED = "Ich geh allein durch den Regen heut Nacht\nund niemand hält meine Hand"


@pytest.fixture
def library() -> Library:
    """One track, of which nothing but its name is known."""
    library = Library.empty()
    add_track(library, "/m/a.mp3", mood={"sad": 0.9}, style={"pop": 0.9}, seed=0, title="Rain", artist="Ann")
    return library


def known(library: Library) -> tuple[str, str | None, bool, str | None] | None:
    found = library.words([1]).get(1)
    return found and (found.source, found.language, found.instrumental, found.text)


def file_of_words(tmp_path: Path, text: str) -> Beside:
    path = tmp_path / "a.lrc"
    path.write_text(text, encoding="utf-8")
    return Beside(str(path), path.stat().st_mtime_ns)


def test_words_in_the_tags_and_beside_the_file(library: Library, tmp_path: Path) -> None:
    words.keep_found(library, 1, f"[Chorus]\n{SONG}", file_of_words(tmp_path, LIED), lyrics.DEFAULT)
    assert known(library) == ("tags", "en", False, SONG)
    words.keep_found(library, 1, None, file_of_words(tmp_path, LIED), lyrics.DEFAULT)
    assert known(library) == ("files", "de", False, LIED)
    words.look_beside(library, [(1, file_of_words(tmp_path, "[00:01.00]纯音乐，请欣赏"))])
    assert known(library) == ("files", None, True, None)
    words.look_beside(library, [(1, None)])
    assert known(library) is None


def test_sources_that_do_not_count_are_not_read(library: Library, tmp_path: Path) -> None:
    words.keep_found(library, 1, SONG, file_of_words(tmp_path, LIED), ["files"])
    assert known(library) == ("files", "de", False, LIED)
    words.keep_found(library, 1, SONG, None, ["tags"])
    assert known(library) == ("tags", "en", False, SONG)
    library.forget_lyrics(1, "tags")
    assert known(library) == ("files", "de", False, LIED)  # nobody looked, so nobody knows better


def test_words_of_which_nothing_is_left_leave_the_place_to_the_next(library: Library, tmp_path: Path) -> None:
    words.keep_found(library, 1, "Lyrics by Ann", file_of_words(tmp_path, SONG), lyrics.DEFAULT)
    assert known(library) == ("files", "en", False, SONG)


def test_what_an_older_version_cleaned_is_cleaned_again(library: Library) -> None:
    library.save_lyrics(1, Lyrics("tags", f"[Chorus]\n{SONG}", None, None, instrumental=False, cleaner=""))
    old = Lyrics("lrclib", SONG, None, None, instrumental=True, cleaner="words-0")
    library.save_fetched(1, old)
    assert (known(library), words.clean_again(library)) == (("lrclib", None, True, None), 2)
    assert known(library) == ("tags", "en", False, SONG)
    library.forget_lyrics(1, "tags")
    assert known(library) == ("lrclib", None, True, None)  # what the service said of it stays
    assert words.clean_again(library) == 0


def test_a_text_that_an_older_version_took_for_an_instrumental(library: Library) -> None:
    library.save_lyrics(1, Lyrics("tags", SONG, None, None, instrumental=True, cleaner="words-0"))
    assert (words.clean_again(library), known(library)) == (1, ("tags", "en", False, SONG))


def test_misses_are_remembered_for_thirty_days(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1_700_000_000.0
    with serving() as server:
        asked = []
        for days, answers in ((0, None), (29, None), (31, [lrclib_record(SONG, album="", duration=200)]), (90, None)):
            monkeypatch.setattr(time, "time", lambda days=days: now + days * 86_400)
            server.answers = {"/api/get": answers} if answers else {}
            said = fetch(library, server.url)
            asked.append((days, len(server.asked), said))
    assert asked == [
        (0, 1, ["lrclib has none"]),
        (29, 1, []),
        (31, 2, ["found at lrclib"]),
        (90, 2, []),
    ]
    assert library.words([1]) == {1: Words(1, "lrclib", "en", instrumental=False, text=SONG)}


def fetch(library: Library, url: str) -> list[str]:
    def open_services(stopping: object) -> list[Lrclib]:
        return [Lrclib(stopping, url=f"{url}/api/get", pace=Pace(0.0, 0.0))]  # type: ignore[arg-type]

    clauses = []
    with lyrics.Fetcher(open_services) as fetcher:
        words.ask(library, fetcher, library.all_ids())
        while fetcher.pending:
            clauses += [words.keep_said(library, said) for said in fetcher.said(wait_s=5)]
    return clauses


@pytest.mark.parametrize(
    ("answer", "clauses"),
    [
        (lrclib_record(None, instrumental=True), ["lrclib says instrumental"]),
        (lrclib_record(SONG, title="Sun"), ["rejected those of lrclib: the title is another: 'Sun'"]),
        ((403, ""), ["lrclib refused to answer (403)"]),
    ],
)
def test_what_a_service_said(library: Library, answer: tuple[int, object], clauses: list[str]) -> None:
    with serving() as server:
        server.answers["/api/get"] = [answer]
        assert fetch(library, server.url) == clauses
        again = fetch(library, server.url)
    # Only what was not answered is asked again.
    assert again == (clauses if answer[0] == 403 else [])


def test_a_service_that_is_left_alone_is_named(library: Library) -> None:
    said = lyrics.LeftAlone("lrclib", "refused 3 times")
    assert words.keep_said(library, said) == "refused 3 times, and is left alone for the rest of this scan"


def test_without_services_a_library_is_not_looked_through(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    """Regression: every scan of a library with words asked for the words of each of its tracks, to ask nobody then."""

    def refuse(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(words, "ask", refuse)
    plan = scan.Plan([], 1, 0, [], [], [], [], [], lyrics.DEFAULT)
    with lyrics.Fetcher(lambda _: []) as fetcher:
        assert list(scan.update(library, plan, None, fetcher)) == []
