"""What was measured of the shipped models, read from models/manifest.json without onnxruntime."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from musictaste.styles import heard_as

NETWORKS = ("musicnn_msd", "musicnn_mtt")
HEADS = ("emotion", "style", "kind", "voice")
READERS = ("lyrics_encoder", "lyrics_emotion")


@dataclass(frozen=True)
class LabelQuality:
    """Cross-validated quality of one mood or style; figures are None where no independent labels exist.

    A track has the label from `threshold` on; `precision` and `recall` hold at that threshold.
    """

    threshold: float
    precision: float | None = None
    recall: float | None = None
    auroc: float | None = None
    examples: int | None = None


@dataclass(frozen=True)
class Card:
    """What is known of one model file.

    `trained_on` has the name of each training set and the terms on which it could be used; `quality` has measured
    figures by name, with a spread where they have one.
    """

    name: str
    version: str
    purpose: str
    licence: str
    trained_on: Mapping[str, str]
    quality: Mapping[str, float | list[float]]
    bytes: int
    sha256: str

    @property
    def research_only(self) -> list[str]:
        """Training sets that may be used for research only."""
        return [name for name, terms in self.trained_on.items() if terms == "research only"]


@cache
def manifest() -> Mapping[str, Mapping[str, Any]]:
    """Per model file: version, bytes, sha256 and measured quality."""
    text = files("musictaste.models").joinpath("manifest.json").read_text(encoding="utf-8")
    entries: dict[str, dict[str, Any]] = json.loads(text)
    return entries


def version(*names: str) -> str:
    """The version of a model, or of several that work as one."""
    return "+".join(manifest()[name]["version"] for name in names)


def style_threshold(style: str) -> float:
    """From which probability on a track has a style; one that tags tell has that of what it sounds like."""
    return min((labels("style")[heard].threshold for heard in heard_as(style)), default=1.0)


def labels(head: str) -> dict[str, LabelQuality]:
    """Quality of each label of the head "emotion" or "style"."""
    return {label: LabelQuality(**measured) for label, measured in manifest()[head]["labels"].items()}


def cards() -> list[Card]:
    """The cards of all models that ship: those that listen, then those that read."""
    return [_card(name, manifest()[name]) for name in (*NETWORKS, *HEADS, *READERS)]


def _card(name: str, entry: Mapping[str, Any]) -> Card:
    trained_on = {each["name"]: each["terms"] for each in entry["trained_on"]}
    keys = ("version", "purpose", "licence", "quality", "bytes", "sha256")
    return Card(name, trained_on=trained_on, **{key: entry[key] for key in keys})


def voice_limits() -> tuple[float, float]:
    """The probabilities of a voice up to which a track is instrumental, and from which on it is vocal."""
    entry = manifest()["voice"]
    return float(entry["instrumental_to"]), float(entry["vocal_from"])


def music_from() -> float:
    """The probability of music below which a track is something else."""
    return float(manifest()["kind"]["music_from"])
