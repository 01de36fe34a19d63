"""The vocabulary: the moods and styles that the program knows, and every word by which a user may name them.

The tables hold English, Chinese (simplified and traditional), Spanish, French, German, Portuguese, Japanese and Korean
words; one that two languages share stands in the first of its rows. Words are compared after `_fold`, so accents, case,
spaces and punctuation need no entries of their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import SequenceMatcher

from musictaste.errors import UnknownLabelError
from musictaste.track import fold

EMOTIONS = ("happy", "sad", "angry", "calm")
STYLES = (
    "ambient",
    "blues",
    "classical",
    "country",
    "disco",
    "electronic",
    "folk",
    "hip-hop",
    "jazz",
    "metal",
    "pop",
    "punk",
    "reggae",
    "rock",
    "soul",
)

# A word that fits two labels is in neither, because a wrong guess is worse than a question. 激动/激動, 兴奋/興奮,
# "excited", "energetic" and "intense" are aroused without saying of which kind; "nostalgic", "romantic" and
# 感动/感動 are as often sad as glad; "dark" is sad or angry; "content" is calm in English and glad in French; "tense"
# and "scary" are not anger.
MOOD_WORDS: Mapping[str, tuple[str, ...]] = {
    "happy": (
        *("happiness", "joyful", "joy", "joyous", "cheerful", "glad"),
        *("merry", "jolly", "upbeat", "uplifting", "feel-good"),
        *("sunny", "fun", "good mood", "delighted", "lighthearted"),
        *("快乐", "快樂", "开心", "開心", "高兴", "高興", "欢乐", "歡樂", "欢快", "歡快", "欢喜", "歡喜", "愉快"),
        *("愉悦", "愉悅", "喜悦", "喜悅", "幸福", "轻快", "輕快", "明快"),
        *("feliz", "alegre", "alegría", "felicidad", "contento", "contenta", "divertido", "divertida"),
        *("heureux", "heureuse", "joyeux", "joyeuse", "gai", "gaie", "joie", "bonheur", "enjoué"),
        *("glücklich", "gluecklich", "fröhlich", "froehlich", "froh", "heiter", "freudig", "Freude", "gut gelaunt"),
        *("contente", "felicidade", "animado", "animada"),
        *("楽しい", "たのしい", "嬉しい", "うれしい", "幸せ", "しあわせ", "明るい", "陽気", "喜び", "ハッピー"),
        *("행복", "행복한", "기쁜", "기쁨", "즐거운", "즐거움", "신나는", "밝은", "해피"),
    ),
    "sad": (
        *("sadness", "unhappy", "sorrow", "sorrowful", "melancholy"),
        *("melancholic", "gloomy", "depressed", "depressing"),
        *("heartbroken", "mournful", "tearful", "lonely", "somber", "sombre", "blue", "down"),
        *("悲伤", "悲傷", "伤心", "傷心", "伤感", "傷感", "难过"),
        *("難過", "悲哀", "悲痛", "哀伤", "哀傷", "忧伤", "憂傷"),
        *("忧郁", "憂鬱", "忧愁", "憂愁", "抑郁", "抑鬱", "沮丧", "沮喪", "心碎", "失落", "孤独", "孤獨", "寂寞"),
        *("triste", "tristeza", "melancólico", "melancólica", "melancolía", "deprimido", "deprimida", "apenado"),
        *("tristesse", "malheureux", "malheureuse", "mélancolique", "mélancolie", "déprimé", "déprimée"),
        *("traurig", "Trauer", "Traurigkeit", "melancholisch", "betrübt", "wehmütig", "deprimiert"),
        *("tristonho", "tristonha", "infeliz"),
        *("悲しい", "かなしい", "悲しみ", "哀しい", "切ない", "せつない", "寂しい", "さびしい"),
        *("슬픈", "슬픔", "우울", "우울한", "쓸쓸한", "외로운", "애절한"),
    ),
    "angry": (
        *("anger", "aggressive", "furious", "fury", "rage", "raging", "mad", "fierce", "hostile", "violent", "irate"),
        *("愤怒", "憤怒", "生气", "生氣", "气愤", "氣憤", "恼怒", "惱怒"),
        *("发怒", "發怒", "暴怒", "狂怒", "狂暴", "暴躁", "怒"),
        *("enojado", "enojada", "enfadado", "enfadada", "furioso", "furiosa", "rabia", "rabioso", "ira"),
        *("agresivo", "agresiva", "irritado", "irritada"),
        *("en colère", "colère", "fâché", "fâchée", "furieux"),
        *("furieuse", "énervé", "énervée", "agressif", "agressive"),
        *("wütend", "wuetend", "zornig", "Wut", "Zorn", "aggressiv", "böse"),
        *("raiva", "com raiva", "zangado", "zangada", "agressivo", "agressiva"),
        *("怒り", "いかり", "怒った", "怒る", "激怒", "攻撃的"),
        *("화난", "화가 난", "분노", "분노한", "성난", "격노", "공격적인"),
    ),
    "calm": (
        *("calming", "chill", "chilled", "chill-out", "relaxed", "relaxing", "relax", "peaceful", "serene", "tranquil"),
        *("quiet", "soothing", "mellow", "gentle", "laid-back", "restful", "meditative"),
        *("平静", "平靜", "安静", "安靜", "宁静", "寧靜", "恬静"),
        *("恬靜", "冷静", "冷靜", "安宁", "安寧", "平和", "祥和"),
        *("放松", "放鬆", "轻松", "輕鬆", "舒缓", "舒緩", "柔和", "悠闲", "悠閒", "治愈", "治癒"),
        *("tranquilo", "tranquila", "calma", "calmado", "calmada", "relajado", "relajada", "relajante"),
        *("sereno", "serena", "pacífico", "pacífica", "paz", "suave"),
        *("calme", "tranquille", "paisible", "serein", "sereine"),
        *("détendu", "détendue", "relaxant", "apaisant", "doux"),
        *("ruhig", "Ruhe", "beruhigend", "entspannt", "entspannend", "gelassen", "friedlich", "sanft", "still"),
        *("calmo", "relaxado", "relaxada", "relaxante", "sossegado", "sossegada"),
        *("穏やか", "おだやか", "静か", "しずか", "落ち着いた", "落ち着く"),
        *("安らか", "癒し", "のんびり", "リラックス", "チル"),
        *("차분한", "편안한", "잔잔한", "평온", "평온한", "고요한", "조용한", "느긋한", "평화로운"),
    ),
}

# Left out for the same reason: "popular" is pop in English and folk in Spanish and Portuguese; Korean 펑크 is punk
# and funk; "indie", "hardcore", "fusion", "synthpop", "trip-hop", "dub", "ska", "bluegrass" and "bossa nova" lie
# between two. Genre names are mostly English everywhere, so the other European rows hold only what differs.
STYLE_WORDS: Mapping[str, tuple[str, ...]] = {
    "ambient": (
        *("atmospheric", "ambience", "drone", "new age"),
        *("氛围", "氛圍", "环境音乐", "環境音樂"),
        *("ambiental", "atmosférico", "atmosférica", "atmosphérique", "atmosphärisch"),
        *("アンビエント", "環境音楽", "앰비언트"),
    ),
    "blues": (
        *("bluesy", "delta blues", "electric blues"),
        *("蓝调", "藍調", "布鲁斯", "布魯斯"),
        *("ブルース", "블루스"),
    ),
    "classical": (
        *("orchestral", "orchestra", "symphony", "symphonic", "opera", "baroque", "chamber"),
        *("古典", "交响", "交響", "歌剧", "歌劇", "巴洛克", "室内乐", "室內樂", "管弦乐", "管弦樂"),
        *("clásico", "clásica", "sinfónico", "sinfónica", "barroco", "barroca"),
        *("classique", "symphonique"),
        *("klassisch", "klassische", "Klassik", "Barock", "Oper", "sinfonisch"),
        *("clássico", "clássica", "erudito", "erudita"),
        *("クラシック", "オペラ", "室内楽", "클래식", "오페라"),
    ),
    "country": (
        *("country and western", "country & western", "honky-tonk", "Nashville"),
        *("乡村", "鄉村"),
        *("カントリー", "컨트리"),
    ),
    "disco": (
        *("Eurodisco", "Italo disco"),
        *("迪斯科", "迪斯可", "迪士高", "的士高"),
        *("ディスコ", "디스코"),
    ),
    "electronic": (
        *("electronica", "electro", "dance", "techno", "house", "deep house"),
        *("trance", "EDM", "IDM", "dubstep", "rave"),
        *("drum and bass", "drum & bass", "drum'n'bass", "DnB", "breakbeat", "synthwave", "club"),
        *("电子", "電子", "电音", "電音", "电子舞曲", "電子舞曲", "舞曲", "浩室"),
        *("electrónico", "électronique", "elektronisch", "elektronische", "Elektro", "eletrônico", "eletrônica"),
        *("エレクトロニック", "エレクトロニカ", "エレクトロ", "テクノ", "ハウス", "ダンス", "トランス"),
        *("일렉트로닉", "일렉트로니카", "전자", "테크노", "하우스", "댄스", "트랜스"),
    ),
    "folk": (
        *("folk song", "traditional", "Celtic"),
        *("民谣", "民謠", "民歌", "民乐", "民樂"),
        *("folclore", "folclórico", "folclórica", "folklore", "folklorique", "Volksmusik", "Volkslied"),
        *("フォーク", "フォークソング", "民謡", "포크", "민요"),
    ),
    "hip-hop": (
        *("rap", "hip-hop/rap", "rap/hip-hop", "gangsta rap", "trap", "boom bap"),
        *("嘻哈", "说唱", "說唱", "饶舌", "饒舌"),
        *("ヒップホップ", "ラップ", "힙합", "랩"),
    ),
    "jazz": (
        *("jazzy", "swing", "bebop", "hard bop", "big band", "dixieland", "smooth jazz", "cool jazz", "free jazz"),
        *("爵士",),
        *("ジャズ", "재즈"),
    ),
    "metal": (
        *("heavy metal", "death metal", "black metal", "thrash metal"),
        *("thrash", "doom metal", "power metal", "nu metal"),
        *("metalcore",),
        *("金属", "金屬", "重金属", "重金屬"),
        *("メタル", "ヘビーメタル", "ヘヴィメタル", "메탈", "헤비메탈"),
    ),
    "pop": (
        *("K-pop", "J-pop", "C-pop", "Mandopop", "Cantopop", "city pop", "indie pop"),
        *("流行", "华语流行", "華語流行", "流行歌", "流行歌曲"),
        *("ポップ", "ポップス", "歌謡曲", "팝", "케이팝", "가요"),
    ),
    "punk": (
        *("punk rock", "pop punk", "post-punk", "hardcore punk"),
        *("朋克", "庞克", "龐克"),
        *("パンク", "パンクロック", "펑크 록"),
    ),
    "reggae": (
        *("roots reggae", "dancehall", "ragga", "rocksteady"),
        *("雷鬼", "雷盖", "雷蓋"),
        *("レゲエ", "레게"),
    ),
    "rock": (
        *("rock and roll", "rock & roll", "rock'n'roll", "hard rock"),
        *("soft rock", "classic rock", "indie rock", "grunge"),
        *("alternative", "alternative rock", "progressive rock", "prog rock", "psychedelic rock", "garage rock"),
        *("摇滚", "搖滾"),
        *("alternativo", "alternativa"),
        *("ロック", "ロックンロール", "록", "락", "로큰롤"),
    ),
    "soul": (
        *("R&B", "RnB", "R and B", "rhythm and blues", "rhythm & blues", "neo-soul", "Motown", "funk", "funky"),
        *("灵魂", "靈魂", "节奏布鲁斯", "節奏布魯斯", "节奏蓝调", "節奏藍調", "放克"),
        *("ソウル", "ファンク", "リズムアンドブルース", "소울", "알앤비"),
    ),
}

# Said around a label without changing it: "jazz music", 爵士乐, "musique classique".
_MUSIC = ("music", "musik", "musique", "musica", "音乐", "音樂", "音楽", "음악", "乐", "樂")

# difflib's ratio: 0.65 lets one letter of three go wrong ("sda") but finds nothing in a word from elsewhere.
_NEAR = 0.65
_AS_NEAR = 0.05


def find_mood(word: str) -> str:
    """Return the one of `EMOTIONS` that a word of any served language means, or raise `UnknownLabelError`."""
    label = _lookup(word, _MOODS)
    if label is None:
        raise _unknown("mood", word, MOOD_WORDS, f"moods: {', '.join(EMOTIONS)}")
    return label


def find_style(word: str) -> str:
    """Return the one of `STYLES` that a word of any served language means, or raise `UnknownLabelError`."""
    label = _lookup(word, _STYLES)
    if label is None:
        raise _unknown("style", word, STYLE_WORDS, "see: musictaste styles")
    return label


def valence(moods: Mapping[str, float]) -> float:
    """Return how pleasant a track feels, 0..1: the two right quadrants of the circumplex.

    References
    ----------
    J. A. Russell, "A circumplex model of affect", Journal of Personality and Social Psychology 39(6), 1980,
    pp. 1161-1178. The four emotions stand for the four quadrants of its plane.
    """
    return _share(moods, "happy", "calm")


def arousal(moods: Mapping[str, float]) -> float:
    """Return how activated a track feels, 0..1: the two upper quadrants of the circumplex (see `valence`)."""
    return _share(moods, "happy", "angry")


def _share(moods: Mapping[str, float], *labels: str) -> float:
    # Probabilities that came through float32 may sum to a hair above one.
    return min(1.0, sum(moods[label] for label in labels))


def _fold(word: str) -> str:
    """Reduce a word to what distinguishes it: no case, width, Latin accents, spaces or punctuation."""
    return "".join(letter for letter in fold(word) if letter.isalnum())


def _index(table: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    return {_fold(word): label for label, words in table.items() for word in (label, *words)}


_MOODS = _index(MOOD_WORDS)
_STYLES = _index(STYLE_WORDS)


def _lookup(word: str, index: Mapping[str, str]) -> str | None:
    folded = _fold(word)
    bare = (part for music in _MUSIC for part in (folded.removesuffix(music), folded.removeprefix(music)))
    return next((index[form] for form in (folded, *bare) if form in index), None)


def _unknown(kind: str, word: str, table: Mapping[str, tuple[str, ...]], known: str) -> UnknownLabelError:
    near = " or ".join(f"'{synonym}'" for synonym in _nearest(word, table))
    question = f": did you mean {near}?" if near else ""
    return UnknownLabelError(f"unknown {kind} '{' '.join(word.split())}'{question} ({known})")


def _nearest(word: str, table: Mapping[str, tuple[str, ...]]) -> list[str]:
    """Return the nearest synonym, and those of at most two other labels that are about as near."""
    folded = _fold(word)
    likeness = {
        synonym: SequenceMatcher(None, folded, _fold(synonym), autojunk=False).ratio()
        for label, words in table.items()
        for synonym in (label, *words)
    }
    best = [max((label, *words), key=likeness.__getitem__) for label, words in table.items()]
    best.sort(key=likeness.__getitem__, reverse=True)
    least = max(_NEAR, likeness[best[0]] - _AS_NEAR)
    return [synonym for synonym in best[:3] if likeness[synonym] >= least]
