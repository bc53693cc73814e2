-- What a video's media is under, and its content keys, wrapped: in the clear they are nowhere in the database.

ALTER TABLE videos ADD COLUMN protection text NOT NULL DEFAULT 'none'
    CHECK (protection IN ('none', 'aes-128', 'cenc', 'cbcs', 'aes-128+cenc'));
ALTER TABLE videos ADD CONSTRAINT videos_protected_are_signed CHECK (protection = 'none' OR playback_id ~ '^s_');

-- One key for each scheme and each kind of track of a video; another protection means other keys.
CREATE TABLE content_keys (
    kid        bytea PRIMARY KEY CHECK (length(kid) = 16),
    video_id   text NOT NULL REFERENCES videos (id) ON DELETE CASCADE,
    scheme     text NOT NULL CHECK (scheme IN ('aes-128', 'cenc', 'cbcs')),
    kind       text NOT NULL CHECK (kind IN ('v', 'a')),
    -- The constant initialisation vector of cbcs; it is no secret.
    vector     bytea NOT NULL CHECK (length(vector) = 16),
    -- AES-256-GCM under the master key of this name.
    master     text NOT NULL,
    nonce      bytea NOT NULL CHECK (length(nonce) = 12),
    sealed     bytea NOT NULL CHECK (length(sealed) = 32),
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (video_id, scheme, kind)
);

CREATE INDEX content_keys_by_master ON content_keys (master);
