"""Runs one case, named on the command line, of the ESP32-S3's board layer over stand-ins for the port's modules."""

import asyncio
import sys

sys.path.insert(0, __file__.rsplit("/", 1)[0])

import esp32s3_fakes as fakes
from sealbox.board import (
    BROWN_OUT,
    EDGE_RING,
    LOST,
    MAX_DRIVE_MS,
    POWER_ON,
    PRESSED,
    RELEASED,
    SOFT,
    WATCHDOG,
    ds3231,
    pins,
)
from sealbox.board.esp32s3 import Esp32S3
from sealbox.board.esp32s3_drive import pulses

CLOCK, SCREEN = pins.CLOCK_ADDRESS, pins.DISPLAY_ADDRESS


def board():
    """A board at rest: contacts closed or open as they are then, loop whole, battery at 3.7 V."""
    for gpio in pins.OPENED + (pins.BUTTON, pins.MAINS):
        fakes.LEVEL[gpio] = 1
    fakes.MICROVOLTS[pins.TAMPER] = 1_650_000
    fakes.MICROVOLTS[pins.BATTERY] = 1_850_000
    fakes.MEMORY[CLOCK] = bytearray(20)
    return Esp32S3()


def raises(error, function, *arguments):
    try:
        function(*arguments)
    except error:
        return True
    raise AssertionError("no " + error.__name__)


async def told(b):
    """Whether `changed` returns at once."""
    try:
        await asyncio.wait_for_ms(b.changed(), 5)
    except asyncio.TimeoutError:
        return False
    return True


def no_shutter_is_driven_before_open():
    b = board()
    assert all(fakes.LEVEL[gpio] == 0 for gpio in pins.GATE)
    assert not b.driving(1) and not b.driving(2)


def the_supply_of_this_board_carries_one_drive_at_a_time():
    assert pins.DRIVEN_AT_ONCE == 1 and board().both_drive is False


def drive_is_counted_by_the_generator_and_never_longer_than_asked():
    for ms in (1, 2, 7, 99, 100, 999, 1_000, 1_001, 1_999, 62_500, 123_457, MAX_DRIVE_MS):
        b = board()
        assert b.open(1, ms)
        generator = fakes.DRIVEN_BY_RMT[pins.GATE[0]]
        assert 0.99 * ms <= generator.ms <= ms, (ms, generator.ms)
        assert ms < 20 or generator.ms >= 0.995 * ms, (ms, generator.ms)
        assert fakes.LEVEL[pins.GATE[0]] == 1 and b.driving(1) and not b.driving(2)
        b.close(1)


def drive_over_the_limit_is_cut_to_it():
    b = board()
    b.open(1, 10 * MAX_DRIVE_MS)
    assert fakes.DRIVEN_BY_RMT[pins.GATE[0]].ms <= MAX_DRIVE_MS
    raises(ValueError, b.open, 1, 0)
    raises(ValueError, b.open, 0, 1)
    raises(ValueError, b.open, 3, 1)


def second_open_changes_nothing():
    b = board()
    assert b.open(2, 5_000)
    first = fakes.DRIVEN_BY_RMT[pins.GATE[1]]
    assert not b.open(2, 60_000)
    assert fakes.DRIVEN_BY_RMT[pins.GATE[1]] is first and first.ms <= 5_000


def drive_ends_though_the_firmware_does_nothing():
    b = board()
    b.open(1, 5_000)
    fakes.DRIVEN_BY_RMT[pins.GATE[0]].over()
    assert fakes.LEVEL[pins.GATE[0]] == 0 and not b.driving(1)
    assert b.open(1, 5_000)


async def a_generator_that_does_not_stop_is_stopped():
    b = board()
    b.open(1, 1)
    b.open(2, 60_000)
    fakes.Timer.tick()
    assert fakes.LEVEL[pins.GATE[0]] == 1
    while b.driving(1):
        await asyncio.sleep_ms(10)
        fakes.Timer.tick()
    assert fakes.LEVEL[pins.GATE[0]] == 0 and fakes.LEVEL[pins.GATE[1]] == 1


def close_takes_the_pin_at_once_and_frees_the_generator():
    b = board()
    for _ in range(20):
        assert b.open(1, 5_000) and b.open(2, 5_000)
        b.close(1)
        assert fakes.LEVEL[pins.GATE[0]] == 0 and fakes.LEVEL[pins.GATE[1]] == 1
        b.close(2)
        b.close(2)
    assert fakes.RMT.free == 4 and not b.driving(1)


def no_generator_left_opens_nothing():
    b = board()
    fakes.RMT.free = 0
    raises(OSError, b.open, 1, 5_000)
    assert fakes.LEVEL[pins.GATE[0]] == 0 and not b.driving(1)


def a_pulse_is_never_longer_than_the_generator_takes():
    for ms in range(1, 3_000):
        loops, durations = pulses(ms)
        assert 1 <= loops <= 1_000 and len(durations) % 2 == 0 and 0 < max(durations) <= 32_767


