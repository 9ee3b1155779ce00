"""Prints what importing the MQTT link takes of the heap, asyncio included, and then what one link takes, in bytes."""

import gc

gc.collect()
before = gc.mem_alloc()
from sealbox import link  # noqa: E402

gc.collect()
imported = gc.mem_alloc()
made = link.MqttLink("127.0.0.1", 1, bytes(16), bytes(16), print)
gc.collect()
print(imported - before, gc.mem_alloc() - imported)
