-- Databases from before these files have the tables already.
CREATE TABLE IF NOT EXISTS tenants (
    id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, created_at BIGINT NOT NULL,
    storage_quota BIGINT NOT NULL);
CREATE TABLE IF NOT EXISTS tokens (
    id TEXT PRIMARY KEY, tenant TEXT NOT NULL, hash TEXT NOT NULL UNIQUE, name TEXT NOT NULL,
    scopes TEXT NOT NULL, created_at BIGINT NOT NULL, expires_at BIGINT NOT NULL,
    revoked_at BIGINT NOT NULL);
CREATE TABLE IF NOT EXISTS uploads (
    id TEXT PRIMARY KEY, tenant TEXT NOT NULL, token TEXT NOT NULL, length BIGINT NOT NULL,
    checksum TEXT NOT NULL, metadata TEXT NOT NULL, state TEXT NOT NULL,
    created_at BIGINT NOT NULL, expires_at BIGINT NOT NULL);
CREATE TABLE IF NOT EXISTS objects (
    id TEXT PRIMARY KEY, tenant TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL,
    parent TEXT NOT NULL, details TEXT NOT NULL, token TEXT NOT NULL,
    created_at BIGINT NOT NULL);
CREATE INDEX IF NOT EXISTS objects_by_tenant ON objects (tenant, kind, created_at);
CREATE INDEX IF NOT EXISTS objects_by_parent ON objects (parent);
CREATE TABLE IF NOT EXISTS blobs (
    id TEXT PRIMARY KEY, tenant TEXT NOT NULL, object TEXT NOT NULL, role TEXT NOT NULL,
    bytes BIGINT NOT NULL, checksum TEXT NOT NULL, created_at BIGINT NOT NULL);
CREATE INDEX IF NOT EXISTS blobs_by_object ON blobs (object);
CREATE INDEX IF NOT EXISTS blobs_by_tenant ON blobs (tenant);
CREATE TABLE IF NOT EXISTS jobs (
    id TEXT PRIMARY KEY, tenant TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL,
    token TEXT NOT NULL, request TEXT NOT NULL, state TEXT NOT NULL, result TEXT NOT NULL,
    problem TEXT NOT NULL, done BIGINT NOT NULL, total BIGINT NOT NULL, what TEXT NOT NULL,
    attempts BIGINT NOT NULL, lease TEXT NOT NULL, lease_until BIGINT NOT NULL,
    cancel BIGINT NOT NULL, created_at BIGINT NOT NULL, started_at BIGINT NOT NULL,
    finished_at BIGINT NOT NULL);
CREATE INDEX IF NOT EXISTS jobs_by_state ON jobs (state, created_at);
CREATE INDEX IF NOT EXISTS jobs_by_tenant ON jobs (tenant, kind, created_at);
CREATE TABLE IF NOT EXISTS job_inputs (job TEXT NOT NULL, object TEXT NOT NULL, PRIMARY KEY (job, object));
CREATE INDEX IF NOT EXISTS job_inputs_by_object ON job_inputs (object);
CREATE TABLE IF NOT EXISTS idempotency (
    tenant TEXT NOT NULL, token TEXT NOT NULL, key TEXT NOT NULL, request TEXT NOT NULL,
    status BIGINT NOT NULL, body TEXT NOT NULL, location TEXT NOT NULL,
    created_at BIGINT NOT NULL, PRIMARY KEY (tenant, token, key));
CREATE TABLE IF NOT EXISTS audit (
    seq BIGINT PRIMARY KEY, at BIGINT NOT NULL, tenant TEXT NOT NULL, token TEXT NOT NULL,
    action TEXT NOT NULL, object TEXT NOT NULL, details TEXT NOT NULL, hash TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS audit_head (id BIGINT PRIMARY KEY, seq BIGINT NOT NULL, hash TEXT NOT NULL);
INSERT INTO audit_head (id, seq, hash)
SELECT 1, 0, '' WHERE NOT EXISTS (SELECT 1 FROM audit_head);
