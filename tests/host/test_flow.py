"""The way of a request through the host, with a database on disk and a box that signs for real."""

from __future__ import annotations

from sealwire import messages, topics

from tests.host.village import MATTER, Village, rule


def test_a_box_that_connects_is_given_the_roster_and_its_log_is_stored_and_acked(village: Village):
    assert village.box.roster is not None
    assert village.box.acked == village.box.seq
    (box,) = village.views.boxes(village.site)
    assert (box["proven_seq"], box["proven_head"]) == (village.box.seq, village.box.head.hex())


def test_an_approved_request_opens_the_box_once_and_ends_finished(village: Village):
    request = village.request()
    assert village.tell("keeper", request) == "accepted"
    assert village.tell("first", village.decide("first", request)) == "accepted"
    assert village.state(request) == "waiting"
    assert village.box.opened == []
    assert village.tell("second", village.decide("second", request)) == "accepted"
    assert village.box.opened == [village.reference(request)]
    shown = village.shown(request)
    assert (shown["state"], shown["proven"], shown["pressed"], shown["spent"]) == ("finished", True, 2, 2)
    assert village.box.acked == village.box.seq
    assert village.box.refusals == []


def test_the_decision_that_meets_the_rule_has_the_box_asked_at_once_and_no_other_does(village: Village):
    request = village.request()
    ask = messages.build_item(messages.ASK, {"bay": 1})
    village.box_listens = False
    for who, raw in (("keeper", request), ("first", village.decide("first", request))):
        village.tell(who, raw, run=False)
    assert ask not in [send.payload for send in village.sent]
    village.tell("second", village.decide("second", request), run=False)
    assert [send.payload for send in village.sent].count(ask) == 1
    village.run()  # what time looks at finds it asked already
    assert [send.payload for send in village.sent].count(ask) == 1


def test_an_open_bay_is_shown_open_before_it_is_proven(village: Village):
    village.box.press_and_close = False
    request = village.approved()
    assert (village.state(request), village.shown(request)["proven"]) == ("open", False)
    village.box.close(1, 2, 2)
    village.run()
    assert (village.state(request), village.shown(request)["proven"]) == ("finished", True)


def test_officers_who_can_decide_have_the_request_retained_until_it_is_decided(village: Village):
    request = village.request()
    village.tell("keeper", request)
    assert village.inbox("first") == village.inbox("third") == [request]
    assert village.inbox("auditor") == village.inbox("keeper") == []
    village.tell("first", village.decide("first", request))
    assert (village.inbox("first"), village.inbox("third")) == ([], [request])
    village.tell("second", village.decide("second", request))
    assert village.inbox("third") == []


def test_the_keeper_is_told_of_decisions(village: Village):
    request = village.request()
    village.tell("keeper", request)
    decision = village.decide("first", request)
    village.tell("first", decision)
    inbox = topics.inbox(village.site, village.keys["keeper"].kid)
    assert decision in [send.payload for send in village.sent if send.topic == inbox]


def test_a_denial_ends_a_request(village: Village):
    request = village.request()
    village.tell("keeper", request)
    assert village.tell("first", village.decide("first", request, messages.DENY)) == "accepted"
    assert village.state(request) == "denied"
    assert village.inbox("second") == []
    assert village.tell("second", village.decide("second", request)) == "denied"


def test_an_unused_rest_opens_again_only_with_ready(village: Village):
    village.box.press_and_close = False
    request = village.approved()
    village.box.close(1, 1, 2)
    village.run()
    assert (village.state(request), village.shown(request)["spent"]) == ("approved", 1)
    village.now += 60
    village.run()
    assert len(village.box.opened) == 1
    village.box.receive(messages.build_item(messages.ASK, {"bay": 1}))
    nonce = village.box.challenges[1][0]
    ready = village.sign("keeper", messages.READY, request=village.reference(request), nonce=nonce)
    assert village.tell("keeper", ready, run=False) == "stale_nonce"  # the host has not heard the challenge yet
    village.run()
    assert village.tell("keeper", ready) == "accepted"
    assert len(village.box.opened) == 2
    village.box.close(1, 1, 1)
    village.run()
    assert village.state(request) == "finished"


