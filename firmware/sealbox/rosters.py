"""The roster the box holds, and how a new one is taken.

Guarantees: a roster is taken only when enough authority keys of the held one signed the same payload, it follows the
held version, is consistent, and lists this box; it is on flash before its entry, and its entry before its effect, so
that a power cut leaves the old one or the new one. Leaves to others: that all bays are closed meanwhile.
"""

import os
from errno import EIO
from hashlib import sha256

from micropython import const
from sealwire import chain, errors, limits, messages
from sealwire.errors import Refused
from sealwire.roster import Roster, by_kid, check_roster, check_succession

MYPY = False
if MYPY:
    from collections.abc import Callable


_PAYLOADS = const(4)


class Rosters:
    """``folder`` is on the mounted volume; authority and threshold are those of the origin entry."""

    def __init__(self, folder: str, box: bytes, journal: object, authority: "list[bytes]", threshold: int) -> None:
        self._folder = folder
        self._box = box
        self._journal = journal
        self._authority = authority
        self._threshold = threshold
        self._waiting = []  # (digest of a payload, who signed it), the newest last

    def load(self) -> "Roster | None":
        """The roster that the log says is held. Raises OSError when its file is not there."""
        version = self._journal.roster
        roster = None
        if version:
            with open(self._path(version), "rb") as file:
                digest, payload = file.read(limits.HASH), file.read()
            if sha256(payload).digest() != digest:
                raise OSError(EIO, "roster file")  # littlefs does not check what it stores
            fields = messages.read_payload(messages.ROSTER, payload, True)
            roster = Roster(fields)
            self._authority, self._threshold = fields["authority"], fields["threshold"]
        return roster

    def authority_key(self, kid: bytes) -> bytes:
        """The public key of an authority that this box obeys. Raises Refused: unknown_signer."""
        return by_kid(self._authority, kid)

    def offer(self, message: "messages.Message", verify: "Callable[[bytes, bytes, bytes], bool]") -> bool:
        """Take a signed roster into account; True when it became the box's, to be loaded. Raises Refused and OSError.

        Who signed so far is kept in memory, for a few payloads, so that one authority key alone cannot push out what
        the others signed.
        """
        version = self._journal.roster
        check_succession(version, [], 0, message.fields, [])  # its version first: that costs no signature
        message.check(self.authority_key(message.kid), verify, True)
        digest = sha256(message.payload).digest()
        signers = self._signers(digest)
        if message.kid not in signers:
            signers.append(message.kid)
        fields = message.fields
        check_succession(version, self._authority, self._threshold, fields, signers)
        check_roster(fields)
        try:
            Roster(fields).box(self._box)
        except Refused:
            raise Refused(errors.ROSTER_LISTS_NOT_BOX) from None
        self._store(fields["version"], message.payload, digest)
        self._waiting = []
        return True

    def _signers(self, digest: bytes) -> "list[bytes]":
        for waiting, signers in self._waiting:
            if waiting == digest:
                return signers
        self._waiting = self._waiting[1 - _PAYLOADS :]
        self._waiting.append((digest, []))
        return self._waiting[-1][1]

    def _store(self, version: int, payload: bytes, digest: bytes) -> None:
        scratch = self._folder + "/new"
        with open(scratch, "wb") as file:
            file.write(digest)
            file.write(payload)
        os.rename(scratch, self._path(version))
        held = self._journal.roster
        self._journal.write(chain.ROSTER, {"version": version, "digest": digest})
        if held:
            os.remove(self._path(held))

    def _path(self, version: int) -> str:
        return "%s/%d" % (self._folder, version)
