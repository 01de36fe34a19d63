import errno
import json
import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from musictaste.errors import MusictasteError, PlaylistFileError, SettingsError, SuffixError
from musictaste.playlist_files import (
    PLAYERS,
    Entry,
    LeftOut,
    PathStyle,
    check_target,
    parse_prefix,
    path_style,
    write_playlist,
)
from musictaste.playlist_reading import Line, fault, read_lines, read_playlist

RELATIVE = PathStyle()
ABSOLUTE = PathStyle(absolute=True)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def written_lines(playlist: Path, paths: list[str], style: PathStyle = RELATIVE) -> list[bytes]:
    assert write_playlist(playlist, [Entry(path, "T") for path in paths], name="n", paths=style) == []
    header, *rest = playlist.read_bytes().split(b"#EXTINF:-1,T\n")
    assert header == b"#EXTM3U\n#PLAYLIST:n\n"
    return [line.removesuffix(b"\n") for line in rest]


def refusal(error: int) -> Callable[..., object]:
    def refuse(*args: object, **keywords: object) -> object:
        raise OSError(error, os.strerror(error))

    return refuse


# ---- what is written


@pytest.mark.parametrize("suffix", [".m3u8", ".m3u", ".M3U8", ".M3u"])
def test_all_bytes(home: Path, suffix: str) -> None:
    playlist = home / f"x{suffix}"
    entries = [
        Entry(str(home / "b/夜.flac"), "夜に駆ける", "YOASOBI", 261.5),
        Entry(str(home / "no artist.mp3"), "Untold", None, 59.4),
        Entry(str(home / "No Title.ogg"), None, "Someone", 0.4),
        Entry(str(home / "neither.v2.mp3"), " ", "", None),
        Entry(str(home / "lines.mp3"), "one\r\ntwo\nthree\u2028four\n", "a\rb", float("nan")),
        Entry(str(home / "unmeasured.mp3"), "Zero", None, 0.0),
    ]
    assert write_playlist(playlist, entries, name="Happy\njazz", paths=RELATIVE) == []
    assert (
        playlist.read_bytes()
        == (
            "#EXTM3U\n"
            "#PLAYLIST:Happy jazz\n"
            "#EXTINF:262,YOASOBI - 夜に駆ける\n"
            "b/夜.flac\n"
            "#EXTINF:59,Untold\n"
            "no artist.mp3\n"
            "#EXTINF:0,Someone - No Title\n"
            "No Title.ogg\n"
            "#EXTINF:-1,neither.v2\n"
            "neither.v2.mp3\n"
            "#EXTINF:-1,a b - one two three four\n"
            "lines.mp3\n"
            "#EXTINF:-1,Zero\n"
            "unmeasured.mp3\n"
        ).encode()
    )


def test_an_empty_playlist(home: Path) -> None:
    assert write_playlist(home / "x.m3u8", [], name="none", paths=RELATIVE) == []
    assert (home / "x.m3u8").read_bytes() == b"#EXTM3U\n#PLAYLIST:none\n"


def test_names_keep_their_bytes(home: Path) -> None:
    names = [
        "caf\u00e9.mp3".encode(),
        "cafe\u0301.mp3".encode(),
        b"caf\xe9.mp3",
        b"\xff\xfe",
        b"back\\slash",
        b"tab\t ",
    ]
    paths = [os.fsdecode(os.fsencode(home) + b"/" + name) for name in names]
    assert written_lines(home / "x.m3u8", paths) == names
    assert written_lines(home / "x.m3u8", paths, ABSOLUTE) == [os.fsencode(home) + b"/" + name for name in names]


def test_a_name_that_is_not_utf8_leaves_the_comment_utf8(home: Path) -> None:
    path = os.fsdecode(os.fsencode(home) + b"/caf\xe9.mp3")
    write_playlist(home / "x.m3u8", [Entry(path, None, "lone \ud800")], name="\udce9", paths=RELATIVE)
    assert (home / "x.m3u8").read_bytes() == b"#EXTM3U\n#PLAYLIST:?\n#EXTINF:-1,lone ? - caf?\ncaf\xe9.mp3\n"


