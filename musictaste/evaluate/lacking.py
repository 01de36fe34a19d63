"""Which data would make predictions better, or figures surer."""

from __future__ import annotations

from dataclasses import dataclass

FEW_PLAYS = 1000


@dataclass(frozen=True)
class Stock:
    """How much there is of what a taste is made from; `gone` counts plays of what is no longer there, or no music."""

    timed: int
    plays: int
    skips: int
    rated: int
    judged: int
    taught: int
    gone: int
    failed: int
    others: int


def missing(stock: Stock) -> list[str]:
    """A sentence for all that is missing, the most useful first."""
    undated = stock.plays - stock.timed if stock.timed else 0
    sentences = (
        (not stock.timed, "no play has a time, by which sessions are known: import a log, as of Last.fm"),
        (0 < stock.timed < FEW_PLAYS, f"only {stock.timed} plays have a time: below {FEW_PLAYS}, figures say little"),
        (undated > 0, f"{undated} of {stock.plays} plays have no time, so nobody knows what they were played with"),
        (not stock.skips, "no skip is known, to say what you do not want: import a player that counts them"),
        (not stock.rated, "no track is rated or loved, so only plays say what you like"),
        (not stock.judged, "no track of a list was judged: 'like', 'skip' and 'dislike' say whether it pleased"),
        (not stock.taught, "no mood was taught: 'teach' says whether moods are what you hear"),
        (not stock.others, "nobody else's plays are known, to say what goes together: 'plays import --all-users'"),
        (stock.gone > 0, f"{stock.gone} plays are left out: their tracks are gone, or no music"),
        (stock.failed > 0, f"{stock.failed} files could not be heard, so nothing is known of them: see 'failures'"),
    )
    return [sentence for is_so, sentence in sentences if is_so]
