"""Writes firmware/sealbox/ed25519_base.py: the multiples of Ed25519's base point that the firmware starts from.

    python firmware/make_base_table.py            writes the module
    python firmware/make_base_table.py --check    exit status 1 if the module differs from what would be written

Worked out with the curve's affine addition law (RFC 8032 section 5.1): nothing is shared with the code it serves.
"""

import argparse
import sys
from pathlib import Path

MODULE = Path(__file__).resolve().parent / "sealbox" / "ed25519_base.py"
P = 2**255 - 19
D = -121665 * pow(121666, -1, P) % P
BASE_Y = 4 * pow(5, -1, P) % P

HEADER = '''"""Multiples of Ed25519's base point B; written by firmware/make_base_table.py.

64 entries of 96 bytes: entry 8*i + j is the point x, y = (2*j + 1) * 2^(32*i) * B as y+x, y-x, 2*d*x*y modulo p, each
32 bytes, little-endian.
"""

# fmt: off
TABLE = (
'''

Point = tuple[int, int]


def base() -> Point:
    """B: y = 4/5, and the x that is even (p = 5 modulo 8: a root is a^((p+3)/8), or that times a root of -1)."""
    square = (BASE_Y * BASE_Y - 1) * pow(D * BASE_Y * BASE_Y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * pow(2, (P - 1) // 4, P) % P
    return (x if x % 2 == 0 else P - x), BASE_Y


def add(a: Point, b: Point) -> Point:
    product = D * a[0] * b[0] * a[1] * b[1] % P
    x = (a[0] * b[1] + b[0] * a[1]) * pow(1 + product, -1, P)
    y = (a[1] * b[1] + a[0] * b[0]) * pow(1 - product, -1, P)
    return x % P, y % P


def entry(point: Point) -> bytes:
    x, y = point
    return b"".join((number % P).to_bytes(32, "little") for number in (y + x, y - x, 2 * D * x * y))


def entries() -> list[bytes]:
    found = []
    step = base()
    for _ in range(8):
        multiple, twice = step, add(step, step)
        for _ in range(8):
            found.append(entry(multiple))
            multiple = add(multiple, twice)
        for _ in range(32):
            step = add(step, step)
    return found


def module() -> str:
    lines = []
    for data in entries():
        for start in range(0, 96, 32):
            lines.append('    b"' + "".join(f"\\x{byte:02x}" for byte in data[start : start + 32]) + '"\n')
    return HEADER + "".join(lines) + ")\n"


def main() -> int:
    parser = argparse.ArgumentParser(description="Writes the table of the base point's multiples.")
    parser.add_argument("--check", action="store_true", help="write nothing, compare")
    if not parser.parse_args().check:
        MODULE.write_text(module())
    elif MODULE.read_text() != module():
        print(f"{MODULE.name} is not what make_base_table.py writes: run it", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
