"""The schema of the library file, by numbered migrations, none of which is edited once it was released."""

from __future__ import annotations

import sqlite_utils
from sqlite_utils.migrations import Migrations

from musictaste.store.packing import APPLICATION_ID

migrations = Migrations("musictaste")


def _execute_all(db: sqlite_utils.Database, script: str) -> None:
    """Run statements one by one: sqlite3's executescript would end the transaction that a migration runs in."""
    for statement in script.split(";\n\n"):
        db.execute(statement)


@migrations()
def first_schema(db: sqlite_utils.Database) -> None:
    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    _execute_all(db, _FIRST_SCHEMA)


_FIRST_SCHEMA = """
CREATE TABLE folder (
  path TEXT PRIMARY KEY
) STRICT;

CREATE TABLE track (
  id INTEGER PRIMARY KEY,
  audio_hash TEXT NOT NULL UNIQUE,
  duration_s REAL NOT NULL,
  heard_s REAL NOT NULL,
  "full" INTEGER NOT NULL,
  bpm REAL,
  key TEXT,
  loudness_db REAL NOT NULL,
  embedder TEXT NOT NULL,
  added INTEGER NOT NULL
) STRICT;

CREATE TABLE embedding (
  track_id INTEGER PRIMARY KEY REFERENCES track(id),
  mean BLOB NOT NULL,
  spread BLOB NOT NULL
) STRICT;

CREATE TABLE mood (
  track_id INTEGER PRIMARY KEY REFERENCES track(id),
  head TEXT NOT NULL,
  happy REAL NOT NULL,
  sad REAL NOT NULL,
  angry REAL NOT NULL,
  calm REAL NOT NULL
) STRICT;

CREATE TABLE style (
  track_id INTEGER PRIMARY KEY REFERENCES track(id),
  head TEXT NOT NULL,
  ambient REAL NOT NULL,
  blues REAL NOT NULL,
  classical REAL NOT NULL,
  country REAL NOT NULL,
  disco REAL NOT NULL,
  electronic REAL NOT NULL,
  folk REAL NOT NULL,
  hip_hop REAL NOT NULL,
  jazz REAL NOT NULL,
  metal REAL NOT NULL,
  pop REAL NOT NULL,
  punk REAL NOT NULL,
  reggae REAL NOT NULL,
  rock REAL NOT NULL,
  soul REAL NOT NULL
) STRICT;

CREATE TABLE file (
  id INTEGER PRIMARY KEY,
  path TEXT NOT NULL UNIQUE,
  track_id INTEGER NOT NULL REFERENCES track(id),
  size INTEGER NOT NULL,
  mtime_ns INTEGER NOT NULL,
  missing_since INTEGER,
  title TEXT,
  artist TEXT,
  album TEXT,
  album_artist TEXT,
  genre TEXT,
  date TEXT,
  track_number INTEGER,
  disc_number INTEGER,
  compilation INTEGER NOT NULL,
  musicbrainz_recording_id TEXT,
  musicbrainz_release_id TEXT,
  replaygain_track_db REAL,
  replaygain_album_db REAL,
  plays INTEGER,
  skips INTEGER,
  rating REAL,
  last_played INTEGER,
  loved INTEGER
) STRICT;

CREATE INDEX file_track ON file(track_id);

CREATE TABLE tag_value (
  file_id INTEGER NOT NULL REFERENCES file(id),
  field TEXT NOT NULL,
  position INTEGER NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (file_id, field, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE lyrics (
  file_id INTEGER PRIMARY KEY REFERENCES file(id),
  source TEXT NOT NULL,
  text TEXT NOT NULL
) STRICT;

CREATE TABLE failure (
  path TEXT PRIMARY KEY,
  size INTEGER NOT NULL,
  mtime_ns INTEGER NOT NULL,
  version TEXT NOT NULL,
  reason TEXT NOT NULL
) STRICT;

CREATE TABLE last_list (
  position INTEGER PRIMARY KEY,
  track_id INTEGER NOT NULL REFERENCES track(id)
) STRICT;

CREATE VIEW present AS
  SELECT track_id, min(id) AS file_id FROM file WHERE missing_since IS NULL GROUP BY track_id;

CREATE VIEW library AS
  SELECT file.path, file.title, file.artist, file.album, file.genre, file.date, track.duration_s, track.bpm, track.key,
    track.loudness_db, happy, sad, angry, calm, ambient, blues, classical, country, disco, electronic, folk, hip_hop,
    jazz, metal, pop, punk, reggae, rock, soul, file.plays, file.skips, file.rating, file.last_played
  FROM present JOIN file ON file.id = present.file_id JOIN track ON track.id = present.track_id
    JOIN mood ON mood.track_id = track.id JOIN style ON style.track_id = track.id
"""


