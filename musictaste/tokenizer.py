"""What takes texts apart into the pieces of words that the encoder knows.

They take a fifth of a second to load, in C++ that lets other threads run. What reads words for a short command begins
with that, and has imports of its own meanwhile.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from musictaste.errors import ModelError

if TYPE_CHECKING:
    from sentencepiece import SentencePieceProcessor as Tokenizer


def load(path: Path | None = None) -> Tokenizer:
    """The tokenizer in a file, or the one that ships, which is loaded once.

    Raises
    ------
    ModelError
        When the file is missing or no SentencePiece model.
    """
    return _read(path) if path else hasten().result()


@cache
def hasten() -> Future[Tokenizer]:
    """The tokenizer that ships, on its way in a thread."""
    return ThreadPoolExecutor(1).submit(_read, Path(str(files("musictaste.models").joinpath("lyrics_encoder.model"))))


def _read(path: Path) -> Tokenizer:
    from sentencepiece import SentencePieceProcessor

    try:
        return SentencePieceProcessor(model_file=str(path))
    except (OSError, RuntimeError) as error:
        raise ModelError(f"'{path}': is not a SentencePiece model: install musictaste again") from error
