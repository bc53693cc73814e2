-- The dynamic range of a picture: SDR, PQ or HLG, as HLS names it. Absent of sound, and of what was published before.

ALTER TABLE tracks ADD COLUMN video_range text CHECK (video_range IN ('SDR', 'PQ', 'HLG'));
