from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import sqlite_utils
from conftest import kinds, voices

from musictaste import fading, genres
from musictaste.errors import LibraryError
from musictaste.genres import weigh, weights
from musictaste.moods import EMOTIONS, FINER_MOODS, MOODS
from musictaste.store import APPLICATION_ID, VECTOR_SIZE, Library
from musictaste.store.connection import MIGRATIONS
from musictaste.store.schema import migrations
from musictaste.styles import STYLES
from musictaste.track import (
    Analysis,
    Beside,
    Counts,
    Failure,
    FileState,
    HeardBy,
    Labels,
    Listener,
    Lyrics,
    Song,
    Sound,
    Sung,
    Tags,
    Timeline,
    Together,
    Track,
    Voice,
    Words,
    fold,
)

SIZE = 1864
EMBEDDER = "net-1"
NOW = 1_700_000_000
VERSION_1 = Path(__file__).with_name("library_1.sql")


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: float(NOW))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "library.db"


@pytest.fixture
def library(path: Path) -> Iterator[Library]:
    with Library.open(path, create=True) as opened:
        yield opened


def make_sound(seed: int, *, embedder: str = EMBEDDER) -> Sound:
    rng = np.random.default_rng(seed)
    return Sound(
        duration_s=180.0 + seed,
        heard_s=72.0,
        bpm=100.0 + seed,
        key="A minor",
        loudness_db=-14.5,
        embedder=embedder,
        embedding=rng.standard_normal(SIZE).astype(np.float32),
        spread=rng.random(SIZE).astype(np.float32),
        timeline=Timeline(
            "emotion-1",
            at_s=np.array([7.5, 22.5, 37.25], np.float32),
            moods=np.array([[1, 0, 0, 0], [0.25, 0.5, 0.125, 0.125], [0, 0.001, 0.002, 0.997]], np.float32),
        ),
    )


def make_labels(labels: tuple[str, ...], head: str, **given: float) -> Labels:
    """What is given, by name with "_" for "-"; the other labels share the rest."""
    named = {name.replace("_", "-"): p for name, p in given.items()}
    rest = (1 - sum(named.values())) / max(len(labels) - len(named), 1)
    return Labels(head, {label: named.get(label, rest) for label in labels})


def moods(head: str = "emotion-1", **given: float) -> Labels:
    finer = {mood: given.pop(mood, 0.125) for mood in FINER_MOODS}
    emotions = make_labels(EMOTIONS, head, **given)
    return emotions._replace(probabilities={**emotions.probabilities, **finer})


def styles(head: str = "style-1", **given: float) -> Labels:
    return make_labels(STYLES, head, **given)


def add(
    library: Library,
    path: str,
    tags: Tags = Tags(),  # noqa: B008 - frozen
    *,
    seed: int = 0,
    mood: Labels | None = None,
    style: Labels | None = None,
    full: bool = False,
) -> int:
    with library.transaction():
        track_id = library.save_track(f"hash{seed}", make_sound(seed), mood or moods(), style or styles(), full=full)
        library.save_file(path, tags, track_id=track_id, size=1000 + seed, mtime_ns=2000 + seed)
    return track_id


def stored(vector: np.ndarray) -> np.ndarray:
    """What float16 keeps of an embedding."""
    return vector.astype(np.float16).astype(np.float32)


def unit(seed: int) -> np.ndarray:
    vector = stored(make_sound(seed).embedding)[:VECTOR_SIZE]
    return vector / np.linalg.norm(vector)


def refusal(path: Path, *, create: bool = False) -> str:
    with pytest.raises(LibraryError) as caught:
        Library.open(path, create=create)
    return str(caught.value)


def ask(path: Path, sql: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(path)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


# Opening


def test_a_fresh_library(library: Library, path: Path) -> None:
    assert ask(path, "PRAGMA journal_mode") == [("wal",)]
    assert ask(path, "PRAGMA application_id") == [(APPLICATION_ID,)]
    assert APPLICATION_ID.to_bytes(4, "big") == b"must"
    assert (library.count(), library.all_ids(), library.folders(), library.failures()) == (0, [], [], [])
    assert ask(path, "PRAGMA integrity_check") == [("ok",)]


def test_the_labels_have_their_columns(library: Library, path: Path) -> None:
    names = {table: [row[1] for row in ask(path, f"PRAGMA table_info({table})")] for table in ("mood", "style")}
    assert names["mood"] == ["track_id", "head", *MOODS]
    assert names["style"] == ["track_id", "head", *(style.replace("-", "_") for style in STYLES)]


def test_opening_a_missing_library(path: Path) -> None:
    assert refusal(path) == f"'{path}': there is no library yet: run 'musictaste scan FOLDER' first"
    assert not path.exists()


def test_creating_in_a_missing_folder(tmp_path: Path) -> None:
    path = tmp_path / "none" / "library.db"
    assert refusal(path, create=True) == f"'{path}': the folder '{path.parent}' does not exist"


@pytest.mark.parametrize("create", [False, True])
def test_opening_a_text_file(create: bool, path: Path) -> None:
    path.write_text("This is a shopping list.\n" * 100)
    assert refusal(path, create=create) == f"'{path}': is not a musictaste library"
    assert path.read_text() == "This is a shopping list.\n" * 100


@pytest.mark.parametrize("create", [False, True])
def test_opening_another_programs_database(create: bool, path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE song (id INTEGER)")
    connection.close()
    before = path.read_bytes()
    assert refusal(path, create=create) == f"'{path}': is not a musictaste library"
    assert path.read_bytes() == before


def test_opening_a_folder(path: Path) -> None:
    path.mkdir()
    assert refusal(path) == f"'{path}': cannot be opened: unable to open database file"


def test_opening_what_a_newer_program_wrote(path: Path) -> None:
    Library.open(path, create=True).close()
    (table,) = ask(path, "SELECT name FROM sqlite_master WHERE name LIKE '%migrations%' AND type = 'table'")
    with sqlite3.connect(path) as connection:
        columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table[0]})") if row[1] != "id"]
        values = {"migration_set": "musictaste", "name": "from_the_future", "applied_at": "2099-01-01"}
        connection.execute(
            f"INSERT INTO {table[0]} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})",
            [values[column] for column in columns],
        )
    connection.close()
    assert refusal(path) == f"'{path}': was written by a newer musictaste: update this program to read it"


def test_reopening_keeps_everything(path: Path) -> None:
    with Library.open(path, create=True) as library:
        track_id = add(library, "/music/a.mp3", Tags(title="Song"))
        before = library.tracks([track_id])
    schema = ask(path, "SELECT name, sql FROM sqlite_master ORDER BY name")
    for create in (False, True):
        with Library.open(path, create=create) as library:
            assert library.tracks([track_id]) == before
    assert ask(path, "SELECT name, sql FROM sqlite_master ORDER BY name") == schema


