"""The firmware, saying of each kind of step that nothing interrupts when one took longer than ever: `step NAME US`."""

import gc
import time

from sealbox import ed25519
from sealbox.box import Box
from sealbox.gate import Gate
from sealbox.journal import Journal
from sealbox.log import Log
from sealwire import messages

longest = {}


def timed(name, work):
    def run(*args):
        began = time.ticks_us()
        try:
            return work(*args)
        finally:
            spent = time.ticks_diff(time.ticks_us(), began)
            if spent > longest.get(name, 0):
                longest[name] = spent
                print("step %s %d" % (name, spent))

    return run


ed25519.verify = timed("signature", ed25519.verify)
Log.append = timed("log", Log.append)
Journal.history = timed("history", Journal.history)
Gate.read = timed("grant", Gate.read)
Box.poll = timed("look", Box.poll)
messages.read = timed("read", messages.read)
drop_stale, collect = Gate.drop_stale, timed("collection", gc.collect)


def collecting(gate):
    """`main` calls this every second, with nothing else running."""
    drop_stale(gate)
    collect()


Gate.drop_stale = collecting

import main  # noqa: E402, F401 - importing it is running it