@pytest.mark.parametrize(
    "name", ["#1 Crush.mp3", " x.mp3", "\tx.mp3", "\u3000x.mp3", "#EXTM3U", "Re:Stacks.mp3", "http:/x", "file:/x/y"]
)
def test_what_a_player_would_misread_starts_with_a_dot(home: Path, name: str) -> None:
    assert written_lines(home / "x.m3u8", [f"{home}/{name}"]) == [f"./{name}".encode()]
    assert read_playlist(home / "x.m3u8") == [f"{home}/{name}"]


@pytest.mark.parametrize("name", ["a/#1.mp3", "a/Re:Stacks.mp3", "a b.mp3", "x#", "%41+.mp3", "-x.mp3", "~x.mp3"])
def test_other_names_stay_plain(home: Path, name: str) -> None:
    assert written_lines(home / "x.m3u8", [f"{home}/{name}"]) == [name.encode()]


def test_a_path_of_two_lines_is_left_out_and_returned(home: Path) -> None:
    good, feed, carriage = (Entry(f"{home}/{name}", "T") for name in ("a.mp3", "a\nb.mp3", "a\rb.mp3"))
    left_out = write_playlist(home / "x.m3u8", [feed, good, carriage], name="n", paths=RELATIVE)
    assert left_out == [LeftOut(entry, "its name has a line break") for entry in (feed, carriage)]
    assert (home / "x.m3u8").read_bytes() == b"#EXTM3U\n#PLAYLIST:n\n#EXTINF:-1,T\na.mp3\n"


# ---- which path is written


def test_a_playlist_in_another_folder(home: Path) -> None:
    (home / "lists").mkdir()
    assert written_lines(Path("lists/x.m3u8"), [f"{home}/music/a.mp3", f"{home}/lists/b.mp3", "/c.mp3"]) == [
        b"../music/a.mp3",
        b"b.mp3",
        b"../" * len((home / "lists").parts[1:]) + b"c.mp3",
    ]


