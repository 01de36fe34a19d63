"""What words say of moods: read once, weighed with the sound, asked for, told."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import pytest
from conftest import Run, add_track, feelings

from musictaste import moods, quality, scan, teaching, words
from musictaste.cli import reasons
from musictaste.moods import EMOTIONS, MOODS
from musictaste.playlist import Choice
from musictaste.store import Library
from musictaste.track import Labels, Lyrics, Reading, Tags, Unread, Words

HEAD = words.reading_head()
SAD = {"happy": 0.05, "sad": 0.75, "angry": 0.05, "calm": 0.05}
HAPPY = {"happy": 0.8, "sad": 0.05, "angry": 0.05, "calm": 0.1}
CHOICE = Choice(1, 0.5, 0.5, None, -1)


class Stub:
    """A reader that finds sad what has "rain" in it, says nothing of "oh", and calls all else happy."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str | None]] = []

    def read_all(self, texts: Sequence[str], languages: Sequence[str | None]) -> list[Labels | None]:
        self.seen += zip(texts, languages, strict=True)
        return [self.say(text) for text in texts]

    def say(self, text: str) -> Labels | None:
        if text == "oh":
            return None
        return Labels("stub", (SAD if "rain" in text or "雨" in text else HAPPY) | {"none": 0.1})

    def loudest(self, text: str, language: str | None, labels: Sequence[str]) -> dict[str, int]:
        assert (text, language) in self.seen
        return dict.fromkeys(labels, len(text.splitlines()) - 1)


def lyrics(text: str | None, *, source: str = "tags", language: str = "en", instrumental: bool = False) -> Lyrics:
    return Lyrics(source, text or "", text, language, instrumental=instrumental, cleaner="1")


