-- Versions of the program that have used the database, so that one that is too old can say which is needed.
CREATE TABLE IF NOT EXISTS programs (version TEXT PRIMARY KEY, first_at BIGINT NOT NULL);
