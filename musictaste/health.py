"""What runs here: a real session, one real batch, and how to mend what does not run."""

from __future__ import annotations

import importlib.metadata
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
CLUSTER_REMEDY = "needs dask.distributed for --executor: pip install 'musictaste[cluster]'"


@dataclass(frozen=True)
class ModelHealth:
    """A model file as it lies on this disk."""

    name: str
    version: str
    sha256: str
    as_shipped: bool


@dataclass(frozen=True)
class Report:
    """Everything that was examined.

    `tracks_per_second` is of one process, the networks alone, per device, and of tracks of a minute that are heard
    whole: of longer ones most are decided with half as many patches. `mel_as_librosa` is whether the networks hear the
    mel bands that librosa defines. `cluster` is the version of dask.distributed, which has to be alike on all machines,
    None where there is none.
    """

    version: str
    provider: str
    tracks_per_second: dict[str, float]
    decoders: dict[str, bool]
    models: tuple[ModelHealth, ...]
    remedy: str | None
    mel_as_librosa: bool
    cluster: str | None = None

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
            f"mel bands: {'as librosa has them' if self.mel_as_librosa else 'NOT as the installed librosa has them'}",
            f"cluster: {f'dask.distributed {self.cluster}' if self.cluster else CLUSTER_REMEDY}",
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
    return Report(
        __version__, provider, rates, decoders, tuple(models), remedy, _mel_as_librosa(), _installed("distributed")
    )


def _mel_as_librosa() -> bool:
    """Whether the mel filters, which are computed here because importing librosa takes longer, are still librosa's."""
    import librosa.filters

    theirs = librosa.filters.mel(sr=audio.SAMPLE_RATE, n_fft=audio.N_FFT, n_mels=audio.N_MELS)
    return bool(np.allclose(audio.mel_filters(), theirs.T, atol=1e-6))


def _installed(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _rate(embedder: Embedder) -> float:
    """Tracks per second of the networks on noise: in the batches that a GPU runs, or one track after the other."""
    count = max(PATCHES_PER_TRACK, embedder.rows)
    patches = np.random.default_rng(0).random((count, audio.PATCH_FRAMES, audio.N_MELS), np.float32)
    embedder.embed(patches[: embedder.rows])
    began = time.perf_counter()
    for _ in range(ROUNDS):
        embedder.embed(patches)
    return round(ROUNDS * count / PATCHES_PER_TRACK / (time.perf_counter() - began), 2)
