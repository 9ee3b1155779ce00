"""The box's link over its console, on the real VM: frames between text, noise, and the memory it takes."""

import hashlib
import os
import queue
import random
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sealwire import frames, messages

from tests import vms

WAIT_S = 20.0
SITE = bytes(range(16))
HELLO = messages.build_item(messages.HELLO, {})
SERVED = messages.build_item(messages.HELLO, {"site": SITE})
UP = b"\xd2up"


class Console:
    """The computer's end of a box's console."""

    def __init__(self) -> None:
        stdin, self._write = os.pipe()
        os.set_blocking(stdin, False)  # the firmware reads what has come, as from USB
        self._process = subprocess.Popen(
            vms.unix_command(Path(__file__).parent / "vm" / "serial_link.py"),
            env=vms.unix_environment(vms.compiled_modules()), stdin=stdin, stdout=subprocess.PIPE,
        )  # fmt: skip
        os.close(stdin)
        self.hellos: queue.Queue[dict[str, object]] = queue.Queue()
        self.said: queue.Queue[bytes] = queue.Queue()
        self.skipped = 0
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        reader = frames.Reader()
        while data := os.read(self._process.stdout.fileno(), 65_536):
            for body in map(bytes, reader.feed(data)):
                if messages.is_item(body):
                    self.hellos.put(messages.read_item(body)[1])
                else:
                    self.said.put(body)
            self.skipped = reader.skipped

    def send(self, body: bytes) -> None:
        self.write(bytes(frames.encode(body)))

    def write(self, data: bytes) -> None:
        while data:
            data = data[os.write(self._write, data) :]

    def ask(self, body: bytes) -> bytes:
        """A message's answer, whatever the box says by itself besides."""
        self.send(body)
        return self.hear(hashlib.sha256(body).digest())

    def hear(self, wanted: bytes) -> bytes:
        while True:
            said = self.said.get(timeout=WAIT_S)
            if said[1:] == wanted:
                return said

    def serve(self) -> None:
        self.send(HELLO)
        assert self.hellos.get(timeout=WAIT_S)["site"] == SITE
        self.send(SERVED)
        self.hear(UP[1:])

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()
        self._thread.join()
        os.close(self._write)
        assert self._process.stdout is not None
        self._process.stdout.close()


@pytest.fixture
def console() -> Iterator[Console]:
    made = Console()
    yield made
    made.stop()


def test_who_asks_is_answered_and_only_who_serves_the_site_takes_the_line_into_use(console: Console) -> None:
    for body in (HELLO, messages.build_item(messages.HELLO, {"site": bytes(16)})):
        console.send(body)
        assert console.hellos.get(timeout=WAIT_S)["site"] == SITE
    console.send(b"\xd2 nobody said that this is carried")
    assert console.said.empty()
    console.send(SERVED)
    console.hear(UP[1:])
    console.ask(b"\xd2 now it is")


def test_who_asks_anew_hears_the_checkpoint_again(console: Console) -> None:
    for _ in range(3):
        console.serve()
    console.send(SERVED)
    console.ask(b"\xd2 a second one changes nothing")
    assert console.said.empty()


def test_its_own_words_sent_back_are_not_answered(console: Console) -> None:
    console.serve()
    while not console.hellos.empty():
        console.hellos.get()
    hello = {"public": bytes(32), "site": SITE}
    console.send(messages.build_item(messages.HELLO, hello))
    console.ask(b"\xd2 after")
    assert console.hellos.empty()


def test_what_the_box_prints_breaks_no_frame(console: Console) -> None:
    console.serve()
    console.send(b"\xd2chatter")
    console.send(b"\xd2publish 200 2000 ")
    came = [console.said.get(timeout=WAIT_S) for _ in range(200)]
    assert sorted({body[1] for body in came if len(body) == 2000}) == list(range(200))
    assert console.skipped > 200, "nothing was printed in between"


def test_messages_of_any_size_come_through_noise(console: Console) -> None:
    console.serve()
    source = random.Random(7)
    for size in (1, 250, 251, 512, 4096, 8191):
        body = b"\xd2" + source.randbytes(size)
        damaged = frames.encode(body)
        damaged[len(damaged) // 2] ^= 1
        console.write(bytes(damaged[: size // 2]) + source.randbytes(700) + bytes(damaged))
        console.ask(body)


def test_messages_are_handled_one_at_a_time(console: Console) -> None:
    console.serve()
    for _ in range(8):
        console.send(b"\xd2slow")
    for _ in range(8):
        console.hear(b"slow")
    assert console._process.poll() is None


@pytest.mark.timeout(120)
def test_ten_megabytes_without_an_end_take_no_memory(console: Console) -> None:
    console.serve()

    def used() -> int:
        console.send(b"\xd2memory")
        while True:
            said = console.said.get(timeout=WAIT_S)[1:]
            if said.isdigit():
                return int(said)

    console.ask(b"\xd2" + bytes(8191))
    before = used()
    for _ in range(160):
        console.write(b"z" * 65_536)
    console.write(b"\0")
    assert used() < before + 2048
