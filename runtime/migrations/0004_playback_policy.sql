-- The prefix of a playback id says who may play it (p_ anyone, s_ who has a token), so it is never anything else. A
-- video that changes its policy gets a new id, and origins are told to forget the old one.

ALTER TABLE videos ADD CONSTRAINT videos_playback_id_states_policy CHECK (playback_id ~ '^[ps]_');

CREATE FUNCTION announce_retirement() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('sluice_published', OLD.playback_id);
    RETURN NULL;
END
$$;

CREATE TRIGGER videos_announce_retirement
AFTER UPDATE OF playback_id ON videos
FOR EACH ROW WHEN (OLD.playback_id <> NEW.playback_id) EXECUTE FUNCTION announce_retirement();
