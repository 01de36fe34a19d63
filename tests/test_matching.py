from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from musictaste.matching import SIMILAR, Alike, Match, Matcher, Title, clean_artist, clean_title, cosine, trigrams
from musictaste.track import NamedFile, PlayRecord, fold, normalise

ID = "d5e4fb56-e457-4684-aa31-63ce70ee5a8c"


def file(
    track_id: int,
    path: str = "",
    artist: str | None = None,
    title: str | None = None,
    album: str | None = None,
    duration_s: float = 200.0,
    recording_id: str | None = None,
) -> NamedFile:
    artists = (artist,) if artist else ()
    return NamedFile(track_id, path or f"/lib/{track_id}.ogg", artists, title, album, duration_s, recording_id)


LIBRARY = [
    file(1, "/lib/Björk/Début/01 Jóga.flac", "Björk", "Jóga", "Homogenic", 305, ID),
    file(2, "/lib/Björk/Début/02 Army of Me.flac", "Björk", "Army of Me", "Post", 230),
    file(3, "/lib/Björk/Live/02 Army of Me.flac", "Björk", "Army of Me (Live)", "Live Box", 250),
    file(4, "/lib/周杰倫/范特西/02 愛在西元前.mp3", "周杰倫", "愛在西元前", "范特西", 234),
    file(5, "/lib/Simon & Garfunkel/Bookends/03 America.mp3", "Simon & Garfunkel", "America", "Bookends", 215),
    file(6, "/lib/The Kinks/x/Don't.mp3", "The Kinks", "Don't “Stop” the Music", "Kinks", 180),
    file(7, "/lib/a/Twice.mp3", "Twin", "Twice", "First", 100),
    file(8, "/lib/b/Twice.mp3", "Twin", "Twice", "Second", 150),
    file(9, "/lib/untagged/track9.ogg"),
    file(10, "/lib/DJ/Foo Remix.mp3", "DJ", "Song (Foo Remix)", "Mixes", 300),
    file(11, "/lib/Suite/1.mp3", "Suite", "Symphonic Variations Part 1", "Suite", 300),
    file(12, "/lib/Suite/2.mp3", "Suite", "Symphonic Variations Part 2", "Suite", 301),
]


def found(
    *paths: str,
    artist: str | None = None,
    title: str | None = None,
    album: str | None = None,
    duration_s: float | None = None,
    recording_id: str | None = None,
    library: Sequence[NamedFile] = LIBRARY,
) -> tuple[int | None, str | None]:
    record = PlayRecord(paths, artist, title, album, duration_s, recording_id)
    match = Matcher(library).match(record)
    return match.track_id, match.evidence


# The ladder


@pytest.mark.parametrize(
    ("path", "track_id"),
    [
        ("/lib/Björk/Début/01 Jóga.flac", 1),
        ("Björk/Début/01 Jóga.flac", 1),
        ("Z:\\Musik\\björk\\DÉBUT\\01 Jóga.flac", 1),
        (":\\Björk\\Début\\01 Jóga.flac", 1),
        ("/G:/iTunes/Björk/Début/01 Jóga.flac", 1),
        (unicodedata.normalize("NFD", "/other/Björk/Début/01 Jóga.flac"), 1),
        ("/elsewhere/Live/02 Army of Me.flac", 3),
        ("track9.ogg", 9),  # all that a player knows which keeps paths below its music folder
        ("/elsewhere/track9.ogg", None),  # a name alone is no evidence
        ("/elsewhere/untagged/track9.ogg", 9),
        ("/elsewhere/untagged/track10.ogg", None),
    ],
)
def test_by_the_tail_of_the_path(path: str, track_id: int | None) -> None:
    assert found(path) == (track_id, "path" if track_id else None)


def test_a_path_that_ends_alike_by_chance_needs_a_title_that_agrees() -> None:
    assert found("/x/Suite/1.mp3", title="Symphonic Variations, Part 1") == (11, "path")
    assert found("/x/Suite/1.mp3", title="Nutcracker") == (None, None)
    assert found("/x/lib/Suite/1.mp3", title="Nutcracker") == (11, "path")


def test_any_path_of_a_record_will_do() -> None:
    assert found("/x/y.mp3", "/x/Suite/1.mp3") == (11, "path")


def test_by_the_recording_id() -> None:
    assert found(recording_id=ID, artist="?", title="?") == (1, "recording id")


def test_a_path_is_stronger_than_an_id() -> None:
    assert found("/lib/Suite/1.mp3", recording_id=ID) == (11, "path")


