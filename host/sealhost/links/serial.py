"""One serial line and the box at it (protocol/SPEC.md, section 9), on pyserial.

Guarantees: the port is this program's alone while it is open; whatever comes on it, memory holds one frame; a line that
is lost, silent or no box's says so once, in one line, and is tried again, and nothing waits for it. Leaves to others:
loss on the line (whoever waits for an answer sends again), and whether what a box says is genuine.
"""

from __future__ import annotations

import errno
import logging
import queue
import threading
import time
from typing import Any, Protocol

import serial
from sealwire import cose, errors, frames, messages
from sealwire.errors import SealwireError

from sealhost.links import MAX_PAYLOAD_BYTES, LinkFullError, PayloadTooLargeError

_log = logging.getLogger(__name__)

BAUD = 115_200
"""Means nothing on USB; serial adapters want one."""
HELLO_EVERY_S = 2.0  # a box takes 9 s without for nobody there
ASK_EVERY_S = 0.5
ASK_FOR_S = 5.0
"""A box that starts up answers by then."""
SILENT_S = 6.0  # a box that checks the largest grant answers nothing for 4
AGAIN_S = 5.0
"""After a port that could not be used: long enough for `sealhost box provision` to have it in between."""
SOON_S = 0.5
WRITE_S = 5.0
READ_S = 0.2
CHUNK = 4096
MAX_WAITING_OUT = 64
"""Messages of at most 8 KiB that wait for a line: half a megabyte, which takes 45 s at 115,200 baud."""

HELLO = messages.build_item(messages.HELLO, {})


class SerialDelivery:
    """A message on its way to a box; `acknowledged` when its bytes were given to the line, which proves no more."""

    def __init__(self, payload: bytes) -> None:
        self.payload = payload
        self._gone = threading.Event()

    @property
    def acknowledged(self) -> bool:
        """Whether it was written."""
        return self._gone.is_set()

    def wait(self, timeout_s: float) -> bool:
        """Wait until it was written; False when that took longer."""
        return self._gone.wait(timeout_s)

    def written(self) -> None:
        """Its bytes are out."""
        self._gone.set()


class SerialBox:
    """A box that answered on a line. Counters are bytes of whole frames that carried messages."""

    def __init__(self, port: str, site: bytes, kid: bytes) -> None:
        self.port = port
        self.site = site
        self.kid = kid
        self.received_bytes = 0
        self.sent_bytes = 0
        self._waiting: queue.Queue[SerialDelivery | None] = queue.Queue(MAX_WAITING_OUT)

    @property
    def name(self) -> str:
        """How lines of the log name it."""
        return f"box {messages.short_code(self.kid)} on {self.port}"

    def send(self, payload: bytes) -> SerialDelivery:
        """Hand over a message. Raises PayloadTooLargeError, LinkFullError."""
        if not 0 < len(payload) <= MAX_PAYLOAD_BYTES:
            raise PayloadTooLargeError(f"{len(payload)} bytes, 1 to {MAX_PAYLOAD_BYTES} can be sent to a box")
        delivery = SerialDelivery(payload)
        try:
            self._waiting.put_nowait(delivery)
        except queue.Full:
            raise LinkFullError(f"{MAX_WAITING_OUT} messages wait for {self.name} already") from None
        return delivery

    def nudge(self) -> None:
        """Say `hello` now: whether somebody carries its messages has changed."""
        try:
            self._waiting.put_nowait(None)
        except queue.Full:
            return  # the next one comes soon enough

    def next(self, timeout_s: float) -> SerialDelivery | None:
        """The next message to write; None when it is time for `hello`."""
        try:
            return self._waiting.get(timeout=max(0.0, timeout_s))
        except queue.Empty:
            return None


class Listener(Protocol):
    """Who uses boxes on lines. Called from the lines' own threads."""

    def wants(self, site: bytes) -> bool:
        """Whether boxes of this site are served here."""

    def on_box(self, box: SerialBox) -> bool:
        """A box answered; False when it is served on another line already."""

    def carries(self, box: SerialBox) -> bool:
        """Whether its messages can be carried on at this moment; else the box keeps them."""

    def on_message(self, box: SerialBox, payload: bytes) -> None:
        """A box said something."""

    def on_gone(self, box: SerialBox) -> None:
        """A box is no longer there."""


class _Over(Exception):  # noqa: N818 - the end of a conversation, not always an error
    """The conversation on a line is over; the text says why, as a clause about the port or box."""


class SerialLine:
    """One port. `patient`: a device that is no box is asked again every few seconds, otherwise never."""

    def __init__(self, port: str, listener: Listener, patient: bool = True) -> None:
        self.port = port
        self.box: SerialBox | None = None
        self._listener = listener
        self._patient = patient
        self._told = ""
        self._failed: BaseException | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"serial {port}", daemon=True)

    def start(self) -> None:
        """Begin, in a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """End, and let the port go."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            was_box = self._once()
            if not was_box and not self._patient:
                return
            self._stopping.wait(SOON_S if was_box else AGAIN_S)

    def _once(self) -> bool:
        """One conversation; whether it was with a box, or the port is not there yet."""
        try:
            with serial.Serial(self.port, BAUD, timeout=READ_S, write_timeout=WRITE_S, exclusive=True) as port:
                port.reset_input_buffer()
                _Conversation(self, port).hold()
        except _Over as over:
            self._tell(str(over))
        except (OSError, ValueError) as error:  # SerialException is an OSError
            self._tell(_reason(error, self.box))
            if _is(error, errno.ENOENT):
                self._ended()
                return True
        return self._ended()

    def _ended(self) -> bool:
        box, self.box = self.box, None
        if box is not None:
            self._listener.on_gone(box)
        return box is not None

    def _tell(self, why: str) -> None:
        """Say a thing once, until something else is to be said."""
        if why and why != self._told and not self._stopping.is_set():
            self._told = why
            _log.warning("%s: %s", self.port if self.box is None else self.box.name, why)

    def found(self, box: SerialBox) -> None:
        """A box that is served here answered. Raises _Over."""
        if not self._listener.on_box(box):
            raise _Over(f"box {messages.short_code(box.kid)} is served on another line already: left alone")
        self.box = box
        self._told = ""
        _log.info("%s: here", box.name)


