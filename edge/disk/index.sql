-- The index of the disk tier, in SQLite.

-- name: make_facts
-- Single facts: where ids began, the position in the purge stream, when the edge was last alive.
CREATE TABLE facts (name TEXT PRIMARY KEY, value) WITHOUT ROWID;

-- name: make_objects
-- Stored responses. `digest` covers the other columns.
CREATE TABLE objects (
    id INTEGER PRIMARY KEY,
    resource BLOB NOT NULL,
    variant BLOB NOT NULL,
    version INTEGER NOT NULL,
    length INTEGER,
    tags BLOB NOT NULL,
    head BLOB NOT NULL,
    purged_s REAL,
    digest BLOB NOT NULL
);

-- name: make_slices
-- The slices of their bodies, each in a file named by its id.
CREATE TABLE slices (
    id INTEGER PRIMARY KEY,
    object INTEGER NOT NULL,
    number INTEGER NOT NULL,
    size_bytes INTEGER NOT NULL,
    checksum INTEGER NOT NULL,
    uses INTEGER NOT NULL
);

-- name: make_slices_by_object
-- Finds the slices of an object that is dropped.
CREATE INDEX slices_by_object ON slices (object);

-- name: put_fact
-- Remember a fact in place of an older one.
INSERT OR REPLACE INTO facts VALUES (?, ?);

-- name: get_fact
-- What is known under a name.
SELECT value FROM facts WHERE name = ?;

-- name: put_object
-- Remember a stored response, or its new head.
INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: get_object
-- One stored response.
SELECT * FROM objects WHERE id = ?;

-- name: every_object
-- All stored responses.
SELECT * FROM objects;

-- name: put_slice
-- Remember a slice whose file is in place.
INSERT OR REPLACE INTO slices VALUES (?, ?, ?, ?, ?, 0);

-- name: every_slice
-- All slices, oldest first.
SELECT id, object, number, size_bytes, checksum, uses FROM slices ORDER BY id;

-- name: use_slice
-- Remember how often a slice was used.
UPDATE slices SET uses = ? WHERE id = ?;

-- name: drop_slice
-- Forget a slice.
DELETE FROM slices WHERE id = ?;

-- name: drop_object
-- Forget a stored response; its slices go separately.
DELETE FROM objects WHERE id = ?;

-- name: drop_slices_of
-- Forget all slices of a stored response.
DELETE FROM slices WHERE object = ?;

-- name: drop_every_slice
-- Forget all slices.
DELETE FROM slices;

-- name: drop_every_object
-- Forget all stored responses.
DELETE FROM objects;

-- name: every_object_id
-- The ids of all stored responses.
SELECT id FROM objects;

-- name: every_slice_id
-- The ids of all slices.
SELECT id FROM slices;

-- name: last_id
-- The largest id that is in use.
SELECT max(
    coalesce((SELECT max(id) FROM objects), 0), coalesce((SELECT max(id) FROM slices), 0)
);
