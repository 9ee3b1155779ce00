"""The process ends between any two steps: what was committed goes on, what was not comes again."""

from __future__ import annotations

import pytest
from sealhost.services.host import Host
from sealhost.store import outbox
from sealwire import chain, messages, topics
from sqlalchemy.exc import IntegrityError

from tests.host.village import Village


def restart(village: Village) -> None:
    """A new process on the same database."""
    village.context.rosters.clear()
    village.service = Host(village.context)
    village._publish(village.service.reconnected())
    village.run()


def handle_and_crash(village: Village, who: str, raw: bytes) -> None:
    """The host commits a message, and ends before anything is sent."""
    village.service.handle(topics.host_in(village.site, village.keys[who].kid), raw)


def test_crash_after_the_last_approval_was_stored_still_opens_once(village: Village):
    request = village.request()
    village.tell("keeper", request)
    village.tell("first", village.decide("first", request))
    handle_and_crash(village, "second", village.decide("second", request))
    assert village.box.opened == []
    restart(village)
    assert village.box.opened == [village.reference(request)]
    assert village.state(request) == "finished"


def test_grant_that_was_stored_but_not_sent_is_sent_by_the_next_process(village: Village):
    village.box_listens = False
    request = village.approved()
    village.box_listens = True
    village.now += 10
    village._publish(village.service.tick())  # asks; the box answers with its challenge
    ((topic, challenge),) = village._to_host
    village._to_host.clear()
    village.service.handle(topic, challenge)  # the grant is stored; the process ends
    with village.database.read() as tx:
        (grant,) = outbox.grants(tx, village.site, village.reference(request))
    assert village.box.grants == []
    restart(village)
    assert village.box.grants == [grant.raw]
    assert village.box.opened == [village.reference(request)]


def test_same_challenge_is_answered_by_the_same_bytes_however_often_it_is_shown(village: Village):
    village.box_listens = False
    request = village.approved()
    challenge = village.box._challenge(1)
    for _ in range(3):
        village.box._say(challenge)
        village.run()
        restart(village)
    with village.database.read() as tx:
        assert len(outbox.grants(tx, village.site, village.reference(request))) == 1
    sent = {send.payload for send in village.sent if send.topic.endswith(f"in/{village.host.kid.hex()}")}
    grants = [raw for raw in sent if raw[:1] == b"\xd2" and village.message(raw).name == "grant"]
    assert len(grants) == 1


def test_new_challenge_makes_a_new_grant_and_the_old_one_is_sent_no_more(village: Village):
    village.box_listens = False
    request = village.approved()
    village.box._say(village.box._challenge(1))
    village.run()
    village.box.challenges.clear()
    village.box._say(village.box._challenge(1))
    village.run()
    with village.database.read() as tx:
        first, second = outbox.grants(tx, village.site, village.reference(request))
        assert (first.state, second.state) == ("dropped", "alive")
        assert not outbox.waits_for(tx, village.site, first.reference)


def test_database_itself_refuses_a_second_grant_for_a_nonce(village: Village):
    values = {"site": village.site, "request": bytes(32), "nonce": bytes(32), "raw": b"", "made": 0, "ready": False}
    with village.database.write() as tx:
        outbox.add_grant(tx, reference=b"a" * 32, state="alive", reason=0, **values)
        outbox.add_grant(tx, reference=b"b" * 32, state="dropped", reason=0, **values)
    with pytest.raises(IntegrityError), village.database.write() as tx:
        outbox.add_grant(tx, reference=b"c" * 32, state="alive", reason=0, **values)


def test_box_whose_answer_was_lost_is_not_opened_twice(village: Village):
    village.box.silent = False
    village.box.press_and_close = False
    request = village.approved()
    assert len(village.box.opened) == 1
    village._to_host.clear()
    restart(village)
    village.now += 400
    village.run()
    assert village.box.opened == [village.reference(request)]


def test_interrupted_opening_leaves_nothing_to_spend(village: Village):
    village.box.press_and_close = False
    request = village.approved()
    village.box.start()  # the power was cut while it was open
    village.box.hello()
    village.run()
    assert (village.state(request), village.shown(request)["spent"]) == ("finished", 2)


def test_inboxes_are_retained_again_when_the_broker_forgot_them(village: Village):
    request = village.request()
    village.tell("keeper", request)
    village.retained.clear()
    restart(village)
    assert village.inbox("first") == [request]


def test_denial_after_the_grant_reaches_the_box_until_its_log_names_it(village: Village):
    village.box_listens = False
    request = village.approved()
    village.box._say(village.box._challenge(1))
    village.run()
    assert village.state(request) == "granted"
    assert village.tell("third", village.decide("third", request, messages.DENY)) == "accepted"
    assert village.state(request) == "denied"
    village.box_listens = True
    village.now += 6
    village.run()
    assert village.box.opened == []
    assert chain.DECISION in [chain.read_entry(raw).kind for raw in village.box.entries]
    with village.database.read() as tx:
        assert outbox.due(tx, village.now + 80_000) == []


def test_grant_that_was_refused_for_a_passing_reason_is_tried_again_with_the_same_bytes(village: Village):
    village.box.jammed = True
    request = village.approved()
    assert (village.box.opened, village.box.refusals) == ([], ["bay_jammed"])
    assert village.shown(request)["reason"] == "bay_jammed"
    village.box.jammed = False
    village.now += 15
    village.run()
    assert village.box.opened == [village.reference(request)]
    assert village.box.grants[0] == village.box.grants[1]
    assert village.shown(request)["reason"] is None
