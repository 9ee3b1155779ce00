"""The signed messages of a bundle: each read, its signature checked with a key that a proven roster lists, found by
its reference.
"""

from __future__ import annotations

from sealwire import errors, messages
from sealwire.errors import Refused, SealwireError
from sealwire.messages import (
    CREDENTIALS,
    DECISION,
    FINISH,
    GRANT,
    READY,
    RELEASE,
    REPORT,
    REQUEST,
    RESET,
    SUBSTITUTE,
    TIME,
    Message,
)

from sealhost.audit.bundle import Bundle, message_path
from sealhost.audit.findings import Check, Findings, Rank
from sealhost.audit.rosters import RosterChain, Verify

EXPORTED = (REQUEST, DECISION, SUBSTITUTE, READY, FINISH, REPORT, GRANT, TIME, RESET, RELEASE, CREDENTIALS)
"""The types that a bundle holds besides rosters, matters and checkpoints; refused messages are not kept."""

_BY_PERSON = (REQUEST, DECISION, SUBSTITUTE, READY, FINISH, REPORT)
_BY_HOST = (GRANT, TIME, CREDENTIALS)


class Letters:
    """Messages whose signatures hold, by reference, by type, and by the request that they name."""

    def __init__(self) -> None:
        self.by_reference: dict[bytes, Message] = {}
        self._of: dict[int, list[Message]] = {}
        self._about: dict[tuple[int, bytes], list[Message]] = {}

    def add(self, message: Message) -> None:
        """One more; they come in the order of their references, and are given back so."""
        if message.reference in self.by_reference:
            return
        self.by_reference[message.reference] = message
        self._of.setdefault(message.number, []).append(message)
        if isinstance(message.get("request"), bytes) and message.number != GRANT:
            self._about.setdefault((message.number, message["request"]), []).append(message)

    def of(self, number: int) -> list[Message]:
        """All messages of a type."""
        return self._of.get(number, [])

    def about(self, number: int, request: bytes) -> list[Message]:
        """All messages of a type that name this request."""
        return self._about.get((number, request), [])

    def get(self, reference: bytes, number: int) -> Message | None:
        """The message with this reference, when it is of this type."""
        message = self.by_reference.get(reference)
        return message if message is not None and message.number == number else None


def check_letters(bundle: Bundle, site: bytes, chain: RosterChain, verify: Verify, findings: Findings) -> Letters:
    """Read all messages and check who signed them."""
    letters = Letters()
    for path in bundle.below("messages/"):
        name = path.removeprefix("messages/").removesuffix(".cose")
        if findings.blames(path):
            continue
        try:
            message = messages.read(bundle.items[path], site, EXPORTED)
            if not _check_signer(message, chain, verify, findings):
                continue
        except SealwireError as error:
            findings.add(Rank.MESSAGE, path, name, error.name, f"this message is refused: {error}")
            continue
        if path != message_path(message.reference):
            why = f"this item holds the message {message.reference.hex()}, not the one that its path names"
            findings.add(Rank.MESSAGE, path, name, Check.ITEM_NAME, why)
        letters.add(message)
    return letters


def _check_signer(message: Message, chain: RosterChain, verify: Verify, findings: Findings) -> bool:
    """Whether the signature holds; False when a broken chain of rosters leaves the signer unknown. Raises Refused."""
    public_key: bytes | None
    if message.number == RELEASE:  # by the maker, whom only its own roster entry vouches for
        if chain.broken_at is None and all(message.reference not in r.fields["releases"] for r in chain.newest_first()):
            raise Refused(errors.RELEASE_NOT_LISTED)
        return True
    if message.number in _BY_PERSON:
        public_key = chain.person_key(message.kid)
    elif message.number in _BY_HOST:
        public_key = chain.host_key(message.kid)
    else:
        public_key = chain.authority_key(message.kid)
    if public_key is None and chain.broken_at is not None:
        findings.note(f"message {message.reference.hex()}: signer not known from the proven rosters, not checked")
        findings.blame(message.reference.hex())
        return False
    if public_key is None:
        raise Refused(errors.UNKNOWN_SIGNER, f"no roster lists the key {message.kid.hex()} for a {message.name}")
    message.check(public_key, verify)
    return True
