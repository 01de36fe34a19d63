"""What the scripts that write model files share."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from musictaste.inference import checksum, size_of

OPSET = 17
IR_VERSION = 9
"""Old enough for every onnxruntime that the package admits."""

MSD = {"name": "Million Song Dataset, Last.fm tags", "terms": "by the authors of MusiCNN, who publish the weights"}
MTT = {"name": "MagnaTagATune", "terms": "by the authors of MusiCNN, who publish the weights"}
QUADRANTS = {"name": "4QAED (Panda, Malheiro and Paiva, 2018)", "terms": "research only"}
EMOTIFY = {"name": "Emotify (Aljanaki, Wiering and Veltkamp, 2016)", "terms": "research only"}
GTZAN = {"name": "GTZAN (Tzanetakis and Cook, 2002), cuts of 2-3 s", "terms": "research only"}

DEBIAN = {"name": "recordings from Debian packages, named in scripts/make_kind_data.py", "terms": "free licences"}
LASTFM = {"name": "songs in four quadrants by tags of Last.fm", "terms": "research only"}
NJU = {"name": "NJU lyrics in four quadrants", "terms": "research only"}
MUSICMOOD = {"name": "musicmood lyrics (Raschka), happy and sad", "terms": "research only"}
KASSIA = {"name": "Chinese lyrics by emotion (kassia)", "terms": "research only"}
GOEMOTIONS = {"name": "GoEmotions", "terms": "Apache-2.0"}
BRIGHTER = {"name": "BRIGHTER", "terms": "CC BY 4.0"}
XED = {"name": "XED", "terms": "CC BY 4.0"}
CPED = {"name": "CPED", "terms": "Apache-2.0"}
SMP2020 = {"name": "SMP2020-EWECT", "terms": "no licence stated"}
WEB = {"name": "question and answer pairs and translations of the web", "terms": "by Google, who publish the weights"}

CARDS: Mapping[str, Mapping[str, object]] = {
    "musicnn_msd": {"purpose": "listens: styles and moods", "licence": "ISC", "trained_on": [MSD]},
    "musicnn_mtt": {"purpose": "listens: instruments and voices", "licence": "ISC", "trained_on": [MTT]},
    "lyrics_encoder": {"purpose": "reads the words of songs", "licence": "Apache-2.0", "trained_on": [WEB]},
    "lyrics_emotion": {
        "purpose": "names the emotion of words",
        "licence": "MIT",
        "trained_on": [LASTFM, NJU, MUSICMOOD, KASSIA, GOEMOTIONS, BRIGHTER, XED, CPED, SMP2020],
    },
    "emotion": {"purpose": "names moods", "licence": "MIT", "trained_on": [QUADRANTS, EMOTIFY]},
    "style": {"purpose": "names styles", "licence": "MIT", "trained_on": [GTZAN, EMOTIFY, QUADRANTS]},
    "kind": {
        "purpose": "tells music from speech and noise",
        "licence": "MIT",
        "trained_on": [QUADRANTS, EMOTIFY, GTZAN, DEBIAN],
    },
    "voice": {
        "purpose": "hears voices",
        "licence": "ISC",
        "trained_on": [MSD, MTT, QUADRANTS, EMOTIFY, GTZAN],
    },
}
"""What each model is for, the licence of its weights, and what they were learned from on which terms."""


class Graph:
    """Collects nodes and initialisers; every method returns the name of its output."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []

    def constant(self, value: np.ndarray) -> str:
        name = f"w{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def floats(self, value: Any) -> str:
        return self.constant(np.asarray(value, np.float32))

    def ints(self, *values: int) -> str:
        return self.constant(np.asarray(values, np.int64))

    def add(self, op: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        name = output or f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, list(inputs), [name], **attributes))
        return name

    def add_all(self, op: str, *inputs: str, outputs: int, **attributes: Any) -> list[str]:
        """Of an operator with several outputs the names of all."""
        names = [f"t{len(self.nodes)}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(op, list(inputs), names, **attributes))
        return names


def fetch_wheel(requirement: str, sha256: str, folder: Path) -> Path:
    """Download a wheel without its dependencies (that of musicnn pins numpy < 1.17) and check what came."""
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(folder), requirement]
    subprocess.run(command, check=True)
    name = requirement.partition("==")[0].replace("-", "_")
    (wheel,) = folder.glob(f"{name}-*.whl")
    found = hashlib.sha256(wheel.read_bytes()).hexdigest()
    if found != sha256:
        sys.exit(f"{wheel.name}: sha256 is {found}, expected {sha256}")
    return wheel


def update_manifest(path: Path, entry: Mapping[str, object]) -> None:
    """Note card, version, checksum and quality of a model in the manifest beside it, read without onnxruntime."""
    manifest = path.with_name("manifest.json")
    entries = json.loads(manifest.read_text(encoding="utf-8")) if manifest.exists() else {}
    entries[path.stem] = {**CARDS[path.stem], **entry, "bytes": size_of(path), "sha256": checksum(path)}
    manifest.write_text(json.dumps(entries, indent=1) + "\n", encoding="utf-8")