@migrations()
def mood_over_time(db: sqlite_utils.Database) -> None:
    """A table of timelines; tracks that were heard before it have none until they are heard again."""
    db.execute(_TIMELINE_SCHEMA)


_TIMELINE_SCHEMA = """
CREATE TABLE timeline (
  track_id INTEGER PRIMARY KEY REFERENCES track(id),
  head TEXT NOT NULL,
  at_s BLOB NOT NULL, -- when the middle of each window plays, in seconds: little-endian float32 [windows]
  moods BLOB NOT NULL -- its probabilities: uint8 [windows, 4] of round(255 p) for happy, sad, angry, calm
) STRICT
"""


@migrations()
def teaching_of_moods(db: sqlite_utils.Database) -> None:
    _execute_all(db, _TEACHING_SCHEMA)


_TEACHING_SCHEMA = """
CREATE TABLE teaching (
  id INTEGER PRIMARY KEY,
  lesson INTEGER NOT NULL,
  track_id INTEGER NOT NULL REFERENCES track(id),
  mood TEXT NOT NULL,
  yes INTEGER NOT NULL,
  at INTEGER NOT NULL
) STRICT;

CREATE TABLE personal_head (
  embedder TEXT NOT NULL,
  head TEXT NOT NULL,
  weights BLOB NOT NULL,
  PRIMARY KEY (embedder, head)
) STRICT, WITHOUT ROWID;

CREATE TABLE personal_mood (
  track_id INTEGER PRIMARY KEY REFERENCES track(id),
  head TEXT NOT NULL,
  happy REAL NOT NULL,
  sad REAL NOT NULL,
  angry REAL NOT NULL,
  calm REAL NOT NULL
) STRICT;

CREATE VIEW felt AS
  SELECT mood.track_id,
    coalesce(personal_mood.happy, mood.happy) AS happy, coalesce(personal_mood.sad, mood.sad) AS sad,
    coalesce(personal_mood.angry, mood.angry) AS angry, coalesce(personal_mood.calm, mood.calm) AS calm
  FROM mood LEFT JOIN personal_mood ON personal_mood.track_id = mood.track_id;

DROP VIEW library;

CREATE VIEW library AS
  SELECT file.path, file.title, file.artist, file.album, file.genre, file.date, track.duration_s, track.bpm, track.key,
    track.loudness_db, happy, sad, angry, calm, ambient, blues, classical, country, disco, electronic, folk, hip_hop,
    jazz, metal, pop, punk, reggae, rock, soul, file.plays, file.skips, file.rating, file.last_played
  FROM present JOIN file ON file.id = present.file_id JOIN track ON track.id = present.track_id
    JOIN felt ON felt.track_id = track.id JOIN style ON style.track_id = track.id
"""


@migrations()
def finer_moods(db: sqlite_utils.Database) -> None:
    """Columns for eight further moods; they are empty until a track is heard again."""
    _execute_all(db, _FINER_SCHEMA)


_FINER_SCHEMA = """
ALTER TABLE mood ADD COLUMN aggressive REAL;

ALTER TABLE mood ADD COLUMN energetic REAL;

ALTER TABLE mood ADD COLUMN gritty REAL;

ALTER TABLE mood ADD COLUMN nostalgic REAL;

ALTER TABLE mood ADD COLUMN powerful REAL;

ALTER TABLE mood ADD COLUMN rebellious REAL;

ALTER TABLE mood ADD COLUMN tender REAL;

ALTER TABLE mood ADD COLUMN tense REAL;

ALTER TABLE personal_mood ADD COLUMN aggressive REAL;

ALTER TABLE personal_mood ADD COLUMN energetic REAL;

ALTER TABLE personal_mood ADD COLUMN gritty REAL;

ALTER TABLE personal_mood ADD COLUMN nostalgic REAL;

ALTER TABLE personal_mood ADD COLUMN powerful REAL;

ALTER TABLE personal_mood ADD COLUMN rebellious REAL;

ALTER TABLE personal_mood ADD COLUMN tender REAL;

ALTER TABLE personal_mood ADD COLUMN tense REAL;

-- 400 float32 of zero for each further mood: it was not taught.
UPDATE personal_head SET weights = CAST(weights || zeroblob(12800) AS BLOB);

DROP VIEW library;

DROP VIEW felt;

CREATE VIEW felt AS
  SELECT mood.track_id,
    coalesce(personal_mood.happy, mood.happy) AS happy, coalesce(personal_mood.sad, mood.sad) AS sad,
    coalesce(personal_mood.angry, mood.angry) AS angry, coalesce(personal_mood.calm, mood.calm) AS calm,
    coalesce(personal_mood.aggressive, mood.aggressive) AS aggressive,
    coalesce(personal_mood.energetic, mood.energetic) AS energetic,
    coalesce(personal_mood.gritty, mood.gritty) AS gritty,
    coalesce(personal_mood.nostalgic, mood.nostalgic) AS nostalgic,
    coalesce(personal_mood.powerful, mood.powerful) AS powerful,
    coalesce(personal_mood.rebellious, mood.rebellious) AS rebellious,
    coalesce(personal_mood.tender, mood.tender) AS tender, coalesce(personal_mood.tense, mood.tense) AS tense
  FROM mood LEFT JOIN personal_mood ON personal_mood.track_id = mood.track_id
"""


