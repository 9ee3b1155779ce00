"""Runs on the VMs: does what the lines of a file say with the firmware's SHA-512 and Ed25519, and prints one answer a
line.

    crypto.py FILE [ints] [plain]

Words of a line are hex, `-` for nothing. h DATA: its SHA-512. m SEED: the last digest of 1,000 rounds of the Monte
Carlo test (NIST SHAVS section 6.4). p SECRET: its public key. s SECRET MESSAGE: the signature. r KEY: remember it. v
KEY MESSAGE SIGNATURE: 1 or 0. `ints` and `plain` take the slow engine and the slow compression although the port has
the fast ones. The first line printed names what is in use.
"""

import sys
from binascii import hexlify, unhexlify

import sealbox.sha512 as sha512_module
from sealbox import ed25519
from sealbox.sha512 import sha512


def monte_carlo(seed):
    window = [seed, seed, seed]
    for _ in range(1000):
        window = [window[1], window[2], sha512(window[0] + window[1] + window[2])]
    return window[2]


def answer(words):
    what = words[0]
    args = [b"" if word == "-" else unhexlify(word) for word in words[1:]]
    if what == "v":
        return "1" if ed25519.verify(args[0], args[1], args[2]) is True else "0"
    if what == "r":
        return "1" if ed25519.remember(args[0]) else "0"
    functions = {"h": sha512, "m": monte_carlo, "p": ed25519.public_key, "s": ed25519.sign}
    return hexlify(functions[what](*args)).decode()


def main():
    if "ints" in sys.argv[2:]:
        from sealbox import ed25519_ints

        ed25519.engine = ed25519_ints
    if "plain" in sys.argv[2:]:
        from sealbox.sha512_plain import compress

        sha512_module.compress = compress
    plain = "sealbox.sha512_plain" in sys.modules
    print(ed25519.engine.__name__, "sealbox.sha512_plain" if plain else "sealbox.sha512_viper")
    with open(sys.argv[1]) as lines:
        for line in lines:
            print(answer(line.split()))


main()