def test_a_library_of_version_1_becomes_what_a_fresh_one_is(tmp_path: Path) -> None:
    """The dump holds one track tagged Jazz, and the schema as the first version of the program made it."""
    old, fresh = tmp_path / "old.db", tmp_path / "fresh.db"
    with contextlib.closing(sqlite3.connect(old)) as connection:
        connection.executescript(VERSION_1.read_text(encoding="utf-8"))
        refused = [("/m/hush.wav", "nothing but silence"), ("/m/text.mp3", "no audio")]
        connection.executemany("INSERT INTO failure VALUES (?, 1, 1, '0.1', ?)", refused)
        connection.commit()
    kept = "SELECT audio_hash, path, title, happy, jazz FROM track JOIN library USING (duration_s)"
    before = ask(old, kept)
    with Library.open(old) as library, Library.open(fresh, create=True):
        assert library.analysis("hash-0") == Analysis("musicnn-msd-1+musicnn-mtt-2", full=False, timeline=None)
        assert (library.all_ids(), library.timelines([1]), library.listed(1)) == ([1], {}, 1)
        assert [track.kind for track in library.tracks([1])] == ["music"]
        # Silence used to be a failure: the next scan is to look at it again.
        assert [failure.path for failure in library.failures()] == ["/m/text.mp3"]
    assert before == [("hash-0", "/m/a.flac", "Song", 0.75, 0.65)]
    # Its tag is read without a scan; the weight is 126.
    assert ask(old, kept) == [("hash-0", "/m/a.flac", "Song", 0.75, pytest.approx(0.65 * 126 / (0.65 * 126 + 0.35)))]
    texts = "SELECT file_id, track_id, source, path, cleaner, instrumental, language, words, text FROM lyrics"
    assert ask(old, texts) == [(1, None, "tags", None, "", 0, None, None, "la la")]
    schema = "SELECT type, name, sql FROM sqlite_master ORDER BY type, name"
    assert ask(old, schema) == ask(fresh, schema)
    applied = "SELECT name FROM _sqlite_migrations ORDER BY id"
    assert ask(old, applied) == ask(fresh, applied) == [(name,) for name in MIGRATIONS]
    for pragma in ("application_id", "journal_mode", "integrity_check", "foreign_key_check"):
        assert ask(old, f"PRAGMA {pragma}") == ask(fresh, f"PRAGMA {pragma}")


def test_a_library_that_was_taught_four_emotions_keeps_what_it_learnt(path: Path) -> None:
    rng = np.random.default_rng(0)
    embedding, spread = (rng.standard_normal(968).astype("<f2") for _ in range(2))
    weights = rng.standard_normal((4, VECTOR_SIZE)).astype("<f4")
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.executescript(VERSION_1.read_text(encoding="utf-8"))
        db = sqlite_utils.Database(connection)
        migrations.apply(db, stop_before="finer_moods")
        db.execute("UPDATE embedding SET mean = ?, spread = ?", [embedding.tobytes(), spread.tobytes()])
        db.execute("INSERT INTO personal_head VALUES ('net', 'head', ?)", [weights.tobytes()])
        db.execute("INSERT INTO personal_mood VALUES (1, 'head', 0.125, 0.25, 0.5, 0.125)")
        connection.commit()
    with Library.open(path) as library:
        kept = library.personal_weights(HeardBy("net", "head"))
        assert kept is not None
        np.testing.assert_array_equal(kept, np.vstack([weights, np.zeros((8, VECTOR_SIZE))]))
        assert library.tracks([1])[0].moods == {"happy": 0.125, "sad": 0.25, "angry": 0.5, "calm": 0.125}
        np.testing.assert_array_equal(library.embedding(1), embedding.astype(np.float32))
    sizes = "SELECT typeof(embedding.mean), length(embedding.mean), length(spread), length(layers.mean)"
    assert ask(path, f"{sizes} FROM embedding JOIN layers USING (track_id)") == [("blob", 800, 800, 1136)]


def test_what_is_written_without_a_transaction_is_kept(path: Path) -> None:
    with Library.open(path, create=True) as library:
        track_id = add(library, "/music/a.mp3")
        library.add_folder("/music")
        library.save_list([track_id], "mix")
        library.mark_missing([1])
        library.save_failure(Failure("/b", 1, 2, "1", "empty"))
    with Library.open(path) as library:
        assert (library.folders(), library.listed(1), library.count()) == (["/music"], track_id, 0)
        assert library.failures() == [Failure("/b", 1, 2, "1", "empty")]


def test_a_transaction_is_kept_together_or_not_at_all(library: Library) -> None:
    def fail() -> None:
        with library.transaction():
            add(library, "/music/a.mp3")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert (library.count(), library.file_state("/music/a.mp3")) == (0, None)


# Tracks and files


FULL_TAGS = Tags(
    title="Grüße aus 東京",
    artist="AC/DC feat. ave;new",
    artists=("AC/DC", "ave;new"),
    album="夜に駆ける",
    album_artist="Simon & Garfunkel",
    album_artists=("Simon & Garfunkel",),
    genres=("Rock", "Dream Pop"),
    date="2004-05-06",
    track_number=3,
    disc_number=2,
    compilation=True,
    lyrics="la la",
    plays=42,
    skips=3,
    rating=0.8,
    last_played=1_600_000_000,
    loved=True,
)


def test_a_track_comes_back_whole(library: Library) -> None:
    mood, style = moods(happy=0.7, sad=0.1), styles(hip_hop=0.5, rock=0.25)
    track_id = add(library, "/music/a.mp3", FULL_TAGS, seed=5, mood=mood, style=style)
    expected = Track(
        id=track_id,
        path="/music/a.mp3",
        title="Grüße aus 東京",
        artist="AC/DC feat. ave;new",
        album="夜に駆ける",
        genre="Rock; Dream Pop",
        duration_s=185.0,
        bpm=105.0,
        key="A minor",
        loudness_db=-14.5,
        moods=mood.probabilities,
        styles=pytest.approx(weigh(style.probabilities, weights(["rock", "shoegaze"]))),
        plays=42,
        skips=3,
        last_played=1_600_000_000,
        rating=0.8,
        loved=True,
        by_sound=style.probabilities,
        tagged=("rock", "shoegaze"),
    )
    assert library.tracks([track_id]) == [expected]
    np.testing.assert_array_equal(library.embedding(track_id), stored(make_sound(5).embedding))


def test_a_track_without_tags_comes_back_whole(library: Library) -> None:
    sound = replace(make_sound(0), bpm=None, key=None)
    track_id = library.save_track("h", sound, moods(), styles(), full=True)
    library.save_file("/music/a.mp3", Tags(), track_id=track_id, size=1, mtime_ns=2)
    (track,) = library.tracks([track_id])
    assert track == Track(
        track_id, "/music/a.mp3", None, None, None, None, 180.0, None, None, -14.5, moods().probabilities,
        styles().probabilities, plays=0, skips=0, last_played=None, rating=None, loved=False,
    )  # fmt: skip


def test_tracks_come_in_the_order_asked(library: Library) -> None:
    ids = [add(library, f"/music/{n:04}.mp3", seed=n) for n in range(600)]
    assert [track.id for track in library.tracks(ids[::-1])] == ids[::-1]
    assert [track.id for track in library.tracks([ids[3], 99_999, ids[1]])] == [ids[3], ids[1]]
    assert library.tracks([]) == []


def test_multi_valued_tags_are_replaced(library: Library, path: Path) -> None:
    add(library, "/music/a.mp3", FULL_TAGS)
    select = "SELECT field, position, value FROM tag_value ORDER BY field, position"
    assert ask(path, select) == [
        ("album_artists", 0, "Simon & Garfunkel"),
        ("artists", 0, "AC/DC"),
        ("artists", 1, "ave;new"),
        ("genres", 0, "Rock"),
        ("genres", 1, "Dream Pop"),
    ]
    add(library, "/music/a.mp3", Tags(artists=("One",)))
    assert ask(path, select) == [("artists", 0, "One")]


