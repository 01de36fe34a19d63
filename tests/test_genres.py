from __future__ import annotations

import math
import re

import pytest
from conftest import shares
from hypothesis import given
from hypothesis import strategies as st

from musictaste import genres, styles
from musictaste.genres import named, weigh, weights, within
from musictaste.styles import STYLES


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        (["Jazz"], ["jazz"]),
        (["Jazz", "Bebop"], ["jazz", "bebop"]),
        (["Jazz; Bebop"], ["jazz", "bebop"]),
        (["Electronic, House"], ["electronic", "house"]),
        (["Electronic/Dance/House"], ["electronic", "house"]),
        (["Rock/Pop"], ["rock", "pop"]),
        (["Rock\\Pop|Jazz"], ["rock", "pop", "jazz"]),
        (["Hip-Hop/Rap"], ["hip-hop"]),
        (["R&B/Soul"], ["R&B", "soul"]),
        (["Post-Punk"], ["post-punk"]),
        (["Alternative & Punk"], ["rock", "punk"]),
        (["Folk and Country"], ["folk", "country"]),
        (["摇滚、民谣"], ["rock", "folk"]),
        (["Contemporary R & B"], ["R&B"]),
        (["Brutal Melodic Death Metal"], ["death metal"]),
        (["Romantic Classical"], ["classical"]),
        (["台湾摇滚"], ["rock"]),
        (["華語流行音樂"], ["pop"]),
        (["邦楽ロック"], ["J-rock"]),
        (["後期バロック"], ["baroque"]),
        (["Rock español"], ["rock"]),
        (["90s Rock"], ["rock"]),
        (["Children's Music"], ["children's"]),
        (["Hip Hop", "hip-hop", "RAP"], ["hip-hop"]),
        (["Trip-Hop", "Other"], ["trip-hop"]),
        (["Pop", "1998"], ["pop"]),
    ],
)
def test_genre_tags_name_styles(tags: list[str], expected: list[str]) -> None:
    assert named(tags) == tuple(expected)


@pytest.mark.parametrize(
    "tag", ["Other", "Unknown", "genre", "Misc", "1998", "90s", "(255)", "", " / ", "Music", "Indie", "None", "其他"]
)
def test_junk_names_none(tag: str) -> None:
    assert (named([tag]), weights(named([tag]))) == ((), {})


def test_a_tag_as_long_as_a_book_is_read_at_its_ends() -> None:
    """Regression: every one of its ends was looked up, which took time by the square of its length."""
    assert named(["word " * 100_000 + "Bebop", "Salsa" + " word" * 100_000]) == ("bebop", "salsa")


def test_what_is_bebop_is_jazz() -> None:
    assert within(["bebop", "rock", "salsa"]) == ("bebop", "jazz", "rock", "salsa", "latin")


POP_OR_ROCK = ("metal", "punk", "disco", "soul", "electronic", "hip-hop")


def above_one(names: list[str]) -> dict[str, float]:
    return {style: round(weight, 3) for style, weight in weights(names).items() if weight != 1}


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["jazz"], {"jazz": 126.0}),
        (["bebop"], {"jazz": 266.0}),
        (["jazz", "bebop"], {"jazz": 266.0}),
        (["jazz", "electronic"], {"jazz": 58.5, "electronic": 58.5}),
        (["trip-hop"], {"electronic": 123.5, "hip-hop": 123.5}),
        (["rock"], {"rock": 37.125} | dict.fromkeys(["metal", "punk", "pop"], 24.75)),
        (["rock", "pop"], dict.fromkeys(["rock", "pop"], 11.813) | dict.fromkeys(POP_OR_ROCK, 7.875)),
        (["rock", "death metal"], {"metal": 266.0}),
        (["rock", "latin"], {"rock": 37.125} | dict.fromkeys(["metal", "punk", "pop"], 24.75)),
        (["latin", "soundtrack"], {}),
        ([], {}),
    ],
)
def test_the_more_a_tag_tells_the_more_it_weighs(names: list[str], expected: dict[str, float]) -> None:
    assert above_one(names) == expected


def test_tags_that_name_everything_tell_nothing() -> None:
    assert set(weights([s for s in styles.tree() if s not in genres.UMBRELLAS]).values()) == {1.0}


def test_the_product_rule() -> None:
    heard = shares(STYLES, jazz=0.02, rock=0.9)
    # By hand: 0.02 * 126 = 2.52, and what is left of one weighs 0.98.
    weighed = weigh(heard, weights(["jazz"]))
    assert weighed["jazz"] == pytest.approx(2.52 / 3.5)
    assert weighed["rock"] == pytest.approx(0.9 / 3.5)


@pytest.mark.parametrize(
    ("tag", "jazz", "wins"),
    [("Jazz", 0.02, True), ("Jazz", 0.002, False), ("Bebop", 0.005, True), ("Bebop", 0.001, False)],
)
def test_a_tag_wins_where_the_sound_finds_it_plausible(tag: str, jazz: float, wins: bool) -> None:
    weighed = weigh(shares(STYLES, jazz=jazz, classical=0.95), weights(named([tag])))
    assert (max(weighed, key=weighed.__getitem__) == "jazz") == wins


def test_an_umbrella_leaves_it_to_the_sound() -> None:
    for metal, first in ((0.3, "metal"), (0.25, "rock")):
        weighed = weigh(shares(STYLES, metal=metal, rock=0.18, classical=0.35), weights(named(["Rock"])))
        assert max(weighed, key=weighed.__getitem__) == first


@given(
    st.lists(st.floats(1e-6, 1), min_size=len(STYLES), max_size=len(STYLES)),
    st.lists(st.sampled_from(styles.tree()), max_size=5),
)
def test_what_is_weighed_stays_a_distribution(raw: list[float], names: list[str]) -> None:
    heard = {style: p / sum(raw) for style, p in zip(STYLES, raw, strict=True)}
    weighed = weigh(heard, weights(names))
    assert math.isclose(sum(weighed.values()), 1)
    assert all(0 <= p <= 1 for p in weighed.values())
    # Tags never change the order of two styles that they say the same of.
    weight = weights(names)
    for a in STYLES:
        for b in STYLES:
            if weight.get(a) == weight.get(b) and heard[a] > heard[b]:
                assert weighed[a] >= weighed[b]


def test_no_name_is_longer_than_what_is_looked_up() -> None:
    lengths = {word: len(re.findall(genres._UNITS, word)) for words in styles.WORDS.values() for word in words}
    assert {word: n for word, n in lengths.items() if n > genres.LONGEST} == {}


@given(st.text())
def test_any_text_names_styles_of_the_tree_or_none(text: str) -> None:
    assert set(named([text])) <= set(styles.tree())
