"""New certificates by message: what the box takes and refuses, and that no wrong or torn set cuts it off."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sealwire import chain, messages
from sealwire.messages import Message

from hardware.sim.flash import LastWrite
from tests.brokers import Broker, rumqttd  # noqa: F401
from tests.host.daemon import eventually
from tests.system.stage import WAIT, Stage
from tests.system.tls import GuardedStage, guarded_stage

CONNECTED = "mqtt: connected"


@pytest.fixture
def stage(tmp_path: Path, firmware_image: tuple[Path, ...]) -> Iterator[GuardedStage]:
    with guarded_stage(tmp_path, firmware_image) as made:
        yield made


def later(stage: GuardedStage, seconds: int) -> int:
    """A time after the one at which the box was set up."""
    return int(time.time()) + seconds


def link_entry(stage: Stage, message: Message) -> chain.Entry:
    """The box's answer."""
    entry = stage.wait_entry(chain.LINK, lambda entry: bool(entry["message"] == message.reference))
    assert entry["issued"] == message["issued"]
    return entry


def connects_again(stage: GuardedStage, kind: str = "good") -> None:
    start = stage.printed()
    stage.guarded.turn(kind)
    stage.wait_log(CONNECTED, start, 3 * WAIT)


def test_ca_is_changed_without_losing_the_box(stage: GuardedStage) -> None:
    """Both CA certificates to the box, a broker certificate by the new one, the old CA retired."""
    old, new = stage.guarded.ca, stage.guarded.later
    both = stage.credentials([*old.ca_set(), *new.ca_set()], old.renew(stage.kid).certificate, issued=later(stage, 1))
    stage.send(both.raw)
    link_entry(stage, both)
    connects_again(stage)
    connects_again(stage, "next_ca")
    alone = stage.credentials(new.ca_set(), issued=later(stage, 2))
    stage.send(alone.raw)
    link_entry(stage, alone)
    connects_again(stage, "next_ca")
    stage.box.cut_power()
    stage.box.power_on()
    stage.wait_entry(chain.BOOT, count=2)
    stage.guarded.turn("good")
    stage.wait_log("TLS: The certificate is not correctly signed by the trusted CA", stage.printed())
    connects_again(stage, "next_ca")
    stage.open()


def test_credentials_that_lead_nowhere_are_tried_in_turn_with_the_ones_that_do(stage: GuardedStage) -> None:
    wrong = stage.credentials(stage.guarded.later.ca_set(), issued=later(stage, 1))
    stage.send(wrong.raw)
    link_entry(stage, wrong)
    worse = stage.credentials(stage.guarded.later.ca_set(), issued=later(stage, 2))
    stage.send(worse.raw)
    link_entry(stage, worse)
    start = stage.printed()
    connects_again(stage)
    assert "not correctly signed" in stage.box.firmware_log()[start:]
    stage.box.cut_power()
    stage.box.power_on()
    stage.wait_entry(chain.BOOT, count=2)
    right = stage.credentials(stage.guarded.ca.ca_set(), issued=later(stage, 3))
    stage.send(right.raw)
    link_entry(stage, right)
    connects_again(stage)


def test_credentials_that_are_not_good_are_refused_by_name(stage: GuardedStage) -> None:
    ca = stage.guarded.ca
    mine, issued = ca.renew(stage.kid).certificate, later(stage, 1)
    cases = [
        (stage.credentials(ca.ca_set(), mine, box=bytes(16)), "wrong_box"),
        (stage.credentials(ca.ca_set(), mine, issued=issued - 3600), "times_out_of_order"),
        (stage.credentials(ca.ca_set(), mine, issued=issued + 86400), "time_ahead"),
        (stage.credentials(ca.ca_set(), mine, issued=issued, signer=stage.stranger), "unknown_signer"),
        (stage.credentials(ca.ca_set(), mine, issued=issued, signer=stage.authority), "unknown_signer"),
        (stage.credentials([b"\x30\x03abc"], mine, issued=issued), "bad_certificate"),
        (stage.credentials(ca.ca_set(), b"\x30\x03abc", issued=issued), "bad_certificate"),
        (stage.credentials(ca.ca_set(), ca.issue_box(stage.kid).certificate, issued=issued), "other_tls_key"),
    ]
    for message, reason in cases:
        stage.send(message.raw)
        assert stage.refused(message) == reason
        stage.next_hour()
    forged = bytearray(stage.credentials(ca.ca_set(), mine, issued=issued).raw)
    forged[-1] ^= 1
    stage.send(bytes(forged))
    stage.wait_entry(chain.REFUSED, count=len(cases) + 1)
    assert not stage.log(chain.LINK)
    connects_again(stage)