@migrations()
def layers_apart(db: sqlite_utils.Database) -> None:
    """The numbers of an embedding that only heads read get a table of their own: lists then read a fifth of it."""
    _execute_all(db, _LAYERS_SCHEMA)


_LAYERS_SCHEMA = """
CREATE TABLE layers (
  track_id INTEGER PRIMARY KEY REFERENCES track(id),
  mean BLOB NOT NULL -- the embedding after its first 400 numbers, little-endian float16
) STRICT;

INSERT INTO layers SELECT track_id, substr(mean, 801) FROM embedding;

UPDATE embedding SET mean = substr(mean, 1, 800), spread = substr(spread, 1, 800)
"""


@migrations()
def styles_by_tags(db: sqlite_utils.Database) -> None:
    """What genre tags say of styles, per file; `styled` weighs it against the sound when it is read, so that nothing
    has to be kept in step when a head, a tag or the file that stands for a track changes.
    """
    _execute_all(db, _TAGGED_SCHEMA)


_TAGGED_SCHEMA = """
CREATE TABLE tagged (
  style TEXT NOT NULL,
  file_id INTEGER NOT NULL REFERENCES file(id),
  PRIMARY KEY (style, file_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX tagged_file ON tagged(file_id);

CREATE TABLE tag_weight (
  file_id INTEGER PRIMARY KEY REFERENCES file(id),
  ambient REAL NOT NULL,
  blues REAL NOT NULL,
  classical REAL NOT NULL,
  country REAL NOT NULL,
  disco REAL NOT NULL,
  electronic REAL NOT NULL,
  folk REAL NOT NULL,
  hip_hop REAL NOT NULL,
  jazz REAL NOT NULL,
  metal REAL NOT NULL,
  pop REAL NOT NULL,
  punk REAL NOT NULL,
  reggae REAL NOT NULL,
  rock REAL NOT NULL,
  soul REAL NOT NULL
) STRICT;

CREATE VIEW styled AS
  SELECT file_id, track_id,
    ambient / total AS ambient, blues / total AS blues, classical / total AS classical, country / total AS country,
    disco / total AS disco, electronic / total AS electronic, folk / total AS folk, hip_hop / total AS hip_hop,
    jazz / total AS jazz, metal / total AS metal, pop / total AS pop, punk / total AS punk, reggae / total AS reggae,
    rock / total AS rock, soul / total AS soul
  FROM (
    SELECT *, CASE WHEN told THEN
      ambient + blues + classical + country + disco + electronic + folk + hip_hop + jazz + metal + pop + punk +
      reggae + rock + soul
      ELSE 1 END AS total
    FROM (
      SELECT file.id AS file_id, style.track_id, w.file_id IS NOT NULL AS told,
        style.ambient * coalesce(w.ambient, 1) AS ambient, style.blues * coalesce(w.blues, 1) AS blues,
        style.classical * coalesce(w.classical, 1) AS classical, style.country * coalesce(w.country, 1) AS country,
        style.disco * coalesce(w.disco, 1) AS disco, style.electronic * coalesce(w.electronic, 1) AS electronic,
        style.folk * coalesce(w.folk, 1) AS folk, style.hip_hop * coalesce(w.hip_hop, 1) AS hip_hop,
        style.jazz * coalesce(w.jazz, 1) AS jazz, style.metal * coalesce(w.metal, 1) AS metal,
        style.pop * coalesce(w.pop, 1) AS pop, style.punk * coalesce(w.punk, 1) AS punk,
        style.reggae * coalesce(w.reggae, 1) AS reggae, style.rock * coalesce(w.rock, 1) AS rock,
        style.soul * coalesce(w.soul, 1) AS soul
      FROM file JOIN style ON style.track_id = file.track_id LEFT JOIN tag_weight AS w ON w.file_id = file.id
    )
  )
"""


