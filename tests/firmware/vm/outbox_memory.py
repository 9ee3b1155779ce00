"""An outbox whose link runs out of memory for what it is given, once; prints what is sent afterwards."""

import asyncio

from sealbox import outbox
from sealwire import messages


class Log:
    seq = durable = 3
    first = 1
    head = bytes(32)

    def entries(self, first, last):
        for seq in range(first, last + 1):
            yield seq, b"entry %d" % seq

    def head_at(self, seq):
        return self.head

    def flush(self):
        pass

    def room(self):
        return True


class Clock:
    def now(self):
        return 1

    def is_set(self):
        return True


class Journal:
    log = Log()
    clock = Clock()
    boot = 1
    roster = 0


class Identity:
    kid = bytes(16)

    def build(self, number, fields, site):
        return b"message %d" % number


class Board:
    def ticks_ms(self):
        return 0


class Link:
    connected = True
    short = True

    async def publish(self, channel, payload, retain=False):
        if messages.is_item(payload) and payload[:1] == b"\xa3" and self.short:
            self.short = False
            print("short of memory")
            raise MemoryError
        print(channel, "entries" if payload[:1] == b"\xa3" else payload.decode())


class Ack:
    reference = bytes(32)

    def __getitem__(self, name):
        return {"seq": 1, "head": bytes(32)}[name]


async def main():
    box = outbox.Outbox(bytes(16), Identity(), Journal(), Board(), None, "1")
    running = asyncio.create_task(box.run(Link()))
    box.connected()
    await asyncio.sleep_ms(50)
    box.acked(Ack())
    await asyncio.sleep_ms(1300)
    box.acked(Ack())
    await asyncio.sleep_ms(50)
    running.cancel()


asyncio.run(main())
