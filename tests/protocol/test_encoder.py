"""What the encoder and the signature check refuse beyond what a vector can write down."""

import pytest
from sealwire import cbor, cose
from sealwire.errors import BAD_SIGNATURE, Refused
from sealwire.strict import L
from vectors import world


@pytest.mark.parametrize("key", [True, "0", b"\0", 1.0, None])
def test_map_key_that_is_no_integer_is_not_encoded(key):
    with pytest.raises((TypeError, ValueError)):
        cbor.encode({key: 0})


@pytest.mark.parametrize("value", [{0}, object(), 2.5, True, None, range(3)])
def test_value_of_another_type_is_not_encoded(value):
    with pytest.raises(TypeError):
        cbor.encode([value])


def test_text_that_is_no_unicode_is_not_encoded():
    with pytest.raises(ValueError):  # noqa: PT011  # UnicodeEncodeError on CPython, ValueError elsewhere
        cbor.encode("\ud800")


def test_bytes_of_every_kind_encode_alike():
    assert cbor.encode(bytearray(b"ab")) == cbor.encode(memoryview(b"ab")) == cbor.encode(b"ab") == b"\x42ab"


def test_signature_that_is_not_strict_never_reaches_the_verify_function():
    message = world.message(world.REQUEST)
    asked = []

    def verify(*given: bytes) -> bool:
        asked.append(given)
        return True

    message.raw = message.raw[:-32] + L.to_bytes(32, "little")
    with pytest.raises(Refused) as refusal:
        message.check(world.KEEPER_KEY.public, verify)
    assert (refusal.value.reason, asked) == (BAD_SIGNATURE, [])


def test_reference_does_not_depend_on_the_signature():
    raw = world.REQUEST
    mangled = raw[:-1] + bytes((raw[-1] ^ 1,))
    assert world.message(mangled).reference == world.message(raw).reference


def test_signer_that_gives_another_length_is_refused():
    with pytest.raises(ValueError, match="64 bytes"):
        cose.sign(6, "finish", world.SITE, world.HOST.public, b"\xa0", lambda data: bytes(63))
