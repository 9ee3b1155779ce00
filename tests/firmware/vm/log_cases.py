"""What the log holds and what it does about damage. Argument: a function here, which passes if it returns."""

import os
import sys

import flash
from log_tools import FOLDER, GENESIS, Small, assert_holds, body, change, filled, raised, rebooted
from sealbox.log import Log, LogCorrupt
from sealwire import chain

# What it holds


def test_new_log_is_empty_and_starts_at_the_genesis_head():
    flash.fresh(16)
    log = Log(FOLDER, GENESIS)
    assert (log.seq, log.head, log.first, log.durable) == (0, GENESIS, 1, 0)
    assert log.head_at(0) == GENESIS and log.head_at(1) is None
    assert list(log.entries(1)) == [] and list(log.find(b"x", 1)) == []


def test_entries_are_found_again_after_a_reboot_across_segments():
    chip, log = filled(43)
    assert_holds(log, 43)
    for seq in range(44, 60):
        chip, log = rebooted(chip)
        assert_holds(log, seq - 1)
        log.append(body(seq))


def test_heads_follow_the_chain_rule():
    _, log = filled(9)
    head = GENESIS
    for number in range(1, 10):
        head = chain.next_head(head, body(number))
        assert log.head_at(number) == head
    assert log.head == head


def test_entries_of_1_and_512_bytes_fit_and_0_and_513_are_refused():
    chip, log = filled(0)
    entries = [b"\x00", b"\xff" * 512, b"\xff", b"\x00" * 512] * 3
    for entry in entries:
        log.append(entry, flush=False)
        raised(ValueError, log.append, b"")
        raised(ValueError, log.append, bytes(513))
    log.flush()
    _, log = rebooted(chip)
    assert [entry for _, entry in log.entries(1)] == entries


def test_batched_entries_are_read_like_others_and_lost_together_by_a_cut():
    chip, log = filled(5)
    log.append(body(6), flush=False)
    log.append(body(7), flush=False)
    assert (log.seq, log.durable) == (7, 5)
    assert_holds(log, 7)
    chip, log = rebooted(chip)
    assert_holds(log, 5)
    log.append(body(6), flush=False)
    log.append(body(7))
    assert log.durable == 7
    _, log = rebooted(chip)
    assert_holds(log, 7)


def test_close_makes_batched_entries_durable():
    chip, log = filled(5)
    log.append(body(6), flush=False)
    log.close()
    _, log = rebooted(chip)
    assert_holds(log, 6)


def test_entries_begins_and_ends_where_asked():
    _, log = filled(22)
    for first in range(0, 24):
        for last in range(0, 24):
            numbers = [seq for seq, _ in log.entries(first, last)]
            assert numbers == list(range(max(first, 1), min(last, 22) + 1)), (first, last)


def test_entries_goes_on_while_others_append_and_flush():
    _, log = filled(6)
    log.append(body(7), flush=False)
    reading = log.entries(5)
    assert next(reading) == (5, body(5))
    log.append(body(8), flush=False)
    log.append(body(9))
    assert [seq for seq, _ in reading] == [6, 7]
    assert_holds(log, 9)


def test_find_yields_just_the_entries_that_hold_the_needle():
    _, log = filled(30)
    log.append(body(31), flush=False)
    for number in (1, 4, 5, 17, 30, 31):
        needle = b"%04d" % number
        assert list(log.find(needle, 1)) == [(number, body(number))]
        assert list(log.find(needle, number)) == [(number, body(number))]
        assert list(log.find(needle, number + 1)) == []
    assert list(log.find(b"no such", 1)) == []
    assert [seq for seq, _ in log.find(b"00", 1)][:9] == [1, 2, 3, 4, 5, 6, 7, 8, 9]
    raised(ValueError, lambda: list(log.find(b"", 1)))


def test_find_sees_a_needle_at_every_offset_from_a_read_boundary():
    class Long(Small):
        SPAN = 16

    for shift in range(0, 512, 7):
        flash.fresh(32)
        log = Long(FOLDER, GENESIS)
        for number in range(33):
            log.append(b"n" * 32 if number == 3 else b"x" * (300 if number else shift + 1), flush=number == 32)
        assert [seq for seq, _ in log.find(b"n" * 32, 1)] == [4], shift


def test_find_does_not_join_neighbouring_entries():
    flash.fresh(32)
    log = Small(FOLDER, GENESIS)
    for _ in range(9):
        log.append(b"\x00\x04abc")
    assert list(log.find(b"c\x00\x04", 1)) == []


# Pruning


def test_prune_drops_whole_acked_segments_and_never_the_last_ones_kept():
    chip, log = filled(30)
    assert (log.prunable(3), log.prunable(11), log.prunable(1000)) == (0, 8, 20)
    assert log.prune(3) == 1
    assert log.prune(11) == 9
    assert_holds(log, 30, 9)
    assert log.prune(1000) == 21
    assert_holds(log, 30, 21)
    assert log.prune(1000) == 21
    chip, log = rebooted(chip)
    assert_holds(log, 30, 21)
    log.append(body(31))
    assert_holds(log, 31, 21)


