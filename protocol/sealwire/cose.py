"""COSE_Sign1 (RFC 9052 section 4.2) as Sealbox uses it: one fixed envelope, Ed25519 (RFC 9864, alg -19), always tag 18.

The envelope is ``18([protected, {}, payload, signature])`` with the protected header exactly ``{1: -19, 3: 65000 +
type, 4: kid}``, so it is read by comparing with its one possible form. What is signed also names protocol, type and
site (``external_aad``), so that no message passes for one of another type or site. Keys and the functions that sign
and verify are passed in.
"""

import hashlib

from sealwire import cbor, errors, limits
from sealwire.errors import DecodeError, Refused
from sealwire.strict import strict, strict_key
from sealwire.topics import hexed

MYPY = False
if MYPY:
    from collections.abc import Callable
    from typing import Any

CONTENT_TYPE = 65000  # of type 0; the range 65000-65535 is reserved for experimental use (RFC 7252 section 12.3)

_HEADER_START = b"\xa3\x01\x32\x03\x19"  # {1: -19, 3: uint16 ...
_HEADER_KID = b"\x04\x50"  # ... 4: bytes(16)
_HEADER = len(_HEADER_START) + 2 + len(_HEADER_KID) + limits.KID
_START = b"\xd2\x84\x58" + bytes((_HEADER,))  # 18([bytes(25) ...
_SIGNATURE_HEAD = b"\x58\x40"  # bytes(64)
AFTER_PAYLOAD = len(_SIGNATURE_HEAD) + limits.SIGNATURE  # bytes of a message that follow its payload


class Sign1:
    """An envelope that was read: type number, kid, payload bytes, signature; nothing is verified."""

    def __init__(self, number: int, kid: bytes, payload: bytes, signature: bytes) -> None:
        self.number = number
        self.kid = kid
        self.payload = payload
        self.signature = signature


def key_id(public_key: bytes) -> bytes:
    """The kid of a public key: the first 16 bytes of its SHA-256."""
    return hashlib.sha256(public_key).digest()[: limits.KID]


def read(data: bytes, limit: int = limits.MESSAGE) -> Sign1:
    """Read an envelope of at most ``limit`` bytes.

    Raises DecodeError: too_large, truncated, not_sign1, bad_protected_header, unprotected_not_empty, trailing_bytes,
    and what :func:`sealwire.cbor.read_head` raises.
    """
    if len(data) > limit:
        raise DecodeError(errors.TOO_LARGE)
    if data[:2] != _START[:2]:
        raise DecodeError(errors.TRUNCATED if len(data) < 2 else errors.NOT_SIGN1)
    at = len(_START)
    header = data[at : at + _HEADER]
    at += _HEADER
    if (
        data[2 : len(_START)] != _START[2:]
        or header[:5] != _HEADER_START
        or header[7:9] != _HEADER_KID
        or len(header) != _HEADER
    ):
        raise DecodeError(errors.BAD_PROTECTED_HEADER)
    if data[at : at + 1] != b"\xa0":
        raise DecodeError(errors.UNPROTECTED_NOT_EMPTY if at < len(data) else errors.TRUNCATED)
    major, size, at = cbor.read_head(data, at + 1)
    end = at + size
    if major != 2:
        raise DecodeError(errors.NOT_SIGN1, "payload is no byte string")
    if end + 2 + limits.SIGNATURE > len(data):
        raise DecodeError(errors.TRUNCATED)
    if data[end : end + 2] != _SIGNATURE_HEAD:
        raise DecodeError(errors.NOT_SIGN1, "signature is not 64 bytes")
    if end + 2 + limits.SIGNATURE != len(data):
        raise DecodeError(errors.TRAILING_BYTES)
    number = int.from_bytes(header[5:7], "big") - CONTENT_TYPE
    return Sign1(number, bytes(header[9:]), data[at:end], bytes(data[end + 2 :]))


def protected_header(number: int, kid: bytes) -> bytes:
    """The protected header of a message of this type by this key."""
    return _HEADER_START + (CONTENT_TYPE + number).to_bytes(2, "big") + _HEADER_KID + kid


def to_be_signed(number: int, name: str, site: bytes, kid: bytes, payload: bytes) -> bytes:
    """The Sig_structure (RFC 9052 section 4.4), with ``external_aad`` = "sealbox/1/" + type + "/" + site in hex."""
    return signed_start(number, name, site, kid, len(payload)) + payload


def signed_start(number: int, name: str, site: bytes, kid: bytes, size: int) -> bytes:
    """What stands before the payload, of ``size`` bytes, in :func:`to_be_signed`."""
    aad = b"sealbox/1/" + name.encode() + b"/" + hexed(site).encode()
    start = b"\x84\x6aSignature1" + cbor.head(2, _HEADER) + protected_header(number, kid)
    return start + cbor.head(2, len(aad)) + aad + cbor.head(2, size)


def reference(signed: bytes) -> bytes:
    """How other messages name this one: the SHA-256 of its Sig_structure.

    A mangled signature so makes no second identity.
    """
    return hashlib.sha256(signed).digest()


def sign(
    number: int, name: str, site: bytes, public_key: bytes, payload: bytes, signer: "Callable[[bytes], bytes]"
) -> bytes:
    """A whole message; ``signer(data) -> 64 bytes`` holds the secret key of ``public_key``."""
    kid = key_id(public_key)
    signature = signer(to_be_signed(number, name, site, kid, payload))
    if len(signature) != limits.SIGNATURE:
        raise ValueError("a signature has 64 bytes")
    header = protected_header(number, kid)
    return _START + header + b"\xa0" + cbor.head(2, len(payload)) + payload + _SIGNATURE_HEAD + signature


def check(signed: "Any", signature: bytes, public_key: bytes, verify: "Callable[[bytes, Any, bytes], bool]") -> None:
    """Check a signature with ``verify(public_key, signed, signature)``.

    Raises Refused: weak_key, bad_signature.
    """
    if not strict_key(public_key):
        raise Refused(errors.WEAK_KEY)
    if not strict(public_key, signature) or not verify(public_key, signed, signature):
        raise Refused(errors.BAD_SIGNATURE)
