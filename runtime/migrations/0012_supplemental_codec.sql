-- What a picture is beyond its codec, as HLS names it: dvh1.08.07/db4h of a film in Dolby Vision. Absent where it is
-- nothing, and of what was published before.

ALTER TABLE tracks ADD COLUMN supplemental_codec text;