def test_another_drive_falls_back_to_absolute(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def on_windows(path: str, start: object) -> str:
        raise ValueError("path is on mount 'D:', start on mount 'C:'")

    monkeypatch.setattr(os.path, "relpath", on_windows)
    assert written_lines(home / "x.m3u8", [f"{home}/a.mp3"]) == [f"{home}/a.mp3".encode()]


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        ("/music=/storage/Music", [b"/storage/Music/A/#1.mp3", b"/musicals/b.mp3"]),
        ("/music/=/storage/Music/", [b"/storage/Music/A/#1.mp3", b"/musicals/b.mp3"]),
        ("/music=/", [b"/A/#1.mp3", b"/musicals/b.mp3"]),
        ("/=/mnt", [b"/mnt/music/A/#1.mp3", b"/mnt/musicals/b.mp3"]),
        ("/music/A=", [b"./#1.mp3", b"/musicals/b.mp3"]),
        ("/music=M:\\Music", [b"M:\\Music\\A\\#1.mp3", b"/musicals/b.mp3"]),
        ("/music=http://nas:80/m?a=b", [b"http://nas:80/m?a=b/A/%231.mp3", b"/musicals/b.mp3"]),
        ("/elsewhere=/x", [b"/music/A/#1.mp3", b"/musicals/b.mp3"]),
    ],
)
def test_prefixes_replace_whole_folders(home: Path, prefix: str, expected: list[bytes]) -> None:
    style = PathStyle(prefix=parse_prefix(prefix))
    assert written_lines(home / "x.m3u8", ["/music/A/#1.mp3", "/musicals/b.mp3"], style) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("/music", "'/music': a prefix is written OLD=NEW"),
        ("", "'': a prefix is written OLD=NEW"),
        ("music=/m", "'music=/m': the folder before '=' must be an absolute path"),
        ("=/m", "'=/m': the folder before '=' must be an absolute path"),
    ],
)
def test_a_prefix_that_is_not_one(text: str, message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse_prefix(text)
    assert (str(caught.value), caught.value.exit_code) == (message, 2)


def test_a_music_folder_reached_through_a_link(home: Path) -> None:
    (home / "disk/deep/music/lists").mkdir(parents=True)
    (home / "disk/deep/music/a.mp3").touch()
    (home / "music").symlink_to("disk/deep/music")
    playlist = home / "music/lists/x.m3u8"
    assert written_lines(playlist, [f"{home}/music/a.mp3"]) == [b"../a.mp3"]
    assert (playlist.parent / "../a.mp3").samefile(home / "music/a.mp3")
    assert read_playlist(playlist) == [f"{home}/music/a.mp3"]


def test_a_playlist_folder_that_is_a_link_is_left_by_its_real_name(home: Path) -> None:
    (home / "far/away/lists").mkdir(parents=True)
    (home / "far/away/a.mp3").touch()  # what "../a.mp3" would open
    (home / "music").mkdir()
    (home / "music/a.mp3").touch()
    (home / "music/lists").symlink_to("../far/away/lists")
    playlist = home / "music/lists/x.m3u8"
    assert written_lines(playlist, [f"{home}/music/a.mp3"]) == [b"../../../music/a.mp3"]
    assert (playlist.parent / "../../../music/a.mp3").samefile(home / "music/a.mp3")
    assert read_playlist(playlist) == [f"{home}/music/a.mp3"]
    assert read_playlist(home / "far/away/lists/x.m3u8") == [f"{home}/music/a.mp3"]


def test_a_linked_track_keeps_the_name_of_the_link(home: Path) -> None:
    (home / "store").mkdir()
    (home / "store/1.mp3").touch()
    (home / "song.mp3").symlink_to("store/1.mp3")
    assert written_lines(home / "x.m3u8", [f"{home}/song.mp3"]) == [b"song.mp3"]


def test_a_link_to_a_playlist_elsewhere_opens_by_both_names(home: Path) -> None:
    (home / "lists").mkdir()
    (home / "lists/real.m3u8").write_bytes(b"old")
    (home / "x.m3u8").symlink_to("lists/real.m3u8")
    assert written_lines(home / "x.m3u8", [f"{home}/a.mp3"]) == [f"{home}/a.mp3".encode()]
    assert (home / "x.m3u8").is_symlink()
    assert read_playlist(home / "x.m3u8") == read_playlist(home / "lists/real.m3u8") == [f"{home}/a.mp3"]
    assert list((home / "lists").iterdir()) == [home / "lists/real.m3u8"]


def test_a_link_to_a_playlist_beside_it_stays_relative(home: Path) -> None:
    (home / "x.m3u8").symlink_to("real.m3u8")
    assert written_lines(home / "x.m3u8", [f"{home}/a.mp3"]) == [b"a.mp3"]
    assert (home / "x.m3u8").readlink() == Path("real.m3u8")


# ---- the file as a whole


@pytest.mark.parametrize("function", ["write", "fsync", "replace"])
def test_a_failure_leaves_the_old_playlist_and_nothing_else(
    home: Path, monkeypatch: pytest.MonkeyPatch, function: str
) -> None:
    (home / "x.m3u8").write_bytes(b"old")
    if function == "replace":
        monkeypatch.setattr(Path, "replace", refusal(errno.ENOSPC))
    elif function == "fsync":
        monkeypatch.setattr(os, "fsync", refusal(errno.ENOSPC))
    else:
        monkeypatch.setattr(Path, "open", refusal(errno.ENOSPC))
    with pytest.raises(PlaylistFileError) as caught:
        write_playlist(Path("x.m3u8"), [Entry("/a.mp3")], name="n", paths=RELATIVE)
    monkeypatch.undo()
    assert (str(caught.value), caught.value.exit_code) == ("'x.m3u8': cannot be written: No space left on device", 1)
    assert isinstance(caught.value.__cause__, OSError)
    assert {path.name: path.read_bytes() for path in home.iterdir()} == {"x.m3u8": b"old"}


def test_an_interrupt_leaves_the_old_playlist_and_nothing_else(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(file: int) -> None:
        [temporary] = [path.name for path in home.iterdir() if path.name != "x.m3u8"]
        assert temporary.startswith(".")
        raise KeyboardInterrupt

    (home / "x.m3u8").write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_playlist(home / "x.m3u8", [Entry("/a.mp3")], name="n", paths=RELATIVE)
    assert {path.name: path.read_bytes() for path in home.iterdir()} == {"x.m3u8": b"old"}


@pytest.fixture
def umask() -> Iterator[int]:
    before = os.umask(0o027)
    yield 0o027
    os.umask(before)


def test_modes(home: Path, umask: int) -> None:
    (home / "old.m3u8").touch()
    (home / "old.m3u8").chmod(0o604)
    for name in ("old.m3u8", "new.m3u8"):
        write_playlist(home / name, [], name="n", paths=RELATIVE)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in home.iterdir()}
    assert modes == {"old.m3u8": 0o604, "new.m3u8": 0o666 & ~umask}


# ---- before any work is done


@pytest.mark.parametrize(
    ("target", "kind", "message"),
    [
        ("x.mp3", SuffixError, "'x.mp3': cannot write this kind of playlist: use .m3u8, .m3u, .xspf or .jspf"),
        ("x", SuffixError, "'x': cannot write this kind of playlist: use .m3u8, .m3u, .xspf or .jspf"),
        (".m3u8", SuffixError, "'.m3u8': cannot write this kind of playlist: use .m3u8, .m3u, .xspf or .jspf"),
        (
            "nowhere/x.mp3",
            SuffixError,
            "'nowhere/x.mp3': cannot write this kind of playlist: use .m3u8, .m3u, .xspf or .jspf",
        ),
        ("nowhere/x.m3u8", PlaylistFileError, "'nowhere/x.m3u8': the folder 'nowhere' does not exist"),
        ("a/b/x.m3u", PlaylistFileError, "'a/b/x.m3u': the folder 'a/b' does not exist"),
        ("notes.txt/x.m3u8", PlaylistFileError, "'notes.txt/x.m3u8': 'notes.txt' is not a folder"),
        ("folder.m3u8", PlaylistFileError, "'folder.m3u8': is a folder, not a file"),
        ("dangling.m3u8", PlaylistFileError, "'dangling.m3u8': the folder '/nowhere/at/all' does not exist"),
    ],
)
def test_targets_that_cannot_be_written(home: Path, target: str, kind: type[MusictasteError], message: str) -> None:
    (home / "notes.txt").touch()
    (home / "folder.m3u8").mkdir()
    (home / "dangling.m3u8").symlink_to("/nowhere/at/all/x.m3u8")
    with pytest.raises(kind) as caught:
        check_target(Path(target))
    assert (str(caught.value), caught.value.exit_code) == (message, 2 if kind is SuffixError else 1)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (errno.EACCES, "'ro/x.m3u8': the folder 'ro' cannot be written to"),
        (errno.EPERM, "'ro/x.m3u8': the folder 'ro' cannot be written to"),
        (errno.EROFS, "'ro/x.m3u8': the folder 'ro' cannot be written to"),
        (errno.EDQUOT, f"'ro/x.m3u8': cannot be written: {os.strerror(errno.EDQUOT)}"),
    ],
)
def test_folders_that_refuse(home: Path, monkeypatch: pytest.MonkeyPatch, error: int, message: str) -> None:
    (home / "ro").mkdir()
    monkeypatch.setattr(Path, "touch", refusal(error))
    with pytest.raises(PlaylistFileError) as caught:
        check_target(Path("ro/x.m3u8"))
    assert str(caught.value) == message


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder(home: Path) -> None:
    (home / "ro").mkdir(mode=0o555)
    with pytest.raises(PlaylistFileError) as caught:
        check_target(Path("ro/x.m3u8"))
    assert str(caught.value) == "'ro/x.m3u8': the folder 'ro' cannot be written to"


