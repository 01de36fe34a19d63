"""scan and doctor: filling the library, and finding out what keeps it from being fast."""

from __future__ import annotations

import importlib
import sys
import time
from collections import Counter
from contextlib import AbstractContextManager, ExitStack, nullcontext
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from musictaste import workers
from musictaste.cli import render
from musictaste.cli.context import Globals, app, known_library, open_library
from musictaste.cli.showing import AsJson
from musictaste.errors import ExecutorError, FolderError, ProviderError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from musictaste.inference import Reader
    from musictaste.lyrics import Fetcher
    from musictaste.scan import Listeners, Options, Outcome, Plan
    from musictaste.store import Library

Device = Annotated[Literal["auto", "cuda", "cpu"], typer.Option("--device", help="Where the networks run.")]
HEARD = ("added", "changed", "moved", "failed")
KINDS = ("added", "changed", "moved", "unchanged", "removed", "failed")
PLAIN_EVERY_S = 10.0
REFRESHES_PER_S = 4  # each takes the processes that listen some milliseconds


@app.command()
def scan(
    context: typer.Context,
    folders: Annotated[
        list[Path] | None,
        typer.Argument(metavar="FOLDER...", help="Folders of music; without any, those scanned before."),
    ] = None,
    device: Device = "auto",
    jobs: Annotated[int | None, typer.Option("--jobs", "-j", min=1, help="Processes; by default one per CPU.")] = None,
    executor: Annotated[
        str | None,
        typer.Option(metavar="dask://HOST:PORT", help="Let the workers of a dask cluster listen, not this machine."),
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Listen to whole tracks instead of sampled windows.")] = False,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Try files again that failed before.")] = False,
    lyrics: Annotated[
        str,
        typer.Option(
            metavar="SOURCE,...",
            help="Where words of songs are looked for: tags, files (beside the music), lrclib, genius, or none.",
        ),
    ] = "tags,files",
    offline: Annotated[bool, typer.Option("--offline", help="Ask no service, whatever --lyrics says.")] = False,
    genius_token: Annotated[
        str | None, typer.Option(envvar="GENIUS_ACCESS_TOKEN", help="Your token for Genius.", show_default=False)
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    as_json: AsJson = False,
) -> None:
    """Bring the library up to date with folders of music."""
    globals_: Globals = context.obj
    if not (executor or dry_run or globals_.db.exists()):
        workers.hasten(device)  # the first scan of all: there is something to listen to

    from musictaste import listening
    from musictaste import lyrics as words_from
    from musictaste import scan as scanning

    sources = words_from.choose(lyrics, offline=offline)
    fetcher = words_from.Fetcher(partial(words_from.open_services, sources, genius_token))
    if executor and jobs:
        raise ExecutorError("--jobs is for processes of this machine: workers of a cluster say how many they are")
    options = scanning.Options(device, jobs or scanning.usable_cpus(), full, retry_failed, sources)
    began = time.monotonic()
    with known_library(globals_) as library:
        roots = scanning.resolve_folders(library, folders or [])
        plan = scanning.survey(library, roots, listening.current_versions(), options)
        _check(plan, roots)
        if dry_run:
            _print_plan(plan, as_json=as_json)
            return
        open_listeners = _choose_listeners(library, plan, roots, options, globals_.db, executor)
    progress = _Progress(quiet=globals_.quiet or as_json, verbose=globals_.verbose)
    counts: Counter[str] = Counter(unchanged=plan.unchanged + plan.known_failures)
    try:
        with ExitStack() as opened:
            interrupts = opened.enter_context(scanning.Interrupts()) if plan.tasks else None
            # They come first: where those that were asked for cannot listen, there is no need of a library.
            listeners = opened.enter_context(open_listeners())
            provider = _await_start(listeners, progress) if listeners else None
            with open_library(globals_, create=True) as library, fetcher:
                _bring_up_to_date(library, roots)
                if listeners:
                    line = f"listening to {len(plan.tasks)} files on {provider}, {listeners.jobs} at a time"
                    progress.start(line, len(plan.tasks))
                _count(scanning.update(library, plan, listeners, fetcher, interrupts=interrupts), counts, progress)
                progress.stop()
                opened.close()  # nobody has to wait with us for words
                _report(counts, plan, began, provider, quiet=globals_.quiet, as_json=as_json)
                _await_words(library, fetcher, progress)
                reader = cache(partial(scanning.load_reader, options))
                _read_words(library, reader, progress)
                _index_words(library, reader, progress)
                library.refresh_columns()  # or the first list after it would wait for that
                said = {} if globals_.quiet or as_json else library.count_words()
    except KeyboardInterrupt:
        progress.stop()
        heard = counts["added"] + counts["changed"] + counts["moved"]
        render.say(f"interrupted: {heard} tracks are kept, scan again to go on")
        raise typer.Exit(130) from None
    _report_words(said)


