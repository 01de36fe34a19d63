from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from pathlib import Path
from typing import BinaryIO

import av
import librosa
import mutagen
import numpy as np
import pytest
import scipy.fft
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from make_audio import RATE, SUFFIXES, chord, noise, write_audio
from make_audio import piece as tune
from mutagen import id3
from mutagen.aiff import AIFF
from mutagen.apev2 import APEv2
from mutagen.flac import FLAC, Picture
from mutagen.wave import WAVE

from musictaste import audio, fourier, framing, packets
from musictaste.errors import UnheardError

PICTURE = bytes(range(256)) * 1200
C, F, G, A_MINOR = (261.63, 329.63, 392.0), (349.23, 440.0, 523.25), (392.0, 493.88, 587.33), (220.0, 261.63, 329.63)
PIECE = np.concatenate([chord(2, notes) for notes in (C, F, G, C, A_MINOR, F, G, C)])
NOT_AUDIO = "is not audio that can be decoded: invalid data found when processing input"


@dataclass
class Heard:
    kind: type
    audio_hash: str
    duration_s: float
    meter: audio.Meter
    patches: audio.Floats


def hear(path: Path, *, full: bool = False) -> Heard:
    meter = audio.Meter()
    with audio.open_recording(str(path)) as recording:
        patches = np.concatenate([window.patches for window in audio.hear(recording, meter, full=full)])
        return Heard(type(recording), recording.audio_hash, recording.duration_s, meter, patches)


def hash_of(path: Path) -> str:
    with audio.open_recording(str(path)) as recording:
        return recording.audio_hash


def refusal(path: Path) -> str:
    with pytest.raises(UnheardError) as caught:
        hear(path)
    return str(caught.value)


