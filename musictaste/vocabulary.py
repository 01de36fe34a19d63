"""Words of any language to the labels of a table: how a user's word, or a tag's, is understood."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import SequenceMatcher
from functools import cached_property

from musictaste.errors import UnknownLabelError
from musictaste.track import fold

Words = Mapping[str, tuple[str, ...]]

# Said around a label without changing it: "jazz music", 爵士乐, "musique classique".
_MUSIC = ("music", "musik", "musique", "musica", "音乐", "音樂", "音楽", "음악", "乐", "樂")

# difflib's ratio: 0.65 lets one letter of three go wrong ("sda") but finds nothing in a word from elsewhere.
_NEAR = 0.65
_AS_NEAR = 0.05


def distinctive(word: str) -> str:
    """Reduce a word to what distinguishes it: no case, width, Latin accents, spaces or punctuation."""
    return "".join(letter for letter in fold(word) if letter.isalnum())


class Vocabulary:
    """The labels of one kind ("mood") with the words for each; `known` tells a user where the labels are listed."""

    def __init__(self, kind: str, words: Words, known: str) -> None:
        self._kind, self._words, self._known = kind, words, known

    @cached_property
    def _index(self) -> dict[str, str]:
        return {distinctive(word): label for label, others in self._words.items() for word in (label, *others)}

    def lookup(self, word: str) -> str | None:
        """The label that a word means, or None."""
        whole = distinctive(word)
        bare = (part for music in _MUSIC for part in (whole.removesuffix(music), whole.removeprefix(music)))
        return next((self._index[form] for form in (whole, *bare) if form in self._index), None)

    def find(self, word: str) -> str:
        """The label that a word means.

        Raises
        ------
        UnknownLabelError
            When it means none: the nearest words are named.
        """
        label = self.lookup(word)
        if label is None:
            near = " or ".join(f"'{synonym}'" for synonym in self._nearest(word))
            question = f": did you mean {near}?" if near else ""
            raise UnknownLabelError(f"unknown {self._kind} '{' '.join(word.split())}'{question} ({self._known})")
        return label

    def _nearest(self, word: str) -> list[str]:
        """The nearest synonym, and those of at most two other labels that are about as near."""
        wanted = distinctive(word)
        likeness = {
            synonym: SequenceMatcher(None, wanted, distinctive(synonym), autojunk=False).ratio()
            for label, others in self._words.items()
            for synonym in (label, *others)
        }
        best = [max((label, *others), key=likeness.__getitem__) for label, others in self._words.items()]
        best.sort(key=likeness.__getitem__, reverse=True)
        least = max(_NEAR, likeness[best[0]] - _AS_NEAR)
        return [synonym for synonym in best[:3] if likeness[synonym] >= least]