@pytest.mark.parametrize(
    ("artist", "title", "track_id", "evidence"),
    [
        ("Björk", "Jóga", 1, "names"),
        ("BJORK", "joga", 1, "names"),
        ("Ｂｊöｒｋ", "Ｊóｇａ", 1, "names"),
        ("Jóga", "Björk", 1, "names"),
        ("The Kinks", "Don’t ‘Stop’ The Music", 6, "names"),
        ("the kinks", "dont stop the music", 6, "names"),
        ("周杰倫", "愛在西元前", 4, "names"),
        ("Kinks", "Don't Stop the Music", 6, "cleaned names"),
        ("Simon and Garfunkel", "America", 5, "cleaned names"),
        ("Simon + Garfunkel", "America - 2001 Remaster", 5, "cleaned names"),
        ("Björk feat. Thom Yorke", "Jóga", 1, "cleaned names"),
        ("Björk - Topic", "Jóga (Official Video)", 1, "cleaned names"),
        ("Björk", "Jóga (feat. Thom Yorke) [2015 Remaster]", 1, "cleaned names"),
        ("Björk", "Jóga ft. Thom Yorke", 1, "cleaned names"),
        ("Björk", "Jóga - Remastered 2011", 1, "cleaned names"),
        ("Björk", "Jóga - Remastered Version", 1, "cleaned names"),
        ("Björk", "Jóga - Single Version", 1, "cleaned names"),
        ("周杰倫", "愛在西元前 (feat. 蔡依林)", 4, "cleaned names"),
        ("Jóga (feat. Thom Yorke)", "Björk", 1, "cleaned names"),
        ("Björk", "Army of Me (Live)", 3, "names"),
        ("Björk", "Army of Me - Live", 3, "names"),
        ("Björk", "Army of Me (Live at Wembley)", 3, "cleaned names"),
        ("Björk", "Army of Me [現場版]", 3, "cleaned names"),
        ("Björk", "Jóga (Live)", None, None),
        ("Björk", "Jóga - Acoustic", None, None),
        ("Björk", "Jóga (Instrumental)", None, None),
        ("DJ", "Song - Foo Remix", 10, "names"),
        ("DJ", "Song (Bar Remix)", None, None),
        ("DJ", "Song", None, None),
        ("DJ", "Song - Foo Remix (Remastered)", 10, "cleaned names"),
        ("Björk", "Something Else", None, None),
        ("Nobody", "Jóga", None, None),
        (None, "Jóga", None, None),
    ],
)
def test_by_names(artist: str | None, title: str, track_id: int | None, evidence: str | None) -> None:
    assert found(artist=artist, title=title) == (track_id, evidence)


def test_an_album_that_is_live_says_so_for_its_titles() -> None:
    library = [file(1, artist="A", title="Song", album="Studio"), file(2, artist="A", title="Song", album="Live at X")]
    assert found(artist="A", title="Song (Live)", library=library) == (2, "cleaned names")
    assert found(artist="A", title="Song - Remastered", album="Studio", library=library) == (1, "cleaned names")


def test_players_that_name_no_artist() -> None:
    assert found(title="joga", album="homogenic") == (1, "names")
    assert found(title="joga", album="post") == (None, None)


def test_misspelt_names_need_the_album_or_the_duration() -> None:
    misspelt = {"artist": "Simon & Garfunkle", "title": "Symphonic Variaitions Part 1"}
    library = [file(1, artist="Simon & Garfunkel", title="Symphonic Variations Part 1", album="Suite", duration_s=300)]
    assert found(**misspelt, library=library) == (None, None)
    assert found(**misspelt, album="Suite", library=library) == (1, "similar names")
    assert found(**misspelt, duration_s=302, library=library) == (1, "similar names")
    assert found(**misspelt, album="Suite", duration_s=340, library=library) == (None, None)


@pytest.mark.parametrize("other", ["Symphonic Variations Part 3", "Symphonic Variations Part II"])
def test_parts_are_never_similar(other: str) -> None:
    assert found(artist="Suite", title=other, album="Suite") == (None, None)


# Several tracks


def test_what_could_be_either_is_neither() -> None:
    matcher = Matcher(LIBRARY)
    record = PlayRecord((), "Twin", "Twice")
    match = matcher.match(record)
    assert (match, match.ambiguous) == (Match(record, None, "names", (7, 8)), True)


def test_the_album_or_the_duration_decides() -> None:
    assert found(artist="Twin", title="Twice", album="Second") == (8, "names")
    assert found(artist="Twin", title="Twice", album="Second (Deluxe Edition)") == (8, "names")
    assert found(artist="Twin", title="Twice", duration_s=101) == (7, "names")
    assert found(artist="Twin", title="Twice", duration_s=125) == (None, "names")


def test_weaker_evidence_decides_among_the_candidates_of_the_stronger() -> None:
    library = [
        file(1, "/a/x/1.mp3", "A", "Song", recording_id=ID),
        file(2, "/b/x/1.mp3", "B", "Song", recording_id=ID),
        file(3, "/c/y/3.mp3", "C", "Song"),
    ]
    assert found("/z/x/1.mp3", artist="B", title="Song", library=library) == (2, "path")
    assert found("/z/x/1.mp3", recording_id=ID, library=library) == (None, "path")
    assert found(recording_id=ID, artist="A", title="Song", library=library) == (1, "recording id")
    assert found("/z/x/1.mp3", artist="C", title="Song", library=library) == (None, "path")


def test_two_files_of_one_track_are_one() -> None:
    library = [file(1, "/a/x.mp3", "A", "Song"), file(1, "/b/x.flac", "A", "Song")]
    assert found(artist="A", title="Song", library=library) == (1, "names")


