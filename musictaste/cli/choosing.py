"""mood, style, similar: playlists."""

from __future__ import annotations

import datetime
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from musictaste import moods, playlist_files, quality, styles
from musictaste.cli import render
from musictaste.cli.context import Globals, app, open_library
from musictaste.cli.showing import AsJson, resolve_all
from musictaste.errors import LibraryError, NothingFitsError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from musictaste.playlist import Choice
    from musictaste.store import Library
    from musictaste.track import Plays, Pool, Track

NAMED = 3
"""So many seeds are named in the title of a list: a playlist may bring a thousand."""

Limit = Annotated[int, typer.Option("-n", "--limit", min=1, help="How many tracks.")]
Styles = Annotated[list[str] | None, typer.Option("--style", help="Only this style; several are alternatives.")]
Output = Annotated[Path | None, typer.Option("-o", "--output", help="Write a playlist: .m3u8, .m3u, .xspf or .jspf.")]
Absolute = Annotated[
    bool | None, typer.Option("--absolute/--relative", help="Paths in the playlist.", show_default=False)
]
For = Annotated[
    str | None,
    typer.Option("--for", metavar="PLAYER", help=f"As this player wants paths: {', '.join(playlist_files.PLAYERS)}."),
]
Prefix = Annotated[str | None, typer.Option("--prefix", metavar="OLD=NEW", help="Replace the beginning of paths.")]
PerArtist = Annotated[int, typer.Option("--max-per-artist", min=1, help="At most so many tracks by one artist.")]
Arrangement = Annotated[Literal["flow", "score", "random"], typer.Option("--order", help="Order of the tracks.")]
Seed = Annotated[str | None, typer.Option("--seed", help="Another list of the same kind: a number, or 'today'.")]
Explain = Annotated[bool, typer.Option("--explain", help="Say why each track is there.")]


@app.command()
def mood(
    context: typer.Context,
    name: Annotated[
        str, typer.Argument(metavar="MOOD", help="happy, tender, ... or a synonym: 快乐, triste; see musictaste moods.")
    ],
    style: Styles = None,
    throughout: Annotated[bool, typer.Option("--throughout", help="Only tracks that keep the mood all along.")] = False,
    limit: Limit = 25,
    output: Output = None,
    absolute: Absolute = None,
    player: For = None,
    prefix: Prefix = None,
    max_per_artist: PerArtist = 2,
    order: Arrangement = "flow",
    seed: Seed = None,
    explain: Explain = False,
    as_json: AsJson = False,
) -> None:
    """A playlist of a mood, and of a style if you like."""
    wanted = moods.find_mood(name)
    names = [styles.find_style(s) for s in style or []]
    title = " ".join([wanted, *names] + ["throughout"] * throughout)
    paper = Paper(output, _path_style(absolute, prefix, player), explain, as_json, title)
    wish = _wish(limit, max_per_artist, order, seed)
    _by_labels(context.obj, wanted, names, paper, wish, throughout=throughout)


@app.command()
def style(
    context: typer.Context,
    names: Annotated[
        list[str], typer.Argument(metavar="STYLE...", help="jazz, bebop, ... or a synonym: 爵士, rap ...")
    ],
    limit: Limit = 25,
    output: Output = None,
    absolute: Absolute = None,
    player: For = None,
    prefix: Prefix = None,
    max_per_artist: PerArtist = 2,
    order: Arrangement = "flow",
    seed: Seed = None,
    explain: Explain = False,
    as_json: AsJson = False,
) -> None:
    """A playlist of one or more styles."""
    wanted = [styles.find_style(s) for s in names]
    paper = Paper(output, _path_style(absolute, prefix, player), explain, as_json, " ".join(wanted))
    _by_labels(context.obj, None, wanted, paper, _wish(limit, max_per_artist, order, seed))


@app.command()
def similar(
    context: typer.Context,
    tracks: Annotated[list[str], typer.Argument(metavar="TRACK...", help="A path, a number, or words.")],
    style: Styles = None,
    limit: Limit = 25,
    output: Output = None,
    absolute: Absolute = None,
    player: For = None,
    prefix: Prefix = None,
    max_per_artist: PerArtist = 2,
    order: Arrangement = "flow",
    seed: Seed = None,
    explain: Explain = False,
    as_json: AsJson = False,
) -> None:
    """The tracks nearest to one or more others."""
    from musictaste import playlist

    names = [styles.find_style(s) for s in style or []]
    paths = _path_style(absolute, prefix, player)
    with _opened(context.obj, output, player) as library:
        seeds = resolve_all(library, tracks)
        pool = _pool(library, None, names)
        pool = playlist.without(pool, seeds)
        if not len(pool):
            raise NothingFitsError("no other track fits: " + _considered(library, pool))
        fit = playlist.fit_to_seeds(pool.vectors, library.vectors(seeds))
        title = "similar to " + _named(library, seeds)
        paper = Paper(output, paths, explain, as_json, title)
        _deliver(library, pool, fit, paper, _wish(limit, max_per_artist, order, seed), context.obj, _near_reasons)


