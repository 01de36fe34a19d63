#!/usr/bin/env python3
"""Make labelled music, speech and noise from Debian packages and from synthesis, for scripts/train_kind.py.

    apt-get install espeak-ng flite
    python scripts/make_kind_data.py OUT

The packages of `SOURCES` are fetched with `apt-get download` into OUT/packages; nothing is installed. OUT/kind.npz
holds log-mel spectrograms in the format of the other training data, OUT/kind.csv label and source of each.
"""

from __future__ import annotations

import argparse
import csv
import functools
import io
import multiprocessing
import re
import shutil
import subprocess
import zipfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import scipy.signal
from av.error import FFmpegError
from train_heads import MEL_STEP

from musictaste import audio, scan
from musictaste.audio import SAMPLE_RATE

Array = np.ndarray

LENGTH_S = 30.0
FRAMES = round(LENGTH_S * SAMPLE_RATE) // audio.HOP_LENGTH + 1
SHORTEST_S = 2.5
PER_VOICE = 12
"""Recordings from one voice, language or kind of sound, so that no source outweighs the others."""

PIECES = 3
LOUDNESS_DB = (-55.0, -12.0)
SYNTHETIC = 12
"""Recordings of each synthetic kind of sound."""

MUSICAL = "horn|fanfare|harp|flute|drum|bell|chapel|gamestart|tada|jingle|victory|defeat|win|lose|music|success|speak"


@dataclass(frozen=True)
class Source:
    """Files of a package: `files` is searched in their names, its group tells the voices apart.

    Short files of one voice are joined to one recording, long ones are cut into pieces.
    """

    package: str
    label: str
    files: str
    without: str = "^$"


SOURCES = (
    *(Source(f"asterisk-core-sounds-{name}-g722", "speech", "/sounds/", "/silence/|beep") for name in
      ("en", "es", "fr", "it", "ru")),
    Source("fillets-ng-data-cs", "speech", "/cs/"),
    Source("fillets-ng-data-nl", "speech", "/nl/"),
    Source("klettres-data", "speech", r"/klettres/(\w+)/"),
    Source("ktuberling-data", "speech", r"/sounds/(\w+)/"),
    Source("tuxpaint-stamps-default", "speech", r"_desc_(\w+)\.ogg"),
    Source("unknown-horizons", "speech", r"/voice/(\w+)/"),
    Source("warzone2100-data", "speech", "/audio/(tutorial|sequenceaudio|memressp|nexus|coltive|trnsppil|vtoltalk)"),
    Source("bucklespring-data", "noise", "/wav/"),
    Source("colobot-common-sounds", "noise", "/sounds/", MUSICAL),
    Source("endless-sky-data", "noise", "/sounds/", MUSICAL),
    Source("hyperrogue-music", "noise", "/sounds/", f"{MUSICAL}|prince|dzia"),
    Source("lincity-ng-data", "noise", r"/sounds/(\w)"),
    Source("minetest-data", "noise", r"/mods/(\w+)/"),
    Source("openarena-data", "noise", "sound/(world|weapons|items|movers)"),
    Source("pathological", "noise", "/sounds/", MUSICAL),
    Source("simutrans-pak64", "noise", "/sound/"),
    Source("ufoai-sound", "noise", "sound/(ambience|weapons|footsteps|impact|doors)", MUSICAL),
    Source("unknown-horizons", "noise", "/audio/sounds/", MUSICAL),
    Source("wesnoth-1.16-data", "noise", "/core/sounds/(ambient|)", MUSICAL),
    Source("colobot-common-sounds", "music", "/music/"),
    Source("fillets-ng-data", "music", "/music/"),
    Source("hyperrogue-music", "music", "/music/"),
    Source("lincity-ng-data", "music", "/music/"),
    Source("pathological", "music", "/music/"),
    Source("sonic-pi-samples", "music", "/(loop_|ambi_(?:choir|piano|drone))", "3d_printer"),
    Source("unknown-horizons", "music", "/music/", "waves"),
    Source("xmoto-data", "music", "/Musics/"),
    Source("hydrogen-drumkits", "drums", r"/drumkits/([^/]+)/"),
)  # fmt: skip
BOOKS = {
    "fortunes": "en-us", "fortunes-br": "pt-br", "fortunes-cs": "cs", "fortunes-de": "de", "fortunes-es": "es",
    "fortunes-it": "it", "fortunes-pl": "pl", "fortunes-ru": "ru",
}  # fmt: skip
"""Packages of texts in a language, and the voice of espeak-ng that reads them."""

SUFFIXES = (*scan.SUFFIXES, ".g722", "queen.1c")
ARCHIVES = (".pk3", ".wz")


@dataclass(frozen=True)
class Example:
    """Mono samples at 16 kHz; `group` names what must stay on one side of a split."""

    label: str
    group: str
    samples: Array


