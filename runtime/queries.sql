-- The bookkeeping of migrations.

-- name: lock_migrations
-- Wait for the lock that only one migrating process holds; it goes with the session.
SELECT pg_advisory_lock(hashtextextended('sluice.migrations', 0));

-- name: create_ledger
-- The list of migrations that this database has had.
CREATE TABLE IF NOT EXISTS schema_migrations (
    number     integer PRIMARY KEY,
    name       text NOT NULL,
    sha256     text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);

-- name: has_ledger
-- Whether any migration ever ran here.
SELECT to_regclass('schema_migrations') IS NOT NULL;

-- name: read_ledger
-- Every migration this database has had, oldest first.
SELECT number, name, sha256 FROM schema_migrations ORDER BY number;

-- name: record_migration
-- Note one migration as done, in the transaction that did it.
INSERT INTO schema_migrations (number, name, sha256) VALUES ($1, $2, $3);
