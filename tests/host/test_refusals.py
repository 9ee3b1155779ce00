"""Every refusal by its name, in the receipt to whoever sent it; and the next good message works."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sealhost.signing import keys
from sealhost.store import sites
from sealhost.store.models import Message as MessageRow
from sealwire import chain, errors, messages, topics
from sealwire.messages import APPROVE, DENY, WITHDRAW
from sqlalchemy import func, select

from tests.host.village import DAY, People, Village, rule

REQUESTS: dict[str, tuple[str, dict[str, Any]]] = {
    "a box that the roster does not list": ("unknown_box", {"box": bytes(16)}),
    "a bay that the box does not have": ("unknown_bay", {"bay": 3}),
    "another rule's digest": ("rule_changed", {"rule": messages.rule_digest(rule(impressions=4))}),
    "an unknown matter": ("unknown_matter", {"matter": 999}),
    "too many impressions": ("too_many_impressions", {"impressions": 6}),
    "a newer roster": ("newer_roster", {"roster": 2}),
    "an anchor on another log": ("unanchored", {"anchor_head": bytes(32)}),
}
TIMES: dict[str, tuple[str, Callable[[int], dict[str, Any]]]] = {
    "created ahead of time": (
        "time_ahead",
        lambda now: {"created": now + 601, "expires": now + 700, "attended": now + 700},
    ),
    "expired": ("waiting_expired", lambda now: {"created": now - 100, "expires": now - 1, "attended": now}),
    "ends before it begins": ("times_out_of_order", lambda now: {"expires": now}),
    "waits too long": ("waits_too_long", lambda now: {"expires": now + DAY + 1}),
}


def stored(village: Village) -> int:
    """How many messages are kept."""
    with village.database.read() as tx:
        return tx.execute(select(func.count()).select_from(MessageRow)).scalar_one()


@pytest.mark.parametrize("case", REQUESTS)
def test_request_is_refused_for(case: str, village: Village):
    reason, changes = REQUESTS[case]
    before = stored(village)
    assert village.tell("keeper", village.request(**changes)) == reason
    assert stored(village) == before
    assert village.tell("keeper", village.request()) == "accepted"


@pytest.mark.parametrize("case", TIMES)
def test_request_is_refused_when(case: str, village: Village):
    reason, changes = TIMES[case]
    assert village.tell("keeper", village.request(**changes(village.now))) == reason
    assert village.tell("keeper", village.request()) == "accepted"


def test_request_by_a_stranger_or_by_somebody_without_the_role_is_refused(village: Village):
    stranger = keys.generate()
    assert village.tell(stranger, village.request(stranger)) == "unknown_signer"
    assert village.tell("first", village.request("first")) == "wrong_role"


def test_forged_signature_is_refused(village: Village):
    raw = bytearray(village.request())
    raw[-40] ^= 1
    assert village.tell("keeper", bytes(raw)) == "bad_signature"


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "truncated"),
        (b"garbage", "not_sign1"),
        (b"\xd2\x84", "bad_protected_header"),
        (bytes(8193), "too_large"),
        (messages.build_item(messages.ASK, {"bay": 1}), "not_sign1"),
    ],
)
def test_garbage_is_refused_under_the_digest_of_what_came(village: Village, raw: bytes, reason: str):
    assert village.tell("keeper", raw) == reason
    receipt = messages.read(village.sent[-1].payload, village.site)
    assert receipt["reference"] == hashlib.sha256(raw).digest()
    assert village.tell("keeper", village.request()) == "accepted"


def test_half_and_overlong_messages_and_unexpected_types_are_refused(village: Village):
    raw = village.request()
    assert village.tell("keeper", raw[:-1]) == "truncated"
    assert village.tell("keeper", raw + b"\0") == "trailing_bytes"
    ack = village.sign("keeper", messages.ACK, box=village.box.kid, seq=0, head=bytes(32))
    assert village.tell("keeper", ack) == "unexpected_type"


def test_message_of_another_site_of_this_host_is_named_as_such(village: Village, tmp_path: Path):
    other = People(b"other site here!")
    other.authority, other.keys, other.spare = village.authority, village.keys, village.spare
    with village.context.turn() as turn:
        sites.add(turn.tx, other.site, "邻村", [other.authority.public_key], 1, village.now)
    village.service.handle(topics.host_in(other.site, other.authority.kid), other.roster())
    assert village.tell("keeper", other.request(box=village.box.kid)) == "wrong_site"


def decided(village: Village, who: str, verdict: int = APPROVE, **changes: Any) -> tuple[bytes, str]:
    """A request, and what becomes of a decision on it."""
    request = village.request()
    village.tell("keeper", request)
    return request, village.tell(who, village.decide(who, request, verdict, **changes))


def test_same_officer_twice_is_counted_once(village: Village):
    request, result = decided(village, "first")
    assert result == "accepted"
    again = village.decide("first", request, decided=village.now - 1)
    assert village.tell("first", again) == "counted_twice"
    assert village.state(request) == "waiting"


def test_two_keys_of_one_person_are_one_person(village: Village):
    request, _ = decided(village, "first")
    spare = village.spare["first"]
    assert village.tell(spare, village.decide(spare, request)) == "counted_twice"


def test_keeper_who_is_an_officer_too_cannot_approve_their_own_request(village: Village):
    request = village.request("other keeper")
    assert village.tell("other keeper", request) == "accepted"
    assert village.tell("other keeper", village.decide("other keeper", request)) == "own_request"
    spare = village.spare["other keeper"]
    assert village.tell(spare, village.decide(spare, request)) == "own_request"


def test_somebody_who_is_not_asked_cannot_decide(village: Village):
    assert decided(village, "auditor")[1] == "not_in_group"


def test_decision_on_nothing_known_is_refused(village: Village):
    assert village.tell("first", village.decide("first", village.request())) == "unknown_request"


def test_decision_whose_time_is_more_than_ten_minutes_off_is_refused(village: Village):
    assert decided(village, "first", decided=village.now + 601)[1] == "time_ahead"
    assert decided(village, "first", decided=village.now - 601)[1] == "decided_outside_time"


def test_decision_by_a_newer_roster_waits_for_it(village: Village):
    assert decided(village, "first", roster=2)[1] == "newer_roster"


def test_substitute_of_oneself_and_too_long_ones_are_refused(village: Village):
    span = {"from": village.now, "until": village.now + DAY, "roster": 1}
    refused = {
        "substitute_of_oneself": {"person": 2},
        "no_substitute": {"person": 77},
        "substitute_period": {"person": 3, "until": village.now + 32 * DAY},
    }
    for reason, changes in refused.items():
        assert village.tell("first", village.sign("first", messages.SUBSTITUTE, **{**span, **changes})) == reason
    assert decided(village, "first", **{"for": 2})[1] == "substitute_of_oneself"
    assert decided(village, "first", **{"for": 3})[1] == "no_substitute"


def test_voices_after_a_denial_or_withdrawal_are_refused(village: Village):
    request, _ = decided(village, "first", WITHDRAW)
    assert village.tell("first", village.decide("first", request)) == "already_decided"
    assert village.tell("first", village.decide("first", request, DENY)) == "accepted"
    assert village.tell("second", village.decide("second", request)) == "denied"


def test_ready_and_finish_of_another_keeper_are_refused(village: Village):
    village.box_listens = False
    request = village.approved()
    reference = village.reference(request)
    village.box_listens = True
    finish = village.sign("other keeper", messages.FINISH, request=reference, reason=0)
    assert village.tell("other keeper", finish) == "other_keeper"
    nonce = bytes(32)
    ready = village.sign("keeper", messages.READY, request=reference, nonce=nonce)
    assert village.tell("keeper", ready) == "stale_nonce"


def test_rosters_that_may_not_follow_are_refused(village: Village):
    stranger = keys.generate()
    assert village.tell(stranger, village.roster(2, by=stranger)) == "unknown_signer"
    assert village.tell("authority", village.roster(1, issued=village.now - 5)) == "roster_step"
    assert village.tell("authority", village.roster(1002)) == "roster_step"
    doubled = village.message(village.roster())["people"]
    assert village.tell("authority", village.roster(2, people=[*doubled, doubled[0]])) == "duplicate_person"
    assert village.tell("authority", village.roster(3)) == "accepted"
    assert village.tell("authority", village.roster(2)) == "roster_step"


def test_roster_of_two_authority_keys_waits_for_the_second(village: Village):
    second = keys.generate()
    both = [village.authority.public_key, second.public_key]
    assert village.tell("authority", village.roster(2, authority=both, threshold=2)) == "accepted"
    fields: dict[str, Any] = {"authority": both, "threshold": 2, "issued": village.now}
    assert village.tell("authority", village.roster(3, **fields)) == "accepted"
    assert village.views.roster(village.site)["version"] == 2
    assert village.tell(second, village.roster(3, by=second, **fields)) == "accepted"
    assert village.views.roster(village.site)["version"] == 3
    assert len(village.views.roster(village.site)["messages"]) == 2


def test_before_the_first_roster_everything_is_refused_but_the_authoritys(database_url: str):
    village = Village(database_url)
    assert village.tell("keeper", village.request()) == "no_roster"
    village.begin()
    assert village.tell("keeper", village.request()) == "accepted"


def test_same_message_again_gets_the_same_receipt_and_counts_once(village: Village):
    request = village.request()
    village.tell("keeper", request)
    village.now += 30
    assert village.tell("keeper", request) == "accepted"
    inbox = topics.inbox(village.site, village.keys["keeper"].kid)
    first, second = [send.payload for send in village.sent if send.topic == inbox]
    assert first == second
    assert len(village.views.requests(village.site)) == 1


def test_noisy_sender_gets_ever_fewer_receipts_and_others_are_served(village: Village):
    results = [village.tell("keeper", b"garbage %d" % number, run=False) for number in range(100)]
    assert results[0] == "not_sign1"
    assert 0 < results.count("not_sign1") <= 25
    assert village.tell("other keeper", village.request("other keeper")) == "accepted"
    assert village.tell("keeper", village.request()) == "accepted"


# --- what comes from boxes ---


def from_box(village: Village, payload: bytes, last: str = "out") -> None:
    topic = (
        topics.box_out(village.site, village.box.kid)
        if last == "out"
        else topics.box_status(village.site, village.box.kid)
    )
    village._publish(village.service.handle(topic, payload))


def test_forged_entries_are_dropped_and_the_true_ones_fetched(village: Village):
    forged = chain.build_entry(chain.POWER, village.now, {"what": 1})
    item = messages.build_item(messages.ENTRIES, {"first": village.box.seq + 1, "entries": [forged]})
    from_box(village, item)
    request = village.approved()
    assert village.state(request) == "finished"
    (box,) = village.views.boxes(village.site)
    assert box["proven_head"] == village.box.head.hex()


def test_forged_intent_is_not_believed(village: Village):
    village.box_listens = False
    request = village.approved()
    fields = {
        "bay": 1,
        "request": village.reference(request),
        "grant": bytes(32),
        "spends": 2,
        "roster": 1,
        "people": [2],
    }
    forged = chain.build_entry(chain.INTENT, village.now, fields)
    from_box(village, messages.build_item(messages.ENTRIES, {"first": village.box.seq + 1, "entries": [forged]}))
    assert (village.state(request), village.shown(request)["proven"]) == ("open", False)
    village.box_listens = True
    village.box.start()
    village.box.hello()
    for _ in range(3):
        village.now += 10
        village.run()
    assert village.box.opened == [village.reference(request)]
    assert village.state(request) == "finished"


def test_checkpoint_that_contradicts_the_stored_log_is_refused_and_kept(village: Village):
    fields = {"boot": 1, "clock": village.now, "clock_set": 1, "roster": 1, "firmware": "fake"}
    raw = village.box.sign(messages.CHECKPOINT, seq=2, head=bytes(32), **fields)
    acks = len(village.sent)
    from_box(village, raw)
    assert len(village.sent) == acks
    (box,) = village.views.boxes(village.site)
    assert box["proven_head"] == village.box.head.hex()


def test_no_grant_for_a_challenge_that_does_not_continue_the_stored_log(village: Village):
    village.box_listens = False
    request = village.approved()
    raw = village.box.sign(
        messages.CHALLENGE, bay=1, boot=1, nonce=bytes(32), seq=village.box.seq, head=bytes(32), roster=1
    )
    from_box(village, raw)
    village.run()
    assert village.state(request) == "approved"


def test_log_of_a_box_of_another_authority_is_not_taken(database_url: str):
    village = Village(database_url)
    stranger = keys.generate()
    village.box.entries[0] = chain.build_entry(
        chain.ORIGIN, village.now,
        {"box": village.box.kid * 2, "site": village.site, "authority": [stranger.public_key], "threshold": 1},
    )  # fmt: skip
    village.box.head = chain.genesis(village.site)
    for raw in village.box.entries:
        village.box.head = chain.next_head(village.box.head, raw)
    village.begin()
    (box,) = village.views.boxes(village.site)
    assert box["proven_seq"] == 0


def test_garbage_from_a_box_changes_nothing(village: Village):
    before = village.views.boxes(village.site)
    for raw in (b"", b"\xa0", b"\xa1\x00\x02", b"\xd2\x84", bytes(9000), village.request()):
        from_box(village, raw)
        if raw:
            from_box(village, raw, "status")
    assert village.views.boxes(village.site) == before
    assert village.state(village.approved()) == "finished"


def test_every_reason_that_a_receipt_gave_has_a_name():
    assert "unknown_reason" not in {errors.name_of(number) for number in errors.names()}
