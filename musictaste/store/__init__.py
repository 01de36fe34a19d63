"""The library file: its schema, and every query on it.

Paths are kept as TEXT with the bytes they have on disk. SQLite does not mind names that are not UTF-8; Python's
binding does, so paths go in as bytes and a cast, and come out through a decoder that keeps bad bytes as surrogates,
the way `os.fsdecode` does.
"""

from musictaste.store.choosing import Choosing
from musictaste.store.evidence import FEEDBACK, Evidences
from musictaste.store.feedback import Opinions
from musictaste.store.labels import label_column
from musictaste.store.lessons import Lessons
from musictaste.store.listening import Listening
from musictaste.store.lyrics import Texts
from musictaste.store.packing import APPLICATION_ID, VECTOR_SIZE, signs, unit_vectors
from musictaste.store.recipes import Recipes
from musictaste.store.searching import Searching
from musictaste.store.together import Companions
from musictaste.store.tracks import Tracks
from musictaste.store.voices import Voices

__all__ = [
    "APPLICATION_ID",
    "FEEDBACK",
    "VECTOR_SIZE",
    "Library",
    "label_column",
    "signs",
    "unit_vectors",
]


class Library(
    Texts,
    Searching,
    Lessons,
    Listening,
    Companions,
    Evidences,
    Opinions,
    Choosing,
    Voices,
    Recipes,
    Tracks,
):
    """An open library file."""