def test_saving_again_updates(library: Library) -> None:
    first = add(library, "/music/a.mp3", Tags(title="Old", plays=3))
    again = add(library, "/music/a.mp3", Tags(title="New"), mood=moods("emotion-2", sad=1.0))
    (track,) = library.tracks([first])
    assert (again, library.count(), track.title, track.plays) == (first, 1, "New", 0)
    assert track.moods == moods(sad=1.0).probabilities


def test_the_state_of_a_file(library: Library) -> None:
    track_id = add(library, "/music/a.mp3", seed=4, full=True)
    state = FileState(
        1, track_id, 1004, 2004, missing=False, audio_hash="hash4", analysis=Analysis(EMBEDDER, True, "emotion-1")
    )
    assert library.file_state("/music/a.mp3") == state
    assert library.file_state("/music/A.mp3") is None
    library.mark_missing([1])
    assert library.file_state("/music/a.mp3") == state._replace(missing=True)


def test_a_path_that_is_not_utf8(library: Library, path: Path) -> None:
    odd = os.fsdecode(b"/music/\xff\xe9.mp3")
    track_id = add(library, odd)
    library.add_folder(odd)
    assert library.tracks([track_id])[0].path == odd
    assert library.copies(track_id) == [(1, odd)]
    assert list(library.files_below("/music")) == [(1, odd, False)]
    assert library.folders() == [odd]
    assert library.file_state(odd) is not None
    assert library.find(odd) == [track_id]
    library.save_failure(Failure(odd, 1, 2, "1", "empty"))
    assert library.failures() == [library.failure(odd)] == [Failure(odd, 1, 2, "1", "empty")]
    assert ask(path, "SELECT typeof(path) FROM file") == [("text",)]


def test_any_program_can_read_the_library_view(library: Library, path: Path) -> None:
    add(library, "/music/é.mp3", FULL_TAGS, style=styles(hip_hop=0.5))
    select = "SELECT path, title, genre, bpm, key, happy, hip_hop, plays, rating FROM library"
    (weighed,) = [track.styles["hip-hop"] for track in library.tracks([1])]
    row = ("/music/é.mp3", "Grüße aus 東京", "Rock; Dream Pop", 100.0, "A minor", 0.25, weighed, 42, 0.8)
    assert ask(path, select) == [row]
    assert weighed < 0.1
    library.mark_missing([1])
    assert ask(path, select) == []


def test_the_sqlite_shell_reads_it_too(library: Library, path: Path) -> None:
    add(library, "/music/é.mp3", FULL_TAGS)
    try:
        done = subprocess.run(
            ["sqlite3", str(path), "SELECT path, happy FROM library WHERE path LIKE '/music/%'"],  # noqa: S607
            capture_output=True,
            check=True,
        )
    except FileNotFoundError:
        pytest.skip("there is no sqlite3 here")
    assert done.stdout.decode() == "/music/é.mp3|0.25\n"


# Styles by sound and by tags


def jazz_of(library: Library, track_id: int) -> tuple[float, tuple[str, ...]]:
    (track,) = library.tracks([track_id])
    return round(track.styles["jazz"], 4), track.tagged


def test_an_edited_tag_counts_without_listening(library: Library) -> None:
    heard = styles(jazz=0.3)
    track_id = add(library, "/a.mp3", style=heard)
    assert jazz_of(library, track_id) == (0.3, ())
    for genre, jazz, tagged in (("Jazz", 0.9818, ("jazz",)), ("Bebop", 0.9913, ("bebop", "jazz")), ("?", 0.3, ())):
        library.save_file("/a.mp3", Tags(genres=(genre,)), track_id=track_id, size=1, mtime_ns=3)
        assert jazz_of(library, track_id) == (jazz, tagged)
    (track,) = library.tracks([track_id])
    assert (track.styles, track.by_sound) == (heard.probabilities, None)


def test_another_head_is_weighed_against_the_same_tag(library: Library) -> None:
    track_id = add(library, "/a.mp3", Tags(genres=("Jazz",)), style=styles(jazz=0.3))
    library.save_labels(track_id, moods(), styles("style-2", jazz=0.001))
    assert jazz_of(library, track_id) == (round(0.126 / (0.126 + 0.999), 4), ("jazz",))


def test_the_file_that_stands_for_a_track_decides(library: Library) -> None:
    """The one whose title is shown: the first of those that are there."""
    track_id = add(library, "/a.mp3", Tags(genres=("Jazz",)), style=styles(jazz=0.3))
    add(library, "/b.mp3", Tags(genres=("Techno",)), style=styles(jazz=0.3))
    for missing, tagged in (([], ("jazz",)), ([1], ("electronic", "techno")), ([1, 2], ("jazz",))):
        library.mark_present([1, 2])
        library.mark_missing(missing)
        (track,) = library.tracks([track_id])
        assert (track.tagged, track.genre) == (tagged, "Techno" if missing == [1] else "Jazz")
        top = max(track.styles, key=lambda style: track.styles[style])
        assert top == ("electronic" if missing == [1] else "jazz")


def test_a_file_whose_sound_changed_leaves_its_tags_behind(library: Library) -> None:
    first = add(library, "/a.mp3", Tags(genres=("Jazz",)), seed=0)
    second = add(library, "/a.mp3", Tags(genres=("Techno",)), seed=1)
    add(library, "/copy.mp3", seed=0)
    assert [track.tagged for track in library.tracks([first, second])] == [(), ("electronic", "techno")]


def test_a_moved_file_takes_its_tags_along(library: Library, path: Path) -> None:
    track_id = add(library, "/old.mp3", Tags(genres=("Jazz",)), seed=0)
    add(library, "/new.mp3", Tags(genres=("Techno",)), seed=1)
    with library.transaction():
        tags = Tags(genres=("Bebop",))
        library.save_file("/new.mp3", tags, track_id=track_id, size=1, mtime_ns=3, file_id=1)
    assert ask(path, "SELECT * FROM tagged ORDER BY style") == [("bebop", 1), ("jazz", 1)]
    assert ask(path, "SELECT file_id, jazz FROM tag_weight") == [(1, pytest.approx(266))]
    assert ask(path, "PRAGMA foreign_key_check") == []