def _await_start(listeners: Listeners, progress: _Progress) -> str:
    """The provider that really runs; what draws a bar is imported while the listeners start."""
    progress.load()
    return listeners.provider()


def _bring_up_to_date(library: Library, roots: Iterable[str]) -> None:
    """Know the folders, and let the present heads and rules say again what older ones said, without listening."""
    from musictaste import listening, words
    from musictaste import scan as scanning

    scanning.remember_folders(library, roots)
    scanning.relabel(library, listening.current_versions())
    words.clean_again(library)


def _choose_listeners(
    library: Library, plan: Plan, roots: list[str], options: Options, db: Path, executor: str | None
) -> Callable[[], AbstractContextManager[Listeners | None]]:
    """How to open who listens to what the plan has to be listened to: nobody where it has nothing."""
    if not plan.tasks:
        return nullcontext
    if executor is None:
        from musictaste.processes import Processes

        return partial(Processes, db, options.device, options.jobs, full=options.full)
    from musictaste import cluster

    known = library.analyses_by_size({task.size for task in plan.tasks})
    return partial(cluster.open_cluster, executor, cluster.make_order(roots, options), known)


def _await_words(library: Library, fetcher: Fetcher, progress: _Progress) -> None:
    """Wait for what services still have to say: they are slower than listening."""
    from musictaste import scan as scanning

    if total := fetcher.pending:
        progress.start(f"asking {' and '.join(fetcher.services)} for words, {total} to go", total)
        for outcome in scanning.await_words(library, fetcher):
            progress.tell(outcome)
            progress.reach(total - fetcher.pending)
        progress.stop()


def _read_words(library: Library, load: Callable[[], Reader], progress: _Progress) -> None:
    """Read the words that came, when listening needs the processors no more."""
    from musictaste import scan as scanning

    for done, total in scanning.read_words(library, load):
        if not done:
            progress.start(f"reading the words of {total} tracks", total)
        progress.reach(done)
    progress.stop()


def _index_words(library: Library, load: Callable[[], Reader], progress: _Progress) -> None:
    """Let words be looked up that came."""
    from musictaste import searching

    for done, total in searching.index(library, lambda: load().encoder):
        progress.note(f"the words of {done} of {total} songs can be looked up")


def _report_words(counts: Mapping[tuple[str, bool], int]) -> None:
    """Whose words are known, of the whole library."""
    known = [f"{count} from {source}" for (source, instrumental), count in counts.items() if not instrumental]
    instrumental = sum(count for (_, instrumental), count in counts.items() if instrumental)
    known += [f"{instrumental} instrumental"] if instrumental else []
    if known:
        total = sum(counts.values())
        are = "track is" if total == 1 else "tracks are"
        render.say(f"words of {total} {are} known: {', '.join(known)}")


def _count(outcomes: Iterable[Outcome], counts: Counter[str], progress: _Progress) -> None:
    for outcome in outcomes:
        counts[outcome.kind] += 1
        progress.tell(outcome)
        if outcome.kind in HEARD:
            progress.reach(sum(counts[kind] for kind in HEARD))


def _check(plan: Plan, roots: list[str]) -> None:
    """Say what is passed over.

    Raises
    ------
    FolderError
        When there is nothing in the folders, and never was.
    """
    for path, reason in plan.unreadable:
        if path in roots:
            render.say(f"{render.printable(path)}: cannot be read: {reason}")
        else:
            render.say(f"passed over {render.printable(path)}: {reason}")
    if not plan.tasks and not plan.unchanged and not plan.known_failures and not plan.gone and not plan.back:
        raise FolderError(f"'{roots[0]}': no audio files found in it")


