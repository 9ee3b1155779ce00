"""What a stranger on the broker can send in somebody's place: it costs nobody their answer, and delays nothing."""

from __future__ import annotations

import hashlib

import pytest
from sealhost.signing import keys
from sealhost.store import sites
from sealwire import chain, errors, messages, topics

from tests.host.village import People, Village


def mangled(raw: bytes) -> bytes:
    """The same message with another signature: it has the same reference."""
    return raw[:-40] + bytes([raw[-40] ^ 1]) + raw[-39:]


def receipts(village: Village, who: str) -> list[tuple[bytes, str]]:
    """(reference, result) of all receipts in somebody's inbox."""
    inbox = topics.inbox(village.site, village.keys[who].kid)
    read = [village.message(send.payload) for send in village.sent if send.topic == inbox]
    return [(one["reference"], errors.name_of(one["result"])) for one in read if one.number == messages.RECEIPT]


def test_mangled_copy_is_answered_by_its_bytes_and_never_by_the_reference_of_the_message(village: Village):
    raw = village.request()
    assert village.tell("keeper", mangled(raw)) == "bad_signature"
    assert receipts(village, "keeper") == [(hashlib.sha256(mangled(raw)).digest(), "bad_signature")]
    assert village.tell("keeper", raw) == "accepted"
    assert receipts(village, "keeper")[-1] == (village.reference(raw), "accepted")


def test_what_is_refused_before_its_signature_is_checked_is_answered_by_its_bytes(village: Village):
    for who, raw in (("keeper", village.request(roster=2)), ("authority", village.roster(2, by=keys.generate()))):
        village.tell(who, raw)
    assert receipts(village, "keeper") == [(hashlib.sha256(village.request(roster=2)).digest(), "newer_roster")]
    stranger = keys.generate()
    raw = village.request(stranger)
    village.tell(stranger, raw)
    assert village.message(village.sent[-1].payload)["reference"] == hashlib.sha256(raw).digest()


def test_what_is_refused_for_what_it_says_is_answered_by_its_reference(village: Village):
    raw = village.request(impressions=6)
    assert village.tell("keeper", raw) == "too_many_impressions"
    assert receipts(village, "keeper") == [(village.reference(raw), "too_many_impressions")]


def test_message_of_another_site_is_answered_by_its_bytes(village: Village):
    other = People(b"other site here!")
    other.authority, other.keys, other.spare = village.authority, village.keys, village.spare
    with village.context.turn() as turn:
        sites.add(turn.tx, other.site, "邻村", [other.authority.public_key], 1, village.now)
    village.service.handle(topics.host_in(other.site, other.authority.kid), other.roster())
    raw = other.request(box=village.box.kid)
    assert village.tell("keeper", raw) == "wrong_site"
    assert receipts(village, "keeper") == [(hashlib.sha256(raw).digest(), "wrong_site")]


def test_genuine_message_under_another_topic_gets_no_receipt_that_could_be_carried_to_its_signer(village: Village):
    raw = village.request()
    assert village.tell("first", raw) == "silence"
    assert receipts(village, "first") == []
    assert village.tell("keeper", raw) == "accepted"


# --- what waits for a box ---


def denied_while_open(village: Village) -> tuple[bytes, bytes]:
    """(request, denial): the bay is open, an officer denies, and the box is out of reach."""
    village.box.press_and_close = False
    request = village.approved()
    assert village.box.opened
    village.box_listens = False
    denial = village.decide("first", request, messages.DENY)
    assert village.tell("first", denial) == "accepted"
    return request, denial


def sent_to_box(village: Village, raw: bytes, after_s: int = 0) -> int:
    """How often a message is published to the box, once so much time has passed."""
    before = len(village.sent)
    village.now += after_s
    village.run()
    topic = topics.box_in(village.site, village.box.kid, village.host.kid)
    return [(send.topic, send.payload) for send in village.sent[before:]].count((topic, raw))


