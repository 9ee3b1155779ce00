"""Wiring: which part of the firmware knows which. What each does is said where it stands."""

import gc

# Collect early and often, from the first import on: what stays must not lie scattered between what went.
gc.threshold(8 * 1024)

import asyncio
import os
import sys

import vfs
from sealbox import board as boards
from sealbox import config, display, ed25519, identity
from sealbox.box import Box
from sealbox.clock import Clock
from sealbox.gate import Gate
from sealbox.intake import Intake
from sealbox.journal import Journal
from sealbox.link import MqttLink
from sealbox.links import Links
from sealbox.log import Log
from sealbox.outbox import Outbox
from sealbox.rosters import Rosters
from sealbox.screen import Screen
from sealbox.segment import LogCorrupt
from sealwire import chain, messages
from sealwire.errors import SealwireError

DATA = "/data"
LOG = DATA + "/log"
ROSTER = DATA + "/roster"


def mount(board: object) -> None:
    """Mount the data volume; a blank flash is formatted, one that cannot be read is left as it is. Raises OSError."""
    flash = board.flash()
    try:
        volume = vfs.VfsLfs2(flash)
    except OSError:
        if not blank(flash):
            raise
        vfs.VfsLfs2.mkfs(flash)
        volume = vfs.VfsLfs2(flash)
    vfs.mount(volume, DATA)
    if "roster" not in os.listdir(DATA):
        os.mkdir(ROSTER)


def blank(flash: object) -> bool:
    """Whether the first two blocks, which hold the file system's root, were never written."""
    block = bytearray(flash.ioctl(5, 0))
    for number in (0, 1):
        flash.readblocks(number, block)
        if block.count(b"\xff") != len(block):
            return False
    return True


async def set_up(board: object, me: object, screen: Screen) -> None:
    """Wait until the box is told its site; the codes stay on the display while the button is held."""
    from sealbox.serial_link import SerialLink

    line = SerialLink(board, me, DATA, None)
    await screen.show(display.said(display.UNSET, messages.long_code(me.kid)))
    tasks = (asyncio.create_task(feed(board)), asyncio.create_task(line.run()))
    await line.told.wait()
    told = line.fields
    code = messages.site_code(told["site"], told["authority"], told["threshold"])
    await screen.show(display.said(display.TOLD, code, messages.long_code(me.kid)))
    while board.button():
        await asyncio.sleep_ms(50)
    for task in tasks:
        task.cancel()


async def feed(board: object) -> None:
    """Feed the watchdog while nothing else does, for ever: nothing opens meanwhile."""
    while True:
        board.feed()
        await asyncio.sleep(2)


def open_journal(board: object, me: object, fields: dict) -> Journal:
    """The log of this site; its first entry is written when it is empty. Raises LogCorrupt, OSError."""
    journal = Journal(Log(LOG, chain.genesis(fields["site"])), Clock(board))
    journal.start()
    if journal.log.seq == 0:
        origin = {"box": me.public_key, "site": fields["site"]}
        origin["authority"], origin["threshold"] = fields["authority"], fields["threshold"]
        journal.write(chain.ORIGIN, origin)
    return journal


def write_boot(board: object, journal: Journal) -> None:
    """The boot entry: it counts boots, and challenges of other boots are worth nothing."""
    fields = {"boot": journal.boot + 1, "cause": board.reset_cause(), "firmware": config.FIRMWARE}
    fields["clock_set"] = int(journal.clock.is_set())
    journal.write(chain.BOOT, fields, True, True)


def load_credentials(fields: dict, clock: Clock) -> "object | None":
    """What the box uses for TLS, None when it was told to do without. Drops it from ``fields``: memory is short."""
    if "ca" not in fields:
        return None
    from sealbox.credentials import Credentials

    for name in ("certificate", "tls_key"):
        fields.pop(name, None)
    fields["ca"] = ()
    return Credentials(DATA, clock)


