"""The log when power fails. Argument: the name of a function here, which passes if it returns.

One use of the log is recorded as the chip sees it. Then, for every write and erase of it and every way in which that
one may end, the chip is put into the state it would be left in, mounted, and looked at as the next boot would.
"""

import gc
import os
import random
import sys

import flash
from flash import DROPPED, GARBAGE, TORN, Flash
from log_tools import FOLDER, GENESIS, Small, body, heads, rebooted
from sealbox.log import LogCorrupt

HEADS = heads(400)


class ViolationError(Exception):
    """A log that isn't what the guarantees say."""


def check(log, least, most, first):
    """Raise ViolationError unless the log holds just the entries from `first` or earlier to one of least..most."""
    if not least <= log.seq <= most:
        raise ViolationError("%d entries, not %d to %d" % (log.seq, least, most))
    if log.first > first:
        raise ViolationError("starts at %d" % log.first)
    if log.head != HEADS[log.seq]:
        raise ViolationError("head")
    expected = log.first
    for seq, entry in log.entries(0):
        if seq != expected or entry != body(seq):
            raise ViolationError("entry %d" % seq)
        expected += 1
    if expected != log.seq + 1:
        raise ViolationError("entries end at %d" % expected)
    if list(log.find(b"not there", 0)):
        raise ViolationError("find")


def go_on(log, count):
    """Append the next entries, batched or not."""
    for number in range(count):
        log.append(body(log.seq + 1), flush=number % 2 == 0)
    log.flush()


class Recording:
    """A chip with a log, and what was done to both: `calls` has, for each call of the log, the number of writes and
    erases after it, what was durable before it, what is in the log after it, and where the log starts then.
    """

    def __init__(self, kind, blocks, size):
        self.kind = kind
        self.chip = flash.fresh(blocks, size)
        self.before = bytes(self.chip.image)
        self.trace = self.chip.trace = []
        self.calls = []
        self.log = kind(FOLDER, GENESIS)
        self.called(0)

    def called(self, durable):
        self.calls.append((len(self.trace), durable, self.log.seq, self.log.first))

    def append(self, count, flush=True):
        for _ in range(count):
            durable = self.log.durable
            self.log.append(body(self.log.seq + 1), flush=flush)
            self.called(durable)

    def flush(self):
        durable = self.log.durable
        self.log.flush()
        self.called(durable)

    def prune(self, upto):
        self.log.prune(upto)
        self.called(self.log.durable)

    def reboot(self):
        self.chip, self.log = rebooted(self.chip, self.kind)
        self.chip.trace = self.trace
        self.called(self.log.seq)

    def cuts(self, stride):
        """Yield (cut, chip, least, most, first): how it was cut, and what check() takes."""
        image = Flash(self.chip.blocks, self.chip.size, bytearray(self.before))
        calls = iter(self.calls)
        end, least, most, first = next(calls)
        for number, operation in enumerate(self.trace):
            while number >= end:
                end, least, most, first = next(calls)
            for how in (DROPPED, TORN, GARBAGE) if number % stride == 0 else ():
                left = Flash(image.blocks, image.size, bytearray(image.image))
                left.damage(*operation, how)
                yield (number, how), left, least, most, first
            image.apply(*operation)


def use(kind, blocks, size):
    """Appends, batches, segments begun, reboots, prunings, entries of every length: all that a log goes through."""
    recording = Recording(kind, blocks, size)
    recording.append(3)
    recording.append(2, flush=False)
    recording.flush()
    recording.append(4, flush=False)
    recording.append(6)
    recording.reboot()
    recording.append(5)
    recording.prune(7)
    recording.append(1, flush=False)
    recording.prune(20)
    recording.append(17)
    recording.append(9, flush=False)
    recording.reboot()
    recording.append(12)
    recording.prune(40)
    recording.append(20)
    return recording


def survives(recording, stride=1):
    """Check the log after every cut, then that it goes on. Returns the number of cuts."""
    count = 0
    for cut, chip, least, most, first in recording.cuts(stride):
        try:
            flash.mount(chip)
            log = Small(FOLDER, GENESIS)
            check(log, least, most, first)
            seq = log.seq
            go_on(log, 5)
            _, log = rebooted(chip)
            check(log, seq + 5, seq + 5, first)
        except Exception as error:
            print("cut", cut)
            raise error
        count += 1
        if count % 64 == 0:
            gc.collect()
    print(count, "cuts,", len(recording.trace), "writes and erases")
    return count


def test_every_cut_of_a_use_leaves_a_prefix_with_all_that_was_acknowledged():
    assert survives(use(Small, 192, 512)) > 1200


def test_cuts_on_blocks_as_large_as_the_boards():
    assert survives(use(Small, 32, 4096), stride=3) > 500


class NeverFlushes(Small):
    """Says durable when littlefs has only buffered it."""

    def _open_for_append(self):
        return Unflushed(super()._open_for_append())


class Unflushed:
    def __init__(self, file):
        self.write = file.write
        self.close = file.close

    def flush(self):
        pass


class PrunesNewestFirst(Small):
    """Leaves a gap when it is cut."""

    def prune(self, upto):
        last = self.prunable(upto)
        for number in range(last // self.SPAN, self.first // self.SPAN, -1):
            os.remove(self._path(number - 1))
        self.first = last + 1
        return self.first


class ForgetsBatches(Small):
    """Says durable what was never written, until an entry comes that is."""

    def flush(self):
        self.durable = self.seq


def test_planted_bugs_are_found():
    for kind in (NeverFlushes, PrunesNewestFirst, ForgetsBatches):
        try:
            survives(use(kind, 192, 512))
        except (ViolationError, LogCorrupt, ValueError) as error:  # the last: a batch that is never written overflows
            print(kind.__name__, repr(error))
        else:
            raise AssertionError(kind.__name__)


def test_random_uses_with_random_cuts():
    for seed in range(int(sys.argv[2]) if len(sys.argv) > 2 else 30):
        random.seed(seed)
        random_use(seed)


def random_use(seed):
    """Up to forty lives of one box, each ended by a cut somewhere or while nothing is done."""
    chip = flash.fresh(96, 512)
    least, most, first = 0, 0, 1
    for _ in range(40):
        try:
            chip, log = rebooted(chip)
            check(log, least, most, first)
        except Exception as error:
            print("seed", seed)
            raise error
        chip.cut_at = random.randrange(200)
        chip.how = random.choice((DROPPED, TORN, GARBAGE))
        try:
            for _ in range(random.randrange(30)):
                live(log)
            least, most, first = log.durable, log.seq, log.first
        except OSError:
            assert chip.dead
            # The entry whose append failed may be there, and the segment whose pruning failed may be gone.
            least, most, first = log.durable, log.seq + 1, log.first + log.SPAN
        if log.seq > 360:
            return


def live(log):
    """One random thing that is done to a log, which is pruned when it is full."""
    what = random.randrange(10) if log.room() else 9
    if what < 5:
        log.append(body(log.seq + 1))
    elif what < 8:
        log.append(body(log.seq + 1), flush=False)
    elif what < 9:
        log.flush()
    else:
        log.prune(random.randrange(log.seq + 1) if log.room() else log.seq)


if __name__ == "__main__":
    globals()[sys.argv[1]]()
