"""Ed25519 on the real VMs: vectors of RFC 8032 and Wycheproof, and agreement with `cryptography` behind strict.

SEALBOX_ED25519_CASES=10000 sets how many random and bent signatures are compared; the default keeps a run short.
"""

import hashlib
import json
import os
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cryptography_vectors
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from sealwire.strict import L, P, strict

from firmware.make_base_table import D, add, base
from tests import vms
from tests.firmware import crypto_vms
from tests.firmware.crypto_vms import Ask, fast, line, slow, slow_32_bit

CASES = int(os.environ.get("SEALBOX_ED25519_CASES", "400"))
WYCHEPROOF = vms.ROOT.parent / "shared" / "vectors" / "wycheproof" / "testvectors_v1" / "ed25519_test.json"

Point = tuple[int, int]


@dataclass(frozen=True)
class Case:
    """One signature to verify; `name` says how it was made."""

    name: str
    key: bytes
    message: bytes
    signature: bytes

    def question(self) -> str:
        return line("v", self.key, self.message, self.signature)

    def expected(self) -> bool:
        """What cryptography says of what strict lets through."""
        if not strict(self.key, self.signature):
            return False
        try:
            Ed25519PublicKey.from_public_bytes(self.key).verify(self.signature, self.message)
        except (InvalidSignature, ValueError):
            return False
        return True


def rfc_vectors() -> list[tuple[bytes, bytes, bytes, bytes]]:
    """Secret, public key, message, signature of the file that RFC 8032 section 7.1 takes its vectors from."""
    with cryptography_vectors.open_vector_file("asymmetric/Ed25519/sign.input", "r") as file:
        rows = [[bytes.fromhex(field) for field in row.split(":")[:4]] for row in file.read().split()]
    return [(secret[:32], public, message, signed[:64]) for secret, public, message, signed in rows]


def encode(point: Point) -> bytes:
    return (point[1] | (point[0] & 1) << 255).to_bytes(32, "little")


def multiple(number: int, point: Point) -> Point:
    total = (0, 1)
    while number:
        if number & 1:
            total = add(total, point)
        point = add(point, point)
        number >>= 1
    return total


