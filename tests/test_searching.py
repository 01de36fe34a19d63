"""Songs by what they say: how texts are taken apart, the index that is kept, and what is found in it."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from conftest import Run, add_track
from make_audio import chord, write_audio
from numpy.typing import NDArray

from musictaste.cli import finding, render
from musictaste.errors import NothingAskedError, NoWordsError
from musictaste.inference import Encoder
from musictaste.lookup import for_encoder, line_with, tokens
from musictaste.searching import MEANS_IT, Hit, find, index
from musictaste.store import Library, signs
from musictaste.track import Lyrics, Tags

RAIN = "Tonight the rain is falling on the empty street\nand all I do is think of you, my love"
REGEN = "Heute Nacht fällt der Regen auf die leere Straße\nund ich denke nur an dich, mein Lieb"
YU = "雨夜裡我一個人走在空蕩的街\n心裡想的全都是你"
PARTY = "Everybody get up on the floor and dance with me\nturn the music louder until the sun comes up"

SAME = [{"rain", "regen", "雨"}, {"night", "tonight", "nacht", "夜"}, {"dance", "floor", "party"}]


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        ("Don’t STOP, baby!", "don t stop baby"),
        ("Été à ＴＯＫＹＯ", "ete a tokyo"),
        ("雨夜裡 想你", "雨 夜 里 想 你"),
        ("著 着", "着 着"),
        ("東京の夜", "东 京 の 夜"),
        ("사랑해", "사 랑 해"),
        ("รักเธอ", "ร ั ก เ ธ อ"),
        ("حُبّ", "حب"),
        ("नमस्ते दुनिया", "नमस्ते दुनिया"),
        ("1999!", "1999"),
        ("♪ … !", ""),
    ],
)
def test_how_texts_are_taken_apart(text: str, taken: str) -> None:
    assert tokens(text) == taken.split()


def test_the_line_in_which_a_phrase_begins() -> None:
    assert line_with(tokens("the EMPTY street"), RAIN) == RAIN.splitlines()[0]
    assert line_with(tokens("street and all"), RAIN) == RAIN.splitlines()[0]
    assert line_with(tokens("心里想"), YU) == YU.splitlines()[1]
    assert line_with(tokens("empty love"), RAIN) is None


def test_what_the_encoder_reads() -> None:
    assert for_encoder(" 雨夜裡　想你 ") == "雨夜里 想你"
    assert for_encoder("夢の中へ") == "夢の中へ"  # Japanese is written with the same characters
    assert for_encoder("Ｒain") == "Rain"


class Words:
    """A stub of the encoder: a direction for each word, the same for those of one meaning."""

    def __init__(self) -> None:
        self.read: list[str] = []

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.read += texts
        vectors = np.stack([sum((_direction(word) for word in tokens(text)), np.zeros(512)) for text in texts])
        return (vectors / np.maximum(np.linalg.norm(vectors, axis=1), 1e-9)[:, None]).astype(np.float32)


def _direction(word: str) -> NDArray[np.float64]:
    meant = next((min(same) for same in SAME if word in same), word)
    return np.random.default_rng(zlib.crc32(meant.encode())).standard_normal(512)


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with Library.open(tmp_path / "library.db", create=True) as opened:
        yield opened


def sing(library: Library, name: str, words: str | None, language: str | None = "en", **tags: str) -> int:
    """A track with words, whose seed and number of file are the same as its id."""
    seed = len(library.all_ids()) + 1
    kind = tags.pop("kind", None)
    track_id = add_track(
        library,
        f"/m/{name}.flac",
        mood={"sad": 0.7},
        style={"pop": 0.7},
        seed=seed,
        kind=kind,
        **({"title": name} | tags),
    )
    library.save_lyrics(seed, Lyrics("tags", words or "", words, language, words is None, "words-2"))
    return track_id


def update(library: Library) -> Words:
    encoder = Words()
    list(index(library, lambda: encoder))
    return encoder


def names(library: Library, asked: str, *, limit: int = 25, exact: bool = False) -> list[tuple[str | None, str]]:
    hits = find(library, asked, Words, limit=limit, exact=exact).hits
    titles = library.tracks([hit.track_id for hit in hits])
    return [(track.title, hit.match) for track, hit in zip(titles, hits, strict=True)]


def phrase(library: Library, words: str) -> list[int]:
    return library.with_phrase(tokens(words))


def coded(library: Library) -> list[int]:
    return sorted({int(i) for part in library.codes() for i in part.ids})


def test_the_very_words_come_first_then_what_means_them(library: Library) -> None:
    sing(library, "party", "Dance on the floor all of the time")
    sing(library, "german", "regen nacht regen", "de")
    sing(library, "english", "The cold wind\nof a rain night in the old town")
    update(library)
    found = find(library, "Rain NIGHT", Words, limit=25)
    assert [(hit.track_id, hit.line, hit.match) for hit in found.hits] == [
        (3, "of a rain night in the old town", "words"),
        (2, "regen nacht regen", "meaning"),
    ]
    assert found.hits[1].score == pytest.approx(3 / 10**0.5, abs=0.05)  # (1, 1) and (2, 1)
    assert (found.songs, found.best) == (3, found.hits[1].score)
    assert names(library, "Rain NIGHT", exact=True) == [("english", "words")]
    assert names(library, "Rain NIGHT", limit=1) == [("english", "words")]


def test_chinese_is_found_in_either_writing_and_by_single_characters(library: Library) -> None:
    sing(library, "traditional", YU, "zh")
    sing(library, "simplified", "后来我们在雨夜里各自回家", "zh")
    update(library)
    for asked in ("雨夜裡", "雨夜里", "雨"):
        assert sorted(names(library, asked, exact=True)) == [("simplified", "words"), ("traditional", "words")]
    assert names(library, "夜雨", exact=True) == []  # the characters are there, the word is not


def test_what_means_nothing_alike_is_not_found(library: Library) -> None:
    sing(library, "party", PARTY)
    update(library)
    found = find(library, "quarterly tax report", Words, limit=25)
    assert (found.hits, found.best < MEANS_IT) == ((), True)


def test_what_is_no_playlists_business_is_not_found(library: Library) -> None:
    for name, kind in (("lecture", "speech"), ("gone", "music"), ("song", "music")):
        sing(library, name, f"{RAIN} {name}", kind=kind)
    library.mark_missing([2])
    update(library)
    assert names(library, "empty street") == [("song", "words")]
    library.mark_present([2])
    assert sorted(names(library, "empty street")) == [("gone", "words"), ("song", "words")]


def test_a_song_that_is_there_twice_comes_once(library: Library) -> None:
    for path in ("album", "best of"):
        sing(library, path, RAIN, artist="Ann", title="Rain")
    sing(library, "cover", RAIN, artist="Bob", title="Rain")
    update(library)
    assert names(library, "empty street") == [("Rain", "words")] * 2


def test_languages_that_the_encoder_does_not_know_are_found_by_their_words(library: Library) -> None:
    sing(library, "swedish", "rain night rain night", "sv")
    encoder = update(library)
    assert (encoder.read, coded(library), phrase(library, "rain night")) == ([], [], [1])
    assert names(library, "rain night") == [("swedish", "words")]
    assert names(library, "regen nacht") == []


def test_only_what_is_new_is_encoded(library: Library) -> None:
    sing(library, "a", RAIN)
    sing(library, "silent", None, None)
    assert update(library).read == RAIN.splitlines()
    assert list(index(library, lambda: pytest.fail("nothing has to be encoded"))) == []
    sing(library, "b", PARTY)
    encoder = Words()
    assert list(index(library, lambda: encoder)) == [(1, 1)]
    assert encoder.read == PARTY.splitlines()


def test_the_index_keeps_in_step_with_words(library: Library) -> None:
    track_id = sing(library, "a", RAIN)
    update(library)
    assert (phrase(library, "empty street"), coded(library)) == ([1], [1])
    library.save_lyrics(1, Lyrics("tags", PARTY, PARTY, "en", instrumental=False, cleaner="words-2"))
    assert phrase(library, "empty street") == []  # at once, though the new words come with a scan
    assert update(library).read == PARTY.splitlines()
    assert (phrase(library, "dance with me"), coded(library)) == ([2], [2])
    library.save_cleaned(2, Lyrics("tags", RAIN, RAIN, "en", instrumental=False, cleaner="words-3"))
    assert phrase(library, "dance with me") == []
    library.save_fetched(track_id, Lyrics("lrclib", YU, YU, "zh", instrumental=False, cleaner="words-2"))
    update(library)
    assert (phrase(library, "empty street"), phrase(library, "空荡的街"), coded(library)) == ([3], [4], [3, 4])
    assert names(library, "空荡的街") == []  # the words in its tags are nearer
    library.forget_lyrics(1, "tags")
    assert names(library, "空荡的街") == [("a", "words")]
    library.save_fetched(track_id, Lyrics("lrclib", REGEN, REGEN, "de", instrumental=False, cleaner="words-2"))
    assert phrase(library, "空荡的街") == []
    update(library)
    library.forget_fetched(track_id)
    update(library)
    assert (phrase(library, "leere straße"), coded(library), library.count_indexed()) == ([], [], 0)


def test_a_file_that_another_replaces_takes_its_words_away(library: Library) -> None:
    sing(library, "a", RAIN)
    sing(library, "b", PARTY)
    update(library)
    state = library.file_state("/m/b.flac")
    assert state
    library.save_file("/m/a.flac", Tags(title="b"), track_id=state.track_id, size=1, mtime_ns=1, file_id=state.id)
    assert (phrase(library, "empty street"), phrase(library, "dance with me")) == ([], [2])
    update(library)
    assert coded(library) == [2]


def test_what_another_version_has_indexed_is_indexed_again(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    sing(library, "a", RAIN)
    update(library)
    monkeypatch.setattr("musictaste.lookup.VERSION", "lookup-x")
    with pytest.raises(NoWordsError, match=r"^the words of 1 songs cannot be looked up yet: run 'musictaste scan'$"):
        find(library, "rain", Words, limit=1)
    library.forget_lyrics(1, "tags")
    sing(library, "b", PARTY)
    assert update(library).read == PARTY.splitlines()
    assert (phrase(library, "empty street"), phrase(library, "dance with me"), coded(library)) == ([], [2], [2])


def test_many_songs_share_rows(library: Library) -> None:
    vector = np.random.default_rng(0).standard_normal((3, 512)).astype(np.float32)
    sing(library, "a", RAIN)
    for i in range(2, 601):
        library.save_lyrics(i, Lyrics("tags", RAIN, RAIN, "en", instrumental=False, cleaner="words-2"))
    library.index({i: vector * (1 if i % 2 else -1) for i in range(1, 300)})
    library.index(dict.fromkeys(range(300, 601), vector))
    parts = list(library.codes())
    assert [len(part.ids) for part in parts] == [3 * 255, 3 * 256, 3 * 89]
    assert np.concatenate([part.ids for part in parts]).tolist() == [i for i in range(1, 601) for _ in range(3)]
    wanted = [signs(vector * (1 if i % 2 or i >= 300 else -1)) for i in range(1, 601)]
    assert np.array_equal(np.concatenate([part.codes for part in parts], axis=1).T, np.concatenate(wanted))
    for i in (1, 256, 600):
        library.forget_lyrics(i, "tags")
    library.clear_index()
    assert coded(library) == [i for i in range(1, 601) if i not in (1, 256, 600)]


def test_words_without_words(library: Library) -> None:
    with pytest.raises(
        NoWordsError, match=r"^no song has words yet: run 'musictaste scan --lyrics tags,files,lrclib,gen"
    ):
        find(library, "rain", Words, limit=1)
    with pytest.raises(NothingAskedError, match=r"^' \?!': there is no word in it to look for$"):
        find(library, " ?!", Words, limit=1)


def test_no_more_than_a_short_line_is_quoted() -> None:
    assert render.shortened("a" * 60) == "a" * 60
    assert render.shortened("a" * 61) == "a" * 59 + "…"
    assert render.shortened("word " * 20) == "word " * 10 + "word…"


def test_a_list_on_a_terminal(
    library: Library, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sing(library, "a", RAIN, artist="Ann")
    monkeypatch.setenv("COLUMNS", "120")
    finding._print_table([(library.tracks([1])[0], Hit(1, "the rain is falling", "words", 0.75))])
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert rows[0] == ["artist", "title", "time", "match", "score", "line"]
    assert rows[1] == ["1", "Ann", "a", "3:21", "words", "0.75", "the", "rain", "is", "falling"]


@pytest.fixture
def filled(library: Library) -> None:
    """A library indexed by the encoder that ships."""
    for name, words, language in (
        ("rain", RAIN, "en"),
        ("regen", REGEN, "de"),
        ("yu", YU, "zh"),
        ("party", PARTY, "en"),
    ):
        sing(library, name, words, language, artist="Ann")
    list(index(library, Encoder))


def test_songs_of_other_languages_mean_the_same(run: Run, filled: None) -> None:
    result = run("lyrics", "雨夜里想你", "--json")
    rows = json.loads(result.out)
    assert {row["title"]: row["match"] for row in rows} == dict.fromkeys(("yu", "rain", "regen"), "meaning")
    assert [row["score"] for row in rows] == sorted((row["score"] for row in rows), reverse=True)
    by_title = {row["title"]: row for row in rows}
    assert by_title["rain"]["line"] in RAIN
    assert by_title["rain"]["reasons"] == [
        f"says much the same ({by_title['rain']['score']:.2f}): {by_title['rain']['line']}"
    ]
    added = {"line", "match"}
    assert set(rows[0]) - added == set(json.loads(run("mood", "sad", "--json").out)[0])
    assert added < set(rows[0])


def test_lyrics_on_the_command_line(run: Run, filled: None, tmp_path: Path) -> None:
    piped = run("lyrics", "empty", "street", "--exact", "--explain")
    line = "Tonight the rain is falling on the empty street"
    assert (piped.code, piped.out, piped.err) == (0, "/m/rain.flac\n", f"Ann - rain: has these words: {line}\n")
    assert json.loads(run("show", "1", "--json").out)["path"] == "/m/rain.flac"
    output = tmp_path / "rain.m3u8"
    written = run("lyrics", "empty street", "-o", output, "-n", "1", "--for", "mpd")
    assert (written.code, written.out) == (0, "")
    assert output.read_text() == "#EXTM3U\n#PLAYLIST:empty street\n#EXTINF:201,Ann - rain\n/m/rain.flac\n"


@pytest.mark.parametrize(
    ("words", "code", "line"),
    [
        (["..."], 2, "'...': there is no word in it to look for"),
        ([""], 2, "'': there is no word in it to look for"),
        (["zebra", "--exact"], 1, "no song has the words 'zebra': the words of 1 song were looked through"),
    ],
)
def test_lyrics_that_are_not_found(run: Run, library: Library, words: list[str], code: int, line: str) -> None:
    sing(library, "a", RAIN)
    update(library)
    result = run("lyrics", *words)
    assert (result.code, result.out, result.err) == (code, "", f"musictaste: {line}\n")


def test_nothing_means_it(run: Run, filled: None) -> None:
    result = run("lyrics", "quarterly tax deduction for machinery")
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith(
        "musictaste: no song says 'quarterly tax deduction for machinery': the words of 4 songs were looked through, "
    )
    assert result.err.endswith(", 0.50 is needed\n")


def test_a_scan_lets_words_be_looked_up(run: Run, tmp_path: Path) -> None:
    music = tmp_path / "music"
    music.mkdir()
    for name, words, tone in (("a", RAIN, 220.0), ("b", PARTY, 330.0)):
        write_audio(music / f"{name}.wav", chord(2, (tone, 1.5 * tone)))
        (music / f"{name}.txt").write_text(words)
    scanned = run("-v", "scan", music)
    assert "the words of 2 of 2 songs can be looked up" in scanned.err.splitlines()
    assert run("lyrics", "dance with me", "--exact").out == f"{music / 'b.wav'}\n"
    (music / "b.txt").unlink()
    assert "can be looked up" not in run("scan").err
    assert run("lyrics", "dance with me", "--exact").code == 1
