"""Who may play a video, and what its media is under: judged, and made what it takes."""

from collections.abc import Sequence
from dataclasses import dataclass

from core.media.playback_id import PlaybackPolicy
from core.protection.choice import Access, changed_access, new_access
from core.protection.master_key import MasterKeyMissing, MasterKeys
from core.protection.scheme import Protection
from core.protection.stored_key import StoredKey
from core.protection.track import can_be_divided
from runtime.content_keys import new_content_keys
from server.faults import ProtectionUnavailable, Unprotectable
from server.identifiers import new_playback_id
from server.repository import NewAccess
from server.signing import Signer


@dataclass(frozen=True, slots=True)
class Protector:
    """Chooses the access of videos; `signer` and `master_keys` are what signing and keys take."""

    signer: Signer
    master_keys: MasterKeys
    default_policy: PlaybackPolicy

    def admit(
        self, video_id: str, policy: PlaybackPolicy | None, protection: Protection | None
    ) -> NewAccess:
        """Give what a new video gets.

        Raises `ContradictoryProtection`, `SigningUnavailable` and `ProtectionUnavailable`.
        """
        return self._made(video_id, new_access(policy, protection, self.default_policy))

    def change(
        self,
        video_id: str,
        policy: PlaybackPolicy | None,
        protection: Protection | None,
        present: Access,
        picture_codecs: Sequence[str],
    ) -> NewAccess | None:
        """Give what a video gets that has `present`; None where that is what was asked for.

        Raises what `admit` does, and `Unprotectable`.
        """
        wanted = changed_access(present, policy, protection)
        if wanted == present:
            return None
        if any(scheme.is_common for scheme in wanted.protection.schemes):
            for codec in picture_codecs:
                if not can_be_divided(codec):
                    raise Unprotectable(
                        f"pictures of {codec} cannot be encrypted by samples, as "
                        f"{wanted.protection} does; {Protection.AES_128} takes every codec"
                    )
        return self._made(video_id, wanted)

    def _made(self, video_id: str, access: Access) -> NewAccess:
        if access.policy is not PlaybackPolicy.PUBLIC:
            self.signer.require_keys()
        playback_id = new_playback_id(access.policy)
        return NewAccess(playback_id, access.protection, self._keys(video_id, access.protection))

    def _keys(self, video_id: str, protection: Protection) -> tuple[StoredKey, ...]:
        try:
            return new_content_keys(video_id, protection, self.master_keys)
        except MasterKeyMissing as fault:
            raise ProtectionUnavailable(fault.message) from fault