# Packages


def unpack(package: str, folder: Path) -> Path:
    """The files of a Debian package, fetched where they are not there yet; archives inside of it are unpacked too."""
    target = folder / package
    if target.exists():
        return target
    subprocess.run(["apt-get", "download", package], cwd=folder, check=True, capture_output=True)  # noqa: S607
    (file,) = folder.glob(f"{package}_*.deb")
    subprocess.run(["dpkg-deb", "-x", str(file), str(target)], check=True)  # noqa: S607
    for archive in [path for path in target.rglob("*") if path.suffix in ARCHIVES]:
        with zipfile.ZipFile(archive) as members:
            members.extractall(archive.with_suffix(""))
    return target


def decode(path: Path) -> Array:
    """Samples of a file, float32 [n] at 16 kHz; none where it is not audio after all."""
    source: str | io.BytesIO = str(path)
    kind = {".g722": "g722", ".1c": "mp3"}.get(path.suffix)
    if kind == "mp3":  # the speech of a game in one file of MP3 frames
        data = path.read_bytes()
        source = io.BytesIO(data[data.index(b"LAME") - 200 :])
    parts = []
    try:
        with av.open(source, format=kind, metadata_errors="replace") as container:
            parts.extend(audio.join_frames([frame]) for frame in container.decode(audio=0))
            rate = container.streams.audio[0].rate
    except (FFmpegError, IndexError):
        return np.zeros(0, np.float32)
    return audio.resample(np.concatenate(parts), rate, SAMPLE_RATE) if parts else np.zeros(0, np.float32)


def voices(source: Source, folder: Path) -> dict[str, list[Path]]:
    found = defaultdict(list)
    for path in sorted(unpack(source.package, folder).rglob("*")):
        name = "/" + str(path.relative_to(folder))
        match = re.search(source.files, name)
        if match and name.lower().endswith(SUFFIXES) and not re.search(source.without, path.name):
            found["".join(match.groups(""))].append(path)
    return found


def recorded(source: Source, folder: Path, rng: np.random.Generator) -> Iterator[Example]:
    for paths in voices(source, folder).values():
        most = PER_VOICE if source.label == "music" else 16 * PER_VOICE
        clips = {path: decode(path) for path in paths[:most]}
        if source.label == "drums":
            made = drummed(clips, rng)
        else:
            made = [cut for clip in clips.values() for cut in pieces(clip)]
            if source.label != "music":
                made += joined([clip for clip in clips.values() if 0 < len(clip) < LENGTH_S * SAMPLE_RATE / 2], rng)
        for index in rng.permutation(len(made))[:PER_VOICE]:
            label = "music" if source.label == "drums" else source.label
            yield Example(label, source.package, made[index])


