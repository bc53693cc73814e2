-- The catalogue: videos, their published tracks, watch history, and purges still owed to edges.

CREATE TABLE videos (
    id              text PRIMARY KEY,
    playback_id     text NOT NULL UNIQUE,
    title           text NOT NULL CHECK (length(title) BETWEEN 1 AND 500),
    status          text NOT NULL CHECK (status IN ('waiting', 'preparing', 'playable', 'ready', 'errored')),
    stage           text,
    progress        double precision NOT NULL DEFAULT 0 CHECK (progress BETWEEN 0 AND 1),
    error_code      text,
    error_message   text,
    upload_key      text NOT NULL UNIQUE,
    source_filename text NOT NULL,
    source_bytes    bigint NOT NULL CHECK (source_bytes >= 0),
    duration_ms     bigint CHECK (duration_ms >= 0),
    -- The cut plan: presentation times at which segments start. Fixed when the first track is published,
    -- so that renditions which join later have the same boundaries.
    plan_timescale  integer,
    plan_starts     bigint[],
    plan_end        bigint,
    poster_key      text,
    -- Counts the states that a client may have seen: its ETag. A trigger moves it, see below.
    version         bigint NOT NULL DEFAULT 1,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    CHECK (status <> 'errored' OR error_code IS NOT NULL),
    CHECK ((error_code IS NULL) = (error_message IS NULL)),
    CHECK ((plan_timescale IS NULL) = (plan_starts IS NULL) AND (plan_starts IS NULL) = (plan_end IS NULL))
);

CREATE INDEX videos_by_creation ON videos (created_at DESC, id DESC);
CREATE INDEX videos_by_title ON videos (lower(title), id);

-- Searching inside titles: with pg_trgm by index, without it by reading them all.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_available_extensions WHERE name = 'pg_trgm') THEN
        CREATE EXTENSION IF NOT EXISTS pg_trgm;
        CREATE INDEX videos_by_trigram ON videos USING gin (title gin_trgm_ops);
    END IF;
EXCEPTION
    WHEN insufficient_privilege THEN
        RAISE NOTICE 'pg_trgm may not be created here: searches will read every title';
END
$$;

CREATE TABLE tracks (
    id                bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    video_id          text NOT NULL REFERENCES videos (id) ON DELETE CASCADE,
    kind              text NOT NULL CHECK (kind IN ('v', 'a', 't')),
    name              text NOT NULL,
    build_hash        text NOT NULL,
    store_prefix      text NOT NULL,
    codec             text NOT NULL,
    timescale         integer NOT NULL CHECK (timescale > 0),
    duration          bigint NOT NULL CHECK (duration >= 0),
    bandwidth         bigint NOT NULL,
    average_bandwidth bigint NOT NULL,
    width             integer,
    height            integer,
    frame_rate_num    integer,
    frame_rate_den    integer CHECK (frame_rate_den > 0),
    channels          integer,
    sample_rate       integer,
    language          text,
    label             text,
    is_default        boolean NOT NULL DEFAULT false,
    size_bytes        bigint NOT NULL,
    published_at      timestamptz NOT NULL DEFAULT now(),
    UNIQUE (video_id, kind, name)
);

CREATE TABLE history (
    user_id     text NOT NULL,
    video_id    text NOT NULL REFERENCES videos (id) ON DELETE CASCADE,
    position_ms bigint NOT NULL CHECK (position_ms >= 0),
    duration_ms bigint CHECK (duration_ms >= 0),
    session_id  text,
    event       text,
    client_ts   timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, video_id)
);

CREATE INDEX history_by_recency ON history (user_id, client_ts DESC, video_id DESC);
CREATE INDEX history_by_video ON history (video_id);

CREATE TABLE purge_outbox (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    keys         text[] NOT NULL CHECK (cardinality(keys) > 0),
    soft         boolean NOT NULL DEFAULT false,
    -- Admin URLs of the edges that have acknowledged it; the row goes when every configured edge has.
    acknowledged text[] NOT NULL DEFAULT '{}',
    attempts     integer NOT NULL DEFAULT 0,
    due_at       timestamptz NOT NULL DEFAULT now(),
    created_at   timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX purge_outbox_by_turn ON purge_outbox (due_at);

-- Random keys that all server processes share, made by the first that needs one.
CREATE TABLE secrets (
    name       text PRIMARY KEY,
    value      bytea NOT NULL CHECK (length(value) >= 32),
    created_at timestamptz NOT NULL DEFAULT now()
);

-- One row per job attempt that may be writing files, so that a clean-up pass can tell live output from orphans,
-- and so that a job that keeps killing its worker is parked (see picks).
CREATE TABLE work (
    video_id    text NOT NULL REFERENCES videos (id) ON DELETE CASCADE,
    step        text NOT NULL,
    picks       integer NOT NULL DEFAULT 0,
    attempt_id  text,
    state       text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'running', 'done', 'failed', 'parked', 'cancelled')),
    progress    double precision NOT NULL DEFAULT 0,
    detail      jsonb NOT NULL DEFAULT '{}',
    updated_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (video_id, step)
);

-- A strong validator must change whenever the answer may (RFC 9110 §8.8.1), so the version is nobody's duty but the
-- database's: every change of the row moves it, and every change of a track changes its video's row.
CREATE FUNCTION count_video_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.version := OLD.version + 1;
    NEW.updated_at := now();
    RETURN NEW;
END
$$;

CREATE TRIGGER videos_version BEFORE UPDATE ON videos
    FOR EACH ROW EXECUTE FUNCTION count_video_version();

CREATE FUNCTION touch_video_of_track() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE videos SET updated_at = now() WHERE id = coalesce(NEW.video_id, OLD.video_id);
    RETURN NULL;
END
$$;

CREATE TRIGGER tracks_version AFTER INSERT OR UPDATE OR DELETE ON tracks
    FOR EACH ROW EXECUTE FUNCTION touch_video_of_track();
