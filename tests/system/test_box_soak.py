"""Weeks of a box's life in minutes: uses, lost connections, floods, clocks, rosters; `make soak MINUTES=n` for longer.

Time is skipped between the steps. In the end no entry is lost, and a box at rest has as much memory as before.
"""

import os
import random
import re
import time
from collections.abc import Callable
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from sealwire import chain, messages

from tests.brokers import Broker
from tests.system.stage import COMMITTEE, WAIT, Stage
from tests.system.test_box_flood import noise

MINUTES = float(os.environ.get("SEALBOX_SOAK_MINUTES", "1"))
GROWTH = 2048
"""Bytes by which the most that was free may differ between the second and the last quarter: what was under way."""

SCRIPT = Path(__file__).parent / "vm" / "soaked.py"


class Life:
    """What may happen to a box. Every step ends with all bays locked."""

    def __init__(self, stage: Stage, seed: int) -> None:
        self.stage = stage
        self.rng = random.Random(seed)
        self.uses = 0
        self.weeks = 0.0
        self._noise = noise(stage, seed)

    def use(self) -> None:
        """A request, opened, pressed so often, and ended one way or another."""
        stage, rng = self.stage, self.rng
        self.uses += 1
        request = stage.open(details=self.uses.to_bytes(32, "big"))
        stage.wait_printed("bay 2 open\n")
        for _ in range(rng.randrange(3)):
            stage.box.press(COMMITTEE)
        ends: list[Callable[[], object]] = [
            stage.box.press_button,
            lambda: stage.box.advance(40),
            lambda: stage.send(stage.finish(request), stage.keeper),
        ]
        rng.choice(ends)()
        stage.wait_entry(chain.CLOSED, lambda entry: bool(entry["request"] == request.reference))

    def denial(self) -> None:
        """A denial comes by itself, for a request that is never used."""
        self.uses += 1
        request = self.stage.request(details=self.uses.to_bytes(32, "big"))
        before = len(self.stage.log(chain.DECISION))
        self.stage.send(self.stage.decision(request, self.rng.randrange(3), messages.DENY))
        self.stage.wait_entry(chain.DECISION, count=before + 1)

    def flood(self) -> None:
        """Bad messages."""
        for _ in range(100):
            self.stage.send(next(self._noise))

    def roster(self) -> None:
        """The next roster."""
        self.stage.send_roster()

    def clock(self) -> None:
        """The authority sets a clock that ran ahead."""
        stage = self.stage
        utc = stage.now() + self.rng.randrange(-300, 300)
        fields = {**stage.anchor(), "box": stage.kid, "clears": messages.CLEARS_CLOCK, "utc": utc}
        before = len(stage.log(chain.RESET))
        stage.send(stage.authority.build(messages.RESET, fields, stage.site))
        stage.wait_entry(chain.RESET, count=before + 1)

    def seal(self) -> None:
        """A seal is taken out and put back."""
        before = len(self.stage.log(chain.SEAL))
        self.stage.box.remove_seal(COMMITTEE)
        self.stage.wait_entry(chain.SEAL, count=before + 1)
        self.stage.box.insert_seal(COMMITTEE)
        self.stage.wait_entry(chain.SEAL, count=before + 2)

    def drop(self) -> None:
        """The connection is lost: somebody else takes the box's place at the broker for a moment."""
        name = "sealbox-" + self.stage.kid.hex()
        thief = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=name, clean_session=False)
        thief.connect(self.stage.broker.host, self.stage.broker.port)
        thief.loop_start()
        self.stage.box.wait_display("offline", WAIT)
        thief.disconnect()
        thief.loop_stop()
        self.stage.box.advance(120)
        self.stage.box.wait_display("ready", WAIT)

    def step(self) -> None:
        """Something of all this, then some hours of nothing."""
        steps = (self.use, self.denial, self.flood, self.roster, self.clock, self.seal, self.drop)
        self.rng.choices(steps, (12, 2, 2, 1, 1, 1, 1))[0]()
        hours = self.rng.uniform(1, 12)
        self.weeks += hours / (7 * 24)
        self.stage.box.advance(hours * 3600)


def everything_proven(stage: Stage) -> None:
    """No entry is missing, and the box signed a head that covers all of them."""
    stage.send_roster()  # a checkpoint follows
    last = max(stage.entries)
    checkpoint = stage.wait_message(messages.CHECKPOINT, lambda message: bool(message["seq"] >= last))
    assert set(range(1, checkpoint["seq"] + 1)) <= set(stage.entries)
    assert stage.heads()[checkpoint["seq"]] == checkpoint["head"]


@pytest.mark.timeout(MINUTES * 60 + 240)
def test_weeks_of_work_lose_no_entry_and_no_memory(
    tmp_path: Path, rumqttd: Broker, firmware_image: tuple[Path, ...]
) -> None:
    with Stage(tmp_path / "box", rumqttd, modules=firmware_image, main=SCRIPT) as stage:
        life = Life(stage, seed=1)
        boots = stage.box.state["boots"]
        end = time.monotonic() + MINUTES * 60
        while time.monotonic() < end:
            life.step()
        everything_proven(stage)
        printed = stage.box.firmware_log()
        free = [int(number) for number in re.findall(r"^free (\d+)$", printed, re.MULTILINE)]
        quarter = len(free) // 4
        early, late = max(free[quarter : 2 * quarter]), max(free[-quarter:])
        print(f"\n{life.weeks:.0f} weeks, {life.uses} requests, {max(stage.entries)} entries; free: {early}, {late}")
        assert stage.box.state["boots"] == boots
        assert "Traceback" not in printed
        assert "MemoryError" not in printed
        assert late > early - GROWTH