def pieces(clip: Array) -> list[Array]:
    """Up to `PIECES` parts of a long recording, evenly spread; what is short but not too short is itself one."""
    length = round(LENGTH_S * SAMPLE_RATE)
    if len(clip) < length / 2:
        return [clip] if len(clip) >= 2 * SHORTEST_S * SAMPLE_RATE else []
    count = min(PIECES, max(1, len(clip) // length)) if len(clip) < 100 * length else PER_VOICE
    starts = np.linspace(0, max(0, len(clip) - length), count + 2)[1:-1].astype(int)
    return [clip[start : start + length] for start in starts]


def joined(clips: list[Array], rng: np.random.Generator) -> list[Array]:
    """Short clips one after another with pauses of up to 0.8 s, as one who reads or a record of sounds has them."""
    made, line = [], list[Array]()
    for index in rng.permutation(len(clips)):
        line += [clips[index], np.zeros(rng.integers(SAMPLE_RATE // 20, SAMPLE_RATE * 4 // 5), np.float32)]
        if sum(map(len, line)) >= LENGTH_S * SAMPLE_RATE:
            made.append(np.concatenate(line))
            line = []
    return [*made, np.concatenate(line)] if sum(map(len, line)) >= SHORTEST_S * SAMPLE_RATE else made


def drummed(clips: dict[Path, Array], rng: np.random.Generator) -> list[Array]:
    """Solo drums: random patterns of sixteen steps, played by the sounds of one kit."""
    clips = {path: clip[: 2 * SAMPLE_RATE] for path, clip in clips.items() if len(clip)}
    made = []
    for _ in range(PER_VOICE // 3 if len(clips) >= 4 else 0):
        step = round(SAMPLE_RATE * 60 / rng.uniform(75, 180) / 4)
        track = np.zeros(round(LENGTH_S * SAMPLE_RATE) + 2 * SAMPLE_RATE, np.float32)
        for index, density in zip(rng.choice(len(clips), 4, replace=False), (0.2, 0.25, 0.4, 0.6), strict=True):
            sound = list(clips.values())[index]
            hits = np.flatnonzero(rng.random(16) < density)
            for at in (np.arange(0, len(track) - len(sound), 16 * step)[:, None] + hits * step).ravel():
                if at + len(sound) <= len(track):
                    track[at : at + len(sound)] += sound * rng.uniform(0.6, 1)
        made.append(track[: round(LENGTH_S * SAMPLE_RATE)])
    return made


# Synthesis


def read_aloud(folder: Path, rng: np.random.Generator) -> Iterator[Example]:
    """Texts in eight languages by espeak-ng, English by flite as well, each in several voices and speeds."""
    for package, language in BOOKS.items():
        texts = [p for p in sorted(unpack(package, folder).rglob("*")) if p.is_file() and "/fortunes/" in str(p)]
        texts = [path for path in texts if path.stat().st_size > 4000 and b"\0" not in path.read_bytes()]
        for _ in range(SYNTHETIC):
            words = texts[rng.integers(len(texts))].read_text("utf-8", "replace").replace("%", "")
            start = rng.integers(max(1, len(words) - 2000))
            text = " " + words[start : start + 900]  # so that none begins like an option
            variant = f"{language}+{rng.choice(['m1', 'm3', 'm7', 'f1', 'f2', 'f4'])}"
            speed = str(rng.integers(130, 190))
            command = ["espeak-ng", "--stdout", "-v", variant, "-s", speed, "-p", str(rng.integers(25, 75)), text]
            yield Example("speech", "espeak-ng", decode_bytes(subprocess.run(command, capture_output=True, check=True)))
            if package == "fortunes":
                voice = str(rng.choice(["awb", "rms", "slt", "kal16"]))
                command = ["flite", "-voice", voice, "-t", text, "-o", "/dev/stdout"]
                yield Example("speech", "flite", decode_bytes(subprocess.run(command, capture_output=True, check=True)))


def decode_bytes(spoken: subprocess.CompletedProcess[bytes]) -> Array:
    """The samples of a WAV file that a program wrote to a pipe: its header does not know the length."""
    rate = int.from_bytes(spoken.stdout[24:28], "little")
    samples = np.frombuffer(spoken.stdout[44 : len(spoken.stdout) // 2 * 2], "<i2").astype(np.float32) / 32768
    return audio.resample(samples, rate, SAMPLE_RATE)


def coloured(rng: np.random.Generator, slope: float, length: int) -> Array:
    """Noise whose power falls with frequency as f ** -slope."""
    spectrum = np.fft.rfft(rng.standard_normal(length))
    frequency = np.maximum(np.fft.rfftfreq(length, 1 / SAMPLE_RATE), 20)
    return np.fft.irfft(spectrum * frequency ** (-slope / 2), length)


def swell(rng: np.random.Generator, length: int, seconds: float) -> Array:
    """A random positive curve that changes over so many seconds."""
    points = rng.uniform(0.1, 1, max(4, round(length / SAMPLE_RATE / seconds) + 2))
    return np.interp(np.linspace(0, len(points) - 1, length), np.arange(len(points)), points)


def clicks(rng: np.random.Generator, per_second: float, length: int) -> Array:
    times = rng.random(length) < per_second / SAMPLE_RATE
    return scipy.signal.lfilter([1], [1, -rng.uniform(0.3, 0.9)], times * rng.standard_normal(length))


def tone(rng: np.random.Generator, length: int) -> Array:
    """A test tone: steady, or sweeping through the octaves."""
    time = np.arange(length) / SAMPLE_RATE
    if rng.random() < 0.5:
        return np.sin(2 * np.pi * rng.choice([100, 250, 440, 1000, 3150, 6300]) * time)
    return scipy.signal.chirp(time, 20, time[-1], 7900, method="logarithmic")


def hum(rng: np.random.Generator, length: int) -> Array:
    time = np.arange(length) / SAMPLE_RATE
    mains = rng.choice([50, 60])
    partials = [np.sin(2 * np.pi * mains * n * time) * rng.random() / n for n in range(1, 12)]
    return np.sum(partials, axis=0) + coloured(rng, 0, length) * 0.02


def noises(rng: np.random.Generator) -> Iterator[Example]:
    """Synthetic noise and weather."""
    length = round(LENGTH_S * SAMPLE_RATE)
    hiss = functools.partial(coloured, length=length)
    kinds = {
        "white": lambda: hiss(rng, 0),
        "pink": lambda: hiss(rng, 1),
        "brown": lambda: hiss(rng, 2),
        "wind": lambda: hiss(rng, rng.uniform(1, 2)) * swell(rng, length, rng.uniform(0.5, 3)),
        "surf": lambda: hiss(rng, rng.uniform(0.5, 1.5)) * swell(rng, length, rng.uniform(3, 8)) ** 2,
        "rain": lambda: unit(hiss(rng, rng.uniform(0, 0.7))) + 3 * unit(clicks(rng, rng.uniform(50, 800), length)),
        "crackle": lambda: unit(clicks(rng, rng.uniform(1, 30), length)) + 0.1 * unit(hiss(rng, 1)),
        "hum": lambda: hum(rng, length),
        "tone": lambda: tone(rng, length),
    }
    for name, make in kinds.items():
        for _ in range(SYNTHETIC):
            yield Example("noise", f"synthetic {name}", make().astype(np.float32))


# Recording


def unit(samples: Array) -> Array:
    """With an RMS level of one."""
    return samples / max(float(np.sqrt(np.mean(samples**2))), 1e-9)


def in_a_room(samples: Array, rng: np.random.Generator) -> Array:
    """As recorded: a third as it is, others through a telephone or in a room, over noise of the room."""
    treatment = rng.integers(3)
    if treatment == 1:
        band = [rng.uniform(100, 300), rng.uniform(3000, 5000)]
        sos = scipy.signal.butter(4, band, "band", fs=SAMPLE_RATE, output="sos")
        samples = scipy.signal.sosfilt(sos, samples)
    if treatment == 2:
        decay = np.exp(-np.arange(SAMPLE_RATE // 2) / SAMPLE_RATE * rng.uniform(8, 25))
        echo = unit(scipy.signal.fftconvolve(samples, decay * rng.standard_normal(len(decay)))[: len(samples)])
        samples = unit(samples) + rng.uniform(0.1, 0.6) * echo
    floor_db = rng.uniform(-60, -20)
    return unit(samples) + 10 ** (floor_db / 20) * unit(coloured(rng, rng.uniform(0, 1.5), len(samples)))


def mel_of(example: Example, rng: np.random.Generator) -> Array | None:
    """uint8 log-mel [t, 96] of an example at a random level; None for what is silent or too short."""
    samples = example.samples[: round(LENGTH_S * SAMPLE_RATE)].astype(np.float64)
    if len(samples) < SHORTEST_S * SAMPLE_RATE or np.abs(samples).max() < 1e-4:
        return None
    samples = in_a_room(samples, rng) if example.label == "speech" else unit(samples)
    samples *= 10 ** (rng.uniform(*LOUDNESS_DB) / 20)
    mel = audio.mel_power(np.clip(samples, -1, 1).astype(np.float32))
    return np.round(np.minimum(MEL_STEP * np.log10(1 + audio.LOG_SCALE * mel), 255)).astype(np.uint8)[:FRAMES]


def at_level(mel: Array, gain_db: float) -> Array:
    """uint8 log-mel [t, 96] as it would be at another level."""
    power = 10 ** (mel.astype(np.float32) / MEL_STEP) - 1
    louder = MEL_STEP * np.log10(1 + power * 10 ** (gain_db / 10))
    return np.round(np.minimum(louder, 255)).astype(np.uint8)


def make(part: tuple[int, Path]) -> list[tuple[str, str, Array]]:
    """Label, group and mel of all examples of one source, or of one of the two kinds of synthesis."""
    number, folder = part
    rng = np.random.default_rng(number)
    others = [read_aloud(folder, rng), noises(rng)]
    made = recorded(SOURCES[number], folder, rng) if number < len(SOURCES) else others[number - len(SOURCES)]
    heard = ((example, mel_of(example, rng)) for example in made)
    return [(example.label, example.group, mel) for example, mel in heard if mel is not None]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    for program in ("apt-get", "dpkg-deb", "espeak-ng", "flite"):
        if not shutil.which(program):
            parser.error(f"'{program}' is not there: it is needed to make the data")
    folder = args.out / "packages"
    folder.mkdir(parents=True, exist_ok=True)
    for package in {source.package for source in SOURCES} | set(BOOKS):
        unpack(package, folder)
    with multiprocessing.Pool() as pool:
        parts = pool.map(make, [(number, folder) for number in range(len(SOURCES) + 2)], chunksize=1)
    made = [example for part in parts for example in part]
    mels = [mel for _, _, mel in made]
    rows = [{"label": label, "group": group, "genres": "", "moods": ""} for label, group, _ in made]
    padded = np.zeros((len(mels), FRAMES, audio.N_MELS), np.uint8)
    for row, mel in enumerate(mels):
        padded[row, : len(mel)] = mel
    np.savez_compressed(args.out / "kind.npz", mel=padded, frames=np.array([len(mel) for mel in mels], np.int32))
    with (args.out / "kind.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["label", "group", "genres", "moods"])
        writer.writeheader()
        writer.writerows(rows)
    counted = Counter((label, group) for label, group, _ in made)
    for (label, group), count in sorted(counted.items()):
        print(f"{label:7} {group:32} {count}")


if __name__ == "__main__":
    main()
