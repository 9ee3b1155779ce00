"""An entry appended and flushed to the log, beside the same bytes written and flushed to a file of the same volume.

Then what many of them do to the flash, in thousandths: erases an entry, and bytes written for each byte of an entry.
"""

import gc

import flash
import timing
from sealbox.log import Log

ENTRY = bytes(range(200))
MANY = 4000
chip = flash.fresh(512)
log = Log(flash.MOUNT + "/log", bytes(32))
bare = open(flash.MOUNT + "/bare", "ab")  # noqa: SIM115 - open as long as the log is


def write():
    bare.write(ENTRY)
    bare.flush()


timing.in_turn(15, (("flush", 20, write), ("append", 20, lambda: log.append(ENTRY))))

erases, written = chip.erases, chip.written
gc.threshold(-1)
for _ in range(MANY):
    log.append(ENTRY)
print("erases", 1000 * (chip.erases - erases) / MANY)
print("amplification", 1000 * (chip.written - written) / MANY / len(ENTRY))