def test_a_good_target_is_not_touched(home: Path) -> None:
    (home / "x.m3u8").write_bytes(b"old")
    for target in ("x.m3u8", "new.M3U"):
        check_target(Path(target))
    assert {path.name: path.read_bytes() for path in home.iterdir()} == {"x.m3u8": b"old"}


def test_writing_without_the_check_is_as_clear(home: Path) -> None:
    with pytest.raises(
        SuffixError, match=r"^'x\.mp3': cannot write this kind of playlist: use .m3u8, .m3u, .xspf or .jspf$"
    ):
        write_playlist(Path("x.mp3"), [], name="n", paths=RELATIVE)
    with pytest.raises(PlaylistFileError, match=r"^'nowhere/x\.m3u': cannot be written: No such file or directory$"):
        write_playlist(Path("nowhere/x.m3u"), [], name="n", paths=RELATIVE)


# ---- reading


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"a.mp3", "HOME/a.mp3"),
        (b"./#1.mp3", "HOME/#1.mp3"),
        (b"../b.mp3", "UP/b.mp3"),
        (b"sub/../c d .mp3 ", "HOME/c d .mp3 "),
        (b"/abs/d.mp3", "/abs/d.mp3"),
        (b"back\\slash.mp3", "HOME/back\\slash.mp3"),
        (b"100%41+.mp3", "HOME/100%41+.mp3"),
        (b"\xe5\xa4\x9c.mp3", "HOME/夜.mp3"),
        (b"caf\xe9.mp3", "HOME/caf\udce9.mp3"),
        (b"file:///m/a%20b%23%e5%a4%9c.mp3", "/m/a b#夜.mp3"),
        (b"FILE://localhost/m/caf%E9.mp3", "/m/caf\udce9.mp3"),
        (b"file:/m/a+b.mp3", "/m/a+b.mp3"),
    ],
)
def test_read_one_line(home: Path, line: bytes, expected: str) -> None:
    (home / "x.m3u").write_bytes(line)
    assert read_playlist(Path("x.m3u")) == [expected.replace("HOME", str(home)).replace("UP", str(home.parent))]


