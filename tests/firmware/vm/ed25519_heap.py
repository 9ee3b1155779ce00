"""Runs on the VM: prints the bytes of heap that importing ed25519 takes, and then with all keys that it remembers."""

import gc

import sealwire.strict  # noqa: F401  (the wire code's share)

gc.collect()
before = gc.mem_alloc()
from sealbox import ed25519  # noqa: E402

gc.collect()
print(gc.mem_alloc() - before)
for number in range(ed25519.REMEMBERED_KEYS):
    ed25519.remember(ed25519.public_key(bytes([number]) * 32))
gc.collect()
print(gc.mem_alloc() - before)
