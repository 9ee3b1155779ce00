"""SHA-512 on the real VMs against NIST's vectors (SHAVS, from PyPI's cryptography-vectors) and hashlib."""

import hashlib
import re

import cryptography_vectors
import pytest

from tests import vms
from tests.firmware import crypto_vms
from tests.firmware.crypto_vms import Ask, fast, line, slow, slow_32_bit


def _records(name: str) -> list[tuple[bytes, bytes]]:
    """Messages and digests of a .rsp file."""
    with cryptography_vectors.open_vector_file(f"hashes/SHA2/{name}", "r") as file:
        text = file.read()
    found = re.findall(r"\nLen = (\w+)\s+Msg = (\w+)\s+MD = (\w+)", text)
    assert found
    return [(bytes.fromhex(message)[: int(length) // 8], bytes.fromhex(digest)) for length, message, digest in found]


@pytest.mark.parametrize("ask", crypto_vms.ALL)
def test_digests_of_short_messages_are_nists(ask: Ask) -> None:
    records = _records("SHA512ShortMsg.rsp")
    assert ask([line("h", message) for message, _ in records]) == [digest.hex() for _, digest in records]


@pytest.mark.parametrize(("ask", "step"), [(fast, 1), (slow, 16), (slow_32_bit, 32)])
def test_digests_of_long_messages_are_nists(ask: Ask, step: int) -> None:
    records = _records("SHA512LongMsg.rsp")[::step]
    assert ask([line("h", message) for message, _ in records]) == [digest.hex() for _, digest in records]


def test_chained_digests_are_nists() -> None:
    with cryptography_vectors.open_vector_file("hashes/SHA2/SHA512Monte.rsp", "r") as file:
        text = file.read()
    seeds = re.findall(r"Seed = (\w+)", text) + re.findall(r"MD = (\w+)", text)
    assert len(seeds) == 101
    assert fast([f"m {seed}" for seed in seeds[:20]]) == seeds[1:21]


@pytest.mark.parametrize("ask", crypto_vms.ALL)
def test_every_length_around_the_padding_gives_hashlibs_digest(ask: Ask) -> None:
    messages = [bytes(range(length % 256)) + bytes(length // 256 * 256) for length in (*range(100, 140), 239, 240, 256)]
    assert ask([line("h", message) for message in messages]) == [hashlib.sha512(m).hexdigest() for m in messages]


def test_constants_are_fractions_of_roots_of_primes() -> None:
    namespace: dict[str, bytes] = {}
    source = vms.ROOT / "firmware" / "sealbox" / "sha512_constants.py"
    exec(source.read_text(), namespace)  # noqa: S102  (our own module, which only holds constants)
    primes = [n for n in range(2, 410) if all(n % divisor for divisor in range(2, n))]
    assert len(primes) == 80
    assert namespace["INITIAL"] == b"".join(_root_fraction(prime, 2) for prime in primes[:8])
    assert namespace["ROUND"] == b"".join(_root_fraction(prime, 3) for prime in primes)


def _root_fraction(number: int, degree: int) -> bytes:
    """The first 64 bits behind the point of a root."""
    scaled = number << (64 * degree)
    low, high = 0, 1 << 80
    while high - low > 1:
        middle = (low + high) // 2
        if middle**degree <= scaled:
            low = middle
        else:
            high = middle
    return (low % (1 << 64)).to_bytes(8, "big")
