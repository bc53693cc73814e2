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
    upload_key      text NOT NULL,
    source_filename text NOT NULL,
    source_bytes    bigint NOT NULL CHECK (source_bytes >= 0),
    duration_ms     bigint,
    -- The cut plan: presentation times at which segments start. Fixed when the first track is published,
    -- so that renditions which join later have the same boundaries.
    plan_timescale  integer,
    plan_starts     bigint[],
    plan_end        bigint,
    poster_key      text,
    version         bigint NOT NULL DEFAULT 1,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX videos_by_creation ON videos (created_at DESC, id DESC);
CREATE INDEX videos_by_title ON videos (lower(title), id);

CREATE TABLE tracks (
    id                bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    video_id          text NOT NULL REFERENCES videos (id) ON DELETE CASCADE,
    kind              text NOT NULL CHECK (kind IN ('v', 'a', 't')),
    name              text NOT NULL,
    build_hash        text NOT NULL,
    store_prefix      text NOT NULL,
    codec             text NOT NULL,
    timescale         integer NOT NULL,
    duration          bigint NOT NULL,
    bandwidth         bigint NOT NULL,
    average_bandwidth bigint NOT NULL,
    width             integer,
    height            integer,
    frame_rate_num    integer,
    frame_rate_den    integer,
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
    client_ts   timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, video_id)
);

CREATE INDEX history_by_recency ON history (user_id, client_ts DESC, video_id DESC);

CREATE TABLE purge_outbox (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    keys        text[] NOT NULL,
    soft        boolean NOT NULL DEFAULT false,
    -- Admin URLs of the edges that have acknowledged it; the row goes when every configured edge has.
    acknowledged text[] NOT NULL DEFAULT '{}',
    attempts    integer NOT NULL DEFAULT 0,
    created_at  timestamptz NOT NULL DEFAULT now()
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
