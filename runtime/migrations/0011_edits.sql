-- Edits: videos that are made of stretches of others and hold no media of their own. A video that an edit is made from
-- cannot be deleted before the edit. An edit plays as soon as its films do, and is ready when they are.

ALTER TABLE videos
    ALTER COLUMN upload_key DROP NOT NULL,
    ALTER COLUMN source_filename DROP NOT NULL,
    ALTER COLUMN source_bytes DROP NOT NULL,
    ADD CONSTRAINT videos_source_is_whole CHECK (
        (upload_key IS NULL) = (source_filename IS NULL) AND (upload_key IS NULL) = (source_bytes IS NULL)
    );

CREATE TABLE edit_parts (
    edit_id  text NOT NULL REFERENCES videos (id) ON DELETE CASCADE,
    place    integer NOT NULL CHECK (place >= 0),
    film_id  text NOT NULL REFERENCES videos (id) ON DELETE RESTRICT,
    start_ms bigint NOT NULL CHECK (start_ms >= 0),
    end_ms   bigint NOT NULL CHECK (end_ms > start_ms),
    PRIMARY KEY (edit_id, place)
);

CREATE INDEX edit_parts_by_film ON edit_parts (film_id);

-- What an edit shows of its films: when it is ready, and the picture of its first one.
CREATE FUNCTION show_film_in_edits() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Two films that become ready at once must not each miss the other.
    PERFORM FROM videos
    WHERE id IN (SELECT edit_id FROM edit_parts WHERE film_id = NEW.id)
    ORDER BY id
    FOR UPDATE;

    UPDATE videos AS edits
    SET status = 'ready'
    WHERE edits.status = 'playable'
      AND edits.id IN (SELECT edit_id FROM edit_parts WHERE film_id = NEW.id)
      AND NOT EXISTS (
          SELECT
          FROM edit_parts
          JOIN videos AS films ON films.id = edit_parts.film_id
          WHERE edit_parts.edit_id = edits.id AND films.status <> 'ready'
      );

    UPDATE videos AS edits
    SET poster_key = NEW.poster_key
    WHERE edits.id IN (SELECT edit_id FROM edit_parts WHERE film_id = NEW.id AND place = 0)
      AND edits.poster_key IS DISTINCT FROM NEW.poster_key;
    RETURN NULL;
END
$$;

CREATE TRIGGER videos_show_in_edits
AFTER UPDATE OF status, poster_key ON videos
FOR EACH ROW
WHEN (OLD.status <> NEW.status OR OLD.poster_key IS DISTINCT FROM NEW.poster_key)
EXECUTE FUNCTION show_film_in_edits();
