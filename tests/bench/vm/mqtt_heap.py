"""What importing the box's MQTT client takes, with all that it imports; the name pools' growth included."""

import gc

gc.collect()
before = gc.mem_alloc()
from sealbox import mqtt  # noqa: E402, F401

gc.collect()
print("heap", gc.mem_alloc() - before)
