"""One fixed definition per message type, and the two ways through them: bytes to fields and fields to bytes.

A message in memory is a :class:`Message`: its type, who signed it, its reference, and ``fields``, a dict by field name
(records inside are dicts too). :func:`read` proves form only; whoever uses a message checks its signature with
:meth:`Message.check` and its meaning with :mod:`sealwire.rules`.
"""

import hashlib

from sealwire import cbor, cose, errors, limits
from sealwire.errors import DecodeError
from sealwire.schema import (
    Field,
    bits,
    data,
    from_map,
    many,
    optional,
    record,
    reference,
    row,
    seconds,
    text,
    to_map,
    to_row,
    uint,
)

MYPY = False
if MYPY:
    from collections.abc import Callable
    from typing import Any

# Type numbers; the content type of the protected header is 65000 + this.
ROSTER = 1
REQUEST = 2
DECISION = 3
SUBSTITUTE = 4
READY = 5
FINISH = 6
REPORT = 7
MATTERS = 8
ENROL = 9
RECEIPT = 10
CHALLENGE = 11
GRANT = 12
TIME = 13
CHECKPOINT = 14
ACK = 15
RESET = 16
RELEASE = 17
CREDENTIALS = 18

# Roles; 6 to 15 are the site's own.
KEEPER = 1
OFFICER = 2
AUDITOR = 3
SECRETARY = 4
DIRECTOR = 5

# Key kinds
ED25519 = 1
PASSKEY = 2  # WebAuthn ES256: kept free, refused until it is defined

# Verdicts of a decision
APPROVE = 1
DENY = 2
WITHDRAW = 3

# Bits of a reset
CLEARS_TAMPER = 1
CLEARS_CLOCK = 2

_VERSION_MAX = 0x7FFFFFFF
_SEQ_MAX = 0x7FFFFFFF


def _person() -> "tuple[Field, ...]":
    return (
        uint(1, "number", 1, 9999),
        text(2, "name", limits.NAME),
        bits(3, "roles", limits.ROLES),
        seconds(4, "from"),
        seconds(5, "until"),
        many(6, "keys", 0, limits.PERSON_KEYS, data(0, "", 33, 34)),  # a kind byte, then the public key
    )


def _bay() -> "tuple[Field, ...]":
    return (
        uint(1, "number", 1, limits.BAYS),
        text(2, "seal", limits.NAME),
        bits(3, "rules", limits.RULES),
    )


def _box() -> "tuple[Field, ...]":
    return (data(1, "public", 32), many(2, "bays", 1, limits.BAYS, row(_bay)))


def _group() -> "tuple[Field, ...]":
    return (uint(1, "role", 1, limits.ROLES), uint(2, "least", 1, limits.GRANT_DECISIONS))


def _rule() -> "tuple[Field, ...]":
    return (
        uint(1, "number", 1, limits.RULES),
        many(2, "matters", 1, limits.MATTERS, uint(0, "", 1, 9999)),
        uint(3, "raiser", 1, limits.ROLES),
        many(4, "groups", 1, limits.RULE_GROUPS, row(_group)),
        uint(5, "denials", 1, limits.GRANT_DECISIONS),
        uint(6, "impressions", 1, limits.IMPRESSIONS),
        uint(7, "open_seconds", 5, limits.OPEN_SECONDS),
        uint(8, "wait_seconds", 60, limits.WAIT_SECONDS),
        uint(9, "use_seconds", 60, limits.USE_SECONDS),
        uint(10, "break_glass", 0, 1),
    )


def _matter() -> "tuple[Field, ...]":
    return (
        uint(1, "code", 1, 9999),
        text(2, "wording", limits.TEXT),
        text(3, "seal", limits.NAME),
        optional(text(4, "attachments", limits.TEXT)),
        optional(uint(5, "resolution", 1, 1)),
        optional(uint(6, "abolished", 1, 1)),
        optional(text(7, "responsible", limits.TEXT)),
    )


def _file() -> "tuple[Field, ...]":
    return (text(1, "path", 64), data(2, "digest", 32))


