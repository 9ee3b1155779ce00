"""The machine code's arithmetic on words of 32 bits, which the board has, and of 64, which the tests' VM has.

Its very source runs on a model of both; see viper_model.py.
"""

import ast
import hashlib
import random
import types
from collections.abc import Callable
from typing import Any

import pytest

from firmware.make_base_table import D, P, add, base, entries
from tests import vms
from tests.firmware.viper_model import Bounded, Machine, OutOfRangeError, viper_functions

SEALBOX = vms.ROOT / "firmware" / "sealbox"
LIMBS = 20
NUMBER = 2 * LIMBS


def _module(name: str, **known: Any) -> types.SimpleNamespace:
    """A module's constants and plain functions; `known` stands for its imports and viper functions."""
    tree = ast.parse((SEALBOX / f"{name}.py").read_text())
    tree.body = [
        node
        for node in tree.body
        if not isinstance(node, (ast.Import, ast.ImportFrom)) and not getattr(node, "decorator_list", None)
    ]
    namespace: dict[str, Any] = {"const": int, **known}
    exec(compile(tree, name, "exec"), namespace)  # noqa: S102  (our own source)
    return types.SimpleNamespace(**namespace)


FIELD = _module("ed25519_field")
MOST = FIELD.MOST_LIMB


def _value(limbs: bytes | bytearray) -> int:
    return sum(int.from_bytes(limbs[2 * i : 2 * i + 2], "little") << 13 * i for i in range(LIMBS))


def _limbs(kind: str, rng: random.Random) -> bytes:
    """Limbs as operations may leave them behind: the extremes, and anything between."""
    values = {
        "all largest": [MOST] * LIMBS,
        "all 13 bits": [0x1FFF] * LIMBS,
        "zero": [0] * LIMBS,
        "one large": [MOST if i == rng.randrange(LIMBS) else 0 for i in range(LIMBS)],
        "random": [rng.randint(0, MOST) for _ in range(LIMBS)],
        "mixed": [rng.choice((0, MOST)) for _ in range(LIMBS)],
    }[kind]
    return b"".join(value.to_bytes(2, "little") for value in values)


KINDS = ("all largest", "all 13 bits", "zero", "one large", "random", "mixed")
OPERATIONS: dict[str, Callable[[int, int], int]] = {
    "MULTIPLY": lambda a, b: a * b,
    "SQUARE": lambda a, b: a * a,
    "ADD": lambda a, b: a + b,
    "SUBTRACT": lambda a, b: a - b,
}


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("bits", [32, 64])
def test_no_operation_overflows_or_leaves_a_limb_too_large(operation: str, bits: int) -> None:
    rng = random.Random(operation)
    run = viper_functions(SEALBOX / "ed25519_field.py", Bounded(bits, MOST))["_run"]
    for first in KINDS:
        for second in KINDS * 2:
            a, b = _limbs(first, rng), _limbs(second, rng)
            registers = bytearray(bytes(NUMBER) + a + b + bytes(NUMBER * (FIELD.REGISTERS - 3)))
            program = bytes((getattr(FIELD, operation), 0, 1, 1 if operation == "SQUARE" else 2))
            run(registers, program, len(program), 0, 1, bytearray(80))
            assert _value(registers[:NUMBER]) % P == OPERATIONS[operation](_value(a), _value(b)) % P
            assert registers[NUMBER : 3 * NUMBER] == a + b


def test_a_sum_of_products_of_larger_limbs_would_overflow_the_boards_words() -> None:
    run = viper_functions(SEALBOX / "ed25519_field.py", Bounded(32, MOST))["_run"]
    large = (MOST + 300).to_bytes(2, "little") * LIMBS
    registers = bytearray(bytes(NUMBER) + large + bytes(NUMBER * (FIELD.REGISTERS - 2)))
    with pytest.raises(OutOfRangeError, match="does not fit 32 bits"):
        run(registers, bytes((FIELD.MULTIPLY, 0, 1, 1)), 4, 0, 1, bytearray(80))


