"""What a box refuses by itself, whoever holds the host's key: each grant here is signed with the real host key and sent
over a real broker.

Each case says which named reason the box gives, and that its shutter did not move. The messages inside are made by the
right people with the right keys wherever the case is not about them.
"""

import hashlib
from collections.abc import Callable

import pytest
from sealwire import chain, messages
from sealwire.messages import Message

from tests.system.stage import COMMITTEE, PARTY, Stage


def one_decision_too_few(stage: Stage) -> Message:
    request = stage.request()
    return stage.grant(request, [stage.decision(request, 0)])


def two_decisions_of_one_person(stage: Stage) -> Message:
    request = stage.request()
    return stage.grant(request, [stage.decision(request, 0), stage.decision(request, stage.second_phone)])


def the_same_decision_twice(stage: Stage) -> Message:
    request = stage.request()
    return stage.grant(request, [stage.decision(request, 0)] * 2)


def decisions_for_another_request(stage: Stage) -> Message:
    return stage.grant(stage.request(), stage.approvals(stage.request(details=bytes([1] * 32))))


def decision_of_the_keeper_on_their_own_request(stage: Stage) -> Message:
    request = stage.request()
    return stage.grant(request, [stage.decision(request, 0), stage.decision(request, stage.spare)])


def decision_of_somebody_without_the_role(stage: Stage) -> Message:
    request = stage.request()
    return stage.grant(request, [stage.decision(request, 0), stage.decision(request, stage.auditor)])


def decision_of_a_stranger(stage: Stage) -> Message:
    request = stage.request()
    return stage.grant(request, [stage.decision(request, 0), stage.decision(request, stage.stranger)])


def decision_with_a_broken_signature(stage: Stage) -> Message:
    request = stage.request()
    broken = stage.decision(request, 1)
    return stage.grant(request, [stage.decision(request, 0), broken[:-1] + bytes([broken[-1] ^ 1])])


def decision_after_waiting_ended(stage: Stage) -> Message:
    request = stage.request(created=stage.now() - 3000, expires=stage.now() - 2000, attended=stage.now() + 600)
    return stage.grant(request, stage.approvals(request))


def decision_from_the_future(stage: Stage) -> Message:
    request = stage.request()
    late = stage.decision(request, 1, decided=stage.now() + 900)
    return stage.grant(request, [stage.decision(request, 0), late])


def decision_under_a_newer_roster(stage: Stage) -> Message:
    request = stage.request()
    newer = stage.decision(request, 1, roster=stage.version + 1)
    return stage.grant(request, [stage.decision(request, 0), newer])


def substitute_without_their_message(stage: Stage) -> Message:
    request = stage.request()
    acting = stage.decision(request, stage.auditor, **{"for": 3})
    return stage.grant(request, [stage.decision(request, 0), acting])


def substitute_of_oneself(stage: Stage) -> Message:
    request = stage.request()
    return stage.grant(request, [stage.decision(request, 0), stage.decision(request, 1, **{"for": 3})])


def substitute_who_also_approves(stage: Stage) -> Message:
    request = stage.request()
    fields = {"person": 3, "from": stage.now() - 60, "until": stage.now() + 60, "roster": stage.version}
    stand_in = stage.officers[0].build(messages.SUBSTITUTE, fields, stage.site)
    both = [stage.decision(request, 1), stage.decision(request, 1, **{"for": 2})]
    return stage.grant(request, both, substitutes=[stand_in])


def request_of_an_officer(stage: Stage) -> Message:
    request = stage.request(signer=stage.officers[2])
    return stage.grant(request, stage.approvals(request))


def too_many_impressions(stage: Stage) -> Message:
    request = stage.request(impressions=6)
    return stage.grant(request, stage.approvals(request))


def matter_of_another_rule(stage: Stage) -> Message:
    request = stage.request(matter=201)
    return stage.grant(request, stage.approvals(request))


def weaker_rule_of_another_bay(stage: Stage) -> Message:
    request = stage.request(bay=PARTY)
    return stage.grant(request, stage.approvals(request))


def no_longer_attended_without_ready(stage: Stage) -> Message:
    request = stage.request(created=stage.now() - 600, attended=stage.now() - 60)
    return stage.grant(request, stage.approvals(request))


def use_time_over(stage: Stage) -> Message:
    long_ago = stage.now() - 2 * 86400
    request = stage.request(created=long_ago, expires=long_ago + 3600, attended=stage.now() - 90000)
    decisions = [stage.decision(request, officer, decided=long_ago + 60) for officer in (0, 1)]
    nonce = stage.ask()["nonce"]
    return stage.grant(request, decisions, nonce, stage.ready(request, nonce))


def anchor_of_another_log(stage: Stage) -> Message:
    request = stage.request(anchor_seq=1, anchor_head=hashlib.sha256(b"another log").digest())
    return stage.grant(request, stage.approvals(request))


