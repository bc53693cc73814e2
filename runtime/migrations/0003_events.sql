-- Deleting a video tells origins to forget it (channel sluice_published, its playback id) and workers to clean up
-- (channel sluice_deleted, its id), whoever deletes it.

CREATE FUNCTION announce_deletion() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('sluice_published', OLD.playback_id);
    PERFORM pg_notify('sluice_deleted', OLD.id);
    RETURN NULL;
END
$$;

CREATE TRIGGER videos_announce_deletion
AFTER DELETE ON videos
FOR EACH ROW EXECUTE FUNCTION announce_deletion();