@migrations()
def words_of_songs(db: sqlite_utils.Database) -> None:
    """Words from several sources; those that were known by one text for each file are cleaned by the next scan."""
    _execute_all(db, _WORDS_SCHEMA)


_WORDS_SCHEMA = """
ALTER TABLE lyrics RENAME TO lyrics_before;

CREATE TABLE lyrics (
  id INTEGER PRIMARY KEY AUTOINCREMENT, -- never used twice, so that it stands for these very words
  file_id INTEGER REFERENCES file(id), -- of words in a file or beside it
  track_id INTEGER REFERENCES track(id), -- of words that a service gave for a recording
  source TEXT NOT NULL,
  mtime_ns INTEGER, -- of the file of words
  found INTEGER NOT NULL,
  cleaner TEXT NOT NULL,
  instrumental INTEGER NOT NULL,
  language TEXT,
  path TEXT, -- of the file of words
  words TEXT, -- what is sung; NULL where that is nothing
  text TEXT NOT NULL,
  CHECK ((file_id IS NULL) != (track_id IS NULL))
) STRICT;

CREATE UNIQUE INDEX lyrics_of_file ON lyrics(file_id, source) WHERE file_id IS NOT NULL;

CREATE UNIQUE INDEX lyrics_of_track ON lyrics(track_id, source) WHERE track_id IS NOT NULL;

INSERT INTO lyrics (file_id, source, found, cleaner, instrumental, text)
  SELECT file_id, source, CAST(strftime('%s', 'now') AS INTEGER), '', 0, text FROM lyrics_before;

DROP TABLE lyrics_before;

CREATE TABLE lyrics_miss (
  track_id INTEGER NOT NULL REFERENCES track(id),
  source TEXT NOT NULL,
  reason TEXT NOT NULL, -- why what the service found was rejected; empty where it found nothing
  asked INTEGER NOT NULL,
  PRIMARY KEY (track_id, source)
) STRICT, WITHOUT ROWID;

CREATE VIEW words AS
  SELECT track_id, lyrics_id, source, language, instrumental, words AS text, min(distance) AS distance FROM (
    SELECT file.track_id, lyrics.id AS lyrics_id, source, language, instrumental, words,
      CASE source WHEN 'tags' THEN 0 ELSE 1 END + 8 * (missing_since IS NOT NULL) AS distance
    FROM lyrics JOIN file ON file.id = lyrics.file_id WHERE words IS NOT NULL OR instrumental
    UNION ALL
    SELECT track_id, id, source, language, instrumental, words,
      CASE source WHEN 'lrclib' THEN 2 WHEN 'genius' THEN 3 ELSE 4 END
    FROM lyrics WHERE track_id IS NOT NULL AND (words IS NOT NULL OR instrumental)
  ) GROUP BY track_id
"""


@migrations()
def plays_of_players(db: sqlite_utils.Database) -> None:
    _execute_all(db, _PLAYS_SCHEMA)


_PLAYS_SCHEMA = """
CREATE TABLE listener (
  id INTEGER PRIMARY KEY,
  source TEXT NOT NULL,
  file TEXT NOT NULL,
  user TEXT NOT NULL, -- empty where the file knows of one user only
  own INTEGER NOT NULL, -- whether the plays are those of the owner of this library
  UNIQUE (source, file, user)
) STRICT;

CREATE TABLE play_count (
  listener_id INTEGER NOT NULL REFERENCES listener(id),
  track_id INTEGER NOT NULL REFERENCES track(id),
  plays INTEGER,
  skips INTEGER,
  rating REAL,
  loved INTEGER,
  last_played INTEGER,
  PRIMARY KEY (listener_id, track_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE play_event (
  listener_id INTEGER NOT NULL REFERENCES listener(id),
  at INTEGER NOT NULL, -- Unix seconds
  track_id INTEGER NOT NULL REFERENCES track(id),
  skipped INTEGER NOT NULL,
  PRIMARY KEY (listener_id, at, track_id, skipped)
) STRICT, WITHOUT ROWID;

CREATE TABLE imported (
  track_id INTEGER PRIMARY KEY REFERENCES track(id), -- what all own listeners say together, each play counted once
  plays INTEGER NOT NULL,
  skips INTEGER NOT NULL,
  rating REAL,
  loved INTEGER,
  last_played INTEGER
) STRICT
"""


@migrations()
def kinds_of_sound(db: sqlite_utils.Database) -> None:
    """Whether a track is music; one without a row is taken for music. Silent files used to be failures."""
    _execute_all(db, _KIND_SCHEMA)


