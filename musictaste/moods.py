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
"""The quadrants of valence and arousal: of these a track has one most of all, their probabilities sum to one."""

FINER_MOODS = ("aggressive", "energetic", "gritty", "nostalgic", "powerful", "rebellious", "tender", "tense")
"""Of these a track may have any number; each has a probability of its own."""

MOODS = EMOTIONS + FINER_MOODS
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

# A word that fits two labels is in neither, because a wrong guess is worse than a question. "intense" and 激しい are
# energetic, aggressive or powerful, 激昂 is one of the last two; 感动/感動 are as often sad as glad; "dark" is sad,
# angry or tense; "content" is calm in English and glad in French.
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
        *("anger", "furious", "fury", "rage", "raging", "mad", "irate"),
        *("愤怒", "憤怒", "生气", "生氣", "气愤", "氣憤", "恼怒", "惱怒"),
        *("发怒", "發怒", "暴怒", "狂怒", "狂暴", "暴躁", "怒"),
        *("enojado", "enojada", "enfadado", "enfadada", "furioso", "furiosa", "rabia", "rabioso", "ira"),
        *("irritado", "irritada"),
        *("en colère", "colère", "fâché", "fâchée", "furieux", "furieuse", "énervé", "énervée"),
        *("wütend", "wuetend", "zornig", "Wut", "Zorn", "böse"),
        *("raiva", "com raiva", "zangado", "zangada"),
        *("怒り", "いかり", "怒った", "怒る", "激怒"),
        *("화난", "화가 난", "분노", "분노한", "성난", "격노"),
    ),
    "calm": (
        *("calming", "chill", "chilled", "chill-out", "relaxed", "relaxing", "relax", "peaceful", "serene", "tranquil"),
        *("quiet", "soothing", "mellow", "laid-back", "restful", "meditative"),
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
    "aggressive": (
        *("aggression", "fierce", "hostile", "violent", "brutal", "harsh", "belligerent"),
        *("攻击性", "攻擊性", "好斗", "好鬥", "凶猛", "兇猛", "凶狠", "兇狠", "暴力"),
        *("agresivo", "agresiva", "violento", "violenta", "feroz", "hostil"),
        *("agressif", "agressive", "violente", "féroce"),
        *("aggressiv", "gewalttätig", "feindselig"),
        *("agressivo", "agressiva"),
        *("攻撃的", "凶暴", "荒々しい"),
        *("공격적인", "공격적", "난폭한"),
    ),
    "energetic": (
        *("energy", "excited", "exciting", "lively", "rousing", "exuberant", "vigorous", "dynamic", "hyper"),
        *("激动", "激動", "兴奋", "興奮", "亢奋", "亢奮", "活力", "有活力", "充满活力", "充滿活力", "热血", "熱血"),
        *(
            "enérgico",
            "enérgica",
            "energético",
            "energética",
            "vigoroso",
            "vigorosa",
            "energía",
            "dinámico",
            "dinámica",
        ),
        *("énergique", "énergie", "dynamique", "entraînant", "entraînante"),
        *("energisch", "energiegeladen", "energetisch", "lebhaft", "mitreißend", "aufgeregt", "dynamisch"),
        *("empolgante", "vibrante"),
        *("エネルギッシュ", "元気", "活発", "躍動的", "ノリノリ"),
        *("에너지", "에너지 넘치는", "활기찬", "활발한", "흥분", "흥분되는"),
    ),
    "gritty": (
        *("grit", "rough", "raw", "dirty", "grimy"),
        *("粗犷", "粗獷", "粗糙", "粗砺", "粗礪", "粗野"),
        *("áspero", "áspera", "crudo", "cruda", "sucio", "sucia"),
        *("rugueux", "rugueuse", "rocailleux", "rocailleuse", "râpeux", "brut"),
        *("rau", "rauh", "roh", "dreckig", "schmutzig"),
        *("sujo", "suja", "cru", "crua"),
        *("荒い", "粗い", "泥臭い", "無骨"),
        *("거친", "투박한"),
    ),
    "nostalgic": (
        *("nostalgia", "wistful", "bittersweet", "sentimental", "yearning", "longing"),
        *("怀旧", "懷舊", "怀念", "懷念", "思念", "乡愁", "鄉愁"),
        *("nostálgico", "nostálgica", "añoranza"),
        *("nostalgique", "nostalgie"),
        *("nostalgisch", "Sehnsucht", "sehnsüchtig"),
        *("saudade", "saudades", "saudoso", "saudosa"),
        *("懐かしい", "なつかしい", "郷愁", "ノスタルジック", "ノスタルジー"),
        *("향수", "그리운", "그리움", "추억", "아련한"),
    ),
    "powerful": (
        *("power", "epic", "heroic", "triumphant", "strong", "mighty"),
        *(
            "有力",
            "强劲",
            "強勁",
            "强大",
            "強大",
            "雄壮",
            "雄壯",
            "史诗",
            "史詩",
            "磅礴",
            "气势磅礴",
            "氣勢磅礴",
            "震撼",
        ),
        *("poderoso", "poderosa", "potente", "épico", "épica", "heroico", "heroica", "triunfal", "fuerte"),
        *("puissant", "puissante", "épique", "héroïque", "triomphant", "triomphante"),
        *("kraftvoll", "mächtig", "episch", "heroisch", "triumphal", "stark"),
        *("forte", "triunfante"),
        *("力強い", "パワフル", "壮大", "勇ましい"),
        *("강렬한", "강력한", "힘찬", "파워풀", "웅장한"),
    ),
    "rebellious": (
        *("rebel", "rebellion", "defiant", "reckless"),
        *("叛逆", "反叛", "反抗", "不羁", "不羈"),
        *("rebelde", "rebeldía", "desafiante"),
        *("rebelle", "révolté", "révoltée", "insoumis", "insoumise"),
        *("rebellisch", "trotzig", "aufsässig"),
        *("insubmisso", "insubmissa"),
        *("反抗的", "反逆", "反骨"),
        *("반항적인", "반항", "저항적인"),
    ),
    "tender": (
        *("tenderness", "gentle", "delicate", "intimate", "affectionate", "loving", "soft"),
        *("温柔", "溫柔", "柔情", "温馨", "溫馨", "细腻", "細膩"),
        *("tierno", "tierna", "ternura", "delicado", "delicada", "cariñoso", "cariñosa", "íntimo", "íntima"),
        *("tendre", "tendresse", "délicat", "intime"),
        *("zart", "zärtlich", "innig", "liebevoll"),
        *("terno", "terna", "meigo", "meiga", "carinhoso", "carinhosa"),
        *("優しい", "やさしい", "繊細"),
        *("부드러운", "다정한", "섬세한"),
    ),
    "tense": (
        *("tension", "anxious", "nervous", "uneasy", "restless", "suspense", "suspenseful"),
        *("紧张", "緊張", "焦虑", "焦慮", "不安", "紧迫", "緊迫", "悬疑", "懸疑"),
        *("tenso", "tensa", "ansioso", "ansiosa", "nervioso", "nerviosa", "inquieto", "inquieta"),
        *("tendu", "tendue", "anxieux", "anxieuse", "nerveux", "nerveuse", "angoissant", "angoissante"),
        *("angespannt", "Spannung", "nervös", "unruhig"),
        *("tensão", "nervoso", "nervosa"),
        *("緊張感", "張り詰めた", "スリリング"),
        *("긴장", "긴장된", "긴장감", "불안한", "초조한", "긴박한"),
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
    """Return the one of `MOODS` that a word of any served language means, or raise `UnknownLabelError`."""
    label = _lookup(word, _MOODS)
    if label is None:
        raise _unknown("mood", word, MOOD_WORDS, f"moods: {', '.join(MOODS)}")
    return label


def find_style(word: str) -> str:
    """Return the one of `STYLES` that a word of any served language means, or raise `UnknownLabelError`."""
    label = _lookup(word, _STYLES)
    if label is None:
        raise _unknown("style", word, STYLE_WORDS, "see: musictaste styles")
    return label


def emotion(moods: Mapping[str, float]) -> str:
    """Return the most likely of `EMOTIONS`."""
    return max(EMOTIONS, key=moods.__getitem__)


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
