-- What was wrong with an uploaded file that plays all the same, because FFmpeg could make sense of it.

ALTER TABLE videos ADD COLUMN source_repaired text;
