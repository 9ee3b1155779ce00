"""Somebody who reaches the broker and holds no key: floods, forged log entries, forged checkpoints, old messages.

It costs time at most: what was approved opens, what is open closes on time, and the proven log is the box's own.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from sealwire import chain, limits, messages, topics
from sealwire.messages import Message

from tests.system.site import BAY, WAIT_S, Site

Log = dict[int, chain.Entry]


@contextmanager
def flood(publish: Callable[[str, bytes], object], *where: str) -> Iterator[list[int]]:
    """Garbage on these topics, a batch of each size after the other, until the block ends; how many were sent."""
    noise = [b"garbage", b"\xd2\x84" + bytes(200), bytes(8192), b"\xd2" + bytes(9000), b"\xa1\x00\x01"]
    sent = [0]
    over = threading.Event()

    def send() -> None:
        while not over.is_set():
            for topic in where:
                for raw in noise:
                    publish(topic, raw)
                    sent[0] += 1

    sender = threading.Thread(target=send)
    sender.start()
    try:
        yield sent
    finally:
        over.set()
        sender.join()


def grown(site: Site, before: int) -> list[chain.Entry]:
    """The proven entries after a place."""
    return site.proven_log()[before:]


@pytest.mark.parametrize("target", ["box", "host", "both"])
def test_flood_delays_neither_opening_nor_closing_and_fills_no_log(open_site: Site, target: str) -> None:
    site = open_site
    stranger = site.people.keys["stranger"].kid
    site.reboot()
    before = len(site.proven_log())
    lines = len(site.refusals())
    to_box = topics.box_in(site.site, site.kid, stranger)
    to_host = [topics.host_in(site.site, stranger), topics.box_out(site.site, site.kid)]
    where = {"box": [to_box], "host": to_host, "both": [to_box, *to_host]}[target]
    with flood(site.publish, *where) as sent:
        request = site.ask_for()
        site.approve(request)
        site.wait_open(request)
        site.press(request)
        site.box.advance(61)
        site.box.wait_shutter(BAY, "closed")
        assert site.closed(request)["cause"] == chain.WINDOW_OVER
    assert sent[0] >= 100
    refused = [entry for entry in grown(site, before) if entry.kind == chain.REFUSED]
    assert len(refused) <= limits.REFUSALS_PER_HOUR
    assert len(site.refusals()) - lines <= 100
    assert site.finish(request) == "accepted"
    site.ear.entry(chain.FINISH, site.of(request))
    site.verified()


def test_flood_on_others_topics_ends_at_the_fence(fenced_site: Site) -> None:
    """By somebody of the site, with a login and wrong intentions."""
    site = fenced_site
    assert site.fence is not None
    before, lines = len(site.proven_log()), len(site.refusals())
    dropped = site.box.firmware_log().count("dropped a message")
    liar = site.fence.person(site.people.keys["auditor"].kid.hex())
    liar.start()
    assert liar.wait_connected(WAIT_S), liar.trouble
    others = site.people.keys["first"].kid
    to_box = [topics.box_in(site.site, site.kid, kid) for kid in (others, site.people.host.kid)]
    to_host = [topics.host_in(site.site, others), topics.box_out(site.site, site.kid)]
    try:
        with flood(lambda *said: liar.publish(*said).wait(WAIT_S), *to_box, *to_host) as sent:
            request = site.ask_for()
            site.approve(request)
            site.use(request)
        assert sent[0] >= 100
    finally:
        liar.stop()
    assert [entry for entry in grown(site, before) if entry.kind == chain.REFUSED] == []
    assert len(site.refusals()) == lines
    assert site.box.firmware_log().count("dropped a message") == dropped


def forged(site: Site, first: int, *entries: bytes) -> None:
    """Publish entries as if the box did."""
    item = messages.build_item(messages.ENTRIES, {"first": first, "entries": list(entries)})
    site.publish(topics.box_out(site.site, site.kid), item)


def opening(site: Site, request: Message) -> list[bytes]:
    """Entries that say: opened, pressed twice, closed."""
    about = {"bay": BAY, "request": request.reference}
    now = site.people.now
    return [
        chain.build_entry(
            chain.INTENT, now, {**about, "grant": bytes(32), "spends": 2, "roster": site.version, "people": [2, 3]}
        ),
        chain.build_entry(chain.PRESS, now, {**about, "count": 1}),
        chain.build_entry(chain.CLOSED, now, {**about, "pressed": 2, "given_back": 0, "cause": 1}),
    ]


def intent_alone(site: Site, request: Message) -> list[bytes]:
    return opening(site, request)[:1]


def denial(site: Site, request: Message) -> list[bytes]:
    fields = {"request": request.reference, "verdict": messages.DENY, "person": 4, "message": bytes(32)}
    return [chain.build_entry(chain.DECISION, site.people.now, fields)]


def finish(site: Site, request: Message) -> list[bytes]:
    fields = {"request": request.reference, "reason": 1, "person": 1, "message": bytes(32)}
    return [chain.build_entry(chain.FINISH, site.people.now, fields)]


def clock_set(site: Site, request: Message) -> list[bytes]:
    return [chain.build_entry(chain.TIME, site.people.now, {"utc": 1, "message": bytes(32)})]


def many_boots(site: Site, request: Message) -> list[bytes]:
    fields = {"boot": 9, "cause": 1, "firmware": "0", "clock_set": 1}
    return [chain.build_entry(chain.BOOT, site.people.now, fields)] * limits.ENTRIES_PER_BATCH


@pytest.mark.parametrize("lie", [opening, intent_alone, denial, finish, clock_set, many_boots])
def test_forged_entries_stop_no_request_and_reach_no_proven_log(
    site: Site, lie: Callable[[Site, Message], list[bytes]]
) -> None:
    openings = site.box.openings(BAY)
    request = site.ask_for()
    site.approve(request, "first")
    forged(site, site.people.box.seq + 1, *lie(site, request))
    site.approve(request, "second")
    site.box.cut_power()  # whatever the box says next by itself shows the lie
    site.box.power_on()
    site.use_unheard(request)
    assert site.box.openings(BAY) == openings + 1
    line = site.verified_line(request)
    assert (line["state"], line["pressed"], line["cases"]) == ("used", 2, [])


def test_forged_refusal_of_the_real_grant_costs_time_only(site: Site) -> None:
    openings = site.box.openings(BAY)
    request = site.ask_for()
    site.box.jam(BAY, "closed")
    site.approve(request)
    site.closed(request, cause=chain.JAMMED)
    site.box.unjam(BAY)
    site.box.wait_shutter(BAY, "closed")
    (grant,) = site.ear.heard(messages.GRANT, lambda one: request.raw in one.raw)
    refusal = {"reason": 99, "type": messages.GRANT, "kid": grant.kid, "message": grant.reference, "unlogged": 0}
    forged(site, site.people.box.seq + 1, chain.build_entry(chain.REFUSED, site.people.now, refusal))
    assert site.ready(request) == "accepted"
    site.use_rest(request, 2)
    assert site.box.openings(BAY) >= openings + 1
    site.verified()


def test_forged_checkpoints_and_challenges_prove_nothing(site: Site) -> None:
    request = site.ask_for()
    site.approve(request, "first")
    stranger, out = site.people.keys["stranger"], topics.box_out(site.site, site.kid)
    lie = opening(site, request)
    head, seq = site.people.box.head, site.people.box.seq
    for raw in lie:
        head = chain.next_head(head, raw)
    state = {"boot": 99, "seq": seq + len(lie), "head": head, "clock": site.people.now, "clock_set": 1, "roster": 1}
    forged(site, seq + 1, *lie)
    checkpoint = site.people.sign(stranger, messages.CHECKPOINT, **state, firmware="0")
    challenge = {"bay": BAY, "boot": 99, "nonce": bytes(32), "seq": seq, "head": head, "roster": 1}
    for raw in (checkpoint, site.people.sign(stranger, messages.CHALLENGE, **challenge)):
        site.publish(out, raw)
        site.publish(topics.box_status(site.site, site.kid), raw)
    site.publish(topics.box_status(site.site, site.kid), b"")
    site.approve(request, "second")
    site.box.cut_power()
    site.box.power_on()
    site.use_unheard(request)
    assert site.refusals(reason="unknown_signer", sender=site.kid.hex())
    assert site.verified_line(request)["cases"] == []


def test_old_messages_of_the_box_played_again_change_nothing(site: Site) -> None:
    request = site.ask_for()
    site.approve(request)
    site.use(request)
    head, proven = site.people.box.head, len(site.proven_log())
    for heard in site.ear.on(topics.box_out(site.site, site.kid))[-30:]:
        site.publish(topics.box_out(site.site, site.kid), heard)
    again = site.ask_for()
    site.approve(again)
    site.use(again)
    assert len(site.proven_log()) > proven
    assert site.people.box.head != head
    assert site.verified_line(again)["pressed"] == 2