def test_read_what_other_players_write(home: Path) -> None:
    (home / "x.M3U").write_bytes(
        b"\xef\xbb\xbfa.mp3\r\n#EXTINF:1,#x\r\n\r\n  \r\nhttp://radio.example/live\r\nfile://nas/share/c.mp3\r\nb.mp3"
    )
    assert read_playlist(home / "x.M3U") == [f"{home}/a.mp3", f"{home}/b.mp3"]


def test_read_an_old_code_page_where_names_are_unicode(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "x.m3u").write_bytes(b"caf\xe9.mp3\ncaf\xc3\xa9.mp3\n")
    monkeypatch.setattr(os, "fsdecode", bytes.decode)  # strict, as on Windows
    assert read_playlist(home / "x.m3u") == [f"{home}/café.mp3"] * 2


def test_read_refuses_with_a_sentence(home: Path) -> None:
    with pytest.raises(
        SuffixError, match=r"^'x\.mp3': cannot read this kind of playlist: use .m3u8, .m3u, .pls, .xspf or .jspf$"
    ):
        read_playlist(Path("x.mp3"))
    with pytest.raises(PlaylistFileError, match=r"^'x\.m3u': cannot be read: No such file or directory$"):
        read_playlist(Path("x.m3u"))


NAMES = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/\0"), min_size=1, max_size=60).map(
        str.encode
    ),
    st.binary(min_size=1, max_size=60).filter(lambda name: b"/" not in name and b"\0" not in name),
    st.sampled_from([b"#", b" ", b"\\", b"file:", b"\xef\xbb\xbf", b"~", b"...", b"a\nb", b"%2e%2e", b"C:"]),
).filter(lambda name: name not in {b".", b".."})


@settings(max_examples=60)
@given(
    names=st.lists(st.lists(NAMES, min_size=1, max_size=3).map(b"/".join), max_size=4),
    folder=st.sampled_from(["music", "lists", "music/linked"]),
    style=st.sampled_from([RELATIVE, ABSOLUTE]),
)
def test_any_legal_names_come_back(names: list[bytes], folder: str, style: PathStyle) -> None:
    with tempfile.TemporaryDirectory() as home:
        for made in ("music", "lists", "a/b/real"):
            Path(home, made).mkdir(parents=True)
        Path(home, "music/linked").symlink_to("../a/b/real")
        entries = [Entry(os.fsdecode(os.fsencode(home) + b"/music/" + name)) for name in names]
        playlist = Path(home, folder, "x.m3u8")
        left_out = write_playlist(playlist, entries, name="n", paths=style)
        kept = [entry for entry in entries if not {"\n", "\r"} & set(entry.path)]
        assert read_playlist(playlist) == [entry.path for entry in kept]
        assert [left.entry for left in left_out] == [entry for entry in entries if entry not in kept]
        assert list(playlist.parent.glob(".*")) == []


# ---- XSPF and JSPF


