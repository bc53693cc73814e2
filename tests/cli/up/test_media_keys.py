import re
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.up.key_file import new_key
from cli.up.master_key import MasterKeyUnusable, master_keys
from cli.up.media_keys import KEYS_NAME, MediaKeysUnusable, media_keys
from core.errors import OperatorFault
from core.http.media_token import parse_keys, sign, verify


def test_keys_are_made_once_and_for_our_eyes_only(tmp_path: Path) -> None:
    first = media_keys(tmp_path)
    path = tmp_path / KEYS_NAME
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert media_keys(tmp_path) == first
    assert [each.name for each in tmp_path.iterdir()] == [KEYS_NAME]
    assert len(parse_keys(first).keys) == 1


def test_two_installations_have_different_keys(tmp_path: Path) -> None:
    assert new_key("k") != new_key("k")
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    assert media_keys(tmp_path / "one") != media_keys(tmp_path / "two")


def test_a_key_written_above_signs_and_the_one_below_still_verifies(tmp_path: Path) -> None:
    old = parse_keys(media_keys(tmp_path))
    token = sign("s_1", session_id="a", expires_s=10, keys=old)
    path = tmp_path / KEYS_NAME
    path.write_text(f"{new_key('k')}\n{path.read_text()}")
    ring = parse_keys(media_keys(tmp_path))
    assert verify(f"/media/~{token}/s_1/", ring, 0).kid == old.keys[0].kid
    assert sign("s_1", session_id="a", expires_s=10, keys=ring) != token
    assert ring.keys[1] == old.keys[0]


def test_a_file_that_was_left_half_made_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "media.new").write_text("k1:abc")
    assert len(parse_keys(media_keys(tmp_path)).keys) == 1
    assert [each.name for each in tmp_path.iterdir()] == [KEYS_NAME]


@pytest.mark.parametrize("content", [b"", b"nonsense", b"k:short", b"\xff\xfe"])
@pytest.mark.parametrize(
    ("keys", "name", "fault"),
    [
        (media_keys, "media.keys", MediaKeysUnusable),
        (master_keys, "master.key", MasterKeyUnusable),
    ],
)
def test_a_file_that_holds_no_keys_is_named_and_kept(
    tmp_path: Path,
    content: bytes,
    keys: Callable[[Path], str],
    name: str,
    fault: type[OperatorFault],
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(fault, match=re.escape(name)):
        keys(tmp_path)
    assert path.read_bytes() == content
