"""A grant's signatures are checked in slices. Whatever happens between two of them, nothing opens wrongly."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sealwire import chain, messages
from sealwire.messages import Message

from tests.brokers import Broker
from tests.system.stage import COMMITTEE, PARTY, WAIT, Stage

SLICES = range(1, 4)
"""The request's signature, and those of two decisions."""


@pytest.fixture
def sliced(tmp_path: Path, rumqttd: Broker, firmware_image: tuple[Path, ...]) -> Iterator[Stage]:
    script = Path(__file__).parent / "vm" / "slices.py"
    # A real box handles one message at a time; two at once take more memory than it has.
    with Stage(tmp_path / "box", rumqttd, modules=firmware_image, main=script, heap_kib=320) as ready:
        yield ready


def meanwhile(stage: Stage, after: int, *raw: bytes) -> None:
    """Messages that come after that many signature checks of the next grant."""
    for number, each in enumerate(raw):
        (stage.box.settings.home / f"at-{after}-{number}").write_bytes(each)


def roster_changes(stage: Stage, request: Message) -> list[bytes]:
    return [stage.authority.build(messages.ROSTER, stage.roster(), stage.site)]


def officer_leaves(stage: Stage, request: Message) -> list[bytes]:
    people = [person for person in stage.roster()["people"] if person["number"] != 3]
    return [stage.authority.build(messages.ROSTER, stage.roster(people=people), stage.site)]


def two_deny(stage: Stage, request: Message) -> list[bytes]:
    return [stage.decision(request, officer, messages.DENY) for officer in (1, 2)]


def approver_withdraws(stage: Stage, request: Message) -> list[bytes]:
    return [stage.decision(request, 0, messages.WITHDRAW)]


def keeper_finishes(stage: Stage, request: Message) -> list[bytes]:
    return [stage.finish(request)]


HAPPENS: list[tuple[Callable[[Stage, Message], list[bytes]], str]] = [
    (roster_changes, "stale_nonce"),
    (officer_leaves, "stale_nonce"),
    (two_deny, "denied"),
    (approver_withdraws, "too_few_approvals"),
    (keeper_finishes, "finished"),
]


@pytest.mark.parametrize(("what", "reason"), HAPPENS, ids=[what.__name__ for what, _ in HAPPENS])
def test_what_comes_between_two_signatures_counts(
    sliced: Stage, what: Callable[[Stage, Message], list[bytes]], reason: str
) -> None:
    for after in SLICES:
        sliced.send_roster()
        request = sliced.request(details=bytes([after] * 32))
        grant = sliced.grant(request, sliced.approvals(request))
        meanwhile(sliced, after, *what(sliced, request))
        sliced.send(grant.raw)
        assert sliced.refused(grant) == reason
        assert sliced.box.openings(COMMITTEE) == 0
        sliced.version = sliced.log(chain.ROSTER)[-1]["version"]


def test_one_challenge_opens_once_for_two_grants_at_the_same_time(sliced: Stage) -> None:
    """A second grant for the same challenge, of the same request or of another, is checked while the first one is."""
    for number, same in enumerate((True, False) * len(SLICES)):
        after = SLICES[number // 2]
        first = sliced.request(details=bytes([100 + number] * 32))
        second = first if same else sliced.request(details=bytes([200 + number] * 32))
        nonce = sliced.ask()["nonce"]
        meanwhile(sliced, after, sliced.grant(second, sliced.approvals(second), nonce).raw)
        sliced.send(sliced.grant(first, sliced.approvals(first), nonce).raw)
        sliced.wait_entry(chain.INTENT, count=number + 1)
        sliced.box.wait_shutter(COMMITTEE, "open", WAIT)
        sliced.box.press_button()
        sliced.wait_entry(chain.CLOSED, count=number + 1)
        sliced.next_hour()
        assert len(sliced.log(chain.INTENT)) == sliced.box.openings(COMMITTEE) == number + 1


def test_grants_for_two_bays_at_the_same_time_open_one(sliced: Stage) -> None:
    committee = sliced.request()
    party = sliced.request(bay=PARTY, matter=201, rule=messages.rule_digest(sliced.roster_fields["rules"][0]))
    party_grant = sliced.grant(party, [sliced.decision(party, officer) for officer in (0, 1, 2)])
    meanwhile(sliced, 2, party_grant.raw)
    sliced.send(sliced.grant(committee, sliced.approvals(committee)).raw)
    sliced.wait_entry(chain.INTENT)
    sliced.wait_entry(chain.REFUSED)
    assert sliced.box.openings(COMMITTEE) + sliced.box.openings(PARTY) == 1


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        (lambda stage: stage.box.tamper(), "tampered"),
        (lambda stage: stage.box.lid(), "tampered"),
        (lambda stage: stage.box.remove_seal(COMMITTEE), "seal_missing"),
        (lambda stage: stage.box.lose_clock(), "clock_lost"),
        (lambda stage: stage.box.hold_shutter(COMMITTEE, "midway"), "bay_jammed"),
        (lambda stage: stage.box.stick_sensor(COMMITTEE), "bay_busy"),
        (lambda stage: (stage.box.battery(3000), stage.box.mains(False)), "battery_low"),
        (lambda stage: stage.box.advance(301), "stale_nonce"),
    ],
    ids=["tamper", "lid", "seal", "clock", "force", "sensor", "energy", "time"],
)
def test_what_the_box_senses_between_two_signatures_counts(
    sliced: Stage, what: Callable[[Stage], object], reason: str
) -> None:
    after = SLICES[-1]
    request = sliced.request()
    grant = sliced.grant(request, sliced.approvals(request))
    home = sliced.box.settings.home
    (home / f"pause-{after}").touch()
    sliced.send(grant.raw)
    sliced.wait_printed(f"paused {after}")
    what(sliced)
    (home / f"go-{after}").touch()
    assert sliced.refused(grant) == reason
    assert sliced.box.openings(COMMITTEE) == 0