def anchor_in_the_future(stage: Stage) -> Message:
    request = stage.request(anchor_seq=4000, anchor_head=bytes(32))
    return stage.grant(request, stage.approvals(request))


def nonce_never_issued(stage: Stage) -> Message:
    request = stage.request()
    return stage.grant(request, stage.approvals(request), nonce=bytes(32))


def nonce_of_another_bay(stage: Stage) -> Message:
    request = stage.request()
    return stage.grant(request, stage.approvals(request), nonce=stage.ask(PARTY)["nonce"])


def ready_of_another_challenge(stage: Stage) -> Message:
    request = stage.request()
    return stage.grant(request, stage.approvals(request), ready=stage.ready(request, bytes(32)))


def ready_of_another_person(stage: Stage) -> Message:
    request, nonce = stage.request(), stage.ask()["nonce"]
    return stage.grant(request, stage.approvals(request), nonce, stage.ready(request, nonce, stage.officers[2]))


def another_box(stage: Stage) -> Message:
    request = stage.request(box=bytes(16))
    return stage.grant(request, stage.approvals(request), nonce=stage.ask()["nonce"])


def request_under_a_newer_roster(stage: Stage) -> Message:
    request = stage.request(roster=stage.version + 1)
    return stage.grant(request, stage.approvals(request))


def grant_by_an_officers_key(stage: Stage) -> Message:
    request = stage.request()
    return stage.grant(request, stage.approvals(request), signer=stage.officers[0])


def grant_with_a_broken_signature(stage: Stage) -> Message:
    request = stage.request()
    good = stage.grant(request, stage.approvals(request))
    return messages.read(good.raw[:-1] + bytes([good.raw[-1] ^ 1]), stage.site)


CASES: list[tuple[Callable[[Stage], Message], str]] = [
    (one_decision_too_few, "too_few_approvals"),
    (two_decisions_of_one_person, "counted_twice"),
    (the_same_decision_twice, "counted_twice"),
    (decisions_for_another_request, "other_request"),
    (decision_of_the_keeper_on_their_own_request, "own_request"),
    (decision_of_somebody_without_the_role, "not_in_group"),
    (decision_of_a_stranger, "unknown_signer"),
    (decision_with_a_broken_signature, "bad_signature"),
    (decision_after_waiting_ended, "decided_outside_time"),
    (decision_from_the_future, "time_ahead"),
    (decision_under_a_newer_roster, "newer_roster"),
    (substitute_without_their_message, "no_substitute"),
    (substitute_of_oneself, "substitute_of_oneself"),
    (substitute_who_also_approves, "counted_twice"),
    (request_of_an_officer, "wrong_role"),
    (too_many_impressions, "too_many_impressions"),
    (matter_of_another_rule, "unknown_matter"),
    (weaker_rule_of_another_bay, "rule_changed"),
    (no_longer_attended_without_ready, "not_attended"),
    (use_time_over, "use_expired"),
    (anchor_of_another_log, "unanchored"),
    (anchor_in_the_future, "unanchored"),
    (nonce_never_issued, "stale_nonce"),
    (nonce_of_another_bay, "wrong_bay"),
    (ready_of_another_challenge, "stale_nonce"),
    (ready_of_another_person, "other_keeper"),
    (another_box, "wrong_box"),
    (request_under_a_newer_roster, "newer_roster"),
    (grant_by_an_officers_key, "unknown_signer"),
    (grant_with_a_broken_signature, "bad_signature"),
]


def assert_refused(stage: Stage, grant: Message, reason: str) -> None:
    stage.send(grant.raw)
    assert stage.refused(grant) == reason
    assert not stage.log(chain.INTENT)
    assert stage.box.openings(COMMITTEE) == stage.box.openings(PARTY) == 0


def test_box_refuses_every_bad_grant_by_name_and_the_next_good_one_opens(stage: Stage) -> None:
    for number, (make, reason) in enumerate(CASES):
        if number % 6 == 0:
            stage.next_hour()
        assert_refused(stage, make(stage), reason)
    stage.open()


def test_message_of_another_site_is_refused(stage: Stage) -> None:
    request = stage.request()
    stage.send(stage.grant(request, stage.approvals(request), site=bytes(16)).raw)
    entry = stage.wait_entry(chain.REFUSED)
    assert entry["reason"] in (40, 42)
    assert not stage.log(chain.INTENT)


@pytest.mark.parametrize("noise", [b"\x00", b"\xff" * 300, bytes(8192), b"\xd2\x84" + bytes(100), b"{}"])
def test_garbage_costs_an_entry_and_nothing_else(stage: Stage, noise: bytes) -> None:
    stage.send(noise)
    stage.wait_entry(chain.REFUSED)
    stage.open()