@pytest.fixture(scope="module")
def piece(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Sixteen seconds of chords in any container, written once; tests copy what they change."""
    folder = tmp_path_factory.mktemp("piece")

    def get(suffix: str) -> Path:
        path = folder / f"piece{suffix}"
        return path if path.exists() else write_audio(path, PIECE, suffix=suffix)

    return get


# Identity: tags come and go, the audio stays


def _id3() -> id3.ID3:
    tags = id3.ID3()
    tags.add(id3.TIT2(encoding=3, text="Grüße aus 東京"))
    tags.add(id3.APIC(encoding=3, mime="image/jpeg", type=3, desc="", data=PICTURE))
    return tags


def _add_id3(path: Path) -> None:
    _id3().save(path, v1=2)


def _add_apev2(path: Path) -> None:
    tags = APEv2()
    tags["Title"] = "Song"
    tags["Lyrics"] = "la " * 2000
    tags.save(path)


def _add_chunk(path: Path) -> None:
    file = WAVE(path) if path.suffix == ".wav" else AIFF(path)
    file.add_tags()
    for frame in _id3().values():
        file.tags.add(frame)
    file.save()


def _add_flac(path: Path) -> None:
    file = FLAC(path)
    file["title"] = "Song"
    picture = Picture()
    picture.data = PICTURE
    file.add_picture(picture)
    file.save()


def _add_easy(path: Path) -> None:
    file = mutagen.File(path, easy=True)
    if file.tags is None:
        file.add_tags()
    file["title"] = "Song " * 2000
    file.save()


def _remove(path: Path) -> None:
    file = mutagen.File(path)
    file.delete()


RETAGGINGS: list[tuple[str, Callable[[Path], None]]] = [
    (".mp3", _add_id3),
    (".mp3", _add_apev2),
    (".wv", _add_apev2),
    (".flac", _add_flac),
    (".flac", _add_id3),
    (".ogg", _add_easy),
    (".opus", _add_easy),
    (".m4a", _add_easy),
    (".alac.m4a", _add_easy),
    (".wma", _add_easy),
    (".aiff", _add_chunk),
    (".wav", _add_chunk),
    (".tta", _add_apev2),
    (".aac", _add_apev2),
]


@pytest.mark.parametrize(("suffix", "add"), RETAGGINGS)
def test_retagging_leaves_the_hash(
    suffix: str, add: Callable[[Path], None], piece: Callable[[str], Path], tmp_path: Path
) -> None:
    path = Path(shutil.copy(piece(suffix), tmp_path))
    before = path.read_bytes()
    plain = hash_of(path)
    add(path)
    assert path.read_bytes() != before
    assert hash_of(path) == plain


@pytest.mark.parametrize(("suffix", "add"), [pair for pair in RETAGGINGS if pair[0] not in (".aac", ".tta")])
def test_removing_tags_leaves_the_hash(
    suffix: str, add: Callable[[Path], None], piece: Callable[[str], Path], tmp_path: Path
) -> None:
    path = Path(shutil.copy(piece(suffix), tmp_path))
    add(path)
    tagged, tagged_hash = path.read_bytes(), hash_of(path)
    if add is _add_id3:
        id3.ID3(path).delete()
    elif add is _add_apev2:
        APEv2(path).delete()
    else:
        _remove(path)
    assert path.read_bytes() != tagged
    assert hash_of(path) == tagged_hash


def test_removing_a_large_picture_and_id3v1_leaves_the_hash(piece: Callable[[str], Path], tmp_path: Path) -> None:
    path = Path(shutil.copy(piece(".mp3"), tmp_path))
    plain = hash_of(path)
    _add_id3(path)
    assert path.read_bytes()[-128:-125] == b"TAG"
    assert path.stat().st_size > piece(".mp3").stat().st_size + len(PICTURE)
    id3.delete(path)
    assert path.read_bytes()[-128:-125] != b"TAG"
    assert hash_of(path) == plain


def test_other_audio_has_another_hash(piece: Callable[[str], Path], tmp_path: Path) -> None:
    hashes = {hash_of(piece(".flac")), hash_of(write_audio(tmp_path / "a.flac", -PIECE)), hash_of(piece(".mp3"))}
    assert len(hashes) == 3


def test_a_container_does_not_change_the_hash(piece: Callable[[str], Path]) -> None:
    assert hash_of(piece(".mka")) == hash_of(piece(".mp3"))
    assert hash_of(piece(".webm")) == hash_of(piece(".opus"))


# The same audio in every container


LOSSLESS = (".alac.m4a", ".wav", ".aiff", ".wv", ".tta")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_container_sounds_alike(suffix: str, piece: Callable[[str], Path]) -> None:
    reference, heard = hear(piece(".flac")), hear(piece(suffix))
    assert heard.kind is audio.FFmpegRecording
    assert heard.duration_s == pytest.approx(16, abs=0.1)
    assert heard.meter.key == reference.meter.key == "C major"
    assert heard.meter.bpm == pytest.approx(reference.meter.bpm, abs=1)
    assert heard.meter.loudness_db == pytest.approx(reference.meter.loudness_db, abs=0.5)
    assert heard.patches.shape == reference.patches.shape == (5, 187, 96)
    if suffix in LOSSLESS:
        np.testing.assert_array_equal(heard.patches, reference.patches)
    # The last patch ends with the recording, which coders pad by a frame; coders also drop what is too high to hear.
    assert np.abs(heard.patches[:-1, :, :64] - reference.patches[:-1, :, :64]).mean() < 0.2


def test_stereo_is_heard_as_its_mean(tmp_path: Path) -> None:
    left, right = chord(4, C), noise(4)
    soundfile.write(tmp_path / "stereo.wav", np.stack([left, right], axis=1), RATE, subtype="FLOAT")
    soundfile.write(tmp_path / "mono.wav", (left + right) / 2, RATE, subtype="FLOAT")
    stereo, mono = hear(tmp_path / "stereo.wav"), hear(tmp_path / "mono.wav")
    np.testing.assert_allclose(stereo.patches, mono.patches, atol=1e-5)
    assert stereo.meter.loudness_db == pytest.approx(mono.meter.loudness_db, abs=1e-4)


def test_a_sample_format_does_not_change_the_level(tmp_path: Path) -> None:
    levels = [
        hear(write_audio(tmp_path / f"{stereo}{suffix}", PIECE, stereo=stereo)).meter.loudness_db
        for suffix in (".wav", ".m4a")
        for stereo in (False, True)
    ]
    assert levels == pytest.approx([levels[0]] * 4, abs=0.05)


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
def test_every_sample_format_is_scaled_to_one(subtype: str, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.sin(np.arange(4 * RATE) * 0.1) * 0.999, RATE, subtype=subtype)
    assert hear(tmp_path / "a.wav").meter.loudness_db == pytest.approx(-3.02, abs=0.1)


# Features


@pytest.mark.parametrize("samples", [chord(3, rate=16_000), noise(3, rate=16_000)])
def test_log_mel_is_librosas(samples: audio.Floats) -> None:
    mel = audio.mel_power(samples)
    expected = librosa.feature.melspectrogram(y=samples, sr=16_000, n_fft=512, hop_length=256, n_mels=96).T
    np.testing.assert_allclose(mel, expected, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(audio.to_patches(mel)[0], np.log10(1 + 10_000 * expected[:187]), atol=1e-3)


def test_onset_strength_is_librosas() -> None:
    samples = chord(3, rate=16_000) + noise(3, rate=16_000) / 10
    mel = audio.mel_power(samples)
    expected = librosa.onset.onset_strength(S=librosa.power_to_db(mel.T), sr=16_000, hop_length=256, center=False)
    np.testing.assert_allclose(audio.onset_strength(mel), expected[1:], atol=1e-3)


def _clicks(bpm: float, seconds: float = 20) -> audio.Floats:
    samples = np.zeros(round(seconds * RATE), np.float32)
    click = 4 * noise(0.02)
    for beat in np.arange(0, seconds - 0.1, 60 / bpm):
        at = round(beat * RATE)
        samples[at : at + len(click)] += click
    return samples


@pytest.mark.parametrize("bpm", [60, 72, 90, 100, 120, 128, 140, 150])
def test_tempo_of_a_click_track(bpm: int, tmp_path: Path) -> None:
    assert hear(write_audio(tmp_path / "a.wav", _clicks(bpm))).meter.bpm == pytest.approx(bpm, rel=0.01)


def test_nothing_heard_has_no_tempo_key_or_level() -> None:
    meter = audio.Meter()
    assert (meter.bpm, meter.key, meter.loudness_db) == (None, None, -np.inf)


@pytest.mark.parametrize(("semitones", "key"), [(0, "C major"), (2, "D major"), (6, "F# major"), (10, "Bb major")])
def test_key_of_a_chord_progression(semitones: int, key: str, tmp_path: Path) -> None:
    shift = 2 ** (semitones / 12)
    chords = [chord(2, tuple(note * shift for note in notes)) for notes in (C, F, G, C)]
    assert hear(write_audio(tmp_path / "a.wav", np.concatenate(chords))).meter.key == key


def test_key_of_a_minor_progression(tmp_path: Path) -> None:
    d_minor, e_major = (293.66, 349.23, 440.0), (329.63, 415.3, 493.88)
    chords = [chord(2, notes) for notes in (A_MINOR, d_minor, e_major, A_MINOR)]
    assert hear(write_audio(tmp_path / "a.wav", np.concatenate(chords))).meter.key == "A minor"


@pytest.mark.parametrize(
    ("frames", "patches"), [(1, 1), (186, 1), (187, 1), (187 + 92, 1), (187 + 93, 2), (373, 2), (374, 2), (1870, 10)]
)
def test_what_is_left_after_the_last_patch(frames: int, patches: int) -> None:
    mel = np.random.default_rng(0).random((frames, 96), np.float32)
    cut = audio.to_patches(mel)
    assert cut.shape == (patches, 187, 96)
    log_mel = np.log10(1 + 10_000 * mel)
    np.testing.assert_array_equal(cut[0], np.resize(log_mel, (187, 96)))
    if frames > 187 and frames % 187 >= 93:
        np.testing.assert_array_equal(cut[-1], log_mel[-187:])


# Which parts are heard


@given(duration_s=st.floats(audio.MIN_DURATION_S, 36_000), full=st.booleans())
def test_spans_lie_apart_inside_the_track(duration_s: float, full: bool) -> None:
    spans = sorted(audio.choose_spans(duration_s, full=full))
    assert spans[0][0] >= -1e-6
    assert all(length > 0 for _, length in spans)
    assert all(start + length <= following + 1e-6 for (start, length), (following, _) in pairwise(spans))
    assert spans[-1][0] + spans[-1][1] <= duration_s + 1e-6


@given(duration_s=st.floats(audio.MIN_DURATION_S, 36_000))
def test_full_covers_everything(duration_s: float) -> None:
    assert sum(length for _, length in audio.choose_spans(duration_s, full=True)) == pytest.approx(duration_s)


@given(duration_s=st.floats(audio.MIN_DURATION_S, audio.WHOLE_UP_TO_S))
def test_a_short_track_is_covered_whole(duration_s: float) -> None:
    assert audio.choose_spans(duration_s, full=False) == audio.choose_spans(duration_s, full=True)


@pytest.mark.parametrize(("duration_s", "count"), [(72, 24), (100, 33), (285, 95), (286, 96), (10_800, 96)])
def test_a_long_track_is_heard_in_windows_of_one_patch(duration_s: float, count: int) -> None:
    spans = audio.choose_spans(duration_s, full=False)
    assert [length for _, length in spans] == [audio.window_samples(1) / 16_000] * count


@given(count=st.integers(24, 96), first=st.integers(4, 24))
def test_the_first_windows_leave_no_part_of_a_track_out(count: int, first: int) -> None:
    order = audio.spread_evenly(count)
    assert sorted(order) == list(range(count))
    heard = [-1, *sorted(order[:first]), count]
    assert max(after - before for before, after in pairwise(heard)) <= 2.7 * count / first + 1


SECONDS = 100
LOUDER = (np.repeat(np.linspace(0.1, 0.9, SECONDS), RATE) * np.sin(np.arange(SECONDS * RATE) * 0.1)).astype(np.float32)
"""A tone whose level tells the time."""


def assert_each_window_is_in_its_place(path: Path, *, coder_gain: float = 1.0) -> None:
    """Each window is as loud as its place in the file says: none is silent, none is another one again."""
    spans = audio.choose_spans(SECONDS, full=False)
    with audio.open_recording(str(path)) as recording:
        windows = list(recording.read(spans))
    rms = [float(np.sqrt(np.mean(samples**2))) for samples in windows]
    time = np.array([start + length / 2 for start, length in spans])
    np.testing.assert_allclose(rms, coder_gain * (0.1 + 0.8 * (time - 0.5) / (SECONDS - 1)) / np.sqrt(2), rtol=0.03)
    assert {len(audio.to_patches(audio.mel_power(samples))) for samples in windows} == {1}
    # Some decoders keep the last frame of a file to themselves.
    lengths = [len(samples) for _, samples in sorted(zip(spans, windows, strict=True), key=lambda pair: pair[0])]
    assert min(lengths[:-1]) >= audio.window_samples(1)
    assert lengths[-1] >= 0.98 * audio.window_samples(1)


@pytest.mark.parametrize("suffix", [".mp3", ".flac", ".opus", ".m4a", ".aac", ".ogg", ".wav", ".wma", ".wv", ".mka"])
def test_windows_come_from_where_they_should(suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_audio(tmp_path / f"a{suffix}", LOUDER)
    gain = 0.95 if suffix in (".mp3", ".mka") else 1.0
    assert_each_window_is_in_its_place(path, coder_gain=gain)
    monkeypatch.setattr(packets, "FINDERS", {})
    assert_each_window_is_in_its_place(path, coder_gain=gain)
    # A large file: the first windows are held, the others are demuxed again.
    monkeypatch.setattr(packets, "HELD_BYTES", 100_000)
    monkeypatch.setattr(packets, "HELD_WINDOWS", 6)
    assert_each_window_is_in_its_place(path, coder_gain=gain)


@pytest.mark.parametrize("held", [None, 2**25, 100_000])
def test_windows_of_a_variable_mp3_without_a_table(
    held: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its length can only be guessed, here as more than twice of what it is."""
    noisy = np.concatenate([LOUDER[: 70 * RATE], (LOUDER + noise(SECONDS, rate=RATE))[70 * RATE :]])
    path = tmp_path / "a.mp3"
    frame = av.AudioFrame.from_ndarray(noisy[None], format="fltp", layout="mono")
    frame.sample_rate = RATE
    with av.open(str(path), "w", format="mp3", options={"write_xing": "0", "id3v2_version": "0"}) as container:
        stream = container.add_stream("libmp3lame", rate=RATE, layout="mono", options={"compression_level": "7"})
        stream.codec_context.flags |= 2  # AV_CODEC_FLAG_QSCALE: a variable bit rate
        stream.codec_context.global_quality = 118 * 4
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with av.open(str(path)) as container:
        assert abs(container.duration / av.time_base - SECONDS) > 5
    if held:
        monkeypatch.setattr(packets, "FINDERS", {})
        monkeypatch.setattr(packets, "HELD_BYTES", held)
    spans = audio.choose_spans(SECONDS, full=False)
    with audio.open_recording(str(path)) as recording:
        assert recording.duration_s == pytest.approx(SECONDS, abs=0.2)
        heard = list(recording.read(spans))
    for (start, length), samples in zip(spans, heard, strict=True):
        there = audio.resample(noisy[round(start * RATE) : round((start + length) * RATE)], RATE, 16_000)
        assert np.sqrt(np.mean(samples**2)) == pytest.approx(np.sqrt(np.mean(there**2)), rel=0.08)


@pytest.mark.parametrize("suffix", [".mp3", ".flac", ".m4a", ".ogg", ".wav", ".mka"])
def test_a_large_file_sounds_as_a_small_one(
    suffix: str, piece: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packets, "FINDERS", {})
    held = hear(piece(suffix))
    monkeypatch.setattr(packets, "HELD_BYTES", 1000)
    again = hear(piece(suffix))
    np.testing.assert_array_equal(again.patches, held.patches)
    assert (again.audio_hash, again.duration_s) == (held.audio_hash, held.duration_s)


def times(path: Path, *, full: bool = False) -> list[tuple[float, float]]:
    with audio.open_recording(str(path)) as recording:
        windows = list(audio.hear(recording, audio.Meter(), full=full))
    return [(round(window.at_s, 2), round(window.length_s, 2)) for window in windows]


def test_silent_windows_leave_the_others_in_their_places(tmp_path: Path) -> None:
    loud, silent = chord(30, rate=16_000), np.zeros(30 * 16_000, np.float32)
    path = write_audio(tmp_path / "a.flac", np.concatenate([loud, silent, loud]), 16_000)
    assert times(path) == [(3 * i + 1.5, 2.98) for i in audio.spread_evenly(30) if not 10 <= i < 20]
    assert times(path, full=True) == [(14.95, 29.9), (44.86, 29.9), (74.76, 29.9), (89.86, 0.29)]


def test_a_short_recording_is_one_window(tmp_path: Path) -> None:
    assert times(write_audio(tmp_path / "a.wav", chord(2))) == [(1.0, 2.0)]


# Packets that are found, and those that are demuxed


FOUND = {
    ".mp3": packets.Framed,
    ".flac": packets.Sought,
    ".ogg": packets.Paged,
    ".opus": packets.Paged,
    ".m4a": packets.Sought,
    ".alac.m4a": packets.Sought,
}


@dataclass
class Reading:
    """All that is read of a file, and how: by which packets at first, and at the end."""

    audio_hash: str
    duration_s: float
    windows: list[bytes]
    ways: tuple[type, type]


def reading(
    path: Path, *, full: bool = False, tamper: Callable[[audio.FFmpegRecording], None] | None = None
) -> Reading:
    recording = audio.FFmpegRecording(str(path))
    with recording:
        first = type(recording._packets)
        if tamper:
            tamper(recording)
        windows = list(recording.read(audio.choose_spans(recording.duration_s, full=full)))
        ways = (first, type(recording._packets))
    return Reading(recording.audio_hash, recording.duration_s, [samples.tobytes() for samples in windows], ways)


def demuxed(path: Path, *, full: bool = False) -> Reading:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packets, "FINDERS", {})
        return reading(path, full=full)


