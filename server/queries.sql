-- The catalogue, the watch history and the purges, as the API reads and writes them.

-- name: page_newest
-- Ids from the newest video on, after a given one.
SELECT id, created_at AS sort_key
FROM videos
WHERE (created_at, id) < (coalesce($1::timestamptz, 'infinity'), coalesce($2::text, ''))
  AND ($3::text IS NULL OR title ILIKE $3)
ORDER BY created_at DESC, id DESC
LIMIT $4;

-- name: page_oldest
-- Ids from the oldest video on, after a given one.
SELECT id, created_at AS sort_key
FROM videos
WHERE (created_at, id) > (coalesce($1::timestamptz, '-infinity'), coalesce($2::text, ''))
  AND ($3::text IS NULL OR title ILIKE $3)
ORDER BY created_at, id
LIMIT $4;

-- name: page_title
-- Ids in the order of titles, after a given one; no title is empty.
SELECT id, lower(title) AS sort_key
FROM videos
WHERE (lower(title), id) > (coalesce($1::text, ''), coalesce($2::text, ''))
  AND ($3::text IS NULL OR title ILIKE $3)
ORDER BY lower(title), id
LIMIT $4;

-- name: page_title_descending
-- Ids in the reverse order of titles, after a given one.
SELECT id, lower(title) AS sort_key
FROM videos
WHERE ($1::text IS NULL OR (lower(title), id) < ($1, $2::text))
  AND ($3::text IS NULL OR title ILIKE $3)
ORDER BY lower(title) DESC, id DESC
LIMIT $4;

-- name: get_videos
-- Videos with their tracks, both of one snapshot, so that the version fits the content.
SELECT
    id, playback_id, title, status, stage, progress, error_code, error_message, source_filename, source_bytes,
    source_repaired, duration_ms, poster_key, version, created_at, updated_at, protection, chapters, ignored_tracks,
    storyboard IS NOT NULL AS has_storyboard,
    (
        SELECT coalesce(jsonb_agg(to_jsonb(tracks) ORDER BY kind DESC, bandwidth, name), '[]')
        FROM tracks
        WHERE tracks.video_id = videos.id
    ) AS tracks,
    (
        SELECT coalesce(jsonb_agg(to_jsonb(edit_parts) ORDER BY place), '[]')
        FROM edit_parts
        WHERE edit_parts.edit_id = videos.id
    ) AS parts,
    (
        SELECT
            coalesce(jsonb_agg(jsonb_build_object(
                'step', step, 'code', detail ->> 'code', 'message', detail ->> 'message'
            ) ORDER BY updated_at, step), '[]')
        FROM work
        WHERE work.video_id = videos.id
          AND state IN ('failed', 'parked')
          AND step NOT IN ('poster', 'storyboard')
    ) AS failures
FROM videos
WHERE id = ANY ($1::text[]);

-- name: add_video
-- A video whose upload lies in the store, waiting to be prepared.
INSERT INTO videos (id, playback_id, title, status, upload_key, source_filename, source_bytes, protection)
VALUES ($1, $2, $3, 'waiting', $4, $5, $6, $7);

-- name: add_content_key
-- One wrapped key of a video.
INSERT INTO content_keys (video_id, scheme, kind, kid, vector, master, nonce, sealed)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8);

-- name: drop_content_keys
-- Forget the keys of a video: its media under them ends with them.
DELETE FROM content_keys WHERE video_id = $1;

-- name: keys_under_other_masters
-- Up to $2 keys that are not wrapped under master key $1, which nobody else wraps anew at this moment.
SELECT video_id, scheme, kind, kid, vector, master, nonce, sealed
FROM content_keys
WHERE master <> $1
ORDER BY kid
LIMIT $2
FOR UPDATE SKIP LOCKED;

-- name: rewrap_content_key
-- The same key under another master key.
UPDATE content_keys SET master = $2, nonce = $3, sealed = $4 WHERE kid = $1;

-- name: lock_video
-- The version, public name and protection of a video that nobody else can change until the transaction ends.
SELECT
    version, playback_id, protection, upload_key IS NULL AS is_edit,
    ARRAY(SELECT codec FROM tracks WHERE tracks.video_id = videos.id AND tracks.kind = 'v') AS picture_codecs
FROM videos
WHERE id = $1
FOR UPDATE;

-- name: retitle_video
-- A new title.
UPDATE videos SET title = $2 WHERE id = $1 AND title <> $2;

-- name: rename_playback
-- A new playback id and what its media is under; the old one ends.
UPDATE videos SET playback_id = $2, protection = $3 WHERE id = $1;

-- name: delete_video
-- Remove a video and all that hangs on it; answers where its files are.
DELETE FROM videos WHERE id = $1 RETURNING upload_key;

-- name: edits_of_video
-- The edits that a video is needed for.
SELECT DISTINCT videos.id, videos.title
FROM edit_parts
JOIN videos ON videos.id = edit_parts.edit_id
WHERE edit_parts.film_id = $1
ORDER BY videos.id;

