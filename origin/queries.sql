-- Preparation and publication of videos, and what delivery and clean-up need to know of them.
--
-- Whatever locks both a video and its work locks the video first, as the API does when it deletes one. The version
-- and the time of a video's last change are kept by triggers.

-- name: begin_attempt
-- Count a pick of a step and make $3 its one valid attempt; no row where the step is over or the video is gone.
WITH video AS MATERIALIZED (
    SELECT * FROM videos WHERE id = $1 FOR UPDATE
)

UPDATE work
SET picks = picks + 1, attempt_id = $3, state = 'running', updated_at = now()
FROM video
WHERE work.video_id = video.id AND work.step = $2 AND work.state IN ('queued', 'running')
RETURNING
    work.picks, work.detail, video.playback_id, video.upload_key, video.source_filename,
    video.plan_timescale, video.plan_starts, video.plan_end;

-- name: show_preparing
-- Let the viewer see that somebody has begun.
UPDATE videos
SET status = 'preparing', stage = $2
WHERE id = $1 AND status = 'waiting';

-- name: release_attempt
-- Give a step back unharmed: a retry after this is no crash and does not count as a pick.
UPDATE work
SET picks = GREATEST(picks - 1, 0), state = 'queued', attempt_id = NULL, updated_at = now()
WHERE video_id = $1 AND step = $2 AND attempt_id = $3 AND state = 'running';

-- name: weigh_step
-- Say anew how much of the whole the valid attempt's step is, and how much will follow it.
UPDATE work
SET detail = detail || jsonb_build_object('weight', $4::double precision, 'pending', $5::double precision)
WHERE video_id = $1 AND step = $2 AND attempt_id = $3 AND state = 'running';

-- name: report_progress
-- Note how far the valid attempt is; no row where the attempt is no longer valid.
WITH video AS MATERIALIZED (
    SELECT id FROM videos WHERE id = $1 FOR UPDATE
),

mine AS (
    UPDATE work
    SET progress = GREATEST(progress, $4), updated_at = now()
    FROM video
    WHERE video_id = video.id AND step = $2 AND attempt_id = $3 AND state = 'running'
    RETURNING video_id
),

whole AS (
    SELECT
        sum(COALESCE((detail ->> 'weight')::double precision, 1) * CASE
            WHEN step = $2 THEN GREATEST(progress, $4)
            WHEN state IN ('done', 'failed', 'parked') THEN 1
            ELSE progress
        END) / NULLIF(sum(
            COALESCE((detail ->> 'weight')::double precision, 1)
            + COALESCE((detail ->> 'pending')::double precision, 0)
        ), 0) AS progress
    FROM work
    WHERE video_id = $1
)

UPDATE videos
SET progress = LEAST(1, GREATEST(videos.progress, COALESCE(whole.progress, 0))),
    stage = COALESCE($5, videos.stage)
FROM mine, whole
WHERE videos.id = mine.video_id
RETURNING videos.id;

-- name: fail_step
-- End the valid attempt of a step for good.
WITH video AS MATERIALIZED (
    SELECT id FROM videos WHERE id = $1 FOR UPDATE
)

UPDATE work
SET state = $4, detail = detail || jsonb_build_object('code', $5::text, 'message', $6::text), updated_at = now()
FROM video
WHERE video_id = video.id AND step = $2 AND attempt_id = $3 AND state = 'running'
RETURNING video_id;

-- name: show_error
-- Tell the owner what went wrong: a video that plays goes on playing, any other is errored.
UPDATE videos
SET status = CASE WHEN status IN ('waiting', 'preparing') THEN 'errored' ELSE status END,
    error_code = $2,
    error_message = $3,
    stage = NULL
WHERE id = $1;

-- name: lock_attempt
-- The fence: the video, locked, if the attempt is still the valid one of its step.
WITH video AS MATERIALIZED (
    SELECT id, playback_id, status, plan_timescale, plan_starts, plan_end FROM videos WHERE id = $1 FOR UPDATE
)

