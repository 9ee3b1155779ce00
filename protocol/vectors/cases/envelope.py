"""SPEC.md section 3: the envelope, and keys and signatures."""

from collections.abc import Iterator

from sealwire import cbor, cose, messages
from sealwire.strict import L, P
from vectors.case import Case, accept, reject
from vectors.world import BOX, HOST, KEEPER_KEY, NOW, OTHER_SITE, SITE, STRANGER, digest, signed

_FIELDS = {"request": digest("some request"), "reason": 1}
_FINISH = signed(messages.FINISH, _FIELDS, KEEPER_KEY)
_HEADER = 4  # where the protected header begins
_UNPROTECTED = _HEADER + 25
_PAYLOAD = _UNPROTECTED + 1
_SIGNATURE = len(_FINISH) - 64


def _with(at: int, data: bytes, drop: int | None = None) -> bytes:
    return _FINISH[:at] + data + _FINISH[at + (len(data) if drop is None else drop) :]


def sealed(number: int, name: str, payload: bytes) -> bytes:
    """A message with any payload, rightly signed."""
    return cose.sign(number, name, SITE, KEEPER_KEY.public, payload, KEEPER_KEY.sign)


def cases() -> Iterator[Case]:
    yield from _envelopes()
    yield from _types()
    yield from _signers()
    yield from _strict()


def _read(name: str, about: str, data: bytes) -> Case:
    return reject(name, about, "read", data=data, site=SITE)


def _envelopes() -> Iterator[Case]:
    for rule in ("not_sign1", "bad_protected_header", "unprotected_not_empty"):
        yield accept(rule, "a message in its one possible form", "read", data=_FINISH, site=SITE)
    yield _read("not_sign1-two-bytes", "two bytes of something else", b"\xa0\x00")
    yield _read("not_sign1-untagged", "no tag 18", _FINISH[1:])
    yield _read("not_sign1-other-tag", "tag 17 (COSE_Mac0)", _with(0, b"\xd1"))
    yield _read("not_sign1-three-parts", "an array of three", _with(1, b"\x83"))
    yield _read("not_sign1-text-payload", "the payload is text", _with(_PAYLOAD, b"\x78"))
    yield _read("not_sign1-no-payload", "the payload is null", _with(_PAYLOAD, b"\xf7"))
    yield _read("not_sign1-short-signature", "a signature of 63 bytes and one more", _with(_SIGNATURE - 1, b"\x3f"))
    yield _read("not_sign1-text-signature", "the signature is text", _with(_SIGNATURE - 2, b"\x78"))
    yield _read("bad_protected_header-length", "24 bytes announced", _with(3, b"\x18"))
    yield _read("bad_protected_header-text", "the header is text", _with(2, b"\x78"))
    yield _read("bad_protected_header-algorithm", "alg -8 (EdDSA)", _with(_HEADER + 2, b"\x27"))
    yield _read("bad_protected_header-entries", "a fourth entry is announced", _with(_HEADER, b"\xa4"))
    yield _read("bad_protected_header-kid", "the kid is text", _with(_HEADER + 8, b"\x70"))
    yield _read("bad_protected_header-label", "label 5 instead of 4", _with(_HEADER + 7, b"\x05"))
    yield _read("bad_protected_header-cut", "cut within the kid", _FINISH[: _UNPROTECTED - 1])
    yield _read("unprotected_not_empty", "a kid outside", _with(_UNPROTECTED, b"\xa1\x04\x41\x00", 1))
    yield _read("unprotected_not_empty-null", "null instead of a map", _with(_UNPROTECTED, b"\xf6"))
    yield _read("truncated-envelope", "one byte", _FINISH[:1])
    yield _read("truncated-unprotected", "cut before the unprotected header", _FINISH[:_UNPROTECTED])
    yield _read("truncated-payload-head", "cut before the payload", _FINISH[:_PAYLOAD])
    yield _read("truncated-signature", "the last byte is missing", _FINISH[:-1])
    yield _read("trailing_bytes-envelope", "one byte more", _FINISH + b"\0")
    payload = cbor.encode({1: digest("some request"), 2: 1})
    long = b"\x59\x00" + bytes((len(payload),)) + payload
    yield _read("not_shortest-envelope", "the payload's length in two bytes", _with(_PAYLOAD, long, 2 + len(payload)))
    yield _read("trailing_bytes-payload", "the payload holds two items", sealed(6, "finish", payload + b"\0"))
    at_limit = sealed(1, "roster", b"\x59\x1f\x9a" + bytes(8090))
    yield reject("not_a_map-large", f"a message of {len(at_limit)} bytes is read", "read", data=at_limit, site=SITE)
    yield _read("too_large-message", "8,193 bytes", at_limit + bytes(8193 - len(at_limit)))
    full = sealed(6, "finish", b"\x59\x01\x9a" + bytes(410))
    yield _read("not_a_map-personal", f"a person's message of {len(full)} bytes is read", full)
    over = sealed(6, "finish", bytes(512))
    yield _read("too_large-personal", "what a person signs has at most 512 bytes", over)
    longest = {"request": digest("r"), "impressions": 1, "photographs": [digest(str(i)) for i in range(8)]}
    data = signed(messages.REPORT, longest, KEEPER_KEY)
    yield accept("too_large-personal", f"a longest report has {len(data)} bytes", "read", data=data, site=SITE)


