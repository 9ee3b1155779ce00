"""What reaches the box without the host: denials, withdrawals and `finish`, before and during use; and what ends a
request for good."""

from collections.abc import Callable

import pytest
from sealwire import chain, messages
from sealwire.messages import Message

from tests.system.people import Fields, Key
from tests.system.stage import COMMITTEE, WAIT, Stage


def again(stage: Stage, request: Message) -> Message:
    """A fresh grant for the same request, with everything that could help it."""
    nonce = stage.ask()["nonce"]
    return stage.grant(request, stage.approvals(request), nonce, stage.ready(request, nonce))


def spent(stage: Stage, request: Message) -> None:
    stage.send(stage.grant(request, stage.approvals(request)).raw)
    stage.box.wait_shutter(COMMITTEE, "open", WAIT)
    stage.box.press(COMMITTEE)
    stage.box.press(COMMITTEE)
    stage.wait_entry(chain.CLOSED)


def finished(stage: Stage, request: Message) -> None:
    stage.send(stage.finish(request), stage.keeper)
    stage.wait_entry(chain.FINISH)


def denied(stage: Stage, request: Message) -> None:
    for officer in (1, 2):
        stage.send(stage.decision(request, officer, messages.DENY), stage.officers[officer])
        stage.wait_entry(chain.DECISION, count=officer)


def withdrawn(stage: Stage, request: Message) -> None:
    stage.send(stage.decision(request, 1, messages.WITHDRAW), stage.officers[1])
    stage.wait_entry(chain.DECISION)


def denied_by_an_approver(stage: Stage, request: Message) -> None:
    stage.send(stage.decision(request, 0, messages.DENY), stage.officers[0])
    stage.wait_entry(chain.DECISION)


def rule_changed(stage: Stage, request: Message) -> None:
    rules = stage.roster()["rules"]
    rules[1]["impressions"] = 4
    stage.send_roster(rules=rules)


def officer_removed(stage: Stage, request: Message) -> None:
    people = [person for person in stage.roster()["people"] if person["number"] != 3]
    stage.send_roster(people=people)


ENDS: list[tuple[Callable[[Stage, Message], None], str]] = [
    (spent, "spent"),
    (finished, "finished"),
    (denied, "denied"),
    (withdrawn, "too_few_approvals"),
    (denied_by_an_approver, "too_few_approvals"),
    (rule_changed, "rule_changed"),
    (officer_removed, "unknown_signer"),
]


@pytest.mark.parametrize(("end", "reason"), ENDS, ids=[end.__name__ for end, _ in ENDS])
def test_ended_request_opens_nothing_ever_again(
    stage: Stage, end: Callable[[Stage, Message], None], reason: str
) -> None:
    request = stage.request()
    end(stage, request)
    openings = stage.box.openings(COMMITTEE)
    for _ in range(2):
        grant = again(stage, request)
        stage.send(grant.raw)
        assert stage.refused(grant) == reason
        stage.box.cut_power()
        stage.box.power_on()
    assert stage.box.openings(COMMITTEE) == openings


@pytest.mark.parametrize(
    ("say", "cause"),
    [
        (lambda stage, request: stage.send(stage.finish(request), stage.keeper), chain.FINISHED_BY_KEEPER),
        (lambda stage, request: stage.send(stage.decision(request, 0, messages.WITHDRAW)), chain.DENIED_MEANWHILE),
        (lambda stage, request: stage.box.press_button(), chain.BUTTON),
        (lambda stage, request: stage.box.tamper(), chain.TAMPER_ALARM),
        (lambda stage, request: stage.box.advance(40), chain.WINDOW_OVER),
    ],
    ids=["finish", "withdrawal", "button", "tamper", "window"],
)
def test_open_bay_closes_when_told(stage: Stage, say: Callable[[Stage, Message], None], cause: int) -> None:
    request = stage.open()
    assert stage.box.press(COMMITTEE)
    stage.wait_entry(chain.PRESS)
    say(stage, request)
    closed = stage.wait_entry(chain.CLOSED)
    assert (closed["pressed"], closed["given_back"], closed["cause"]) == (1, 1, cause)
    stage.box.wait_shutter(COMMITTEE, "closed", WAIT)


def test_finish_of_somebody_else_changes_nothing(stage: Stage) -> None:
    request = stage.request()
    stage.send(stage.finish(request, stage.officers[0]))
    stage.wait_entry(chain.FINISH)
    stage.open(request)