SELECT video.playback_id, video.status, video.plan_timescale, video.plan_starts, video.plan_end
FROM video
JOIN work ON work.video_id = video.id
WHERE work.step = $2 AND work.attempt_id = $3 AND work.state = 'running'
FOR UPDATE OF work;

-- name: add_track
-- Publish one track of a build.
INSERT INTO tracks (
    video_id, kind, name, build_hash, store_prefix, codec, timescale, duration, bandwidth, average_bandwidth,
    width, height, frame_rate_num, frame_rate_den, channels, sample_rate, language, label, is_default, size_bytes,
    roles, closed_captions, video_range, supplemental_codec
) VALUES (
    $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21::text[],
    $22::text[], $23, $24
);

-- name: text_names
-- The names of a video's text tracks.
SELECT name FROM tracks WHERE video_id = $1 AND kind = 't';

-- name: set_plan
-- Fix the cut plan and the duration at first publication, and let the video play.
UPDATE videos
SET plan_timescale = $2, plan_starts = $3, plan_end = $4, duration_ms = $5, status = 'playable'
WHERE id = $1;

-- name: set_contents
-- Note what a file holds beside its published tracks; chapters that somebody set already stay.
UPDATE videos
SET chapters = CASE WHEN chapters = '[]' THEN $2::jsonb ELSE chapters END, ignored_tracks = $3::jsonb
WHERE id = $1;

-- name: set_repaired
-- Note what was wrong with the uploaded file; the message is for its owner.
UPDATE videos SET source_repaired = $2 WHERE id = $1;

-- name: set_poster
-- Name the video's picture.
UPDATE videos SET poster_key = $2 WHERE id = $1;

-- name: set_storyboard
-- Give the video its small pictures for the seek bar.
UPDATE videos SET storyboard = $2::jsonb WHERE id = $1;

-- name: finish_step
-- A step is done; nothing follows it that has no step of its own.
UPDATE work
SET state = 'done', progress = 1, detail = detail - 'pending', updated_at = now()
WHERE video_id = $1 AND step = $2;

-- name: settle
-- A video that plays is ready once nothing is left to do but its storyboard, which joins by itself; $2 says that.
UPDATE videos
SET status = CASE WHEN rest.is_pictures AND status = 'playable' THEN 'ready' ELSE status END,
    progress = CASE WHEN rest.is_pictures AND status = 'playable' THEN 1 ELSE progress END,
    stage = CASE WHEN rest.is_nothing THEN NULL WHEN rest.is_pictures THEN $2 ELSE stage END
FROM (
    SELECT
        coalesce(bool_and(step = 'storyboard'), TRUE) AS is_pictures,
        count(*) = 0 AS is_nothing
    FROM work
    WHERE video_id = $1 AND state IN ('queued', 'running')
) AS rest
WHERE id = $1
RETURNING playback_id, status;

-- name: owe_purge
-- Have edges look again at what carries one of these keys.
INSERT INTO purge_outbox (keys, soft) VALUES ($1::text[], $2);

-- name: announce
-- Tell every origin, once the transaction commits, that a playback id has changed, and with it the edits of its video.
SELECT pg_notify('sluice_published', changed.playback_id)
FROM (
    SELECT $1::text AS playback_id
    UNION
    SELECT edits.playback_id
    FROM videos AS films
    JOIN edit_parts ON edit_parts.film_id = films.id
    JOIN videos AS edits ON edits.id = edit_parts.edit_id
    WHERE films.playback_id = $1
) AS changed;