def torsion() -> list[Point]:
    """The eight points whose order divides the cofactor: L times a point of full order, and its multiples."""
    for y in range(2, 100):
        square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
        x = pow(square, (P + 3) // 8, P)
        if x * x % P != square:
            x = x * pow(2, (P - 1) // 4, P) % P
        if x * x % P != square:
            continue
        generator = multiple(L, (x, y))
        found = [multiple(number, generator) for number in range(8)]
        if len(set(found)) == 8:
            return found
    raise AssertionError("no point of order 8 found")


TORSION = torsion()


def scalar_of(secret: bytes) -> int:
    number = int.from_bytes(hashlib.sha512(secret).digest()[:32], "little")
    return number & (1 << 254) - 8 | 1 << 254


def challenge(*parts: bytes) -> int:
    return int.from_bytes(hashlib.sha512(b"".join(parts)).digest(), "little") % L


def signed_by_hand(scalar: int, nonce: int, key: bytes, commitment: bytes, message: bytes) -> bytes:
    k = challenge(commitment, key, message)
    return commitment + ((nonce + k * scalar) % L).to_bytes(32, "little")


def random_cases(count: int, seed: int) -> Iterator[Case]:
    """Good signatures, and each of them spoilt in one way or bent in one that libraries disagree on."""
    rng = random.Random(seed)
    for number in range(count):
        secret, message = rng.randbytes(32), rng.randbytes(rng.choice((0, 1, 31, 63, 64, 100, 200, 512)))
        private = Ed25519PrivateKey.from_private_bytes(secret)
        key, signature = private.public_key().public_bytes_raw(), private.sign(message)
        yield bent(BENDS[number % len(BENDS)], rng, secret, Case("good", key, message, signature))


BENDS = (
    *(
        "good",
        "message",
        "bit of R",
        "bit of S",
        "bit of A",
        "other key",
        "S + L",
        "S = L - 1",
        "S = 0",
        "random A",
        "random R",
    ),
    *(
        "R + torsion",
        "A + torsion",
        "A + torsion, R + torsion",
        "torsion A",
        "torsion R",
        "not canonical A",
        "not canonical R",
    ),
    *("short", "long", "negative zero R", "negative S"),
)


def bent(bend: str, rng: random.Random, secret: bytes, case: Case) -> Case:
    key, message, r, s = case.key, case.message, case.signature[:32], case.signature[32:]
    number, scalar, nonce = int.from_bytes(s, "little"), scalar_of(secret), rng.randrange(1, L)
    low = rng.choice(TORSION)
    flip = bytearray(32)
    flip[rng.randrange(32)] = 1 << rng.randrange(8)
    flipped = {"bit of R": r, "bit of S": s, "bit of A": key}.get(bend, b"")
    flipped = bytes(a ^ b for a, b in zip(flipped, flip, strict=False))
    not_canonical = (P + rng.randrange(19)).to_bytes(32, "little")
    if bend == "message":
        message += b"\0"
    elif bend == "bit of R":
        r = flipped
    elif bend == "bit of S":
        s = flipped
    elif bend == "bit of A":
        key = flipped
    elif bend == "other key":
        key = Ed25519PrivateKey.from_private_bytes(rng.randbytes(32)).public_key().public_bytes_raw()
    elif bend in ("S + L", "S = L - 1", "S = 0", "negative S"):
        number = {"S + L": number + L, "S = L - 1": L - 1, "S = 0": 0, "negative S": L - number}[bend]
        s = number.to_bytes(32, "little")
    elif bend == "random A":
        key = rng.randbytes(32)
    elif bend == "random R":
        r = rng.randbytes(32)
    elif bend in ("R + torsion", "A + torsion", "A + torsion, R + torsion"):
        commitment, point = multiple(nonce, base()), multiple(scalar, base())
        if "R" in bend:
            commitment = add(commitment, low)
        if "A" in bend:
            point = add(point, low)
        key = encode(point)
        signature = signed_by_hand(scalar, nonce, key, encode(commitment), message)
        r, s = signature[:32], signature[32:]
    elif bend == "torsion A":
        key, r = encode(low), encode(multiple(nonce, base()))
        s = nonce.to_bytes(32, "little")
    elif bend == "torsion R":
        signature = signed_by_hand(scalar, 0, key, encode(low), message)
        r, s = signature[:32], signature[32:]
    elif bend == "not canonical A":
        key = not_canonical
    elif bend == "not canonical R":
        r = not_canonical
    elif bend == "negative zero R":
        r = (rng.choice((1, P - 1)) | 1 << 255).to_bytes(32, "little")
    elif bend == "short":
        s = s[:31]
    elif bend == "long":
        s += b"\0"
    return Case(bend, key, message, r + s)


def assert_agreement(ask: Ask, cases: list[Case]) -> None:
    """The VM's answers are the oracle's, for each case once unknown, and once more after `remember`."""
    answers = ask([case.question() for case in cases])
    differ = [case for case, answer in zip(cases, answers, strict=True) if answer != str(int(case.expected()))]
    assert not differ, f"{len(differ)} differ, the first: {differ[0]}"
    remembered: list[str] = []
    for case in cases:
        remembered += [line("r", case.key), case.question()]
    assert ask(remembered)[1::2] == answers


@pytest.mark.parametrize(("ask", "step"), [(fast, 4), (slow, 32), (slow_32_bit, 64)])
def test_keys_and_signatures_are_rfc_8032s(ask: Ask, step: int) -> None:
    vectors = rfc_vectors()
    chosen = vectors[:5] + vectors[5::step]
    questions, expected = [], []
    for secret, public, message, signature in chosen:
        questions += [line("p", secret), line("s", secret, message), line("v", public, message, signature)]
        expected += [public.hex(), signature.hex(), "1"]
    assert ask(questions) == expected


@pytest.mark.parametrize("ask", crypto_vms.ALL)
def test_wycheproofs_verdicts_hold(ask: Ask) -> None:
    if not WYCHEPROOF.exists():
        pytest.skip("no Wycheproof vectors beside the repository")
    cases, verdicts = [], []
    for group in json.loads(WYCHEPROOF.read_text())["testGroups"]:
        key = bytes.fromhex(group["publicKey"]["pk"])
        for test in group["tests"]:
            cases.append(Case(f"tcId {test['tcId']}", key, bytes.fromhex(test["msg"]), bytes.fromhex(test["sig"])))
            verdicts.append(str(int(test["result"] == "valid")))
    assert ask([case.question() for case in cases]) == verdicts
    assert_agreement(ask, cases)


@pytest.mark.parametrize(("ask", "share"), [(fast, 1), (slow, 4), (slow_32_bit, 8)])
def test_random_and_bent_signatures_get_the_answer_of_cryptography_behind_strict(ask: Ask, share: int) -> None:
    cases = list(random_cases(max(CASES // share, len(BENDS)), seed=share))
    assert {case.name for case in cases} == set(BENDS)
    assert_agreement(ask, cases)


def test_keys_with_a_low_order_part_are_judged_without_the_cofactor() -> None:
    rng = random.Random(8)
    cases = []
    for _ in range(40):
        secret = rng.randbytes(32)
        cases.append(bent("A + torsion", rng, secret, Case("good", bytes(32), rng.randbytes(8), bytes(64))))
    verdicts = {case.expected() for case in cases}
    assert verdicts == {True, False}, "the cases do not tell the two equations apart"
    assert fast([case.question() for case in cases]) == [str(int(case.expected())) for case in cases]


@pytest.mark.parametrize("ask", [fast, slow])
def test_own_signatures_of_scalars_at_the_edges_hold_elsewhere(ask: Ask) -> None:
    secrets = [bytes(32), b"\xff" * 32, *(hashlib.sha256(bytes([n])).digest() for n in range(20))]
    private = [Ed25519PrivateKey.from_private_bytes(secret) for secret in secrets]
    expected = [key.sign(b"seal").hex() for key in private]
    assert ask([line("s", secret, b"seal") for secret in secrets]) == expected


@pytest.mark.parametrize("run", [vms.run_unix, vms.run_wasm])
def test_any_buffer_will_do(tmp_path: Path, run: Callable[..., vms.Outcome]) -> None:
    script = tmp_path / "buffers.py"
    script.write_text(
        "from sealbox import ed25519\n"
        "secret, message = bytes(range(32)), bytes(300)\n"
        "signature = ed25519.sign(secret, message)\n"
        "for kind in (bytes, bytearray, memoryview):\n"
        "    key = ed25519.public_key(kind(secret))\n"
        "    print(ed25519.sign(kind(secret), kind(message)) == signature)\n"
        "    for _ in range(2):\n"
        "        print(ed25519.verify(kind(key), kind(message), kind(signature)))\n"
        "        print(ed25519.remember(kind(key)))\n"
        "    del ed25519._remembered[:]\n"
    )
    assert run(script).checked().split() == ["True"] * 15


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_secret_keys_of_another_length_are_refused(length: int) -> None:
    with pytest.raises(vms.VmFailedError, match="ValueError: an Ed25519 secret key has 32 bytes"):
        fast([line("s", bytes(length), b"seal")])


@pytest.mark.parametrize("ask", [fast, slow])
def test_what_cannot_be_a_key_is_not_remembered(ask: Ask) -> None:
    refused = [encode(point) for point in TORSION] + [P.to_bytes(32, "little"), bytes(31), b"", b"\xff" * 32]
    assert ask([line("r", key) for key in refused]) == ["0"] * len(refused)


@pytest.mark.parametrize("ask", [fast, slow])
def test_only_keys_on_the_curve_are_remembered(ask: Ask) -> None:
    numbers = range(2, 60)
    squares = [(y * y - 1) * pow(D * y * y + 1, -1, P) % P for y in numbers]
    on_curve = [str(int(pow(square, (P - 1) // 2, P) == 1)) for square in squares]
    assert {"0", "1"} == set(on_curve)
    assert ask([line("r", y.to_bytes(32, "little")) for y in numbers]) == on_curve


def test_more_keys_than_are_remembered_still_verify() -> None:
    cases = [case for case in random_cases(400, seed=5) if case.name == "good"][:12]
    questions = [line("r", case.key) for case in cases]
    for case in (*cases, *reversed(cases)):
        questions += [case.question(), line("v", case.key, b"another", case.signature)]
    assert fast(questions) == ["1"] * len(cases) + ["1", "0"] * 2 * len(cases)
