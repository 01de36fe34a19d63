"""Vectors as the library file keeps them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

APPLICATION_ID = 0x6D757374
"""How SQLite tells a library file from others."""

BLOCK = 1024
"""Tracks in a block of columns; the triggers of the schema know it as 10 bits of the track's id."""

VECTOR_SIZE = 400


VECTOR = "embedding.mean"
"""The column of the vectors that distances use."""


def pack(vector: Floats) -> bytes:
    """float16, little-endian: half the size, and three digits are more than the networks give."""
    return vector.astype("<f2").tobytes()


def unpack(blobs: Sequence[bytes]) -> Floats:
    """float32 [n, d]"""
    size = len(blobs[0]) // 2 if blobs else 0
    return np.frombuffer(b"".join(blobs), "<f2").astype(np.float32).reshape(len(blobs), size)


def unit_vectors(blobs: Sequence[bytes]) -> Floats:
    """Packed vectors as rows of unit length, float32 [n, 400]."""
    if not blobs:
        return np.zeros((0, VECTOR_SIZE), np.float32)
    vectors = unpack(blobs)
    # np.linalg.norm and a plain division would copy the whole array twice: half the time at 100,000 tracks.
    lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
    vectors /= np.maximum(lengths, 1e-9)[:, None]
    return vectors


def signs(vectors: Floats) -> NDArray[np.uint64]:
    """The signs of vectors [n, d] as bits, uint64 [n, d / 64].

    The share of bits in which two differ is near the angle between them over pi (Charikar, "Similarity estimation
    techniques from rounding algorithms", STOC 2002, for random directions in place of the axes).
    """
    return np.packbits(vectors > 0, axis=1).view("<u8").astype(np.uint64)