def test_all_bytes_of_xspf(home: Path) -> None:
    odd = Entry(f"{home}/a & <b>/100%#?.mp3", "Tom & <Jerry>\x08\ufffe", "A\nB", 61.2345)
    bare = Entry(os.fsdecode(os.fsencode(home) + b"/caf\xe9\n \"'.mp3"), None, " ", float("inf"))
    assert write_playlist(home / "x.xspf", [odd, bare], name="<n>", paths=RELATIVE) == []
    assert (home / "x.xspf").read_text(encoding="utf-8") == (
        "<?xml version='1.0' encoding='utf-8'?>\n"
        '<playlist version="1" xmlns="http://xspf.org/ns/0/">\n'
        "  <title>&lt;n&gt;</title>\n"
        "  <trackList>\n"
        "    <track>\n"
        "      <location>a%20%26%20%3Cb%3E/100%25%23%3F.mp3</location>\n"
        "      <title>Tom &amp; &lt;Jerry&gt;</title>\n"
        "      <creator>A B</creator>\n"
        "      <duration>61234</duration>\n"
        "    </track>\n"
        "    <track>\n"
        "      <location>caf%E9%0A%20%22%27.mp3</location>\n"
        "    </track>\n"
        "  </trackList>\n"
        "</playlist>\n"
    )


def test_all_of_jspf(home: Path) -> None:
    entries = [Entry("/m/夜 1.flac", "夜に駆ける", "YOASOBI", 261.5), Entry("/m/b.mp3")]
    assert write_playlist(home / "x.jspf", entries, name="n", paths=ABSOLUTE) == []
    assert json.loads((home / "x.jspf").read_bytes()) == {
        "playlist": {
            "title": "n",
            "track": [
                {
                    "location": ["file:///m/%E5%A4%9C%201.flac"],
                    "title": "夜に駆ける",
                    "creator": "YOASOBI",
                    "duration": 261500,
                },
                {"location": ["file:///m/b.mp3"]},
            ],
        }
    }


@pytest.mark.parametrize(
    ("prefix", "location"),
    [
        ("/m=M:\\Music", "file:///M:/Music/A%20B/%231.mp3"),
        ("/m=http://nas:80/m%20x", "http://nas:80/m%20x/A%20B/%231.mp3"),
        ("/m=/srv/é", "file:///srv/%C3%A9/A%20B/%231.mp3"),
        ("/m=", "A%20B/%231.mp3"),
    ],
)
def test_prefixes_in_uris(home: Path, prefix: str, location: str) -> None:
    style = PathStyle(prefix=parse_prefix(prefix))
    write_playlist(home / "x.jspf", [Entry("/m/A B/#1.mp3")], name="n", paths=style)
    assert json.loads((home / "x.jspf").read_bytes())["playlist"]["track"] == [{"location": [location]}]


@settings(max_examples=60)
@given(
    names=st.lists(st.lists(NAMES, min_size=1, max_size=3).map(b"/".join), max_size=4),
    suffix=st.sampled_from([".xspf", ".jspf"]),
    style=st.sampled_from([RELATIVE, ABSOLUTE]),
)
def test_any_legal_names_come_back_from_uris(names: list[bytes], suffix: str, style: PathStyle) -> None:
    with tempfile.TemporaryDirectory() as home:
        entries = [Entry(os.fsdecode(os.fsencode(home) + b"/music/" + name)) for name in names]
        playlist = Path(home, f"x{suffix}")
        assert write_playlist(playlist, entries, name="n", paths=style) == []
        assert read_playlist(playlist) == [entry.path for entry in entries]


# ---- what each player wants


NAME = "sub/100%41 + #?;é.mp3"


@pytest.mark.parametrize(
    ("player", "suffix", "expected"),
    [
        ("mpd", ".m3u8", f"HOME/{NAME}"),
        ("navidrome", ".m3u", NAME),
        ("jellyfin", ".m3u8", "sub/100%2541 %2B #?;é.mp3"),
        ("plex", ".m3u8", f"HOME/{NAME}"),
        ("kodi", ".m3u8", NAME),
        ("vlc", ".m3u8", "sub/100%2541%20%2B%20%23%3F%3B%C3%A9.mp3"),
        ("rockbox", ".m3u8", NAME),
        ("lyrion", ".m3u8", NAME),
        ("strawberry", ".m3u", NAME),
        ("foobar2000", ".m3u8", "sub\\100%41 + #?;é.mp3"),
    ],
)
def test_paths_of_players(home: Path, player: str, suffix: str, expected: str) -> None:
    (home / "sub").mkdir()
    (home / NAME).touch()
    playlist = home / f"x{suffix}"
    style = path_style(absolute=None, prefix=None, player=player)
    assert written_lines(playlist, [f"{home}/{NAME}"], style) == [expected.replace("HOME", str(home)).encode()]
    assert read_playlist(playlist) == [f"{home}/{NAME}"]


