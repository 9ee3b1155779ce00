"""A firmware for tests of the Board contract: evaluates the lines that come over the USB console and answers each.

An answer is one line, `= ` and the value's repr, or `! ` and the exception's. A coroutine is awaited first.
"""

import asyncio
import os

import vfs
from sealbox import board
from sealbox.board import sim
from sealbox.presses import Presses

b = board.find()
tasks = []


def stall():
    """Never comes back, and never lets another task run."""
    while True:
        pass


async def stall_later():
    """Stalls once this has been answered."""

    async def soon():
        await asyncio.sleep_ms(1)
        stall()

    tasks.append(asyncio.create_task(soon()))


async def soon(action):
    """Does something after this has been answered."""

    async def later():
        await asyncio.sleep_ms(1)
        action()

    tasks.append(asyncio.create_task(later()))


async def until(condition):
    """Waits by changed() alone until the condition holds."""
    while not condition():
        await b.changed()
    return True


async def until_while_polled(condition):
    """As until(), with another task that reads the inputs all the time."""

    async def poll():
        while True:
            b.lid_open()
            b.take_edges(1)
            await asyncio.sleep_ms(0)

    polling = asyncio.create_task(poll())
    await asyncio.sleep_ms(5)
    result = await until(condition)
    polling.cancel()
    return result


async def slept(seconds):
    """Sleeps, and says so; returns the milliseconds that it took by the board's ticks."""
    b.show(["sleeping"])
    start = b.ticks_ms()
    await asyncio.sleep(seconds)
    return board.ticks_diff(b.ticks_ms(), start)


async def slept_among_others(seconds):
    """As slept(), with a task that was cancelled meanwhile, one that waits for an event and one that never rests."""
    seen = []
    event = asyncio.Event()

    async def cancelled():
        try:
            await asyncio.sleep(10 * seconds)
        except asyncio.CancelledError:
            seen.append("cancelled")

    async def waiting():
        await event.wait()
        seen.append("woken")

    async def busy():
        while True:
            await asyncio.sleep_ms(0)

    others = [asyncio.create_task(each()) for each in (cancelled, waiting, busy)]
    await asyncio.sleep_ms(1)
    others[0].cancel()
    sim._wake_earlier(1)  # time may be skipped before the cancelled task has run
    took = await slept(seconds)
    event.set()
    await asyncio.sleep_ms(1)
    others[2].cancel()
    return took, seen


class Counter:
    """Counts the presses of a bay in a task of its own, as the box does."""

    def __init__(self, bay):
        self.bay = bay
        self.total = 0
        self.edges = 0
        self.presses = Presses(b.ticks_ms())
        self.task = asyncio.create_task(self.run())

    async def run(self):
        while True:
            edges = b.take_edges(self.bay)
            self.edges += len(edges)
            now = b.ticks_ms()
            self.total += self.presses.take(edges, now)
            due = self.presses.due_ms(now)
            try:
                await asyncio.wait_for_ms(b.changed(), 1_000_000 if due is None else due)
            except asyncio.TimeoutError:
                pass


counter = None


def count(bay):
    global counter
    counter = Counter(bay)


def mount(fresh=False):
    if fresh:
        vfs.VfsLfs2.mkfs(b.flash())
    vfs.mount(vfs.VfsLfs2(b.flash()), "/flash")


def save(name, data):
    """Writes a file and flushes it to the flash."""
    with open("/flash/" + name, "wb") as file:
        file.write(data)


def append(name, record, times):
    """Appends records, each one flushed before the next."""
    with open("/flash/" + name, "ab") as file:
        for _ in range(times):
            file.write(record)
            file.flush()


def load(name):
    try:
        with open("/flash/" + name, "rb") as file:
            return file.read()
    except OSError as error:
        return error.errno


def read_block(block, n, offset=0):
    data = bytearray(n)
    b.flash().readblocks(block, data, offset)
    return bytes(data)


def print_much(kilobytes):
    line = "x" * 1023
    for _ in range(kilobytes):
        print(line)
    return kilobytes


async def serve():
    reader, writer = b.console()
    b.show(["agent ready", "cause %d" % b.reset_cause()])
    pending = b""
    while True:
        pending += await reader.read(512)
        while b"\n" in pending:
            line, pending = pending.split(b"\n", 1)
            try:
                value = eval(line, globals())  # noqa: S307 - what the test sends
                if hasattr(value, "send") and hasattr(value, "throw"):
                    value = await value
                answer = "= %r\n" % (value,)
            except Exception as error:  # noqa: BLE001 - becomes the answer
                answer = "! %r\n" % (error,)
            writer.write(answer.encode())
            await writer.drain()


async def echo():
    """Sends back whatever comes, byte for byte."""
    reader, writer = b.console()
    b.show(["echo ready"])
    while True:
        writer.write(await reader.read(64))
        await writer.drain()


asyncio.run(echo() if os.getenv("SIM_AGENT") == "echo" else serve())
