"""Arithmetic modulo p = 2^255 - 19 as machine code, on limbs of 13 bits.

Importing this fails where the port has no viper emitter or another processor. Nothing is allocated, and no operation
looks at the numbers to decide anything, so that all numbers take the same time where the processor's multiplication
does.

A number is 20 limbs of 13 bits, 16 bits apart in memory, lowest first; it need not be reduced. 2^260 = 19 * 2^5 = 608
modulo p. Limbs may exceed 13 bits a little, up to MOST_LIMB, so that a sum of 20 products stays below 2^31 on the
board's 32-bit words (after Bernstein, "Curve25519", 2006, which chooses limbs by what a processor's numbers hold). A
test runs this very source and holds every intermediate value to that.

Numbers stand in registers of NUMBER_BYTES, one after the other in a bytearray. What to do with them is a program:
steps of four bytes (operation, to, from, from), which `run` works through without a call in between.
"""

import micropython
from micropython import const

NUMBER_BYTES = const(40)
REGISTERS = const(17)
"""How many registers a program may name; the last one belongs to repeated squaring."""
MOST_LIMB = const(10200)
"""What no limb exceeds."""

MULTIPLY = const(0)
SQUARE = const(1)
"""The last operand is how many times."""
ADD = const(2)
SUBTRACT = const(3)
EXCHANGE = const(4)
"""Swaps two registers where the mask is -1, leaves them where it is 0; the last operand says nothing."""

_columns = bytearray(80)


def run(registers: bytearray, program: bytes, mask: int, rounds: int) -> None:
    """Works through a program, `rounds` times; the target of a product or a square must not be one of its operands."""
    _run(registers, program, len(program), mask, rounds, _columns)


