"""The log on a chip that fails, is full, or counts. Argument: a function here, which passes if it returns."""

import gc
import sys
from errno import EIO

import flash
from flash import ERASE, FAILS, SILENT, SOUND, WRITE
from log_tools import FOLDER, GENESIS, Small, assert_holds, body, filled, raised, rebooted
from sealbox.log import Log, LogFull

# Flash that fails


def test_failed_write_changes_nothing_and_the_next_append_goes_on():
    for fails_in in (ERASE, WRITE):
        for seq in (0, 3, 4, 5, 8):
            chip, log = filled(seq)
            chip.worn = lambda operation, _, fails_in=fails_in: operation == fails_in
            error = raised(OSError, log.append, body(seq + 1))
            assert error.errno == EIO and not isinstance(error, LogFull)
            assert_holds(log, seq)
            chip.worn = None
            log.append(body(seq + 1))
            log.append(body(seq + 2))
            assert_holds(log, seq + 2)
            _, log = rebooted(chip)
            assert_holds(log, seq + 2)


def test_batched_entries_outlive_a_failed_flush():
    chip, log = filled(3)
    log.append(body(4), flush=False)
    chip.worn = lambda *_: True
    raised(OSError, log.flush)
    raised(OSError, log.append, body(5))
    chip.worn = None
    log.append(body(5), flush=False)
    assert (log.seq, log.durable) == (5, 4)
    log.flush()
    _, log = rebooted(chip)
    assert_holds(log, 5)


def test_single_failures_of_every_write_and_erase_are_overcome_or_reported():
    reported = 0
    for number in range(150):
        chip, log = filled(6)
        count = [0]

        def fails(*_, count=count, number=number):
            count[0] += 1
            return count[0] == number + 1

        chip.worn = fails
        seq = 6
        while seq < 12:
            try:
                seq = log.append(body(seq + 1))
            except OSError:
                reported += 1
                assert_holds(log, seq)
        assert_holds(log, 12)
        _, log = rebooted(chip)
        assert_holds(log, 12)
    assert reported == 0, reported


def test_blocks_that_do_not_take_a_write_are_passed_over():
    for each in (2, 3, 5):
        chip, log = filled(1)
        chip.worn = lambda operation, block, each=each: SILENT if block > 1 and block % each == 0 else SOUND
        for number in range(2, 60):
            log.append(body(number))
        assert_holds(log, 59)
        _, log = rebooted(chip)
        assert_holds(log, 59)


def test_blocks_that_report_failure_end_in_an_error_or_are_passed_over():
    """littlefs does not move what it keeps about files away from such a block, so the log may have to give up there."""
    for each in (3, 5, 7):
        chip, log = filled(3)
        chip.worn = lambda operation, block, each=each: FAILS if block % each == 0 else SOUND
        seq = 3
        while seq < 30:
            try:
                seq = log.append(body(seq + 1))
            except OSError:
                break
        assert_holds(log, seq)
        chip.worn = None
        log.append(body(seq + 1))
        _, log = rebooted(chip)
        assert_holds(log, seq + 1)


class Failing:
    """A file whose write ends in the middle, for want of memory, with or without something on flash."""

    def __init__(self, file, flushes):
        self.file = file
        self.flushes = flushes
        self.closed = False

    def write(self, data):
        self.file.write(data[: len(data) // 2])
        if self.flushes:
            self.file.flush()
        raise MemoryError

    def close(self):
        self.file.close()
        self.closed = True


class Interrupted(Small):
    """A log that writes to such files."""

    flushes = False

    def _open_for_append(self):
        self.opened = Failing(super()._open_for_append(), self.flushes)
        return self.opened


def test_interrupted_write_leaves_nothing_half_done():
    for flushes in (False, True):
        chip, log = filled(6)
        log.close()
        log = Interrupted(FOLDER, GENESIS)
        log.flushes = flushes
        for _ in range(2):
            raised(MemoryError, log.append, body(7))
            assert log.opened.closed, "the collector would close it later, and write"
            assert_holds(log, 6)
        log._open_for_append = super(Interrupted, log)._open_for_append
        log.append(body(7))
        assert_holds(log, 7)
        _, log = rebooted(chip)
        assert log.cut == 0
        assert_holds(log, 7)


# Full


def test_full_flash_refuses_ordinary_entries_and_takes_reserved_ones_then_stays_whole():
    class Reserved(Small):
        RESERVE = 65536

    chip = flash.fresh(48)
    log = Reserved(FOLDER, GENESIS)
    while log.room():
        log.append(body(log.seq + 1))
    seq = log.seq
    raised(LogFull, log.append, body(seq + 1))
    raised(LogFull, log.append, body(seq + 1), flush=False)
    assert_holds(log, seq)
    try:
        while True:
            log.append(body(log.seq + 1), reserve=True)
    except LogFull:
        pass
    last = log.seq
    assert last - seq > 40, last - seq
    raised(LogFull, log.append, body(last + 1), reserve=True)
    assert_holds(log, last)
    chip, log = rebooted(chip, Reserved)
    assert_holds(log, last)
    assert not log.room()
    first = log.prune(last)
    while log.room():
        log.append(body(log.seq + 1))
    assert log.seq > last
    assert_holds(log, log.seq, first)


def test_a_torn_end_can_still_be_cut_when_only_the_reserve_is_left():
    class Reserved(Log):
        RESERVE = Log.RESERVE

    chip = flash.fresh(80)
    log = Reserved(FOLDER, GENESIS)
    while log.room():
        log.append(bytes(512), flush=False)
    log.flush()
    while log.seq % log.SPAN != log.SPAN - 1:
        log.append(bytes(512), reserve=True, flush=False)
    log.close()
    seq = log.seq
    change_path = FOLDER + "/%08x" % ((seq - 1) // log.SPAN)
    with open(change_path, "ab") as file:
        file.write(b"\x02")
    chip, log = rebooted(chip, Reserved)
    assert log.cut == 1 and log.seq == seq
    assert log.append(b"closed", reserve=True) == seq + 1
    _, log = rebooted(chip, Reserved)
    assert log.cut == 0 and log.seq == seq + 1


# Cost


class Counting(Log):
    """Counts the bytes it reads from files."""

    taken = 0

    def _read(self, index, offset, view):
        count = super()._read(index, offset, view)
        self.taken += count
        return count


def test_opening_reads_the_same_from_files_however_long_the_log_is():
    flash.fresh(1024)
    log = Log(FOLDER, GENESIS)
    taken = []
    for target in (192, 1088, 8128):
        while log.seq < target:
            log.append(bytes(200), flush=False)
        log.close()
        log = Counting(FOLDER, GENESIS)
        assert log.seq == target
        taken.append(log.taken)
    assert taken[0] == taken[1] == taken[2] < 20000, taken


def test_collecting_after_reading_writes_nothing():
    chip, log = filled(30)
    for _ in range(50):
        list(log.find(b"00", 1))
        next(log.entries(3))
        log.head_at(10)
    gc.collect()
    written = chip.writes
    gc.collect()
    assert chip.writes == written
    assert_holds(log, 30)


if __name__ == "__main__":
    globals()[sys.argv[1]]()
