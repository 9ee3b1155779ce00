"""From an event that ends an opening to the drive that is off, while the box has all hands full, beside one at rest."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from sealwire import chain, messages, topics

from tests import vms
from tests.bench.figures import Figure, Found
from tests.system.stage import COMMITTEE, PARTY, REPEAT, WAIT
from tests.system.tls import GuardedStage, guarded_stage

TRIES = 10
"""Of each event, at rest and busy."""
MAIN = Path(__file__).parent / "vm" / "stops.py"
EVENTS = {"button": "button pressed", "finish": "keeper's finish published", "tamper": "tamper loop broken"}
STEPS = {
    "signature": "one signature verified",
    "log": "a log entry appended and flushed",
    "grant": "a grant read and judged, with its host's signature",
    "history": "of that: what a request spent, read from the log after its anchor",
    "look": "a look at all bays",
    "read": "a message decoded",
    "collection": "a garbage collection, which any of these may contain",
}


def measure(folder: Path) -> Found:
    """The worst of all tries; the box is on TLS in both cases."""
    with guarded_stage(folder, vms.firmware_image(), main=MAIN) as stage:
        rest = {event: [_stop(stage, event) for _ in range(TRIES)] for event in EVENTS}
        stage.next_hour()  # one person's loose messages are counted by the hour
        with _busy(stage):
            busy = {event: [_stop(stage, event) for _ in range(TRIES)] for event in EVENTS}
        steps = _steps(stage.box.firmware_log())
        assert stage.box.state["boots"] == 2, "the box started afresh"
    figures = [
        Figure(f"worst of {TRIES}: {text} to drive off, under TLS, MQTT and verifications", "ms",
               max(busy[event]), max(rest[event]), "the same at rest")
        for event, text in EVENTS.items()
    ]  # fmt: skip
    return Found(figures, _text(steps))


def _stop(stage: GuardedStage, event: str) -> float:
    """Open a bay, end that, and wait until the drive is off: milliseconds, as somebody beside the box sees it."""
    request = stage.open(details=time.monotonic_ns().to_bytes(32, "big"))
    finish = stage.finish(request)
    does: dict[str, Callable[[], object]] = {
        "button": stage.box.hold_button,
        "finish": lambda: stage.send(finish, stage.keeper),
        "tamper": stage.box.tamper,
    }
    began = time.monotonic()
    does[event]()
    stage.box.wait_for(lambda state: not state["bays"][COMMITTEE - 1]["driving"], WAIT, "the drive off")
    took = 1000 * (time.monotonic() - began)
    stage.wait_entry(chain.CLOSED, lambda entry: bool(entry["request"] == request.reference))
    stage.box.release_button()
    if event == "tamper":
        _clear(stage)
    return took


def _clear(stage: GuardedStage) -> None:
    """The authority's word that all is well again."""
    stage.box.tamper(False)
    before = len(stage.log(chain.RESET))
    fields = {**stage.anchor(), "box": stage.kid, "clears": messages.CLEARS_TAMPER, "utc": stage.now()}
    stage.send(stage.authority.build(messages.RESET, fields, stage.site))
    stage.wait_entry(chain.RESET, count=before + 1)


@contextmanager
def _busy(stage: GuardedStage) -> Iterator[None]:
    """Messages without end that cost the box a signature before they are refused; the next when it took these."""
    request = stage.request(bay=PARTY, matter=201, rule=messages.rule_digest(stage.roster_fields["rules"][0]))
    decisions = [stage.decision(request, officer) for officer in (0, 1)]
    bad, denial = stage.decision(request, 2), stage.decision(request, 2, messages.DENY)
    costly = [stage.grant(request, [*decisions, bad[:-1] + bytes([bad[-1] ^ 1])]).raw]
    costly += [denial[:-1] + bytes([denial[-1] ^ 1]), messages.build_item(messages.ASK, {"bay": PARTY})]
    over, answered = threading.Event(), threading.Event()
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="busy")

    def heard(_client: object, _user: object, message: mqtt.MQTTMessage) -> None:
        if not messages.is_item(bytes(message.payload)):
            answered.set()

    client.on_message = heard
    client.connect(stage.broker.host, stage.broker.port)
    client.subscribe(topics.box_out(stage.site, stage.kid), 1)
    client.loop_start()

    def run() -> None:
        while not over.is_set():
            answered.clear()
            for raw in costly:
                client.publish(topics.box_in(stage.site, stage.kid, stage.host.kid), raw, 1)
            answered.wait(REPEAT)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        client.disconnect()
        client.loop_stop()


def _steps(printed: str) -> dict[str, float]:
    """The longest of each kind of step, milliseconds."""
    return {name: int(spent) / 1000 for name, spent in re.findall(r"^step (\w+) (\d+)$", printed, re.MULTILINE)}


def _text(steps: dict[str, float]) -> str:
    rows = [f"| {STEPS[name]} | {spent:.1f} |" for name, spent in sorted(steps.items(), key=lambda item: -item[1])]
    lines = [
        "## What delays an end of the drive",
        "Nothing interrupts a step of the loop; an event that comes during one waits for its end. Button and tamper "
        "loop wait for one message at most (read, its signature, the entry of its refusal), a `finish` also for the "
        "messages before it. The drive's own timer waits for nothing. The longest of each kind:",
        "| step | ms |\n|---|---|\n" + "\n".join(rows),
    ]
    return "\n\n".join(lines)