def test_tags_are_read_again_when_words_were_learnt(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Library.open(path, create=True) as library:
        track_id = add(library, "/a.mp3", Tags(genres=("Dance Hall", "Jazz")))
        add(library, "/b.mp3", Tags(genres=("Other",)), seed=1)
    kept = "SELECT style FROM tagged ORDER BY style"
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM tagged WHERE style = 'reggae'")
        connection.execute("INSERT INTO tagged VALUES ('rock', 2)")
    with Library.open(path):
        assert ask(path, kept) == [("dancehall",), ("jazz",), ("rock",)]
    monkeypatch.setattr(genres, "VERSION", genres.VERSION - 1)
    with Library.open(path) as library:
        assert ask(path, kept) == [("dancehall",), ("jazz",), ("reggae",)]
        assert library.tracks([track_id])[0].tagged == ("dancehall", "jazz", "reggae")
    assert ask(path, "PRAGMA user_version") == [(genres.VERSION,)]


@pytest.fixture
def tagged(library: Library) -> list[int]:
    """Two tagged bebop, of which one sounds nothing like it, an untagged one, and a salsa that sounds like pop."""
    given = [("Bebop", {"jazz": 0.8}), ("Bebop", {"jazz": 0.00001, "rock": 0.9}), (None, {"jazz": 0.8})]
    return [
        add(library, f"/{n}", Tags(genres=(genre,) if genre else ()), seed=n, style=styles(**heard))
        for n, (genre, heard) in enumerate([*given, ("Salsa", {"pop": 0.75})])
    ]


@pytest.mark.parametrize(
    ("wanted", "threshold", "found"),
    [
        (["jazz"], 0.5, {0: 0.999, 2: 0.8}),
        (["bebop"], 0.5, {0: 0.999}),
        (["bebop"], 0.001, {0: 0.999, 1: 0.0029}),
        (["jazz", "bebop"], 0.5, {0: 0.999, 2: 0.8}),
        (["bebop", "pop"], 0.5, {0: 0.9992, 3: 0.75}),
        (["salsa"], 1.0, {3: 1.0}),
        (["latin"], 1.0, {3: 1.0}),
        (["latin", "pop"], 0.5, {3: 1.0}),
        (["house"], 0.001, {}),
        (["fusion"], 0.001, {}),
    ],
)
def test_a_pool_of_styles_that_tags_tell(
    library: Library, tagged: list[int], wanted: list[str], threshold: float, found: dict[int, float]
) -> None:
    pool = library.pool(mood=None, styles=wanted, mood_from=0, style_from=threshold)
    assert pool.ids.tolist() == [tagged[n] for n in found]
    assert pool.style.tolist() == [pytest.approx(p, abs=1e-3) for p in found.values()]
    assert pool.considered == 4


def test_how_many_have_a_style_that_tags_tell(library: Library, tagged: list[int]) -> None:
    thresholds = {"bebop": 0.5, "salsa": 1.0, "latin": 1.0, "house": 0.1}
    assert library.counts_tagged(thresholds) == {"bebop": 1, "salsa": 1, "latin": 1, "house": 0}
    assert library.counts_tagged({"bebop": 0.001}) == {"bebop": 2}
    assert library.counts_reaching("style", {"jazz": 0.5, "pop": 0.5}) == {"jazz": 2, "pop": 1}
    assert (library.count_told(["bebop"]), library.count_told(["house"]), library.count_told(["house", "latin"])) == (
        2,
        0,
        1,
    )
    library.mark_missing([1])
    assert (library.counts_tagged({"bebop": 0.5}), library.count_told(["bebop"])) == ({"bebop": 0}, 1)


# What is there and what is not


def test_missing_and_present(library: Library) -> None:
    ids = [add(library, f"/music/{n}.mp3", seed=n) for n in range(3)]
    library.mark_missing([2, 3])
    assert (library.count(), library.all_ids()) == (1, ids[:1])
    assert [track.missing for track in library.tracks(ids)] == [False, True, True]
    library.mark_present([3])
    assert (library.count(), library.all_ids()) == (2, [ids[0], ids[2]])
    add(library, "/music/1.mp3", seed=1)
    assert library.count() == 3


def test_a_present_copy_stands_for_a_missing_one(library: Library) -> None:
    track_id = add(library, "/music/a.mp3", Tags(title="A"))
    add(library, "/music/b.mp3", Tags(title="B"))
    assert library.copies(track_id) == [(1, "/music/a.mp3"), (2, "/music/b.mp3")]
    assert (library.count(), library.tracks([track_id])[0].title) == (1, "A")
    library.mark_missing([1])
    (track,) = library.tracks([track_id])
    assert (library.count(), track.title, track.missing) == (1, "B", False)


def test_files_below_a_folder(library: Library) -> None:
    for n, name in enumerate(
        ["/a/b/1.mp3", "/a/b/c/2.mp3", "/a/bc/3.mp3", "/a/b-side/4.mp3", "/a/b.mp3", "/a/B/5.mp3"]
    ):
        add(library, name, seed=n)
    library.mark_missing([2])
    expected = [(1, "/a/b/1.mp3", False), (2, "/a/b/c/2.mp3", True)]
    assert list(library.files_below("/a/b")) == list(library.files_below("/a/b/")) == expected
    assert len(list(library.files_below("/"))) == 6
    assert list(library.files_below("/none")) == []


def test_files_below_a_folder_with_wild_cards(library: Library) -> None:
    for n, name in enumerate(["/a_%/1.mp3", "/abc/2.mp3", "/a/3.mp3"]):
        add(library, name, seed=n)
    assert list(library.files_below("/a_%")) == [(1, "/a_%/1.mp3", False)]


def test_moving_a_file_keeps_it(library: Library) -> None:
    track_id = add(library, "/music/a.mp3", Tags(title="Old"))
    library.mark_missing([1])
    library.save_file("/music/b.mp3", Tags(title="New"), track_id=track_id, size=1, mtime_ns=2, file_id=1)
    assert library.copies(track_id) == [(1, "/music/b.mp3")]
    (track,) = library.tracks([track_id])
    assert (track.title, track.missing) == ("New", False)


def test_moving_a_file_onto_another(library: Library, path: Path) -> None:
    moved = add(library, "/music/a.mp3", FULL_TAGS, seed=1)
    replaced = add(library, "/music/b.mp3", FULL_TAGS, seed=2)
    with library.transaction():
        for file_id in (1, 2):
            library.save_lyrics(file_id, make_lyrics("tags"))
        library.save_file("/music/b.mp3", FULL_TAGS, track_id=moved, size=1, mtime_ns=2, file_id=1)
    assert library.copies(moved) == [(1, "/music/b.mp3")]
    assert (library.copies(replaced), library.tracks([replaced]), library.count()) == ([], [], 1)
    assert ask(path, "SELECT DISTINCT file_id FROM tag_value") == [(1,)]
    assert ask(path, "SELECT file_id FROM lyrics") == [(1,)]
    assert ask(path, "PRAGMA foreign_key_check") == []


def test_a_failure_makes_a_heard_file_missing(library: Library) -> None:
    track_id = add(library, "/music/a.mp3")
    failure = Failure("/music/a.mp3", 5, 6, "0.1", "the file is empty")
    library.save_failure(failure._replace(reason="old"))
    library.save_failure(failure)
    assert (library.failures(), library.failure("/music/a.mp3")) == ([failure], failure)
    assert (library.count(), library.tracks([track_id])[0].missing) == (0, True)
    add(library, "/music/a.mp3")
    assert (library.failures(), library.failure("/music/a.mp3"), library.count()) == ([], None, 1)


def test_failures_are_forgotten(library: Library) -> None:
    failures = [Failure(f"/music/{n}.mp3", n, n, "0.1", "the file is empty") for n in (2, 1, 3)]
    for failure in failures:
        library.save_failure(failure)
    assert library.failures() == [failures[1], failures[0], failures[2]]
    library.forget_failures(["/music/1.mp3", "/music/3.mp3", "/music/none.mp3"])
    assert library.failures() == [failures[0]]


def test_folders_are_kept_once(library: Library) -> None:
    for folder in ("/b", "/a", "/b"):
        library.add_folder(folder)
    assert library.folders() == ["/a", "/b"]


# Analyses


def test_how_a_track_was_heard(library: Library) -> None:
    track_id = add(library, "/music/a.mp3", full=False)
    assert library.analysis("hash0") == Analysis(EMBEDDER, full=False, timeline="emotion-1")
    assert library.analysis("hash1") is None
    add(library, "/music/a.mp3", full=True)
    assert library.analysis("hash0") == Analysis(EMBEDDER, full=True, timeline="emotion-1")
    assert library.track_id("hash0") == track_id


def test_a_timeline_comes_back_as_exactly_as_it_is_kept(library: Library, path: Path) -> None:
    track_id = add(library, "/music/a.mp3")
    kept = np.array([[255, 0, 0, 0], [64, 128, 32, 32], [0, 0, 1, 254]], np.uint8)
    at_s = np.array([7.5, 22.5, 37.25], "<f4")
    assert ask(path, "SELECT * FROM timeline") == [(track_id, "emotion-1", at_s.tobytes(), kept.tobytes())]
    found = library.timelines([track_id, 99])
    assert found == {track_id: Timeline("emotion-1", at_s, kept, current=True)}
    np.testing.assert_array_equal(found[track_id].at_s, at_s)
    np.testing.assert_array_equal(found[track_id].moods, kept / np.float32(255))
    library.save_track("hash0", replace(make_sound(0), timeline=found[track_id]), moods(), styles(), full=False)
    assert ask(path, "SELECT * FROM timeline") == [(track_id, "emotion-1", at_s.tobytes(), kept.tobytes())]


def test_a_timeline_outlives_the_head_that_made_it(library: Library) -> None:
    track_id = add(library, "/music/a.mp3")
    library.save_labels(track_id, moods("emotion-2"), styles())
    assert [(t.head, t.current) for t in library.timelines([track_id]).values()] == [("emotion-1", False)]
    assert library.analysis("hash0") == Analysis(EMBEDDER, full=False, timeline="emotion-1")


def test_stale_embeddings(library: Library) -> None:
    fresh = add(library, "/0", seed=0)
    old_mood = add(library, "/1", seed=1, mood=moods("emotion-0"))
    old_style = add(library, "/2", seed=2, style=styles("style-0"))
    library.save_track("other", make_sound(3, embedder="net-0"), moods("emotion-0"), styles("style-0"), full=False)
    ids, vectors = library.stale_embeddings(EMBEDDER, "emotion-1", "style-1", limit=10)
    assert ids == [old_mood, old_style]
    np.testing.assert_array_equal(vectors, [stored(make_sound(n).embedding) for n in (1, 2)])
    assert len(library.stale_embeddings(EMBEDDER, "emotion-1", "style-1", limit=1)[0]) == 1
    for track_id in ids:
        library.save_labels(track_id, moods(), styles())
    ids, vectors = library.stale_embeddings(EMBEDDER, "emotion-1", "style-1", limit=10)
    assert (ids, len(vectors)) == ([], 0)
    assert library.track_id("hash0") == fresh


def test_kinds_that_another_head_told(library: Library) -> None:
    never, old, fresh, elsewhere = (add(library, f"/{n}", seed=n) for n in range(4))
    for track_id, head in ((old, "kind-0"), (fresh, "kind-1")):
        library.save_kind(track_id, "music", kinds(head=head))
    library.save_track("hash3", make_sound(3, embedder="net-0"), moods(), styles(), full=False)
    ids, levels, vectors = library.stale_kinds(EMBEDDER, "kind-1", limit=10)
    assert (ids, levels) == ([never, old], [-14.5, -14.5])
    np.testing.assert_array_equal(vectors, [stored(make_sound(n).embedding) for n in (0, 1)])
    assert library.stale_kinds(EMBEDDER, "kind-1", limit=1)[0] == [never]
    for track_id in (never, old, elsewhere):
        library.save_kind(track_id, "speech", kinds())
    assert library.stale_kinds(EMBEDDER, "kind-1", limit=10)[0] == []
    assert [track.kind for track in library.tracks([never, fresh])] == ["speech", "music"]


def test_voices_that_another_head_heard(library: Library) -> None:
    never, old, fresh, elsewhere = (add(library, f"/{n}", seed=n) for n in range(4))
    for track_id, head in ((old, "voice-0"), (fresh, "voice-1")):
        library.save_voice(track_id, None, voices(0.5, head))
    library.save_track("hash3", make_sound(3, embedder="net-0"), moods(), styles(), full=False)
    ids, vectors = library.stale_voices(EMBEDDER, "voice-1", limit=10)
    assert ids == [never, old]
    np.testing.assert_array_equal(vectors, [stored(make_sound(n).embedding) for n in (0, 1)])
    assert library.stale_voices(EMBEDDER, "voice-1", limit=1)[0] == [never]
    for track_id in (never, old, elsewhere):
        library.save_voice(track_id, "vocal", voices(0.75))
    assert library.stale_voices(EMBEDDER, "voice-1", limit=10)[0] == []
    assert library.voices([never, elsewhere]) == {
        never: Voice("vocal", "sound", 0.75), elsewhere: Voice("vocal", "sound", 0.75),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("title", "words", "heard", "expected"),
    [
        (None, None, None, (None, None)),
        ("Song", None, "vocal", ("vocal", "sound")),
        ("Song", None, "instrumental", ("instrumental", "sound")),
        ("Song", "la la", None, ("vocal", "words")),
        ("Song", "la la", "instrumental", ("vocal", "words")),
        ("Song", "", "vocal", ("instrumental", "words")),
        ("Song (Instrumental)", "la la", "vocal", ("instrumental", "title")),
        ("Song [instrumental mix]", None, None, ("instrumental", "title")),
        ("Song - Instrumental", None, "vocal", ("instrumental", "title")),
        ("Song (Karaoke Version)", None, "vocal", ("instrumental", "title")),
        ("歌曲（伴奏）", None, "vocal", ("instrumental", "title")),
        ("曲 (Off Vocal)", None, "vocal", ("instrumental", "title")),
        ("Instrumental Asylum", None, "vocal", ("vocal", "sound")),
    ],
)
def test_whether_a_track_is_sung(
    library: Library, title: str | None, words: str | None, heard: Sung | None, expected: tuple[Sung | None, str | None]
) -> None:
    """An empty text stands for a source that says that there is nothing to sing."""
    track_id = add(library, "/a", Tags(title=title))
    if words is not None:
        library.save_lyrics(1, Lyrics("tags", words, words or None, "en", not words, "1"))
    if heard:
        library.save_voice(track_id, heard, voices(0.5))
    (voice,) = library.voices([track_id]).values()
    assert (voice.answer, voice.told_by, voice.vocal) == (*expected, 0.5 if heard else None)
    assert library.sung("vocal") == [track_id] * (expected[0] == "vocal")
    assert library.sung("instrumental") == [track_id] * (expected[0] == "instrumental")
    assert library.count_unsure() == (expected[0] is None)


def test_what_is_no_music_is_not_asked_whether_it_is_sung(library: Library) -> None:
    library.save_kind(add(library, "/a"), "speech", kinds())
    assert library.count_unsure() == 0


def test_emotions_of_some_tracks(library: Library) -> None:
    ids = [add(library, f"/{n}", seed=n) for n in range(3)]
    found = library.emotions(np.array(ids[::2]))
    assert found.dtype == np.float32
    expected = [[track.moods[mood] for mood in EMOTIONS] for track in library.tracks(ids[::2])]
    np.testing.assert_allclose(found, expected)
    assert library.emotions(np.array([], np.int64)).shape == (0, 4)
    assert Library.empty().emotions(np.array([], np.int64)).shape == (0, 4)


def test_recipes_are_kept_by_name(library: Library) -> None:
    library.save_recipe("b", ["mood", "happy", "-n", "3"], [], "/x/b.m3u8")
    library.save_recipe("a", ["similar", "快\udcff"], ["/m/\udcff.mp3"], "/x/\udcff.m3u8")
    library.save_recipe("b", ["mood", "sad"], [], "/x/b.xspf")
    first, second = library.recipes()
    assert (first.name, first.words, first.tracks, first.file) == (
        "a", ("similar", "快\udcff"), ("/m/\udcff.mp3",), "/x/\udcff.m3u8",
    )  # fmt: skip
    assert (second.name, second.words, second.tracks, second.file) == ("b", ("mood", "sad"), (), "/x/b.xspf")
    library.remove_recipe("a")
    assert library.recipes() == [second]


# Choosing


KINDS = (None, "music", "speech", "speech", "noise", "silence")


@pytest.fixture
def mixed(library: Library) -> list[int]:
    """Six tracks that sound alike: nobody knows of the first what it is, and two are music at most."""
    ids = [add(library, f"/{n}", Tags(title=f"{n}", plays=1), seed=n) for n in range(len(KINDS))]
    for track_id, kind in zip(ids, KINDS, strict=True):
        if kind:
            library.save_kind(track_id, kind, kinds())
    return ids


def test_only_music_is_chosen(library: Library, mixed: list[int], path: Path) -> None:
    pool = library.pool(mood=None, styles=[], mood_from=0, style_from=0)
    assert (pool.ids.tolist(), pool.considered) == (mixed[:2], 2)
    assert library.not_music() == {"speech": 2, "noise": 1, "silence": 1}
    assert library.counts_reaching("mood", {"happy": 0.1}) == {"happy": 2}
    assert library.plays().ids.tolist() == mixed[:2]
    # All else is still there, and known for what it is.
    assert library.all_ids() == mixed
    assert [track.kind for track in library.tracks(mixed)] == [kind or "music" for kind in KINDS]
    assert ask(path, "SELECT path, kind FROM library ORDER BY path") == [
        (f"/{n}", kind or "music") for n, kind in enumerate(KINDS)
    ]


def test_what_is_missing_is_not_counted_as_left_out(library: Library, mixed: list[int]) -> None:
    library.mark_missing(mixed[2:5])
    assert library.not_music() == {"silence": 1}


def test_only_music_moves(library: Library, mixed: list[int]) -> None:
    library.remember_moods("happy")
    for track_id in mixed:
        library.save_labels(track_id, moods(happy=0.75), styles())
    assert [move.track_id for move in library.moves("happy", 0.5)] == mixed[:2]


@pytest.fixture
def three(library: Library) -> list[int]:
    return [
        add(
            library,
            f"/{n}",
            Tags(title=f"Song {n}", artist="One", album_artist=album_artist),
            seed=n,
            mood=moods(happy=happy),
            style=styles(rock=rock, hip_hop=0.125),
        )
        for n, happy, rock, album_artist in ((0, 0.75, 0.5, None), (1, 0.5, 0.25, "Many"), (2, 0.25, 0.75, None))
    ]


def test_a_pool_holds_what_reaches_the_thresholds(library: Library, three: list[int]) -> None:
    pool = library.pool(mood="happy", styles=["rock", "hip-hop"], mood_from=0.5, style_from=0.375)
    assert (pool.ids.tolist(), len(pool)) == (three[:2], 2)
    assert (pool.mood.tolist(), pool.style.tolist()) == ([0.75, 0.5], [0.625, 0.375])
    assert (pool.duration_s.tolist(), pool.bpm.tolist(), pool.loudness_db.tolist()) == (
        [180.0, 181.0], [100.0, 101.0], [-14.5, -14.5],
    )  # fmt: skip
    assert (pool.keys, pool.artists, pool.titles) == (("A minor",) * 2, ("One", "One"), ("Song 0", "Song 1"))
    assert (pool.considered, pool.best) == (3, pytest.approx(0.75 * 0.625))
    np.testing.assert_allclose(pool.vectors, [unit(0), unit(1)], atol=1e-6)


def test_a_pool_of_everything(library: Library, three: list[int]) -> None:
    library.mark_missing([2])
    pool = library.pool(mood=None, styles=[], mood_from=0, style_from=0)
    assert pool.ids.tolist() == [three[0], three[2]]
    assert (pool.mood.tolist(), pool.style.tolist(), pool.considered, pool.best) == ([1, 1], [1, 1], 2, 1)


def test_an_empty_pool_tells_the_best_fit(library: Library, three: list[int]) -> None:
    pool = library.pool(mood="happy", styles=["rock"], mood_from=0.9, style_from=0)
    assert (len(pool), pool.vectors.shape, pool.bpm.shape) == (0, (0, VECTOR_SIZE), (0,))
    assert (pool.considered, pool.best, pool.keys, pool.titles) == (3, 0.375, (), ())


def test_the_pool_of_an_empty_library(library: Library) -> None:
    pool = library.pool(mood="happy", styles=[], mood_from=0, style_from=0)
    assert (len(pool), pool.considered, pool.best) == (0, 0, 0)


def test_vectors_come_in_the_order_asked(library: Library, three: list[int]) -> None:
    vectors = library.vectors([three[2], three[0], three[2]])
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors, [unit(2), unit(0), unit(2)], atol=1e-6)
    assert library.vectors([]).shape == (0, VECTOR_SIZE)