_KIND_SCHEMA = """
CREATE TABLE kind (
  track_id INTEGER PRIMARY KEY REFERENCES track(id),
  head TEXT NOT NULL,
  kind TEXT NOT NULL,
  music REAL NOT NULL,
  speech REAL NOT NULL,
  noise REAL NOT NULL
) STRICT;

CREATE VIEW present_music AS
  SELECT track_id, file_id FROM present
  WHERE NOT EXISTS (SELECT 1 FROM kind WHERE kind.track_id = present.track_id AND kind.kind != 'music');

DELETE FROM failure WHERE reason = 'nothing but silence';

DROP VIEW IF EXISTS library;

CREATE VIEW library AS
  SELECT file.path, file.title, file.artist, file.album, file.genre, file.date, coalesce(kind.kind, 'music') AS kind,
    track.duration_s, track.bpm, track.key, track.loudness_db, happy, sad, angry, calm, aggressive, energetic, gritty,
    nostalgic, powerful, rebellious, tender, tense, ambient, blues, classical, country, disco, electronic, folk,
    hip_hop, jazz, metal, pop, punk, reggae, rock, soul,
    nullif(max(coalesce(file.plays, -1), coalesce(imported.plays, -1)), -1) AS plays,
    nullif(max(coalesce(file.skips, -1), coalesce(imported.skips, -1)), -1) AS skips,
    nullif(max(coalesce(file.rating, -1), coalesce(imported.rating, -1)), -1) AS rating,
    nullif(max(coalesce(file.last_played, -1), coalesce(imported.last_played, -1)), -1) AS last_played
  FROM present JOIN file ON file.id = present.file_id JOIN track ON track.id = present.track_id
    JOIN felt ON felt.track_id = track.id JOIN styled ON styled.file_id = file.id
    LEFT JOIN imported ON imported.track_id = track.id
    LEFT JOIN kind ON kind.track_id = track.id
"""


@migrations()
def columns_of_tracks(db: sqlite_utils.Database) -> None:
    """Labels and vectors by column, in blocks of 1,024 tracks; all are made at the next reading."""
    _execute_all(db, _COLUMNS_SCHEMA)
    for what, tables in (("labels", ("mood", "style", "kind", "file")), ("vectors", ("embedding",))):
        for table in tables:
            for event, rows in (("INSERT", ("NEW",)), ("UPDATE", ("OLD", "NEW")), ("DELETE", ("OLD",))):
                # OR IGNORE would not do: in a trigger the conflict clause of the outer statement holds.
                notes = " ".join(
                    f"INSERT INTO stale_block SELECT {row}.track_id >> 10, '{what}' WHERE NOT EXISTS"
                    f" (SELECT 1 FROM stale_block WHERE block = {row}.track_id >> 10 AND what = '{what}');"
                    for row in rows
                )
                db.execute(f"CREATE TRIGGER {table}_{event.lower()}_stales AFTER {event} ON {table} BEGIN {notes} END")


_COLUMNS_SCHEMA = """
CREATE TABLE column_block (
  name TEXT NOT NULL,
  block INTEGER NOT NULL,
  items BLOB NOT NULL,
  PRIMARY KEY (name, block)
) STRICT;

CREATE TABLE stale_block (
  block INTEGER NOT NULL,
  what TEXT NOT NULL, -- 'labels' or 'vectors'
  PRIMARY KEY (block, what)
) STRICT, WITHOUT ROWID;

INSERT INTO stale_block SELECT DISTINCT id >> 10, 'labels' FROM track;

INSERT INTO stale_block SELECT DISTINCT id >> 10, 'vectors' FROM track
"""


@migrations()
def provider_of_networks(db: sqlite_utils.Database) -> None:
    """What ran the networks; it was not kept of tracks that were heard before."""
    db.execute("ALTER TABLE track ADD COLUMN provider TEXT")


@migrations()
def feedback_of_the_user(db: sqlite_utils.Database) -> None:
    """What the user said of tracks, which of them no list takes, and what is left of imported plays at `faded_at`."""
    _execute_all(db, _FEEDBACK_SCHEMA)


