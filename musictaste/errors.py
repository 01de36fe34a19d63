"""One class per thing that a user can act on; `str(error)` is the sentence the user reads."""

from __future__ import annotations


class MusictasteError(Exception):
    """The root. `exit_code` is 2 where the words of the command are wrong, 1 where the world is."""

    exit_code = 1


class UnheardError(MusictasteError):
    """A file that could not be listened to; the reason is a clause without the file's name."""


class LibraryError(MusictasteError):
    """The library file is missing, is not one, or was written by a newer program."""


class FolderError(MusictasteError):
    """A folder that cannot be scanned."""


class ModelError(MusictasteError):
    """A model file that is missing or was made for other inputs."""


class ProviderError(MusictasteError):
    """The device that was asked for cannot run the models."""


class ClusterError(MusictasteError):
    """A cluster of other machines that cannot listen, or not as this machine would."""


class ExecutorError(MusictasteError):
    """An executor that is no address of one, or that does not go with other options."""

    exit_code = 2


class NothingFitsError(MusictasteError):
    """No track reaches what was asked for."""


class TooLittleError(MusictasteError):
    """A history in which there is too little to measure anything."""


class NoWordsError(MusictasteError):
    """A library in which no song has words that can be looked up."""


class NothingTaughtError(MusictasteError):
    """There is no teaching that could be taken back."""


class NothingSaidError(MusictasteError):
    """There is no feedback that could be taken back."""


class PlaylistFileError(MusictasteError):
    """A playlist, or another list for the user, that cannot be written or read."""


class PlaysFileError(MusictasteError):
    """A player's file that cannot be read."""


class UnknownFormatError(PlaysFileError):
    """A file that is no player's, as far as is known."""


class UnknownLabelError(MusictasteError):
    """A mood or style that is not in the vocabulary."""

    exit_code = 2


class NothingAskedError(MusictasteError):
    """Words to look for in which there is no word."""

    exit_code = 2


class UnknownTrackError(MusictasteError):
    """Words, a path or a number that name no track, or more than one."""

    exit_code = 2


class RecipeError(MusictasteError):
    """A recipe that cannot be kept, or a name that no recipe has."""

    exit_code = 2


class UnknownUserError(MusictasteError):
    """A file that holds the plays of several users, of whom none or an unknown one was named."""

    exit_code = 2


class UnknownSourceError(MusictasteError):
    """A source of plays that is not known to the library."""

    exit_code = 2


class TeachingError(MusictasteError):
    """A teaching that contradicts itself, or speaks of a mood before it was heard."""

    exit_code = 2


class SettingsError(MusictasteError):
    """A settings file with a key or a value that is not understood."""

    exit_code = 2


class SuffixError(MusictasteError):
    """A file name whose suffix names no format that can be written."""

    exit_code = 2


class LyricsSourceError(MusictasteError):
    """A source of lyrics that is not known, or that lacks what it needs."""

    exit_code = 2


class NoAnswerError(MusictasteError):
    """A service that did not answer one question; the reason is a clause without its name."""


class LeftAloneError(MusictasteError):
    """A service that is not asked any more."""
