"""Reads the largest roster with all of sealwire in memory; prints how many bytes of heap each step left in use.

read_largest.py FILE SITE     FILE holds the message
"""

import gc
import sys
from binascii import unhexlify

from sealwire import cbor, chain, cose, errors, frames, messages, roster, rules, topics

ALL = (cbor, chain, cose, errors, frames, messages, roster, rules, topics)


def used(what: str) -> None:
    gc.collect()
    print(what, gc.mem_alloc(), gc.mem_free())


used("modules")
with open(sys.argv[1], "rb") as file:
    raw = file.read()
used("bytes")
message = messages.read(raw, unhexlify(sys.argv[2]), (messages.ROSTER,), True)
used("read")
roster.check_roster(message.fields)
used("checked")
print("people", len(message["people"]))
