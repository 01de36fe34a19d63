from __future__ import annotations

import shutil
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import mutagen
import pytest
from make_audio import SUFFIXES, chord, write_audio
from mutagen import id3
from mutagen.apev2 import APEv2
from mutagen.mp4 import MP4FreeForm
from mutagen.ogg import OggPage

from musictaste.tags import read_tags
from musictaste.track import Tags

RECORDING = "b1a9c0e9-d987-4042-ae91-78d6a3267d69"
RELEASE = "0f0d3b6e-1d9d-4c2c-9b5a-2f1b6c1f0a11"
ARTISTS = ("66c662b6-6e2f-4930-8610-912e24c63ed1", "5d02f264-e225-41ff-83f7-d9b1f0b1874a")
CREDIT = "AC/DC feat. ave;new"

FULL = Tags(
    title="Grüße aus 東京",
    artist=CREDIT,
    artists=("AC/DC", "ave;new"),
    album="夜に駆ける",
    album_artist="Simon & Garfunkel",
    album_artists=("Simon & Garfunkel",),
    genres=("Rock", "Dream Pop"),
    date="2004-05-06",
    track_number=3,
    disc_number=2,
    compilation=True,
    musicbrainz_recording_id=RECORDING,
    musicbrainz_release_id=RELEASE,
    musicbrainz_artist_ids=ARTISTS,
    replaygain_track_db=-7.43,
    replaygain_album_db=0.5,
    lyrics="[00:01.00]La\nla",
    plays=42,
    skips=3,
    rating=0.8,
    last_played=1_600_000_000,
    loved=True,
)

# What taggers spell alike in TXXX frames, Vorbis comments, APEv2, ASF and iTunes' free-form atoms.
FREE: Mapping[str, list[str]] = {
    "ARTISTS": ["AC/DC", "ave;new"],
    "REPLAYGAIN_TRACK_GAIN": ["-7.43 dB"],
    "REPLAYGAIN_ALBUM_GAIN": ["+0.50 dB"],
    "PLAY_COUNT": ["41"],
    "SKIP_COUNT": ["3"],
    "FMPS_Playcount": ["42.0"],
    "FMPS_RATING": ["0.8"],
    "LAST_PLAYED_TIMESTAMP": ["1600000000"],
    "LOVE RATING": ["L"],
}
VORBIS: Mapping[str, list[str]] = FREE | {
    "TITLE": ["Grüße aus 東京"],
    "ARTIST": [CREDIT],
    "ALBUM": ["夜に駆ける"],
    "ALBUMARTIST": ["Simon & Garfunkel"],
    "GENRE": ["Rock", "Dream Pop"],
    "DATE": ["2004-05-06"],
    "TRACKNUMBER": ["03"],
    "DISCNUMBER": ["2"],
    "COMPILATION": ["1"],
    "MUSICBRAINZ_TRACKID": [RECORDING],
    "MUSICBRAINZ_RELEASETRACKID": [RELEASE],
    "MUSICBRAINZ_ALBUMID": [RELEASE],
    "MUSICBRAINZ_ARTISTID": [*ARTISTS],
    "UNSYNCEDLYRICS": ["[00:01.00]La\r\nla"],
}
APE: Mapping[str, list[str]] = FREE | {
    "Title": ["Grüße aus 東京"],
    "Artist": [CREDIT],
    "Album": ["夜に駆ける"],
    "Album Artist": ["Simon & Garfunkel"],
    "Genre": ["Rock", "Dream Pop"],
    "Year": ["2004-05-06"],
    "Track": ["3/12"],
    "Disc": ["2/2"],
    "Compilation": ["1"],
    "MUSICBRAINZ_TRACKID": [RECORDING],
    "MUSICBRAINZ_ALBUMID": [RELEASE],
    "MUSICBRAINZ_ARTISTID": [*ARTISTS],
    "Lyrics": ["[00:01.00]La\nla"],
}
ASF: Mapping[str, list[Any]] = FREE | {
    "Title": ["Grüße aus 東京"],
    "Author": [CREDIT],
    "WM/ARTISTS": ["AC/DC", "ave;new"],
    "WM/AlbumTitle": ["夜に駆ける"],
    "WM/AlbumArtist": ["Simon & Garfunkel"],
    "WM/Genre": ["Rock", "Dream Pop"],
    "WM/Year": ["2004-05-06"],
    "WM/TrackNumber": [3],
    "WM/PartOfSet": ["2/2"],
    "WM/IsCompilation": [True],
    "MusicBrainz/Track Id": [RECORDING],
    "MusicBrainz/Album Id": [RELEASE],
    "MusicBrainz/Artist Id": [*ARTISTS],
    "WM/Lyrics": ["[00:01.00]La\r\nla"],
    "FMPS/Playcount": ["42.0"],
    "WM/Picture": [b"\0" * 64],
}
MP4: Mapping[str, Any] = {f"----:com.apple.iTunes:{name}": values for name, values in FREE.items()} | {
    "©nam": ["Grüße aus 東京"],
    "©ART": [CREDIT],
    "©alb": ["夜に駆ける"],
    "aART": ["Simon & Garfunkel"],
    "©gen": ["Rock", "Dream Pop"],
    "©day": ["2004-05-06"],
    "trkn": [(3, 12)],
    "disk": [(2, 2)],
    "cpil": True,
    "----:com.apple.iTunes:MusicBrainz Track Id": [RECORDING],
    "----:com.apple.iTunes:MusicBrainz Album Id": [RELEASE],
    "----:com.apple.iTunes:MusicBrainz Artist Id": [*ARTISTS],
    "©lyr": ["[00:01.00]La\rla"],
}
FRAMES: list[id3.Frame] = [
    id3.TIT2(3, ["Grüße aus 東京"]),
    id3.TPE1(3, [CREDIT]),
    id3.TALB(3, ["夜に駆ける"]),
    id3.TPE2(3, ["Simon & Garfunkel"]),
    id3.TCON(3, ["17", "Dream Pop"]),
    id3.TDRC(3, ["2004-05-06"]),
    id3.TRCK(3, ["3/12"]),
    id3.TPOS(3, ["2/2"]),
    id3.TCMP(3, ["1"]),
    id3.UFID("http://musicbrainz.org", RECORDING.encode()),
    id3.UFID("http://www.cddb.com/id3/taginfo1.html", b"3CD3N1"),
    id3.TXXX(3, "MusicBrainz Album Id", [RELEASE]),
    id3.TXXX(3, "MusicBrainz Artist Id", [*ARTISTS]),
    id3.USLT(3, "eng", "", "[00:01.00]La\nla"),
    *(id3.TXXX(3, name, values) for name, values in FREE.items()),
]


