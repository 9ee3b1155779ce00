"""Bad input without end over the USB line: bad messages in good frames, bad frames, and noise that is none at all."""

import os
import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import serial
from sealwire import chain, frames, limits, messages
from sealwire.errors import DecodeError

from tests.brokers import Broker
from tests.system.people import Key
from tests.system.stage import REPEAT, WAIT, Stage
from tests.system.test_box_flood import assert_unharmed, mutated, noise, use_once

COUNT = int(os.environ.get("SEALBOX_LINE_FLOOD", "4000"))
"""Messages."""
HELLO_EVERY_S = 2.0
AHEAD = 3
"""Messages that are written before the box must have read them."""


class LineStage(Stage):
    """A stage whose host is at the box's USB line; what the box says over the broker meanwhile is heard as well."""

    def provision(self, **more: Any) -> None:
        super().provision(**more)
        self._over = threading.Event()
        self._writing = threading.Lock()
        self._news = threading.Condition()
        self._answers = self._flooded = 0
        self._line = serial.Serial(self.box.console_path, timeout=0.1)
        self._hello = bytes(frames.encode(messages.build_item(messages.HELLO, {"site": self.site})))
        # Who reads must never wait for who writes: the box may be waiting until somebody reads.
        self._threads = [threading.Thread(target=each, daemon=True) for each in (self._listen, self._keep_there)]
        for thread in self._threads:
            thread.start()

    def __exit__(self, *exception: object) -> None:
        if hasattr(self, "_threads"):
            self._over.set()
            for thread in self._threads:
                thread.join()
            self._line.close()
        super().__exit__(*exception)

    def send(self, raw: bytes, sender: Key | None = None, retain: bool = False) -> None:
        """Each after a `hello`: what came before may have been one that ended the conversation."""
        self.catch_up()
        self._write(self._hello + frames.encode(raw))

    def flood(self, data: bytes) -> None:
        """Bytes on the line, in one piece. The line drops what the box does not read in time, so it must keep up."""
        self._write(data)
        self._flooded += 1
        if self._flooded % AHEAD == 0:
            self.catch_up()

    def catch_up(self) -> None:
        """Wait until the box has read what was written: until it answers a `hello`."""
        with self._news:
            answers = self._answers
            deadline = time.monotonic() + WAIT
            while self._answers == answers:
                assert time.monotonic() < deadline, f"no answer on the line:\n{self.box.firmware_log()[-2000:]}"
                self._write(self._hello)
                self._news.wait(REPEAT)

    def _write(self, data: bytes) -> None:
        with self._writing:
            self._line.write(data)

    def _keep_there(self) -> None:
        while not self._over.wait(HELLO_EVERY_S):
            self._write(self._hello)

    def _listen(self) -> None:
        reader = frames.Reader()
        while not self._over.is_set():
            for body in reader.feed(self._line.read(self._line.in_waiting or 1)):
                if _is_hello(bytes(body)):
                    with self._news:
                        self._answers += 1
                        self._news.notify_all()
                else:
                    self.received.put(("line", bytes(body)))


def _is_hello(body: bytes) -> bool:
    try:
        return messages.is_item(body) and messages.read_item(body)[0] == messages.HELLO
    except DecodeError:
        return False


@pytest.fixture
def line_stage(tmp_path: Path, rumqttd: Broker, firmware_image: tuple[Path, ...]) -> Iterator[LineStage]:
    with LineStage(tmp_path / "box", rumqttd, modules=firmware_image) as ready:
        ready.wait_printed("serial: connected")
        yield ready


def bad_bytes(stage: LineStage, seed: int) -> Iterator[bytes]:
    """For the line: bad messages in good frames, and every third frame damaged as well."""
    rng = random.Random(seed)
    for bad in noise(stage, seed):
        body = bad[: limits.MESSAGE]
        frame = bytes(frames.encode(body)) if body else bytes(2)
        yield frame if rng.randrange(3) else mutated(rng, frame)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", [1])
def test_flood_on_the_line_fills_nothing_stops_nothing_and_opens_nothing(line_stage: LineStage, seed: int) -> None:
    stage = line_stage
    boots = stage.box.state["boots"]
    before = max(stage.entries)
    bad = bad_bytes(stage, seed)
    uses = 2
    for number in range(uses):
        use_once(stage, number, bad, COUNT // uses, stage.flood)
    refused = len(stage.log(chain.REFUSED))
    assert refused <= 2 * limits.REFUSALS_PER_HOUR, "logged at a bounded rate"
    loose = len(stage.log(chain.DECISION)) + len(stage.log(chain.FINISH))
    assert max(stage.entries) - before <= uses * 4 + refused + loose + 10
    assert_unharmed(stage, boots, uses)