def wire(board: object, me: object, fields: dict, screen: Screen) -> tuple:
    """The parts of a box in use, which knows how it stands: box, link, outbox. Raises LogCorrupt, OSError, Refused."""
    site = fields["site"]
    journal = open_journal(board, me, fields)
    outbox = None

    def changed(checkpoint: bool) -> None:
        if outbox is not None:
            outbox.wake(checkpoint)
            screen.wake()

    box = Box(board, journal, changed)
    write_boot(board, journal)
    box.interrupt()
    rosters = Rosters(ROSTER, me.kid, journal, fields["authority"], fields["threshold"])
    gate = box.gate = Gate(site, me.kid, journal, board, me.secret(b"nonce"))
    gate.roster = rosters.load()
    outbox = Outbox(site, me, journal, board, gate, config.FIRMWARE)
    credentials = load_credentials(fields, journal.clock)
    intake = Intake(site, me, box, rosters, outbox, ed25519, credentials)

    def connected() -> None:
        outbox.connected()
        if credentials is not None:
            credentials.connected()

    link = Links(board, intake.handle, outbox.connected)

    def serial() -> object:
        from sealbox.serial_link import SerialLink

        return SerialLink(board, me, DATA, fields, link.take, outbox.connected, link.serial_lost, link.mqtt)

    link.make_serial = serial
    if "broker" in fields:
        tls = None if credentials is None else credentials.context
        user = (fields["user"], fields.get("password") or "") if "user" in fields else None
        broker = (fields["broker"], fields.get("port", 8883 if tls else 1883))
        link.mqtt = MqttLink(*broker, site, me.kid, link.take, connected, user=user, tls=tls)
    print("box %s serves: boot %d, log %d" % (messages.short_code(me.kid), journal.boot, journal.log.seq))
    return box, link, outbox


async def serve(
    board: object, me: object, fields: dict, screen: Screen, box: Box, link: object, outbox: Outbox
) -> None:
    """The box in use. The first part to fail ends all: a box that lost one closes its bays and starts afresh."""
    gc.collect()
    print("memory free:", gc.mem_free())
    network = board.join(fields.get("wifi"), fields.get("wifi_password"))
    parts = (box.watch(), link.run(), outbox.run(link), show(board, screen, box, link, outbox), network)
    await asyncio.gather(*parts)


async def show(board: object, screen: Screen, box: Box, link: object, outbox: Outbox) -> None:
    """Keep the display true: after every change, and as seconds pass."""
    while True:
        box.gate.drop_stale()
        try:
            await screen.show(display.rows(box, link.connected, outbox.unanswered, board.ticks_ms()))
        except MemoryError:
            pass  # while a large message is looked at; said a second later
        if not await screen.pause(1000):
            gc.collect()


async def main(board: object) -> None:
    """Boot: shutters first, then flash, key, configuration, work."""
    for bay in range(1, board.bays + 1):
        board.close(bay)
    screen = Screen(board)
    await screen.show(display.said(display.STARTING))
    try:
        mount(board)
        me = identity.load(DATA, board, "log" in os.listdir(DATA))
        fields = config.load(DATA)
        if fields is None:
            await set_up(board, me, screen)
            board.reset()  # what setting up took in memory is free again
        parts = wire(board, me, fields, screen)
    except (OSError, LogCorrupt, SealwireError, identity.KeyLost) as error:
        what = repr(error)
        print("out of order:", what)
        await screen.show(display.said(display.BROKEN, what[:16], what[16:32]))
        await feed(board)
    await serve(board, me, fields, screen, *parts)


def run() -> None:
    """Run until something fails that nobody foresaw; say what, end every drive, and start afresh."""
    board = boards.find()
    try:
        asyncio.run(main(board))
    except Exception as error:  # noqa: BLE001 - the last line of defence: it hides nothing, and resets
        for bay in range(1, board.bays + 1):
            board.close(bay)
        sys.print_exception(error)
        board.reset()


run()