-- name: get_title
-- One playback id as delivery sees it: for each part a row per published track, or one row without a track. A video
-- that is no edit is its own only part.
SELECT
    asked.id AS video_id, asked.status, asked.version, asked.poster_key,
    part.place, part.start_ms, part.end_ms,
    film.id AS film_id, film.playback_id AS film_playback_id, film.duration_ms, film.chapters, film.storyboard,
    asked.chapters AS own_chapters,
    film.plan_timescale, film.plan_starts, film.plan_end,
    tracks.kind, tracks.name, tracks.build_hash, tracks.store_prefix, tracks.codec, tracks.timescale,
    tracks.duration, tracks.bandwidth, tracks.average_bandwidth, tracks.width, tracks.height,
    tracks.frame_rate_num, tracks.frame_rate_den, tracks.channels, tracks.sample_rate, tracks.language,
    tracks.label, tracks.is_default, tracks.roles, tracks.closed_captions, tracks.video_range,
    tracks.supplemental_codec,
    film.protection, tracks.id AS number,
    (
        SELECT jsonb_agg(jsonb_build_object(
            'scheme', scheme, 'kind', kind, 'master', master,
            'kid', encode(kid, 'base64'), 'vector', encode(vector, 'base64'),
            'nonce', encode(nonce, 'base64'), 'sealed', encode(sealed, 'base64')
        ))
        FROM content_keys
        WHERE content_keys.video_id = film.id
    ) AS content_keys
FROM videos AS asked
LEFT JOIN edit_parts AS part ON part.edit_id = asked.id
JOIN videos AS film ON film.id = COALESCE(part.film_id, asked.id)
LEFT JOIN tracks ON tracks.video_id = film.id
WHERE asked.playback_id = $1
ORDER BY
    part.place, tracks.kind, tracks.height NULLS FIRST,
    CASE WHEN tracks.kind <> 't' THEN tracks.bandwidth END, tracks.id;

-- name: orphaned_uploads
-- Which of these keys (uploads/ID) no video was made from.
SELECT key
FROM unnest($1::text[]) AS key
WHERE NOT EXISTS (SELECT FROM videos WHERE videos.upload_key = key OR starts_with(videos.upload_key, key || '/'));

-- name: orphaned_builds
-- Which of these keys (builds/VIDEO/ATTEMPT or builds/VIDEO/ATTEMPT/TRACK) hold no published track.
SELECT key
FROM unnest($1::text[]) AS key
WHERE NOT EXISTS (
    SELECT
    FROM tracks
    WHERE tracks.video_id = split_part(key, '/', 2)
      AND (tracks.store_prefix = key OR starts_with(tracks.store_prefix, key || '/'))
);

-- name: orphaned_posters
-- Which of these keys (posters/VIDEO/ATTEMPT.jpg) are no video's picture.
SELECT key
FROM unnest($1::text[]) AS key
WHERE NOT EXISTS (SELECT FROM videos WHERE videos.id = split_part(key, '/', 2) AND videos.poster_key = key);

-- name: orphaned_storyboards
-- Which of these keys (storyboards/VIDEO/ATTEMPT) are no video's storyboard.
SELECT key
FROM unnest($1::text[]) AS key
WHERE NOT EXISTS (
    SELECT FROM videos WHERE videos.id = split_part(key, '/', 2) AND videos.storyboard ->> 'prefix' = key
);

-- name: claim_identity
-- Hold this worker's name for as long as the session lives; $1 is its queue manager id.
SELECT pg_advisory_lock(1398099287, hashtext($1));

-- name: revive_jobs
-- Queue again what workers had picked whose session has ended, and that gave no sign of life for $1.
UPDATE jobs.pgqueuer AS job
SET status = 'queued', queue_manager_id = NULL, updated = now()
WHERE job.status = 'picked'
  AND job.heartbeat <= now() - $1::interval
  AND NOT EXISTS (
      SELECT
      FROM pg_locks
      WHERE locktype = 'advisory'
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND objsubid = 2
        AND granted
        AND classid::bigint = 1398099287
        AND objid::bigint = hashtext(job.queue_manager_id::text)::bigint & 4294967295
  )
RETURNING job.dedupe_key;

-- name: owned_jobs
-- Which of these queue entries are still this worker's.
SELECT id FROM jobs.pgqueuer WHERE id = ANY ($1::bigint[]) AND queue_manager_id = $2 AND status = 'picked';

-- name: trim_job_log
-- Forget the history of the queue after a while.
DELETE FROM jobs.pgqueuer_log WHERE aggregated AND created < now() - $1::interval;