async def inputs_read_as_wired_and_every_change_is_told():
    b = board()
    assert b.switches(1) == (True, False) and b.seal_present(1) and b.mains_ok()
    await told(b)
    fakes.outside(pins.CLOSED[0], 1)
    assert await told(b) and not await told(b)
    assert b.switches(1) == (False, False)
    fakes.outside(pins.OPENED[0], 0)
    assert b.switches(1) == (False, True) and b.switches(2) == (True, False)
    fakes.outside(pins.SEAL[1], 1)
    assert b.seal_present(1) and not b.seal_present(2)
    fakes.outside(pins.MAINS, 0)
    assert not b.mains_ok() and await told(b)


def a_lid_or_button_that_is_over_is_reported_once():
    b = board()
    assert not b.lid_open() and not b.button()
    fakes.outside(pins.LID, 1)
    fakes.outside(pins.LID, 0)
    fakes.outside(pins.BUTTON, 0)
    fakes.outside(pins.BUTTON, 1)
    assert b.lid_open() and not b.lid_open()
    assert b.button() and not b.button()
    fakes.outside(pins.LID, 1)
    assert b.lid_open() and b.lid_open()


async def a_loop_cut_or_bridged_is_tampering_even_if_it_is_mended():
    b = board()
    await told(b)
    for microvolts in (3_100_000, 0, 2_600_000, 500_000):
        fakes.MICROVOLTS[pins.TAMPER] = microvolts
        assert b.tampered()
        fakes.Timer.tick()
        fakes.MICROVOLTS[pins.TAMPER] = 1_650_000
        assert await told(b)
        assert b.tampered() and not b.tampered()
    for microvolts in (1_590_000, 1_710_000):
        fakes.MICROVOLTS[pins.TAMPER] = microvolts
        fakes.Timer.tick()
        assert not b.tampered()


async def the_end_of_a_drive_is_told():
    b = board()
    b.open(1, 5_000)
    fakes.Timer.tick()
    await told(b)
    fakes.Timer.tick()
    assert not await told(b)
    fakes.DRIVEN_BY_RMT[pins.GATE[0]].over()
    fakes.Timer.tick()
    assert await told(b)


def battery_is_read_through_its_divider():
    b = board()
    assert b.battery_mv() == 3_700
    fakes.MICROVOLTS[pins.BATTERY] = 300_000
    assert b.battery_mv() is None


def edges_come_in_order_and_once():
    b = board()
    for level in (1, 0, 1):
        fakes.outside(pins.PRESS[1], level)
    assert [level for _, level in b.take_edges(2)] == [PRESSED, RELEASED, PRESSED]
    assert b.take_edges(2) == [] and b.take_edges(1) == []


def a_full_ring_says_lost_and_the_level_now():
    b = board()
    for turn in range(EDGE_RING + 21):
        fakes.outside(pins.PRESS[0], (turn + 1) % 2)
    edges = [level for _, level in b.take_edges(1)]
    assert len(edges) == EDGE_RING + 1 and edges[-2:] == [LOST, PRESSED], edges
    assert b.take_edges(1) == []


def an_edge_that_no_interrupt_brought_is_found_by_the_counter():
    b = board()
    fakes.outside(pins.PRESS[0], 1)
    fakes.outside(pins.PRESS[0], 0, handled=False)
    assert [level for _, level in b.take_edges(1)] == [PRESSED, LOST, RELEASED]
    assert b.take_edges(1) == []


def a_hundred_thousand_edges_wrap_the_counter_and_none_is_lost():
    b = board()
    for turn in range(100_000):
        fakes.outside(pins.PRESS[0], (turn + 1) % 2)
        if turn % 10 == 9:
            assert len(b.take_edges(1)) == 10


def the_interrupt_of_an_edge_allocates_nothing():
    import gc

    b = board()
    pin = fakes.PINS[pins.PRESS[0]]
    handler = pin.handler
    handler(pin)
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()
    handler(pin)
    handler(pin)
    after = gc.mem_alloc()
    gc.enable()
    assert after == before, after - before
    assert len(b.take_edges(1)) >= 3


def a_clock_that_stood_still_is_lost_until_it_is_set():
    b = board()
    b.set_clock(1_795_305_599)
    assert b.clock() == 1_795_305_599
    fakes.MEMORY[CLOCK][0x0F] = 0x88
    assert b.clock() is None
    b.set_clock(1_795_305_600)
    assert b.clock() == 1_795_305_600
    assert fakes.MEMORY[CLOCK][0:7] == bytes([0, 0, 0, 1, 0x22, 0x11, 0x26])
    assert fakes.MEMORY[CLOCK][0x0F] == 0x08


def every_day_of_two_centuries_comes_back_from_the_clock():
    b = board()
    for day in range(10_957, 84_006, 13):
        utc = day * 86_400 + day * 7_919 % 86_400
        b.set_clock(utc)
        assert b.clock() == utc, utc
    raises(ValueError, b.set_clock, 946_684_799)
    raises(ValueError, b.set_clock, 84_006 * 86_400)
    assert ds3231.date_of(11_016) == (2000, 2, 29) and ds3231.date_of(0) == (1970, 1, 1)
    assert ds3231.days_since_1970(2026, 11, 22) == 20_779


