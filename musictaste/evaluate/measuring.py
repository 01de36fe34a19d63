"""Hold out the end of a listening history, predict it from what came before, and measure that.

By time, and learned anew for each part, as live systems meet the future: Ludewig and Jannach, "Evaluation of
session-based recommendation algorithms", UMUAI 28, 2018. What is asked and what is learned know nothing of what is
held out. Answers are ranked among the tracks that were known by then; lists are made from the whole library, since
coverage and the share of what was never played are about the rest of it as well.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from musictaste import colistening
from musictaste.evaluate import measures
from musictaste.evaluate.asking import Day, Kind, Question, count_new, days, questions
from musictaste.evaluate.contenders import CONTENDERS, MIX, Contender, at_random, foremost, listed, mix, same_artist
from musictaste.evaluate.measures import Figures
from musictaste.evaluate.past import (
    NOTHING,
    Catalogue,
    Doubles,
    Flags,
    Learned,
    Listening,
    Moment,
    Numbers,
    learn,
    moment,
    some,
    with_sound,
)
from musictaste.track import Plays, Together

WORK = 700_000
LEAST_DAYS, MOST_DAYS = 20, 250
"""Of a long history so many days are asked for that their number times that of tracks is WORK, within these bounds."""

LISTS = 100
"""So many lists are made by each, on days spread evenly over those that are asked for."""

LEAST_SESSIONS = 25
LEAST_TRACKS = 20
TRIES = 20
"""Where plays have no times, so many draws hold a fifth of the played tracks out."""

ASKED: Mapping[Kind, tuple[str, ...]] = {
    "next": ("hit_rate", "mrr"),
    "session": ("recall", "ndcg"),
    "day": ("recall", "ndcg"),
}
FOUND = ("hit_rate", "mrr", "recall", "ndcg")


@dataclass(frozen=True)
class Table:
    """Figures of each contender: of how many questions or lists, in how many independent groups."""

    name: str
    asked: int
    groups: int
    rows: Mapping[str, Figures]


@dataclass(frozen=True)
class Prediction:
    """How well a history was predicted; `by` says what was held out.

    Of `plays` with a time, or played tracks where there are no times, `held_out` were at the end, `predicted` of them
    on the days that were asked for, and `new` of these were plays of tracks that nobody could know.
    """

    by: str
    plays: int
    sessions: int
    held_out: int
    predicted: int
    new: int
    tables: tuple[Table, ...]


@dataclass
class _Answers:
    """What each contender found of the questions of a kind, and the groups that these belong to."""

    by: Mapping[str, Contender]
    limit: int
    groups: list[int] = field(default_factory=list)
    found: dict[str, list[tuple[float, ...]]] = field(default_factory=lambda: defaultdict(list))

    def add(self, now: Moment, question: Question, among: Flags) -> None:
        self.groups.append(question.group)
        for who, contender in self.by.items():
            top = foremost(contender(now, question.context), among, now.chance, limit=self.limit)
            self.found[who].append(measures.found(top, question.wanted, self.limit))

    def table(self, name: str, kept: Sequence[str], rng: np.random.Generator) -> Table:
        groups, columns = np.array(self.groups), [FOUND.index(measure) for measure in kept]
        rows = {
            who: measures.named(kept, measures.mean(np.array(found)[:, columns], groups, rng))
            for who, found in self.found.items()
        }
        return Table(name, len(groups), len(set(self.groups)), rows)


@dataclass(frozen=True)
class _List:
    """A list that one contender made at one moment: its tracks, how new each was then, and whether one was played.

    Where there are no times, nothing was played after it: None.
    """

    tracks: Numbers
    novelty: Doubles
    unplayed: Flags
    hit: bool | None


def by_times(catalogue: Catalogue, listening: Listening, *, limit: int, rng: np.random.Generator) -> Prediction | None:
    """Predict the last fifth of plays that have times; None where there are too few."""
    plays = listening.plays
    held_out = days(plays) if len(plays) and plays.sessions[-1] + 1 >= LEAST_SESSIONS else []
    most = min(max(WORK // max(len(catalogue), 1), LEAST_DAYS), MOST_DAYS)
    asked = _some(held_out, most, rng)
    answers: Mapping[Kind, _Answers] = {kind: _Answers(CONTENDERS, limit) for kind in ASKED}
    lists: dict[str, list[_List]] = defaultdict(list)
    with_lists = {day.begin for day in _even([day for day in asked if day.end - day.begin > 1], LISTS)}
    for day, now in _moments(catalogue, listening, held_out, asked, rng):
        known = now.played > 0
        for question in questions(plays, day, known, rng):
            answers[question.kind].add(now, question, _among(known, question))
        if day.begin in with_lists:
            came = plays.tracks[day.begin : day.end]
            for who in CONTENDERS:
                lists[who].append(_list(who, now, came[:1], limit, comes=came[1:]))
    if not any(answer.groups for answer in answers.values()):
        return None
    tables = [answers[kind].table(kind, kept, rng) for kind, kept in ASKED.items() if answers[kind].groups]
    tables += [_lists_table(catalogue, lists, rng)] if lists else []
    return Prediction(
        "times",
        len(plays),
        int(plays.sessions[-1]) + 1,
        len(plays) - held_out[0].begin,
        sum(day.end - day.begin for day in asked),
        count_new(plays, asked),
        tuple(tables),
    )


def _moments(
    catalogue: Catalogue,
    listening: Listening,
    held_out: Sequence[Day],
    asked: Sequence[Day],
    rng: np.random.Generator,
) -> Iterable[tuple[Day, Moment]]:
    """Each day that is asked for with what is known when it begins; what goes together is learned once for a part."""
    begins: dict[int, int] = {}
    for day in held_out:
        begins.setdefault(day.part, day.begin)
    learned: tuple[int, Learned] | None = None
    for day in asked:
        if learned is None or learned[0] != day.part:
            before = int(listening.plays.at[begins[day.part]])
            learned = day.part, learn(listening, before, catalogue.pool.vectors)
        yield day, moment(catalogue, listening, day.begin, learned[1], chance=rng.random(len(catalogue)))


def _some(held_out: Sequence[Day], most: int, rng: np.random.Generator) -> list[Day]:
    kept = rng.permutation(len(held_out))[:most]
    return [held_out[i] for i in np.sort(kept).tolist()]


def _even(asked: Sequence[Day], most: int) -> list[Day]:
    return [asked[i * len(asked) // most] for i in range(most)] if len(asked) > most else list(asked)


def _among(known: Flags, question: Question) -> Flags:
    among = known.copy()
    among[question.passed] = False
    return among


def _list(who: str, now: Moment, context: Numbers, limit: int, *, comes: Numbers | None = None) -> _List:
    tracks = listed(who, now, context, limit=limit)
    return _List(
        tracks,
        measures.novelty(now.played)[tracks],
        now.played[tracks] == 0,
        None if comes is None else bool(np.isin(tracks, comes).any()),
    )


def _lists_table(catalogue: Catalogue, lists: Mapping[str, Sequence[_List]], rng: np.random.Generator) -> Table:
    made = max(map(len, lists.values()))
    return Table("lists", made, made, {who: _of_lists(catalogue, those, rng) for who, those in lists.items()})


def _of_lists(catalogue: Catalogue, lists: Sequence[_List], rng: np.random.Generator) -> Figures:
    """What lists are like; one that holds nothing says nothing of tracks, but it was not what was played."""
    hits = np.array([[one.hit] for one in lists if one.hit is not None], np.float64)
    hit_rate = measures.named(["hit_rate"], measures.mean(hits, np.arange(len(hits)), rng)) if len(hits) else {}
    filled = [one for one in lists if len(one.tracks)]
    if not filled:
        return hit_rate
    values = [
        (one.novelty.mean(), measures.diversity(catalogue.pool.vectors[one.tracks]), one.unplayed.mean())
        for one in filled
    ]
    figures = measures.mean(np.array(values), np.arange(len(filled)), rng)
    return {
        **hit_rate,
        **_exposure(catalogue, [one.tracks for one in filled], rng),
        **measures.named(["novelty", "diversity", "never_played"], figures),
    }


def _exposure(catalogue: Catalogue, lists: Sequence[Numbers], rng: np.random.Generator) -> Figures:
    """The share of what is offered that gets into lists, and how unevenly they go through its artists."""
    artists = np.unique(catalogue.artists[catalogue.offered])

    def coverage(chosen: Numbers) -> float:
        return len(np.unique(_joined(lists, chosen))) / int(catalogue.offered.sum())

    def unevenness(chosen: Numbers) -> float:
        places = np.searchsorted(artists, catalogue.artists[_joined(lists, chosen)])
        return measures.gini(np.bincount(places, minlength=len(artists)))

    return {
        "coverage": measures.drawn_again(coverage, len(lists), rng),
        "artist_gini": measures.drawn_again(unevenness, len(lists), rng),
    }


def _joined(lists: Sequence[Numbers], chosen: Numbers) -> Numbers:
    return np.concatenate([lists[i] for i in chosen.tolist()])


def by_counts(
    catalogue: Catalogue, listening: Listening, plays: Plays, *, limit: int, rng: np.random.Generator
) -> Prediction | None:
    """Predict a fifth of the played tracks from the others, in TRIES draws; None where there is too little to tell.

    Without times nothing comes after anything, so the only question is which tracks belong to the user.
    """
    rows = plays.ids[plays.plays > 0]
    held = len(rows) // 5
    if len(rows) < LEAST_TRACKS or len(catalogue) - len(rows) < held:
        return None
    learned = _learned_from_others(catalogue, listening)
    among_others = np.asarray(listening.others.sum(axis=0)).ravel()
    contenders: dict[str, Contender] = {MIX: mix, "same artist by plays": same_artist}
    if among_others.any():
        contenders["popularity"] = lambda *_: np.where(among_others > 0, among_others, -np.inf)
    contenders["random"] = at_random
    answers, lists = _Answers(contenders, limit), defaultdict[str, list[_List]](list)
    for draw in range(TRIES):
        wanted = rng.permutation(rows)[:held]
        now = _without(catalogue, plays, wanted, learned, rng.random(len(catalogue)))
        question = Question("day", draw, NOTHING, wanted, NOTHING)
        answers.add(now, question, now.played == 0)
        lists[MIX].append(_list(MIX, now, NOTHING, limit))
        lists["random"].append(_list("random", now, NOTHING, limit))
    tables = answers.table("tracks", ("recall", "ndcg"), rng), _lists_table(catalogue, lists, rng)
    return Prediction("counts", len(rows), 0, held, held, 0, tables)


def _learned_from_others(catalogue: Catalogue, listening: Listening) -> Learned:
    theirs = listening.whose > 0
    everybody = colistening.listens(listening.tracks[theirs], listening.at[theirs], listening.whose[theirs])
    related = colistening.relate(everybody, listening.others, catalogue.pool.vectors)
    nothing = colistening.followed(everybody.between(0, 0), len(catalogue), 1, fading=False)
    return Learned(Together(related.columns, related.strengths, related.trust), nothing)


def _without(catalogue: Catalogue, plays: Plays, wanted: Numbers, learned: Learned, chance: Doubles) -> Moment:
    """What would be known had some tracks never been played."""
    fewer = some(plays, ~np.isin(plays.ids, wanted))
    played = np.zeros(len(catalogue), np.int64)
    played[fewer.ids] = np.maximum(fewer.plays, 0).astype(np.int64)
    return Moment(catalogue, learned, with_sound(fewer, catalogue.pool.vectors), played, chance)
