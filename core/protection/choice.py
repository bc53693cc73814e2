"""Which policy and protection a video gets, from what was asked and what it has."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from core.errors import InputFault
from core.media.playback_id import PlaybackPolicy, policy_of
from core.protection.scheme import DEFAULT_PROTECTION, Protection


class ContradictoryProtection(InputFault):
    """Policy and protection that do not go together."""

    status: ClassVar[int] = 422
    code: ClassVar[str] = "video.protection"


class UnlikeProtections(InputFault):
    """Videos that are encrypted in different ways, which no player plays one after the other."""

    status: ClassVar[int] = 422
    code: ClassVar[str] = "edit.unlike_protections"


@dataclass(frozen=True, slots=True)
class Access:
    """Who may play a video, and what its media is under: `drm` if and only if that is not none."""

    policy: PlaybackPolicy
    protection: Protection

    @classmethod
    def of(cls, playback_id: str, protection: Protection) -> "Access":
        """Give what a playback id and the protection of its video say."""
        if protection is not Protection.NONE:
            return cls(PlaybackPolicy.DRM, protection)
        return cls(policy_of(playback_id), protection)


def new_access(
    policy: PlaybackPolicy | None, protection: Protection | None, default: PlaybackPolicy
) -> Access:
    """Choose for a new video; None is what was not asked. Raises `ContradictoryProtection`."""
    if policy is None:
        protects = protection is not None and protection is not Protection.NONE
        if protects:
            policy = PlaybackPolicy.DRM
        elif protection is Protection.NONE and default is PlaybackPolicy.DRM:
            policy = PlaybackPolicy.SIGNED
        else:
            policy = default
    return _fitting(policy, protection)


def changed_access(
    present: Access, policy: PlaybackPolicy | None, protection: Protection | None
) -> Access:
    """Choose for a video that there is; None stays. Raises `ContradictoryProtection`."""
    if policy is None and protection is None:
        return present
    if policy is present.policy and protection is None:
        return present
    return new_access(policy, protection, present.policy)


def _fitting(policy: PlaybackPolicy, protection: Protection | None) -> Access:
    if policy is PlaybackPolicy.DRM:
        chosen = DEFAULT_PROTECTION if protection is None else protection
        if chosen is Protection.NONE:
            raise ContradictoryProtection("the policy drm needs a protection, and none was asked")
        return Access(policy, chosen)
    if protection not in {None, Protection.NONE}:
        raise ContradictoryProtection(
            f"the protection {protection} needs the policy drm, not {policy}"
        )
    return Access(policy, Protection.NONE)


def protection_of_all(parts: Iterable[Protection]) -> Protection:
    """Give what several parts together are under: that of those that are under any.

    Clear parts may stand among them, as every protocol can say that a key ends; two schemes may
    not. Raises `UnlikeProtections`.
    """
    found = sorted({each for each in parts if each is not Protection.NONE})
    if len(found) > 1:
        raise UnlikeProtections(
            f"videos under {' and under '.join(found)} cannot be played one after the other"
        )
    return found[0] if found else Protection.NONE
