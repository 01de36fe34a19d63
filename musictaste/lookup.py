"""Words as they are looked up: one form of each letter, and each sign alone where writing has no spaces."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import cache
from typing import Any

from musictaste.track import fold

VERSION = "lookup-2"
"""Of how words are taken apart and how their codes lie. What another version has indexed, the next scan does again."""

KANA = "\u3041-\u30ff"
HAN = "\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff"
# Thai, Lao, Burmese, Khmer, kana, Korean and Chinese: who looks for 사랑 means 사랑이 as well.
UNSPACED = re.compile(f"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\uac00-\ud7a3{KANA}{HAN}]")
# Signs that Arabic may have or lack without being another word: vowels, and the stroke that only widens.
OPTIONAL = re.compile("[\u0640\u064b-\u0652\u0670]")


@cache
def chinese() -> Any:
    """What turns traditional Chinese characters into simplified ones."""
    import opencc

    # Of its tables the one that also knows 著 as 着, which Taiwan and Hong Kong write in every other line.
    return opencc.OpenCC("tw2s")


def tokens(text: str) -> list[str]:
    """The words of a text without case, accents and punctuation; of scripts without spaces each character.

    Chinese is in simplified characters, and so is what Japanese writes with the same: as both sides of a comparison.
    """
    alone = UNSPACED.sub(lambda found: f" {_simplified(found[0])} ", OPTIONAL.sub("", fold(text)))
    return "".join(c if unicodedata.category(c)[0] in "LNM" else " " for c in alone).split()


@cache
def _simplified(character: str) -> str:
    # One by one, so that a character becomes the same whatever stands beside it.
    return chinese().convert(character) if re.match(f"[{HAN}]", character) else character


def for_encoder(text: str) -> str:
    """What is looked for, or a line that may be it, as a model reads it: Chinese in simplified characters."""
    plain = " ".join(unicodedata.normalize("NFKC", text).split())
    in_chinese = re.search(f"[{HAN}]", plain) and not re.search(f"[{KANA}]", plain)
    return chinese().convert(plain) if in_chinese else plain


def line_with(phrase: Sequence[str], text: str) -> str | None:
    """The first line of a text in which some tokens begin that follow each other, maybe into the next line."""
    lines = text.splitlines()
    found = [(token, line) for line in lines for token in tokens(line)]
    for start in range(len(found) - len(phrase) + 1):
        if all(token == found[start + i][0] for i, token in enumerate(phrase)):
            return found[start][1]
    return None