def fields_of(number: int) -> "tuple[Field, ...]":
    """The fields of a message type. Raises DecodeError: unknown_type.

    Made anew each time, in one function, so that a box holds in memory only the definition that it reads.
    """
    if number == ROSTER:
        return (
            uint(1, "version", 1, _VERSION_MAX),
            seconds(2, "issued"),
            many(3, "authority", 1, limits.AUTHORITY_KEYS, data(0, "", 32)),
            uint(4, "threshold", 1, limits.AUTHORITY_KEYS),
            many(5, "people", 0, limits.PEOPLE, row(_person)),
            many(6, "hosts", 0, limits.HOSTS, data(0, "", 32)),
            many(7, "boxes", 0, limits.BOXES, row(_box)),
            many(8, "rules", 0, limits.RULES, row(_rule)),
            data(9, "matters", 32),
            many(10, "releases", 0, limits.RELEASES, data(0, "", 32)),
        )
    if number == REQUEST:
        return (
            data(1, "box", 16),
            uint(2, "bay", 1, limits.BAYS),
            uint(3, "impressions", 1, limits.IMPRESSIONS),
            uint(4, "matter", 1, 9999),
            data(5, "rule", 32),
            data(6, "details", 32),
            uint(7, "anchor_seq", 1, _SEQ_MAX),
            data(8, "anchor_head", 32),
            seconds(9, "created"),
            seconds(10, "expires"),
            seconds(11, "attended"),
            uint(12, "roster", 1, _VERSION_MAX),
            optional(reference(13, "follows")),
        )
    if number == DECISION:
        return (
            reference(1, "request"),
            uint(2, "verdict", APPROVE, WITHDRAW),
            optional(uint(3, "for", 1, 9999)),
            uint(4, "reason", 0, 255),
            optional(data(5, "reason_digest", 32)),
            seconds(6, "decided"),
            uint(7, "roster", 1, _VERSION_MAX),
        )
    if number == SUBSTITUTE:
        return (
            uint(1, "person", 1, 9999),
            seconds(2, "from"),
            seconds(3, "until"),
            uint(4, "roster", 1, _VERSION_MAX),
        )
    if number == READY:
        return (reference(1, "request"), data(2, "nonce", 32))
    if number == FINISH:
        return (reference(1, "request"), uint(2, "reason", 0, 255), optional(data(3, "reason_digest", 32)))
    if number == REPORT:
        return (
            reference(1, "request"),
            uint(2, "impressions", 0, limits.IMPRESSIONS),
            many(3, "photographs", 0, limits.PHOTOGRAPHS, data(0, "", 32)),
        )
    if number == MATTERS:
        return (
            uint(1, "version", 1, _VERSION_MAX),
            seconds(2, "issued"),
            uint(3, "part", 1, limits.MATTER_PARTS),
            uint(4, "parts", 1, limits.MATTER_PARTS),
            many(5, "items", 1, limits.MATTERS_PER_PART, record(_matter)),
        )
    if number == ENROL:
        return (
            text(1, "name", limits.NAME),
            uint(2, "kind", 1, 2),
            data(3, "public", 32, 33),
            data(4, "token", 16),
        )
    if number == RECEIPT:
        return (reference(1, "reference"), uint(2, "result", 0, 999), seconds(3, "at"))
    if number == CHALLENGE:
        return (
            uint(1, "bay", 1, limits.BAYS),
            uint(2, "boot", 1, _SEQ_MAX),
            data(3, "nonce", 32),
            uint(4, "seq", 1, _SEQ_MAX),
            data(5, "head", 32),
            uint(6, "roster", 0, _VERSION_MAX),
        )
    if number == GRANT:
        return (
            data(1, "nonce", 32),
            data(2, "request", 1, limits.PERSONAL_MESSAGE),
            many(3, "decisions", 1, limits.GRANT_DECISIONS, data(0, "", 1, limits.PERSONAL_MESSAGE)),
            many(4, "substitutes", 0, limits.GRANT_SUBSTITUTES, data(0, "", 1, limits.PERSONAL_MESSAGE)),
            optional(data(5, "ready", 1, limits.PERSONAL_MESSAGE)),
        )
    if number == TIME:
        return (data(1, "box", 16), data(2, "nonce", 32), seconds(3, "utc"))
    if number == CHECKPOINT:
        return (
            uint(1, "boot", 1, _SEQ_MAX),
            uint(2, "seq", 1, _SEQ_MAX),
            data(3, "head", 32),
            seconds(4, "clock"),
            uint(5, "clock_set", 0, 1),
            uint(6, "roster", 0, _VERSION_MAX),
            text(7, "firmware", limits.VERSION_TEXT),
        )
    if number == ACK:
        return (data(1, "box", 16), uint(2, "seq", 0, _SEQ_MAX), data(3, "head", 32))
    if number == RESET:
        return (
            data(1, "box", 16),
            uint(2, "anchor_seq", 1, _SEQ_MAX),
            data(3, "anchor_head", 32),
            uint(4, "clears", 1, CLEARS_TAMPER | CLEARS_CLOCK),
            seconds(5, "utc"),
        )
    if number == RELEASE:
        return (
            text(1, "version", limits.VERSION_TEXT),
            many(2, "files", 1, limits.RELEASE_FILES, row(_file)),
            uint(3, "roster", 1, _VERSION_MAX),
        )
    if number == CREDENTIALS:
        return (
            data(1, "box", 16),
            seconds(2, "issued"),
            many(3, "ca", 1, limits.CA_CERTIFICATES, data(0, "", 1, limits.CERTIFICATE)),
            optional(data(4, "certificate", 1, limits.CERTIFICATE)),
        )
    raise DecodeError(errors.UNKNOWN_TYPE)


