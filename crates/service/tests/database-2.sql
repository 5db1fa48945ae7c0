-- A database as the server made it before `sqlx` counted migrations, with a tenant.
CREATE TABLE schema_version (version BIGINT PRIMARY KEY);
CREATE TABLE tenants (
    id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, created_at BIGINT NOT NULL,
    storage_quota BIGINT NOT NULL);
CREATE TABLE tokens (
    id TEXT PRIMARY KEY, tenant TEXT NOT NULL, hash TEXT NOT NULL UNIQUE, name TEXT NOT NULL,
    scopes TEXT NOT NULL, created_at BIGINT NOT NULL, expires_at BIGINT NOT NULL,
    revoked_at BIGINT NOT NULL);
CREATE TABLE uploads (
    id TEXT PRIMARY KEY, tenant TEXT NOT NULL, token TEXT NOT NULL, length BIGINT NOT NULL,
    checksum TEXT NOT NULL, metadata TEXT NOT NULL, state TEXT NOT NULL,
    created_at BIGINT NOT NULL, expires_at BIGINT NOT NULL);
CREATE TABLE objects (
    id TEXT PRIMARY KEY, tenant TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL,
    parent TEXT NOT NULL, details TEXT NOT NULL, token TEXT NOT NULL,
    created_at BIGINT NOT NULL);
CREATE INDEX objects_by_tenant ON objects (tenant, kind, created_at);
CREATE INDEX objects_by_parent ON objects (parent);
CREATE TABLE blobs (
    id TEXT PRIMARY KEY, tenant TEXT NOT NULL, object TEXT NOT NULL, role TEXT NOT NULL,
    bytes BIGINT NOT NULL, checksum TEXT NOT NULL, created_at BIGINT NOT NULL);
CREATE INDEX blobs_by_object ON blobs (object);
CREATE INDEX blobs_by_tenant ON blobs (tenant);
CREATE TABLE jobs (
    id TEXT PRIMARY KEY, tenant TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL,
    token TEXT NOT NULL, request TEXT NOT NULL, state TEXT NOT NULL, result TEXT NOT NULL,
    problem TEXT NOT NULL, done BIGINT NOT NULL, total BIGINT NOT NULL, what TEXT NOT NULL,
    attempts BIGINT NOT NULL, lease TEXT NOT NULL, lease_until BIGINT NOT NULL,
    cancel BIGINT NOT NULL, created_at BIGINT NOT NULL, started_at BIGINT NOT NULL,
    finished_at BIGINT NOT NULL);
CREATE INDEX jobs_by_state ON jobs (state, created_at);
CREATE INDEX jobs_by_tenant ON jobs (tenant, kind, created_at);
CREATE TABLE job_inputs (job TEXT NOT NULL, object TEXT NOT NULL, PRIMARY KEY (job, object));
CREATE INDEX job_inputs_by_object ON job_inputs (object);
CREATE TABLE idempotency (
    tenant TEXT NOT NULL, token TEXT NOT NULL, key TEXT NOT NULL, request TEXT NOT NULL,
    status BIGINT NOT NULL, body TEXT NOT NULL, location TEXT NOT NULL,
    created_at BIGINT NOT NULL, PRIMARY KEY (tenant, token, key));
CREATE TABLE audit (
    seq BIGINT PRIMARY KEY, at BIGINT NOT NULL, tenant TEXT NOT NULL, token TEXT NOT NULL,
    action TEXT NOT NULL, object TEXT NOT NULL, details TEXT NOT NULL, hash TEXT NOT NULL);
CREATE TABLE audit_head (id BIGINT PRIMARY KEY, seq BIGINT NOT NULL, hash TEXT NOT NULL);
INSERT INTO audit_head (id, seq, hash) VALUES (1, 0, '');
CREATE TABLE identity (id TEXT PRIMARY KEY);
INSERT INTO schema_version (version) VALUES (1);
INSERT INTO schema_version (version) VALUES (2);
INSERT INTO identity (id) VALUES ('0123456789abcdef0123456789abcdef');
UPDATE audit_head SET seq = 7, hash = 'f00d';
INSERT INTO tenants (id, name, created_at, storage_quota) VALUES ('ten_1', 'first', 1, 2);
