"""An entry appended and flushed to the log, beside the same bytes written and flushed to a file of the same volume."""

import flash
import timing
from sealbox.log import Log

ENTRY = bytes(range(200))
chip = flash.fresh(512)
log = Log(flash.MOUNT + "/log", bytes(32))
bare = open(flash.MOUNT + "/bare", "ab")  # noqa: SIM115 - open as long as the log is


def write():
    bare.write(ENTRY)
    bare.flush()


timing.in_turn(15, (("flush", 20, write), ("append", 20, lambda: log.append(ENTRY))))
