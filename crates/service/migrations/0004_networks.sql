-- How many classifications by a network each token has asked for. It outlives the jobs, which clients may delete.
CREATE TABLE IF NOT EXISTS network_queries (
    network TEXT NOT NULL, token TEXT NOT NULL, queries BIGINT NOT NULL, PRIMARY KEY (network, token));