def monkeys_audio() -> bytes:
    return b"MAC " + struct.pack("<H", 3990).ljust(52, b"\0") + struct.pack("<IIIHHI", 73_728, 100, 1, 16, 1, 44_100)


def musepack() -> bytes:
    return b"MP+\x07".ljust(32, b"\0")


def speex() -> bytes:
    header = b"Speex   ".ljust(36, b"\0") + struct.pack("<IIIII", 16_000, 1, 4, 1, 0) + bytes(24)
    pages = []
    for number, packet in enumerate((header, struct.pack("<II", 0, 0), b"\0")):
        page = OggPage()
        page.serial, page.sequence, page.packets = 1, number, [packet]
        page.first, page.last, page.position = number == 0, number == 2, 0
        pages.append(page.write())
    return b"".join(pages)


def dsf() -> bytes:
    stream = struct.pack("<4sQIIIIIIQII", b"fmt ", 52, 1, 0, 1, 1, 2_822_400, 1, 0, 4096, 0)
    return struct.pack("<4sQQQ", b"DSD ", 28, 92, 0) + stream + struct.pack("<4sQ", b"data", 12)


def dsdiff() -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">4sQ", name, len(data)) + data

    sound = chunk(b"FS  ", struct.pack(">L", 2_822_400)) + chunk(b"CHNL", b"\0\1C   ") + chunk(b"CMPR", b"DSD \0\0")
    return chunk(b"FRM8", b"DSD " + chunk(b"PROP", b"SND " + sound) + chunk(b"DSD ", bytes(4)))


CRAFTED = {".ape": monkeys_audio, ".mpc": musepack, ".spx": speex, ".dsf": dsf, ".dff": dsdiff}
TAGGED = [suffix for suffix in (*SUFFIXES, *CRAFTED) if suffix not in (".webm", ".mka")]
Blank = Callable[[str], Path]


@pytest.fixture(scope="session")
def blanks(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """One untagged file per format."""
    folder = tmp_path_factory.mktemp("blanks")
    sound = chord(0.2)
    paths = {suffix: write_audio(folder / f"blank{suffix}", sound, suffix=suffix) for suffix in SUFFIXES}
    for suffix, craft in CRAFTED.items():
        paths[suffix] = folder / f"blank{suffix}"
        paths[suffix].write_bytes(craft())
    return paths


@pytest.fixture
def blank(blanks: Mapping[str, Path], tmp_path: Path) -> Blank:
    """A copy of the untagged file of a format, to write tags into."""
    return lambda suffix: Path(shutil.copy(blanks[suffix], tmp_path / f"song{suffix}"))


FAMILIES = {
    **dict.fromkeys((".flac", ".ogg", ".opus", ".spx"), VORBIS),
    **dict.fromkeys((".ape", ".mpc", ".wv", ".aac"), APE),
    ".m4a": MP4,
    ".wma": ASF,
}  # the others carry ID3


def save(path: Path, values: Mapping[str, Any]) -> str:
    """Write Vorbis comments, APEv2 items, ASF attributes or MP4 atoms."""
    file = mutagen.File(path)
    if FAMILIES.get(path.suffix, APE) is APE:
        file.tags = APEv2()
    for key, value in values.items():
        free = key.startswith("----")
        file.tags[key] = [MP4FreeForm(text.encode()) for text in value] if free else value
    (file.tags if path.suffix == ".aac" else file).save(path)
    return str(path)


def save_frames(path: Path, frames: list[id3.Frame], **options: Any) -> str:
    file = mutagen.File(path)
    if path.suffix == ".aac":
        file.tags = id3.ID3()
    elif file.tags is None:
        file.add_tags()
    for frame in frames:
        file.tags.add(frame)
    file.tags.save(path, **options)
    return str(path)


def save_full(path: Path) -> str:
    return save(path, FAMILIES[path.suffix]) if path.suffix in FAMILIES else save_frames(path, FRAMES)


def save_artists(path: Path, names: list[str]) -> str:
    keys = {"ARTIST", "Artist", "Author", "©ART"} & FAMILIES.get(path.suffix, {}).keys()
    return save(path, dict.fromkeys(keys, names)) if keys else save_frames(path, [id3.TPE1(3, names)])


@pytest.mark.parametrize("suffix", TAGGED)
def test_whole_record(blank: Blank, suffix: str) -> None:
    assert read_tags(save_full(blank(suffix))) == FULL
