"""The roster the box holds, and how a new one is taken.

Guarantees: a roster is taken only when enough authority keys of the held one signed the same payload, it follows the
held version, is consistent, and lists this box; it is on flash before its entry, and its entry before its effect, so
that a power cut leaves the old one or the new one. Leaves to others: that all bays are closed meanwhile.
"""

import os
from hashlib import sha256

from sealwire import chain, messages
from sealwire.roster import Roster, by_kid, check_roster, check_succession

MYPY = False
if MYPY:
    from collections.abc import Callable


class Rosters:
    """``folder`` is on the mounted volume; authority and threshold are those of the origin entry."""

    def __init__(self, folder: str, box: bytes, journal: object, authority: "list[bytes]", threshold: int) -> None:
        self._folder = folder
        self._box = box
        self._journal = journal
        self._authority = authority
        self._threshold = threshold
        self._digest = None  # of the payload that waits for more signatures
        self._signers = []

    def load(self) -> "Roster | None":
        """The roster that the log says is held. Raises OSError when its file is not there."""
        version = self._journal.roster
        roster = None
        if version:
            with open(self._path(version), "rb") as file:
                fields = messages.read_payload(messages.ROSTER, file.read(), True)
            roster = Roster(fields)
            self._authority, self._threshold = fields["authority"], fields["threshold"]
        return roster

    def authority_key(self, kid: bytes) -> bytes:
        """The public key of an authority that this box obeys. Raises Refused: unknown_signer."""
        return by_kid(self._authority, kid)

    def offer(self, message: "messages.Message", verify: "Callable[[bytes, bytes, bytes], bool]") -> bool:
        """Take a signed roster into account; True when it became the box's, to be loaded. Raises Refused and OSError.

        Who signed so far is kept in memory until enough have; another payload replaces what waited.
        """
        version = self._journal.roster
        check_succession(version, [], 0, message.fields, [])  # its version first: that costs no signature
        message.check(self.authority_key(message.kid), verify)
        digest = sha256(message.payload).digest()
        if self._digest != digest:
            self._digest, self._signers = digest, []
        if message.kid not in self._signers:
            self._signers.append(message.kid)
        fields = message.fields
        check_succession(version, self._authority, self._threshold, fields, self._signers)
        check_roster(fields)
        Roster(fields).box(self._box)
        self._store(fields["version"], message.payload, digest)
        self._digest = None
        return True

    def _store(self, version: int, payload: bytes, digest: bytes) -> None:
        scratch = self._folder + "/new"
        with open(scratch, "wb") as file:
            file.write(payload)
        os.rename(scratch, self._path(version))
        held = self._journal.roster
        self._journal.write(chain.ROSTER, {"version": version, "digest": digest})
        if held:
            os.remove(self._path(held))

    def _path(self, version: int) -> str:
        return "%s/%d" % (self._folder, version)