def assert_demuxed(path: Path) -> None:
    """A file is demuxed because of what is in it, though it is of a format whose packets may be found."""
    with av.open(str(path)) as container:
        assert packets.is_findable(container)
    assert reading(path) == demuxed(path)


def known_hash(path: Path) -> str:
    """By which a file is known whose packets are found: of FLAC the checksum that it carries."""
    if path.suffix != ".flac":
        return demuxed(path).audio_hash
    return f"flac:{FLAC(path).info.md5_signature:032x}"


def assert_found(path: Path, way: type, *, full: bool = False) -> None:
    expected = replace(demuxed(path, full=full), ways=(way, way), audio_hash=known_hash(path))
    assert reading(path, full=full) == expected


@pytest.fixture(scope="module")
def long_piece(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Eighty seconds in any container, in stereo: longer than what is heard from end to end."""
    folder = tmp_path_factory.mktemp("long")

    def get(suffix: str) -> Path:
        path = folder / f"long{suffix}"
        return path if path.exists() else write_audio(path, tune(80), suffix=suffix, stereo=True)

    return get


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("suffix", FOUND)
def test_found_packets_are_those_that_are_demuxed(suffix: str, full: bool, long_piece: Callable[[str], Path]) -> None:
    assert_found(long_piece(suffix), FOUND[suffix], full=full)


@pytest.mark.parametrize("suffix", FOUND)
def test_found_packets_of_a_short_file(suffix: str, piece: Callable[[str], Path]) -> None:
    assert_found(piece(suffix), FOUND[suffix])


@pytest.mark.parametrize("rate", [8000, 22_050, 32_000, 48_000])
def test_found_packets_of_mp3_at_other_rates(rate: int, tmp_path: Path) -> None:
    """MPEG-2 and 2.5 have frames of half the length, and other bit rates."""
    path = tmp_path / "a.mp3"
    with av.open(str(path), "w", format="mp3") as container:
        stream = container.add_stream("libmp3lame", rate=rate, layout="mono")
        frame = av.AudioFrame.from_ndarray(tune(80, rate)[None], format="fltp", layout="mono")
        frame.sample_rate = rate
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert_found(path, packets.Framed)


@pytest.mark.parametrize(
    ("suffix", "add"),
    [(suffix, add) for suffix, add in RETAGGINGS if suffix in FOUND],
)
def test_packets_of_retagged_files_are_found(
    suffix: str, add: Callable[[Path], None], piece: Callable[[str], Path], tmp_path: Path
) -> None:
    path = Path(shutil.copy(piece(suffix), tmp_path))
    plain = reading(path)
    add(path)
    assert reading(path) == plain


def test_ogg_pages_that_are_numbered_anew(piece: Callable[[str], Path], tmp_path: Path) -> None:
    """The comments take more pages than before, so each page that follows has another number and checksum."""
    for suffix in (".ogg", ".opus"):
        path = Path(shutil.copy(piece(suffix), tmp_path))
        plain = reading(path)
        file = mutagen.File(path, easy=True)
        file["title"] = "Song " * 40_000
        file.save()
        assert path.stat().st_size > piece(suffix).stat().st_size + 200_000
        assert reading(path) == plain


def _cut(content: bytes) -> bytes:
    return content[: -len(content) // 3]


def _cut_last(content: bytes) -> bytes:
    return content[:-20]


def _twice(content: bytes) -> bytes:
    return content * 2


def _blank(content: bytes) -> bytes:
    """A hole in the middle."""
    middle = len(content) // 2
    return content[:middle] + bytes(2000) + content[middle + 2000 :]


def _flip(content: bytes) -> bytes:
    """One bit of the payload of a page: its checksum tells."""
    at = content.index(b"OggS", len(content) // 2) + 300
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


def _lose_page(content: bytes) -> bytes:
    at = content.index(b"OggS", len(content) // 2)
    return content[:at] + content[content.index(b"OggS", at + 4) :]


def _forget_checksum(content: bytes) -> bytes:
    """As of encoders that could not go back to the beginning of what they wrote: 16 zeros at the end of STREAMINFO."""
    return content[:26] + bytes(16) + content[42:]


def _append(content: bytes) -> bytes:
    return content + b"What is this doing here? " * 100


DAMAGES: list[tuple[str, Callable[[bytes], bytes]]] = [
    *((suffix, change) for suffix in (".mp3", ".ogg", ".opus") for change in (_cut, _cut_last, _twice, _blank)),
    *((suffix, change) for suffix in (".ogg", ".opus") for change in (_flip, _lose_page)),
    *((".flac", change) for change in (_cut, _forget_checksum)),
    *((suffix, _append) for suffix in (".mp3", ".ogg", ".opus", ".m4a")),
]


def _lose_bytes(content: bytes) -> bytes:
    return content[: len(content) // 2] + content[len(content) // 2 + 30_000 :]


@pytest.mark.parametrize("change", [_twice, _lose_bytes])
def test_flac_that_is_damaged_in_the_middle_is_known_as_the_whole(
    change: Callable[[bytes], bytes], long_piece: Callable[[str], Path], tmp_path: Path
) -> None:
    path, whole = tmp_path / "a.flac", reading(long_piece(".flac"))
    path.write_bytes(change(long_piece(".flac").read_bytes()))
    damaged = reading(path)
    assert (damaged.audio_hash, damaged.duration_s) == (whole.audio_hash, whole.duration_s)
    assert damaged.windows[0] == demuxed(path).windows[0]


@pytest.mark.parametrize(("suffix", "change"), DAMAGES)
def test_a_file_that_is_not_as_it_should_be_is_demuxed(
    suffix: str, change: Callable[[bytes], bytes], long_piece: Callable[[str], Path], tmp_path: Path
) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(change(long_piece(suffix).read_bytes()))
    assert_demuxed(path)


def _mux(path: Path, sources: list[Path], options: dict[str, str]) -> None:
    """Put the audio of other files into one."""
    with av.open(str(path), "w", format="mp4", options=options) as container, ExitStack() as stack:
        others = [stack.enter_context(av.open(str(source))) for source in sources]
        streams = [container.add_stream_from_template(other.streams.audio[0]) for other in others]
        for other, stream in zip(others, streams, strict=True):
            for packet in other.demux(audio=0):
                if packet.size:
                    packet.stream = stream
                    container.mux(packet)


@pytest.mark.parametrize(
    ("suffixes", "options"),
    [
        ([".m4a", ".alac.m4a"], {}),
        ([".m4a"], {"movflags": "frag_keyframe+empty_moov"}),
        ([".mp3"], {}),
    ],
)
def test_other_mp4_is_demuxed(
    suffixes: list[str], options: dict[str, str], long_piece: Callable[[str], Path], tmp_path: Path
) -> None:
    path = tmp_path / "a.mp4"
    _mux(path, [long_piece(suffix) for suffix in suffixes], options)
    assert_demuxed(path)


@dataclass
class Liar:
    """A container that seeks to somewhere else."""

    container: av.container.InputContainer
    lie: Callable[[int], int]

    def seek(self, offset: int, **settings: object) -> None:
        self.container.seek(self.lie(offset), **settings)

    def demux(self, stream: av.AudioStream) -> object:
        return self.container.demux(stream)


LIES: dict[str, Callable[[int], int]] = {
    "the second half": lambda offset: offset + 2**40,
    "always the same place": lambda _: 2**20,
    "late": lambda offset: offset + 2**20,
}


@pytest.mark.parametrize("lie", LIES)
@pytest.mark.parametrize("suffix", [".alac.m4a", ".flac", ".ogg"])
def test_a_seek_that_lies_is_noticed(suffix: str, lie: str, long_piece: Callable[[str], Path]) -> None:
    def tamper(recording: audio.FFmpegRecording) -> None:
        found = recording._packets
        assert isinstance(found, packets.Sought)
        found._source = replace(found._source, container=Liar(found._source.container, LIES[lie]))

    path = long_piece(suffix)
    honest = replace(demuxed(path), audio_hash=known_hash(path))
    assert reading(path, tamper=tamper) == replace(honest, ways=(FOUND[suffix], packets.Demuxed))


OGG = (".ogg", ".opus")


def windows_sought(path: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """For how many windows of a recording a demuxer seeks; all have to sound as when everything is demuxed."""
    sought: list[object] = []
    of = packets.Sought.of
    monkeypatch.setattr(packets.Sought, "of", lambda self, spans: sought.append(self) or of(self, spans))
    assert_found(path, packets.Paged)
    return len(sought)


@pytest.mark.parametrize("suffix", OGG)
def test_packets_of_ogg_are_cut(
    suffix: str, long_piece: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A demuxer gives only those of the first and of the last page."""
    assert windows_sought(long_piece(suffix), monkeypatch) == 2


@pytest.mark.parametrize("suffix", OGG)
def test_a_page_of_ogg_that_lies_is_noticed(
    suffix: str, long_piece: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What its packets last does not agree, so a demuxer gives those of this page and of the next."""
    path, walk_ogg = long_piece(suffix), framing.walk_ogg
    honest = windows_sought(path, monkeypatch)

    def walk(file: BinaryIO, headers: int) -> list[framing.Page]:
        pages = walk_ogg(file, headers)
        pages[20] = pages[20]._replace(granule=pages[20].granule + 960)
        return pages

    monkeypatch.setattr(framing, "walk_ogg", walk)
    assert honest < windows_sought(path, monkeypatch) < honest + 4


@pytest.mark.parametrize("suffix", OGG)
def test_ogg_whose_packets_are_not_understood_is_sought(
    suffix: str, long_piece: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(framing, "vorbis_blocks", lambda _: (512, 4096))
    monkeypatch.setattr(framing, "opus_skipped", lambda _: 311)
    path = long_piece(suffix)
    with audio.open_recording(str(path)) as recording:
        windows = len(audio.choose_spans(recording.duration_s, full=False))
    assert windows_sought(path, monkeypatch) == windows


@pytest.mark.parametrize(
    ("packet", "samples"),
    [(b"\0\0", 480), (b"\x19\0", 5760), (b"\x68\0", 960), (b"\xfa\0", 1920), (b"\xe3\x45", 600)],
)
def test_what_a_packet_of_opus_lasts(packet: bytes, samples: int) -> None:
    """One frame of 10 ms, two of 60, one of 20, two of 20 and five of 2.5 (RFC 6716, section 3.1)."""
    assert framing.opus_lengths([packet]) == [(samples, 0)]


def test_a_file_that_shrinks_while_it_is_heard(long_piece: Callable[[str], Path], tmp_path: Path) -> None:
    path = Path(shutil.copy(long_piece(".mp3"), tmp_path))
    half, whole = path.read_bytes()[: path.stat().st_size // 2], demuxed(path)
    read = reading(path, tamper=lambda _: path.write_bytes(half) and None)
    assert (read.ways, read.audio_hash) == ((packets.Framed, packets.Demuxed), whole.audio_hash)


def test_flac_is_known_by_its_samples_whatever_compressed_them(tmp_path: Path) -> None:
    paths = [tmp_path / "a.flac", tmp_path / "b.flac"]
    for path, level in zip(paths, ("0", "8"), strict=True):
        with av.open(str(path), "w") as container:
            stream = container.add_stream("flac", rate=44_100, layout="mono", options={"compression_level": level})
            frame = av.AudioFrame.from_ndarray((tune(80) * 30_000).astype(np.int16)[None], format="s16", layout="mono")
            frame.sample_rate = 44_100
            container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    assert paths[0].stat().st_size != paths[1].stat().st_size
    assert_found(paths[0], packets.Sought)
    assert reading(paths[0]) == reading(paths[1])


@given(sizes=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1), left=st.floats(0, 1))
def test_ranges_hold_what_their_pieces_hold(sizes: list[tuple[int, int]], left: float) -> None:
    ends = list(accumulate(gap + size for gap, size in sizes))
    pieces = [(end - size, size) for end, (_, size) in zip(ends, sizes, strict=True)]
    held = [at for position, size in pieces for at in range(position, position + size)]
    ranges = framing.join(pieces)
    assert [at for begin, end in ranges for at in range(begin, end)] == held
    size = int(left * len(held))
    cut = framing.cut_off(ranges, size)
    assert [at for begin, end in cut for at in range(begin, end)] == held[: len(held) - size]


@pytest.mark.parametrize(("table", "size"), [([7], 7), ([3, 255, 255, 7], 517), ([255, 0], 255), ([255, 9, 0], 0)])
def test_the_size_of_the_last_packet_of_ogg(table: list[int], size: int) -> None:
    assert framing.size_of_last(bytes(table)) == size


def test_damaged_audio_with_more_channels_than_there_can_be() -> None:
    """Regression: PyAV read planes beyond the eighth that were not there, which ended the process."""
    frame = av.AudioFrame(format="fltp", layout="hexadecagonal", samples=100)
    np.testing.assert_array_equal(audio.join_frames([frame, frame]), np.zeros(200, np.float32))


def test_a_last_packet_that_is_said_to_last_for_hours(
    long_piece: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Regression: of some Ogg files FFmpeg says so, and they were taken for a day of silence."""
    path, demux = long_piece(".ogg"), packets._demux
    whole = demuxed(path)

    def say_too_much(*file: object) -> Iterator[av.Packet]:
        found = list(demux(*file))
        found[-1].duration = 2**32 - 64
        yield from found

    monkeypatch.setattr(packets, "_demux", say_too_much)
    assert demuxed(path).duration_s == pytest.approx(whole.duration_s, abs=0.1)


SAMPLES = {
    "u8": ("u1", 128, 128),
    "s16": ("i2", 2**15, 0),
    "s32": ("i4", 2**31, 0),
    "flt": ("f4", 1, 0),
    "dbl": ("f8", 1, 0),
}
"""The numbers of a format, what stands for 1, and for silence."""


@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("layout", ["mono", "stereo", "5.1"])
def test_frames_of_all_formats_become_the_mean_of_their_channels(name: str, planar: bool, layout: str) -> None:
    dtype, scale, middle = SAMPLES[name]
    count = av.AudioLayout(layout).nb_channels
    wanted = np.random.default_rng(0).uniform(-0.9, 0.9, (3, count, 700))
    frames = []
    for part in wanted:
        values = (part * scale + middle).astype(dtype)
        arranged = values if planar else values.T.reshape(1, -1)
        frames.append(av.AudioFrame.from_ndarray(np.ascontiguousarray(arranged), name + "p" * planar, layout))
    joined = audio.join_frames(frames)
    assert (joined.dtype, joined.shape) == (np.float32, (2100,))
    np.testing.assert_allclose(joined, np.hstack(list(wanted.mean(axis=1))), atol=0.01 if name == "u8" else 1e-3)


# What cannot be heard


def test_an_empty_file(tmp_path: Path) -> None:
    path = tmp_path / "a.mp3"
    path.touch()
    assert refusal(path) == "the file is empty"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("a.mp3", NOT_AUDIO),
        ("a.wav", NOT_AUDIO),
        ("a.m4a", NOT_AUDIO),
        ("a.flac", "is not audio that can be decoded: no packets in it"),
    ],
)
def test_a_text_file(name: str, reason: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / name
    path.write_text("This is a shopping list.\n" * 100)
    assert refusal(path) == reason
    assert capfd.readouterr() == ("", "")


def test_a_text_file_whose_name_is_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"\xff.wav")
    path.write_text("This is a shopping list.\n" * 100)
    assert refusal(path) == NOT_AUDIO