def test_how_many_reach_a_threshold(library: Library, three: list[int]) -> None:
    assert library.counts_reaching("mood", {"happy": 0.5, "sad": 0.9}) == {"happy": 2, "sad": 0}
    assert library.counts_reaching("style", {"hip-hop": 0.125, "rock": 0.6}) == {"hip-hop": 3, "rock": 1}
    library.mark_missing([1, 2, 3])
    assert library.counts_reaching("mood", {"happy": 0.5}) == {"happy": 0}


def test_plays(library: Library) -> None:
    played = add(library, "/0", Tags(title="Song", artist="One", plays=3, skips=1), seed=0)
    add(library, "/1", seed=1)
    rated = add(library, "/2", Tags(title="Rated", rating=0.0), seed=2)
    loved = add(library, "/3", Tags(loved=True), seed=3)
    add(library, "/4", Tags(plays=0, skips=0, loved=False), seed=4)
    add(library, "/copy", Tags(title="Song", artist="One", plays=2, rating=0.5), seed=0)
    library.mark_missing([1])
    plays = library.plays()
    assert plays.ids.tolist() == [played, rated, loved]
    assert (plays.plays.tolist(), plays.skips.tolist()) == ([5, 0, 0], [fading.UNDATED, 0, 0])
    assert plays.recent is not None
    assert plays.recent.tolist() == [5 * fading.UNDATED, 0, 0]
    assert (plays.rating.tolist(), plays.loved.tolist()) == ([0.5, 0, -1], [0, 0, 1])
    np.testing.assert_allclose(plays.vectors, [unit(0), unit(2), unit(3)], atol=1e-6)


