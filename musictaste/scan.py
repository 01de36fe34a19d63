"""Bring the library up to date with folders of music.

A survey walks the folders and compares names, sizes and times with the library; what is new or changed is listened to
by a pool of processes, and one writer keeps the results in short transactions. A process that dies takes one file
with it, and whatever ends the scan loses at most the last second of work.
"""

from __future__ import annotations

import os
import signal
import stat
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, Self

from musictaste import __version__, lyrics, quality, teaching, words
from musictaste.errors import FolderError, MusictasteError, UnheardError
from musictaste.listening import Heard, Task, Versions, load_heads, suffices
from musictaste.processes import why_unheard
from musictaste.store import Library
from musictaste.track import SILENCE_DB, Beside, Failure, FileState, Labels, Sound, Sung

if TYPE_CHECKING:
    from musictaste.inference import Device, Heads, Reader

Kind = Literal["added", "changed", "moved", "unchanged", "removed", "failed", "words", "left alone"]

SUFFIXES = frozenset((
    ".mp3", ".mp2", ".flac", ".ogg", ".oga", ".opus", ".spx", ".m4a", ".m4b", ".mp4", ".aac", ".alac", ".wav",
    ".wave", ".w64", ".aif", ".aiff", ".aifc", ".au", ".caf", ".wma", ".asf", ".ape", ".wv", ".mpc", ".mp+", ".mpp",
    ".tta", ".tak", ".dsf", ".dff", ".ac3", ".dts", ".webm", ".mka",
))  # fmt: skip

WRITE_EVERY_S = 1.0
WAITING_PER_WORKER = 3
ASKED_AT_ONCE = 500
RELABEL_AT_ONCE = 5000


@dataclass(frozen=True)
class Options:
    """How to listen: on which device, in how many processes, whole tracks or windows, known failures again or not.

    `lyrics` are the sources that the words of songs may come from.
    """

    device: Device = "auto"
    jobs: int = field(default_factory=lambda: usable_cpus())  # noqa: PLW0108 - defined below
    full: bool = False
    retry_failed: bool = False
    lyrics: tuple[str, ...] = lyrics.DEFAULT


