"""What this side believes, and why: rosters by the authority's keys, receipts by a host's, checkpoints and
challenges by a box's.

Guarantees: nothing leaves this module as true before its signature was checked with a key that the roster (or, for
rosters, the
profile and the roster before) names; a roster never goes back.
"""

from __future__ import annotations

from collections.abc import Iterable

from sealwire import cose, errors, messages
from sealwire.errors import Refused, SealwireError
from sealwire.messages import Message
from sealwire.roster import Roster, check_roster, check_succession

from sealhost.client.errors import ClientError
from sealhost.client.profile import Profile
from sealhost.signing.keys import verify


class Trust:
    """The roster held by a profile, and what is believed through it."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self.site = profile.site
        self._payload = b""
        self._roster: Roster | None = None
        held = profile.held_roster()
        if held:
            # It was checked when it was taken. Who can write this folder could as well write its authority keys anew.
            first = messages.read(held[0], self.site, (messages.ROSTER,))
            self._roster, self._payload = Roster(first.fields), first.payload

    @property
    def roster(self) -> Roster:
        """The roster held. ClientError: no_roster."""
        if self._roster is None:
            raise ClientError("no_roster")
        return self._roster

    @property
    def version(self) -> int:
        """Version of the roster held, 0 when none is."""
        return 0 if self._roster is None else int(self._roster.version)

    @property
    def payload(self) -> bytes:
        """The signed bytes of the roster held."""
        return self._payload

    def _check_signers(self, raws: Iterable[bytes], authority: list[bytes]) -> tuple[Message, list[bytes]]:
        """The roster that all these messages carry, and who signed it. Refused or DecodeError otherwise."""
        by_kid = {cose.key_id(key): key for key in authority}
        found: Message | None = None
        signers: list[bytes] = []
        for raw in raws:
            message = messages.read(raw, self.site, (messages.ROSTER,))
            if found is not None and message.payload != found.payload:
                raise ClientError("rosters_differ")
            if message.kid not in by_kid:
                continue  # a key that counts for the next roster only, or for none
            message.check(by_kid[message.kid], verify)
            found = message
            signers.append(message.kid)
        if found is None:
            raise Refused(errors.ROSTER_SIGNATURES)
        return found, signers

    def judge_roster(self, raws: list[bytes]) -> Message:
        """The roster in these messages, if it is the one held or may follow it.

        ClientError or SealwireError otherwise.
        """
        held = self._roster
        settings = self.profile.settings
        authority = list(settings.authority) if held is None else list(held.fields["authority"])
        threshold = settings.threshold if held is None else int(held.fields["threshold"])
        first = messages.read(raws[0], self.site, (messages.ROSTER,)) if raws else None
        if first is None:
            raise ClientError("no_roster")
        if first["version"] == self.version and held is not None:
            if first.payload != self._payload:
                raise ClientError("two_rosters", version=self.version)
            return first
        if first["version"] < self.version:
            raise ClientError("older_roster", offered=first["version"], held=self.version)
        message, signers = self._check_signers(raws, authority)
        check_roster(message.fields)
        check_succession(self.version, authority, threshold, message.fields, signers)
        return message

    def take_roster(self, raws: list[bytes]) -> bool:
        """Hold a roster if it is newer and may follow; whether it did."""
        message = self.judge_roster(raws)
        if message["version"] == self.version:
            return False
        self.profile.hold_roster(raws, message["version"])
        self._roster, self._payload = Roster(message.fields), message.payload
        return True

    def host_kids(self) -> list[bytes]:
        """The kids of the hosts that the roster held lists; none before the first roster."""
        return [] if self._roster is None else [cose.key_id(key) for key in self._roster.fields["hosts"]]

    # --- what others signed ---

    def person_message(self, raw: bytes, expected: tuple[int, ...]) -> Message:
        """A message that a person of the roster signed. DecodeError or Refused otherwise."""
        message = messages.read(raw, self.site, expected)
        message.check(self.roster.signer(message.kid)[1], verify)
        return message

    def receipt(self, raw: bytes, hosts: Iterable[bytes] = ()) -> Message:
        """A receipt signed by a host of the roster held, or by one of `hosts`. DecodeError or Refused otherwise."""
        message = messages.read(raw, self.site, (messages.RECEIPT,))
        known = [*hosts, *(self._roster.fields["hosts"] if self._roster else ())]
        for key in known:
            if cose.key_id(key) == message.kid:
                message.check(key, verify)
                return message
        raise Refused(errors.UNKNOWN_SIGNER)

    def box_message(self, raw: bytes, box: bytes, expected: tuple[int, ...]) -> Message:
        """A message that this box (kid) signed. DecodeError or Refused otherwise."""
        message = messages.read(raw, self.site, expected)
        if message.kid != box:
            raise Refused(errors.WRONG_BOX)
        message.check(self.roster.box(box)["public"], verify)
        return message

    def checkpoint(self, raw: bytes | None, box: bytes) -> Message | None:
        """A box's checkpoint, None when these bytes are none of it."""
        if not raw:
            return None
        try:
            return self.box_message(raw, box, (messages.CHECKPOINT,))
        except SealwireError:
            return None

    def newest_checkpoint(self, box: bytes, candidates: Iterable[bytes | None]) -> Message | None:
        """The furthest checkpoint of a box among these and the last one seen here, which it then becomes."""
        name = f"checkpoint-{box.hex()}.cose"
        found = [self.checkpoint(raw, box) for raw in (self.profile.recall(name), *candidates)]
        newest = max((one for one in found if one is not None), key=lambda one: int(one["seq"]), default=None)
        if newest is not None:
            self.profile.remember(name, newest.raw)
        return newest