def _types() -> Iterator[Case]:
    yield accept("unexpected_type", "one of the expected types", "read", data=_FINISH, site=SITE, expected=[5, 6])
    yield reject("unexpected_type", "none of them", "read", data=_FINISH, site=SITE, expected=[5, 7])
    credentials = {"box": BOX.kid, "issued": NOW, "ca": [b"\x30"], "certificate": b"\x30"}
    data = signed(messages.CREDENTIALS, credentials, HOST)
    yield accept("unknown_type", "the last type, 18", "read", data=data, site=SITE)
    unknown = sealed(19, "finish", b"\xa0")
    yield reject("unknown_type-expected", "whatever was expected", "read", data=unknown, site=SITE, expected=[6])
    for number in (0, 19, -1, -65000, 535):
        data = sealed(number, "finish", b"\xa0")
        yield _read(f"unknown_type-{number % 65536}", f"content type {65000 + number}", data)


def _check(name: str, about: str, data: bytes, public: bytes, site: bytes = SITE) -> Case:
    return reject(name, about, "signature", data=data, site=site, public=public)


def _signers() -> Iterator[Case]:
    public = KEEPER_KEY.public
    given = {"data": _FINISH, "site": SITE, "public": public}
    yield accept("bad_signature", "signed by this key", "signature", **given)
    yield accept("unknown_signer", "the key of the message's kid", "signature", **given)
    yield _check("unknown_signer", "another key", _FINISH, STRANGER.public)
    flipped = bytes((_FINISH[_SIGNATURE] ^ 1,))
    yield _check("bad_signature-r", "one bit of R", _with(_SIGNATURE, flipped), public)
    flipped = bytes((_FINISH[_SIGNATURE + 32] ^ 1,))
    yield _check("bad_signature-s", "one bit of S", _with(_SIGNATURE + 32, flipped), public)
    scalar = int.from_bytes(_FINISH[-32:], "little") + L
    yield _check("bad_signature-s-plus-l", "S + L", _with(len(_FINISH) - 32, scalar.to_bytes(32, "little")), public)
    yield _check("bad_signature-payload", "another reason than was signed", _with(_SIGNATURE - 3, b"\x02"), public)
    yield _check("bad_signature-other-site", "signed for another site", _FINISH, public, OTHER_SITE)
    payload = messages.payload(messages.FINISH, _FIELDS)
    other = cose.sign(6, "ready", SITE, public, payload, KEEPER_KEY.sign)
    yield _check("bad_signature-other-type", "signed as another type", other, public)
    stranger = cose.to_be_signed(6, "finish", SITE, KEEPER_KEY.kid, payload)
    yield _check("bad_signature-stranger", "signed by another key", _FINISH[:-64] + STRANGER.sign(stranger), public)
    weak = (1).to_bytes(32, "little")
    forged = cose.sign(6, "finish", SITE, weak, payload, lambda data: weak + bytes(32))
    yield _check("weak_key", "the identity as key: any message verifies", forged, weak)
    yield accept("reference", "the SHA-256 of what is signed", "reference", signed=stranger)
    when = {"box": KEEPER_KEY.kid, "nonce": digest("nonce"), "utc": NOW}
    yield accept("bad_signature-host", "a host's message", "signature", **_given(signed(messages.TIME, when, HOST)))


def _given(data: bytes) -> dict[str, bytes]:
    return {"data": data, "site": SITE, "public": HOST.public}


def _point(y: int, sign: int = 0) -> bytes:
    return (y | sign << 255).to_bytes(32, "little")


_ORDER_8 = 55188659117513257062467267217118295137698188065244968500265048394206261417927


def _strict() -> Iterator[Case]:
    good = _FINISH[-64:]
    public = KEEPER_KEY.public
    for name, key in (("least", _point(2)), ("most", _point(P - 2)), ("sign", _point(P - 2, 1))):
        yield accept(f"weak_key-{name}", "canonical and not of low order", "strict", public=key, signature=good)
    for name, y, signs in (
        ("zero", 0, (0, 1)),
        ("identity", 1, (0, 1)),
        ("order-2", P - 1, (0, 1)),
        ("order-8", _ORDER_8, (0, 1)),
        ("order-8-other", P - _ORDER_8, (0, 1)),
        ("p", P, (0, 1)),
        ("p-plus-2", P + 2, (0, 1)),
        ("all-ones", 2**255 - 1, (0, 1)),
    ):
        for sign in signs:
            given = {"public": _point(y, sign), "signature": good}
            yield reject(f"weak_key-{name}-{sign}", "of low order, or not canonical", "strict", **given)
    for name, key in (("short", public[:31]), ("long", public + b"\0")):
        yield reject(f"weak_key-{name}", "not 32 bytes", "strict", public=key, signature=good)
    for name, r, s in (("s-most", _point(2), L - 1), ("r-most", _point(P - 2, 1), 0), ("r-identity", _point(1), 1)):
        signature = r + s.to_bytes(32, "little")
        about = "left to the equation"
        yield accept(f"bad_signature-{name}", about, "strict", public=public, signature=signature)
    for name, r, s in (
        ("s-l", _point(2), L),
        ("s-all-ones", _point(2), 2**256 - 1),
        ("r-p", _point(P), 0),
        ("r-identity-sign", _point(1, 1), 0),
        ("r-order-2-sign", _point(P - 1, 1), 0),
    ):
        signature = r + s.to_bytes(32, "little")
        yield reject(f"bad_signature-{name}", "not canonical", "strict", public=public, signature=signature)
    for name, signature in (("short", good[:63]), ("long", good + b"\0")):
        yield reject(f"bad_signature-{name}", "not 64 bytes", "strict", public=public, signature=signature)