@dataclass(frozen=True)
class Paper:
    """Where a list goes, and how."""

    output: Path | None
    style: playlist_files.PathStyle
    explain: bool
    as_json: bool
    title: str


def _path_style(absolute: bool | None, prefix: str | None, player: str | None) -> playlist_files.PathStyle:
    return playlist_files.path_style(absolute=absolute, prefix=prefix, player=player)


def _named(library: Library, seeds: Sequence[int]) -> str:
    more = f" and {len(seeds) - NAMED} more" if len(seeds) > NAMED else ""
    return ", ".join(track.name for track in library.tracks(seeds[:NAMED])) + more


def _wish(limit: int, max_per_artist: int, order: Literal["flow", "score", "random"], seed: str | None) -> Any:
    from musictaste import playlist

    if seed is not None and seed != "today" and not seed.isdigit():
        raise typer.BadParameter("is neither a number nor 'today'", param_hint="--seed")
    number = datetime.date.today().toordinal() if seed == "today" else None if seed is None else int(seed)
    return playlist.Wish(limit, max_per_artist, order, number)


def _opened(options: Globals, output: Path | None, player: str | None) -> Library:
    """The library, after making sure that the playlist could be written."""
    if output:
        playlist_files.check_target(output, player)
    return open_library(options)


def _thresholds(wanted: str | None, names: Sequence[str]) -> tuple[float | None, float | None]:
    """From where on a track has the mood, and one of the styles; None where nothing was asked."""
    mood_from = quality.labels("emotion")[wanted].threshold if wanted else None
    return mood_from, min(map(quality.style_threshold, names), default=None)


def _pool(library: Library, wanted: str | None, names: Sequence[str]) -> Pool:
    """The tracks that fit.

    Raises
    ------
    NothingFitsError
        When only tags tell the styles, and there are none.
    """
    if names and all(map(styles.told_by_tags, names)) and not library.count_told(names):
        heard = " or ".join(dict.fromkeys(top for name in names for top in styles.heard_as(name)))
        tells = f"tells only {heard}" if heard else "does not tell it"
        raise NothingFitsError(
            f"no track is {' or '.join(names)}: none of {library.count()} tracks is tagged so, and sound {tells}"
        )
    mood_from, style_from = _thresholds(wanted, names)
    return library.pool(mood=wanted, styles=names, mood_from=mood_from or 0.0, style_from=style_from or 0.0)


def _considered(library: Library, pool: Pool) -> str:
    return f"{pool.considered} tracks were considered{_left_out(library)}"


def _left_out(library: Library) -> str:
    """How many tracks no playlist takes because they are no music: " (left out: 2 speech, 1 noise)"."""
    counts = [f"{count} {kind}" for kind, count in library.not_music().items()]
    return f" (left out: {', '.join(counts)})" if counts else ""


def _by_labels(
    options: Globals, wanted: str | None, names: Sequence[str], paper: Paper, wish: Any, *, throughout: bool = False
) -> None:
    from musictaste import playlist

    labels = " ".join(filter(None, [wanted, *names]))
    with _opened(options, paper.output, paper.style.player) as library:
        pool = _pool(library, wanted, names)
        if not len(pool):
            needed = " and ".join(f"{t:.2f}" for t in _thresholds(wanted, names) if t is not None)
            best = f"the best scored {pool.best:.2f}, {needed} is needed"
            unknown = library.count_unknown(wanted) if wanted else 0
            remedy = f"; {unknown} were heard before {wanted} was known: run 'musictaste scan'" if unknown else ""
            raise NothingFitsError(f"no track is {labels} enough: {_considered(library, pool)}, {best}{remedy}")
        if wanted and throughout:
            pool = _kept_throughout(library, pool, wanted, labels, quiet=options.quiet)
        if not options.quiet and not paper.as_json:
            render.console(stderr=True).print(
                f"{len(pool)} of {pool.considered} tracks are {paper.title}{_left_out(library)}"
            )
        _deliver(library, pool, playlist.fit_to_labels(pool), paper, wish, options, _label_reasons(wanted, names))


