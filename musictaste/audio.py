"""From a file to what the networks hear: windows of samples, log-mel patches, tempo, key and level."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache, partial
from itertools import chain, groupby
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

import av
import numpy as np
import soundfile
import soxr
from av.error import FFmpegError
from av.packet import Packet as AnyPacket
from numpy.typing import NDArray

from musictaste.errors import UnheardError
from musictaste.fourier import irfft, rfft
from musictaste.framing import UnclearError
from musictaste.packets import Demuxed, Packets, find_packets, is_findable
from musictaste.track import PITCHES, SILENCE_DB

Floats = NDArray[np.float32]

if TYPE_CHECKING:
    Packet = AnyPacket[Any]

SAMPLE_RATE = 16_000
N_FFT = 512
HOP_LENGTH = 256
N_MELS = 96
LOG_SCALE = 10_000
PATCH_FRAMES = 187
"""The input of MusiCNN: log10(1 + 10000 * power) of 96 slaney mel bands, 187 frames of 16 ms."""

MOST_WINDOWS = 96
WHOLE_PATCHES = 24
FULL_WINDOW_PATCHES = 10
PULSE_PATCHES = 2
MIN_DURATION_S = 1.0
QUIETEST_DB = -120.0
"""What the level of digital silence is given as, since minus infinity is no number that JSON knows."""

SAMPLE_TYPES = {"u8": "u1", "s16": "i2", "s32": "i4", "s64": "i8", "flt": "f4", "dbl": "f8"}
"""Of FFmpeg's names for sample formats, to which planar ones add a p."""

MOST_PLANES = 8
"""Of planar audio with more channels, which damaged AAC can claim to be, PyAV reads planes that are not there."""

TONAL_N_FFT = 4096
TONAL_HOP_LENGTH = 2048
USUAL_TEMPO = 120.0
TEMPO_RANGE = (40.0, 220.0)

DEMUXERS = "mp3,flac,ogg,mov,aac,wav,w64,aiff,au,caf,asf,ape,wv,mpc,mpc8,tta,tak,dsf,iff,ac3,eac3,dts,matroska,webm"
"""Playlists, images and network formats are left out: a text file must not make FFmpeg open other files."""

KEY_PROFILES = {
    "major": (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88),
    "minor": (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17),
}
"""Krumhansl and Kessler's probe-tone ratings, from C (Psychological Review 89(4), 1982)."""

av.logging.set_level(av.logging.PANIC)


def mel_settings() -> dict[str, str]:
    """What a model file must say of its input; written by the export script, compared when a model is loaded."""
    return {
        "sample_rate": str(SAMPLE_RATE),
        "n_fft": str(N_FFT),
        "hop_length": str(HOP_LENGTH),
        "n_mels": str(N_MELS),
        "log_scale": str(LOG_SCALE),
        "patch_frames": str(PATCH_FRAMES),
    }


def window_samples(patches: int) -> int:
    """How many samples at 16 kHz give exactly `patches` patches: a centred STFT has one frame more than hops."""
    return (patches * PATCH_FRAMES - 1) * HOP_LENGTH


PATCH_S = window_samples(1) / SAMPLE_RATE
WHOLE_UP_TO_S = WHOLE_PATCHES * PATCH_S
"""Recordings up to this length are heard from end to end."""


def hears_whole(duration_s: float, *, full: bool) -> bool:
    """Whether a recording is heard from end to end, because that was asked or because it is short."""
    return full or duration_s <= WHOLE_UP_TO_S


