"""A whole use when power fails or flash does. Arguments: the name of a function here, which passes if it returns, and
one for it. What it prints last is the number of cases.

Each case starts from the same flash. The power goes in write or erase k of a life that boots, is asked for a challenge,
gets a grant, is pressed and closes, for every k until a life gets through. Then the box boots again, and everybody
tries once more, with a fresh challenge and a fresh `ready`.
"""

import gc
import os
import random
import sys

import vfs
from flash import DROPPED, ERASE, FAILS, GARBAGE, KEPT, SOUND, TORN, Flash
from sealwire import chain, errors
from use_stage import APPROVED, SITE, Log, Recorded, Use, live

HOW = {"kept": KEPT, "dropped": DROPPED, "torn": TORN, "garbage": GARBAGE}
ENDS = (errors.SPENT,)  # the named state in which a request may have ended
LENGTHS = (4, 125, 127)  # of the log before: within a segment, and with its end between the entries of the use


class ViolationError(Exception):
    """What the box promises does not hold."""


def check(holds, what):
    if not holds:
        raise ViolationError(what)


def stored(chip):
    """The log as it stands on flash: [entry, ...]."""
    vfs.mount(vfs.VfsLfs2(Flash(chip.blocks, chip.size, bytearray(chip.image))), "/data")
    found = [raw for _, raw in Log("/data/log", chain.genesis(SITE)).entries(1)]
    vfs.umount("/data")
    return found


def check_log(use, chip, first):
    """After a cut: whole entries, in order, as they were given, and every acknowledged one."""
    given = use.before + first.given if first is not None else use.before
    found = stored(chip)
    check(found == given[: len(found)], "the log is a prefix of what was written")
    check(len(found) >= (first.durable if first is not None else len(use.before)), "every acknowledged entry is there")
    return found


def check_boot(board):
    check(board.calls[:2] == ["close", "close"], "the shutters close before anything else")


def check_end(use, chip, board, impressions):
    """After the second life, which was not cut."""
    entries = [chain.read_entry(raw) for raw in Recorded.last.given]
    kinds = [entry.kind for entry in entries]
    check(not any(board.driven), "shutters closed")
    check(impressions <= APPROVED, "%d impressions of %d" % (impressions, APPROVED))
    refused = [entry["reason"] for entry in entries if entry.kind == chain.REFUSED]
    if chain.INTENT in kinds:
        check(kinds[-1] == chain.CLOSED and not refused, "the request went on")
    else:
        check(len(refused) == 1 and refused[0] in ENDS, "the request ended in a named state: %s" % refused)
        check(board.openings == 0, "a refused grant opens nothing")
    check_history(use, stored(chip), impressions)


def check_history(use, entries, impressions):
    """What the log says of the request holds for what was pressed."""
    history = chain.History(use.reference)
    counted = 0
    for raw in entries:
        entry = chain.read_entry(raw)
        history.apply(entry)
        counted += entry.kind == chain.PRESS
    check(counted <= impressions <= history.spent <= APPROVED, "the log says %d, %d" % (counted, history.spent))


def twice(use, wanted, damage):
    """One case: a life that `damage(chip)` gives an accident, and one without. Whether the accident happened."""
    chip = use.chip()
    damage(chip)
    Recorded.last = None
    board, cut = live(chip, use.stamp, wanted)
    first, impressions = Recorded.last, board.impressions
    check_boot(board)
    if cut:
        check_log(use, chip, first)
    chip = chip.powered_on()
    board, again = live(chip, use.stamp)
    check(not again, "the second life is whole")
    check_boot(board)
    check_end(use, chip, board, impressions + board.impressions)
    return cut


def every_cut(use, wanted, how):
    """All k for one way in which the last write ends."""
    k = 0
    while True:

        def damage(chip, k=k):
            chip.cut_at, chip.how = k, how

        try:
            if not twice(use, wanted, damage):
                return k
        except (ViolationError, OSError) as error:
            print("cut at", k, repr(error))
            raise error
        k += 1
        if k % 8 == 0:
            gc.collect()