def test_every_player_was_asked_for() -> None:
    wanted = "mpd navidrome jellyfin plex kodi vlc rockbox lyrion strawberry foobar2000"
    assert list(PLAYERS) == wanted.split()


def test_a_line_break_survives_where_paths_are_encoded(home: Path) -> None:
    (home / "a\nb.mp3").touch()
    style = path_style(absolute=None, prefix=None, player="vlc")
    assert written_lines(home / "x.m3u8", [f"{home}/a\nb.mp3"], style) == [b"a%0Ab.mp3"]
    assert read_playlist(home / "x.m3u8") == [f"{home}/a\nb.mp3"]


def test_a_backslash_is_left_out_for_windows(home: Path) -> None:
    style = path_style(absolute=None, prefix=None, player="foobar2000")
    bad = Entry(f"{home}/a\\b.mp3")
    left_out = write_playlist(home / "x.m3u8", [bad], name="n", paths=style)
    assert left_out == [LeftOut(bad, "its name has a backslash, which Windows takes for a folder")]
    assert (home / "x.m3u8").read_bytes() == b"#EXTM3U\n#PLAYLIST:n\n"


def test_a_byte_order_mark_only_where_it_is_wanted(home: Path) -> None:
    style = path_style(absolute=None, prefix=None, player="rockbox")
    for name in ("x.m3u", "x.m3u8"):
        write_playlist(home / name, [], name="n", paths=style)
    plain = b"#EXTM3U\n#PLAYLIST:n\n"
    assert [(home / name).read_bytes() for name in ("x.m3u", "x.m3u8")] == [b"\xef\xbb\xbf" + plain, plain]


def test_options_beat_the_player(home: Path) -> None:
    assert path_style(absolute=False, prefix="/m=", player="plex") == PathStyle(False, ("/m", ""), "plex")
    assert path_style(absolute=None, prefix=None, player="plex") == PathStyle(True, None, "plex")
    with pytest.raises(SettingsError, match=r"^'winamp': unknown player: use mpd, .* or foobar2000$"):
        path_style(absolute=None, prefix=None, player="winamp")


def test_a_player_that_does_not_read_the_format(home: Path) -> None:
    with pytest.raises(SuffixError, match=r"^'x\.xspf': plex does not read .* playlist: use \.m3u8 or \.m3u$"):
        check_target(Path("x.xspf"), "plex")
    with pytest.raises(SuffixError, match=r"^'x\.m3u': foobar2000 does not read .* playlist: use \.m3u8$"):
        check_target(Path("x.m3u"), "foobar2000")


# ---- reading what others write


def test_read_pls(home: Path) -> None:
    (home / "x.pls").write_bytes(
        b"[playlist]\r\nFile2=http://radio.example/\r\nfile10=/m/z.mp3\r\nFile1=a=b.mp3\r\nTitle1=Cat - Swing\r\n"
        b"Length1=10\r\nFileX=no\r\nNumberOfEntries=3\r\nVersion=2\r\n"
    )
    assert read_lines(home / "x.pls") == [
        Line("a=b.mp3", f"{home}/a=b.mp3", "Swing", "Cat"),
        Line("http://radio.example/", None),
        Line("/m/z.mp3", "/m/z.mp3"),
    ]


def test_read_xspf_of_others(home: Path) -> None:
    (home / "x.xspf").write_text(
        '<?xml version="1.0"?><x:playlist version="1" xmlns:x="http://xspf.org/ns/0/"><x:title>list</x:title>'
        "<x:trackList><x:track><x:location>\n file:///m/a%20b.mp3 </x:location><x:location>two.mp3</x:location>"
        "<x:title>T</x:title><x:creator>C</x:creator></x:track><x:track><x:title>nowhere</x:title></x:track>"
        "<x:track><x:location>https://x.example/y</x:location></x:track></x:trackList></x:playlist>",
        encoding="utf-8",
    )
    assert read_lines(home / "x.xspf") == [
        Line("file:///m/a%20b.mp3", "/m/a b.mp3", "T", "C"),
        Line("nowhere", None, "nowhere"),
        Line("https://x.example/y", None),
    ]