def forge(village: Village, request: bytes, denial: bytes) -> None:
    """An entry that the box did not write, as if it had the denial."""
    fields = {"request": village.reference(request), "verdict": 2, "person": 2, "message": village.reference(denial)}
    entry = chain.build_entry(chain.DECISION, village.now, fields)
    item = messages.build_item(messages.ENTRIES, {"first": village.box.seq + 1, "entries": [entry]})
    village.service.handle(topics.box_out(village.site, village.box.kid), item)


@pytest.mark.parametrize("reason", ["too_fast", "newer_roster", "no_roster", "bay_busy", "log_full", "flash_failed"])
def test_refusal_that_may_pass_does_not_end_the_sending(village: Village, reason: str):
    _, denial = denied_while_open(village)
    number = getattr(errors, reason.upper())
    village.box.write(chain.REFUSED, reason=number, message=village.reference(denial), unlogged=0)
    village.box.hello()
    village.run()
    assert village.views.boxes(village.site)[0]["proven_seq"] == village.box.seq
    assert sent_to_box(village, denial, 300) == 1


def test_last_word_of_a_box_ends_the_sending_once_it_is_proven(village: Village):
    _, denial = denied_while_open(village)
    reference = village.reference(denial)
    village.box.write(chain.REFUSED, reason=errors.SIGNER_NOT_VALID, message=reference, unlogged=0)
    assert sent_to_box(village, denial, 300) == 1
    village.box.hello()
    village.run()
    assert sent_to_box(village, denial, 300) == 0


def test_forged_entry_that_names_a_denial_holds_it_back_for_minutes_at_most(village: Village):
    request, denial = denied_while_open(village)
    forge(village, request, denial)
    assert sent_to_box(village, denial, 20) == 0
    assert sent_to_box(village, denial, 300) == 1


def test_what_a_forged_entry_held_back_is_sent_at_once_when_the_box_writes_another_entry(village: Village):
    request, denial = denied_while_open(village)
    forge(village, request, denial)
    village.box.write(chain.POWER, what=2)
    assert sent_to_box(village, denial) == 1


def test_what_a_forged_entry_held_back_is_sent_at_once_when_a_challenge_contradicts_it(village: Village):
    request, denial = denied_while_open(village)
    forge(village, request, denial)
    village.box.write(chain.POWER, announce=False, what=2)
    village.box.receive(messages.build_item(messages.ASK, {"bay": 2}))
    assert sent_to_box(village, denial) == 1


def test_forged_intent_holds_a_grant_back_no_longer_than_its_window(village: Village):
    village.box_listens = False
    request = village.approved()
    village.box.receive(messages.build_item(messages.ASK, {"bay": 1}))
    village.run()
    (grant,) = [
        send.payload for send in village.sent if send.payload[:1] == b"\xd2" and is_grant(village, send.payload)
    ]
    fields = {"bay": 1, "request": village.reference(request), "grant": village.reference(grant), "spends": 2}
    entry = chain.build_entry(chain.INTENT, village.now, {**fields, "roster": 1, "people": [2, 3]})
    item = messages.build_item(messages.ENTRIES, {"first": village.box.seq + 1, "entries": [entry]})
    village.service.handle(topics.box_out(village.site, village.box.kid), item)
    assert village.state(request) == "open"
    village.box_listens = True
    village.now += 125
    village.run()
    assert village.box.opened == [village.reference(request)]
    assert village.state(request) == "finished"


def is_grant(village: Village, raw: bytes) -> bool:
    """Whether these bytes are a grant."""
    return village.message(raw).number == messages.GRANT


def test_forged_finish_ends_nothing_for_long(village: Village):
    village.box_listens = False
    request = village.approved()
    fields = {"request": village.reference(request), "reason": 0, "person": 1, "message": bytes(32)}
    entry = chain.build_entry(chain.FINISH, village.now, fields)
    item = messages.build_item(messages.ENTRIES, {"first": village.box.seq + 1, "entries": [entry]})
    village.service.handle(topics.box_out(village.site, village.box.kid), item)
    village.box_listens = True
    village.now += 60
    village.run()
    assert (village.state(request), village.box.opened) == ("finished", [])
    village.now += 700
    village.run()
    assert village.box.opened == [village.reference(request)]
