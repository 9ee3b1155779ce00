"""The largest messages that the wire allows, on real firmware in the board's heap."""

from pathlib import Path

import pytest
from sealwire import chain, limits, messages

from tests.brokers import Broker
from tests.system.people import Key, person, rule
from tests.system.stage import COMMITTEE, MATTER, Stage

NAME = "名" * 8


def send_roster_of(stage: Stage, officers: list[Key], least: int) -> None:
    """More officers, 24 of them with a second key, and a rule that asks for many."""
    many = stage.roster()["people"]
    for n, key in enumerate(officers):
        more = [Key(f"their second key {n}")] if n < 24 else []
        many.append(person(100 + n, NAME, (messages.OFFICER,), key, *more))
    rules = [rule(1, tuple(range(2000, 2000 + 154)), 3), rule(2, (MATTER, *range(3000, 3101)), least)]
    stage.send_roster(people=many, rules=rules)


def test_largest_roster_is_taken_and_obeyed(stage: Stage) -> None:
    officers = [Key(f"one of many {n}") for n in range(limits.PEOPLE - 5)]
    send_roster_of(stage, officers, 4)
    request = stage.request()
    stage.send(stage.grant(request, [stage.decision(request, officer) for officer in officers[-4:]]).raw)
    stage.wait_entry(chain.INTENT)
    stage.box.wait_shutter(COMMITTEE, "open")


SHORT = """
from sealbox import rosters

make, load = rosters.Rosters.__init__, rosters.Rosters.load


def made(self, folder, box, journal, *origin):
    make(self, folder, box, journal, *origin)
    self.journal = journal


def short(self):
    if self.journal.roster == 2 and self.journal.boot == 1:
        raise MemoryError
    return load(self)


rosters.Rosters.__init__, rosters.Rosters.load = made, short
import main
"""


def test_roster_that_does_not_fit_beside_what_is_there_is_read_at_a_fresh_start(
    tmp_path: Path, rumqttd: Broker, firmware_image: tuple[Path, ...]
) -> None:
    script = tmp_path / "short.py"
    script.write_text(SHORT, encoding="utf-8")
    with Stage(tmp_path / "box", rumqttd, modules=firmware_image, main=script) as stage:
        stage.send_roster()
        assert stage.wait_entry(chain.BOOT, count=2)["cause"] == 4
        stage.open()


def send_largest_grant(stage: Stage, officers: list[Key]) -> None:
    """Eight decisions of the last twelve officers, four of them as substitutes for four others, and a `ready`."""
    request = stage.request()
    number = 100 + len(officers) - 12
    officers = officers[-12:]
    decisions = [stage.decision(request, officer) for officer in officers[:4]]
    substitutes = []
    for n in range(4, 8):
        fields = {"from": stage.now() - 60, "until": stage.now() + 86400, "roster": stage.version}
        substitutes.append(officers[n].build(messages.SUBSTITUTE, {**fields, "person": number + n + 4}, stage.site))
        decisions.append(stage.decision(request, officers[n + 4], **{"for": number + n}))
    nonce = stage.ask()["nonce"]
    stage.send(stage.grant(request, decisions, nonce, stage.ready(request, nonce), substitutes).raw)


@pytest.mark.parametrize("count", [12, limits.PEOPLE - 5], ids=["roster of few", "largest roster"])
def test_largest_grant_opens_the_bay(stage: Stage, count: int) -> None:
    officers = [Key(f"one of many {n}") for n in range(count)]
    send_roster_of(stage, officers, limits.GRANT_DECISIONS)
    send_largest_grant(stage, officers)
    assert len(stage.wait_entry(chain.INTENT)["people"]) == 12
    stage.box.wait_shutter(COMMITTEE, "open")