def told(library: Library, track_id: int, said: dict[str, float] | None, **loudest: int) -> None:
    """Words of a track, and what was read of them."""
    library.save_lyrics(track_id, lyrics("first line\nsecond line"))
    (unread,) = (each for each in library.outdated_readings(HEAD)[0] if each.track_id == track_id)
    library.save_readings([Reading(track_id, unread.lyrics_id, HEAD, said, loudest)])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Four tracks that sound happy, happy, sad, and of nothing in particular."""
    path = tmp_path / "library.db"
    with Library.open(path, create=True) as library:
        for i, mood in enumerate(({"happy": 0.6}, {"happy": 0.9}, {"sad": 0.7}, {"happy": 0.3, "sad": 0.3})):
            add_track(library, f"/m/{i}.ogg", mood=mood, style={"jazz": 0.9}, seed=i, title=f"Song {i}")
    return path


def shipped(track_id: int) -> dict[str, float]:
    return feelings(**({"happy": 0.6}, {"happy": 0.9}, {"sad": 0.7}, {"happy": 0.3, "sad": 0.3})[track_id - 1])


def moods_of(library: Library, track_id: int) -> dict[str, float]:
    (track,) = library.tracks([track_id])
    return dict(track.moods)


# Together with the sound


def test_without_words_all_is_as_the_sound_has_it(path: Path) -> None:
    with Library.open(path) as library:
        assert [track.moods for track in library.tracks([1, 2, 3, 4])] == [shipped(i) for i in (1, 2, 3, 4)]
        assert [(t.heard, t.uncorrected) for t in library.tracks([1, 2, 3, 4])] == [(None, None)] * 4
    with sqlite3.connect(path) as connection:
        columns = f"track_id, {', '.join(MOODS)}"
        views = [connection.execute(f"SELECT {columns} FROM {v}").fetchall() for v in ("mood", "heard", "untaught")]
        assert views == [connection.execute(f"SELECT {columns} FROM felt").fetchall()] * 3


def test_words_that_tell_nothing_change_nothing(path: Path) -> None:
    with Library.open(path) as library:
        told(library, 1, None)
        assert moods_of(library, 1) == shipped(1)
        assert library.count_read() == (1, 0)
        assert library.outdated_readings(HEAD) == ([], [])
        assert library.words_and_moods([1])[1].moods is None


def test_every_reader_sees_sound_and_words_together(path: Path) -> None:
    with Library.open(path) as library:
        told(library, 1, SAD, sad=1)
        together = moods.fuse(shipped(1), moods.word_weights(SAD))
        (track,) = library.tracks([1])
        assert track.moods == pytest.approx(together)
        assert (track.heard, track.uncorrected) == (shipped(1), shipped(1))
        assert together["sad"] > shipped(1)["sad"]
        pool = library.pool(mood="happy", styles=[], mood_from=0.01, style_from=0)
        assert pool.mood.tolist() == pytest.approx([together["happy"], 0.9, 0.1, 0.3])
        assert pool.best == pytest.approx(0.9)
        assert library.counts_reaching("mood", {"happy": 0.55, "sad": 0.25}) == {"happy": 1, "sad": 3}
        assert library.words_and_moods([1, 2]) == {
            1: Words(1, "tags", "en", instrumental=False, text="first line\nsecond line", moods=SAD, loudest={"sad": 1})
        }
    with sqlite3.connect(path) as connection:
        ((sad,),) = connection.execute("SELECT sad FROM library WHERE path = '/m/0.ogg'").fetchall()
        assert sad == pytest.approx(together["sad"])


def test_words_of_one_mood_and_sound_of_another(path: Path) -> None:
    with Library.open(path) as library:
        for track_id, said in ((1, SAD), (2, HAPPY), (3, SAD)):
            told(library, track_id, said)
        pool = library.pool(mood="happy", styles=[], mood_from=0.5, style_from=0, read_as="sad", read_from=0.5)
        assert (pool.ids.tolist(), pool.considered) == ([1], 4)
        assert pool.mood.tolist() == pytest.approx([0.6 * 0.75])
        assert pool.best == pytest.approx(0.6 * 0.75)
        pool = library.pool(mood=None, styles=[], mood_from=0, style_from=0, read_as="sad", read_from=0.5)
        assert pool.ids.tolist() == [1, 3]


# Read once


def read_words(library: Library, reader: Stub | None) -> list[tuple[int, int]]:
    def load() -> Stub:
        assert reader is not None, "there was nothing to read"
        return reader

    return list(scan.read_words(library, load))


def test_words_are_read_once(path: Path) -> None:
    reader = Stub()
    with Library.open(path) as library:
        assert read_words(library, None) == []
        library.save_lyrics(1, lyrics("sun\nrain"))
        library.save_lyrics(2, lyrics("oh"))
        library.save_fetched(3, lyrics("裏面的雨", source="lrclib", language="zh"))
        library.save_lyrics(4, lyrics(None, instrumental=True))
        assert read_words(library, reader) == [(0, 3), (3, 3)]
        assert reader.seen == [("sun\nrain", "en"), ("oh", "en"), ("里面的雨", "zh")]
        assert library.readings([1, 2, 3, 4]) == {
            1: Reading(1, 1, HEAD, SAD, {"sad": 1}),
            2: Reading(2, 2, HEAD),
            3: Reading(3, 3, HEAD, SAD, {"sad": 0}),
        }
        assert library.count_read() == (3, 2)
        assert read_words(library, None) == []


def test_words_are_read_again_when_they_or_the_head_changed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = Stub()
    with Library.open(path) as library:
        library.save_lyrics(1, lyrics("rain", source="files"))
        library.save_lyrics(2, lyrics("sun"))
        read_words(library, reader)
        library.save_lyrics(1, lyrics("sun", source="files"))
        assert library.words_and_moods([1])[1].moods is None  # what was read were other words
        assert read_words(library, reader) == [(0, 1), (1, 1)]
        assert moods_of(library, 1)["happy"] > 0.6
        library.save_lyrics(1, lyrics("more rain"))  # tags are nearer than files
        assert read_words(library, reader) == [(0, 1), (1, 1)]
        library.save_lyrics(1, lyrics(None, instrumental=True))
        library.forget_lyrics(2, "tags")
        assert library.outdated_readings(HEAD) == ([], [1, 2])
        assert read_words(library, None) == []
        assert (library.readings([1, 2]), moods_of(library, 1)) == ({}, shipped(1))
        library.forget_lyrics(1, "tags")
        read_words(library, reader)
        monkeypatch.setattr(moods, "FUSION", "another")
        assert library.outdated_readings(words.reading_head()) == ([Unread(1, 3)], [])
        assert read_words(library, reader) == [(0, 1), (1, 1)]
        assert library.readings([1])[1].head == f"{quality.version('lyrics_emotion')}+another"


def test_words_are_read_when_the_nearest_ones_come_from_another_file(path: Path) -> None:
    """A track that is in two files has the words of the one that is there."""
    reader = Stub()
    with Library.open(path) as library:
        copy = library.save_file("/m/copy.ogg", Tags(title="Song 0"), track_id=1, size=1, mtime_ns=1)
        library.save_lyrics(1, lyrics("sun"))
        library.save_lyrics(copy, lyrics("rain"))
        read_words(library, reader)
        library.mark_missing([1])
        assert library.outdated_readings(HEAD) == ([Unread(1, 2)], [])
        read_words(library, reader)
        library.mark_present([1])
        read_words(library, reader)
        assert [text for text, _ in reader.seen] == ["sun", "rain", "sun"]
        # The file holds other music now: its words are those of the other track.
        library.save_file("/m/0.ogg", Tags(title="Song 0"), track_id=2, size=2, mtime_ns=2)
        assert library.outdated_readings(HEAD) == ([Unread(1, 2), Unread(2, 1)], [])
        read_words(library, reader)
        library.mark_missing([1, 2, 3, 4, copy])
        assert library.outdated_readings(HEAD) == ([], [])


def test_only_tracks_whose_words_may_have_changed_are_looked_at(path: Path) -> None:
    with Library.open(path) as library:
        library.save_lyrics(1, lyrics("sun"))
        library.save_lyrics(2, lyrics(None))
        assert library.outdated_readings(HEAD) == library.outdated_readings(HEAD) == ([Unread(1, 1)], [])
        read_words(library, Stub())
        assert library.outdated_readings(HEAD) == ([], [])
        with sqlite3.connect(path) as connection:
            assert connection.execute("SELECT count(*) FROM stale_reading").fetchall() == [(0,)]
        library.save_lyrics(1, lyrics("sun"))  # the same again
        library.mark_missing([3])
        with sqlite3.connect(path) as connection:
            assert connection.execute("SELECT count(*) FROM stale_reading").fetchall() == [(0,)]


def test_many_words_are_read_in_parts(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "READ_AT_ONCE", 2)
    monkeypatch.setattr(words, "MOST_READ_CHARACTERS", 10)
    reader = Stub()
    with Library.open(path) as library:
        for track_id in (1, 2, 3):
            library.save_lyrics(track_id, lyrics(f"sun {track_id}\nand moon and stars"))
        assert read_words(library, reader) == [(0, 3), (2, 3), (3, 3)]
    assert [text for text, _ in reader.seen] == ["sun 1", "sun 2", "sun 3"]


# Teaching


def test_answers_hold_with_the_words(path: Path) -> None:
    limit = teaching.thresholds()["happy"]
    with Library.open(path) as library:
        told(library, 4, SAD)
        change = teaching.teach(library, "happy", yes=[4], no=[2])
        assert change.unmoved == []
        assert moods_of(library, 4)["happy"] >= limit > moods_of(library, 2)["happy"]
        before = {move.track_id: move.before for move in (*change.yes, *change.no)}
        assert before[4] == pytest.approx(moods.fuse(shipped(4), moods.word_weights(SAD))["happy"])
        (track,) = library.tracks([4])
        assert track.uncorrected == shipped(4)
        assert track.heard is not None
        assert track.moods == pytest.approx(moods.fuse(track.heard, moods.word_weights(SAD)))
        # Only what was taught is told, not what the words changed.
        assert [move.before for move in teaching.taught(library, "happy").yes] == pytest.approx([before[4]])
        teaching.undo(library, "happy")
        assert moods_of(library, 4) == pytest.approx(moods.fuse(shipped(4), moods.word_weights(SAD)))


def test_answers_hold_when_words_are_read_later_or_go(path: Path) -> None:
    limit = teaching.thresholds()["happy"]
    with Library.open(path) as library:
        teaching.teach(library, "happy", yes=[4], no=[])
        alone = moods_of(library, 4)
        library.save_lyrics(4, lyrics("rain"))
        read_words(library, Stub())
        assert moods_of(library, 4)["happy"] >= limit
        library.forget_lyrics(4, "tags")
        read_words(library, None)
        assert moods_of(library, 4) == alone


# Reasons


def explained(library: Library, mood: str, *, read_as: str | None = None) -> list[str]:
    (track,) = library.tracks([1])
    why = reasons.both(reasons.labels(mood, [], alone=read_as is not None), reasons.by_words(read_as or mood, library))
    return why(track, CHOICE)


def test_reasons_name_the_line_that_spoke_loudest(path: Path) -> None:
    with Library.open(path) as library:
        assert explained(library, "happy") == ["sounds happy (0.60)"]
        told(library, 1, HAPPY, happy=1)
        together = moods.fuse(shipped(1), moods.word_weights(HAPPY))["happy"]
        told_with_words = f"sounds happy (0.60, with its words {together:.2f})"
        assert explained(library, "happy") == [told_with_words, 'its words are happy (0.80): "second line"']
        assert explained(library, "tender") == ["sounds tender (0.10)"]
        assert explained(library, "calm", read_as="happy") == [
            "sounds calm (0.13)",
            'its words are happy (0.80): "second line"',
        ]
        library.save_lyrics(1, lyrics("other words"))
        assert explained(library, "happy") == [told_with_words]


@pytest.mark.parametrize(
    ("line", "quoted"),
    [("x" * 60, "x" * 60), ("x" * 58 + " yz", "x" * 58 + "…"), ("雨" * 61, "雨" * 59 + "…")],
)
def test_no_more_than_a_short_line_is_quoted(path: Path, line: str, quoted: str) -> None:
    with Library.open(path) as library:
        library.save_lyrics(1, lyrics(f"first\n {line} \nlast"))
        read_words(library, Stub())
        library.save_readings([Reading(1, 1, HEAD, HAPPY, {"happy": 1})])
        assert explained(library, "happy")[1] == f'its words are happy (0.80): "{quoted}"'


# On the command line


def test_sounds_happy_and_reads_sad(run: Run, path: Path) -> None:
    with Library.open(path) as library:
        for track_id, said, line in ((1, SAD, {"sad": 1}), (2, HAPPY, {"happy": 0}), (3, SAD, {"sad": 0})):
            told(library, track_id, said, **line)
    result = run("mood", "happy", "--lyrics", "悲伤", "--explain")
    assert (result.out, result.err.splitlines()) == (
        "/m/0.ogg\n",
        [
            "1 of 4 tracks are happy with sad words",
            'Song 0: sounds happy (0.60); its words are sad (0.75): "second line"',
        ],
    )
    assert run("-q", "style", "jazz", "--lyrics", "sad", "--order", "score").out == "/m/0.ogg\n/m/2.ogg\n"
    mixed = json.loads(run("mix", "--lyrics", "sad", "--json").out)
    assert sorted((d["path"], d["reasons"][-1]) for d in mixed) == [
        ("/m/0.ogg", 'its words are sad (0.75): "second line"'),
        ("/m/2.ogg", 'its words are sad (0.75): "first line"'),
    ]
    (document,) = json.loads(run("similar", "song 0", "--lyrics", "triste", "--json").out)
    assert (document["path"], document["reasons"][1:]) == ("/m/2.ogg", ['its words are sad (0.75): "first line"'])


def test_no_song_sounds_so_and_reads_so(run: Run, path: Path) -> None:
    with Library.open(path) as library:
        for track_id in (1, 3):
            told(library, track_id, SAD)
    limits = (quality.labels(head)[mood].threshold for head, mood in (("emotion", "calm"), ("lyrics_emotion", "sad")))
    result = run("mood", "calm", "--lyrics", "sad", "-o", "x.m3u8")
    considered = "4 tracks were considered, the words of 2 tell a mood"
    needed = f"the best scored 0.10, {' and '.join(f'{limit:.2f}' for limit in limits)} is needed"
    assert (result.code, result.err) == (
        1,
        f"musictaste: no track is calm with sad words enough: {considered}, {needed}\n",
    )


def test_show_tells_what_sound_and_words_say(run: Run, path: Path) -> None:
    with Library.open(path) as library:
        told(library, 1, SAD, sad=1)
    together = moods.fuse(shipped(1), moods.word_weights(SAD))
    out = run("show", "song 0").out
    assert f"{together['happy']:.2f}  by the sound alone 0.60\n" in out
    assert "  words: en (by tags): first line\n  they say sad 0.75, happy 0.05, angry 0.05, calm 0.05\n" in out
    document = json.loads(run("show", "song 0", "--json").out)
    assert document["words"] == {"moods": SAD, "language": "en", "source": "tags", "instrumental": False}
    assert document["moods"] == {mood: round(p, 4) for mood, p in together.items()}
    assert document["sound"]["moods"] == {mood: round(p, 4) for mood, p in shipped(1).items()}
    assert document["valence"] == round(moods.valence(together), 4)


def test_words_do_not_tell_every_mood(run: Run, path: Path) -> None:
    result = run("style", "jazz", "--lyrics", "温柔")
    expected = f"musictaste: words do not tell tender: they tell {', '.join(EMOTIONS)}\n"
    assert (result.code, result.err) == (2, expected)
    result = run("mood", "happy", "--lyrics", "hapy")
    assert (result.code, result.err.partition(":")[2]) == (
        2,
        f" unknown mood 'hapy': did you mean 'happy'? (moods: {', '.join(MOODS)})\n",
    )


def test_how_to_get_words_is_said(run: Run, path: Path) -> None:
    def refused() -> str:
        result = run("mood", "happy", "--lyrics", "sad")
        assert (result.code, result.out) == (1, "")
        return result.err

    assert refused() == (
        "musictaste: no words were read: none of 4 tracks has any:"
        " run 'musictaste scan --lyrics tags,files,lrclib' to look for them\n"
    )
    with Library.open(path) as library:
        library.save_lyrics(1, lyrics("oh"))
        library.save_lyrics(2, lyrics(None, instrumental=True))
    assert refused() == (
        "musictaste: no words were read: 1 of 4 tracks has words: run 'musictaste scan' to have them read\n"
    )
    with Library.open(path) as library:
        read_words(library, Stub())
    assert refused() == (
        "musictaste: no words tell a mood: 1 of 4 tracks has words, too few or in languages that are not read\n"
    )
