"""show, moods, styles, models, failures: what the program and the library know."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from musictaste import quality
from musictaste.cli import render
from musictaste.cli.context import Globals, app, open_library
from musictaste.errors import UnknownTrackError
from musictaste.quality import LabelQuality
from musictaste.styles import above, told_by_tags, tree

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from musictaste.playlist_reading import Line
    from musictaste.store import Library
    from musictaste.track import Track

CANDIDATES = 10
NEIGHBOURS = 5
FIGURES = ("tracks", "threshold", "precision", "recall", "AUROC")
BY_TAGS = ("by tags", "", "", "")

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def resolve(library: Library, words: str) -> int:
    """The one track that a path, a number of the last list, or words name.

    Raises
    ------
    UnknownTrackError
        When there is none, or more than one: the candidates are listed.
    """
    if words.isdigit() and (listed := library.listed(int(words))) is not None:
        return listed
    found = library.find(words)
    if len(found) == 1:
        return found[0]
    if not found:
        raise UnknownTrackError(f"no track is called '{words}'")
    names = "\n".join(f"  {track.path}" for track in library.tracks(found[:CANDIDATES]))
    more = f"\n  and {len(found) - CANDIDATES} more" if len(found) > CANDIDATES else ""
    raise UnknownTrackError(f"'{words}' names {len(found)} tracks: say more, or give a path\n{names}{more}")


def resolve_all(library: Library, names: Iterable[str]) -> list[int]:
    """The tracks of several names, each once; the name of a playlist file stands for those that it lists.

    Raises
    ------
    UnknownTrackError
        When a name means no track or several, or a playlist lists none of the library.
    """
    from musictaste.playlist_reading import is_playlist

    found: dict[int, None] = {}
    for words in names:
        path = Path(words)
        found |= dict.fromkeys(_tracks_of(library, path) if is_playlist(path) else [resolve(library, words)])
    return list(found)


def _tracks_of(library: Library, playlist: Path) -> list[int]:
    from musictaste.playlist_reading import read_lines

    lines = read_lines(playlist)
    states = [None if line.path is None else library.file_state(line.path) for line in lines]
    found = [state.track_id if state else None for state in states]
    elsewhere = [line for line, track in zip(lines, found, strict=True) if track is None]
    known = [track for track in found if track is not None] + _matched(library, elsewhere)
    if not known:
        raise UnknownTrackError(f"'{playlist}': none of its {len(lines)} tracks is in the library")
    if len(known) < len(lines):
        lost = f"{len(lines) - len(known)} of {len(lines)} tracks are not in the library"
        render.say(f"{render.printable(str(playlist))}: {lost}")
    return known


def _matched(library: Library, lines: Sequence[Line]) -> list[int]:
    """The tracks that lines of a playlist of another machine mean, by the ends of their paths or by their names."""
    from musictaste.matching import Matcher
    from musictaste.playlist_reading import record

    matcher = Matcher(library.named_files() if lines else [])
    matches = (matcher.match(record(line)).track_id for line in lines)
    return [track for track in matches if track is not None]


@app.command()
def show(
    context: typer.Context,
    tracks: Annotated[list[str] | None, typer.Argument(metavar="TRACK...", help="A path, a number, or words.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="The whole library; with --json a line each.")] = False,
    vectors: Annotated[bool, typer.Option("--vectors", help="With the embedding (JSON only).")] = False,
    as_json: AsJson = False,
) -> None:
    """All that is known of a track."""
    options: Globals = context.obj
    with open_library(options) as library:
        if not tracks and not everything:
            raise typer.BadParameter("name a track, or say --all", param_hint="TRACK...")
        ids = library.all_ids() if everything else resolve_all(library, tracks or [])
        if as_json:
            for start in range(0, len(ids), 1000):
                part = ids[start : start + 1000]
                timelines, words, voices = library.timelines(part), library.words_and_moods(part), library.voices(part)
                said, disliked = library.said_of(part), library.disliked(part)
                for track in library.tracks(part):
                    document = render.track_json(track) | render.timeline_json(timelines.get(track.id))
                    document["words"] = render.words_json(words.get(track.id))
                    document["voice"] = render.voice_json(voices.get(track.id))
                    document["feedback"] = [one._asdict() for one in said.get(track.id, [])]
                    document["disliked"] = track.id in disliked
                    if vectors:
                        document["embedding"] = [round(float(v), 4) for v in library.embedding(track.id)]
                    render.print_json(document)
            return
        timelines, words, answers = library.timelines(ids), library.words_and_moods(ids), library.answers()
        voices = library.voices(ids)
        said, disliked = library.said_of(ids), library.disliked(ids)
        for track in library.tracks(ids):
            near = [] if everything else _nearest(library, track.id)
            taught = [answer for answer in answers if answer.track_id == track.id]
            opinion = render.opinion_line(said.get(track.id, []), disliked=track.id in disliked)
            beside = (timelines.get(track.id), words.get(track.id), voices.get(track.id))
            render.print_track(track, render.About(*beside, near, taught, opinion))


def _nearest(library: Library, track_id: int) -> list[Track]:
    """The music that `similar` finds nearest to a track, whoever it is by."""
    import numpy as np

    from musictaste import playlist, taste

    sound, together = library.vectors([track_id]), library.together([track_id])
    beside = partial(taste.companions, together)
    pool = library.pool(mood=None, styles=[], mood_from=0.0, style_from=0.0, near=sound, beside=beside)
    pool = playlist.without(pool, [track_id])
    fit = playlist.fit_to_seeds(pool.vectors, sound, library.surroundings(pool.ids, np.asarray([track_id])))
    order = np.argsort(-taste.blended(fit, pool.ids, together), kind="stable")
    return library.tracks(pool.ids[order[:NEIGHBOURS]].tolist())


@app.command()
def moods(context: typer.Context, as_json: AsJson = False) -> None:
    """The moods, how many tracks reach each, and how well each was measured to be heard."""
    measured = quality.labels("emotion")
    with open_library(context.obj) as library:
        counts = library.counts_reaching("mood", {label: q.threshold for label, q in measured.items()})
    if as_json:
        render.print_json([{"label": label, "tracks": counts[label], **vars(q)} for label, q in measured.items()])
        return
    rows = ([label, str(counts[label]), *_figures(q)] for label, q in measured.items())
    render.print_table(["mood", *FIGURES], rows)


@app.command()
def styles(context: typer.Context, as_json: AsJson = False) -> None:
    """The tree of styles, how many tracks reach each, and how well it is heard or that tags tell it."""
    with open_library(context.obj) as library:
        rows = list(_style_rows(library))
    if as_json:
        render.print_json([_style_json(*row) for row in rows])
        return
    table = (
        [f"{'  ' if above(label) else ''}{label}", str(n), *(BY_TAGS if told_by_tags(label) else _figures(q))]
        for label, n, q in rows
    )
    render.print_table(["style", *FIGURES], table)


def _style_rows(library: Library) -> Iterator[tuple[str, int, LabelQuality]]:
    """Each style of the tree, how many tracks reach it, and how well it is heard."""
    measured = quality.labels("style")
    told = {style: quality.style_threshold(style) for style in tree() if told_by_tags(style)}
    counts = library.counts_reaching("style", {style: q.threshold for style, q in measured.items()})
    counts |= library.counts_tagged(told)
    for style in tree():
        yield style, counts[style], measured.get(style) or LabelQuality(told[style])


def _style_json(label: str, tracks: int, measured: LabelQuality) -> dict[str, Any]:
    told_by = "tags" if told_by_tags(label) else "sound"
    return {"label": label, "below": above(label), "told_by": told_by, "tracks": tracks, **vars(measured)}


def _figures(measured: LabelQuality) -> list[str]:
    figures = [measured.precision, measured.recall, measured.auroc]
    return [f"{measured.threshold:.2f}"] + ["not measured" if value is None else f"{value:.2f}" for value in figures]


@app.command()
def models(context: typer.Context, as_json: AsJson = False) -> None:
    """The models: what each does, its licence, what it was trained on, measured quality, size and checksum."""
    cards = quality.cards()
    if as_json:
        render.print_json([vars(card) | {"research_only": card.research_only} for card in cards])
        return
    render.print_lines(line for card in cards for line in _card_lines(card))


def _card_lines(card: quality.Card) -> list[str]:
    figures = (
        f"{name.replace('_', ' ')} " + " ± ".join(f"{v:.3g}" for v in (value if isinstance(value, list) else [value]))
        for name, value in card.quality.items()
    )
    lines = [
        f"{card.name} ({card.version}, {card.bytes / 1e6:.2f} MB): {card.purpose}",
        f"  licence     {card.licence}",
        *(f"  trained on  {name}: {terms}" for name, terms in card.trained_on.items()),
        f"  measured    {', '.join(figures)}",
        f"  sha256      {card.sha256}",
    ]
    if card.research_only:
        lines.append(f"  its training data were for RESEARCH ONLY: {'; '.join(card.research_only)}")
    return lines


@app.command()
def failures(context: typer.Context, as_json: AsJson = False) -> None:
    """Files that could not be listened to, each with its reason."""
    options: Globals = context.obj
    with open_library(options) as library:
        rows = library.failures()
    if as_json:
        render.print_json([{"path": failure.path, "reason": failure.reason} for failure in rows])
    else:
        render.print_lines(f"{failure.path}: {failure.reason}" for failure in rows)
