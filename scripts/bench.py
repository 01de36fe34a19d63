#!/usr/bin/env python3
"""Measure how fast and how large this program is; prints plain text.

    python scripts/bench.py scan LIBRARY [--rounds N] [--jobs N] [--full] [--others] [--scaling]
    python scripts/bench.py soak [--files N] [--hours N] [--jobs N]
    python scripts/bench.py commands --db FILE [--rounds N]
    python scripts/bench.py lists [--tracks N] [--plays N] [--rounds N]
    python scripts/bench.py teach [--tracks N] [--rounds N]
    python scripts/bench.py size
    python scripts/bench.py recommend [--hetrec FOLDER] [--listens FILE.csv] [--seeds N] [--json]

`scan` compares a first scan with plain decoding of the same files by PyAV, with `--others` also with bliss
(`pip install bliss-audio`) and with VibeNet's model (`pip install vibenet`) where they are installed and run. All run
in turn, in every round, on the same number of processes, after all files were read once so that each finds them in
the page cache. What others do is timed without the start of its processes, a scan is timed as a whole program. On a
machine that does other work too, ratios of CPU time say more than those of wall time. The wheels of bliss 0.2 need a
processor with AVX-512, those of 0.1.11 do not.

`soak` makes files of its own and says how much memory a scan of very many holds at its beginning and at its end, and
a scan of a very long one at most.

`lists` makes up a library and a listener, imports what that one scrobbled (a fifth of it in no library, a quarter spelt
differently), and measures lists as whole processes. The first list after an import is not counted.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import itertools
import json
import multiprocessing
import os
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast
from unittest import mock

import listener
import numpy as np
import recommend
import soak
from rivals import DECODING, OTHERS, Rival, Work, one_thread, time_all

from musictaste import audio, listening, packets, quality, scan
from musictaste.inference import size_of

if TYPE_CHECKING:
    from musictaste.inference import Embedder, Heads
    from musictaste.store import Library

T = TypeVar("T")
P = ParamSpec("P")

MODELS = Path(__file__).parents[1] / "models"
PROC = Path("/proc")
SAMPLE_EVERY_S = 0.2
MEMORY_EVERY = 5
"""Memory is looked at with every fifth sample, but for the first second: at each it would take 8 % of a core from what
is measured."""

MANY_CORES = 16
STAGE_FILES = 20
EMBEDDING_SIZE = 1864
STAGES = ("tags", "hash", "open+demux", "decode", "resample", "mel+meter", "networks", "heads", "store")
FIRST = "first scan"
ALONE = "first scan by one process"
DECODING_ALONE = "plain decoding by one process"


@dataclass(frozen=True)
class Usage:
    """What a process tree uses at a moment: memory in bytes, proportional (shared pages once) and resident.

    `cpu_s` is by process: one that has ended is in earlier samples.
    """

    pss: int = 0
    rss: int = 0
    cpu_s: Mapping[int, float] = field(default_factory=dict)


@dataclass(frozen=True)
class ScanRun:
    """One scan as a whole process: wall time, its highest memory, its CPU time and that of its writer, its counts."""

    wall_s: float
    memory: Usage
    cpu_s: float
    writer_s: float
    counts: dict[str, Any]


def spread(values: Sequence[float], unit: str = "", digits: int = 2) -> str:
    """The mean, and the lowest and highest value."""
    low, high = min(values), max(values)
    return f"{statistics.mean(values):.{digits}f}{unit} ({low:.{digits}f} to {high:.{digits}f})"


def load_average() -> str:
    return " ".join(f"{load:.2f}" for load in os.getloadavg()) if hasattr(os, "getloadavg") else "unknown"


# Memory and CPU time of a process tree, from /proc


def process_tree(root: int) -> list[int]:
    """A process and all that descend from it."""
    children: dict[int, list[int]] = {}
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):  # it has ended
                # The name of a program is in brackets and may hold spaces; the parent is the second word after it.
                parent = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()[1]
                children.setdefault(int(parent), []).append(int(entry.name))
    tree = [root]
    for pid in tree:
        tree.extend(children.get(pid, ()))
    return tree


def usage(pids: Iterable[int]) -> Usage:
    pids = list(pids)
    sums: Counter[str] = Counter()
    for pid in pids:
        with contextlib.suppress(OSError):
            for line in (PROC / str(pid) / "smaps_rollup").read_text().splitlines():
                name, _, value = line.partition(":")
                if name in ("Pss", "Rss"):
                    sums[name] += int(value.split()[0]) * 1024
    return Usage(sums["Pss"], sums["Rss"], cpu_times(pids))


def cpu_times(pids: Iterable[int]) -> dict[int, float]:
    """Seconds of CPU time that each process has used so far."""
    cpu_s: dict[int, float] = {}
    for pid in pids:
        with contextlib.suppress(OSError):
            words = (PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()
            cpu_s[pid] = (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")
    return cpu_s


def watch(process: subprocess.Popen[str], ended: threading.Event, samples: list[Usage]) -> None:
    """Sample until told to end; nothing is sampled where there is no /proc."""
    if not PROC.joinpath("self", "smaps_rollup").exists():
        return
    for number in itertools.count():
        if number % MEMORY_EVERY == 0 or number < MEMORY_EVERY:
            pids = process_tree(process.pid)
            samples.append(usage(pids))
        else:
            samples.append(Usage(cpu_s=cpu_times(pids)))
        if ended.wait(SAMPLE_EVERY_S):
            return


def peak(samples: Sequence[Usage]) -> Usage:
    return Usage(max((m.pss for m in samples), default=0), max((m.rss for m in samples), default=0))


def cpu_by_process(samples: Sequence[Usage]) -> dict[int, float]:
    """What each process had used when it was last seen."""
    return {pid: seconds for sample in samples for pid, seconds in sample.cpu_s.items()}


# Scans and plain decoding


def run_scan(library: Path, db: Path, jobs: int, *more: str) -> ScanRun:
    words = ["--db", str(db), "-q", "scan", str(library), "--json", "--jobs", str(jobs), *more]
    samples: list[Usage] = []
    ended = threading.Event()
    began = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "musictaste", *words], stdout=subprocess.PIPE, text=True)
    watcher = threading.Thread(target=watch, args=[process, ended, samples], daemon=True)
    watcher.start()
    out, _ = process.communicate()
    wall_s = time.perf_counter() - began
    ended.set()
    watcher.join()
    if process.returncode:
        raise SystemExit(f"the scan of '{library}' ended with exit code {process.returncode}")
    cpu_s = cpu_by_process(samples)
    return ScanRun(wall_s, peak(samples), sum(cpu_s.values()), cpu_s.get(process.pid, 0.0), json.loads(out))


@dataclass
class Rounds:
    """What was measured, by name, one entry per round."""

    rivals: defaultdict[str, list[Work]] = field(default_factory=lambda: defaultdict(list))
    scans: defaultdict[str, list[ScanRun]] = field(default_factory=lambda: defaultdict(list))

    def measure(self, paths: Sequence[str], rivals: Sequence[Rival], arguments: argparse.Namespace) -> None:
        """One round: what others do, a first scan, a second scan, and others that were asked for."""
        library, jobs = arguments.library, arguments.jobs
        for rival in rivals:
            self.rivals[rival.name].append(time_all(rival, paths, jobs))
        with tempfile.TemporaryDirectory() as folder:
            db = Path(folder, "library.db")
            self.scans[FIRST].append(run_scan(library, db, jobs))
            self.scans["second scan"].append(run_scan(library, db, jobs))
            if arguments.full:
                self.scans["full scan"].append(run_scan(library, Path(folder, "full.db"), jobs, "--full"))
            if arguments.scaling:
                self.scans[ALONE].append(run_scan(library, Path(folder, "alone.db"), 1))
                self.rivals[DECODING_ALONE].append(time_all(DECODING, paths, 1))


def bench_scan(arguments: argparse.Namespace) -> None:
    """Compare scans with plain decoding, then say where the time of a scan goes."""
    library: Path = arguments.library
    found = [f for f in scan.walk(str(library)) if isinstance(f, scan.Found)]
    if not found:
        raise SystemExit(f"'{library}': no audio files found in it")
    # The largest first, so that decoding does not end with one process at work and the others idle.
    paths = [f.path for f in sorted(found, key=lambda f: -f.size)]
    print(f"{len(paths)} files, {sum(f.size for f in found) / 1e6:.1f} MB, {arguments.jobs} processes")
    print(f"load average at start: {load_average()}")
    for path in paths:
        with contextlib.suppress(OSError):  # the scan will say so
            Path(path).read_bytes()
    rivals = [DECODING]
    for rival in OTHERS if arguments.others else ():
        trouble = rival.trouble(paths[len(paths) // 2])
        if trouble:
            print(f"{rival.name}: {trouble}")
        else:
            print(f"{rival.name}: version {rival.version()}")
            rivals.append(rival)
    rounds = Rounds()
    for number in range(1, arguments.rounds + 1):
        rounds.measure(paths, rivals, arguments)
        decoding, first = rounds.rivals[DECODING.name][-1], rounds.scans[FIRST][-1]
        print(f"round {number}: decoding {decoding.wall_s:.2f} s, first scan {first.wall_s:.2f} s")
    print_rounds(rounds, len(paths), arguments.jobs)
    print_stages(paths)


def print_rounds(rounds: Rounds, files: int, jobs: int) -> None:
    decoding = rounds.rivals[DECODING.name]
    audio_s = decoding[0].audio_s
    print(f"\nmean (lowest to highest) of {len(decoding)} rounds, {audio_s:.0f} s of audio")
    for name, done in (*rounds.rivals.items(), *rounds.scans.items()):
        print(f"{name}: {spread([each.wall_s for each in done], ' s')}")
        print(f"  tracks per second: {spread([files / each.wall_s for each in done])}")
        print(f"  seconds of audio per second: {spread([audio_s / each.wall_s for each in done], digits=0)}")
        print(f"  CPU seconds per track: {spread([each.cpu_s / files for each in done], digits=3)}")
        speeds = [plain.wall_s / each.wall_s for plain, each in zip(decoding, done, strict=True)]
        print(f"  speed by that of plain decoding: {spread(speeds)}")
        if all(each.cpu_s for each in done):
            frugal = [plain.cpu_s / each.cpu_s for plain, each in zip(decoding, done, strict=True)]
            print(f"  the same by CPU time: {spread(frugal)}")
    first = rounds.scans[FIRST]
    shares = [100 * s.wall_s / f.wall_s for s, f in zip(rounds.scans["second scan"], first, strict=True)]
    print(f"second scan as share of the first: {spread(shares, ' %', 1)}")
    print_scaling(rounds, files, jobs)
    last = first[-1].counts
    print(f"first scan: {last['added']} added, {last['failed']} failed, on {last['provider']}")
    for name, scans in rounds.scans.items():
        print(f"peak memory, {name}: {memory_text([run.memory for run in scans])}")


def print_scaling(rounds: Rounds, files: int, jobs: int) -> None:
    """How much faster several processes are than one, and how many the one that writes could keep up with."""
    first, alone = rounds.scans[FIRST], rounds.scans.get(ALONE, [])
    if alone:
        for name, one, several in (
            ("first scan", alone, first),
            ("plain decoding", rounds.rivals[DECODING_ALONE], rounds.rivals[DECODING.name]),
        ):
            faster = [a.wall_s / b.wall_s for a, b in zip(one, several, strict=True)]
            print(f"{name}, speed by that of one process: {spread(faster)}")
    if alone and jobs > 1:
        walls = [
            more_cores_s(one.wall_s, several.wall_s, jobs=jobs, cores=MANY_CORES)
            for one, several in zip(alone, first, strict=True)
        ]
        print(f"calculated by Amdahl's law from one and {jobs} processes, not measured, {MANY_CORES} processes:")
        print(f"  tracks per second: {spread([files / wall_s for wall_s in walls])}")
    if all(run.writer_s for run in first):
        room = [(run.cpu_s - run.writer_s) / run.writer_s for run in first]
        print(f"CPU time of those that listen by that of the one that surveys and writes: {spread(room, digits=1)}")


def more_cores_s(alone_s: float, several_s: float, *, jobs: int, cores: int) -> float:
    """Seconds that as many processes as there are cores would take, from the times of one and of `jobs` of them.

    Amdahl, "Validity of the single processor approach to achieving large scale computing capabilities", 1967: what is
    not shared takes as long on any number. Cores that share memory and caches take longer than that.
    """
    serial_s = max((jobs * several_s - alone_s) / (jobs - 1), 0.0)
    return serial_s + (alone_s - serial_s) / cores


def memory_text(memories: Sequence[Usage]) -> str:
    if not any(memory.rss for memory in memories):
        return "not measured (needs /proc/PID/smaps_rollup)"
    pss, rss = (spread([n / 2**20 for n in sums], " MiB", 0) for sums in zip(*map(_sums, memories), strict=True))
    return f"{pss} as sum of PSS over all processes, {rss} as sum of RSS"


def _sums(memory: Usage) -> tuple[int, int]:
    return memory.pss, memory.rss


# CPU time by stage


class Stopwatch:
    """Adds up the CPU time of this process by stage."""

    def __init__(self) -> None:
        self.cpu_s: defaultdict[str, float] = defaultdict(float)

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        began = time.process_time()
        try:
            yield
        finally:
            self.cpu_s[name] += time.process_time() - began

    def timed(self, name: str, function: Callable[P, T]) -> Callable[P, T]:
        """The same function; the time that it takes is counted."""

        def run(*args: P.args, **kwargs: P.kwargs) -> T:
            with self.stage(name):
                return function(*args, **kwargs)

        return run

    def each(self, name: str, items: Iterable[T]) -> Iterator[T]:
        """The same items; the time that making them takes is counted."""
        remaining = iter(items)
        while True:
            with self.stage(name):
                try:
                    item = next(remaining)
                except StopIteration:
                    return
            yield item


@dataclass(frozen=True)
class TimedRecording:
    """A recording whose decoding is counted."""

    recording: audio.Recording
    watch: Stopwatch

    @property
    def duration_s(self) -> float:
        return self.recording.duration_s

    def read(self, spans: list[tuple[float, float]]) -> Iterator[audio.Floats]:
        return self.watch.each("decode", self.recording.read(spans))


@dataclass(frozen=True)
class TimedEmbedder:
    """The networks, with their work counted."""

    embedder: Embedder
    watch: Stopwatch

    @property
    def version(self) -> str:
        return self.embedder.version

    @property
    def provider(self) -> str:
        return self.embedder.provider

    def embed(self, patches: audio.Floats) -> audio.Floats:
        with self.watch.stage("networks"):
            return self.embedder.embed(patches)


def time_stages(paths: Sequence[str]) -> tuple[dict[str, float], int]:
    """CPU seconds by stage over all files, and how many of them could be heard."""
    from musictaste.inference import Embedder, Heads
    from musictaste.store import Library

    embedder = Embedder(device="cpu")
    heads = Heads.load(embedder.version)
    with tempfile.TemporaryDirectory() as folder, Library.open(Path(folder, "library.db"), create=True) as library:
        for path in paths[:1]:
            hear_file(path, Stopwatch(), embedder, heads)  # filters are built and first runs are paid
        watch = Stopwatch()
        with (
            mock.patch.object(audio, "resample", watch.timed("resample", audio.resample)),
            mock.patch.object(packets, "hashlib", SimpleNamespace(blake2b=partial(TimedDigest, watch))),
        ):
            savers = [saver for path in paths if (saver := hear_file(path, watch, embedder, heads))]
        with watch.stage("store"), library.transaction():
            for save in savers:
                save(library)
    # A stage that holds others is timed with them: its own share is what remains.
    watch.cpu_s["mel+meter"] -= watch.cpu_s["decode"] + watch.cpu_s["networks"]
    watch.cpu_s["decode"] -= watch.cpu_s["resample"]
    watch.cpu_s["open+demux"] -= watch.cpu_s["hash"]
    return {name: watch.cpu_s[name] for name in STAGES}, len(savers)


class TimedDigest:
    """A hash whose work is counted."""

    def __init__(self, watch: Stopwatch, **options: Any) -> None:
        self._digest = hashlib.blake2b(**options)
        self._watch = watch
        self.hexdigest = self._digest.hexdigest

    def update(self, content: Any) -> None:
        with self._watch.stage("hash"):
            self._digest.update(content)


def hear_file(path: str, watch: Stopwatch, embedder: Embedder, heads: Heads) -> Callable[[Library], None] | None:
    """Do what a worker of a scan does; returns how to store the result, or None where nothing is heard."""
    from musictaste import tags
    from musictaste.errors import UnheardError

    try:
        with watch.stage("open+demux"):
            recording = audio.open_recording(path)
        with recording:
            with watch.stage("tags"):
                found = tags.read_tags(path)
            timed = cast("audio.Recording", TimedRecording(recording, watch))
            networks = cast("Embedder", TimedEmbedder(embedder, watch))
            with watch.stage("mel+meter"):
                sound = listening.listen(timed, networks, heads, full=False)
    except UnheardError:
        return None
    with watch.stage("heads"):
        moods, styles, kinds, voices = (head.label(sound.embedding) for head in heads.all)

    def save(library: Library) -> None:
        track_id = library.save_track(recording.audio_hash, sound, moods, styles, full=False)
        library.save_kind(track_id, scan.kind_of(kinds, sound.loudness_db), kinds)
        library.save_voice(track_id, scan.sung(voices), voices)
        library.save_file(path, found, track_id=track_id, size=0, mtime_ns=0)

    return save


def print_stages(paths: Sequence[str]) -> None:
    """Time the stages in a process of its own, with one thread in every library as in a worker of a scan."""
    count = min(STAGE_FILES, len(paths))
    chosen = [paths[i * len(paths) // count] for i in range(count)]
    with one_thread(), multiprocessing.get_context("spawn").Pool(1) as pool:
        cpu_s, heard = pool.apply(time_stages, [chosen])
    total = sum(cpu_s.values())
    print(f"\nCPU seconds per track by stage, one process on the CPU, {heard} of {count} files heard")
    for name, seconds in cpu_s.items():
        print(f"{name:17}{seconds / max(heard, 1):8.4f} {100 * seconds / total:5.1f} %")
    print(f"{'all':17}{total / max(heard, 1):8.4f}")


# Commands and size


def memory_of_children() -> int:
    return usage(process_tree(os.getpid())[1:]).pss


def bench_soak(arguments: argparse.Namespace) -> None:
    """Scan very many short files, then one very long one."""
    print(f"load average at start: {load_average()}")
    with tempfile.TemporaryDirectory() as folder:
        music, db = Path(folder, "music"), Path(folder, "library.db")
        soak.write_many(music, arguments.files)
        from musictaste.store import Library

        Library.open(db, create=True).close()
        memory: list[tuple[int, int]] = []
        ended = threading.Event()
        count = threading.Thread(
            target=soak.watch, args=[db, lambda: usage(process_tree(os.getpid())[1:]).pss, ended, memory], daemon=True
        )
        count.start()
        run = run_scan(music, db, arguments.jobs)
        ended.set()
        count.join()
        print(f"{run.counts['added']} files in {run.wall_s:.0f} s, peak {memory_text([run.memory])}")
        print(soak.compare(memory, arguments.files))
        shutil.rmtree(music)
        soak.write_long(music, arguments.hours)
        for more in ((), ("--full",)):
            run = run_scan(music, Path(folder, f"long{len(more)}.db"), arguments.jobs, *more)
            name = " ".join(("scan", *more))
            print(f"{name} of a file of {arguments.hours} h: {run.wall_s:.1f} s, peak {memory_text([run.memory])}")


def bench_commands(arguments: argparse.Namespace) -> None:
    """Time whole processes, in turn, after one run of each that is not counted."""
    if not arguments.db.is_file():
        raise SystemExit(f"'{arguments.db}': no such library file")
    beside = shutil.which("musictaste", path=str(Path(sys.executable).parent))
    program = [beside] if beside else [sys.executable, "-m", "musictaste"]
    print(f"load average at start: {load_average()}")
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "library.db")
        copy_database(arguments.db, copy)  # `mood` remembers the list it prints
        commands = {
            "musictaste --help": [*program, "--help"],
            "musictaste mood happy": [*program, "--db", str(copy), "mood", "happy"],
        }
        walls: dict[str, list[float]] = {name: [] for name in commands}
        for number in range(arguments.rounds + 1):
            for name, command in commands.items():
                wall_s = run_command(command)
                if number:
                    walls[name].append(wall_s)
    print(f"median (lowest to highest) of {arguments.rounds} whole processes")
    for name, seconds in walls.items():
        print(f"{name}: {statistics.median(seconds):.3f} s ({min(seconds):.3f} to {max(seconds):.3f})")


def copy_database(source: Path, target: Path) -> None:
    """Copy an SQLite file with what its write-ahead log holds."""
    with (
        contextlib.closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as old,
        contextlib.closing(sqlite3.connect(target)) as new,
    ):
        old.backup(new)


def run_command(command: Sequence[str]) -> float:
    """Wall time of a process that has to end well."""
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wall_s = time.perf_counter() - began
    if done.returncode:
        raise SystemExit(f"'{' '.join(command)}' ended with exit code {done.returncode}: {done.stderr.strip()}")
    return wall_s


@dataclass(frozen=True)
class Process:
    """What a whole process took: wall and CPU time, and its highest resident memory in MiB."""

    wall_s: float
    cpu_s: float
    memory_mib: float


LAUNCHER = """
import os, sys, time
began = time.perf_counter()
quiet = [(os.POSIX_SPAWN_OPEN, stream, os.devnull, os.O_WRONLY, 0) for stream in (1, 2)]
pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=quiet)
_, status, used = os.wait4(pid, 0)
wall_s, cpu_s = time.perf_counter() - began, used.ru_utime + used.ru_stime
print(os.waitstatus_to_exitcode(status), wall_s, cpu_s, used.ru_maxrss / 1024)
"""


def measure_command(command: Sequence[str]) -> Process:
    """Run a process that has to end well."""
    # By a process that is small itself: the highest memory of a child is at least that of who started it.
    launched = subprocess.run([sys.executable, "-ISc", LAUNCHER, *command], capture_output=True, text=True, check=True)
    code, *used = map(float, launched.stdout.split())
    if code:
        raise SystemExit(f"'{' '.join(command)}' ended with exit code {code:.0f}")
    return Process(*used)


def print_processes(name: str, done: Sequence[Process]) -> None:
    wall, cpu, memory = zip(*((each.wall_s, each.cpu_s, each.memory_mib) for each in done), strict=True)
    print(f"{name}: {spread(wall, ' s')}, CPU {spread(cpu, ' s')}, memory {max(memory):.0f} MiB", flush=True)


def bench_lists(arguments: argparse.Namespace) -> None:
    """Import what a made-up listener played in a made-up library, and measure lists of it."""
    print(f"load average at start: {load_average()}")
    with tempfile.TemporaryDirectory() as folder:
        db, scrobbles = Path(folder, "library.db"), Path(folder, "scrobbles.csv")
        make_library(db, arguments.tracks)
        names = listener.named(arguments.tracks)
        listener.name_files(db, names)
        program = [sys.executable, "-m", "musictaste", "--db", str(db)]
        if arguments.plays:
            listener.write_scrobbles(scrobbles, names, arguments.plays)
            for name in ("plays import", "plays import, again"):
                print_processes(name, [measure_command([*program, "plays", "import", str(scrobbles)])])
        commands = {
            "mood happy": [*program, "mood", "happy"],
            "mix": [*program, "mix"],
            "similar PATH": [*program, "similar", f"/m/{arguments.tracks // 2}.ogg"],
        }
        for command in commands.values():
            measure_command(command)
        print(f"mean (lowest to highest) of {arguments.rounds} whole processes, {arguments.tracks} tracks, ", end="")
        print(f"{arguments.plays} plays, a library of {db.stat().st_size / 1e9:.2f} GB")
        for name, command in commands.items():
            print_processes(name, [measure_command(command) for _ in range(arguments.rounds)])
    print(f"load average at end: {load_average()}")


def bench_teach(arguments: argparse.Namespace) -> None:
    """Teach a made-up library one mood with two tracks, and compare with a command that only opens the library."""
    print(f"load average at start: {load_average()}")
    with tempfile.TemporaryDirectory() as folder:
        db = Path(folder, "library.db")
        make_library(db, arguments.tracks)
        program = [sys.executable, "-m", "musictaste", "--db", str(db)]
        commands = {
            "teach": [*program, "teach", "happy", "--yes", "/m/1.ogg", "--no", "/m/2.ogg", "--json"],
            "failures": [*program, "failures", "--json"],
        }
        walls = {name: [run_command(c) for _ in range(arguments.rounds)] for name, c in commands.items()}
    print(f"mean (lowest to highest) of {arguments.rounds} whole processes, {arguments.tracks} tracks")
    for name, seconds in walls.items():
        print(f"musictaste {name}: {spread(seconds, ' s')}")


def make_library(db: Path, tracks: int) -> None:
    """Write a library of random embeddings and moods; rows go in directly, which takes seconds for 100,000."""
    from musictaste.moods import EMOTIONS, FINER_MOODS, MOODS
    from musictaste.store import VECTOR_SIZE, Library
    from musictaste.styles import STYLES

    Library.open(db, create=True).close()
    rng = np.random.default_rng(0)
    ids = range(1, tracks + 1)
    by = quality.version(*quality.NETWORKS), quality.version("emotion"), quality.version("style")
    emotions = rng.dirichlet([0.4] * len(EMOTIONS), tracks)
    moods = np.hstack([emotions, rng.random((tracks, len(FINER_MOODS)))]).tolist()
    style = [1 / len(STYLES)] * len(STYLES)
    with contextlib.closing(sqlite3.connect(db)) as new, new:
        new.executemany(
            """INSERT INTO track (id, audio_hash, duration_s, heard_s, "full", loudness_db, embedder, added)
            VALUES (?1, ?1, 200, 72, 0, -14, ?2, 0)""",
            ((i, by[0]) for i in ids),
        )
        for table, size in (("embedding", VECTOR_SIZE), ("layers", EMBEDDING_SIZE - VECTOR_SIZE)):
            vectors = (rng.standard_normal(size).astype("<f2").tobytes() for _ in ids)
            values = "(?1, ?2, ?2)" if table == "embedding" else "(?1, ?2)"
            rows = zip(ids, vectors, strict=True)
            new.executemany(f"INSERT INTO {table} VALUES {values}", rows)  # noqa: S608 - our own names
        for table, head, rows in (("mood", by[1], moods), ("style", by[2], itertools.repeat(style, tracks))):
            marks = ", ".join("?" * (2 + len(MOODS if table == "mood" else STYLES)))
            values = ((i, head, *row) for i, row in zip(ids, rows, strict=True))
            new.executemany(f"INSERT INTO {table} VALUES ({marks})", values)  # noqa: S608 - our own names
        new.executemany(
            """INSERT INTO file (path, track_id, size, mtime_ns, compilation, title, artist, album)
            VALUES (?, ?, 1, 1, 0, ?, ?, ?)""",
            ((f"/m/{i}.ogg", i, f"Song {i}", f"Artist {i // 30}", f"Album {i // 10}") for i in ids),
        )


def print_size(arguments: argparse.Namespace) -> None:
    sizes = {path.name: size_of(path) for path in sorted(MODELS.glob("*.onnx"))}
    for name, size in sizes.items():
        print(f"{size:>12,} bytes  {name}")
    print(f"{sum(sizes.values()):>12,} bytes  all {len(sizes)} models")


def positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


def parse_arguments() -> argparse.Namespace:
    summary, _, details = (__doc__ or "").partition("\n\n")
    parser = argparse.ArgumentParser(
        description=summary, epilog=details, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    benches = parser.add_subparsers(required=True, metavar="BENCH")
    scanning = benches.add_parser("scan", help="scans against plain decoding, memory, CPU time by stage")
    scanning.add_argument("library", type=Path, metavar="LIBRARY", help="a folder of music")
    scanning.add_argument("--rounds", type=positive, default=5, help="how often all is measured (default: 5)")
    scanning.add_argument("--jobs", type=positive, default=scan.usable_cpus(), help="processes (default: one per CPU)")
    scanning.add_argument("--full", action="store_true", help="measure a scan of whole tracks as well")
    scanning.add_argument("--others", action="store_true", help="measure bliss and VibeNet's model as well")
    scanning.add_argument("--scaling", action="store_true", help="measure a scan and decoding by one process as well")
    scanning.set_defaults(bench=bench_scan)
    soaking = benches.add_parser("soak", help="memory over very many files and over a very long one")
    soaking.add_argument("--files", type=positive, default=5000, help="how many (default: 5000)")
    soaking.add_argument("--hours", type=positive, default=3, help="how long the long one is (default: 3)")
    soaking.add_argument("--jobs", type=positive, default=scan.usable_cpus(), help="processes (default: one per CPU)")
    soaking.set_defaults(bench=bench_soak)
    commands = benches.add_parser("commands", help="wall time of commands that must feel instant")
    commands.add_argument("--db", type=Path, required=True, metavar="FILE", help="a library file; it is not written to")
    commands.add_argument("--rounds", type=positive, default=10, help="how often each is run (default: 10)")
    commands.set_defaults(bench=bench_commands)
    lists = benches.add_parser("lists", help="lists of a large library whose plays were imported, and the import")
    lists.add_argument("--tracks", type=positive, default=100_000, help="size of the library (default: 100000)")
    lists.add_argument("--plays", type=int, default=2_000_000, help="scrobbles, or 0 for none (default: 2000000)")
    lists.add_argument("--rounds", type=positive, default=5, help="how often each is run (default: 5)")
    lists.set_defaults(bench=bench_lists)
    teach = benches.add_parser("teach", help="a mood taught to a library of random embeddings")
    teach.add_argument("--tracks", type=positive, default=100_000, help="size of the library (default: 100000)")
    teach.add_argument("--rounds", type=positive, default=5, help="how often each is run (default: 5)")
    teach.set_defaults(bench=bench_teach)
    size = benches.add_parser("size", help="bytes of the models that ship")
    size.set_defaults(bench=print_size)
    recommend.add_arguments(benches.add_parser("recommend", help="how well listening is predicted, beside baselines"))
    return parser.parse_args()


if __name__ == "__main__":
    # What is installed has its bytecode; where Python may not keep any, each run compiles all that it imports.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    parsed = parse_arguments()
    parsed.bench(parsed)