_NAMES = (
    "",
    "roster",
    "request",
    "decision",
    "substitute",
    "ready",
    "finish",
    "report",
    "matters",
    "enrol",
    "receipt",
    "challenge",
    "grant",
    "time",
    "checkpoint",
    "ack",
    "reset",
    "release",
    "credentials",
)
PERSONAL = (REQUEST, DECISION, SUBSTITUTE, READY, FINISH, REPORT, ENROL)  # what a person signs: at most 512 bytes

# The unsigned items: a map whose field 0 says which. A signed message starts with tag 18 (0xd2), a map never does.
ENTRIES = 1  # from a box: log entries, believed under a checkpoint
ASK = 2  # to a box: a challenge, please
PROVISION = 3  # to a box, over its USB line with the button held: site, authority, broker
HELLO = 4  # over USB: empty, who are you; from the box, its key, or why it refused a `provision`


def item_fields(number: int) -> "tuple[Field, ...]":
    """The fields of an unsigned item. Raises DecodeError: unknown_type."""
    if number == ENTRIES:
        return (
            uint(1, "first", 1, _SEQ_MAX),
            many(2, "entries", 1, limits.ENTRIES_PER_BATCH, data(0, "", 1, limits.ENTRY)),
        )
    if number == ASK:
        return (uint(1, "bay", 1, limits.BAYS),)
    if number == PROVISION:
        return (
            data(1, "site", 16),
            many(2, "authority", 1, limits.AUTHORITY_KEYS, data(0, "", 32)),
            uint(3, "threshold", 1, limits.AUTHORITY_KEYS),
            optional(text(4, "broker", 253)),
            optional(uint(5, "port", 1, 65535)),
            optional(text(6, "user", 64)),
            optional(text(7, "password", 64)),
            optional(text(8, "wifi", 32)),
            optional(text(9, "wifi_password", 64)),
            optional(many(10, "ca", 1, limits.CA_CERTIFICATES, data(0, "", 1, limits.CERTIFICATE))),
            optional(data(11, "certificate", 1, limits.CERTIFICATE)),
            optional(data(12, "tls_key", 1, limits.TLS_KEY)),
            optional(seconds(13, "issued")),
        )
    if number == HELLO:
        return (
            optional(data(1, "public", 32)),
            optional(text(2, "firmware", limits.VERSION_TEXT)),
            optional(data(3, "site", 16)),
            optional(uint(4, "refused", 1, 999)),
        )
    raise DecodeError(errors.UNKNOWN_TYPE)


def names() -> "dict[int, str]":
    """Type number to type name."""
    return {number: _NAMES[number] for number in range(1, len(_NAMES))}


class Message:
    """A message that was read. Its form is proven; its signature only after :meth:`check`.

    number, name: the type; kid: who signed; fields: dict by name; raw: the whole bytes. What can be had from these is
    made when it is asked for: a box holds up to 15 messages at once.
    """

    def __init__(self, sign1: cose.Sign1, fields: "dict[str, Any]", site: bytes, raw: bytes) -> None:
        self.number = sign1.number
        self.kid = sign1.kid
        self.fields = fields
        self.site = site
        self.raw = raw
        self._payload_at = len(raw) - cose.AFTER_PAYLOAD - len(sign1.payload)
        self._reference = b""

    @property
    def name(self) -> str:
        """The name of its type."""
        return _NAMES[self.number]

    @property
    def payload(self) -> bytes:
        """The bytes that hold the fields."""
        return self.raw[self._payload_at : -cose.AFTER_PAYLOAD]

    @property
    def signature(self) -> bytes:
        """The signature's 64 bytes."""
        return bytes(self.raw[-limits.SIGNATURE :])

    @property
    def reference(self) -> bytes:
        """How other messages name it: 32 bytes, see :func:`sealwire.cose.reference`."""
        if not self._reference:
            digest = hashlib.sha256(self._signed_start())
            digest.update(self.payload)
            self._reference = digest.digest()
        return self._reference

    def let_go(self) -> None:
        """Keep fields and reference, but not the bytes: payload and signature are gone."""
        self._reference = self.reference
        self.raw = b""

    def _signed_start(self) -> bytes:
        return cose.signed_start(self.number, self.name, self.site, self.kid, len(self.payload))

    def __getitem__(self, name: str) -> "Any":
        return self.fields[name]

    def get(self, name: str) -> "Any":
        """The field's value, None when it is missing."""
        return self.fields.get(name)

    def check(self, public_key: bytes, verify: "Callable[[bytes, Any, bytes], bool]", in_parts: bool = False) -> None:
        """Check the signature. Raises Refused: unknown_signer (another key's kid), weak_key, bad_signature.

        in_parts: ``verify`` takes the signed bytes as a tuple of parts, so that a large message is not copied.
        """
        if cose.key_id(public_key) != self.kid:
            raise errors.Refused(errors.UNKNOWN_SIGNER)
        start, payload = self._signed_start(), self.payload
        cose.check((start, payload) if in_parts else start + payload, self.signature, public_key, verify)


