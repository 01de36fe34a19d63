"""What of a text is sung: time stamps, headings, credits, notices and translations go, repeated lines count once."""

from __future__ import annotations

import html
import itertools
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from musictaste.lookup import chinese
from musictaste.lyrics.language import identify
from musictaste.track import Lyrics, Words

VERSION = "words-3"
"""Texts that another version has cleaned are cleaned again by the next scan."""

MOST_CHARACTERS = 20_000
"""No song has more; what has is a booklet, a log or a list. Characters, since not every script parts its words."""

MOST_RAW_CHARACTERS = 200_000

LONG_LINE = 120
"""A longer line is several that lost their breaks; where it is no list either, it is no credit."""

LOST_BREAK = re.compile(r"<br\s*/?>|\\r\\n|\\n", re.I)
BREAK_OF_LONG_LINE = re.compile(r"(?<=[.!?。！？]) | ?[,;/|、，；] | ?[，；。]")
STAMP = r"\d{1,3}:\d{1,2}(?:[.:]\d{1,3})?"
LEADING_STAMPS = re.compile(rf"(?:\s*\[{STAMP}\])+")
WORD_STAMPS = re.compile(rf"<{STAMP}>")
# Time stamps, LRC's own tags ([ar:...]) and headings ([Verse 1: Ann]) alike.
BRACKETS = re.compile(r"\[[^\[\]\n]{0,80}\]|【[^【】\n]{0,80}】")
INVISIBLE = re.compile(r"[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
REPEATED = re.compile(r"\s*(?:[(\[]\s*(?:repeat|bis|[x×]\s?\d{1,2}|\d{1,2}\s?[x×])\s*[)\]]|\b[x×]\s?\d{1,2})\s*$", re.I)
SINGER = re.compile(r"\A(?:男|女|合|合唱|男女|both|all|rap)\s*:\s*", re.I)

PARTS = """
verse chorus bridge intro outro refrain hook interlude coda instrumental couplet pont strophe refrão verso coro
estribillo estrofa puente ritornello strofa refren zwrotka refrein nakarat припев куплет 副歌 主歌 间奏 間奏 前奏 尾奏
サビ Aメロ Bメロ 후렴 간주 1절 2절
"""
PART = "|".join(PARTS.split())
HEADING = re.compile(
    rf"\A[\[(*~-]?\s*(?:(?:pre|post|final|last)[ -]?)?(?:{PART})(?:\s?\d{{1,2}}|\s[ivx]{{1,4}})?"
    r"(?:\s?[x×]\s?\d{1,2})?\s*(?:[\])*~-]\s*)?(?::\s*|$)",
    re.I,
)

ROLES = """
作词 作詞 词曲 詞曲 填词 填詞 词 詞 作曲 曲 编曲 編曲 改编 改編 监制 監製 制作 製作 制作人 製作人 出品 出品人 发行
混音工程师 混音工程師 录音工程师 錄音工程師 母带工程师 母帶工程師
發行 混音 混音师 混音師 母带 母帶 录音 錄音 录音师 錄音師 和声 和聲 吉他 贝斯 貝斯 鼓 键盘 鍵盤 弦乐 弦樂 演唱 演唱者
原唱 翻唱 歌手 歌名 歌曲 专辑 專輯 企划 企劃 策划 策劃 统筹 統籌 版权 版權 原曲 歌 唄 OP SP ISRC 작사 작곡 편곡 노래
가수 lyrics lyric lyricist lyricists words music composer composers arranger arrangers arrangement producer producers
writer writers songwriter songwriters singer artist title album paroles musique auteur compositeur text musik letra
música musica testo autore autori слова музыка автор söz müzik słowa muzyka tekst muziek
"""
ROLE = "|".join(sorted(map(re.escape, ROLES.split()), key=len, reverse=True))
JOINED_ROLES = rf"(?:{ROLE})(?:\s*[/&、,+·]\s*(?:{ROLE})|\s+(?:{ROLE}))*"
CREDIT = re.compile(rf"{JOINED_ROLES}\s*(?:by\s*)?:|(?:作[词詞曲]|[编編]曲|填[词詞]|작사|작곡|편곡)(?:\s|/|$)", re.I)
DONE = "lyrics|words|music|written|composed|produced|arranged|performed|mixed|mastered|recorded|sung"
CREDIT_AT_THE_EDGE = re.compile(rf"(?:all\s+)?(?:{DONE})(?:\s*(?:,|and|&)\s*(?:{DONE}))*\s+by\b", re.I)
EDGE = 4
KEY_AND_VALUE = re.compile(r"([^:\s]{1,16}(?:\s[^:\s]{1,16})?)\s?:\s?\S.{0,80}$")

NOTICE = re.compile(
    r"www\.|https?://|暂无歌词|暫無歌詞|歌词来自|歌詞來自|享有本翻译作品|不得翻唱|未经.{0,20}(?:许可|授权)"
    r"|未經.{0,20}(?:許可|授權)|for commercial use|all rights reserved|^you might also like$"
    r"|tickets as low as|^\d+ contributors?|lrc by|lyrics (?:provided|transcribed|synced) by",
    re.I,
)
EMBED = re.compile(r"(?:\d+(?:\.\d+)?K?)?Embed$")

INSTRUMENTAL = re.compile(
    r"(?:(?:this|the)(?: (?:song|track|piece))? is )?(?:an )?instrumentale?"
    r"(?: (?:track|version|song|music|only|piece))?"
    r"|(?:[此本该該](?:歌曲|作品|[歌曲])|这是|這是)?(?:[为為]|一首)?(?:没有填词的|沒有填詞的)?(?:纯音乐|純音樂)"
    r"(?:\W*[无無没沒]有?歌[词詞])?(?:\W*(?:敬?[请請]您?)?欣[赏賞])?"
    r"|インスト(?:ゥルメンタル|ルメンタル)?(?:曲)?|연주곡|인스트루멘탈|strumentale"
    r"|инструментал(?:ьная)?(?: (?:музыка|композиция))?",
    re.I,
)

SAME_WORD = re.compile(r"\b(\w{1,20})(?:[\s,!?~'-]{1,3}\1\b){2,}", re.I)
SAME_CHARACTER = re.compile(r"([^\W\d_])\1{3,}")


def understand(source: str, text: str, *, instrumental: bool = False) -> Lyrics:
    """The words in a text that a source gave; `instrumental` where the source says that there are none."""
    silent = instrumental or says_instrumental(text)
    words = None if silent else clean(text) or None
    return Lyrics(source, text, words, identify(words) if words else None, silent, VERSION)


def clean(text: str) -> str:
    """The words of a song, a line for each line that is new; empty where nothing is left, or too much."""
    if len(text) > MOST_RAW_CHARACTERS:
        return ""
    words = "\n".join(once(without_translations(list(_sung(text)))))
    return words if len(words) <= MOST_CHARACTERS else ""


def says_instrumental(text: str) -> bool:
    """Whether a text says nothing but that nothing is sung."""
    lines = [line.strip("[]()【】《》*-~♪♫.,!。 ") for _, line in _without_credits(_stamped(text[:1000]))]
    said = [line for line in lines if line and not re.match(r"[a-z]{2,6}:", line)]  # LRC's own tags
    return bool(said) and all(INSTRUMENTAL.fullmatch(line) for line in said)


def for_model(words: Words, most_characters: int) -> str:
    """The text that a model reads: Chinese in simplified characters whatever it was written in, cut after a line."""
    text = words.text or ""
    if words.language == "zh":
        text = chinese().convert(text)
    if len(text) <= most_characters:
        return text
    return text[:most_characters].rpartition("\n")[0] or text[:most_characters]


Stamped = tuple[tuple[str, ...], str]


def _stamped(text: str) -> list[Stamped]:
    """Each line that is not empty with the time stamps before it."""
    broken = LOST_BREAK.sub("\n", html.unescape(text))
    plain = INVISIBLE.sub("", unicodedata.normalize("NFKC", broken))
    lines = (part for line in plain.splitlines() for part in _parts(line))
    found = []
    for line in lines:
        stamps = LEADING_STAMPS.match(line)
        rest = " ".join(WORD_STAMPS.sub("", line[stamps.end() :] if stamps else line).split())
        if rest:
            found.append((tuple(re.findall(STAMP, stamps[0])) if stamps else (), rest))
    if found:
        stamps_of_last, last = found[-1]
        found[-1] = stamps_of_last, EMBED.sub("", last)
    return found


def _parts(line: str) -> list[str]:
    line = " ".join(line.split())  # a long run of spaces would be tried from each of them
    return BREAK_OF_LONG_LINE.split(line) if len(line) > LONG_LINE else [line]


def _without_credits(lines: Sequence[Stamped]) -> Iterator[Stamped]:
    """Credits go, and with them roles that no list has, where they stand in one row: "guzheng : Ann" after a 作曲."""
    keys = Counter(found[1].casefold() for _, line in lines if (found := KEY_AND_VALUE.match(line)))
    for _, group in itertools.groupby(enumerate(lines), lambda item: bool(KEY_AND_VALUE.match(item[1][1]))):
        row = list(group)
        credited = any(CREDIT.match(line) for _, (_, line) in row)
        for i, (stamps, line) in row:
            found = KEY_AND_VALUE.match(line)
            role = found and credited and keys[found[1].casefold()] == 1 and not SINGER.match(line)
            edge = min(i, len(lines) - 1 - i) < EDGE and CREDIT_AT_THE_EDGE.match(line)
            if len(line) > LONG_LINE or not (role or edge or CREDIT.match(line)):
                yield stamps, line


def _sung(text: str) -> Iterator[str]:
    """Lines that are words; of several at the same time the first, the others being translations of it."""
    seen: set[str] = set()
    for stamps, line in _without_credits(_stamped(text)):
        words = HEADING.sub("", SINGER.sub("", BRACKETS.sub("", line).strip()))
        words = REPEATED.sub("", words).strip()
        notice = len(words) <= LONG_LINE and NOTICE.search(words)
        if not any(map(str.isalnum, words)) or notice or (stamps and seen.issuperset(stamps)):
            continue
        seen.update(stamps)
        yield words


def script(line: str) -> str:
    """The writing of a line by Unicode's names: LATIN, CJK, HANGUL, ...; KANA for Japanese, whatever else is in it."""
    names = Counter(unicodedata.name(c, "").partition(" ")[0].partition("-")[0] for c in line if c.isalpha())
    if names["HIRAGANA"] or names["KATAKANA"]:
        return "KANA"
    return names.most_common(1)[0][0] if names else ""


def without_translations(lines: list[str]) -> list[str]:
    """The original alone, where another script follows it in the same line or in every second line.

    A song that changes language does so for some lines together; a translation has about as many lines as the
    original, and each follows one of it.
    """
    parted = [_parted(line) for line in lines]
    if sum(map(bool, parted)) >= max(4, 0.6 * len(lines)):
        return [original or line for original, line in zip(parted, lines, strict=True)]
    scripts = [script(line) for line in lines]
    counts = Counter(scripts)
    for other in set(scripts[1:]) - {scripts[0], ""} if scripts else ():
        following = sum(a != other and b == other for a, b in itertools.pairwise(scripts))
        if counts[other] >= max(4, 0.6 * counts[scripts[0]]) and following >= 0.9 * counts[other]:
            return without_translations([line for line, s in zip(lines, scripts, strict=True) if s != other])
    return lines


def _parted(line: str) -> str | None:
    """What stands before a slash or a bracket, where what follows is in another script."""
    found = re.fullmatch(r"(.{1,200}?)\s*(?:[/|](.{1,200})|\((.{1,200})\))", line)
    if not found:
        return None
    first, second = script(found[1]), script(found[2] or found[3])
    return found[1] if first and second and first != second else None


def once(lines: Iterable[str]) -> Iterator[str]:
    """Lines that were not there before, and in them "na na na na" as one "na": a refrain is no more than it says."""
    seen: set[str] = set()
    for line in lines:
        words = SAME_CHARACTER.sub(r"\1", SAME_WORD.sub(r"\1", line))
        key = "".join(filter(str.isalnum, words.casefold()))
        if key not in seen:
            seen.add(key)
            yield words