def test_a_video_without_sound(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        for _ in range(20):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")))
        container.mux(stream.encode(None))
    assert refusal(path) == "has no audio in it"


def test_half_a_second(tmp_path: Path) -> None:
    assert refusal(write_audio(tmp_path / "a.wav", chord(0.5))) == "shorter than one second (0.50 s)"


@pytest.mark.parametrize("suffix", [".wav", ".mp3", ".flac"])
@pytest.mark.parametrize("seconds", [4, 100])
def test_digital_silence_is_heard_as_its_first_window(suffix: str, seconds: float, tmp_path: Path) -> None:
    heard = hear(write_audio(tmp_path / f"a{suffix}", 0 * chord(seconds)))
    assert (heard.patches.shape, heard.patches.max()) == ((1, audio.PATCH_FRAMES, audio.N_MELS), 0)
    assert (heard.meter.loudness_db, heard.meter.bpm, heard.meter.key) == (-np.inf, None, None)


def test_a_whisper_below_the_level_of_silence(tmp_path: Path) -> None:
    quiet = hear(write_audio(tmp_path / "a.wav", noise(4, rate=16_000) * 10 ** (-60 / 20), 16_000))
    assert quiet.meter.loudness_db == pytest.approx(-80, abs=1)


def test_a_missing_file(tmp_path: Path) -> None:
    assert refusal(tmp_path / "a.mp3") == "cannot be opened: No such file or directory"


def test_an_m4a_whose_index_was_cut_off(piece: Callable[[str], Path], tmp_path: Path) -> None:
    content = piece(".m4a").read_bytes()
    path = tmp_path / "a.m4a"
    path.write_bytes(content[: content.index(b"moov") - 4])
    assert refusal(path) == NOT_AUDIO


def test_an_hls_playlist_opens_nothing_else(tmp_path: Path) -> None:
    write_audio(tmp_path / "other.aac", PIECE)
    for name in ("a.mp3", "a.m3u8", "a.aac"):
        path = tmp_path / name
        path.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:16\n#EXTINF:16,\nother.aac\n#EXT-X-ENDLIST\n")
        assert refusal(path).startswith("is not audio that can be decoded: ")


@pytest.mark.parametrize(("suffix", "atleast_s"), [(".mp3", 7.9), (".flac", 7), (".ogg", 4), (".wav", 7.9)])
def test_a_truncated_file_is_heard_up_to_where_it_ends(
    suffix: str, atleast_s: float, piece: Callable[[str], Path], tmp_path: Path
) -> None:
    content = piece(suffix).read_bytes()
    path = tmp_path / f"a{suffix}"
    path.write_bytes(content[: len(content) // 2])
    whole, half = hear(piece(suffix)), hear(path)
    assert atleast_s < half.duration_s < 10
    assert half.audio_hash != whole.audio_hash
    assert len(half.patches) >= 1
    np.testing.assert_allclose(half.patches[0], whole.patches[0], atol=1e-3)


def test_damage_in_the_middle_costs_little(piece: Callable[[str], Path], tmp_path: Path) -> None:
    content = bytearray(piece(".mp3").read_bytes())
    middle = len(content) // 2
    content[middle : middle + 2000] = bytes(2000)
    path = tmp_path / "a.mp3"
    path.write_bytes(content)
    assert hear(path).duration_s == pytest.approx(16, abs=0.5)


# Names and second chances


def test_libsndfile_reads_what_ffmpeg_refuses(piece: Callable[[str], Path], tmp_path: Path) -> None:
    for name in ("x.wav", os.fsdecode(b"\xff.wav")):
        path = tmp_path / name
        soundfile.write(os.fsencode(path), PIECE, RATE, format="MAT5", subtype="PCM_16")
        heard, reference = hear(path), hear(piece(".wav"))
        assert heard.kind is audio.SndfileRecording
        assert (heard.duration_s, heard.meter.bpm, heard.meter.key) == (16.0, reference.meter.bpm, "C major")
        np.testing.assert_allclose(heard.patches, reference.patches, atol=0.1)


@pytest.mark.parametrize(
    "name", [b"A.WAV", b"12:30 http: a.wav", b"\xff.wav", b"a%03d.wav", b"a?#*.wav", "夜に駆ける.wav".encode()]
)
def test_names_do_not_matter(name: bytes, piece: Callable[[str], Path], tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(name)
    shutil.copy(piece(".wav"), path)
    assert hash_of(path) == hash_of(piece(".wav"))


def test_a_suffix_may_be_wrong(piece: Callable[[str], Path], tmp_path: Path) -> None:
    path = tmp_path / "a.MP3"
    shutil.copy(piece(".flac"), path)
    assert hash_of(path) == hash_of(piece(".flac"))


def test_tags_of_the_container_are_at_hand(tmp_path: Path) -> None:
    path = write_audio(tmp_path / "a.ogg", chord(2))
    file = mutagen.File(path)
    file["TITLE"] = "Song"
    file.save()
    with audio.open_recording(str(path)) as recording:
        assert recording.metadata["TITLE"] == "Song"


def test_chroma_filters_are_librosas() -> None:
    theirs = librosa.filters.chroma(sr=audio.SAMPLE_RATE, n_fft=audio.TONAL_N_FFT, tuning=0).T
    np.testing.assert_allclose(audio.chroma_filters(), theirs, atol=1e-6)


def test_transforms_are_scipys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that are loaded without scipy's package of them are the same, and are where they are thought to be."""
    rows = np.random.default_rng(0).standard_normal((7, 512)).astype(np.float32)
    spectrum = scipy.fft.rfft(rows)
    assert fourier._pocketfft is not None
    for _ in ("compiled", "scipy's own"):
        transformed, back = fourier.rfft(rows), fourier.irfft(spectrum[0])
        assert (transformed.dtype, back.dtype) == (np.complex64, np.float32)
        np.testing.assert_array_equal(transformed, spectrum)
        np.testing.assert_array_equal(back, scipy.fft.irfft(spectrum[0]))
        monkeypatch.setattr(fourier, "_pocketfft", None)


def test_mel_filters_are_librosas() -> None:
    theirs = librosa.filters.mel(sr=audio.SAMPLE_RATE, n_fft=audio.N_FFT, n_mels=audio.N_MELS).T
    np.testing.assert_allclose(audio.mel_filters(), theirs, atol=1e-8)


def test_listening_does_not_load_librosa(tmp_path: Path) -> None:
    """Regression: on a fresh installation the first scan stood still for 16 s while librosa.util was compiled."""
    path = write_audio(tmp_path / "a.wav", chord(7))
    program = (
        "import sys; from musictaste import audio; r = audio.open_recording(sys.argv[1]); m = audio.Meter();"
        " list(audio.hear(r, m)); print(m.key, m.bpm, 'librosa' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True)
    assert done.stdout == "E minor 120.0 False\n"
