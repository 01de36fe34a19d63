"""What takes texts apart into the pieces of words that the encoder knows.

They take a fifth of a second to load, in C++ that lets other threads run: apart from `inference`, whose onnxruntime
is a tenth of a second of Python, they can be on their way meanwhile.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from sentencepiece import SentencePieceProcessor

from musictaste.errors import ModelError

Tokenizer = SentencePieceProcessor


def load(path: Path | None = None) -> Tokenizer:
    """The tokenizer in a file, or the one that ships.

    Raises
    ------
    ModelError
        When the file is missing or no SentencePiece model.
    """
    path = path or Path(str(files("musictaste.models").joinpath("lyrics_encoder.model")))
    try:
        return SentencePieceProcessor(model_file=str(path))
    except (OSError, RuntimeError) as error:
        raise ModelError(f"'{path}': is not a SentencePiece model: install musictaste again") from error
