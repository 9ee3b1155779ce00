"""A box whose clock was set, forwards and back, and one whose shutter is stuck: what it may do, and what it may not."""

from __future__ import annotations

from typing import Any

from sealwire import chain, messages

from tests.host import bundles
from tests.host.bundles import FIRST, SECOND, Village
from tests.host.test_verify import check


def named(village: Village) -> list[str]:
    """The checks that find something."""
    village.box.checkpoint()
    return [finding.check for finding in check(village.items()).findings]


def set_clock(village: Village, utc: int, **anchor: Any) -> None:
    """The authority's reset, obeyed."""
    box = village.box
    fields = {"box": box.key.kid, **box.anchor, "clears": messages.CLEARS_CLOCK, "utc": utc, **anchor}
    message = village.say("authority", messages.RESET, f"reset to {utc}", **fields)
    box.write(chain.RESET, clears=messages.CLEARS_CLOCK, utc=utc, message=message.reference)
    box.now = utc


def lose_clock(village: Village, utc: int) -> None:
    """The clock is lost, and a host tells the time."""
    box = village.box
    box.start(clock_set=0)
    told = village.say("host", messages.TIME, "time", box=box.key.kid, nonce=box.nonce(), utc=utc)
    box.write(chain.TIME, utc=utc, message=told.reference)


def test_entries_after_a_reset_that_sets_the_clock_back_are_dated_from_there():
    village = bundles.begin()
    set_clock(village, village.box.now - 5000)
    village.box.write(chain.POWER, what=chain.MAINS_LOST)
    assert named(village) == []


def test_after_a_reset_of_the_clock_too_no_entry_is_dated_before_the_last():
    village = bundles.begin()
    set_clock(village, village.box.now - 5000)
    village.box.write(chain.POWER, what=chain.MAINS_LOST)
    village.box.now -= 10
    village.box.write(chain.POWER, what=chain.MAINS_BACK)
    assert named(village)[0] == "clock_backwards"


def test_a_reset_of_the_clock_signed_before_the_last_setting_is_found():
    village = bundles.begin()
    anchor = village.box.anchor
    set_clock(village, village.box.now + 5000)
    village.box.write(chain.POWER, what=chain.MAINS_LOST)
    set_clock(village, village.box.now - 100, **anchor)
    assert named(village) == ["unanchored"]


def test_a_host_may_set_a_lost_clock_forward_and_never_back():
    village = bundles.begin()
    lose_clock(village, village.box.now + 60)
    assert named(village) == []
    village = bundles.begin()
    lose_clock(village, village.box.now - 60)
    assert named(village) == ["times_out_of_order"]


def adopted_while_open(phase: int) -> list[str]:
    """A roster comes while a bay has jammed in this phase, with its request still open."""
    village = bundles.begin()
    request = village.request("jammed")
    decisions = [village.decide(request, who) for who in ("first", "second")]
    village.box.intend(request, village.grant("granted", request, decisions), 2, [FIRST, SECOND])
    if phase:
        village.box.write(chain.JAM, bay=request["bay"], request=request.reference, phase=phase)
    village.roster(2)
    village.box.adopt(2)
    village.box.close(request, 0, 2, chain.JAMMED)
    return named(village)


def test_a_roster_is_taken_while_a_shutter_is_stuck_but_not_while_a_bay_is_open():
    assert adopted_while_open(phase=2) == []
    assert adopted_while_open(phase=1) == ["roster_entry"]
    assert adopted_while_open(phase=0) == ["roster_entry"]
