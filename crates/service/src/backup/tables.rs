//! The tables of a backup.

/// Tables, and their columns in order of their keys.
pub const TABLES: [(&str, &[&str]); 10] = [
    ("tenants", &["id", "name", "created_at", "storage_quota"]),
    (
        "tokens",
        &[
            "id",
            "tenant",
            "hash",
            "name",
            "scopes",
            "created_at",
            "expires_at",
            "revoked_at",
        ],
    ),
    (
        "objects",
        &[
            "id",
            "tenant",
            "kind",
            "name",
            "parent",
            "details",
            "token",
            "created_at",
        ],
    ),
    (
        "blobs",
        &[
            "id",
            "tenant",
            "object",
            "role",
            "bytes",
            "checksum",
            "created_at",
        ],
    ),
    (
        "jobs",
        &[
            "id",
            "tenant",
            "kind",
            "name",
            "token",
            "request",
            "state",
            "result",
            "problem",
            "done",
            "total",
            "what",
            "attempts",
            "lease",
            "lease_until",
            "cancel",
            "created_at",
            "started_at",
            "finished_at",
        ],
    ),
    ("job_inputs", &["job", "object"]),
    (
        "idempotency",
        &[
            "tenant",
            "token",
            "key",
            "request",
            "status",
            "body",
            "location",
            "created_at",
        ],
    ),
    (
        "audit",
        &[
            "seq", "at", "tenant", "token", "action", "object", "details", "hash",
        ],
    ),
    ("network_queries", &["network", "token", "queries"]),
    ("audit_head", &["id", "seq", "hash"]),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::db::temporary;

    #[tokio::test]
    async fn all_columns_are_copied() {
        let (_folder, database) = temporary().await;
        let mut tables: Vec<String> =
            sqlx::query_scalar("SELECT name FROM sqlite_master WHERE type = 'table'")
                .fetch_all(database.pool())
                .await
                .unwrap();
        // Uploads start over, and the name of a database is its own, as are the programs that used it.
        const OWN: [&str; 4] = ["uploads", "identity", "programs", "_sqlx_migrations"];
        tables.retain(|name| !OWN.contains(&name.as_str()));
        assert_eq!(tables.len(), TABLES.len());
        for (name, columns) in TABLES {
            let found: Vec<String> = sqlx::query_scalar("SELECT name FROM pragma_table_info($1)")
                .bind(name)
                .fetch_all(database.pool())
                .await
                .unwrap();
            assert_eq!(found, columns, "{name}");
        }
    }
}
