"""What somebody without the keys can send to keep a true message from its effect: nothing of it helps."""

import pytest
from sealwire import chain, messages
from sealwire.messages import Message

from tests.system.stage import COMMITTEE, WAIT, Stage


def mangled(raw: bytes) -> bytes:
    return raw[:-1] + bytes([raw[-1] ^ 1])


def grant_for(stage: Stage, request: Message, nonce: bytes | None = None) -> Message:
    grant = stage.grant(request, stage.approvals(request), nonce)
    stage.send(grant.raw)
    return grant


def test_mangled_copy_of_a_finish_does_not_keep_the_true_one_out(stage: Stage) -> None:
    request = stage.request()
    finish = stage.finish(request)
    stage.send(mangled(finish))
    assert stage.refused(messages.read(finish, stage.site)) == "bad_signature"
    stage.send(finish)
    stage.wait_entry(chain.FINISH)
    assert stage.refused(grant_for(stage, request)) == "finished"


def test_refusal_names_a_message_only_if_its_signature_holds(stage: Stage) -> None:
    finish = stage.finish(stage.request())
    stage.send(mangled(finish))
    assert stage.wait_entry(chain.REFUSED).get("message") is None


def test_finish_that_names_a_withdrawal_does_not_keep_the_withdrawal_out(stage: Stage) -> None:
    request = stage.request()
    withdrawal = messages.read(stage.decision(request, 0, messages.WITHDRAW), stage.site)
    stage.send(stage.finish(withdrawal, stage.auditor))
    stage.wait_entry(chain.FINISH)
    stage.send(withdrawal.raw)
    stage.wait_entry(chain.DECISION)
    assert stage.refused(grant_for(stage, request)) == "too_few_approvals"


@pytest.mark.parametrize("days", [0.01, 7, 12.4])
def test_challenge_grows_stale_and_stays_so_when_ticks_wrap(stage: Stage, days: float) -> None:
    nonce = stage.ask(COMMITTEE)["nonce"]
    for _ in range(10):
        stage.box.advance(days * 8640)
    assert stage.refused(grant_for(stage, stage.request(), nonce)) == "stale_nonce"


def clock_reset(stage: Stage, utc: int, anchor: dict[str, object]) -> Message:
    fields = {"box": stage.kid, **anchor, "clears": messages.CLEARS_CLOCK, "utc": utc}
    return messages.read(stage.authority.build(messages.RESET, fields, stage.site), stage.site)


def test_older_clock_reset_does_not_follow_a_newer_one(stage: Stage) -> None:
    anchor, now = stage.anchor(), stage.now()
    older, newer = clock_reset(stage, now - 3 * 86400, anchor), clock_reset(stage, now + 50, anchor)
    stage.send(newer.raw)
    stage.wait_entry(chain.RESET)
    stage.send(older.raw)
    assert stage.refused(older) == "unanchored"
    assert stage.now() >= now + 50


def test_mangled_reset_does_not_keep_the_true_one_out(stage: Stage) -> None:
    reset = clock_reset(stage, stage.now() + 50, stage.anchor())
    stage.send(mangled(reset.raw))
    assert stage.refused(reset) == "bad_signature"
    stage.send(reset.raw)
    stage.wait_entry(chain.RESET)


def test_clock_that_ran_ahead_can_be_set_back_by_the_authority(stage: Stage) -> None:
    now = stage.now()
    stage.box.set_clock(now + 400 * 86400)
    stage.box.press_button()
    stage.box.remove_seal(COMMITTEE)
    stage.wait_entry(chain.SEAL)
    stage.box.insert_seal(COMMITTEE)
    stage.wait_entry(chain.SEAL, count=2)
    stage.send(clock_reset(stage, now, stage.anchor()).raw)
    stage.wait_entry(chain.RESET)
    stage.open(created=now - 5, expires=now + 600, attended=now + 600)


def test_jammed_bay_does_not_hold_up_a_roster(stage: Stage) -> None:
    stage.open()
    stage.box.jam(COMMITTEE)
    stage.box.press_button()
    stage.wait_entry(chain.JAM)
    stage.send_roster()
    stage.box.unjam(COMMITTEE)
    assert stage.wait_entry(chain.CLOSED)["given_back"] == 2
    stage.box.wait_shutter(COMMITTEE, "closed", WAIT)


def test_old_ack_sent_again_does_not_keep_the_box_busy(stage: Stage) -> None:
    for _ in range(5):
        stage.send(stage.host.build(messages.ACK, {"box": stage.kid, "seq": 1, "head": stage.heads()[1]}, stage.site))
    stage.open()


def test_two_authority_keys_sign_a_roster_together(stage: Stage) -> None:
    keys = [stage.authority.public_key, stage.stranger.public_key]
    stage.send_roster(authority=keys, threshold=2)
    fields = stage.roster()
    stage.send(stage.authority.build(messages.ROSTER, fields, stage.site))
    assert stage.refused(messages.read(stage.authority.build(messages.ROSTER, fields, stage.site), stage.site)) == (
        "roster_signatures"
    )
    stage.send(stage.authority.build(messages.ROSTER, stage.roster(issued=1), stage.site))
    stage.send(stage.stranger.build(messages.ROSTER, fields, stage.site))
    stage.wait_entry(chain.ROSTER, count=3)


def test_box_told_a_key_twice_refuses_to_be_set_up(stage: Stage) -> None:
    keys = [stage.authority.public_key] * 2
    fields = {"site": stage.site, "authority": keys, "threshold": 2, "broker": "127.0.0.1", "port": 1883}
    stage.console(messages.build_item(messages.HELLO, {}))  # it makes room for what follows
    assert stage.console(messages.build_item(messages.PROVISION, fields))["refused"]
