"""Runs on the VM with a rewritten sealbox in which `counting.times` multiplies; prints what each operation costs.

One line each: its name, multiplications in the big-integer engine, in the machine code's programs, and outside of both.
"""

import counting
from sealbox import ed25519, ed25519_field, ed25519_ints, ed25519_limbs

PROGRAMS = [0]
run = ed25519_limbs.run


def counting_run(registers, program, mask, rounds):
    for at in range(0, len(program), 4):
        if program[at] == ed25519_field.MULTIPLY:
            PROGRAMS[0] += rounds
        elif program[at] == ed25519_field.SQUARE:
            PROGRAMS[0] += program[at + 3] * rounds
    run(registers, program, mask, rounds)


def measure(name, function):
    counting.counts["ed25519"] = counting.counts["ed25519_ints"] = 0
    ed25519.engine = ed25519_ints
    function()
    in_ints, outside = counting.counts["ed25519_ints"], counting.counts["ed25519"]
    PROGRAMS[0] = 0
    ed25519.engine = ed25519_limbs
    function()
    print(name, in_ints, PROGRAMS[0], outside)


def measure_all(secret, message):
    key = ed25519.public_key(secret)
    signature = ed25519.sign(secret, message)
    measure("sign", lambda: ed25519.sign(secret, message))
    measure("unknown", lambda: ed25519.verify(key, message, signature))
    ed25519.remember(key)
    measure("known", lambda: ed25519.verify(key, message, signature))


def main():
    ed25519_limbs.run = counting_run
    for number in range(8):
        measure_all(bytes([number]) * 32, bytes([number]) * 200)


main()
