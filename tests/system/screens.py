"""Every screen of the box, from the real firmware in a virtual box: `make screens` writes them as pictures.

    python -m tests.system.screens FOLDER     FOLDER/NAME.png for each scene below, and FOLDER/all.png

A scene brings the box where a screen is shown and waits for its words. Scenes follow one another on one box: each
leaves it as the next expects it.
"""

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sealwire import chain, messages
from sealwire.messages import Message

from hardware.sim import picture
from tests import vms
from tests.brokers import make_broker
from tests.system.people import Fields, rule
from tests.system.stage import COMMITTEE, MATTER, PARTY, WAIT, Stage

SCALE = 4
COLUMNS = 4

Show = Callable[[str, str], None]
"""Waits until the display says the words, and keeps its picture under a name."""


def request(stage: Stage, bay: int, number: int, **changes: object) -> Message:
    """A request for a bay's seal, granted; number tells requests apart."""
    index = 0 if bay == PARTY else 1
    fields: Fields = {"bay": bay, "matter": 201 if bay == PARTY else MATTER, "details": bytes([number] * 32), **changes}
    fields["rule"] = messages.rule_digest(stage.roster_fields["rules"][index])
    made = stage.request(**fields)
    officers = range(3 if bay == PARTY else 2)
    stage.send(stage.grant(made, [stage.decision(made, officer) for officer in officers]).raw)
    return made


def setting_up(stage: Stage, show: Show) -> None:
    """From the first power-on to the first roster."""
    stage.box.power_on()
    show("not-set-up", "not set up")
    site = messages.site_code(stage.site, [stage.authority.public_key], 1)
    stage.provision(look=lambda: show("codes-to-compare", site))
    stage.box.wait_display("no roster", WAIT)
    stage.box.advance(6)
    stage.box.wait_display("waiting for host", WAIT)
    show("no-host", "waiting for host")
    stage.wait_message(messages.CHECKPOINT)
    show("no-roster", "no roster")
    stage.send_roster(rules=[rule(1, (201, 202), 3, open_seconds=120), rule(2, (MATTER, 102), 2, break_glass=0)])
    show("ready", "ready")


def one_bay(stage: Stage, show: Show) -> None:
    """A use of one bay, from grant to lock; something in the way of the shutter gives time to look."""
    stage.box.jam(COMMITTEE, "midway")
    request(stage, COMMITTEE, 1)
    show("opening", "opening")
    stage.box.unjam(COMMITTEE)
    show("open", "open, left 2")
    assert stage.box.press(COMMITTEE)
    show("one-left", "open, left 1")
    stage.box.jam(COMMITTEE, "midway")
    stage.box.press_button()
    show("closing", "closing")
    stage.box.unjam(COMMITTEE)
    stage.wait_entry(chain.CLOSED)


def two_bays(stage: Stage, show: Show) -> None:
    """A shutter that does not close, the other bay in use, and an alarm."""
    request(stage, COMMITTEE, 2)
    stage.box.wait_shutter(COMMITTEE, "open", WAIT)
    stage.box.jam(COMMITTEE, "midway")
    stage.box.press_button()
    stage.box.wait_display("closing", WAIT)
    stage.box.advance(3)
    show("jammed", "jammed, get help")
    stage.wait_entry(chain.JAM)
    request(stage, PARTY, 3)
    show("two-bays", "2 left")
    stage.box.tamper()
    show("tampered", "tampered")
    stage.box.tamper(False)
    stage.box.unjam(COMMITTEE)
    stage.wait_entry(chain.CLOSED, count=3)
    show("tampered-locked", "❷已锁 locked")
    fields: Fields = {"box": stage.kid, "clears": messages.CLEARS_TAMPER, "utc": stage.now(), **stage.anchor()}
    stage.send(stage.authority.build(messages.RESET, fields, stage.site))
    stage.wait_entry(chain.RESET)
    show("ready", "ready")


def emergency(stage: Stage, show: Show) -> None:
    """A bay opened by a rule for emergencies."""
    stage.send_roster(rules=[rule(1, (201, 202), 3), rule(2, (MATTER, 102), 2, break_glass=1)])
    request(stage, COMMITTEE, 4)
    show("urgent", "urgent left 2")
    stage.box.press_button()
    stage.wait_entry(chain.CLOSED, count=4)


def surroundings(stage: Stage, show: Show) -> None:
    """What is wrong with the box, and what it waits for."""
    stage.box.remove_seal(COMMITTEE)
    show("no-seal", "no seal")
    stage.box.insert_seal(COMMITTEE)
    stage.box.mains(False)
    stage.box.battery(3600)
    show("on-battery", "on battery")
    stage.box.battery(3100)
    show("battery-low", "battery low")
    stage.box.battery(3600)
    stage.box.mains(True)
    stage.broker.stop()
    show("offline", "offline")
    stage.box.cut_power()
    stage.box.lose_clock()
    stage.box.power_on()
    show("clock-lost", "clock lost")


def broken(stage: Stage, show: Show) -> None:
    """A log that was changed while the box had no power."""
    stage.box.cut_power()
    flash = stage.box.settings.home / "flash.bin"
    inverted = bytes(255 - byte for byte in range(256))  # the simulator keeps erased flash as zeros
    content = flash.read_bytes().translate(inverted)
    flash.write_bytes(content.replace(stage.public_key, bytes(32)).translate(inverted))
    stage.box.power_on()
    show("out-of-order", "out of order")


SCENES = (setting_up, one_bay, two_bays, emergency, surroundings, broken)


def take(stage: Stage) -> dict[str, bytes]:
    """Goes through all scenes with a box that has no power yet; the pictures by name, in order."""
    pictures: dict[str, bytes] = {}

    def show(name: str, words: str) -> None:
        deadline = time.monotonic() + WAIT
        while not any(words in line for line in stage.box.display()):
            assert time.monotonic() < deadline, f"{words!r} was not shown, but {stage.box.display()}"
            stage.take(0.1)  # a host that is there answers
        pictures[name] = stage.box.picture()

    for scene in SCENES:
        scene(stage, show)
    return pictures


@contextmanager
def dark_stage(folder: Path) -> Iterator[Stage]:
    """A stage on a broker of its own, whose box has no power yet."""
    broker = make_broker("rumqttd", folder / "broker")
    stage = Stage(folder / "box", broker, modules=vms.firmware_image())
    try:
        stage.connect()
        yield stage
    finally:
        stage.__exit__()
        broker.stop()


def main() -> int:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as home, dark_stage(Path(home)) as stage:
        pictures = take(stage)
    for name, pixels in pictures.items():
        (folder / f"{name}.png").write_bytes(picture.to_png(pixels, SCALE))
    (folder / "all.png").write_bytes(picture.sheet(list(pictures.values()), COLUMNS, 3))
    print(f"{len(pictures)} screens in {folder}: " + ", ".join(pictures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