def test_nobody_attending_any_more_needs_ready(village: Village):
    village.box_listens = False
    request = village.approved(attended=village.now + 60)
    village.box_listens = True
    village.now += 120
    village.run()
    village.run()
    assert village.box.opened == []
    assert village.state(request) in ("approved", "granted")


def test_a_withdrawal_takes_the_approval_back(village: Village):
    village.box_listens = False
    request = village.approved()
    assert village.state(request) == "approved"
    withdrawal = village.decide("first", request, messages.WITHDRAW)
    assert village.tell("first", withdrawal) == "accepted"
    assert village.state(request) == "waiting"
    assert village.tell("third", village.decide("third", request)) == "accepted"
    assert village.state(request) == "approved"


def test_finish_before_use_cancels_and_reaches_the_box(village: Village):
    village.box_listens = False
    request = village.approved()
    village.box_listens = True
    finish = village.sign("keeper", messages.FINISH, request=village.reference(request), reason=1)
    assert village.tell("keeper", finish) == "accepted"
    assert village.state(request) == "finished"
    village.now += 600
    village.run()
    assert village.box.opened == []
    assert village.tell("keeper", finish) == "accepted"


def test_a_substitute_counts_for_whoever_named_them(village: Village):
    substitute = village.sign(
        "second", messages.SUBSTITUTE, person=5, until=village.now + 86400, roster=1, **{"from": village.now - 60}
    )
    request = village.request()
    village.tell("keeper", request)
    assert village.tell("auditor", village.decide("auditor", request, **{"for": 3})) == "no_substitute"
    assert village.tell("second", substitute) == "accepted"
    assert village.inbox("auditor") == [request]
    village.tell("first", village.decide("first", request))
    assert village.tell("auditor", village.decide("auditor", request, **{"for": 3})) == "accepted"
    assert village.box.opened == [village.reference(request)]
    grant = village.message(village.box.grants[-1])
    assert grant["substitutes"] == [substitute]


def test_the_clock_of_a_box_that_lost_it_is_set(village: Village):
    village.box.clock_set = 0
    village.box.start()
    village.box.hello()
    village.run()
    village.run()
    assert village.box.clock_set == 1


def test_a_request_ends_when_nobody_decides(village: Village):
    request = village.request(expires=village.now + 100)
    village.tell("keeper", request)
    village.now += 101
    village.run()
    assert village.state(request) == "expired"
    assert village.inbox("first") == []


def test_a_new_roster_reaches_the_box_and_ends_requests_whose_rule_changed(village: Village):
    request = village.request()
    village.tell("keeper", request)
    roster = village.roster(2, rules=[rule(impressions=9)])
    assert village.tell("authority", roster) == "accepted"
    assert village.state(request) == "failed"
    assert village.shown(request)["reason"] == "rule_changed"
    assert village.box.roster is not None
    assert village.box.roster.version == 2


def test_an_approver_whom_a_new_roster_drops_no_longer_counts(village: Village):
    village.box_listens = False
    request = village.approved()
    people = village.message(village.roster())["people"]
    without = [person for person in people if person["name"] != "first"]
    assert village.tell("authority", village.roster(2, people=without)) == "accepted"
    assert village.state(request) == "waiting"


def test_a_report_is_taken_after_use_and_stands_in_the_ledger(village: Village):
    request = village.request()
    village.tell("keeper", request)
    fields = {"request": village.reference(request), "impressions": 2, "photographs": []}
    assert village.tell("keeper", village.sign("keeper", messages.REPORT, **fields)) == "not_used_yet"
    village.tell("first", village.decide("first", request))
    village.tell("second", village.decide("second", request))
    assert village.tell("keeper", village.sign("keeper", messages.REPORT, **fields)) == "accepted"
    (line,) = village.views.ledger(village.site)
    assert (line["pressed"], line["declared"], line["approved_by"]) == (2, 2, ["first", "second"])
    assert (line["matter"], line["wording"]) == (MATTER, "居住证明")


def test_two_requests_for_one_bay_open_one_after_the_other(village: Village):
    village.box.press_and_close = False
    first = village.approved()
    second = village.approved(impressions=1)
    assert village.box.opened == [village.reference(first)]
    village.now += 10
    village.run()
    assert len(village.box.opened) == 1
    village.box.close(1, 2, 2)
    village.run()
    village.now += 10
    village.run()
    assert village.box.opened == [village.reference(first), village.reference(second)]