class Recording(Protocol):
    """A recording that is open: its identity, and its samples at any time."""

    audio_hash: str
    duration_s: float
    metadata: dict[str, str]

    def read(self, spans: Iterable[tuple[float, float]]) -> Iterator[Floats]:
        """Mono samples at 16 kHz for each span (start, length) in seconds."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def open_recording(path: str) -> Recording:
    """Open a file with FFmpeg, or with libsndfile where FFmpeg refuses.

    Raises
    ------
    UnheardError
        With the reason, when neither can read it or it is shorter than a second.
    """
    try:
        if os.path.getsize(path) == 0:
            raise UnheardError("the file is empty")
        try:
            recording: Recording = FFmpegRecording(path)
        except UnheardError as refusal:
            recording = _second_chance(path, refusal)
    except OSError as error:
        raise UnheardError(f"cannot be opened: {error.strerror}") from error
    if recording.duration_s < MIN_DURATION_S:
        with recording:
            raise UnheardError(f"shorter than one second ({recording.duration_s:.2f} s)")
    return recording


def _second_chance(path: str, refusal: UnheardError) -> Recording:
    if path.lower().endswith((".mp3", ".mp2")):
        raise refusal  # libsndfile knows no more of MPEG than FFmpeg, and prints its notes on stderr
    try:
        return SndfileRecording(path)
    except soundfile.LibsndfileError:
        raise refusal from None


class FFmpegRecording:
    """A recording read through PyAV."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._open()
        try:
            self._index()
        except UnheardError:
            self._container.close()
            raise

    def _open(self) -> None:
        # "file:" keeps a colon in a name from being taken for a protocol.
        options = {"format_whitelist": DEMUXERS, "protocol_whitelist": "file"}
        try:
            self._container = av.open("file:" + self._path, container_options=options, metadata_errors="replace")
        except FFmpegError as error:
            raise UnheardError(f"is not audio that can be decoded: {_reason(error)}") from error
        if not self._container.streams.audio:
            self._container.close()
            raise UnheardError("has no audio in it")
        self._stream = self._container.streams.audio[0]

    def _index(self) -> None:
        self.metadata = {**self._stream.metadata, **self._container.metadata}
        if is_findable(self._container):
            try:
                self._take(find_packets(self._path, self._container, self._stream))
            except UnclearError:
                self._start_anew()
        else:
            self._demux()

    def _start_anew(self) -> None:
        """Demux everything after all."""
        self._container.close()
        self._open()
        self._demux()

    def _demux(self) -> None:
        self._take(Demuxed(self._container, self._stream, partial(choose_spans, full=False)))

    def _take(self, packets: Packets) -> None:
        self._packets = packets
        self.audio_hash = packets.audio_hash
        self.duration_s = packets.duration_s

    def read(self, spans: Iterable[tuple[float, float]]) -> Iterator[Floats]:
        """Mono samples at 16 kHz for each span (start, length) in seconds."""
        spans = list(spans)
        for number, (start, length) in enumerate(spans):
            yield self._decode(self._packets_of(spans[number:]), start, length)

    def _packets_of(self, spans: list[tuple[float, float]]) -> list[Packet]:
        try:
            return self._packets.of(spans)
        except UnclearError:
            identity = self.audio_hash
            self._start_anew()
            self.audio_hash = identity  # that of FLAC is not what demuxing gives
            return self._packets.of(spans)

    def _decode(self, packets: list[Packet], start: float, length: float) -> Floats:
        """Decode a run of packets and cut the span out of it."""
        self._stream.codec_context.flush_buffers()
        frames = self._frames(packets)
        first = next(frames, None)
        if first is None:
            return np.zeros(0, np.float32)
        rate = first.sample_rate
        # Chained streams may change their format on the way, so frames are joined as long as they are alike.
        groups = groupby(chain([first], frames), key=lambda f: (f.format.name, f.layout.name, f.sample_rate))
        parts = [resample(join_frames(list(group)), kind[2], rate) for kind, group in groups]
        offset = max(round((start - self._time_of(first, packets[0])) * rate), 0)
        samples = np.concatenate(parts)[offset : offset + samples_of(length, rate)]
        return resample(samples, rate, SAMPLE_RATE)

    def _time_of(self, frame: av.AudioFrame, packet: Packet) -> float:
        """When a frame plays, in seconds from the start of the recording."""
        if frame.pts is not None and frame.time_base is not None:
            return float(frame.pts * frame.time_base) - self._packets.origin_s
        return 0.0 if packet.pts is None else packet.pts * float(self._stream.time_base or 0) - self._packets.origin_s

    def _frames(self, packets: list[Packet]) -> Iterator[av.AudioFrame]:
        for packet in packets:
            try:
                yield from self._stream.codec_context.decode(packet)
            except FFmpegError:
                continue  # one broken packet costs its own few milliseconds

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._packets.clear()
        self._container.close()