def _print_plan(plan: Plan, *, as_json: bool) -> None:
    new = [task.path for task in plan.tasks if task.state is None]
    changed = [task.path for task in plan.tasks if task.state is not None]
    gone, back = [path for _, path in plan.gone], [path for _, path in plan.back]
    if as_json:
        render.print_json({"new": new, "changed": changed, "gone": gone, "back": back, "unchanged": plan.unchanged})
        return
    for kind, paths in (("new", new), ("changed", changed), ("gone", gone), ("back", back)):
        render.print_lines(f"{kind:8}{path}" for path in paths)


def _report(
    counts: Counter[str], plan: Plan, began: float, provider: str | None, *, quiet: bool, as_json: bool
) -> None:
    seconds = time.monotonic() - began
    heard = len(plan.tasks)
    if as_json:
        document: dict[str, Any] = {kind: counts[kind] for kind in KINDS}
        document |= {"seconds": round(seconds, 2), "tracks_per_second": round(heard / seconds, 2), "provider": provider}
        render.print_json(document)
    elif not quiet:
        parts = [f"{counts[kind]} {kind}" for kind in KINDS if counts[kind]]
        rate = f", {heard / seconds:.1f} tracks per second on {provider}" if heard else ""
        render.say(f"{', '.join(parts) or 'nothing to do'} in {seconds:.1f} s{rate}")
        if counts["failed"] or plan.known_failures:
            render.say("files that could not be heard: musictaste failures")


class _Progress:
    """A bar on a terminal, a line now and then elsewhere."""

    def __init__(self, *, quiet: bool, verbose: bool) -> None:
        self._quiet, self._verbose = quiet, verbose
        self._draws = sys.stderr.isatty() and not quiet
        self._bar: Any = None
        self._total = 0
        self._began = self._said = time.monotonic()

    def load(self) -> None:
        """Import what draws a bar, where there will be one."""
        if self._draws:
            importlib.import_module("rich.progress")

    def start(self, line: str, total: int) -> None:
        self._total = total
        self._began = self._said = time.monotonic()
        if self._quiet:
            return
        render.say(line)
        if self._draws:
            from rich import progress

            columns = (progress.BarColumn(), progress.MofNCompleteColumn(), progress.TextColumn("{task.fields[rate]}"))
            console = render.console(stderr=True)
            self._bar = progress.Progress(
                *columns, progress.TimeRemainingColumn(), console=console, refresh_per_second=REFRESHES_PER_S
            )
            self._bar.add_task("", total=total, rate="")
            self._bar.start()

    def tell(self, outcome: Outcome) -> None:
        """Say what failed, and with --verbose all that was done."""
        told = self._verbose and outcome.kind not in ("unchanged", "removed")
        if not self._quiet and (told or outcome.kind in ("failed", "left alone")):
            reason = f": {render.printable(outcome.reason)}" if outcome.reason else ""
            kind = "" if outcome.kind == "left alone" else f"{outcome.kind} "
            self._say(f"{kind}{render.printable(outcome.path)}{reason}")

    def note(self, line: str) -> None:
        """Say what only --verbose asks for."""
        if self._verbose and not self._quiet:
            self._say(line)

    def reach(self, done: int) -> None:
        now = time.monotonic()
        rate = done / max(now - self._began, 1e-3)
        if self._bar:
            self._bar.update(self._bar.task_ids[0], completed=done, rate=f"{rate:.1f} tracks/s")
        elif not self._quiet and now - self._said >= PLAIN_EVERY_S and rate:
            self._said = now
            left = render.clock(max(self._total - done, 0) / rate)
            self._say(f"{done} of {self._total}, {rate:.1f} tracks per second, {left} left")

    def _say(self, line: str) -> None:
        """A line above the bar."""
        (self._bar.console.print if self._bar else render.say)(line)

    def stop(self) -> None:
        if self._bar:
            self._bar.stop()
            self._bar = None


@app.command()
def doctor(context: typer.Context, device: Device = "auto", as_json: AsJson = False) -> None:
    """Run the models for real, and say what runs where, how fast, and how to mend what does not."""
    from musictaste import health

    report = health.examine(device)
    if as_json:
        render.print_json(report.document())
    else:
        for line in report.lines():
            render.console().print(line)
    if device == "cuda" and report.provider != "CUDA":
        raise ProviderError(f"CUDA was asked for and cannot run here: {report.remedy}")
