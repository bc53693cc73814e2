-- Purges of URLs and of everything, each with a token by which who hears it twice knows it; and what is known of the
-- stream in Redis that carries them, so that entries lost there are missed here.

ALTER TABLE purge_outbox
    ADD COLUMN token uuid NOT NULL DEFAULT gen_random_uuid(),
    ADD COLUMN urls text[] NOT NULL DEFAULT '{}',
    ADD COLUMN everything boolean NOT NULL DEFAULT false,
    DROP CONSTRAINT purge_outbox_keys_check,
    ADD CONSTRAINT purge_outbox_names CHECK (cardinality(keys) + cardinality(urls) > 0 OR everything),
    ADD CONSTRAINT purge_outbox_everything_is_never_soft CHECK (NOT (everything AND soft));

CREATE TABLE purge_stream (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    -- Another one whenever Redis has lost entries; every edge then forgets all it has stored.
    epoch    text NOT NULL,
    last_id  text NOT NULL CHECK (last_id ~ '^[0-9]+-[0-9]+$')
);
