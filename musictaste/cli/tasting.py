"""taste: what is believed of the user, and from which source."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from musictaste.cli import render
from musictaste.cli.context import Globals, app, open_library
from musictaste.cli.showing import AsJson

if TYPE_CHECKING:
    from musictaste.profile import Belief, Profile, Whole
    from musictaste.store import Library
    from musictaste.track import Evidence, Judged

SHADES = " ·░▒▓█"


@dataclass(frozen=True)
class Told:
    """How much one source tells."""

    source: str
    tracks: int
    plays: int
    skips: int
    rated: int
    loved: int
    liked: int
    disliked: int


@app.command("taste")
def taste_(
    context: typer.Context,
    limit: Annotated[int, typer.Option("-n", "--limit", min=1, help="How many of each kind.")] = 5,
    as_json: AsJson = False,
) -> None:
    """What is believed of your taste, beside what your library is like, and which sources tell it."""
    options: Globals = context.obj
    with open_library(options) as library:
        evidence = library.evidence()
        sources = list(_sources(evidence, library))
        judged = library.judged()
        found = _profile(library, evidence)
    if as_json:
        satisfaction = {"judged": len(judged), "liked": _liked(judged)} if judged else None
        render.print_json(_document(found, sources, limit) | {"satisfaction": satisfaction})
        return
    if found:
        render.print_lines(_lines(found, limit))
    elif not options.quiet:
        render.say("nothing that you like is known yet: see 'plays detect' and 'like'")
    render.print_lines(_source_lines(sources))
    if judged:
        render.print_lines([f"of {len(judged)} tracks of lists that you judged you liked {_liked(judged)}"])


def _liked(judged: Sequence[Judged]) -> int:
    return sum(one.verdict == "like" for one in judged)


def _profile(library: Library, evidence: Iterable[Evidence]) -> Profile | None:
    from musictaste import profile, taste

    plays = library.plays()
    weights = taste.weigh(plays)
    liked = (weights > 0).nonzero()[0]
    ids = [int(plays.ids[row]) for row in liked]
    return profile.profile(
        library.tracks(ids), weights[liked], years=library.years(ids), evidence=evidence, whole=_whole(library)
    )


def _whole(library: Library) -> Whole:
    from musictaste import profile

    artists, years = library.shares()
    decades: dict[str, float] = defaultdict(float)
    for year, share in years.items():
        decades[profile.decade(year) or ""] += share
    return profile.Whole(*library.mean_labels(), artists, decades)


def _sources(evidence: Iterable[Evidence], library: Library) -> Iterator[Told]:
    """What each source tells, players before tags and feedback."""
    from musictaste.store import FEEDBACK

    by_source: dict[str, list[Evidence]] = defaultdict(list)
    for said in evidence:
        by_source[said.source].append(said)
    disliked = library.count_disliked_by_user()
    for source, rows in by_source.items():
        yield Told(
            source,
            len(rows),
            sum(row.plays for row in rows),
            sum(row.skips for row in rows),
            sum(bool(row.rating) for row in rows),
            sum(row.loved for row in rows),
            sum(row.liked for row in rows),
            disliked if source == FEEDBACK else 0,
        )


def _document(found: Profile | None, sources: Sequence[Told], limit: int) -> dict[str, Any]:
    if found is None:
        kinds: dict[str, Any] = {"moods": [], "styles": [], "artists": [], "decades": [], "map": None}
        return {"tracks": 0, **kinds, "sources": [asdict(told) for told in sources]}
    beliefs = {"moods": found.moods, "styles": found.styles, "artists": found.artists, "decades": found.decades}
    return {
        "tracks": found.tracks,
        **{kind: [_belief_json(belief) for belief in some[:limit]] for kind, some in beliefs.items()},
        "map": {
            "valence": round(found.centre.valence, 4),
            "arousal": round(found.centre.arousal, 4),
            "library": {"valence": round(found.library.valence, 4), "arousal": round(found.library.arousal, 4)},
            "density": [[round(share, 4) for share in row] for row in found.density],
        },
        "sources": [asdict(told) for told in sources],
    }


def _belief_json(belief: Belief) -> dict[str, Any]:
    return {
        "name": belief.name,
        "share": round(belief.share, 4),
        "library": round(belief.library, 4),
        "tracks": belief.tracks,
        "sources": render.rounded(belief.sources),
    }


def _lines(found: Profile, limit: int) -> Iterator[str]:
    yield f"from {_tracks(found.tracks)} that you like; beside each share that of your library"
    for kind in ("moods", "styles", "artists", "decades"):
        beliefs: Sequence[Belief] = getattr(found, kind)[:limit]
        for position, belief in enumerate(beliefs):
            said = f"{kind if position == 0 else '':8} {belief.name[:24]:24} {render.bar(belief.share, 12)}"
            yield f"{said} {belief.share:4.0%} {belief.library:4.0%}  {_by(belief.sources)}"
    yield from _map_lines(found)


def _tracks(count: int) -> str:
    return f"{count} track" + "s" * (count != 1)


def _by(sources: Mapping[str, float]) -> str:
    return ", ".join(f"{source} {share:.0%}" for source, share in sources.items() if share >= 0.005)


def _map_lines(found: Profile) -> Iterator[str]:
    """The map with a shade for each share of the fullest place, o where the library's middle is."""
    most = max(max(row) for row in found.density)
    rows, columns = len(found.density), len(found.density[0])
    middle = (
        min(int((1 - found.library.arousal) * rows), rows - 1),
        min(int(found.library.valence * columns), columns),
    )
    for number, row in enumerate(found.density):
        shades = [SHADES[-1 if share == most else int(share / most * (len(SHADES) - 2) + (share > 0))] for share in row]
        if middle[0] == number and shades[middle[1]] == " ":
            shades[middle[1]] = "o"
        yield f"{('lively', *[''] * (rows - 2), 'quiet')[number]:8} |{''.join(shades)}|"
    yield f"{'':8}  {'unpleasant':13}{'pleasant':>12}"
    centre, library = found.centre, found.library
    yield (
        f"{'':8} valence {centre.valence:.2f}, arousal {centre.arousal:.2f};"
        f" your library (o) {library.valence:.2f}, {library.arousal:.2f}"
    )


def _source_lines(sources: Iterable[Told]) -> Iterator[str]:
    for position, told in enumerate(sources):
        counts = [f"{count} {name}" for name, count in list(asdict(told).items())[2:] if count]
        yield f"{'sources' if position == 0 else '':8} {told.source}: {_tracks(told.tracks)}, {', '.join(counts)}"