# fmt: off
@micropython.viper
def _run(registers: ptr8, program: ptr8, length: int, mask: int, rounds: int, t: ptr32):
    at = 0
    while rounds:
        operation = program[at]
        o = ptr16(int(registers) + program[at + 1] * 40)
        a = ptr16(int(registers) + program[at + 2] * 40)
        b = ptr16(int(registers) + program[at + 3] * 40)
        if operation < 2:
            target = int(o)
            times = 1
            if operation == 1:
                times = program[at + 3]
            while times:
                # Squares go to and fro between the target and the last register, so that the last one is in the target.
                o = ptr16(target)
                if times & 1 == 0:
                    o = ptr16(int(registers) + 640)
                # Column by column: first those from 2^260 on into t, then the low ones with 608 times t.
                if operation == 0:
                    c = (
                        a[1] * b[19] + a[2] * b[18] + a[3] * b[17] + a[4] * b[16] + a[5] * b[15] + a[6] * b[14]
                        + a[7] * b[13] + a[8] * b[12] + a[9] * b[11] + a[10] * b[10] + a[11] * b[9] + a[12] * b[8]
                        + a[13] * b[7] + a[14] * b[6] + a[15] * b[5] + a[16] * b[4] + a[17] * b[3] + a[18] * b[2]
                        + a[19] * b[1]
                    )
                    t[0] = c & 0x1FFF
                    c = (
                        (c >> 13) + a[2] * b[19] + a[3] * b[18] + a[4] * b[17] + a[5] * b[16] + a[6] * b[15]
                        + a[7] * b[14] + a[8] * b[13] + a[9] * b[12] + a[10] * b[11] + a[11] * b[10] + a[12] * b[9]
                        + a[13] * b[8] + a[14] * b[7] + a[15] * b[6] + a[16] * b[5] + a[17] * b[4] + a[18] * b[3]
                        + a[19] * b[2]
                    )
                    t[1] = c & 0x1FFF
                    c = (
                        (c >> 13) + a[3] * b[19] + a[4] * b[18] + a[5] * b[17] + a[6] * b[16] + a[7] * b[15]
                        + a[8] * b[14] + a[9] * b[13] + a[10] * b[12] + a[11] * b[11] + a[12] * b[10] + a[13] * b[9]
                        + a[14] * b[8] + a[15] * b[7] + a[16] * b[6] + a[17] * b[5] + a[18] * b[4] + a[19] * b[3]
                    )
                    t[2] = c & 0x1FFF
                    c = (
                        (c >> 13) + a[4] * b[19] + a[5] * b[18] + a[6] * b[17] + a[7] * b[16] + a[8] * b[15]
                        + a[9] * b[14] + a[10] * b[13] + a[11] * b[12] + a[12] * b[11] + a[13] * b[10] + a[14] * b[9]
                        + a[15] * b[8] + a[16] * b[7] + a[17] * b[6] + a[18] * b[5] + a[19] * b[4]
                    )
                    t[3] = c & 0x1FFF
                    c = (
                        (c >> 13) + a[5] * b[19] + a[6] * b[18] + a[7] * b[17] + a[8] * b[16] + a[9] * b[15]
                        + a[10] * b[14] + a[11] * b[13] + a[12] * b[12] + a[13] * b[11] + a[14] * b[10] + a[15] * b[9]
                        + a[16] * b[8] + a[17] * b[7] + a[18] * b[6] + a[19] * b[5]
                    )
                    t[4] = c & 0x1FFF
                    c = (
                        (c >> 13) + a[6] * b[19] + a[7] * b[18] + a[8] * b[17] + a[9] * b[16] + a[10] * b[15]
                        + a[11] * b[14] + a[12] * b[13] + a[13] * b[12] + a[14] * b[11] + a[15] * b[10] + a[16] * b[9]
                        + a[17] * b[8] + a[18] * b[7] + a[19] * b[6]
                    )
                    t[5] = c & 0x1FFF
                    c = (
                        (c >> 13) + a[7] * b[19] + a[8] * b[18] + a[9] * b[17] + a[10] * b[16] + a[11] * b[15]
                        + a[12] * b[14] + a[13] * b[13] + a[14] * b[12] + a[15] * b[11] + a[16] * b[10] + a[17] * b[9]
                        + a[18] * b[8] + a[19] * b[7]
                    )
                    t[6] = c & 0x1FFF
                    c = (
                        (c >> 13) + a[8] * b[19] + a[9] * b[18] + a[10] * b[17] + a[11] * b[16] + a[12] * b[15]
                        + a[13] * b[14] + a[14] * b[13] + a[15] * b[12] + a[16] * b[11] + a[17] * b[10] + a[18] * b[9]
                        + a[19] * b[8]
                    )
                    t[7] = c & 0x1FFF
                    c = (
                        (c >> 13) + a[9] * b[19] + a[10] * b[18] + a[11] * b[17] + a[12] * b[16] + a[13] * b[15]
                        + a[14] * b[14] + a[15] * b[13] + a[16] * b[12] + a[17] * b[11] + a[18] * b[10] + a[19] * b[9]
                    )
                    t[8] = c & 0x1FFF
                    c = (
                        (c >> 13) + a[10] * b[19] + a[11] * b[18] + a[12] * b[17] + a[13] * b[16] + a[14] * b[15]
                        + a[15] * b[14] + a[16] * b[13] + a[17] * b[12] + a[18] * b[11] + a[19] * b[10]
                    )
                    t[9] = c & 0x1FFF
                    c = (
                        (c >> 13) + a[11] * b[19] + a[12] * b[18] + a[13] * b[17] + a[14] * b[16] + a[15] * b[15]
                        + a[16] * b[14] + a[17] * b[13] + a[18] * b[12] + a[19] * b[11]
                    )
                    t[10] = c & 0x1FFF
                    c = (
                        (c >> 13) + a[12] * b[19] + a[13] * b[18] + a[14] * b[17] + a[15] * b[16] + a[16] * b[15]
                        + a[17] * b[14] + a[18] * b[13] + a[19] * b[12]
                    )
                    t[11] = c & 0x1FFF
                    c = (
                        (c >> 13) + a[13] * b[19] + a[14] * b[18] + a[15] * b[17] + a[16] * b[16] + a[17] * b[15]
                        + a[18] * b[14] + a[19] * b[13]
                    )
                    t[12] = c & 0x1FFF
                    c = (
                        (c >> 13) + a[14] * b[19] + a[15] * b[18] + a[16] * b[17] + a[17] * b[16] + a[18] * b[15]
                        + a[19] * b[14]
                    )
                    t[13] = c & 0x1FFF
                    c = (c >> 13) + a[15] * b[19] + a[16] * b[18] + a[17] * b[17] + a[18] * b[16] + a[19] * b[15]
                    t[14] = c & 0x1FFF
                    c = (c >> 13) + a[16] * b[19] + a[17] * b[18] + a[18] * b[17] + a[19] * b[16]
                    t[15] = c & 0x1FFF
                    c = (c >> 13) + a[17] * b[19] + a[18] * b[18] + a[19] * b[17]
                    t[16] = c & 0x1FFF
                    c = (c >> 13) + a[18] * b[19] + a[19] * b[18]
                    t[17] = c & 0x1FFF
                    c = (c >> 13) + a[19] * b[19]
                    t[18] = c & 0x1FFF
                    t[19] = c >> 13
                    c = 608 * t[0] + a[0] * b[0]
                    o[0] = c & 0x1FFF
                    c = (c >> 13) + 608 * t[1] + a[0] * b[1] + a[1] * b[0]
                    o[1] = c & 0x1FFF
                    c = (c >> 13) + 608 * t[2] + a[0] * b[2] + a[1] * b[1] + a[2] * b[0]
                    o[2] = c & 0x1FFF
                    c = (c >> 13) + 608 * t[3] + a[0] * b[3] + a[1] * b[2] + a[2] * b[1] + a[3] * b[0]
                    o[3] = c & 0x1FFF
                    c = (c >> 13) + 608 * t[4] + a[0] * b[4] + a[1] * b[3] + a[2] * b[2] + a[3] * b[1] + a[4] * b[0]
                    o[4] = c & 0x1FFF
                    c = (
                        (c >> 13) + 608 * t[5] + a[0] * b[5] + a[1] * b[4] + a[2] * b[3] + a[3] * b[2] + a[4] * b[1]
                        + a[5] * b[0]
                    )
                    o[5] = c & 0x1FFF
                    c = (
                        (c >> 13) + 608 * t[6] + a[0] * b[6] + a[1] * b[5] + a[2] * b[4] + a[3] * b[3] + a[4] * b[2]
                        + a[5] * b[1] + a[6] * b[0]
                    )
                    o[6] = c & 0x1FFF
                    c = (
                        (c >> 13) + 608 * t[7] + a[0] * b[7] + a[1] * b[6] + a[2] * b[5] + a[3] * b[4] + a[4] * b[3]
                        + a[5] * b[2] + a[6] * b[1] + a[7] * b[0]
                    )
                    o[7] = c & 0x1FFF
                    c = (
                        (c >> 13) + 608 * t[8] + a[0] * b[8] + a[1] * b[7] + a[2] * b[6] + a[3] * b[5] + a[4] * b[4]
                        + a[5] * b[3] + a[6] * b[2] + a[7] * b[1] + a[8] * b[0]
                    )
                    o[8] = c & 0x1FFF
                    c = (
                        (c >> 13) + 608 * t[9] + a[0] * b[9] + a[1] * b[8] + a[2] * b[7] + a[3] * b[6] + a[4] * b[5]
                        + a[5] * b[4] + a[6] * b[3] + a[7] * b[2] + a[8] * b[1] + a[9] * b[0]
                    )
                    o[9] = c & 0x1FFF
                    c = (
                        (c >> 13) + 608 * t[10] + a[0] * b[10] + a[1] * b[9] + a[2] * b[8] + a[3] * b[7] + a[4] * b[6]
                        + a[5] * b[5] + a[6] * b[4] + a[7] * b[3] + a[8] * b[2] + a[9] * b[1] + a[10] * b[0]
                    )
                    o[10] = c & 0x1FFF
                    c = (
                        (c >> 13) + 608 * t[11] + a[0] * b[11] + a[1] * b[10] + a[2] * b[9] + a[3] * b[8]
                        + a[4] * b[7] + a[5] * b[6] + a[6] * b[5] + a[7] * b[4] + a[8] * b[3] + a[9] * b[2]
                        + a[10] * b[1] + a[11] * b[0]
                    )
                    o[11] = c & 0x1FFF
                    c = (
                        (c >> 13) + 608 * t[12] + a[0] * b[12] + a[1] * b[11] + a[2] * b[10] + a[3] * b[9]
                        + a[4] * b[8] + a[5] * b[7] + a[6] * b[6] + a[7] * b[5] + a[8] * b[4] + a[9] * b[3]
                        + a[10] * b[2] + a[11] * b[1] + a[12] * b[0]
                    )
                    o[12] = c & 0x1FFF
                    c = (
                        (c >> 13) + 608 * t[13] + a[0] * b[13] + a[1] * b[12] + a[2] * b[11] + a[3] * b[10]
                        + a[4] * b[9] + a[5] * b[8] + a[6] * b[7] + a[7] * b[6] + a[8] * b[5] + a[9] * b[4]
                        + a[10] * b[3] + a[11] * b[2] + a[12] * b[1] + a[13] * b[0]
                    )
                    o[13] = c & 0x1FFF
                    c = (
                        (c >> 13) + 608 * t[14] + a[0] * b[14] + a[1] * b[13] + a[2] * b[12] + a[3] * b[11]
                        + a[4] * b[10] + a[5] * b[9] + a[6] * b[8] + a[7] * b[7] + a[8] * b[6] + a[9] * b[5]
                        + a[10] * b[4] + a[11] * b[3] + a[12] * b[2] + a[13] * b[1] + a[14] * b[0]
                    )
                    o[14] = c & 0x1FFF
                    c = (
                        (c >> 13) + 608 * t[15] + a[0] * b[15] + a[1] * b[14] + a[2] * b[13] + a[3] * b[12]
                        + a[4] * b[11] + a[5] * b[10] + a[6] * b[9] + a[7] * b[8] + a[8] * b[7] + a[9] * b[6]
                        + a[10] * b[5] + a[11] * b[4] + a[12] * b[3] + a[13] * b[2] + a[14] * b[1] + a[15] * b[0]
                    )
                    o[15] = c & 0x1FFF
                    c = (
                        (c >> 13) + 608 * t[16] + a[0] * b[16] + a[1] * b[15] + a[2] * b[14] + a[3] * b[13]
                        + a[4] * b[12] + a[5] * b[11] + a[6] * b[10] + a[7] * b[9] + a[8] * b[8] + a[9] * b[7]
                        + a[10] * b[6] + a[11] * b[5] + a[12] * b[4] + a[13] * b[3] + a[14] * b[2] + a[15] * b[1]
                        + a[16] * b[0]
                    )
                    o[16] = c & 0x1FFF
                    c = (
                        (c >> 13) + 608 * t[17] + a[0] * b[17] + a[1] * b[16] + a[2] * b[15] + a[3] * b[14]
                        + a[4] * b[13] + a[5] * b[12] + a[6] * b[11] + a[7] * b[10] + a[8] * b[9] + a[9] * b[8]
                        + a[10] * b[7] + a[11] * b[6] + a[12] * b[5] + a[13] * b[4] + a[14] * b[3] + a[15] * b[2]
                        + a[16] * b[1] + a[17] * b[0]
                    )
                    o[17] = c & 0x1FFF
                    c = (
                        (c >> 13) + 608 * t[18] + a[0] * b[18] + a[1] * b[17] + a[2] * b[16] + a[3] * b[15]
                        + a[4] * b[14] + a[5] * b[13] + a[6] * b[12] + a[7] * b[11] + a[8] * b[10] + a[9] * b[9]
                        + a[10] * b[8] + a[11] * b[7] + a[12] * b[6] + a[13] * b[5] + a[14] * b[4] + a[15] * b[3]
                        + a[16] * b[2] + a[17] * b[1] + a[18] * b[0]
                    )
                    o[18] = c & 0x1FFF
                    c = (
                        (c >> 13) + 608 * t[19] + a[0] * b[19] + a[1] * b[18] + a[2] * b[17] + a[3] * b[16]
                        + a[4] * b[15] + a[5] * b[14] + a[6] * b[13] + a[7] * b[12] + a[8] * b[11] + a[9] * b[10]
                        + a[10] * b[9] + a[11] * b[8] + a[12] * b[7] + a[13] * b[6] + a[14] * b[5] + a[15] * b[4]
                        + a[16] * b[3] + a[17] * b[2] + a[18] * b[1] + a[19] * b[0]
                    )
                    o[19] = c & 0x1FFF
                else:
                    c = (
                        2 * (a[1] * a[19] + a[2] * a[18] + a[3] * a[17] + a[4] * a[16] + a[5] * a[15] + a[6] * a[14]
                        + a[7] * a[13] + a[8] * a[12] + a[9] * a[11]) + a[10] * a[10]
                    )
                    t[0] = c & 0x1FFF
                    c = (
                        (c >> 13) + 2 * (a[2] * a[19] + a[3] * a[18] + a[4] * a[17] + a[5] * a[16] + a[6] * a[15]
                        + a[7] * a[14] + a[8] * a[13] + a[9] * a[12] + a[10] * a[11])
                    )
                    t[1] = c & 0x1FFF
                    c = (
                        (c >> 13) + 2 * (a[3] * a[19] + a[4] * a[18] + a[5] * a[17] + a[6] * a[16] + a[7] * a[15]
                        + a[8] * a[14] + a[9] * a[13] + a[10] * a[12]) + a[11] * a[11]
                    )
                    t[2] = c & 0x1FFF
                    c = (
                        (c >> 13) + 2 * (a[4] * a[19] + a[5] * a[18] + a[6] * a[17] + a[7] * a[16] + a[8] * a[15]
                        + a[9] * a[14] + a[10] * a[13] + a[11] * a[12])
                    )
                    t[3] = c & 0x1FFF
                    c = (
                        (c >> 13) + 2 * (a[5] * a[19] + a[6] * a[18] + a[7] * a[17] + a[8] * a[16] + a[9] * a[15]
                        + a[10] * a[14] + a[11] * a[13]) + a[12] * a[12]
                    )
                    t[4] = c & 0x1FFF
                    c = (
                        (c >> 13) + 2 * (a[6] * a[19] + a[7] * a[18] + a[8] * a[17] + a[9] * a[16] + a[10] * a[15]
                        + a[11] * a[14] + a[12] * a[13])
                    )
                    t[5] = c & 0x1FFF
                    c = (
                        (c >> 13) + 2 * (a[7] * a[19] + a[8] * a[18] + a[9] * a[17] + a[10] * a[16] + a[11] * a[15]
                        + a[12] * a[14]) + a[13] * a[13]
                    )
                    t[6] = c & 0x1FFF
                    c = (
                        (c >> 13) + 2 * (a[8] * a[19] + a[9] * a[18] + a[10] * a[17] + a[11] * a[16] + a[12] * a[15]
                        + a[13] * a[14])
                    )
                    t[7] = c & 0x1FFF
                    c = (
                        (c >> 13) + 2 * (a[9] * a[19] + a[10] * a[18] + a[11] * a[17] + a[12] * a[16] + a[13] * a[15])
                        + a[14] * a[14]
                    )
                    t[8] = c & 0x1FFF
                    c = (c >> 13) + 2 * (a[10] * a[19] + a[11] * a[18] + a[12] * a[17] + a[13] * a[16] + a[14] * a[15])
                    t[9] = c & 0x1FFF
                    c = (c >> 13) + 2 * (a[11] * a[19] + a[12] * a[18] + a[13] * a[17] + a[14] * a[16]) + a[15] * a[15]
                    t[10] = c & 0x1FFF
                    c = (c >> 13) + 2 * (a[12] * a[19] + a[13] * a[18] + a[14] * a[17] + a[15] * a[16])
                    t[11] = c & 0x1FFF
                    c = (c >> 13) + 2 * (a[13] * a[19] + a[14] * a[18] + a[15] * a[17]) + a[16] * a[16]
                    t[12] = c & 0x1FFF
                    c = (c >> 13) + 2 * (a[14] * a[19] + a[15] * a[18] + a[16] * a[17])
                    t[13] = c & 0x1FFF
                    c = (c >> 13) + 2 * (a[15] * a[19] + a[16] * a[18]) + a[17] * a[17]
                    t[14] = c & 0x1FFF
                    c = (c >> 13) + 2 * (a[16] * a[19] + a[17] * a[18])
                    t[15] = c & 0x1FFF
                    c = (c >> 13) + 2 * a[17] * a[19] + a[18] * a[18]
                    t[16] = c & 0x1FFF
                    c = (c >> 13) + 2 * a[18] * a[19]
                    t[17] = c & 0x1FFF
                    c = (c >> 13) + a[19] * a[19]
                    t[18] = c & 0x1FFF
                    t[19] = c >> 13
                    c = 608 * t[0] + a[0] * a[0]
                    o[0] = c & 0x1FFF
                    c = (c >> 13) + 608 * t[1] + 2 * a[0] * a[1]
                    o[1] = c & 0x1FFF
                    c = (c >> 13) + 608 * t[2] + 2 * a[0] * a[2] + a[1] * a[1]
                    o[2] = c & 0x1FFF
                    c = (c >> 13) + 608 * t[3] + 2 * (a[0] * a[3] + a[1] * a[2])
                    o[3] = c & 0x1FFF
                    c = (c >> 13) + 608 * t[4] + 2 * (a[0] * a[4] + a[1] * a[3]) + a[2] * a[2]
                    o[4] = c & 0x1FFF
                    c = (c >> 13) + 608 * t[5] + 2 * (a[0] * a[5] + a[1] * a[4] + a[2] * a[3])
                    o[5] = c & 0x1FFF
                    c = (c >> 13) + 608 * t[6] + 2 * (a[0] * a[6] + a[1] * a[5] + a[2] * a[4]) + a[3] * a[3]
                    o[6] = c & 0x1FFF
                    c = (c >> 13) + 608 * t[7] + 2 * (a[0] * a[7] + a[1] * a[6] + a[2] * a[5] + a[3] * a[4])
                    o[7] = c & 0x1FFF
                    c = (
                        (c >> 13) + 608 * t[8] + 2 * (a[0] * a[8] + a[1] * a[7] + a[2] * a[6] + a[3] * a[5])
                        + a[4] * a[4]
                    )
                    o[8] = c & 0x1FFF
                    c = (
                        (c >> 13) + 608 * t[9] + 2 * (a[0] * a[9] + a[1] * a[8] + a[2] * a[7] + a[3] * a[6]
                        + a[4] * a[5])
                    )
                    o[9] = c & 0x1FFF
                    c = (
                        (c >> 13) + 608 * t[10] + 2 * (a[0] * a[10] + a[1] * a[9] + a[2] * a[8] + a[3] * a[7]
                        + a[4] * a[6]) + a[5] * a[5]
                    )
                    o[10] = c & 0x1FFF
                    c = (
                        (c >> 13) + 608 * t[11] + 2 * (a[0] * a[11] + a[1] * a[10] + a[2] * a[9] + a[3] * a[8]
                        + a[4] * a[7] + a[5] * a[6])
                    )
                    o[11] = c & 0x1FFF
                    c = (
                        (c >> 13) + 608 * t[12] + 2 * (a[0] * a[12] + a[1] * a[11] + a[2] * a[10] + a[3] * a[9]
                        + a[4] * a[8] + a[5] * a[7]) + a[6] * a[6]
                    )
                    o[12] = c & 0x1FFF
                    c = (
                        (c >> 13) + 608 * t[13] + 2 * (a[0] * a[13] + a[1] * a[12] + a[2] * a[11] + a[3] * a[10]
                        + a[4] * a[9] + a[5] * a[8] + a[6] * a[7])
                    )
                    o[13] = c & 0x1FFF
                    c = (
                        (c >> 13) + 608 * t[14] + 2 * (a[0] * a[14] + a[1] * a[13] + a[2] * a[12] + a[3] * a[11]
                        + a[4] * a[10] + a[5] * a[9] + a[6] * a[8]) + a[7] * a[7]
                    )
                    o[14] = c & 0x1FFF
                    c = (
                        (c >> 13) + 608 * t[15] + 2 * (a[0] * a[15] + a[1] * a[14] + a[2] * a[13] + a[3] * a[12]
                        + a[4] * a[11] + a[5] * a[10] + a[6] * a[9] + a[7] * a[8])
                    )
                    o[15] = c & 0x1FFF
                    c = (
                        (c >> 13) + 608 * t[16] + 2 * (a[0] * a[16] + a[1] * a[15] + a[2] * a[14] + a[3] * a[13]
                        + a[4] * a[12] + a[5] * a[11] + a[6] * a[10] + a[7] * a[9]) + a[8] * a[8]
                    )
                    o[16] = c & 0x1FFF
                    c = (
                        (c >> 13) + 608 * t[17] + 2 * (a[0] * a[17] + a[1] * a[16] + a[2] * a[15] + a[3] * a[14]
                        + a[4] * a[13] + a[5] * a[12] + a[6] * a[11] + a[7] * a[10] + a[8] * a[9])
                    )
                    o[17] = c & 0x1FFF
                    c = (
                        (c >> 13) + 608 * t[18] + 2 * (a[0] * a[18] + a[1] * a[17] + a[2] * a[16] + a[3] * a[15]
                        + a[4] * a[14] + a[5] * a[13] + a[6] * a[12] + a[7] * a[11] + a[8] * a[10]) + a[9] * a[9]
                    )
                    o[18] = c & 0x1FFF
                    c = (
                        (c >> 13) + 608 * t[19] + 2 * (a[0] * a[19] + a[1] * a[18] + a[2] * a[17] + a[3] * a[16]
                        + a[4] * a[15] + a[5] * a[14] + a[6] * a[13] + a[7] * a[12] + a[8] * a[11] + a[9] * a[10])
                    )
                    o[19] = c & 0x1FFF
                # What stands above 2^260 comes back times 608; it reaches three limbs.
                c = (c >> 13) * 608 + o[0]
                o[0] = c & 0x1FFF
                c = (c >> 13) + o[1]
                o[1] = c & 0x1FFF
                o[2] = (c >> 13) + o[2]
                a = o
                times -= 1
        elif operation == 4:
            i = 0
            while i < 20:
                c = (o[i] ^ a[i]) & mask
                o[i] = o[i] ^ c
                a[i] = a[i] ^ c
                i += 1
        else:
            i = 0
            if operation == 2:
                c = 0
                while i < 20:
                    c = (c >> 13) + a[i] + b[i]
                    o[i] = c & 0x1FFF
                    i += 1
                c = c >> 13
            else:
                # 64*p = 2 * 2^260 - 1216 is added, so that the difference is positive.
                c = -1216 << 13
                while i < 20:
                    c = (c >> 13) + a[i] - b[i]
                    o[i] = c & 0x1FFF
                    i += 1
                c = (c >> 13) + 2
            o[0] = o[0] + c * 608
        at += 4
        if at == length:
            at = 0
            rounds -= 1