def test_same_credentials_are_taken_once_and_older_ones_never_again(stage: GuardedStage) -> None:
    older = stage.credentials(stage.guarded.ca.ca_set(), issued=later(stage, 1))
    newer = stage.credentials(stage.guarded.ca.ca_set(), issued=later(stage, 2))
    for message in (older, older, newer, newer):
        stage.send(message.raw)
    stage.send(older.raw)
    assert stage.refused(older) == "times_out_of_order"
    assert [entry["message"] for entry in stage.log(chain.LINK)] == [older.reference, newer.reference]


def test_box_without_tls_takes_no_credentials(
    tmp_path: Path,
    rumqttd: Broker,  # noqa: F811
    firmware_image: tuple[Path, ...],
) -> None:
    with Stage(tmp_path / "box", rumqttd, modules=firmware_image) as plain:
        refuses_credentials(plain)


def refuses_credentials(plain: Stage) -> None:
    fields = {"box": plain.kid, "issued": int(time.time()), "ca": [b"\x30"]}
    message = messages.read(plain.host.build(messages.CREDENTIALS, fields, plain.site), plain.site)
    plain.send(message.raw)
    assert plain.refused(message) == "unexpected_type"


def test_lost_clock_lets_the_box_connect_but_takes_no_credentials_until_it_is_set(stage: GuardedStage) -> None:
    now = stage.now()
    stage.box.cut_power()
    stage.box.lose_clock()
    start = stage.printed()
    stage.box.power_on()
    stage.wait_log(CONNECTED, start)
    message = stage.credentials(stage.guarded.ca.ca_set(), issued=later(stage, 1))
    stage.send(message.raw)
    assert stage.refused(message) == "clock_lost"
    nonce = stage.ask()["nonce"]
    stage.send(stage.host.build(messages.TIME, {"box": stage.kid, "nonce": nonce, "utc": now + 60}, stage.site))
    stage.wait_entry(chain.TIME)
    stage.send(message.raw)
    link_entry(stage, message)


@pytest.mark.parametrize("last_write", ["keep", "drop", "tear"])
def test_power_cut_at_any_write_leaves_credentials_that_connect(stage: GuardedStage, last_write: LastWrite) -> None:
    """The n-th write is the last one, for each n, until all of it is written."""
    ca = stage.guarded.ca
    count = 0
    while True:
        count += 1
        boots = len(stage.log(chain.BOOT))
        message = stage.credentials(ca.ca_set(), ca.renew(stage.kid).certificate, issued=later(stage, count))
        stage.box.cut_power(last_write, after_writes=count)
        start = stage.printed()
        stage.send(message.raw)
        eventually(lambda at=start: _ended(stage, at), "a cut, or the entry")
        whole = stage.box.state["powered"]
        stage.box.cut_power()
        stage.box.power_on()
        stage.wait_entry(chain.BOOT, count=boots + 1)
        assert "not used" not in stage.box.firmware_log()[start:]
        stage.send(message.raw)
        link_entry(stage, message)
        assert len([entry for entry in stage.log(chain.LINK) if entry["message"] == message.reference]) == 1
        if whole:
            break
    assert count > 5, "several writes were cut"


def _ended(stage: GuardedStage, start: int) -> bool:
    return not stage.box.state["powered"] or "credentials of" in stage.box.firmware_log()[start:]