def _kept_throughout(library: Library, pool: Pool, wanted: str, labels: str, *, quiet: bool) -> Pool:
    """The tracks that keep the mood; says how many were left out because nobody knows whether they do."""
    from musictaste import playlist

    timelines = library.timelines(pool.ids.tolist())
    current = {track_id: timeline for track_id, timeline in timelines.items() if timeline.current}
    kept = playlist.throughout(pool, current, wanted, quality.labels("emotion")[wanted].threshold)
    unknown = len(pool) - len(current)
    # A usual scan hears what has no timeline, but leaves alone what an older head has heard.
    remedy = "musictaste scan --full" if len(current) < len(timelines) else "musictaste scan"
    lost = f"{unknown} left out whose mood over time is not known: run '{remedy}'" if unknown else ""
    if not len(kept):
        plainly = f"{len(pool)} of {pool.considered} tracks are {labels}"
        raise NothingFitsError(f"no track is {labels} throughout: {plainly}, {lost or 'none of them all along'}")
    if lost and not quiet:
        render.console(stderr=True).print(lost)
    return kept


def _deliver(
    library: Library, pool: Pool, fit: NDArray[np.float32], paper: Paper, wish: Any, options: Globals, reasons: Any
) -> None:
    from musictaste import playlist, taste

    plays = library.plays()
    choices = playlist.choose(pool, fit, taste.score(pool.vectors, plays), wish)
    tracks = library.tracks([choice.track_id for choice in choices])
    explained = [
        reasons(track, choice) + _taste_reason(choice, plays) for track, choice in zip(tracks, choices, strict=True)
    ]
    if paper.output:
        _write(paper, tracks, options)
    if paper.as_json:
        rows = zip(tracks, choices, explained, strict=True)
        render.print_json([_choice_json(track, choice, why) for track, choice, why in rows])
    elif not paper.output and sys.stdout.isatty():
        scores = [choice.score for choice in choices]
        render.print_tracks(list(zip(tracks, scores, explained, strict=True)), explain=paper.explain)
    elif not paper.output:
        _print_plain(tracks, explained, explain=paper.explain)
    try:
        library.save_list([track.id for track in tracks])
    except LibraryError as error:
        render.console(stderr=True).print(f"the numbers of this list will not be known: {error}")


def _print_plain(tracks: Sequence[Track], explained: Sequence[Sequence[str]], *, explain: bool) -> None:
    render.print_paths(tracks)
    if explain:
        for track, why in zip(tracks, explained, strict=True):
            render.console(stderr=True).print(f"{render.printable(track.name)}: {render.printable('; '.join(why))}")


def _write(paper: Paper, tracks: Sequence[Track], options: Globals) -> None:
    assert paper.output  # noqa: S101 - the caller has looked
    entries = [playlist_files.Entry(t.path, t.title, t.artist, t.duration_s) for t in tracks]
    left_out = playlist_files.write_playlist(paper.output, entries, name=paper.title, paths=paper.style)
    err = render.console(stderr=True)
    for left in left_out:
        err.print(f"left out, {left.reason}: {render.printable(left.entry.path)}")
    if not options.quiet:
        length = render.clock(sum(t.duration_s for t in tracks))
        err.print(f"{len(tracks) - len(left_out)} tracks, {length}, in {render.printable(str(paper.output))}")


def _choice_json(track: Track, choice: Choice, why: Sequence[str]) -> dict[str, Any]:
    known = render.track_json(track)
    return {
        **{key: known[key] for key in ("path", "artist", "title", "album", "duration_s")},
        "score": round(choice.score, 4),
        "mood": moods.emotion(track.moods),
        "style": render.top(track.styles),
        **{key: known[key] for key in ("moods", "styles")},
        "taste": None if choice.taste is None else round(choice.taste, 4),
        "reasons": list(why),
    }


def _label_reasons(wanted: str | None, names: Sequence[str]) -> Any:
    def reasons(track: Track, _: Choice) -> list[str]:
        heard = [f"sounds {wanted} ({track.moods[wanted]:.2f})"] if wanted else []
        return heard + [_style_reason(track, name) for name in names if name in (*track.styles, *track.tagged)]

    return reasons


def _style_reason(track: Track, name: str) -> str:
    """What decided that a track has a style: its tag where only that tells it or the sound alone would not do."""
    heard, tag = styles.heard_as(name), f"tagged '{track.genre}'"
    if not heard:
        return tag
    alone, weighed = (sum(p[top] for top in heard) for p in (track.by_sound or track.styles, track.styles))
    if styles.told_by_tags(name) or alone < quality.style_threshold(name) <= weighed:
        return f"{tag} ({' or '.join(heard)} {weighed:.2f}, by the sound alone {alone:.2f})"
    return f"sounds like {name} ({alone:.2f}{f', with its tag {weighed:.2f}' if alone < weighed else ''})"


def _near_reasons(_: Track, choice: Choice) -> list[str]:
    return [f"sounds close to what you named ({choice.fit:.2f})"]


def _taste_reason(choice: Choice, plays: Plays) -> list[str]:
    if choice.because < 0:
        return []
    if int(plays.ids[choice.because]) == choice.track_id:
        return [f"you played it {int(plays.plays[choice.because])} times"]
    return [f"close to {plays.names[choice.because]}, which you play"]