def all_cuts(how):
    """Both presses, or one and the button; each with the log at several lengths."""
    count = 0
    for length in LENGTHS:
        use = Use(length)
        for wanted in (APPROVED, 1):
            count += every_cut(use, wanted, HOW[how])
    print(count)


def some_cuts(how):
    """As all_cuts, over one length: enough for a planted bug."""
    use = Use()
    print(sum(every_cut(use, wanted, HOW[how]) for wanted in (APPROVED, 1)))


def cuts_in_both_lives(seed):
    """The second life is cut as well, and the third is not: random pairs."""
    random.seed(int(seed))
    use = Use()
    for number in range(60):
        chip, impressions, least = use.chip(), 0, use.before
        for _ in range(2):
            chip.cut_at, chip.how = random.randrange(32), random.choice(list(HOW.values()))
            board, _ = live(chip, use.stamp, random.randrange(1, 3))
            impressions += board.impressions
            chip = chip.powered_on()
            found = stored(chip)
            check(found[: len(least)] == least, "nothing that was there goes")
            least = found
        board, _ = live(chip, use.stamp)
        check_end(use, chip, board, impressions + board.impressions)
        if number % 8 == 0:
            gc.collect()
    print(60)


def every_failure(lasting):
    """Flash that fails from write or erase k on, or in that one alone: nothing opens wrongly or stays open."""
    use, k, reached = Use(), 0, True
    while reached:
        count = [0]

        def worn(operation, block, count=count, k=k):
            count[0] += 1
            failing = count[0] > k if lasting == "lasting" else count[0] == k + 1
            return FAILS if failing and (lasting != "erases" or operation == ERASE) else SOUND

        def damage(chip, worn=worn):
            chip.worn = worn

        try:
            reached = fails(use, damage, count, k)
        except Exception as error:
            print("failure at", k, repr(error))
            raise error
        k += 1
        if k % 8 == 0:
            gc.collect()
    print(k - 1)


def fails(use, damage, count, k):
    chip = use.chip()
    damage(chip)
    board, _ = live(chip, use.try_to_stamp)
    check_boot(board)
    check(not any(board.driven), "shutters closed")
    check(board.impressions <= APPROVED, "impressions")
    impressions = board.impressions
    chip = chip.powered_on()
    stored(chip)
    board, _ = live(chip, use.stamp)
    check_end(use, chip, board, impressions + board.impressions)
    return count[0] > k


def fill(blocks):
    """Fill the volume but for some blocks."""
    junk = bytes(4096)
    with open("/data/junk", "wb") as file:
        while os.statvfs("/data")[3] > blocks:
            file.write(junk)
            file.flush()


def full_disk(_):
    """A disk that fills up while the bay is open, or before: the log stays whole and the shutter closes."""
    for blocks in (0, 1, 2, 3, 8, 20, 25):
        use = Use()
        chip = use.chip()
        board, _ = live(chip, use.try_to_stamp, on_open=lambda blocks=blocks: fill(blocks))
        check(not any(board.driven) and board.impressions == APPROVED, "the use came to its end")
        impressions = board.impressions
        logged = [chain.read_entry(raw).kind for raw in stored(chip)]
        check(blocks < 8 or logged[-1] == chain.CLOSED, "there was room for the closing")
        chip = chip.powered_on()
        board, _ = live(chip, use.try_to_stamp)
        check(board.openings == 0, "a full disk opens nothing")
        check(blocks < 8 or chain.BOOT in [chain.read_entry(raw).kind for raw in Recorded.last.given], "it boots")
        chip = chip.powered_on()
        vfs.mount(vfs.VfsLfs2(chip), "/data")
        os.remove("/data/junk")
        vfs.umount("/data")
        board, _ = live(chip, use.stamp)
        check_end(use, chip, board, impressions + board.impressions)
    print(7)


if __name__ == "__main__":
    gc.threshold(-1)
    globals()[sys.argv[1]](sys.argv[2])
