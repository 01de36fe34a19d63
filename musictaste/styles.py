"""The tree of styles and every word by which a user or a genre tag may name them.

At its top stand the styles that are heard from sound, and a few that only tags tell; below them those that are told
from tags alone. Words are in the languages of `moods`, and compared alike.
"""

from __future__ import annotations

from collections.abc import Mapping

from musictaste.vocabulary import Vocabulary

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
"""The styles that models/style.onnx hears, in the order of its outputs."""

# A word that fits two labels is in neither, because a wrong guess is worse than a question: "popular" is pop in
# English and folk in Spanish and Portuguese; Korean 펑크 is punk and funk; "indie" is rock and pop; "hardcore" is punk
# and techno; "romantic" is an era of classical music and a mood; "garage" is rock and house. Genre names are mostly
# English everywhere, so the other European rows hold only what differs.
STYLE_WORDS: Mapping[str, tuple[str, ...]] = {
    "ambient": (
        *("atmospheric", "ambience", "drone"),
        *("氛围", "氛圍", "环境音乐", "環境音樂"),
        *("ambiental", "atmosférico", "atmosférica", "atmosphérique", "atmosphärisch"),
        *("アンビエント", "環境音楽", "앰비언트"),
    ),
    "blues": (
        *("bluesy",),
        *("蓝调", "藍調", "布鲁斯", "布魯斯"),
        *("ブルース", "블루스"),
    ),
    "classical": (
        *("orchestral", "orchestra", "symphony", "symphonic", "neoclassical"),
        *("古典", "交响", "交響", "管弦乐", "管弦樂"),
        *("clásico", "clásica", "sinfónico", "sinfónica"),
        *("classique", "symphonique"),
        *("klassisch", "klassische", "Klassik", "sinfonisch"),
        *("clássico", "clássica", "erudito", "erudita"),
        *("クラシック", "클래식"),
    ),
    "country": (
        *("country and western", "country & western", "Nashville"),
        *("乡村", "鄉村"),
        *("カントリー", "컨트리"),
    ),
    "disco": (
        *("Eurodisco",),
        *("迪斯科", "迪斯可", "迪士高", "的士高"),
        *("ディスコ", "디스코"),
    ),
    "electronic": (
        *("electronica", "electro", "dance", "EDM", "IDM", "rave", "club", "breakbeat", "big beat"),
        *("Eurodance", "electroclash", "electro swing"),
        *("电子", "電子", "电音", "電音", "电子舞曲", "電子舞曲", "舞曲"),
        *("electrónico", "électronique", "elektronisch", "elektronische", "Elektro", "eletrônico", "eletrônica"),
        *("エレクトロニック", "エレクトロニカ", "エレクトロ", "ダンス"),
        *("일렉트로닉", "일렉트로니카", "전자", "댄스"),
    ),
    "folk": (
        *("folk song", "traditional"),
        *("民谣", "民謠", "民歌", "民乐", "民樂"),
        *("folclore", "folclórico", "folclórica", "folklore", "folklorique", "Volksmusik", "Volkslied"),
        *("フォーク", "フォークソング", "民謡", "포크", "민요"),
    ),
    "hip-hop": (
        *("rap", "hip-hop/rap", "rap/hip-hop"),
        *("嘻哈", "说唱", "說唱", "饶舌", "饒舌"),
        *("ヒップホップ", "ラップ", "힙합", "랩"),
    ),
    "jazz": (
        *("jazzy",),
        *("爵士",),
        *("ジャズ", "재즈"),
    ),
    "metal": (
        *("金属", "金屬"),
        *("メタル", "메탈"),
    ),
    "pop": (
        *("C-pop", "indie pop", "dance pop"),
        *("流行", "华语流行", "華語流行", "流行歌", "流行歌曲"),
        *("ポップ", "ポップス", "歌謡曲", "팝", "가요"),
    ),
    "punk": (
        *("punk rock",),
        *("朋克", "庞克", "龐克"),
        *("パンク", "パンクロック", "펑크 록"),
    ),
    "reggae": (
        *("roots reggae",),
        *("雷鬼", "雷盖", "雷蓋"),
        *("レゲエ", "레게"),
    ),
    "rock": (
        *("alternative", "rock opera"),
        *("摇滚", "搖滾"),
        *("alternativo", "alternativa"),
        *("ロック", "록", "락"),
    ),
    "soul": (
        *("Motown",),
        *("灵魂", "靈魂"),
        *("ソウル", "소울"),
    ),
    "children's": (
        *("children", "kids", "nursery rhymes"),
        *("儿童", "兒童", "儿歌", "兒歌", "童谣", "童謠"),
        *("infantil", "enfants", "pour enfants", "Kinder", "Kinderlieder"),
        *("童謡", "子供", "キッズ", "동요", "어린이"),
    ),
    "holiday": (
        *("Christmas", "Xmas", "Christmas carols"),
        *("圣诞", "聖誕", "圣诞歌", "聖誕歌"),
        *("Navidad", "villancico", "villancicos", "Noël", "Weihnachten", "Weihnachtslieder", "Natal"),
        *("クリスマス", "크리스마스", "캐럴"),
    ),
    "latin": (
        *("Latino", "Latina"),
        *("拉丁",),
        *("ラテン", "라틴"),
    ),
    "soundtrack": (
        *(
            "OST",
            "soundtracks",
            "original soundtrack",
            "film score",
            "score",
            "film music",
            "movie score",
            "stage & screen",
        ),
        *("原声", "原聲", "电影原声", "電影原聲", "原声带", "原聲帶", "配乐", "配樂", "电影配乐", "電影配樂"),
        *("banda sonora", "bande originale", "bande son", "musique de film", "Filmmusik", "trilha sonora"),
        *("サウンドトラック", "サントラ", "사운드트랙"),
    ),
    "spoken word": (
        *("spoken", "speech", "audiobook", "audio theatre", "podcast", "radio drama"),
        *("有声书", "有聲書", "朗诵", "朗誦", "播客", "广播剧", "廣播劇"),
        *("audiolibro", "livre audio", "Hörbuch", "Hörspiel", "audiolivro"),
        *("朗読", "オーディオブック", "오디오북", "낭독"),
    ),
    "world": (
        *("ethnic", "world fusion"),
        *("世界音乐", "世界音樂"),
        *("músicas del mundo", "música del mundo", "musiques du monde", "musique du monde", "Weltmusik"),
        *("música do mundo", "ワールドミュージック", "ワールド", "월드뮤직"),
    ),
}
"""The top of the tree: what is heard, in the order of `STYLES`, and then what only tags tell."""

