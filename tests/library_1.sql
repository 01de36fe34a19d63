PRAGMA application_id = 1836413812;
BEGIN TRANSACTION;
CREATE TABLE "_sqlite_migrations" (
   "id" INTEGER PRIMARY KEY,
   "migration_set" TEXT,
   "name" TEXT,
   "applied_at" TEXT
);
INSERT INTO "_sqlite_migrations" VALUES(1,'musictaste','first_schema','2026-11-24 08:28:49.305951+00:00');
CREATE TABLE embedding (
  track_id INTEGER PRIMARY KEY REFERENCES track(id),
  mean BLOB NOT NULL,
  spread BLOB NOT NULL
) STRICT;
INSERT INTO "embedding" VALUES(1,X'003C0040004200440045004600470048',X'00000000000000000000000000000000');
CREATE TABLE failure (
  path TEXT PRIMARY KEY,
  size INTEGER NOT NULL,
  mtime_ns INTEGER NOT NULL,
  version TEXT NOT NULL,
  reason TEXT NOT NULL
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
INSERT INTO "file" VALUES(1,'/m/a.flac',1,1,1,NULL,'Song','One',NULL,NULL,'Jazz',NULL,NULL,NULL,0,NULL,NULL,NULL,NULL,3,NULL,NULL,NULL,NULL);
CREATE TABLE folder (
  path TEXT PRIMARY KEY
) STRICT;
INSERT INTO "folder" VALUES('/m');
CREATE TABLE last_list (
  position INTEGER PRIMARY KEY,
  track_id INTEGER NOT NULL REFERENCES track(id)
) STRICT;
INSERT INTO "last_list" VALUES(1,1);
CREATE TABLE lyrics (
  file_id INTEGER PRIMARY KEY REFERENCES file(id),
  source TEXT NOT NULL,
  text TEXT NOT NULL
) STRICT;
INSERT INTO "lyrics" VALUES(1,'tags','la la');
CREATE TABLE mood (
  track_id INTEGER PRIMARY KEY REFERENCES track(id),
  head TEXT NOT NULL,
  happy REAL NOT NULL,
  sad REAL NOT NULL,
  angry REAL NOT NULL,
  calm REAL NOT NULL
) STRICT;
INSERT INTO "mood" VALUES(1,'emotion-1',0.75,0.125,0.0625,0.0625);
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
INSERT INTO "style" VALUES(1,'style-1',0.025,0.025,0.025,0.025,0.025,0.025,0.025,0.025,0.65,0.025,0.025,0.025,0.025,0.025,0.025);
CREATE TABLE tag_value (
  file_id INTEGER NOT NULL REFERENCES file(id),
  field TEXT NOT NULL,
  position INTEGER NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (file_id, field, position)
) STRICT, WITHOUT ROWID;
INSERT INTO "tag_value" VALUES(1,'artists',0,'One');
INSERT INTO "tag_value" VALUES(1,'genres',0,'Jazz');
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
INSERT INTO "track" VALUES(1,'hash-0',200.0,72.0,0,120.0,'C major',-14.0,'musicnn-msd-1+musicnn-mtt-2',1700000000);
CREATE UNIQUE INDEX "idx__sqlite_migrations_migration_set_name"
    ON "_sqlite_migrations" ("migration_set", "name");
CREATE INDEX file_track ON file(track_id);
CREATE VIEW present AS
  SELECT track_id, min(id) AS file_id FROM file WHERE missing_since IS NULL GROUP BY track_id;
CREATE VIEW library AS
  SELECT file.path, file.title, file.artist, file.album, file.genre, file.date, track.duration_s, track.bpm, track.key,
    track.loudness_db, happy, sad, angry, calm, ambient, blues, classical, country, disco, electronic, folk, hip_hop,
    jazz, metal, pop, punk, reggae, rock, soul, file.plays, file.skips, file.rating, file.last_played
  FROM present JOIN file ON file.id = present.file_id JOIN track ON track.id = present.track_id
    JOIN mood ON mood.track_id = track.id JOIN style ON style.track_id = track.id;
COMMIT;