-- name: get_ingredients
-- What videos consist of, part by part; one that is no edit is its own only part. The films are kept from deletion
-- until the end of the transaction.
SELECT
    asked.id AS asked_id, asked.title AS asked_title, asked.status AS asked_status,
    asked.error_message AS asked_error_message, asked.chapters AS asked_chapters,
    part.place, part.start_ms, part.end_ms,
    film.id, film.playback_id, film.status, film.duration_ms, film.poster_key,
    film.plan_timescale, film.plan_starts, film.plan_end, film.protection, film.chapters,
    film.storyboard IS NOT NULL AS has_storyboard,
    (
        SELECT coalesce(jsonb_agg(to_jsonb(tracks) ORDER BY tracks.id), '[]')
        FROM tracks
        WHERE tracks.video_id = film.id
    ) AS tracks
FROM videos AS asked
LEFT JOIN edit_parts AS part ON part.edit_id = asked.id
JOIN videos AS film ON film.id = coalesce(part.film_id, asked.id)
WHERE asked.id = ANY ($1::text[])
ORDER BY film.id, asked.id, part.place
FOR KEY SHARE OF film;

-- name: add_edit
-- A video that is made of stretches of others.
INSERT INTO videos (id, playback_id, title, status, progress, duration_ms, poster_key, protection)
VALUES ($1, $2, $3, $4, 1, $5, $6, $7);

-- name: add_edit_part
-- One of those stretches.
INSERT INTO edit_parts (edit_id, place, film_id, start_ms, end_ms) VALUES ($1, $2, $3, $4, $5);

-- name: get_playback
-- What a player needs, with the user's position where there is one.
SELECT
    videos.id, videos.playback_id, videos.title, videos.status, videos.duration_ms, videos.poster_key,
    videos.error_message, history.position_ms, history.duration_ms AS watched_ms,
    videos.upload_key IS NULL AS is_edit, videos.protection, videos.chapters <> '[]' AS has_chapters,
    (
        SELECT coalesce(jsonb_agg(to_jsonb(tracks) ORDER BY tracks.id), '[]')
        FROM tracks
        WHERE tracks.video_id = videos.id AND tracks.kind = 't'
    ) AS texts,
    videos.storyboard IS NOT NULL AS has_storyboard
FROM videos
LEFT JOIN history ON history.video_id = videos.id AND history.user_id = $2
WHERE videos.id = $1;

-- name: known_videos
-- Which of these videos there are, kept from deletion until the end of the transaction.
SELECT id FROM videos WHERE id = ANY ($1::text[]) ORDER BY id FOR KEY SHARE;

-- name: report_position
-- Keep a report unless a later one is known. A client's clock may run ahead; its future counts as now.
INSERT INTO history (user_id, video_id, position_ms, duration_ms, session_id, event, client_ts)
VALUES ($1, $2, $3, $4, $5, $6, least($7::timestamptz, clock_timestamp()))
ON CONFLICT (user_id, video_id) DO UPDATE
SET position_ms = EXCLUDED.position_ms,
    duration_ms = coalesce(EXCLUDED.duration_ms, history.duration_ms),
    session_id = EXCLUDED.session_id,
    event = EXCLUDED.event,
    client_ts = EXCLUDED.client_ts,
    updated_at = now()
WHERE history.client_ts <= EXCLUDED.client_ts;

-- name: page_history
-- A user's history, last watched first, after a given entry.
SELECT
    history.video_id, history.position_ms, history.duration_ms, history.session_id, history.event, history.client_ts,
    history.updated_at, videos.title, videos.playback_id, videos.poster_key, videos.duration_ms AS video_duration_ms
FROM history
JOIN videos ON videos.id = history.video_id
WHERE history.user_id = $1
  AND (history.client_ts, history.video_id) < (coalesce($2::timestamptz, 'infinity'), coalesce($3::text, ''))
ORDER BY history.client_ts DESC, history.video_id DESC
LIMIT $4;

-- name: forget_history
-- Remove one entry of a user's history.
DELETE FROM history WHERE user_id = $1 AND video_id = $2;

-- name: owe_purge
-- Write down a purge that the edges have yet to hear of.
INSERT INTO purge_outbox (keys, soft) VALUES ($1::text[], $2) RETURNING id;

-- name: owe_any_purge
-- Write down a purge of keys, of URLs, or of everything, and answer its token.
INSERT INTO purge_outbox (keys, urls, soft, everything)
VALUES ($1::text[], $2::text[], $3, $4)
RETURNING token;

-- name: claim_purges
-- Take the purges whose turn it is; nobody else will for the given time.
UPDATE purge_outbox
SET attempts = attempts + 1, due_at = now() + $2::interval
WHERE id IN (
    SELECT id FROM purge_outbox WHERE due_at <= now() ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED
)
RETURNING id, token, keys, urls, soft, everything, acknowledged, attempts, now() - created_at AS age;

-- name: postpone_purge
-- Note which edges have heard of it, and when to try the others again.
UPDATE purge_outbox SET acknowledged = $2::text[], due_at = now() + $3::interval WHERE id = $1;

-- name: settle_purge
-- All edges have heard of it, or it is too old to matter.
DELETE FROM purge_outbox WHERE id = $1;

-- name: make_secret
-- Keep a random key under a name, unless there is one.
INSERT INTO secrets (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING;

-- name: get_secret
-- The key under a name.
SELECT value FROM secrets WHERE name = $1;
