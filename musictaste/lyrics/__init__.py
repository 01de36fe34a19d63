"""A track's words, from the nearest source: in its tags, beside its file, and only when asked, from services."""

from __future__ import annotations

from musictaste.lyrics.beside import Shelf, read_beside
from musictaste.lyrics.cleaning import VERSION, clean, for_model, understand
from musictaste.lyrics.fetching import Fetched, Fetcher, LeftAlone, Said, Unanswered
from musictaste.lyrics.sources import DEFAULT, SERVICES, SOURCES, choose, open_services

__all__ = [
    "DEFAULT",
    "SERVICES",
    "SOURCES",
    "VERSION",
    "Fetched",
    "Fetcher",
    "LeftAlone",
    "Said",
    "Shelf",
    "Unanswered",
    "choose",
    "clean",
    "for_model",
    "open_services",
    "read_beside",
    "understand",
]
