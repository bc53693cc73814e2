-- Text tracks and what tracks are for, captions inside of pictures, chapters, and what of a file is not published.

ALTER TABLE tracks
    -- Of core/media/roles.py: forced, captions, description, commentary, dub, original.
    ADD COLUMN roles text[] NOT NULL DEFAULT '{}',
    -- Channels as HLS names them: CC1 to CC4, SERVICE1 to SERVICE63.
    ADD COLUMN closed_captions text[] NOT NULL DEFAULT '{}',
    -- Whether it was sent beside the film, and not in it.
    ADD COLUMN uploaded boolean NOT NULL DEFAULT false;

ALTER TABLE videos
    -- [{"start_ms", "title"}], rising.
    ADD COLUMN chapters jsonb NOT NULL DEFAULT '[]',
    -- [{"kind", "codec", "language", "reason"}]
    ADD COLUMN ignored_tracks jsonb NOT NULL DEFAULT '[]';
