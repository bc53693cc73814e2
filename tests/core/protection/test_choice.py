"""Which policy and protection a video gets."""

import re

import pytest

from core.media.playback_id import PlaybackPolicy
from core.protection.choice import (
    Access,
    ContradictoryProtection,
    UnlikeProtections,
    changed_access,
    new_access,
    protection_of_all,
)
from core.protection.scheme import Protection, Scheme

PUBLIC, SIGNED, DRM = PlaybackPolicy.PUBLIC, PlaybackPolicy.SIGNED, PlaybackPolicy.DRM
NONE, CBCS, BOTH = Protection.NONE, Protection.CBCS, Protection.AES_128_AND_CENC


@pytest.mark.parametrize(
    ("policy", "protection", "default", "expected"),
    [
        (None, None, PUBLIC, (PUBLIC, NONE)),
        (None, None, SIGNED, (SIGNED, NONE)),
        (None, None, DRM, (DRM, BOTH)),
        (DRM, None, PUBLIC, (DRM, BOTH)),
        (DRM, CBCS, PUBLIC, (DRM, CBCS)),
        (None, CBCS, PUBLIC, (DRM, CBCS)),
        (PUBLIC, None, DRM, (PUBLIC, NONE)),
        (PUBLIC, NONE, DRM, (PUBLIC, NONE)),
        (None, NONE, DRM, (SIGNED, NONE)),
        (None, NONE, PUBLIC, (PUBLIC, NONE)),
    ],
)
def test_a_new_video(
    policy: PlaybackPolicy | None,
    protection: Protection | None,
    default: PlaybackPolicy,
    expected: tuple[PlaybackPolicy, Protection],
) -> None:
    assert new_access(policy, protection, default) == Access(*expected)


@pytest.mark.parametrize(("policy", "protection"), [(PUBLIC, CBCS), (SIGNED, BOTH), (DRM, NONE)])
def test_what_contradicts_itself_is_refused(policy: PlaybackPolicy, protection: Protection) -> None:
    with pytest.raises(ContradictoryProtection):
        new_access(policy, protection, PUBLIC)


@pytest.mark.parametrize(
    ("present", "policy", "protection", "expected"),
    [
        ((PUBLIC, NONE), None, None, (PUBLIC, NONE)),
        ((DRM, CBCS), DRM, None, (DRM, CBCS)),
        ((DRM, CBCS), None, NONE, (SIGNED, NONE)),
        ((DRM, CBCS), SIGNED, None, (SIGNED, NONE)),
        ((DRM, CBCS), None, BOTH, (DRM, BOTH)),
        ((SIGNED, NONE), None, NONE, (SIGNED, NONE)),
        ((SIGNED, NONE), DRM, None, (DRM, BOTH)),
        ((PUBLIC, NONE), None, CBCS, (DRM, CBCS)),
    ],
)
def test_a_change(
    present: tuple[PlaybackPolicy, Protection],
    policy: PlaybackPolicy | None,
    protection: Protection | None,
    expected: tuple[PlaybackPolicy, Protection],
) -> None:
    assert changed_access(Access(*present), policy, protection) == Access(*expected)


def test_a_playback_id_and_its_protection_say_the_policy() -> None:
    assert Access.of("p_1", NONE).policy is PUBLIC
    assert Access.of("s_1", NONE).policy is SIGNED
    assert Access.of("s_1", CBCS).policy is DRM


def test_every_protection_has_its_schemes() -> None:
    assert BOTH.schemes == (Scheme.AES_128, Scheme.CENC)
    assert CBCS.schemes == (Scheme.CBCS,)
    assert NONE.schemes == ()
    assert not Protection.AES_128.has_dash


@pytest.mark.parametrize(
    ("parts", "together"),
    [
        ([NONE], NONE),
        ([NONE, NONE], NONE),
        ([CBCS], CBCS),
        ([CBCS, CBCS], CBCS),
        ([NONE, BOTH, NONE], BOTH),
        ([BOTH, NONE], BOTH),
    ],
)
def test_parts_are_together_under_what_any_of_them_is_under(
    parts: list[Protection], together: Protection
) -> None:
    assert protection_of_all(parts) is together


@pytest.mark.parametrize("other", [each for each in Protection if each not in {NONE, CBCS}])
def test_parts_under_different_protections_do_not_go_together(other: Protection) -> None:
    with pytest.raises(UnlikeProtections, match=re.escape(other)):
        protection_of_all([CBCS, NONE, other])