def test_no_plays(library: Library) -> None:
    add(library, "/0")
    plays = library.plays()
    assert (len(plays.ids), plays.vectors.shape) == (0, (0, VECTOR_SIZE))


# Finding


@pytest.fixture
def named(library: Library) -> dict[str, int]:
    songs = {
        "joga": Tags(artist="Björk", title="Jóga", album="Homogenic"),
        "joga live": Tags(artist="Björk", title="Jóga (live)", album="Vespertine Live"),
        "hunter": Tags(artist="Björk", title="Hunter", album="Homogenic"),
        "strasse": Tags(artist="Élan", title="STRASSE"),
        "night": Tags(artist="YOASOBI", title="夜に駆ける"),
        "untitled": Tags(),
    }
    return {name: add(library, f"/music/{n}.mp3", tags, seed=n) for n, (name, tags) in enumerate(songs.items())}


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("/music/2.mp3", ["hunter"]),
        ("/music/../music/2.mp3", ["hunter"]),
        ("Björk - Jóga", ["joga"]),
        ("bjork - JOGA", ["joga"]),
        ("joga", ["joga"]),
        ("live joga", ["joga live"]),
        ("homogenic", ["joga", "hunter"]),
        ("bjork", ["joga", "joga live", "hunter"]),
        ("björk hunt", ["hunter"]),
        ("elan straße", ["strasse"]),
        ("夜に駆ける", ["night"]),
        ("5.MP3", ["untitled"]),
        ("bjork nothing", []),
        ("/music/none.mp3", []),
    ],
)
def test_finding(words: str, found: list[str], library: Library, named: dict[str, int]) -> None:
    assert library.find(words) == [named[name] for name in found]