def test_read_jspf_of_others(home: Path) -> None:
    tracks: list[object] = [
        {"location": "a%20b.mp3"},
        {"title": "x"},
        3,
        {"location": []},
        {"location": ["\ud800.mp3"]},
        {"title": "夜", "creator": "C", "identifier": ["https://x.example/recording/1"]},
    ]
    (home / "x.jspf").write_text(json.dumps({"playlist": {"track": tracks}}), encoding="utf-8")
    named = [line for line in read_lines(home / "x.jspf") if line.path is None]
    assert named == [Line("x", None, "x"), Line("C - 夜", None, "夜", "C")]
    assert read_playlist(home / "x.jspf") == [f"{home}/a b.mp3", f"{home}/?.mp3"]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("x.xspf", '<!DOCTYPE p [<!ENTITY a "b">]><playlist>&a;</playlist>', "declares entities"),
        ("x.xspf", "<playlist><trackList>", "is damaged XML"),
        ("x.xspf", "<a>" * 50, "of more levels"),
        ("x.jspf", "{", "is damaged JSON"),
        ("x.jspf", "[" * 100_000, "is damaged JSON"),
        ("x.jspf", '{"playlist": []}', "is JSON without the tracks of a playlist"),
    ],
)
def test_files_that_mean_harm(home: Path, name: str, content: str, reason: str) -> None:
    (home / name).write_text(content, encoding="utf-8")
    with pytest.raises(PlaylistFileError, match=rf"^'x\.\w+': .*{reason}"):
        read_playlist(Path(name))


def test_a_file_that_is_too_large(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("musictaste.plays.bounded.WHOLE_BYTES", 2**20)
    for name in ("x.m3u", "x.pls", "x.jspf"):
        (home / name).write_bytes(b"a" * (2**20 + 1))
        with pytest.raises(PlaylistFileError, match=rf"^'{name}': is larger than 1 MiB$"):
            read_playlist(Path(name))


def test_lines_that_no_system_can_open(home: Path) -> None:
    (home / "x.m3u").write_bytes(b"a\0b.mp3\n" + b"n" * 5000 + b".mp3\nfile:///m/%00.mp3\n")
    paths = read_playlist(home / "x.m3u")
    assert [fault(path) for path in paths] == ["has a null in its name", "File name too long", "has a null in its name"]


def test_faults(home: Path) -> None:
    (home / "a.mp3").touch()
    os.mkfifo(home / "pipe.mp3")
    found = [fault(f"{home}/{name}") for name in ("a.mp3", "pipe.mp3", ".", "no.mp3")]
    assert found == [None, "is not a file", "is not a file", "No such file or directory"]


def test_read_lists_of_windows(home: Path) -> None:
    (home / "sub").mkdir()
    (home / "sub/é.mp3").touch()
    (home / "x.m3u").write_bytes(b"#EXTINF:1,Caf\xe9 - \xe9\r\nsub\\\xe9.mp3\r\nD:\\M\\a.mp3\r\n")
    (home / "é.mp3").touch()
    (home / "y.m3u").write_bytes(b"\xe9.mp3\n")
    assert [line.path for line in read_lines(home / "x.m3u")][1:] == ["D:\\M\\a.mp3"]
    assert read_lines(home / "x.m3u")[0].artist == "Café"
    assert read_playlist(home / "y.m3u") == [f"{home}/é.mp3"]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_read_utf16(home: Path, encoding: str) -> None:
    (home / "x.m3u").write_bytes(("\ufeff#EXTM3U\r\n夜.mp3\r\n").encode(encoding))
    assert read_playlist(home / "x.m3u") == [f"{home}/夜.mp3"]


def test_a_playlist_that_has_not_changed_is_left_alone(home: Path) -> None:
    path = home / "x.m3u8"
    times = []
    for name in ("a", "a", "b"):
        write_playlist(path, [Entry(f"/m/{name}.mp3")], name="x", paths=PathStyle())
        times.append(path.stat().st_mtime_ns)
        os.utime(path, ns=(1, 1))
    assert [time == 1 for time in times] == [False, True, False]
    assert b"/m/b.mp3" in path.read_bytes()
