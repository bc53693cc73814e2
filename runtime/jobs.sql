-- The work of a video and the queue entries that carry it out.

-- name: add_work
-- Note one step of a video's preparation as waiting, afresh where it was there before.
INSERT INTO work (video_id, step, detail)
VALUES ($1, $2, $3::jsonb)
ON CONFLICT (video_id, step) DO UPDATE
SET state = 'queued', picks = 0, attempt_id = NULL, progress = 0, detail = EXCLUDED.detail, updated_at = now();

-- name: lock_video
-- Lock a video before its work, as everybody does who locks both.
SELECT id FROM videos WHERE id = $1 FOR UPDATE;

-- name: cancel_work
-- Take back whatever of a video's preparation is not over yet.
UPDATE work
SET state = 'cancelled', updated_at = now()
WHERE video_id = $1 AND state IN ('queued', 'running')
RETURNING step;

-- name: settle_cancelled
-- What a video is once its preparation was cancelled: ready where something plays, errored where nothing does.
UPDATE videos
SET status = CASE WHEN status = 'playable' THEN 'ready' ELSE 'errored' END,
    error_code = CASE WHEN status = 'playable' THEN error_code ELSE 'ingest.cancelled' END,
    error_message = CASE WHEN status = 'playable' THEN error_message ELSE 'its preparation was cancelled' END,
    stage = NULL
WHERE id = $1 AND status IN ('waiting', 'preparing', 'playable');

-- name: find_jobs
-- The queue entries, waiting or picked, with these keys.
SELECT id
FROM jobs.pgqueuer
WHERE dedupe_key = ANY ($1::text[]) AND status IN ('queued', 'picked');

-- name: find_lost_work
-- Steps that are not over but have no queue entry, which happens where a worker that was believed dead woke up and
-- signed off the entry of its successor.
SELECT work.video_id, work.step
FROM work
WHERE work.state IN ('queued', 'running')
  AND work.updated_at < now() - $1::interval
  AND NOT EXISTS (
      SELECT
      FROM jobs.pgqueuer AS job
      WHERE job.dedupe_key = work.video_id || '/' || work.step AND job.status IN ('queued', 'picked')
  )
FOR UPDATE OF work SKIP LOCKED;