class SndfileRecording:
    """A recording read through libsndfile; it has no packets, so its samples are hashed."""

    def __init__(self, path: str) -> None:
        # Names that are not UTF-8 have to be given as the bytes they are; Windows has no such names.
        self._file = soundfile.SoundFile(path if os.name == "nt" else os.fsencode(path))
        self.metadata: dict[str, str] = {}
        self.duration_s = self._file.frames / self._file.samplerate
        digest = hashlib.blake2b(digest_size=16)
        for block in self._file.blocks(blocksize=2**16, dtype="float32"):
            digest.update(block)
        self.audio_hash = digest.hexdigest()

    def read(self, spans: Iterable[tuple[float, float]]) -> Iterator[Floats]:
        """Mono samples at 16 kHz for each span (start, length) in seconds."""
        rate = self._file.samplerate
        for start, length in spans:
            self._file.seek(min(round(start * rate), self._file.frames))
            block = self._file.read(samples_of(length, rate), dtype="float32", always_2d=True)
            yield resample(block.mean(axis=1), rate, SAMPLE_RATE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def samples_of(length_s: float, rate: int) -> int:
    """How many samples at a rate give no fewer at 16 kHz than the length has there."""
    return math.ceil(round(length_s * rate, 6))


def _reason(error: FFmpegError) -> str:
    return str(error.strerror or error).lower()


def join_frames(frames: list[av.AudioFrame]) -> Floats:
    """Frames of one format as mono samples, the mean of all channels, float32 [n] in -1..1.

    Mixed down here and not by FFmpeg's resampler, whose gain for a downmix depends on the sample format: the same
    audio would be 3 dB louder as MP3 than as FLAC. Each frame is added where it lies: PyAV's arrays are copies.
    """
    kind, channels = frames[0].format, frames[0].layout.nb_channels
    mono = np.zeros(sum(frame.samples for frame in frames), np.float32)
    if kind.is_planar and channels > MOST_PLANES:
        return mono
    dtype = np.dtype(SAMPLE_TYPES[kind.name.removesuffix("p")])
    begin = 0
    for frame in frames:
        part = mono[begin : begin + frame.samples]
        for channel in _channels(frame, dtype, channels):
            part += channel
        begin += frame.samples
    if dtype == np.uint8:
        return np.asarray((mono / channels - 128) / 128, np.float32)
    mono /= channels * (-float(np.iinfo(dtype).min) if dtype.kind == "i" else 1.0)
    return mono


def _channels(frame: av.AudioFrame, dtype: np.dtype[Any], channels: int) -> Iterable[NDArray[Any]]:
    """The samples of each channel of a frame, [n] each, where they lie in it."""
    if frame.format.is_planar:
        return [np.frombuffer(plane, dtype, frame.samples) for plane in frame.planes]  # type: ignore[call-overload]
    whole: NDArray[Any] = np.frombuffer(frame.planes[0], dtype, frame.samples * channels)  # type: ignore[call-overload]
    return list(whole.reshape(-1, channels).astype(np.float32).T)


def resample(samples: Floats, rate: int, to_rate: int) -> Floats:
    """Samples [n] at another rate, by soxr at its high quality, as librosa.resample does."""
    return samples if rate == to_rate else np.asarray(soxr.resample(samples, rate, to_rate), np.float32)


def choose_spans(duration_s: float, *, full: bool) -> list[tuple[float, float]]:
    """Which parts of a recording are heard, as (start, length) in seconds, in the order in which they are heard.

    By default windows of one patch, each in the middle of its share of the track, up to `MOST_WINDOWS`; whoever hears
    them stops when enough is heard. A short track, or any track when `full`, is covered from end to end.
    """
    if not hears_whole(duration_s, full=full):
        count = min(int(duration_s / PATCH_S), MOST_WINDOWS)
        share = duration_s / count
        return [(share * (i + 0.5) - PATCH_S / 2, PATCH_S) for i in spread_evenly(count)]
    length = window_samples(FULL_WINDOW_PATCHES) / SAMPLE_RATE
    return [(start, min(length, duration_s - start)) for start in np.arange(0, duration_s, length).tolist()]


def spread_evenly(count: int) -> list[int]:
    """0 to count - 1 in an order whose first few, however many, lie all over the range.

    They follow the multiples of the golden ratio modulo one, from the middle on (Kronecker's sequence).
    """
    golden = (np.sqrt(5) - 1) / 2
    order: list[int] = np.argsort(np.argsort((0.5 + golden * np.arange(count)) % 1)).tolist()
    return order


@cache
def _filters() -> tuple[Floats, Floats]:
    """Mel filters [257, 96] and chroma filters [2049, 12]."""
    return mel_filters(), chroma_filters()


def mel_filters() -> Floats:
    """Triangles of equal area around 96 centres from 0 Hz to half the sample rate, float32 [257, 96].

    The scale is that of Slaney's Auditory Toolbox (1998): linear up to 1 kHz, in steps of 200/3 Hz, and from there
    logarithmic, 27 steps to a factor of 6.4. librosa.filters.mel's, but importing that takes longer than hearing
    three tracks, at the start of every scan.
    """
    linear_hz, log_step = 200 / 3, np.log(6.4) / 27
    top = 1000 / linear_hz + np.log(SAMPLE_RATE / 2 / 1000) / log_step
    mels = np.linspace(0, top, N_MELS + 2)
    edges = np.where(mels < 15, mels * linear_hz, 1000 * np.exp((mels - 15) * log_step))
    frequencies = np.arange(1 + N_FFT // 2)[:, None] * SAMPLE_RATE / N_FFT
    rising = (frequencies - edges[:-2]) / np.diff(edges)[:-1]
    falling = (edges[2:] - frequencies) / np.diff(edges)[1:]
    triangles = np.maximum(0, np.minimum(rising, falling)) * 2 / (edges[2:] - edges[:-2])
    return np.ascontiguousarray(triangles, np.float32)


def chroma_filters() -> Floats:
    """Gaussian bumps around each pitch class, float32 [2049, 12]; librosa.filters.chroma's, without tuning.

    Ellis, "Chroma feature analysis and synthesis", 2007: octaves are weighted by a Gaussian around the fifth.
    """
    frequencies = np.arange(1, TONAL_N_FFT) * SAMPLE_RATE / TONAL_N_FFT
    semitones = 12 * np.log2(frequencies / (440 / 16))
    semitones = np.concatenate(([semitones[0] - 18], semitones))
    width = np.append(np.maximum(np.diff(semitones), 1), 1)
    distance = np.remainder(semitones - np.arange(12)[:, None] + 126, 12) - 6
    bumps = np.exp(-0.5 * (2 * distance / width) ** 2)
    bumps *= np.exp(-0.5 * ((semitones / 12 - 5) / 2) ** 2) / np.linalg.norm(bumps, axis=0)
    from_c = np.roll(bumps, -3, axis=0)
    return np.ascontiguousarray(from_c[:, : 1 + TONAL_N_FFT // 2].T, np.float32)


def power_spectrum(samples: Floats, n_fft: int, hop_length: int) -> Floats:
    """Squared magnitudes of a centred, zero-padded STFT with a Hann window, float32 [frames, 1 + n_fft / 2]."""
    padded = _padded(samples, n_fft // 2, n_fft // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, n_fft)[::hop_length]
    window = _hann(n_fft)
    spectrum = rfft(frames * window)
    return np.asarray(spectrum.real**2 + spectrum.imag**2, np.float32)


def _padded(samples: Floats, before: int, after: int) -> Floats:
    """Samples [n] with zeros around them; numpy.pad takes longer to see what is asked of it."""
    padded = np.zeros(before + len(samples) + after, np.float32)
    padded[before : before + len(samples)] = samples
    return padded


@cache
def _hann(length: int) -> Floats:
    """A periodic Hann window, float32 [length]."""
    return np.asarray(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length, dtype=np.float32) / length), np.float32)


def mel_power(samples: Floats) -> Floats:
    """Mel power spectrogram, float32 [frames, 96], of mono samples at 16 kHz; librosa.feature.melspectrogram's."""
    return np.asarray(power_spectrum(samples, N_FFT, HOP_LENGTH) @ _filters()[0], np.float32)


def onset_strength(mel: Floats) -> Floats:
    """Mean rise of the mel bands in dB from frame to frame, float32 [frames - 1]; librosa.onset.onset_strength's."""
    level = 10 * np.log10(np.maximum(mel, 1e-10))
    level = np.maximum(level, level.max() - 80)
    return np.asarray(np.maximum(np.diff(level, axis=0), 0).mean(axis=1), np.float32)


def to_patches(mel: Floats) -> Floats:
    """Cut a mel power spectrogram [frames, 96] into log-mel patches float32 [n, 187, 96].

    What is left over after the last whole patch is heard as a patch that ends with the recording; a recording
    shorter than one patch is repeated until it fills one, as MusiCNN was trained.
    """
    log_mel = np.log10(1 + LOG_SCALE * mel)
    frames = len(log_mel)
    if frames < PATCH_FRAMES:
        return np.resize(log_mel, (1, PATCH_FRAMES, N_MELS))
    whole = frames // PATCH_FRAMES
    patches = log_mel[: whole * PATCH_FRAMES].reshape(whole, PATCH_FRAMES, N_MELS)
    if frames - whole * PATCH_FRAMES < PATCH_FRAMES // 2:
        return patches
    return np.concatenate([patches, log_mel[None, -PATCH_FRAMES:]])


@dataclass
class Meter:
    """Adds up level, pulse and pitch over the windows of one recording."""

    energy: float = 0.0
    samples: int = 0
    pulse: NDArray[np.float64] = field(default_factory=lambda: np.zeros(window_samples(PULSE_PATCHES) // HOP_LENGTH))
    chroma: NDArray[np.float64] = field(default_factory=lambda: np.zeros(12))

    def add(self, samples: Floats, mel: Floats) -> None:
        """Take in mono samples [n] and their mel power [frames, 96]."""
        self.energy += float(np.dot(samples, samples))
        self.samples += len(samples)
        self._add_pulse(mel)
        self._add_chroma(samples)

    def _add_pulse(self, mel: Floats) -> None:
        """Autocorrelation of the onset strength, unbiased, summed over windows."""
        lags = len(self.pulse)
        strength = onset_strength(mel)
        for begin in range(0, len(strength) - lags // 2 + 1, lags):
            part = strength[begin : begin + lags] - strength[begin : begin + lags].mean()
            spectrum = rfft(_padded(part, 0, 2 * lags - len(part)))
            correlation = irfft(spectrum.real**2 + spectrum.imag**2)[: len(part)]
            self.pulse[: len(part)] += correlation / np.arange(len(part), 0, -1)

    def _add_chroma(self, samples: Floats) -> None:
        power = power_spectrum(samples, TONAL_N_FFT, TONAL_HOP_LENGTH)
        # The fourth root, the square root of the magnitude, keeps loud bass and drums from deciding alone.
        self.chroma += np.sqrt(np.sqrt(power)).sum(axis=0) @ _filters()[1]

    @property
    def loudness_db(self) -> float:
        """RMS level in dB relative to full scale; -inf where nothing but zeros was heard."""
        mean_square = self.energy / self.samples if self.samples else 0.0
        return 10 * float(np.log10(mean_square)) if mean_square else -np.inf

    @property
    def bpm(self) -> float | None:
        # Windows of one patch know nothing of lags beyond it.
        return estimate_tempo(np.trim_zeros(self.pulse, "b"))

    @property
    def key(self) -> str | None:
        return estimate_key(self.chroma)


def estimate_tempo(pulse: NDArray[np.float64]) -> float | None:
    """Beats per minute from an autocorrelation of onset strength over lags in hops; None where nothing repeats.

    The first guess weighs each lag by a log-normal prior around 120, as librosa.feature.tempo does (Ellis, "Beat
    tracking by dynamic programming", 2007). Lags are 16 ms apart, too coarse for fast music, so the guess is refined
    on the peaks of two and four beats, which are as many times sharper.
    """
    if len(pulse) < 2 or pulse[0] <= 0 or pulse[1:].max() <= 0:
        return None
    frames_per_minute = 60 * SAMPLE_RATE / HOP_LENGTH
    tempi = frames_per_minute / np.arange(1, len(pulse))
    prior = -0.5 * (np.log2(tempi / USUAL_TEMPO)) ** 2
    score = np.log1p(1e6 * np.maximum(pulse[1:] / pulse[0], 0)) + prior
    score[(tempi < TEMPO_RANGE[0]) | (tempi > TEMPO_RANGE[1])] = -np.inf
    lag = 1.0 + float(np.argmax(score))
    for beats in (1, 2, 4):
        lag = _peak_near(pulse, lag * beats) / beats
    return round(frames_per_minute / lag, 1)


def _peak_near(pulse: NDArray[np.float64], lag: float) -> float:
    """The lag of the highest point within two hops, by a parabola through it; `lag` itself beyond the end."""
    low = round(lag) - 2
    if low < 1 or low + 6 > len(pulse):
        return lag
    best = low + int(np.argmax(pulse[low : low + 5]))
    left, top, right = pulse[best - 1 : best + 2]
    curvature = left - 2 * top + right
    return best + (0.5 * (left - right) / curvature if curvature < 0 else 0.0)


def estimate_key(chroma: NDArray[np.float64]) -> str | None:
    """The key whose profile correlates best with a chroma vector [12]; None where the vector is flat."""
    if chroma.std() <= 1e-9 * max(chroma.mean(), 1e-9):
        return None
    mode, shift = np.unravel_index(int(np.argmax(_turned_profiles() @ chroma)), (len(KEY_PROFILES), len(PITCHES)))
    return f"{PITCHES[shift]} {list(KEY_PROFILES)[mode]}"


@cache
def _turned_profiles() -> NDArray[np.float64]:
    """The profile of each key [modes, 12, 12], of mean 0 and length 1: its products order as correlations do."""
    turned = np.array([[np.roll(profile, shift) for shift in range(12)] for profile in KEY_PROFILES.values()])
    centred = turned - turned.mean(axis=-1, keepdims=True)
    return np.asarray(centred / np.linalg.norm(centred, axis=-1, keepdims=True))


@dataclass(frozen=True)
class Window:
    """A part of a recording: when its middle plays, how long it is, and its log-mel patches float32 [n, 187, 96]."""

    at_s: float
    length_s: float
    patches: Floats = field(compare=False)


def hear(recording: Recording, meter: Meter, *, full: bool = False) -> Iterator[Window]:
    """Each window that is not silent, in the order of `choose_spans`; the meter takes in the same samples.

    A window is decoded when it is asked for.

    Of a recording that is silent everywhere, the first window.

    Raises
    ------
    UnheardError
        When nothing could be decoded.
    """
    loud = False
    silent: tuple[float, Floats] | None = None
    spans = choose_spans(recording.duration_s, full=full)
    for (start, _), samples in zip(spans, recording.read(spans), strict=True):
        if len(samples) < N_FFT:
            continue
        if np.dot(samples, samples) / len(samples) < 10 ** (SILENCE_DB / 10):
            silent = silent or (start, samples)
            continue
        loud = True
        yield _window(start, samples, meter)
    if silent and not loud:
        yield _window(*silent, meter)
    elif not loud:
        raise UnheardError("is not audio that can be decoded: no packet of it could be")


def _window(start: float, samples: Floats, meter: Meter) -> Window:
    mel = mel_power(samples)
    meter.add(samples, mel)
    # What could be decoded counts: the last window of a truncated file is shorter than its span.
    length_s = len(samples) / SAMPLE_RATE
    return Window(start + length_s / 2, length_s, to_patches(mel))
