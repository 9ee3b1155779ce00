"""Drives sealbox.serial_link by its own console: what the test sends are frames, what it gets are frames and text.

A message is answered by its digest; `chatter` makes a task print without end; `memory`
tells the heap in use; `publish N SIZE ` sends N messages; `slow` takes a while. Messages also come another way.
"""

import asyncio
import gc
import sys
from hashlib import sha256

from sealbox import links, serial_link
from sealbox.link import OUT

SITE = bytes(range(16))


class Board:
    def console(self):
        return asyncio.StreamReader(sys.stdin.buffer), asyncio.StreamWriter(sys.stdout.buffer, {})


class Me:
    public_key = bytes(32)


async def chatter():
    while True:
        print("bay 1 opening \x00 and more")
        await asyncio.sleep_ms(0)


async def publish(link, count, size):
    for number in range(count):
        await link.publish(OUT, b"\xd2" + bytes((number,)) * (size - 1))


state = {"busy": 0}
tasks = []  # what runs beside


async def handle(sender, payload):
    if state["busy"]:
        sys.exit("two at once")
    state["busy"] += 1
    said = bytes(payload[1:20])
    if said.startswith(b"chatter"):
        tasks.append(asyncio.create_task(chatter()))
    elif said.startswith(b"publish"):
        _, count, size = said.split()[:3]
        tasks.append(asyncio.create_task(publish(link, int(count), int(size))))
    elif said.startswith(b"memory"):
        gc.collect()
        await link.publish(OUT, b"\xd2" + str(gc.mem_alloc()).encode())
    elif said.startswith(b"slow"):
        await asyncio.sleep_ms(300)
        await link.publish(OUT, b"\xd2slow")
    else:
        await link.publish(OUT, b"\xd2" + sha256(payload).digest())
    state["busy"] -= 1


def up():
    tasks.append(asyncio.create_task(link.publish(OUT, b"\xd2up")))


board = Board()
link = links.Links(board, handle, up)
fields = {"site": SITE, "authority": [bytes(32)], "threshold": 1}
link.make_serial = lambda: serial_link.SerialLink(board, Me(), "/", fields, link.take, up, link.serial_lost)


async def main():
    tasks.append(asyncio.create_task(link.run()))
    while True:
        await asyncio.sleep(1)
        if link.serial is not None:
            tasks.append(asyncio.create_task(link.take(None, b"\xd2nobody hears the answer to this")))


asyncio.run(main())