_FEEDBACK_SCHEMA = """
CREATE TABLE feedback (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  given INTEGER NOT NULL, -- what was said together is taken back together
  track_id INTEGER NOT NULL REFERENCES track(id),
  verdict TEXT NOT NULL CHECK (verdict IN ('like', 'dislike', 'skip')),
  at INTEGER NOT NULL
) STRICT;

CREATE INDEX feedback_track ON feedback(track_id);

ALTER TABLE imported ADD COLUMN faded_plays REAL;

ALTER TABLE imported ADD COLUMN faded_skips REAL;

ALTER TABLE imported ADD COLUMN faded_at INTEGER;

CREATE INDEX file_rated ON file(track_id, rating) WHERE rating IS NOT NULL;

CREATE VIEW opinion AS
  SELECT track_id, verdict FROM feedback
  WHERE id IN (SELECT max(id) FROM feedback WHERE verdict != 'skip' GROUP BY track_id);

CREATE VIEW hated AS -- by one star of five, or by the thumb that some players have; elsewhere 0 for loved says nothing
  SELECT track_id FROM (
    SELECT track_id, rating FROM file WHERE rating > 0
    UNION ALL SELECT track_id, rating FROM imported WHERE rating > 0
  ) GROUP BY track_id HAVING max(rating) <= 0.2
  UNION
  SELECT track_id FROM play_count JOIN listener ON listener.id = listener_id WHERE own AND loved IS NOT NULL
    AND (loved OR source IN ('listenbrainz', 'mpd', 'itunes')) GROUP BY track_id HAVING max(loved) = 0;

CREATE VIEW disliked AS
  SELECT track_id FROM opinion WHERE verdict = 'dislike'
  UNION
  SELECT track_id FROM hated WHERE track_id NOT IN (SELECT track_id FROM opinion);

CREATE VIEW offered AS
  SELECT track_id, file_id FROM present_music WHERE track_id NOT IN (SELECT track_id FROM disliked)
"""


@migrations()
def voices_of_tracks(db: sqlite_utils.Database) -> None:
    """Whether a track is sung: by its words, by its title, else by its sound as far as the head is sure."""
    _execute_all(db, _VOICE_SCHEMA)


_VOICE_SCHEMA = """
CREATE TABLE voice (
  track_id INTEGER PRIMARY KEY REFERENCES track(id),
  head TEXT NOT NULL,
  vocal REAL NOT NULL,
  answer TEXT -- vocal or instrumental; NULL where the head is not sure
) STRICT;

CREATE VIEW sung AS
  SELECT present.track_id,
    CASE WHEN words.instrumental OR played THEN 'instrumental' WHEN words.text IS NOT NULL THEN 'vocal'
      ELSE voice.answer END AS answer,
    CASE WHEN words.instrumental THEN 'words' WHEN played THEN 'title' WHEN words.text IS NOT NULL THEN 'words'
      WHEN voice.answer IS NOT NULL THEN 'sound' END AS told_by
  FROM present
    JOIN (
      SELECT id, coalesce(title LIKE '%(instrumental%' OR title LIKE '%[instrumental%' OR title LIKE '%- instrumental%'
        OR title LIKE '%karaoke%' OR title LIKE '%off vocal%' OR title LIKE '%off-vocal%' OR title LIKE '%伴奏%'
        OR title LIKE '%纯音乐%' OR title LIKE '%純音樂%' OR title LIKE '%カラオケ%' OR title LIKE '%インスト%', 0)
        AS played FROM file
    ) AS titled ON titled.id = present.file_id
    LEFT JOIN words ON words.track_id = present.track_id
    LEFT JOIN voice ON voice.track_id = present.track_id
"""


@migrations()
def recipes_of_playlists(db: sqlite_utils.Database) -> None:
    db.execute(_RECIPE_SCHEMA)


_RECIPE_SCHEMA = """
CREATE TABLE recipe (
  name TEXT PRIMARY KEY,
  words TEXT NOT NULL, -- the command line as it was typed, a JSON list
  tracks TEXT NOT NULL, -- paths of the tracks or playlists that it names, a JSON list
  file TEXT NOT NULL, -- the absolute path of the playlist that it writes
  saved INTEGER NOT NULL
) STRICT
"""


@migrations()
def moods_by_words(db: sqlite_utils.Database) -> None:
    """What the words of tracks say of moods. `heard` is the sound alone as it was taught, `untaught` and `felt` are
    sound and words without and with what was taught.
    """
    _execute_all(db, _READING_SCHEMA)
    for view, sound in (("untaught", "mood"), ("felt", "heard")):
        db.execute(_WEIGHED_BY_WORDS.format(view=view, sound=sound))
    for event, row in (("INSERT", "NEW"), ("UPDATE", "NEW"), ("DELETE", "OLD")):
        db.execute(
            f"CREATE TRIGGER reading_{event.lower()}_stales AFTER {event} ON reading BEGIN"
            f" INSERT INTO stale_block SELECT {row}.track_id >> 10, 'labels' WHERE NOT EXISTS"
            f" (SELECT 1 FROM stale_block WHERE block = {row}.track_id >> 10 AND what = 'labels'); END"
        )