# fmt: on


@micropython.viper
def unpack(registers: ptr8, register: int, data: ptr8, start: int, count: int):
    """Splits `count` numbers of 32 bytes each, little-endian, from `start` into registers."""
    o = ptr16(int(registers) + register * 40)
    while count:
        i = 0
        while i < 19:
            bit = i * 13
            p = start + (bit >> 3)
            o[i] = ((data[p] | (data[p + 1] << 8) | (data[p + 2] << 16)) >> (bit & 7)) & 0x1FFF
            i += 1
        o[19] = (data[start + 30] | (data[start + 31] << 8)) >> 7
        o = ptr16(int(o) + 40)
        start += 32
        count -= 1


@micropython.viper
def pack(registers: ptr8, register: int, data: ptr8):
    """Puts a register's limbs together as 33 bytes, little-endian, not reduced modulo p."""
    a = ptr16(int(registers) + register * 40)
    held = 0
    bits = 0
    at = 0
    i = 0
    while i < 20:
        held += a[i] << bits
        bits += 13
        while bits >= 8:
            data[at] = held
            held = held >> 8
            bits -= 8
            at += 1
        i += 1
    data[at] = held


@micropython.viper
def choose(chosen: ptr8, data: ptr8, start: int, size: int, wanted: int):
    """Copies one of eight byte strings of `size` that follow each other from `start`, having read all eight alike."""
    i = 0
    while i < size:
        byte = 0
        p = start + i
        index = 0
        while index < 8:
            byte |= data[p] & ((((index ^ wanted) + 7) >> 3) - 1)
            p += size
            index += 1
        chosen[i] = byte
        i += 1
