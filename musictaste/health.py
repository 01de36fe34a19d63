"""What runs here: a real session, one real batch, and how to mend what does not run."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import Any

import av
import numpy as np

from musictaste import __version__, audio, quality
from musictaste.errors import ProviderError
from musictaste.inference import CUDA_REMEDY, Device, Embedder, checksum, model_path

DECODERS = {
    "MP3": "mp3float", "FLAC": "flac", "Ogg Vorbis": "vorbis", "Opus": "opus", "AAC": "aac", "ALAC": "alac",
    "WAV": "pcm_s16le", "AIFF": "pcm_s16be", "WMA": "wmav2", "Monkey's Audio": "ape", "WavPack": "wavpack",
    "Musepack": "mpc8",
}  # fmt: skip
PATCHES_PER_TRACK = audio.WHOLE_PATCHES
ROUNDS = 2


@dataclass(frozen=True)
class ModelHealth:
    """A model file as it lies on this disk."""

    name: str
    version: str
    sha256: str
    as_shipped: bool


@dataclass(frozen=True)
class Report:
    """Everything that was examined; `tracks_per_second` is of one process, the networks alone, per device.

    It is of tracks of a minute heard whole; of longer ones most are decided with half as many patches.
    """

    version: str
    provider: str
    tracks_per_second: dict[str, float]
    decoders: dict[str, bool]
    models: tuple[ModelHealth, ...]
    remedy: str | None

    def document(self) -> dict[str, Any]:
        return asdict(self)

    def lines(self) -> list[str]:
        speeds = [
            f"{device}: at least {rate:.1f} tracks per second in one process, the networks alone"
            for device, rate in self.tracks_per_second.items()
        ]
        missing = [name for name, found in self.decoders.items() if not found]
        state = {True: "as shipped", False: "DIFFERS from what was shipped: install again"}
        models = [f"model {m.name} ({m.version}): {state[m.as_shipped]}" for m in self.models]
        return [
            f"musictaste {self.version}",
            f"provider: {self.provider}",
            *speeds,
            f"decoders: {'all found' if not missing else 'missing ' + ', '.join(missing)}",
            *models,
            *([f"to mend: {self.remedy}"] if self.remedy else []),
        ]


def examine(device: Device) -> Report:
    """Build sessions, run a batch on each device that can run, check decoders and model files."""
    rates = {"CPU": _rate(Embedder(device="cpu"))}
    provider, remedy = "CPU", None
    if device != "cpu":
        try:
            rates = {"CUDA": _rate(Embedder(device="cuda")), **rates}
            provider = "CUDA"
        except ProviderError:
            remedy = f"for an NVIDIA GPU: {CUDA_REMEDY}"
    shipped = quality.manifest()
    models = []
    for name in (*quality.NETWORKS, *quality.HEADS, *quality.READERS):
        digest = checksum(model_path(name))
        models.append(ModelHealth(name, shipped[name]["version"], digest, digest == shipped[name]["sha256"]))
    decoders = {name: codec in av.codecs_available for name, codec in DECODERS.items()}
    return Report(__version__, provider, rates, decoders, tuple(models), remedy)


def _rate(embedder: Embedder) -> float:
    """Tracks per second of the networks, on noise."""
    shape = (PATCHES_PER_TRACK, audio.PATCH_FRAMES, audio.N_MELS)
    patches = np.random.default_rng(0).random(shape, np.float32)
    embedder.embed(patches[:1])
    began = time.perf_counter()
    for _ in range(ROUNDS):
        embedder.embed(patches)
    return round(ROUNDS / (time.perf_counter() - began), 2)