_READING_SCHEMA = """
CREATE TABLE reading (
  track_id INTEGER PRIMARY KEY REFERENCES track(id),
  lyrics_id INTEGER NOT NULL, -- the words that were read; they may have gone since
  head TEXT NOT NULL,
  happy REAL, -- NULL where the words do not tell, as in all columns below
  sad REAL,
  angry REAL,
  calm REAL,
  happy_weight REAL, -- what the probability by sound is multiplied by
  sad_weight REAL,
  angry_weight REAL,
  calm_weight REAL,
  happy_line INTEGER, -- number of the line that spoke loudest, from 0 on; NULL where none did
  sad_line INTEGER,
  angry_line INTEGER,
  calm_line INTEGER
) STRICT;

DROP VIEW felt;

CREATE VIEW heard AS
  SELECT mood.track_id,
    coalesce(personal_mood.happy, mood.happy) AS happy, coalesce(personal_mood.sad, mood.sad) AS sad,
    coalesce(personal_mood.angry, mood.angry) AS angry, coalesce(personal_mood.calm, mood.calm) AS calm,
    coalesce(personal_mood.aggressive, mood.aggressive) AS aggressive,
    coalesce(personal_mood.energetic, mood.energetic) AS energetic,
    coalesce(personal_mood.gritty, mood.gritty) AS gritty,
    coalesce(personal_mood.nostalgic, mood.nostalgic) AS nostalgic,
    coalesce(personal_mood.powerful, mood.powerful) AS powerful,
    coalesce(personal_mood.rebellious, mood.rebellious) AS rebellious,
    coalesce(personal_mood.tender, mood.tender) AS tender, coalesce(personal_mood.tense, mood.tense) AS tense
  FROM mood LEFT JOIN personal_mood ON personal_mood.track_id = mood.track_id
"""


_WEIGHED_BY_WORDS = """
CREATE VIEW {view} AS
  SELECT track_id,
    CASE WHEN told THEN happy * happy_weight / total ELSE happy END AS happy,
    CASE WHEN told THEN sad * sad_weight / total ELSE sad END AS sad,
    CASE WHEN told THEN angry * angry_weight / total ELSE angry END AS angry,
    CASE WHEN told THEN calm * calm_weight / total ELSE calm END AS calm,
    aggressive, energetic, gritty, nostalgic, powerful, rebellious, tender, tense
  FROM (
    SELECT {sound}.*, happy_weight, sad_weight, angry_weight, calm_weight, happy_weight IS NOT NULL AS told,
      {sound}.happy * happy_weight + {sound}.sad * sad_weight + {sound}.angry * angry_weight
      + {sound}.calm * calm_weight AS total
    FROM {sound} LEFT JOIN reading ON reading.track_id = {sound}.track_id
  )
"""


@migrations()
def index_of_words(db: sqlite_utils.Database) -> None:
    """An index of what songs say; the next scan fills it."""
    _execute_all(db, _INDEX_SCHEMA)


_INDEX_SCHEMA = """
CREATE TABLE indexed_words (
  lyrics_id INTEGER PRIMARY KEY, -- whose words can be looked up
  version TEXT NOT NULL -- of the encoder and of how texts are taken apart
) STRICT;

CREATE TABLE meaning (
  block INTEGER PRIMARY KEY, -- lyrics_id / 256
  owners BLOB NOT NULL, -- lyrics_id % 256 of each line: uint8 [lines]
  codes BLOB NOT NULL -- signs of its vector: little-endian uint64 [8, lines]
) STRICT;

CREATE INDEX lyrics_with_words ON lyrics(id) WHERE words IS NOT NULL;

CREATE VIRTUAL TABLE phrase USING fts5(words, content = '', columnsize = 0, tokenize = 'ascii')
"""


@migrations()
def played_together(db: sqlite_utils.Database) -> None:
    """Neighbours of tracks by what was played; empty until plays are imported again."""
    db.execute(_TOGETHER_SCHEMA)


_TOGETHER_SCHEMA = """
CREATE TABLE together (
  track_id INTEGER PRIMARY KEY REFERENCES track(id),
  ids BLOB NOT NULL, -- of the tracks that go with it, the strongest first: little-endian int32 [k], -1 for none
  strengths BLOB NOT NULL, -- uint8 [k] of round(255 s), 255 for the strongest
  trust REAL NOT NULL -- how far listening decides what is similar, the sound having the rest
) STRICT
"""


@migrations()
def lists_of_the_past(db: sqlite_utils.Database) -> None:
    """What was recommended, so that what is said of it afterwards can be told from what is said of other tracks."""
    db.execute(_PAST_LISTS_SCHEMA)
    db.execute("CREATE INDEX past_list_track ON past_list(track_id)")