SUB_STYLES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "ambient": {
        "new age": ("新世纪音乐", "新世紀音樂", "ニューエイジ", "뉴에이지"),
        "dark ambient": ("黑暗氛围", "黑暗氛圍", "ダークアンビエント", "다크 앰비언트"),
    },
    "blues": {
        "delta blues": (
            *("country blues", "acoustic blues", "blues del delta", "blues do delta"),
            *("三角洲蓝调", "三角洲藍調"),
            *("デルタブルース", "델타 블루스"),
        ),
        "electric blues": (
            *("Chicago blues", "blues eléctrico", "blues électrique", "blues elétrico"),
            *("电声蓝调", "電聲藍調", "芝加哥蓝调", "芝加哥藍調"),
            *("シカゴブルース", "エレクトリックブルース", "시카고 블루스", "일렉트릭 블루스"),
        ),
    },
    "classical": {
        "baroque": ("barroco", "barroca", "Barock", "巴洛克", "バロック", "바로크"),
        "chamber music": (
            *("chamber", "string quartet", "sonata", "música de cámara", "musique de chambre", "Kammermusik"),
            *("室内乐", "室內樂", "室内楽"),
            *("실내악",),
        ),
        "choral": (
            *("choir", "chorus", "coral", "choeur", "chœur", "chorale", "Chormusik", "Chor"),
            *("合唱", "合唱团", "合唱團"),
            *("コーラス", "합창"),
        ),
        "early music": (
            *("medieval", "renaissance", "Gregorian chant", "música antigua", "musique ancienne", "Alte Musik"),
            *("música antiga",),
            *("早期音乐", "早期音樂", "文艺复兴", "文藝復興", "古楽"),
            *("고음악",),
        ),
        "opera": ("Oper", "歌剧", "歌劇", "オペラ", "오페라"),
    },
    "country": {
        "americana": (
            *("alt-country", "alternative country"),
            *("美式乡村", "美式鄉村"),
            *("アメリカーナ", "아메리카나"),
        ),
        "bluegrass": ("蓝草", "藍草", "ブルーグラス", "블루그래스"),
        "honky-tonk": ("outlaw country", "ホンキートンク", "홍키통크"),
    },
    "disco": {
        "Italo disco": ("Italo", "意大利迪斯科", "イタロディスコ", "이탈로 디스코"),
        "nu-disco": ("新迪斯科", "ニューディスコ", "누 디스코"),
    },
    "electronic": {
        "chiptune": ("8-bit", "芯片音乐", "芯片音樂", "チップチューン", "칩튠"),
        "downtempo": ("chillout", "弛放", "馳放", "ダウンテンポ", "다운템포"),
        "drum and bass": (
            *("drum & bass", "drum'n'bass", "DnB", "D&B", "jungle"),
            *("鼓打贝斯", "鼓打貝斯"),
            *("ドラムンベース", "드럼 앤 베이스"),
        ),
        "dubstep": ("brostep", "回响贝斯", "迴響貝斯", "ダブステップ", "덥스텝"),
        "house": (
            *("deep house", "tech house", "progressive house", "acid house", "club-house", "Euro-house"),
            *("浩室",),
            *("ハウス", "ディープハウス", "하우스", "딥 하우스"),
        ),
        "industrial": (
            *("electro-industrial", "EBM", "electronic body music"),
            *("工业音乐", "工業音樂"),
            *("インダストリアル", "인더스트리얼"),
        ),
        "synthwave": (
            *("retrowave", "vaporwave"),
            *("合成器浪潮", "蒸汽波"),
            *("シンセウェイヴ", "シンセウェーブ", "신스웨이브"),
        ),
        "techno": ("minimal techno", "Euro-techno", "acid techno", "铁克诺", "鐵克諾", "テクノ", "테크노"),
        "trance": ("psytrance", "goa trance", "Goa", "psybient", "迷幻舞曲", "出神", "トランス", "트랜스"),
        "trip-hop": ("神游舞曲", "神遊舞曲", "トリップホップ", "트립합"),
    },
    "folk": {
        "Celtic": ("Irish folk", "celta", "celtique", "keltisch", "凯尔特", "凱爾特", "ケルト", "켈트"),
        "folk rock": ("民谣摇滚", "民謠搖滾", "フォークロック", "포크 록"),
        "singer-songwriter": (
            *("cantautor", "auteur-compositeur", "Liedermacher", "cantautora"),
            *("唱作人", "創作歌手", "创作歌手"),
            *("シンガーソングライター", "싱어송라이터"),
        ),
    },
    "hip-hop": {
        "boom bap": ("old school hip-hop", "East Coast rap", "ブーンバップ", "붐뱁"),
        "conscious hip-hop": (
            *("jazz rap", "rap consciente", "rap conscient", "alternative hip-hop", "alternative rap"),
            *("意识说唱", "意識說唱"),
            *("コンシャスラップ",),
        ),
        "gangsta rap": ("G-funk", "West Coast rap", "匪帮说唱", "匪幫說唱", "ギャングスタラップ", "갱스터 랩"),
        "trap": ("drill", "陷阱说唱", "陷阱說唱", "トラップ", "트랩"),
    },
    "jazz": {
        "bebop": (
            *("bop", "hard bop", "post-bop"),
            *("比波普", "咆勃"),
            *("ビバップ", "ハードバップ", "비밥", "하드 밥"),
        ),
        "bossa nova": ("bossa", "波萨诺瓦", "巴萨诺瓦", "巴薩諾瓦", "ボサノバ", "ボサノヴァ", "보사노바"),
        "cool jazz": ("冷爵士", "酷派爵士", "クールジャズ", "쿨 재즈"),
        "free jazz": ("自由爵士", "フリージャズ", "프리 재즈"),
        "fusion": ("jazz fusion", "jazz-rock", "jazz-funk", "融合爵士", "フュージョン", "퓨전", "퓨전 재즈"),
        "Latin jazz": ("Afro-Cuban jazz", "jazz latin", "jazz latino", "拉丁爵士", "ラテンジャズ", "라틴 재즈"),
        "smooth jazz": ("柔顺爵士", "柔順爵士", "スムースジャズ", "스무드 재즈"),
        "swing": (
            *("big band",),
            *("摇摆", "搖擺", "大乐队", "大樂隊"),
            *("スウィング", "スイング", "ビッグバンド", "스윙", "빅밴드"),
        ),
        "trad jazz": (
            *("dixieland", "ragtime", "New Orleans jazz"),
            *("迪克西兰", "迪克西蘭"),
            *("ディキシーランド", "딕시랜드"),
        ),
        "vocal jazz": (
            *("jazz vocal", "jazz vocale"),
            *("人声爵士", "人聲爵士", "爵士人声"),
            *("ジャズボーカル", "재즈 보컬"),
        ),
    },
    "metal": {
        "black metal": ("黑金属", "黑金屬", "ブラックメタル", "블랙 메탈"),
        "death metal": ("melodic death metal", "死亡金属", "死亡金屬", "デスメタル", "데스 메탈"),
        "doom metal": (
            *("sludge metal", "stoner metal"),
            *("厄运金属", "厄運金屬", "毁灭金属"),
            *("ドゥームメタル", "둠 메탈"),
        ),
        "heavy metal": ("NWOBHM", "重金属", "重金屬", "ヘビーメタル", "ヘヴィメタル", "헤비메탈"),
        "metalcore": ("deathcore", "金属核", "金屬核", "メタルコア", "메탈코어"),
        "nu metal": ("新金属", "新金屬", "ニューメタル", "뉴 메탈"),
        "power metal": (
            *("symphonic metal", "metal sinfónico", "metal symphonique"),
            *("力量金属", "力量金屬"),
            *("パワーメタル", "파워 메탈"),
        ),
        "progressive metal": (
            *("prog metal", "metal progresivo", "metal progressif", "metal progressivo", "djent"),
            *("前卫金属", "前衛金屬"),
            *("プログレメタル", "프로그레시브 메탈"),
        ),
        "thrash metal": (
            *("thrash",),
            *("鞭挞金属", "鞭撻金屬", "激流金属", "激流金屬"),
            *("スラッシュメタル", "스래시 메탈"),
        ),
    },
    "pop": {
        "Cantopop": ("粤语流行", "粵語流行", "廣東歌", "广东歌", "カントポップ", "칸토팝"),
        "chanson": ("chanson française", "香颂", "香頌", "シャンソン", "샹송"),
        "city pop": ("城市流行", "シティポップ", "시티팝"),
        "easy listening": ("lounge", "轻音乐", "輕音樂", "イージーリスニング", "이지 리스닝"),
        "enka": ("演歌", "엔카"),
        "J-pop": ("Japanese pop", "pop japonés", "pop japonais", "日本流行", "日系流行", "J-ポップ", "제이팝"),
        "K-pop": (
            *("Korean pop", "pop coreano", "pop coréen"),
            *("韩国流行", "韓國流行", "韩流", "韓流"),
            *("K-ポップ", "케이팝"),
        ),
        "Mandopop": ("国语流行", "國語流行", "マンドポップ", "만도팝"),
        "new wave": (
            *("Neue Deutsche Welle", "nouvelle vague"),
            *("新浪潮",),
            *("ニューウェーブ", "ニューウェイヴ", "뉴웨이브"),
        ),
        "Schlager": ("Schlagermusik",),
        "synth-pop": (
            *("electropop", "tecnopop", "pop électronique"),
            *("合成器流行", "电子流行", "電子流行"),
            *("シンセポップ", "신스팝"),
        ),
        "trot": ("트로트", "トロット"),
    },
    "punk": {
        "emo": ("情绪硬核", "情緒硬核", "エモ", "이모"),
        "hardcore punk": ("post-hardcore", "硬核朋克", "硬核龐克", "ハードコアパンク", "하드코어 펑크"),
        "pop punk": ("流行朋克", "流行龐克", "ポップパンク", "팝 펑크"),
        "post-punk": ("后朋克", "後龐克", "ポストパンク", "포스트 펑크"),
        "ska punk": ("third wave ska", "スカパンク", "스카 펑크"),
    },
    "reggae": {
        "dancehall": ("ragga", "舞厅雷鬼", "舞廳雷鬼", "ダンスホール", "댄스홀"),
        "dub": ("dub reggae", "ダブ", "덥"),
        "ska": ("rocksteady", "斯卡", "スカ", "스카"),
    },
    "rock": {
        "alternative rock": (
            *("alt-rock", "rock alternativo", "rock alternatif"),
            *("另类摇滚", "另類搖滾"),
            *("オルタナティブロック", "オルタナティヴロック", "얼터너티브 록"),
        ),
        "blues rock": ("蓝调摇滚", "藍調搖滾", "ブルースロック", "블루스 록"),
        "classic rock": (
            *("rock clásico", "rock classique", "rock clássico"),
            *("经典摇滚", "經典搖滾"),
            *("クラシックロック", "클래식 록"),
        ),
        "garage rock": (
            *("rock de garage", "rock garagem"),
            *("车库摇滚", "車庫搖滾"),
            *("ガレージロック", "개러지 록"),
        ),
        "grunge": ("垃圾摇滚", "油渍摇滚", "油漬搖滾", "グランジ", "그런지"),
        "hard rock": ("rock duro", "rock pesado", "硬摇滚", "硬搖滾", "ハードロック", "하드 록"),
        "indie rock": (
            *("Britpop", "rock indépendant", "rock independiente", "rock independente"),
            *("独立摇滚", "獨立搖滾"),
            *("インディーロック", "인디 록"),
        ),
        "J-rock": ("visual kei", "日本摇滚", "日本搖滾", "邦楽ロック", "ヴィジュアル系", "제이록"),
        "post-rock": ("后摇", "後搖", "后摇滚", "後搖滾", "ポストロック", "포스트 록"),
        "progressive rock": (
            *("prog rock", "prog", "art rock", "krautrock", "math rock", "symphonic rock", "rock progresivo"),
            *("rock sinfónico", "rock progressif", "rock progressivo"),
            *("前卫摇滚", "前衛搖滾"),
            *("プログレッシブロック", "プログレ", "프로그레시브 록"),
        ),
        "psychedelic rock": (
            *("psychedelic", "psychedelia", "space rock", "rock psicodélico", "rock psychédélique"),
            *("迷幻摇滚", "迷幻搖滾"),
            *("サイケデリックロック", "사이키델릭 록"),
        ),
        "rock and roll": (
            *("rock & roll", "rock'n'roll", "rockabilly", "surf rock"),
            *("ロックンロール", "ロカビリー", "로큰롤"),
        ),
        "shoegaze": ("dream pop", "自赏", "盯鞋", "シューゲイザー", "슈게이즈"),
        "soft rock": ("AOR", "rock suave", "软摇滚", "軟搖滾", "ソフトロック", "소프트 록"),
    },
    "soul": {
        "funk": ("funky", "P-funk", "放克", "ファンク"),
        "gospel": ("福音", "ゴスペル", "가스펠"),
        "neo-soul": ("新灵魂", "新靈魂", "ネオソウル", "네오 소울"),
        "R&B": (
            *("RnB", "R and B", "rhythm and blues", "rhythm & blues", "contemporary R&B"),
            *("节奏布鲁斯", "節奏布魯斯", "节奏蓝调", "節奏藍調"),
            *("リズムアンドブルース", "알앤비"),
        ),
    },
    "latin": {
        "bachata": ("巴恰塔", "バチャータ", "바차타"),
        "cumbia": ("昆比亚", "昆比亞", "クンビア", "쿰비아"),
        "merengue": ("梅伦格", "メレンゲ", "메렝게"),
        "MPB": ("música popular brasileira",),
        "reggaeton": ("reguetón", "雷鬼动", "雷鬼動", "レゲトン", "레게톤"),
        "salsa": ("萨尔萨", "薩爾薩", "サルサ", "살사"),
        "samba": ("桑巴", "森巴", "サンバ", "삼바"),
        "tango": ("探戈", "タンゴ", "탱고"),
    },
    "soundtrack": {
        "anime": ("anison", "动漫", "動漫", "アニメ", "アニソン", "애니메이션"),
        "game music": (
            *("game", "video game", "VGM", "videojuegos", "videojuego", "videogames", "jeux vidéo"),
            *("Videospielmusik",),
            *("游戏", "遊戲"),
            *("ゲーム", "ゲーム音楽", "게임"),
        ),
        "musical": ("show tunes", "Broadway", "comédie musicale", "音乐剧", "音樂劇", "ミュージカル", "뮤지컬"),
    },
    "world": {
        "Afrobeat": ("Afrobeats", "非洲节拍", "非洲節拍", "アフロビート", "아프로비트"),
        "fado": ("法朵", "ファド", "파두"),
        "flamenco": ("弗拉门戈", "弗拉明戈", "佛朗明哥", "フラメンコ", "플라멩코"),
        "klezmer": ("克莱兹默", "クレズマー", "클레즈머"),
    },
}
"""Below each style at the top, what tags alone tell apart within it."""