def read(raw: bytes, site: bytes, expected: "tuple[int, ...] | None" = None, lazily: bool = False) -> Message:
    """Read a message of one of the expected types (all by default). Raises DecodeError, see SPEC.md sections 2 to 4.

    lazily: a roster's people, boxes and rules are read from the bytes again whenever they are gone through.
    """
    sign1 = cose.read(raw)
    if not 1 <= sign1.number < len(_NAMES):
        raise DecodeError(errors.UNKNOWN_TYPE)
    if expected is not None and sign1.number not in expected:
        raise DecodeError(errors.UNEXPECTED_TYPE)
    if sign1.number in PERSONAL and len(raw) > limits.PERSONAL_MESSAGE:
        raise DecodeError(errors.TOO_LARGE)
    fields = read_payload(sign1.number, sign1.payload, lazily)
    return Message(sign1, fields, site, raw)


def read_payload(number: int, data: bytes, lazily: bool = False) -> "dict[str, Any]":
    """The fields of a payload of this type, without an envelope; lazily as in :func:`read`. Raises DecodeError."""
    value = cbor.decode(data, limits.MESSAGE, lazily)
    return from_map(fields_of(number), value)


def payload(number: int, fields: "dict[str, Any]") -> bytes:
    """The payload of a message with these fields. Raises DecodeError when they break the definition."""
    return cbor.encode(to_map(fields_of(number), fields))


def build(
    number: int, fields: "dict[str, Any]", site: bytes, public_key: bytes, signer: "Callable[[bytes], bytes]"
) -> bytes:
    """A signed message. Raises DecodeError when a field breaks the definition or the message is over its cap."""
    raw = cose.sign(number, _NAMES[number], site, public_key, payload(number, fields), signer)
    if len(raw) > (limits.PERSONAL_MESSAGE if number in PERSONAL else limits.MESSAGE):
        raise DecodeError(errors.TOO_LARGE)
    return raw


def is_item(raw: bytes) -> bool:
    """Whether bytes are meant as an unsigned item and not as a signed message."""
    return raw[:1] != b"\xd2"


def read_item(raw: bytes) -> "tuple[int, dict[str, Any]]":
    """Read an unsigned item: (number, fields). Raises DecodeError: unknown_type, and see SPEC.md sections 2 and 4."""
    value = cbor.decode(raw, limits.MESSAGE, True)
    if not isinstance(value, dict):
        raise DecodeError(errors.NOT_A_MAP)
    number = value.pop(0, None)
    return number, from_map(item_fields(number), value)


def build_item(number: int, fields: "dict[str, Any]") -> bytes:
    """An unsigned item."""
    value = to_map(item_fields(number), fields)
    value[0] = number
    return cbor.encode(value)


_CODE = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32: no I, L, O, U to be misread


def long_code(digest: bytes) -> str:
    """Sixteen letters and digits by which people compare a key or a site: the first 80 bits of a digest or kid."""
    return short_code(digest) + "-" + short_code(digest[5:])


def short_code(digest: bytes) -> str:
    """Eight letters and digits by which people compare a request on app and box: the first 40 bits of a digest."""
    number = int.from_bytes(digest[:5], "big")
    letters = "".join([_CODE[number >> shift & 31] for shift in range(35, -1, -5)])
    return letters[:4] + "-" + letters[4:]


def site_code(site: bytes, authority: "list[bytes]", threshold: int) -> str:
    """The code that box and provisioning person compare: it stands for site, authority keys and threshold."""
    return long_code(hashlib.sha256(cbor.encode([site, authority, threshold])).digest())


def rule_digest(rule: "dict[str, Any]") -> bytes:
    """How a request names its rule: the SHA-256 of the rule's encoding in the roster."""
    digest = hashlib.sha256()
    cbor.encode_to(digest.update, to_row(_rule(), rule))
    return digest.digest()


def has(mask: int, number: int) -> bool:
    """Whether a set of numbers (see :func:`bits`) holds a number."""
    return bool(mask >> number & 1)
