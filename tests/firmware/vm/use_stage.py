"""A whole use of a box inside one VM: the firmware's own `main` on a fake board, a real littlefs on a chip in memory.

The board fulfils the contract; its shutters arrive at once, and a hand presses as soon as a shutter is open, before
the firmware can look, then after each look as long as the bay is driven. Once the chip is dead, every call of the
board ends the life with PowerCut, as the loss of power does. The link plays host and people, whose keys are here.
"""

import asyncio
import time
from hashlib import sha256

import vfs
from flash import Flash
from sealbox import board as boards
from sealbox import config, ed25519, identity, links, log
from sealbox.clock import Clock
from sealbox.journal import Journal
from sealwire import chain, messages

SITE = bytes(range(16))
NOW = 1_800_000_000
BLOCKS = 64
BAY = 2
APPROVED = 2
SHORT_MS = 60  # of a press, with the lifting after it


class PowerCut(BaseException):
    """The chip is dead, and so is everything else."""


class Done(BaseException):
    """The link's script has come to its end."""


class Key:
    def __init__(self, name):
        self.seed = sha256(name).digest()
        self.public = ed25519.public_key(self.seed)

    def build(self, number, fields):
        return messages.build(number, fields, SITE, self.public, lambda data: ed25519.sign(self.seed, data))


AUTHORITY, HOST, KEEPER = Key(b"authority"), Key(b"host"), Key(b"keeper")
OFFICERS = [Key(b"officer 1"), Key(b"officer 2")]