class _Conversation:
    """What happens while a port is open: this thread reads, another one writes."""

    def __init__(self, line: SerialLine, port: serial.Serial) -> None:
        self._line = line
        self._port = port
        self._listener = line._listener
        self._over = threading.Event()
        self._broken: OSError | None = None
        self._began = time.monotonic()
        self._heard = self._began
        self._refused = 0

    def hold(self) -> None:
        """Until it is over: raises _Over, or what the port raises."""
        writer = threading.Thread(target=self._write, name=f"to {self._line.port}", daemon=True)
        writer.start()
        try:
            self._read()
        finally:
            self._over.set()
            if self._line.box is not None:
                self._line.box.nudge()
            writer.join()

    # --- reading ---

    def _read(self) -> None:
        reader = frames.Reader()
        while not self._line._stopping.is_set():
            data = self._port.read(max(1, min(CHUNK, self._port.in_waiting)))
            if self._broken is not None:
                raise self._broken
            for body in reader.feed(data):
                self._heard_frame(bytes(body))
            self._look_at_clock()

    def _look_at_clock(self) -> None:
        now = time.monotonic()
        if self._line.box is None and now - self._began >= ASK_FOR_S:
            raise _Over("what is there does not answer as a box: left alone")
        if self._line.box is not None and now - self._heard >= SILENT_S:
            raise _Over("fell silent")

    def _heard_frame(self, body: bytes) -> None:
        hello = read_hello(body)
        box = self._line.box
        if hello is not None:
            if "public" in hello:  # not our own words, sent back
                self._heard = time.monotonic()
                self._greet(hello)
        elif box is not None:
            self._heard = time.monotonic()
            box.received_bytes += len(frames.encode(body))
            self._listener.on_message(box, body)

    def _greet(self, hello: dict[str, Any]) -> None:
        kid, site, box = cose.key_id(hello["public"]), hello.get("site"), self._line.box
        if box is not None and (box.kid, box.site) != (kid, site):
            raise _Over("another box answers there now")
        if site is None:
            raise _Over(f"box {messages.short_code(kid)} is not set up: see `sealhost box provision --help`")
        if not self._listener.wants(site):
            raise _Over(f"box {messages.short_code(kid)} belongs to another site, {site.hex()}: left alone")
        refused = hello.get("refused", 0)
        if refused and refused != self._refused:
            _log.warning("%s: takes no messages at present: %s", self._line.port, errors.name_of(refused))
        self._refused = refused
        if box is None:
            box = SerialBox(self._line.port, site, kid)
            self._line.found(box)
            box.nudge()

    # --- writing ---

    def _write(self) -> None:
        try:
            while not self._over.is_set():
                self._say_hello()
                next_hello = time.monotonic() + HELLO_EVERY_S
                box = self._line.box
                if box is None:
                    self._over.wait(ASK_EVERY_S)
                while box is not None and not self._over.is_set():
                    delivery = box.next(next_hello - time.monotonic())
                    if delivery is None:
                        break
                    box.sent_bytes += self._put(delivery.payload)
                    delivery.written()
        except OSError as error:
            self._broken = error

    def _say_hello(self) -> None:
        box = self._line.box
        carried = box is not None and self._listener.carries(box)
        self._put(messages.build_item(messages.HELLO, {"site": box.site}) if box is not None and carried else HELLO)

    def _put(self, body: bytes) -> int:
        frame = frames.encode(body)
        self._port.write(frame)
        return len(frame)


def read_hello(body: bytes) -> dict[str, Any] | None:
    """The fields of a HELLO; None for anything else."""
    if not messages.is_item(body):
        return None
    try:
        number, fields = messages.read_item(body)
    except SealwireError:
        return None
    return fields if number == messages.HELLO else None


def _is(error: BaseException, *numbers: int) -> bool:
    return isinstance(error, OSError) and error.errno in numbers


def _reason(error: BaseException, box: SerialBox | None) -> str:
    """Why a port cannot be used, as a clause."""
    if isinstance(error, serial.SerialTimeoutException):
        return f"takes nothing of what is sent to it for {WRITE_S:.0f} s"
    if box is not None:
        return "unplugged"
    if _is(error, errno.ENOENT):
        return "is not there: waiting for it"
    if _is(error, errno.EAGAIN, errno.EBUSY):
        return "another program has it open: trying again"
    if _is(error, errno.EACCES):
        return "no permission to open it: is this user in its group (often dialout)?"
    return f"cannot be used: {error}"