def test_same_loose_message_is_logged_once(stage: Stage) -> None:
    request = stage.request()
    for _ in range(3):
        stage.send(stage.finish(request))
    stage.send(stage.finish(stage.request(details=bytes([7] * 32))))
    stage.wait_entry(chain.FINISH, count=2)
    assert len(stage.log(chain.FINISH)) == 2


def test_loose_message_of_a_stranger_is_refused(stage: Stage) -> None:
    raw = stage.finish(stage.request(), stage.stranger)
    stage.send(raw)
    assert stage.refused(messages.read(raw, stage.site)) == "unknown_signer"


def test_unused_rest_opens_again_only_with_a_fresh_ready(stage: Stage) -> None:
    request = stage.open()
    assert stage.box.press(COMMITTEE)
    stage.wait_entry(chain.PRESS)
    stage.box.press_button()
    stage.wait_entry(chain.CLOSED)
    bare = stage.grant(request, stage.approvals(request))
    stage.send(bare.raw)
    assert stage.refused(bare) == "not_attended"
    stage.send(again(stage, request).raw)
    assert stage.wait_entry(chain.INTENT, count=2)["spends"] == 1
    stage.box.wait_shutter(COMMITTEE, "open", WAIT)
    assert stage.box.press(COMMITTEE)
    assert stage.wait_entry(chain.CLOSED, count=2)["cause"] == chain.LAST_IMPRESSION


def test_jammed_shutter_loses_nothing_and_opens_again_after_ready(stage: Stage) -> None:
    stage.box.jam(COMMITTEE, "closed")
    request = stage.request()
    stage.send(stage.grant(request, stage.approvals(request)).raw)
    closed = stage.wait_entry(chain.CLOSED)
    assert (closed["pressed"], closed["given_back"], closed["cause"]) == (0, 2, chain.JAMMED)
    assert stage.log(chain.JAM)
    stage.box.unjam(COMMITTEE)
    stage.send(again(stage, request).raw)
    assert stage.wait_entry(chain.INTENT, count=2)["spends"] == 2
    stage.box.wait_shutter(COMMITTEE, "open", WAIT)


def test_replayed_grant_leaves_bay_locked_even_after_reboot_and_when_retained(stage: Stage) -> None:
    request = stage.request()
    grant = stage.grant(request, stage.approvals(request))
    stage.send(grant.raw, retain=True)
    stage.box.wait_shutter(COMMITTEE, "open", WAIT)
    stage.box.press(COMMITTEE)
    stage.box.press(COMMITTEE)
    stage.wait_entry(chain.CLOSED)
    stage.send(grant.raw)
    assert stage.refused(grant) == "stale_nonce"
    stage.box.cut_power()
    stage.box.power_on()
    stage.wait_entry(chain.BOOT, count=2)
    stage.send(grant.raw)
    stage.wait_entry(chain.REFUSED, count=2)
    assert stage.box.openings(COMMITTEE) == 1


def test_tampered_box_opens_nothing_until_the_authority_resets_it(stage: Stage) -> None:
    early: Fields = {**stage.anchor(), "box": stage.kid, "clears": messages.CLEARS_TAMPER, "utc": stage.now()}
    stage.box.tamper()
    stage.wait_entry(chain.TAMPER)
    stage.box.tamper(False)
    request = stage.request()
    grant = stage.grant(request, stage.approvals(request))
    stage.send(grant.raw)
    assert stage.refused(grant) == "tampered"
    made_before = stage.authority.build(messages.RESET, early, stage.site)
    stage.send(made_before)
    assert stage.refused(messages.read(made_before, stage.site)) == "unanchored"
    by_host = stage.host.build(messages.RESET, {**early, **stage.anchor()}, stage.site)
    stage.send(by_host)
    assert stage.refused(messages.read(by_host, stage.site)) == "unknown_signer"
    stage.send(stage.authority.build(messages.RESET, {**early, **stage.anchor()}, stage.site))
    stage.wait_entry(chain.RESET)
    stage.open()


def test_roster_needs_the_held_authority_and_the_next_version(stage: Stage) -> None:
    cases: list[tuple[Key, Fields, str]] = [
        (stage.stranger, {}, "unknown_signer"),
        (stage.host, {}, "unknown_signer"),
        (stage.authority, {"version": stage.version + 2000}, "roster_step"),
        (stage.authority, {"boxes": []}, "roster_lists_not_box"),
    ]
    for signer, changes, reason in cases:
        raw = signer.build(messages.ROSTER, stage.roster(**changes), stage.site)
        stage.send(raw)
        assert stage.refused(messages.read(raw, stage.site)) == reason
    stage.send_roster()