_PAST_LISTS_SCHEMA = """
CREATE TABLE past_list (
  list INTEGER NOT NULL, -- ascending; lists before the last thousand are forgotten
  track_id INTEGER NOT NULL REFERENCES track(id),
  at INTEGER NOT NULL,
  command TEXT NOT NULL,
  PRIMARY KEY (list, track_id)
) STRICT, WITHOUT ROWID
"""


@migrations()
def words_by_track(db: sqlite_utils.Database) -> None:
    """The words of some tracks are found without a look at all, and so are tracks whose words are others since."""
    _execute_all(db, _WORDS_BY_TRACK_SCHEMA)
    notes = (
        ("lyrics", "INSERT", "coalesce(NEW.track_id, (SELECT track_id FROM file WHERE file.id = NEW.file_id))"),
        ("lyrics", "DELETE", "coalesce(OLD.track_id, (SELECT track_id FROM file WHERE file.id = OLD.file_id))"),
        ("file", "UPDATE OF track_id, missing_since", "OLD.track_id, NEW.track_id"),
    )
    for table, event, tracks in notes:
        having = "WHEN EXISTS (SELECT 1 FROM lyrics WHERE file_id = NEW.id)" if table == "file" else ""
        db.execute(
            f"CREATE TRIGGER {table}_{event.split()[0].lower()}_stales_reading AFTER {event} ON {table} {having} BEGIN"
            f" INSERT INTO stale_reading SELECT id FROM track WHERE id IN ({tracks})"
            " AND NOT EXISTS (SELECT 1 FROM stale_reading WHERE track_id = track.id); END"
        )


_WORDS_BY_TRACK_SCHEMA = """
CREATE VIEW any_words AS
  SELECT file.track_id, lyrics.id AS lyrics_id, source, language, instrumental, words AS text,
    CASE source WHEN 'tags' THEN 0 ELSE 1 END + 8 * (missing_since IS NOT NULL) AS distance
  FROM file JOIN lyrics ON lyrics.file_id = file.id WHERE words IS NOT NULL OR instrumental
  UNION ALL
  SELECT track_id, id, source, language, instrumental, words,
    CASE source WHEN 'lrclib' THEN 2 WHEN 'genius' THEN 3 ELSE 4 END
  FROM lyrics WHERE track_id IS NOT NULL AND (words IS NOT NULL OR instrumental);

DROP VIEW words;

CREATE VIEW words AS -- the nearest of each track; grouped by track, SQLite would go through all to find a few
  SELECT * FROM any_words WHERE NOT EXISTS (
    SELECT 1 FROM any_words AS other WHERE other.track_id = any_words.track_id
    AND (other.distance, other.lyrics_id) < (any_words.distance, any_words.lyrics_id)
  );

CREATE TABLE stale_reading (
  track_id INTEGER PRIMARY KEY -- of tracks whose words came, changed or went, maybe, since they were read
) STRICT;

INSERT INTO stale_reading SELECT track_id FROM any_words UNION SELECT track_id FROM reading;

CREATE INDEX reading_head ON reading(head)
"""


@migrations()
def plays_by_column(db: sqlite_utils.Database) -> None:
    """What tags and players' files say of tracks, in blocks like labels; and indexes of what few tracks have."""
    _execute_all(db, _PLAYED_SCHEMA)
    told = ("plays", "skips", "rating", "loved", "last_played")
    for table, columns in (("file", told), ("imported", ("plays",))):
        for event, rows in (("INSERT", ("NEW",)), ("UPDATE", ("OLD", "NEW")), ("DELETE", ("OLD",))):
            notes = " ".join(
                f"INSERT INTO stale_block SELECT {row}.track_id >> 10, 'plays' WHERE NOT EXISTS"
                f" (SELECT 1 FROM stale_block WHERE block = {row}.track_id >> 10 AND what = 'plays');"
                for row in rows
            )
            something = " OR ".join(f"{row}.{column} IS NOT NULL" for row in rows for column in columns)
            db.execute(
                f"CREATE TRIGGER {table}_{event.lower()}_stales_plays AFTER {event} ON {table}"
                f" WHEN {something} BEGIN {notes} END"
            )


_PLAYED_SCHEMA = """
CREATE INDEX imported_rated ON imported(track_id, rating) WHERE rating IS NOT NULL;

CREATE INDEX play_count_loved ON play_count(listener_id, track_id, loved) WHERE loved IS NOT NULL;

CREATE INDEX kind_other ON kind(track_id, kind) WHERE kind != 'music';

INSERT INTO stale_block SELECT track_id >> 10, 'plays' FROM imported
  UNION SELECT track_id >> 10, 'plays' FROM file
  WHERE coalesce(plays, skips, rating, loved, last_played) IS NOT NULL
"""