def test_a_compilations_artist_is_nobody() -> None:
    library = [NamedFile(1, "/a/b.mp3", ("Various Artists",), "Intro", None, 10.0, None)]
    assert found(artist="Various Artists", title="Intro", library=library) == (None, None)


def test_the_nearest_is_told_of_what_found_nothing() -> None:
    matcher = Matcher(LIBRARY)
    record = PlayRecord((), "Björk", "Jógaa Live Jam")
    assert (matcher.match(record), matcher.nearest(record)) == (Match(record, None, None), 1)
    assert matcher.nearest(PlayRecord((), "Nobody", "America")) == 5
    assert matcher.nearest(PlayRecord((), "Nobody", "Nothing")) is None
    assert matcher.nearest(PlayRecord(("/x/y.ogg",))) is None


def test_an_empty_library() -> None:
    record = PlayRecord(("/a/b",), "A", "B", "C", recording_id=ID)
    matches = [Matcher([]).match(record), Matcher([]).match(PlayRecord())]
    assert matches == [Match(record, None, None), Match(PlayRecord(), None, None)]


def test_what_replaced_a_missing_file_is_meant() -> None:
    gone = file(1, artist="A", title="Song", album="B")._replace(missing=True)
    assert found(artist="A", title="Song", library=[gone]) == (1, "names")
    assert found(artist="A", title="Song", library=[gone, file(2, artist="A", title="Song", album="B")]) == (2, "names")


# Names


@pytest.mark.parametrize(
    ("title", "cleaned"),
    [
        ("Song", Title("song")),
        ("Song (feat. X)", Title("song")),
        ("(Sittin' On) The Dock of the Bay", Title("sittinonthedockofthebay")),
        ("Song - 2011 Digital Remaster", Title("song")),
        ("Song - Live / Remastered 2009", Title("song", frozenset({"live"}))),
        ("Song (Live at Budokan 1978)", Title("song", frozenset({"live"}), frozenset({"budokan", "1978"}))),
        ("Song (Acoustic Live)", Title("song", frozenset({"acoustic", "live"}))),
        ("(Remastered)", Title("remastered")),
        ("Live and Let Die", Title("liveandletdie")),
        ("Live Forever - Remastered", Title("liveforever")),
        ("晴天 (现场版)", Title("晴天", frozenset({"live"}))),
        ("", Title("")),
    ],
)
def test_cleaned_titles(title: str, cleaned: Title) -> None:
    assert clean_title(title) == cleaned


@pytest.mark.parametrize(
    ("artist", "cleaned"),
    [
        ("The Beatles", "beatles"),
        ("Beatles, The", "beatles"),
        ("Simon & Garfunkel", "simongarfunkel"),
        ("A ft. B", "a"),
        ("The The", "the"),
        ("&", "&"),
    ],
)
def test_cleaned_artists(artist: str, cleaned: str) -> None:
    assert clean_artist(artist) == cleaned


names = st.text(st.characters(categories=["L", "N", "P", "Zs"]), min_size=1, max_size=30)


@given(artist=names, title=names)
def test_a_track_is_found_by_its_own_names(artist: str, title: str) -> None:
    nobody = normalise(artist) in ("", "various", "variousartists", "va", "unknown", "unknownartist")
    match = Matcher([file(1, artist=artist, title=title)]).match(PlayRecord((), artist, title))
    assert match.track_id == (None if nobody or not normalise(title) else 1)


@given(names, names)
def test_the_cosine_is_one_of_equals_and_symmetric(one: str, other: str) -> None:
    assert cosine(trigrams(one), trigrams(one)) == pytest.approx(1)
    assert cosine(trigrams(one), trigrams(other)) == cosine(trigrams(other), trigrams(one)) <= 1 + 1e-9


few_letters = st.text("ab", max_size=12)


@given(st.lists(few_letters, max_size=20), few_letters)
def test_similar_names_are_all_whose_cosine_is_high_enough(known: list[str], name: str) -> None:
    scored = [(cosine(trigrams(name), trigrams(other)), other) for other in dict.fromkeys(known)]
    assert Alike(known).like(name) == [pair for pair in scored if pair[0] >= SIMILAR]


def test_many_are_matched_as_each_is() -> None:
    records = [PlayRecord((), f.artists[0] if f.artists else None, f.title, f.album) for f in LIBRARY]
    records += [
        PlayRecord((), "bjork", "Joga"),
        PlayRecord((), "Bjork", "Army of Mee", "Post"),
        PlayRecord((), None, "?"),
    ]
    matcher = Matcher(LIBRARY)
    assert matcher.match_all(records) == tuple(Matcher(LIBRARY).match(record) for record in records)
    assert matcher.match_all([]) == ()


@given(st.text() | st.text(st.characters(max_codepoint=127)))
def test_names_are_folded_character_by_character(text: str) -> None:
    apart = unicodedata.normalize("NFKD", text).casefold()
    folded = unicodedata.normalize("NFKC", "".join(c for c in apart if not "\u0300" <= c <= "\u036f"))
    letters = "".join(c for c in folded if unicodedata.category(c)[0] not in "PSZC")
    assert (fold(text), normalise(text)) == (folded, letters or folded.strip())