def test_finding_by_a_relative_path(library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    track_id = add(library, str(tmp_path / "a.mp3"))
    monkeypatch.chdir(tmp_path)
    assert library.find("a.mp3") == [track_id]


def test_missing_tracks_are_found_by_path_alone(library: Library, named: dict[str, int]) -> None:
    library.mark_missing([3])
    assert (library.find("hunter"), library.find("/music/2.mp3")) == ([], [named["hunter"]])


@pytest.mark.parametrize("words", ["", "  "])
def test_no_words_find_nothing(words: str, library: Library, named: dict[str, int]) -> None:
    assert library.find(words) == []


def test_folding() -> None:
    assert fold("Straße ÉLAN ﬁn") == "strasse elan fin"


def test_the_last_list(library: Library, three: list[int]) -> None:
    assert library.listed(1) is None
    library.save_list(three, "lyrics")
    library.save_list([three[2], three[0]], "lyrics")
    assert [library.listed(n) for n in (0, 1, 2, 3)] == [None, three[2], three[0], None]


# Words


def make_lyrics(source: str, words: str | None = "la", *, instrumental: bool = False, cleaner: str = "1") -> Lyrics:
    language = "en" if words else None
    return Lyrics(source, f"[00:01.00]{words}", words, language, instrumental=instrumental, cleaner=cleaner)


def of_words(library: Library, track_id: int) -> tuple[str, str | None] | None:
    found = library.words([track_id]).get(track_id)
    return found and (found.source, found.text)


def test_the_nearest_source_gives_the_words(library: Library) -> None:
    """Each source is put before those that are farther away, and taken away again."""
    track_id = add(library, "/music/a.mp3")
    steps = [
        lambda: library.save_fetched(track_id, make_lyrics("genius", "from genius")),
        lambda: library.save_fetched(track_id, make_lyrics("lrclib", "from lrclib")),
        lambda: library.save_lyrics(1, make_lyrics("files", "from files"), Beside("/music/a.lrc", 5)),
        lambda: library.save_lyrics(1, make_lyrics("tags", "from tags")),
        lambda: library.save_lyrics(1, make_lyrics("tags", None)),  # nothing was left of them
        lambda: library.forget_lyrics(1, "tags"),
        lambda: library.save_lyrics(1, make_lyrics("files", None), Beside("/music/a.lrc", 6)),
        lambda: library.forget_fetched(track_id),
    ]
    sources = []
    for step in steps:
        step()
        found = of_words(library, track_id)
        sources.append(found and found[0])
        assert found is None or found[1] == f"from {found[0]}"
    assert sources == ["genius", "lrclib", "files", "tags", "files", "files", "lrclib", None]


def test_words_of_several_tracks(library: Library) -> None:
    ids = [add(library, f"/music/{i}.mp3", seed=i) for i in range(3)]
    library.save_lyrics(1, make_lyrics("tags"))
    library.save_fetched(ids[2], make_lyrics("lrclib", None, instrumental=True))
    assert library.words(ids) == {
        ids[0]: Words(1, "tags", "en", instrumental=False, text="la"),
        ids[2]: Words(2, "lrclib", None, instrumental=True, text=None),
    }
    assert library.count_words() == {("tags", False): 1, ("lrclib", True): 1}
    library.mark_missing([1])
    assert library.count_words() == {("lrclib", True): 1}
    assert list(library.words(ids)) == [ids[0], ids[2]]


def test_the_words_of_some_tracks_are_found_without_a_look_at_all(library: Library, path: Path) -> None:
    add(library, "/music/a.mp3")
    plan = ask(path, "EXPLAIN QUERY PLAN SELECT text FROM words WHERE track_id IN (1, 2)")
    steps = [step for *_, step in plan]
    assert [step for step in steps if step.startswith("SCAN")] == []
    assert any(step.startswith("SEARCH lyrics USING INDEX lyrics_of_file (file_id=?)") for step in steps)


def test_a_file_that_is_there_gives_its_words_before_one_that_is_missing(library: Library) -> None:
    track_id = add(library, "/music/a.mp3")
    add(library, "/music/b.mp3")
    library.save_lyrics(1, make_lyrics("tags", "of a"))
    library.save_lyrics(2, make_lyrics("files", "of b"), Beside("/music/b.lrc", 1))
    assert of_words(library, track_id) == ("tags", "of a")
    library.mark_missing([1])
    assert of_words(library, track_id) == ("files", "of b")


def test_words_go_with_their_file_and_stay_with_their_track(library: Library) -> None:
    was = add(library, "/music/a.mp3", seed=1)
    library.save_lyrics(1, make_lyrics("tags", "of the file"))
    library.save_fetched(was, make_lyrics("lrclib", "of the recording"))
    now = add(library, "/music/a.mp3", seed=2)
    assert of_words(library, now) == ("tags", "of the file")
    assert of_words(library, was) == ("lrclib", "of the recording")


def test_an_id_stands_for_the_very_words(library: Library) -> None:
    track_id = add(library, "/music/a.mp3")
    ids = []
    for words in ("one", "one", "two", "three"):
        library.save_lyrics(1, make_lyrics("tags", words))
        ids.append(library.words([track_id])[track_id].lyrics_id)
    library.save_cleaned(ids[-1], make_lyrics("tags", "three, cleaner", cleaner="2"))
    ids.append(library.words([track_id])[track_id].lyrics_id)
    library.forget_lyrics(1, "tags")
    library.save_lyrics(1, make_lyrics("tags", "four"))
    ids.append(library.words([track_id])[track_id].lyrics_id)
    assert ids == [1, 1, 2, 3, 4, 5]


def test_what_lies_beside_a_file_is_remembered(library: Library) -> None:
    add(library, "/music/a.mp3")
    odd = os.fsdecode(b"/music/\xff.lrc")
    library.save_lyrics(1, make_lyrics("files", None), Beside(odd, 2**62))
    state = library.file_state("/music/a.mp3")
    assert state
    assert state.beside == Beside(odd, 2**62)
    library.save_lyrics(1, make_lyrics("tags"))
    assert library.file_state("/music/a.mp3") == state
    library.forget_lyrics(1, "files")
    assert library.file_state("/music/a.mp3") == state._replace(beside=None)


def test_lyrics_that_another_version_cleaned(library: Library, path: Path) -> None:
    track_id = add(library, "/music/a.mp3")
    library.save_lyrics(1, make_lyrics("files", cleaner="1"), Beside("/music/a.lrc", 7))
    library.save_lyrics(1, make_lyrics("tags", cleaner="2"))
    library.save_fetched(track_id, make_lyrics("lrclib", None, instrumental=True, cleaner="1"))
    stale = library.stale_lyrics("2", limit=9)
    assert [(lyrics.source, lyrics.text, lyrics.instrumental) for _, lyrics in stale] == [
        ("files", "[00:01.00]la", False),
        ("lrclib", "[00:01.00]None", True),
    ]
    assert library.stale_lyrics("2", limit=1) == stale[:1]
    for lyrics_id, lyrics in stale:
        library.save_cleaned(lyrics_id, lyrics._replace(words="lo", language="fr", cleaner="2"))
    assert library.stale_lyrics("2", limit=9) == []
    kept = "SELECT source, file_id, track_id, path, mtime_ns, found, words, language, text FROM lyrics ORDER BY source"
    assert ask(path, kept) == [
        ("files", 1, None, "/music/a.lrc", 7, NOW, "lo", "fr", "[00:01.00]la"),
        ("lrclib", None, track_id, None, None, NOW, "lo", "fr", "[00:01.00]None"),
        ("tags", 1, None, None, None, NOW, "la", "en", "[00:01.00]la"),
    ]


def test_songs_to_look_for(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    named = {"title": "Rain", "artist": "Ann, Ben", "artists": ("Ann", "Ben"), "album": "Blue"}
    tags = [
        Tags(**named),
        Tags(title="No artist"),
        Tags(artist="No title"),
        Tags(**named),
        Tags(**named),
        Tags(**named),
    ]  # type: ignore[arg-type]
    ids = [add(library, f"/music/{i}.mp3", one, seed=i) for i, one in enumerate(tags)]
    library.save_lyrics(4, make_lyrics("tags"))
    library.mark_missing([5])
    both = ["lrclib", "genius"]
    songs = [Song(ids[i], "Rain", "Ann, Ben", ("Ann", "Ben"), "Blue", 180.0 + i) for i in range(6)]
    assert library.songs_without_words(both, NOW - 100, ids) == {songs[0]: both, songs[5]: both}
    library.save_miss(ids[0], "lrclib", "")
    library.save_miss(ids[5], "genius", "the title is another: 'Sun'")
    assert library.songs_without_words(both, NOW - 100, ids) == {songs[0]: ["genius"], songs[5]: ["lrclib"]}
    monkeypatch.setattr(time, "time", lambda: NOW + 100.0)
    library.save_miss(ids[0], "genius", "")
    assert library.songs_without_words(both, NOW, ids) == {songs[0]: ["lrclib"], songs[5]: both}
    library.save_fetched(ids[0], make_lyrics("genius"))
    library.forget_fetched(ids[5])
    assert library.songs_without_words(both, NOW - 100, ids) == {songs[5]: both}


def test_words_belong_to_a_file_or_to_a_track(library: Library) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="CHECK constraint failed"):
        library._db.execute(
            "INSERT INTO lyrics (source, found, cleaner, instrumental, text) VALUES ('tags', 0, '', 0, '')"
        )


# What goes together


def together_of(rows: list[list[int]], strengths: list[list[float]], trust: list[float]) -> Together:
    return Together(np.asarray(rows, np.int32), np.asarray(strengths, np.float32), np.asarray(trust, np.float32))


def test_what_goes_together_is_kept_in_the_order_asked(library: Library, three: list[int]) -> None:
    assert library.together(three) is None
    known = together_of([[three[1], -1], [three[0], three[2]], [-1, -1]], [[1, 0], [1, 0.4], [0, 0]], [0.5, 0.25, 0])
    library.save_together(np.asarray(three), known)
    found = library.together([three[2], three[1], three[0]])
    assert found is not None
    assert found.ids.tolist() == [[-1, -1], [three[0], three[2]], [three[1], -1]]
    assert found.strengths == pytest.approx(np.asarray([[0, 0], [1, 0.4], [1, 0]]))
    assert found.trust.tolist() == [0, 0.25, 0.5]
    library.save_together(np.asarray(three), together_of([[-1]] * 3, [[0]] * 3, [0, 0, 0]))
    assert library.together(three) is None


def test_plays_with_times_are_those_of_the_owner_and_of_others(library: Library, three: list[int]) -> None:
    owner = library.save_listener(Listener("lastfm", "/one", "", own=True))
    same = library.save_listener(Listener("navidrome", "/two", "me", own=True))
    other = library.save_listener(Listener("navidrome", "/two", "you", own=False))
    library.save_events(owner, [(three[1], 20, False), (three[0], 10, False), (three[0], 30, True)])
    library.save_events(same, [(three[2], 15, False)])
    library.save_events(other, [(three[0], 5, False)])
    library.save_counts(other, [Counts(three[2], plays=3), Counts(three[1], plays=0), Counts(three[0], plays=1)])
    library.save_counts(owner, [Counts(three[1], plays=9)])
    tracks, at, whose = library.played_at()
    assert tracks.tolist() == [three[0], three[2], three[1], three[0]]
    assert (at.tolist(), whose.tolist()) == ([10, 15, 20, 5], [0, 0, 0, other])
    listeners, theirs = library.played_by_others()
    assert (listeners.tolist(), theirs.tolist()) == ([other, other], [three[0], three[2]])


def test_all_vectors_by_ascending_id(library: Library, three: list[int]) -> None:
    ids, vectors = library.all_vectors()
    assert ids.tolist() == sorted(three)
    np.testing.assert_allclose(vectors, library.vectors(ids.tolist()))


def test_vectors_of_the_plays_that_are_chosen(library: Library) -> None:
    for seed in range(3):
        add(library, f"/{seed}", Tags(plays=seed + 1), seed=seed)
    plays = library.plays(lambda known: np.flatnonzero(known.plays != 2))
    assert plays.plays.tolist() == [1, 2, 3]
    assert plays.sounded is not None
    assert plays.sounded.tolist() == [0, 2]
    np.testing.assert_allclose(plays.vectors, [unit(0), unit(2)], atol=1e-6)


def test_two_that_read_before_they_write_do_so_one_after_the_other(tmp_path: Path) -> None:
    """Regression: of two scans at a time, one could not write since the other had written what it had read."""
    path = tmp_path / "both.db"
    Library.open(path, create=True).close()

    def add_folder(name: str, meanwhile: Callable[[], object] = int) -> None:
        with Library.open(path) as opened, opened.transaction():
            opened.folders()
            meanwhile()
            opened.add_folder(name)

    other = threading.Thread(target=add_folder, args=["/other"])

    def let_in() -> None:
        other.start()
        other.join(timeout=0.5)

    add_folder("/one", let_in)
    other.join()
    with Library.open(path) as opened:
        assert opened.folders() == ["/one", "/other"]