@pytest.mark.parametrize("times", [1, 2, 3, 10])
def test_repeated_squares_end_in_their_target(times: int) -> None:
    run = viper_functions(SEALBOX / "ed25519_field.py", Bounded(32, MOST))["_run"]
    a = _limbs("random", random.Random(times))
    registers = bytearray(bytes(NUMBER) + a + bytes(NUMBER * (FIELD.REGISTERS - 2)))
    run(registers, bytes((FIELD.SQUARE, 0, 1, times)), 4, 0, 1, bytearray(80))
    assert _value(registers[:NUMBER]) % P == pow(_value(a), 2**times, P)


def _curve(machine: Machine) -> types.SimpleNamespace:
    """The engine's Python on top of the model's machine code."""
    field = viper_functions(SEALBOX / "ed25519_field.py", machine)
    known = {name: value for name, value in vars(FIELD).items() if name.isupper()}

    def run(registers: bytearray, program: bytes, mask: int, rounds: int) -> None:
        field["_run"](registers, program, len(program), mask, rounds, bytearray(80))

    known["run"] = run
    for name in ("pack", "unpack", "choose"):
        known[name] = field[name]
    engine = _module("ed25519_limbs", **known)
    digits = viper_functions(SEALBOX / "ed25519_limbs.py", machine)["_digits"]

    def both(scalar: bytes, width: int) -> bytearray:
        found = bytearray(256)
        digits(scalar, width, found)
        return found

    engine.digits = both
    return engine


def _affine(engine: types.SimpleNamespace, point: bytearray) -> tuple[int, int]:
    x, y, z = engine.coordinates(point)
    inverse = pow(z, -1, P)
    return x * inverse % P, y * inverse % P


@pytest.mark.parametrize("bits", [32, 64])
def test_points_are_doubled_and_added_within_the_words(bits: int) -> None:
    engine = _curve(Bounded(bits, MOST))
    table = b"".join(entries()[:8])
    multiples = [base()]
    for _ in range(40):
        multiples.append(add(multiples[-1], base()))
    point = engine.load(*base())
    engine.double(point, 3)
    assert _affine(engine, point) == multiples[7]
    engine.add(point, table, 2, False)
    assert _affine(engine, point) == multiples[12]
    engine.add(point, table, 4, True)
    assert _affine(engine, point) == multiples[3]
    engine.add_point(point, engine.prepare(engine.copy(point)))
    assert _affine(engine, point) == multiples[7]
    expected = 8
    for digit in (15, 0, 8, 7, 9):
        engine.add_secret(point, table, 0, digit)
        expected += 2 * digit - 15
        x, y = multiples[abs(expected) - 1]
        assert _affine(engine, point) == (x if expected > 0 else P - x, y)
    engine.add(point, table, 0, True)
    high, low = engine.power(D)
    assert (high, low) == (pow(D, 2**250 - 1, P), pow(D, 11, P))


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("width", [3, 5])
def test_digits_make_up_the_scalar_again(bits: int, width: int) -> None:
    engine = _curve(Bounded(bits, MOST))
    rng = random.Random(width)
    for number in (0, 1, 2**252, 2**253 - 1, 2**255 - 1 - 2**250, rng.getrandbits(253), rng.getrandbits(253)):
        found = [digit - 256 if digit > 127 else digit for digit in engine.digits(number.to_bytes(32, "little"), width)]
        assert sum(digit << at for at, digit in enumerate(found)) == number
        assert all(digit == 0 or (digit % 2 and abs(digit) < 1 << (width - 1)) for digit in found)


@pytest.mark.parametrize("bits", [32, 64])
def test_sha512_is_the_same_with_both_word_sizes(bits: int) -> None:
    compress = viper_functions(SEALBOX / "sha512_viper.py", Machine(bits))["_compress"]
    constants = _module("sha512_constants")
    rng = random.Random(bits)
    for message in (bytes(111), b"\xff" * 111, *(rng.randbytes(111) for _ in range(6))):
        state = bytearray(constants.INITIAL)
        compress(state, message + b"\x80" + (111 * 8).to_bytes(16, "big"), 0, constants.ROUND, bytearray(128))
        assert state == hashlib.sha512(message).digest()
