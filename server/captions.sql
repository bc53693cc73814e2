-- Subtitles that are sent beside a film, and chapters.

-- name: lock_video
-- A video that nobody else can change until the end of the transaction.
SELECT
    playback_id, status, duration_ms, EXISTS (SELECT FROM edit_parts WHERE edit_parts.edit_id = videos.id) AS is_edit
FROM videos
WHERE id = $1
FOR UPDATE;

-- name: list_text
-- A video's text tracks, the oldest first.
SELECT name, build_hash, store_prefix, language, label, roles, is_default, uploaded, published_at
FROM tracks
WHERE video_id = $1 AND kind = 't'
ORDER BY id;

-- name: add_text
-- Publish a text track; it is delivered once the film is.
INSERT INTO tracks (
    video_id, kind, name, build_hash, store_prefix, codec, timescale, duration, bandwidth, average_bandwidth,
    language, label, is_default, size_bytes, roles, uploaded
) VALUES ($1, 't', $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14::text[], true);

-- name: unset_default_text
-- No text track is shown unasked any more.
UPDATE tracks SET is_default = false WHERE video_id = $1 AND kind = 't' AND is_default;

-- name: delete_text
-- Remove one text track; answers where its file is, and the hash that its URLs hold.
DELETE FROM tracks WHERE video_id = $1 AND kind = 't' AND name = $2 RETURNING store_prefix, build_hash;

-- name: set_chapters
-- Replace the chapters.
UPDATE videos SET chapters = $2::jsonb WHERE id = $1;

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

-- name: owe_purge
-- Have edges look again at what carries one of these keys.
INSERT INTO purge_outbox (keys, soft) VALUES ($1::text[], $2);
