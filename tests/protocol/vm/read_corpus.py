"""Reads each input of a file and prints what came of it, in a form that is the same on every VM.

read_corpus.py FILE     a line for each input: message or item, a space, the bytes in hex
"""

import hashlib
import sys
from binascii import hexlify, unhexlify

from sealwire import errors, messages

SITE = unhexlify(sys.argv[2])


def text(value: "object") -> str:
    """A value, its maps by sorted keys."""
    if isinstance(value, dict):
        return "{" + ",".join([str(key) + ":" + text(value[key]) for key in sorted(value)]) + "}"
    if isinstance(value, list):
        return "[" + ",".join([text(item) for item in value]) + "]"
    if isinstance(value, bytes):
        return "h" + hexlify(value).decode()
    return str(value)


def outcome(kind: str, data: bytes) -> str:
    """The fields and the reference, or the reason."""
    try:
        if kind == "item":
            number, fields = messages.read_item(data)
            return text([number, fields])
        message = messages.read(data, SITE)
        return text([message.number, message.kid, message.reference, message.fields])
    except errors.SealwireError as error:
        return error.name


with open(sys.argv[1]) as file:
    for line in file:
        kind, data = line.split()
        said = outcome(kind, unhexlify(data))
        print(hexlify(hashlib.sha256(said.encode()).digest()[:8]).decode() if len(said) > 40 else said)
