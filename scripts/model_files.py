"""What the scripts that write model files share."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

OPSET = 17
IR_VERSION = 9
"""Old enough for every onnxruntime that the package admits."""


def update_manifest(path: Path, entry: Mapping[str, object]) -> None:
    """Note version, checksum and quality of a model in the manifest beside it, which is read without onnxruntime."""
    manifest = path.with_name("manifest.json")
    entries = json.loads(manifest.read_text(encoding="utf-8")) if manifest.exists() else {}
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    entries[path.stem] = {**entry, "bytes": path.stat().st_size, "sha256": digest}
    manifest.write_text(json.dumps(entries, indent=1) + "\n", encoding="utf-8")
