-- Names the database, so that files are not taken for those of another.
CREATE TABLE IF NOT EXISTS identity (id TEXT PRIMARY KEY);