ALSO: Mapping[str, str] = {
    "americana": "folk",
    "bluegrass": "folk",
    "blues rock": "blues",
    "downtempo": "ambient",
    "folk rock": "rock",
    "fusion": "rock",
    "hard rock": "metal",
    "industrial": "metal",
    "Italo disco": "electronic",
    "new wave": "rock",
    "nu-disco": "electronic",
    "pop punk": "rock",
    "post-punk": "rock",
    "R&B": "pop",
    "singer-songwriter": "pop",
    "ska punk": "reggae",
    "soft rock": "pop",
    "synth-pop": "electronic",
    "trip-hop": "hip-hop",
}
"""What lies between two heard styles, besides the one that it stands below: its tracks may sound like either."""


def above(style: str) -> str | None:
    """What a style stands below in the tree, None for one at the top."""
    return _ABOVE.get(style)


def told_by_tags(style: str) -> bool:
    """Whether a style is not heard, so that only tags tell which tracks have it."""
    return style not in STYLES


def heard_as(style: str) -> tuple[str, ...]:
    """The heard styles that tracks of a style sound like; none where sound says nothing of it."""
    tops = (style, _ABOVE.get(style), ALSO.get(style))
    return tuple(top for top in tops if top in STYLES)


def tree() -> tuple[str, ...]:
    """All styles, each followed by those below it."""
    return tuple(style for top in STYLE_WORDS for style in (top, *SUB_STYLES.get(top, {})))


def find_style(word: str) -> str:
    """Return the style of the tree that a word of any served language means, or raise `UnknownLabelError`."""
    return VOCABULARY.find(word)


_ABOVE = {style: top for top, below in SUB_STYLES.items() for style in below}

WORDS: Mapping[str, tuple[str, ...]] = {
    **STYLE_WORDS,
    **{style: words for below in SUB_STYLES.values() for style, words in below.items()},
}
"""Every style of the tree with its words."""

VOCABULARY = Vocabulary("style", WORDS, "see: musictaste styles")