def test_a_box_keeps_its_last_8192_entries():
    assert Log.KEEP == 8192
    flash.fresh(256)
    log = Log(FOLDER, GENESIS)
    for _ in range(8192 + 130):
        log.append(b"entry", flush=False)
    log.flush()
    assert log.prune(log.seq) == 129
    assert sum(1 for _ in log.entries(1)) == 8192 + 2


# What is damaged is not believed


def test_torn_record_is_cut_and_appending_goes_on():
    for seq in (7, 8, 9):
        size = len(body(seq + 1))
        for length in (1, 2, 3, size // 2, size + 1, size + 5):
            chip, log = filled(seq)
            log.append(body(seq + 1))
            log.close()
            index = seq // Small.SPAN
            change(
                FOLDER + "/%08x" % index, lambda data, length=length, size=size: data[: len(data) - size - 6 + length]
            )
            chip, log = rebooted(chip)
            assert log.cut > 0
            assert_holds(log, seq)
            for number in range(seq + 1, seq + 7):
                log.append(body(number))
            chip, log = rebooted(chip)
            assert log.cut == 0
            assert_holds(log, seq + 6)
            assert list(log.find(b"none", 1)) == []


def test_bytes_after_a_complete_segment_are_cut_before_the_next_begins():
    chip, log = filled(8)
    log.close()
    change(FOLDER + "/00000001", lambda data: data + b"\x01")
    chip, log = rebooted(chip)
    assert log.cut == 1
    for number in range(9, 15):
        log.append(body(number))
    _, log = rebooted(chip)
    assert_holds(log, 14)
    assert list(log.find(b"none", 1)) == []


def test_segment_begun_but_empty_is_begun_again():
    for start in (b"", b"SBL1", bytes(75)):
        for seq in (0, 8):
            chip, log = filled(seq)
            log.close()
            with open(FOLDER + "/%08x" % (seq // 4), "wb") as file:
                file.write(start)
            chip, log = rebooted(chip)
            assert_holds(log, seq)
            log.append(body(seq + 1))
            chip, log = rebooted(chip)
            assert_holds(log, seq + 1)


def test_every_flipped_bit_of_the_last_segment_stops_the_log_or_cuts_only_a_torn_looking_end():
    _chip, log = filled(7)
    log.close()
    path = FOLDER + "/00000001"
    size = os.stat(path)[6]
    corrupt = 0
    for offset in range(size):
        change(path, lambda data, offset=offset: flipped(data, offset))
        try:
            found = Small(FOLDER, GENESIS)
            assert found.cut > 0
            assert offset >= 76, "a damaged header was believed"
        except LogCorrupt:
            corrupt += 1
        change(path, lambda data, offset=offset: flipped(data, offset))
    assert corrupt >= size - 12, (corrupt, size)
    assert_holds(Small(FOLDER, GENESIS), 7)


def flipped(data, offset):
    data[offset] ^= 1 << (offset % 8)
    return data


def test_every_flipped_byte_of_an_old_segment_stops_reading_and_searching():
    _chip, log = filled(13)
    path = FOLDER + "/00000001"
    for offset in range(os.stat(path)[6]):
        change(path, lambda data, offset=offset: flipped(data, offset))
        raised(LogCorrupt, lambda: list(log.find(b"no such entry", 1)))
        raised(LogCorrupt, lambda: list(log.entries(1)))
        change(path, lambda data, offset=offset: flipped(data, offset))
    assert_holds(log, 13)


def test_missing_segment_and_a_shortened_one_are_noticed():
    for damage in (os.remove, lambda path: change(path, lambda data: data[:80])):
        _chip, log = filled(13)
        log.close()
        damage(FOLDER + "/00000001")
        raised(LogCorrupt, lambda: list(Small(FOLDER, GENESIS).find(b"none", 1)))
        raised(LogCorrupt, lambda: list(Small(FOLDER, GENESIS).entries(1)))


def test_predecessor_of_an_empty_segment_must_be_complete():
    _chip, log = filled(7)
    log.close()
    with open(FOLDER + "/00000002", "wb"):
        pass
    raised(LogCorrupt, Small, FOLDER, GENESIS)


def test_segment_of_another_history_is_noticed():
    flash.fresh(64)
    log = Small(FOLDER, GENESIS)
    for number in range(1, 7):
        log.append(b"other" + body(number, 20))
    with open(FOLDER + "/00000001", "rb") as file:
        other = file.read()
    _, log = filled(6)
    log.close()
    change(FOLDER + "/00000001", lambda _: other)
    log = Small(FOLDER, GENESIS)
    raised(LogCorrupt, lambda: list(log.entries(1)))
    raised(LogCorrupt, lambda: list(log.find(b"none", 1)))


def test_log_of_another_site_is_refused_and_stays_as_it_is():
    _chip, log = filled(2)
    log.close()
    raised(LogCorrupt, Small, FOLDER, bytes(32))
    assert_holds(Small(FOLDER, GENESIS), 2)
    _, log = filled(30)
    log.prune(20)
    log.close()
    raised(LogCorrupt, Small, FOLDER, bytes(32))
    assert_holds(Small(FOLDER, GENESIS), 30, 21)


if __name__ == "__main__":
    globals()[sys.argv[1]]()
