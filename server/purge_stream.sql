-- What is known of the stream of purges in Redis.

-- name: lock_stream
-- The stream's record, for nobody else to change until this transaction ends.
SELECT epoch, last_id FROM purge_stream FOR UPDATE;

-- name: make_stream
-- Begin the record, unless there is one.
INSERT INTO purge_stream (epoch, last_id) VALUES ($1, '0-0') ON CONFLICT DO NOTHING;

-- name: record_stream
-- The stream has come this far.
UPDATE purge_stream SET epoch = $1, last_id = $2;
