"""Some hundred spoiled files: each ends in a value or a typed fault, and the next one is served."""

import re
import subprocess
import sys
from pathlib import Path

from tests.fixtures.mutants import make_clips, make_mutants

COUNT = 150
DEADLINE_S = 240


def test_spoiled_files_end_in_a_value_or_a_fault_and_harm_no_sound_one(tmp_path: Path) -> None:
    """The sound files come last, in the same process, and are as good as before."""
    sound, folder = tmp_path / "sound", tmp_path / "files"
    sound.mkdir()
    folder.mkdir()
    clips = make_clips(sound)
    make_mutants(clips, folder, COUNT)
    for clip in clips:
        (folder / f"sound-{clip.name}").write_bytes(clip.read_bytes())
    done = subprocess.run(
        [sys.executable, "-m", "tests.fixtures.mutants", str(folder)],
        capture_output=True, text=True, timeout=DEADLINE_S, check=False,
    )  # fmt: skip
    lines = [line.split(" ", 1) for line in done.stdout.splitlines()]
    assert done.returncode == 0, f"behind {lines[-1:]}: {done.stderr[-2000:]}"
    outcomes = dict(lines)
    assert set(outcomes) == {path.name for path in folder.iterdir()}
    assert {name: outcomes[f"sound-{name}"] for name in (clip.name for clip in clips)} == {
        clip.name: "value" for clip in clips
    }
    codes = set(outcomes.values())
    assert all(code == "value" or re.fullmatch(r"source\.[a-z_.]+", code) for code in codes), codes
    assert len(codes) > 3