class Board:
    """The contract, over a chip. `wanted`: impressions that the hand wants of an opening before it uses the button."""

    bays = 2
    both_drive = False
    present = None

    def __init__(self, chip, wanted):
        self.chip = chip
        self.wanted = wanted
        self.impressions = self.openings = self.now_pressed = 0
        self.calls = []
        self.driven = [False, False, False]
        self.edges = [[], [], []]
        self.pushed = self.gave_up = False
        self.skipped = 0
        self.event = asyncio.Event()

    def live(self, name):
        if len(self.calls) < 8:
            self.calls.append(name)
        if self.chip.dead:
            self.driven = [False, False, False]
            raise PowerCut

    def open(self, bay, max_ms):
        self.live("open")
        if self.driven[bay]:
            return False
        self.driven[bay] = True
        self.openings += 1
        self.now_pressed = 0
        self.on_open()
        self.press(bay)
        return True

    def on_open(self):
        """For a test to put something in its place."""

    def close(self, bay):
        self.live("close")
        self.driven[bay] = False
        self.event.set()

    def press(self, bay):
        """As soon as the shutter is open, and whatever the firmware does meanwhile."""
        now = self.ticks()
        self.edges[bay] += [(now + 1, boards.PRESSED), (now + SHORT_MS // 2, boards.RELEASED)]
        self.skipped += SHORT_MS
        self.impressions += 1
        self.now_pressed += 1
        self.event.set()

    def driving(self, bay):
        self.live("driving")
        return self.driven[bay]

    def switches(self, bay):
        self.live("switches")
        return not self.driven[bay], self.driven[bay]

    def take_edges(self, bay):
        self.live("edges")
        edges, self.edges[bay] = self.edges[bay], []
        return edges

    def seal_present(self, bay):
        return True

    def tampered(self):
        return False

    lid_open = tampered

    def button(self):
        pushed, self.pushed = self.pushed, False
        return pushed

    def battery_mv(self):
        return None

    def mains_ok(self):
        return True

    async def changed(self):
        """The firmware has looked at everything: now the hand does what it does next."""
        self.live("changed")
        if self.driven[BAY]:
            if self.now_pressed < self.wanted:
                self.press(BAY)
            else:
                self.pushed = True
            self.event.set()
        await self.event.wait()
        self.event.clear()

    def ticks(self):
        return (time.ticks_ms() + self.skipped) & boards.TICKS_MASK

    def ticks_ms(self):
        self.live("ticks")
        return self.ticks()

    def clock(self):
        self.live("clock")
        return NOW

    def set_clock(self, utc):
        self.live("set_clock")

    def reset_cause(self):
        return boards.POWER_ON

    def random(self, n):
        return bytes(n)

    def reset(self):
        raise AssertionError("the firmware fell over")

    def flash(self):
        self.live("flash")
        return self.chip

    async def join(self, name, password):
        self.live("join")

    def console(self):
        return Silence(), Silence()

    def output(self, *_):
        self.live("output")

    show = draw = buzz = feed = set_time = light = output


class Silence:
    """A console at which nobody is."""

    async def read(self, n):
        await asyncio.Event().wait()


Log = log.Log


class Recorded(Log):
    """A log that keeps the entries it was given, beside the flash."""

    last = None

    def __init__(self, folder, genesis):
        self.given = []
        super().__init__(folder, genesis)
        self.found = self.seq
        Recorded.last = self

    def append(self, entry, flush=True, reserve=False):
        self.given.append(bytes(entry))  # whether it got there is another question
        return super().append(entry, flush, reserve)


class Link:
    """Host and people in place of the box's links. `script(link)` is what they do; Done when it is over."""

    script = None
    connected = True
    mqtt = None

    def __init__(self, board, handle, on_connect):
        self.board = board
        self._handle = handle
        self._on_connect = on_connect
        self.challenge = None
        self.checkpoint = None
        self._heard = asyncio.Event()

    async def run(self):
        self._on_connect()
        await Link.script(self)
        raise Done

    async def publish(self, channel, payload, retain=False):
        if messages.is_item(payload):
            return
        message = messages.read(payload, SITE, (messages.CHALLENGE, messages.CHECKPOINT))
        if message.number == messages.CHALLENGE:
            self.challenge = message
        else:
            self.checkpoint = message
        self._heard.set()

    async def send(self, raw):
        await self._handle(None, memoryview(raw))

    async def until(self, condition):
        while not condition():
            await asyncio.wait_for_ms(self._heard.wait(), 10_000)
            self._heard.clear()

    def proven(self, kind):
        """Whether a checkpoint covers an entry of this kind, written since this boot."""
        return self.checkpoint is not None and kind in _kinds(self.checkpoint["seq"] - Recorded.last.found)

    def ended(self):
        """Whether the use has: its closing is proven, or the grant refused."""
        return self.proven(chain.CLOSED) or chain.REFUSED in _kinds(len(Recorded.last.given))


def _kinds(count):
    return [chain.read_entry(raw).kind for raw in Recorded.last.given[:count]]


boards.find = lambda: Board.present
log.Log = Recorded
links.Links = Link
run, asyncio.run = asyncio.run, lambda _: None  # importing `main` is running it
import main  # noqa: E402

asyncio.run = run


async def out_of_order(board):
    """What `main` does for ever once it gave up."""
    board.live("feed")
    board.gave_up = True
    raise Done


main.feed = out_of_order


def live(chip, script, wanted=APPROVED, on_open=None):
    """One life of the box: until its script is done, or the power goes. Returns its board, and whether it was cut."""
    Board.present = board = Board(chip, wanted)
    board.on_open = on_open or board.on_open
    Link.script = script
    asyncio.new_event_loop()
    try:
        asyncio.run(main.main(board))
    except Done:
        return board, False
    except PowerCut:
        return board, True
    finally:
        chip.dead = True
        try:
            vfs.umount("/data")
        except OSError:
            pass


def roster(box_public):
    year = 365 * 86400
    people = []
    for number, key, role in (
        (1, KEEPER, messages.KEEPER),
        (2, OFFICERS[0], messages.OFFICER),
        (3, OFFICERS[1], messages.OFFICER),
    ):
        keys = [bytes((messages.ED25519,)) + key.public]
        fields = {"number": number, "name": "somebody", "roles": 1 << role, "keys": keys}
        people.append(dict(fields, **{"from": NOW - year, "until": NOW + year}))
    bays = [{"number": number, "seal": "seal", "rules": 1 << 1} for number in (1, 2)]
    return {
        "version": 1,
        "issued": NOW,
        "authority": [AUTHORITY.public],
        "threshold": 1,
        "people": people,
        "hosts": [HOST.public],
        "boxes": [{"public": box_public, "bays": bays}],
        "rules": [RULE],
        "matters": bytes(32),
        "releases": [],
    }


RULE = {
    "number": 1,
    "matters": [7],
    "raiser": messages.KEEPER,
    "groups": [{"role": messages.OFFICER, "least": 2}],
    "denials": 2,
    "impressions": 5,
    "open_seconds": 30,
    "wait_seconds": 86400,
    "use_seconds": 86400,
    "break_glass": 0,
}


class Use:
    """A box that was set up, as an image of its flash, and an approved request for two impressions.

    length: entries in its log before the use begins; the boot's own is the next one.
    """

    def __init__(self, length=0):
        chip = Flash(BLOCKS)
        vfs.VfsLfs2.mkfs(chip)
        vfs.mount(vfs.VfsLfs2(chip), "/data")
        me = identity.load("/data", Board(chip, 0), False)
        fields = {"site": SITE, "authority": [AUTHORITY.public], "threshold": 1}
        config.store("/data", messages.build_item(messages.PROVISION, fields))
        vfs.umount("/data")
        self.kid = me.kid

        async def adopt(link):
            await link.send(AUTHORITY.build(messages.ROSTER, roster(me.public_key)))
            await link.until(lambda: link.proven(chain.ROSTER))

        live(chip, adopt)
        chip = chip.powered_on()
        vfs.mount(vfs.VfsLfs2(chip), "/data")
        journal = Journal(Log("/data/log", chain.genesis(SITE)), Clock(Board(chip, 0)))
        journal.start()
        while journal.log.seq < length:
            journal.write(chain.POWER, {"what": chain.MAINS_BACK}, journal.log.seq == length - 1)
        self.before = [raw for _, raw in journal.log.entries(1)]
        self._seq, self._head = journal.log.seq, journal.log.head
        vfs.umount("/data")
        self.image = bytes(chip.image)
        self.approve()
        self._grants = {}

    def approve(self):
        request = {
            "box": self.kid,
            "bay": BAY,
            "impressions": APPROVED,
            "matter": 7,
            "rule": messages.rule_digest(RULE),
            "details": bytes(32),
            "created": NOW,
            "expires": NOW + 3600,
            "attended": NOW + 1800,
            "anchor_seq": self._seq,
            "anchor_head": self._head,
            "roster": 1,
        }
        self._request = KEEPER.build(messages.REQUEST, request)
        self.reference = messages.read(self._request, SITE).reference
        said = {"request": self.reference, "verdict": messages.APPROVE, "reason": 0, "decided": NOW, "roster": 1}
        self._decisions = [key.build(messages.DECISION, said) for key in OFFICERS]

    def grant(self, nonce):
        """The grant for a challenge, with the keeper's `ready`."""
        if nonce not in self._grants:
            ready = KEEPER.build(messages.READY, {"request": self.reference, "nonce": nonce})
            fields = {"nonce": nonce, "request": self._request, "decisions": self._decisions, "substitutes": []}
            self._grants[nonce] = HOST.build(messages.GRANT, dict(fields, ready=ready))
        return self._grants[nonce]

    def chip(self):
        return Flash(BLOCKS, image=bytearray(self.image))

    async def stamp(self, link):
        """From challenge to checkpoint: a grant that opens the bay, or is refused."""
        await link.send(messages.build_item(messages.ASK, {"bay": BAY}))
        await link.until(lambda: link.challenge is not None)
        await link.send(self.grant(link.challenge["nonce"]))
        await link.until(lambda: link.ended())

    async def try_to_stamp(self, link):
        """The same on flash that may fail: until nothing more happens."""
        await link.send(messages.build_item(messages.ASK, {"bay": BAY}))
        for _ in range(100):
            await asyncio.sleep_ms(1)
            if link.challenge is not None:
                break
        if link.challenge is not None:
            await link.send(self.grant(link.challenge["nonce"]))
        for _ in range(100):
            await asyncio.sleep_ms(1)
            if link.ended():
                break
