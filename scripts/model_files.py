"""What the scripts that write model files share."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

OPSET = 17
IR_VERSION = 9
"""Old enough for every onnxruntime that the package admits."""

MSD = {"name": "Million Song Dataset, Last.fm tags", "terms": "by the authors of MusiCNN, who publish the weights"}
MTT = {"name": "MagnaTagATune", "terms": "by the authors of MusiCNN, who publish the weights"}
QUADRANTS = {"name": "4QAED (Panda, Malheiro and Paiva, 2018)", "terms": "research only"}
EMOTIFY = {"name": "Emotify (Aljanaki, Wiering and Veltkamp, 2016)", "terms": "research only"}
GTZAN = {"name": "GTZAN (Tzanetakis and Cook, 2002), cuts of 2-3 s", "terms": "research only"}

DEBIAN = {"name": "recordings from Debian packages, named in scripts/make_kind_data.py", "terms": "free licences"}

CARDS: Mapping[str, Mapping[str, object]] = {
    "musicnn_msd": {"purpose": "listens: styles and moods", "licence": "ISC", "trained_on": [MSD]},
    "musicnn_mtt": {"purpose": "listens: instruments and voices", "licence": "ISC", "trained_on": [MTT]},
    "emotion": {"purpose": "names moods", "licence": "MIT", "trained_on": [QUADRANTS, EMOTIFY]},
    "style": {"purpose": "names styles", "licence": "MIT", "trained_on": [GTZAN, EMOTIFY, QUADRANTS]},
    "kind": {
        "purpose": "tells music from speech and noise",
        "licence": "MIT",
        "trained_on": [QUADRANTS, EMOTIFY, GTZAN, DEBIAN],
    },
}
"""What each model is for, the licence of its weights, and what they were learned from on which terms."""


def update_manifest(path: Path, entry: Mapping[str, object]) -> None:
    """Note card, version, checksum and quality of a model in the manifest beside it, read without onnxruntime."""
    manifest = path.with_name("manifest.json")
    entries = json.loads(manifest.read_text(encoding="utf-8")) if manifest.exists() else {}
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    entries[path.stem] = {**CARDS[path.stem], **entry, "bytes": path.stat().st_size, "sha256": digest}
    manifest.write_text(json.dumps(entries, indent=1) + "\n", encoding="utf-8")
