"""evaluate: how well lists would have known what was played."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Annotated, Any

import typer

from musictaste.cli import render
from musictaste.cli.context import Globals, app, open_library
from musictaste.cli.showing import AsJson

if TYPE_CHECKING:
    from musictaste.evaluate.evaluation import Evaluation
    from musictaste.evaluate.measures import Figure, Figures
    from musictaste.evaluate.measuring import Prediction, Table
    from musictaste.evaluate.opinions import Agreement, Calibration, Pleased, Satisfaction

TABLES = {
    "next": "the next track of a session",
    "session": "the rest of a session, after its first track",
    "day": "what is played in a day",
    "tracks": "played tracks that were held out",
    "lists": "lists, from all the library",
}
FIGURES = {
    "hit_rate": "hits@{n}",
    "mrr": "MRR@{n}",
    "recall": "recall@{n}",
    "ndcg": "NDCG@{n}",
    "coverage": "coverage",
    "artist_gini": "artists' Gini",
    "novelty": "novelty, bits",
    "diversity": "diversity",
    "never_played": "never played",
}


@app.command("evaluate")
def evaluate_(
    context: typer.Context,
    limit: Annotated[
        int, typer.Option("-n", "--limit", min=1, help="How many tracks a list has, and count as found.")
    ] = 20,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Other samples, and another chance.")] = 0,
    as_json: AsJson = False,
) -> None:
    """How well your own plays are predicted from what came before them, and what is missing to do better."""
    # Set before numpy is loaded: these products are small, and on a busy machine threads wait for each other.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from musictaste.evaluate.evaluation import evaluate

    options: Globals = context.obj
    with open_library(options) as library, _waiting(quiet=options.quiet):
        found = evaluate(library, limit=limit, seed=seed)
    if as_json:
        render.print_json({"n": limit, "seed": seed, **_document(found)})
        return
    on_terminal = sys.stdout.isatty()
    if found.prediction:
        render.print_lines([_header(found.prediction)])
        for table in found.prediction.tables:
            _print_table(table, limit, found) if on_terminal else render.print_lines(_plain(table, limit))
    render.print_lines(_opinions(found))
    render.print_lines(f"missing: {line}" for line in found.missing)


def _waiting(*, quiet: bool) -> AbstractContextManager[object]:
    """A sign that something is done, on a terminal."""
    return nullcontext() if quiet or not sys.stderr.isatty() else render.console(stderr=True).status("predicting")


def _header(prediction: Prediction) -> str:
    if prediction.by == "counts":
        return (
            f"too few plays have times: of {prediction.plays} played tracks {prediction.held_out} are predicted from"
            f" the others, drawn anew in {prediction.tables[0].asked} tries"
        )
    asked = "" if prediction.predicted == prediction.held_out else f" {prediction.predicted} of"
    return (
        f"of {prediction.plays} plays in {prediction.sessions} sessions{asked} the last {prediction.held_out} are"
        f" predicted from what came before them; {prediction.new} are of tracks that were new then"
    )


def _title(table: Table, found: Evaluation) -> str:
    if table.name != "lists":
        return f"{TABLES[table.name]} ({table.asked} times)"
    sample = f", {found.drawn} tracks drawn of {found.tracks}" if found.drawn < found.tracks else ""
    return f"{TABLES[table.name]} ({table.asked} by each{sample})"


def _print_table(table: Table, limit: int, found: Evaluation) -> None:
    names = list(dict.fromkeys(name for figures in table.rows.values() for name in figures))
    rows = [[who, *(_cell(figures.get(name)) for name in names)] for who, figures in table.rows.items()]
    render.print_lines([_title(table, found)])
    render.print_table(["", *(FIGURES[name].format(n=limit) for name in names)], rows)


def _plain(table: Table, limit: int) -> Iterator[str]:
    for who, figures in table.rows.items():
        cells = (f"{FIGURES[name].format(n=limit)} {_cell(figure)}" for name, figure in figures.items())
        yield f"{table.name}: {who}: {'; '.join(cells)}"


def _cell(figure: Figure | None) -> str:
    if figure is None:
        return ""
    return f"{figure.value:.3f}" + ("" if figure.spread is None else f" ± {figure.spread:.3f}")


def _opinions(found: Evaluation) -> Iterator[str]:
    if found.satisfaction:
        commands = found.satisfaction.commands.items()
        by = ", ".join(f"{name} {_cell(pleased.share)}" for name, pleased in commands) if len(commands) > 1 else ""
        of = found.satisfaction.all
        judged = of.likes + of.skips + of.dislikes
        yield (
            f"of {judged} track{'s' * (judged != 1)} of lists that you judged you liked {of.likes}:"
            f" {_cell(of.share)}" + (f" ({by})" if by else "")
        )
    for when, calibration in (
        ("before you taught", found.untaught),
        ("after you taught others", found.taught),
    ):
        if calibration:
            yield (
                f"moods {when}: right on {_cell(calibration.all.right)} of {calibration.all.answers} answers,"
                f" Brier score {_cell(calibration.all.brier)}, calibration error {_cell(calibration.error)}"
            )


def _document(found: Evaluation) -> dict[str, Any]:
    prediction = found.prediction
    tables = {table.name: _table_json(table) for table in prediction.tables} if prediction else {}
    counts = ("by", "plays", "sessions", "held_out", "predicted", "new")
    return {
        "tracks": found.tracks,
        "drawn": found.drawn,
        "history": {name: getattr(prediction, name) for name in counts} if prediction else None,
        "predicted": {name: tables.get(name) for name in TABLES},
        "satisfaction": found.satisfaction and _satisfaction_json(found.satisfaction),
        "moods": {
            "untaught": found.untaught and _moods_json(found.untaught),
            "taught": found.taught and _moods_json(found.taught),
        },
        "missing": list(found.missing),
    }


def _table_json(table: Table) -> dict[str, Any]:
    rows = {who: _figures_json(figures) for who, figures in table.rows.items()}
    return {"asked": table.asked, "groups": table.groups, "rows": rows}


def _figures_json(figures: Figures) -> dict[str, Any]:
    return {name: _figure_json(figure) for name, figure in figures.items()}


def _figure_json(figure: Figure) -> Mapping[str, float | None]:
    return {"value": round(figure.value, 4), "spread": None if figure.spread is None else round(figure.spread, 4)}


def _satisfaction_json(found: Satisfaction) -> dict[str, Any]:
    commands = {command: _pleased_json(pleased) for command, pleased in found.commands.items()}
    return _pleased_json(found.all) | {"commands": commands}


def _pleased_json(pleased: Pleased) -> dict[str, Any]:
    counts = {"likes": pleased.likes, "skips": pleased.skips, "dislikes": pleased.dislikes}
    return counts | {"share": _figure_json(pleased.share)}


def _moods_json(found: Calibration) -> dict[str, Any]:
    moods = {mood: _agreement_json(agreement) for mood, agreement in found.moods.items()}
    return _agreement_json(found.all) | {"calibration_error": _figure_json(found.error), "moods": moods}


def _agreement_json(agreement: Agreement) -> dict[str, Any]:
    return {
        "answers": agreement.answers,
        "right": _figure_json(agreement.right),
        "brier": _figure_json(agreement.brier),
    }
