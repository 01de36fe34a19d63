"""Which language words are in, by py3langid: offline, and its model is in the package."""

from __future__ import annotations

from functools import cache
from typing import Any

SURE = 0.5
"""Probability below which no language is named: "ooh" is in none."""

MOST_CHARACTERS = 4000

# Those that songs are sung in; rarer ones and dialects would only take short lines away from them.
LANGUAGES = (
    "af", "ar", "be", "bg", "bn", "ca", "cs", "cy", "da", "de", "el", "en", "es", "et", "eu", "fa", "fi", "fr", "ga",
    "gl", "he", "hi", "hr", "hu", "hy", "id", "is", "it", "ja", "ka", "kk", "km", "ko", "la", "lt", "lv", "mk", "mn",
    "ms", "my", "nl", "no", "pl", "pt", "ro", "ru", "sk", "sl", "sq", "sr", "sv", "sw", "ta", "te", "th", "tl", "tr",
    "uk", "ur", "uz", "vi", "zh",
)  # fmt: skip


@cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(LANGUAGES)
    return identifier


def identify(words: str) -> str | None:
    """ISO 639-1 code of the language that most of the words are in, None where they do not tell."""
    language, probability = _identifier().classify(words[:MOST_CHARACTERS])
    return language if probability >= SURE else None