def a_time_that_no_calendar_has_is_a_lost_clock():
    b = board()
    for registers in (
        (0, 0, 0, 1, 0x31, 0x11, 0x26),
        (0, 0, 0, 1, 0x29, 0x02, 0x26),
        (0, 0, 0, 1, 0x00, 0x01, 0x26),
        (0, 0, 0, 1, 0x01, 0x13, 0x26),
        (0x60, 0, 0, 1, 0x01, 0x01, 0x26),
        (0, 0x7A, 0, 1, 0x01, 0x01, 0x26),
        (0, 0, 0x24, 1, 0x01, 0x01, 0x26),
        (0, 0, 0x52, 1, 0x01, 0x01, 0x26),
        (0, 0, 0, 1, 0x01, 0x01, 0xFF),
    ):
        fakes.MEMORY[CLOCK][0:7] = bytes(registers)
        assert b.clock() is None, registers


def a_clock_that_does_not_answer_is_a_lost_clock():
    b = board()
    fakes.DEAD.add(CLOCK)
    assert b.clock() is None
    raises(OSError, b.set_clock, 1_795_305_600)


def the_machine_gets_its_own_time():
    board().set_time(1_795_305_661)
    assert fakes.EVENTS[-1] == ("rtc", (2026, 11, 22, 6, 0, 1, 1, 0))


def a_row_is_drawn_in_its_own_pages():
    b = board()
    del fakes.DISPLAY[:]
    picture = bytearray(range(256))
    b.draw(3, picture)
    sent = fakes.DISPLAY
    assert sent == [0x21, 0, 127, 0x22, 6, 7, bytes(picture)]


def a_display_that_dies_or_was_never_there_stops_nothing():
    b = board()
    fakes.DEAD.add(SCREEN)
    b.draw(0, bytearray(256))
    b.draw(1, bytearray(256))
    assert Esp32S3().open(1, 5_000)


async def a_new_tone_replaces_the_old_one():
    b = board()
    b.buzz((10_000,))
    await asyncio.sleep_ms(1)
    b.buzz((1, 1, 1))
    await asyncio.sleep_ms(50)
    duties = [event[1] for event in fakes.EVENTS if event[0] == "duty"]
    assert duties == [32_768, 32_768, 0, 32_768], duties
    assert fakes.EVENTS.count(("tone over",)) == 2 and fakes.LEVEL[pins.BUZZER] == 0


def random_bytes_are_drawn_with_the_radio_on():
    b = board()
    assert fakes.WLAN.only.on
    fakes.WLAN.only.on = False
    assert len(b.random(32)) == 32 and b.random(32) != b.random(32) and fakes.WLAN.only.on
    raises(ValueError, b.random, 0)
    raises(ValueError, b.random, 1_025)


def the_watchdog_is_armed_by_the_first_feed():
    b = board()
    assert ("fed",) not in fakes.EVENTS
    b.feed()
    b.feed()
    assert fakes.EVENTS.count(("watchdog", 8_000)) == 1 and fakes.EVENTS.count(("fed",)) == 2


def every_cause_of_a_reset_is_named():
    b = board()
    for cause, named in ((1, POWER_ON), (3, WATCHDOG), (5, SOFT), (2, SOFT)):
        fakes.machine.cause = cause
        assert b.reset_cause() == named
    fakes.machine.cause = 1
    fakes.machine.mem32[0x6000_8038] = 0x3CF
    assert b.reset_cause() == BROWN_OUT


def a_reset_ends_all_drives_first():
    b = board()
    b.open(1, 5_000)
    b.reset()
    assert fakes.EVENTS[-1] == ("reset",) and fakes.LEVEL[pins.GATE[0]] == 0


def the_data_partition_is_found_and_taken_from_the_root():
    assert board().flash() == "the partition"


async def the_network_is_joined_again_when_it_is_lost():
    b = board()
    await b.join(None, None)
    task = asyncio.create_task(b.join("hall", "secret"))
    await asyncio.sleep_ms(20)
    assert fakes.WLAN.only.joined
    fakes.WLAN.only.joined = False
    while not fakes.WLAN.only.joined:
        await asyncio.sleep_ms(20)
    task.cancel()
    assert fakes.EVENTS.count(("join", "hall", "secret")) == 2


async def a_network_that_refuses_ends_nothing():
    b = board()
    task = asyncio.create_task(b.join("hall", "wrong"))
    while fakes.EVENTS.count(("join", "hall", "wrong")) < 2:
        await asyncio.sleep_ms(20)
    assert not task.done()
    task.cancel()


def run(name):
    case = globals()[name]
    result = case()
    if result is not None:
        asyncio.run(result)
    print("passed", name)


run(sys.argv[1])
