"""Audio for the tests: signals as arrays, and files in every container that PyAV can write."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
import soundfile
from numpy.typing import NDArray

RATE = 44_100


class Encoding(NamedTuple):
    format: str
    codec: str
    sample_format: str
    rate: int = RATE


ENCODINGS = {
    ".mp3": Encoding("mp3", "libmp3lame", "fltp"),
    ".flac": Encoding("flac", "flac", "s16"),
    ".opus": Encoding("ogg", "libopus", "flt", 48_000),
    ".m4a": Encoding("ipod", "aac", "fltp"),
    ".alac.m4a": Encoding("ipod", "alac", "s16p"),
    ".aac": Encoding("adts", "aac", "fltp"),
    ".wav": Encoding("wav", "pcm_s16le", "s16"),
    ".aiff": Encoding("aiff", "pcm_s16be", "s16"),
    ".wma": Encoding("asf", "wmav2", "fltp"),
    ".wv": Encoding("wv", "wavpack", "s16p"),
    ".tta": Encoding("tta", "tta", "s16"),
    ".webm": Encoding("webm", "libopus", "flt", 48_000),
    ".mka": Encoding("matroska", "libmp3lame", "fltp"),
}


def chord(seconds: float, notes: tuple[float, ...] = (261.63, 329.63, 392.0), rate: int = RATE) -> NDArray[np.float32]:
    """Sine waves of the given frequencies in Hz with a pulse of two beats a second, float32 [n] in -0.5..0.5."""
    time = np.arange(round(seconds * rate)) / rate
    tone = np.mean([np.sin(2 * np.pi * note * time) for note in notes], axis=0)
    pulse = np.exp(-6 * (time % 0.5))
    return (0.5 * tone * (0.2 + 0.8 * pulse)).astype(np.float32)


def piece(seconds: float, rate: int = RATE) -> NDArray[np.float32]:
    """Four chords in turn, two seconds each, over a bass and a rustle on the beat: something that changes."""
    chords = [(261.63, 329.63, 392.0), (220.0, 261.63, 329.63), (174.61, 220.0, 261.63), (196.0, 246.94, 293.66)]
    bars = [chord(2, (*notes, notes[0] / 2), rate) for notes in chords]
    tune = np.resize(np.concatenate(bars), round(seconds * rate))
    time = np.arange(len(tune)) / rate
    return (tune + noise(seconds, rate=rate) * np.exp(-20 * (time % 0.5))).astype(np.float32)


def noise(seconds: float, seed: int = 0, rate: int = RATE) -> NDArray[np.float32]:
    """White noise, float32 [n], standard deviation 0.1."""
    rng = np.random.default_rng(seed)
    return (0.1 * rng.standard_normal(round(seconds * rate))).astype(np.float32)


def write_audio(
    path: Path, samples: NDArray[np.float32], rate: int = RATE, *, suffix: str = "", stereo: bool = False
) -> Path:
    """Encode mono samples [n] into `path`; the format follows its suffix, or `suffix` where that is given."""
    kind = suffix or path.suffix.lower()
    if kind == ".ogg":  # FFmpeg's wheel carries no good Vorbis encoder; libsndfile does
        channels = 2 if stereo else 1
        with soundfile.SoundFile(path, "w", rate, channels, format="OGG", subtype="VORBIS") as file:
            for start in range(0, len(samples), 2**16):  # a minute at once is too much for its stack
                file.write(np.stack([samples[start : start + 2**16]] * channels, axis=1))
        return path
    encoding = ENCODINGS[kind]
    layout = "stereo" if stereo else "mono"
    frame = av.AudioFrame.from_ndarray(np.stack([samples] * (2 if stereo else 1)), format="fltp", layout=layout)
    frame.sample_rate = rate
    with av.open(str(path), "w", format=encoding.format) as container:
        stream = container.add_stream(encoding.codec, rate=encoding.rate, layout=layout)
        stream.format = encoding.sample_format
        stream.bit_rate = 128_000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


SUFFIXES = (*ENCODINGS, ".ogg")
