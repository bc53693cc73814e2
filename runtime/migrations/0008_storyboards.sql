-- The small pictures for the seek bar: what delivery has to know of them, as JSON; their files lie under its `prefix`.

ALTER TABLE videos ADD COLUMN storyboard jsonb;