def usable_cpus() -> int:
    """How many CPUs this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@dataclass(frozen=True)
class Plan:
    """What a survey found: files to listen to, and ids of files that are gone or have come back.

    `beside` are files that need no listening, with the file of words that appeared, changed or went beside each;
    `lyrics` the sources of words that count.
    """

    tasks: list[Task]
    unchanged: int
    known_failures: int
    gone: list[tuple[int, str]]
    back: list[tuple[int, str]]
    healed: list[str]
    unreadable: list[tuple[str, str]]
    beside: list[tuple[int, Beside | None]]
    lyrics: tuple[str, ...]


@dataclass(frozen=True)
class Outcome:
    """What became of one file; of kind "words" what a service said of its words.

    Of kind "left alone", `path` is the name of a service that is not asked any more.
    """

    kind: Kind
    path: str
    reason: str | None = None


@dataclass(frozen=True)
class Found:
    """A regular file met on a walk, and the file of words beside it."""

    path: str
    size: int
    mtime_ns: int
    beside: Beside | None = None


@dataclass(frozen=True)
class Unreadable:
    """A folder that could not be listed; nothing is known of the files below it."""

    path: str
    reason: str


def walk(folder: str) -> Iterator[Found | Unreadable]:
    """Audio files below a folder, in order of their names; hidden ones are passed over.

    Links are followed, each folder is entered once, and by its own name before a link to it.
    """
    folders, links = [folder], list[str]()
    entered: set[tuple[int, int]] = set()
    while folders or links:
        current = folders.pop() if folders else links.pop(0)
        try:
            info = os.stat(current)
            if (info.st_dev, info.st_ino) in entered:
                continue
            entered.add((info.st_dev, info.st_ino))
            entries = sorted(os.scandir(current), key=lambda entry: entry.name)
        except OSError as error:
            yield Unreadable(current, error.strerror or str(error))
            continue
        subfolders: list[str] = []
        shelf = lyrics.Shelf(entries)
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir():
                (links if entry.is_symlink() else subfolders).append(entry.path)
            elif os.path.splitext(entry.name)[1].lower() in SUFFIXES:
                yield from _found(entry, shelf)
        folders.extend(reversed(subfolders))


def _found(entry: os.DirEntry[str], shelf: lyrics.Shelf) -> Iterator[Found]:
    """The file, unless it vanished, is a broken link, or would block whoever opens it."""
    try:
        info = entry.stat()
    except OSError:
        return
    if stat.S_ISREG(info.st_mode):
        yield Found(entry.path, info.st_size, info.st_mtime_ns, shelf.find(entry.name))


def resolve_folders(library: Library, named: Sequence[Path]) -> list[str]:
    """The folders to scan: those named, or those scanned before.

    Raises
    ------
    FolderError
        When one that was named is not a folder, or none was named and none is known.
    """
    for folder in named:
        if not folder.exists():
            raise FolderError(f"'{folder}': there is no such folder")
        if not folder.is_dir():
            raise FolderError(f"'{folder}': is a file: name the folder that it is in")
    folders = [os.path.abspath(folder) for folder in named] or library.folders()
    if not folders:
        raise FolderError("no folder has been scanned yet: run 'musictaste scan FOLDER'")
    return [f for f in dict.fromkeys(folders) if not any(_inside(f, other) for other in folders)]


def _inside(path: str, folder: str) -> bool:
    return path != folder and path.startswith(os.path.join(folder, ""))


def remember_folders(library: Library, folders: Iterable[str]) -> None:
    """Add folders to those that a scan without arguments covers, unless one of them covers it already."""
    known = library.folders()
    for folder in folders:
        if not any(_inside(folder, other) for other in known):
            library.add_folder(folder)


def survey(library: Library, folders: Sequence[str], versions: Versions, options: Options) -> Plan:
    """Compare folders with the library; nothing is written."""
    tasks: list[Task] = []
    back: list[tuple[int, str]] = []
    unreadable: list[tuple[str, str]] = []
    beside: list[tuple[int, Beside | None]] = []
    unchanged = known_failures = 0
    seen: set[int] = set()
    failing: set[str] = set()
    for folder in folders:
        for item, state in _known(library, walk(folder)):
            if isinstance(item, Unreadable):
                unreadable.append((item.path, item.reason))
                continue
            failure = library.failure(item.path) if state is None or state.missing else None
            if state:
                seen.add(state.id)
            if failure:
                failing.add(item.path)
            if failure and not options.retry_failed and _still_fails(failure, item):
                known_failures += 1
            elif state is None or _outdated(state, item, versions, options) or failure:
                tasks.append(Task(item.path, item.size, item.mtime_ns, state, item.beside))
            else:
                if "files" in options.lyrics and state.beside != item.beside:
                    beside.append((state.id, item.beside))
                if state.missing:
                    back.append((state.id, item.path))
                else:
                    unchanged += 1
    hidden = [path for path, _ in unreadable if os.path.lexists(path)]
    gone = [
        (file_id, path)
        for folder in folders
        for file_id, path, missing in library.files_below(folder)
        if not missing and file_id not in seen and not any(_inside(path, h) for h in hidden)
    ]
    healed = [f.path for f in library.failures() if f.path not in failing and not os.path.lexists(f.path)]
    return Plan(tasks, unchanged, known_failures, gone, back, healed, unreadable, beside, options.lyrics)


def _known(
    library: Library, items: Iterator[Found | Unreadable]
) -> Iterator[tuple[Found | Unreadable, FileState | None]]:
    """Each item with what the library knows of it, asked for many at once."""
    while batch := list(islice(items, ASKED_AT_ONCE)):
        states = library.file_states([item.path for item in batch])
        yield from ((item, states.get(item.path)) for item in batch)


def _outdated(state: FileState, found: Found, versions: Versions, options: Options) -> bool:
    return not _is_as_it_was(found, state) or not suffices(state.analysis, versions, full=options.full)


def _is_as_it_was(file: Found | Task, state: FileState) -> bool:
    return (state.size, state.mtime_ns) == (file.size, file.mtime_ns)


def _still_fails(failure: Failure, found: Found) -> bool:
    return (failure.size, failure.mtime_ns, failure.version) == (found.size, found.mtime_ns, __version__)


class Listeners(Protocol):
    """Whoever listens to files for a scan, several at a time."""

    @property
    def jobs(self) -> int:
        """How many files are listened to at a time."""

    def provider(self) -> str:
        """The provider that really runs the networks, "CUDA" or "CPU"."""

    def submit(self, task: Task) -> Future[Heard]:
        """Let a file be heard. What keeps all files from being heard is no UnheardError, and ends the scan."""

    def tend(self) -> None:
        """Look after the listeners; called at least about once a second while files are waited for."""


class Interrupts(AbstractContextManager["Interrupts"]):
    """Ctrl-C waits until it is asked for: in the middle of a queue it would leave a lock that nobody can open again.

    It is entered before whoever listens, and left after them. The second one interrupts at once. Nothing is changed
    elsewhere than in the main thread, where no signal comes, and where it is ignored, as in the background.
    """

    def __enter__(self) -> Self:
        self._came = False
        main = threading.current_thread() is threading.main_thread()
        usual = signal.getsignal(signal.SIGINT) is signal.default_int_handler
        self._before = signal.signal(signal.SIGINT, self._note) if main and usual else None
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
        if kind is None:
            self.heed()

    def heed(self) -> None:
        """Raise KeyboardInterrupt where one came."""
        if self._came:
            self._came = False
            raise KeyboardInterrupt

    def _note(self, *_: object) -> None:
        self.heed()
        self._came = True


def kind_of(kinds: Labels, loudness_db: float) -> str:
    """What a track is, from the probabilities of music, speech and noise and from its level.

    What may be music is music: a song that is never played is worse than a lecture in a playlist.
    """
    if loudness_db < SILENCE_DB:
        return "silence"
    chances = kinds.probabilities
    return "music" if chances["music"] >= quality.music_from() else max(("speech", "noise"), key=chances.__getitem__)


def sung(voices: Labels) -> Sung | None:
    """Whether there is a voice, from its probability; None where the head is not sure."""
    instrumental_to, vocal_from = quality.voice_limits()
    vocal = voices.probabilities["vocal"]
    return "instrumental" if vocal <= instrumental_to else "vocal" if vocal >= vocal_from else None


def update(
    library: Library,
    plan: Plan,
    listeners: Listeners | None,
    fetcher: lyrics.Fetcher | None = None,
    *,
    interrupts: Interrupts | None = None,
) -> Iterator[Outcome]:
    """Carry a plan out; each outcome is yielded when it is safe in the library.

    `listeners` may be None where the plan has nothing to listen to. A fetcher asks for words meanwhile; those that
    come later are kept by `await_words`. Interrupts are heeded at least about once a second.
    """
    with library.transaction():
        library.mark_missing(file_id for file_id, _ in plan.gone)
        library.mark_present(file_id for file_id, _ in plan.back)
        library.forget_failures(plan.healed)
    words.look_beside(library, plan.beside)
    yield from (Outcome("added", path) for _, path in plan.back)
    # By default no service is asked, and a large library is not looked through for songs without words.
    if fetcher and fetcher.services:
        words.ask(library, fetcher, library.all_ids())
    moved: set[int] = set()
    for batch in _batches(_results(plan.tasks, listeners, interrupts)) if listeners else ():
        outcomes = []
        with library.transaction():
            for task, future in batch:
                outcomes.append(_keep(library, plan, task, future, moved))
            teaching.follow(library)
            if fetcher:
                outcomes += _keep_fetched(library, fetcher.said())
        if fetcher and fetcher.services:
            states = (library.file_state(task.path) for task, _ in batch)
            words.ask(library, fetcher, [state.track_id for state in states if state])
        yield from outcomes
    yield from (Outcome("removed", path) for file_id, path in plan.gone if file_id not in moved)


def await_words(library: Library, fetcher: lyrics.Fetcher) -> Iterator[Outcome]:
    """Keep what services still have to say when everything was listened to."""
    while fetcher.pending:
        with library.transaction():
            outcomes = _keep_fetched(library, fetcher.said(wait_s=WRITE_EVERY_S))
        yield from outcomes


def _keep_fetched(library: Library, said: Iterable[lyrics.Said]) -> list[Outcome]:
    outcomes = []
    for one in said:
        reason = words.keep_said(library, one)
        if isinstance(one, lyrics.LeftAlone):
            outcomes.append(Outcome("left alone", one.source, reason))
        else:
            outcomes += [Outcome("words", track.path, reason) for track in library.tracks([one.track_id])]
    return outcomes


Result = tuple[Task, Future[Heard]]


def _results(tasks: Sequence[Task], listeners: Listeners, interrupts: Interrupts | None) -> Iterator[Result | None]:
    """Finished tasks as they come, a few waiting for each worker; None where a second passed without one."""
    waiting: dict[Future[Heard], Task] = {}
    remaining = iter(tasks)
    while True:
        while len(waiting) < listeners.jobs * WAITING_PER_WORKER and (task := next(remaining, None)):
            waiting[listeners.submit(task)] = task
        if not waiting:
            return
        done, _ = wait(waiting, timeout=WRITE_EVERY_S, return_when=FIRST_COMPLETED)
        yield from ((waiting.pop(future), future) for future in done)
        listeners.tend()
        if interrupts:
            interrupts.heed()
        if not done:
            yield None


def _batches(results: Iterable[Result | None]) -> Iterator[list[Result]]:
    """What came within about a second, so that each transaction is short and few are needed."""
    batch: list[Result] = []
    began = time.monotonic()
    for result in results:
        if result:
            batch.append(result)
        if batch and time.monotonic() - began >= WRITE_EVERY_S:
            yield batch
            batch, began = [], time.monotonic()
    if batch:
        yield batch


def _keep(library: Library, plan: Plan, task: Task, future: Future[Heard], moved: set[int]) -> Outcome:
    """Write one result down; what keeps all files from being heard is raised."""
    error = future.exception()
    if isinstance(error, MusictasteError) and not isinstance(error, UnheardError):
        raise error
    if error is not None:
        reason = why_unheard(error)
        library.save_failure(Failure(task.path, task.size, task.mtime_ns, __version__, reason))
        return Outcome("failed", task.path, reason)
    heard = future.result()
    if task.state and _is_as_it_was(task, task.state) and task.state.audio_hash != heard.audio_hash:
        # Another version of this program has hashed it in another way: what is known of the track stays with it.
        library.rename_audio(task.state.track_id, heard.audio_hash)
    track_id = _keep_heard(library, heard)
    was = None if task.state else _moved_from(library, track_id)
    tags = heard.tags
    if task.state and library.named(task.state.id) != (tags.title, tags.artist, tags.album):
        library.forget_fetched(track_id)
    file_id = library.save_file(task.path, tags, track_id=track_id, size=task.size, mtime_ns=task.mtime_ns, file_id=was)
    words.keep_found(library, file_id, tags.lyrics, task.beside, plan.lyrics)
    if was is not None:
        moved.add(was)
        return Outcome("moved", task.path)
    return Outcome("changed" if task.state and not task.state.missing else "added", task.path)


def _keep_heard(library: Library, heard: Heard) -> int:
    """Write what listening gave, unless more is known; returns the id of the track."""
    if not (heard.sound and heard.moods and heard.styles and heard.kinds and heard.voices):
        return library.track_id(heard.audio_hash)
    if _hears_less(library, heard, heard.sound):
        return library.track_id(heard.audio_hash)
    track_id = library.save_track(heard.audio_hash, heard.sound, heard.moods, heard.styles, full=heard.full)
    library.save_kind(track_id, kind_of(heard.kinds, heard.sound.loudness_db), heard.kinds)
    library.save_voice(track_id, sung(heard.voices), heard.voices)
    return track_id


def _hears_less(library: Library, heard: Heard, sound: Sound) -> bool:
    """Whether the library has this audio whole, of which a worker that did not know that heard windows."""
    known = library.analysis(heard.audio_hash)
    return known is not None and known.full and not heard.full and known.embedder == sound.embedder


def _moved_from(library: Library, track_id: int) -> int | None:
    """The file of this track that is no longer where it was, if there is one."""
    return next((file_id for file_id, path in library.copies(track_id) if not os.path.lexists(path)), None)


def read_words(library: Library, load: Callable[[], words.Reads]) -> Iterator[tuple[int, int]]:
    """Read words that are new or that another head has read; yields how many are kept so far, and of how many.

    What was taught is learnt again where it was taught of tracks whose words say something else now.
    """
    head = words.reading_head()
    unread, gone = library.outdated_readings(head)
    if gone:
        with library.transaction():
            library.forget_readings(gone)
            teaching.follow_words(library, gone)
    count = 0
    if unread:
        yield count, len(unread)
    for readings in words.read(library, unread, head, load):
        with library.transaction():
            library.save_readings(readings)
            teaching.follow_words(library, [reading.track_id for reading in readings])
        count += len(readings)
        yield count, len(unread)


def load_reader(options: Options) -> Reader:
    """The model that reads words, on the device and with the processors that listening had."""
    from musictaste.inference import Reader

    return Reader(device=options.device, threads=options.jobs)


def relabel(library: Library, versions: Versions) -> int:
    """Let the present heads name what older heads had named, without listening again; returns how many tracks.

    What the user taught is carried over to them, and to whatever a scan that was killed had left without it.
    """
    # Only when it is needed: an unchanged library must not pay for onnxruntime, in time or in memory.
    heads = cache(lambda: load_heads(versions.embedder))
    count = 0
    while renamed := _relabel_moods(library, versions, heads):
        count += renamed
    while _relabel_kinds(library, versions, heads):
        pass
    while _relabel_voices(library, versions, heads):
        pass
    teaching.follow(library)
    return count


def _relabel_moods(library: Library, versions: Versions, heads: Callable[[], Heads]) -> int:
    """Moods and styles of up to `RELABEL_AT_ONCE` tracks; returns of how many."""
    ids, embeddings = library.stale_embeddings(
        versions.embedder, versions.emotion, versions.style, limit=RELABEL_AT_ONCE
    )
    if ids:
        labels = zip(ids, heads().emotion.label_all(embeddings), heads().style.label_all(embeddings), strict=True)
        with library.transaction():
            for track_id, moods, styles in labels:
                library.save_labels(track_id, moods, styles)
    return len(ids)


def _relabel_kinds(library: Library, versions: Versions, heads: Callable[[], Heads]) -> int:
    """The same for what is music and what is not."""
    ids, levels, embeddings = library.stale_kinds(versions.embedder, versions.kind, limit=RELABEL_AT_ONCE)
    if ids:
        with library.transaction():
            for track_id, level, kinds in zip(ids, levels, heads().kind.label_all(embeddings), strict=True):
                library.save_kind(track_id, kind_of(kinds, level), kinds)
    return len(ids)


def _relabel_voices(library: Library, versions: Versions, heads: Callable[[], Heads]) -> int:
    """The same for whether there is a voice."""
    ids, embeddings = library.stale_voices(versions.embedder, versions.voice, limit=RELABEL_AT_ONCE)
    if ids:
        with library.transaction():
            for track_id, voices in zip(ids, heads().voice.label_all(embeddings), strict=True):
                library.save_voice(track_id, sung(voices), voices)
    return len(ids)
