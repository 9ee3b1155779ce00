"""The serial lines of this machine that boxes may be on: named by the operator, or found by their USB ids.

Guarantees: a line that appears is asked within a second or two; one that vanished is forgotten, and asked afresh when
it is back. Leaves to others: the conversation on each line (`serial`).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from serial.tools import list_ports

from sealhost.links.serial import Listener, SerialBox, SerialLine

_log = logging.getLogger(__name__)

AUTO = "auto"
SCAN_S = 1.0
USB_IDS = frozenset(
    {
        (0x303A, 0x1001),  # Espressif: the built-in USB serial port and JTAG of the ESP32-S3
        (0x303A, 0x4001),  # Espressif: MicroPython's own USB
        (0x2E8A, 0x0005),  # MicroPython on Raspberry Pi's boards
        (0xF055, 0x9800),  # MicroPython
        (0x10C4, 0xEA60),  # Silicon Labs CP210x
        (0x1A86, 0x7523),  # WCH CH340
        (0x1A86, 0x55D4),  # WCH CH9102
        (0x0403, 0x6001),  # FTDI FT232R
        (0x0403, 0x6015),  # FTDI FT-X
    }
)
"""Vendor and product of boards and of serial adapters that boards carry. Whatever has one is asked who it is."""


def find_ports() -> set[str]:
    """The ports that a box may be on, by their USB ids."""
    return {port.device for port in list_ports.comports() if (port.vid, port.pid) in USB_IDS}


def named_ports(spec: str) -> list[str] | None:
    """The ports of "PORT[,PORT…]", None for "auto". ValueError for an empty list."""
    if spec.strip() == AUTO:
        return None
    ports = [port.strip() for port in spec.split(",") if port.strip()]
    if not ports:
        raise ValueError('serial lines are "auto", or ports like /dev/ttyACM0, with commas between')
    return list(dict.fromkeys(ports))


class SerialLines:
    """All lines of one program. `spec` is what `named_ports` reads; `find` is what "auto" looks for."""

    def __init__(self, spec: str, listener: Listener, find: Callable[[], set[str]] = find_ports) -> None:
        self._named = named_ports(spec)
        self._listener = listener
        self._find = find
        self._lines: dict[str, SerialLine] = {}
        self._stopping = threading.Event()
        self._scanner: threading.Thread | None = None

    def start(self) -> None:
        """Begin to talk on the lines there are."""
        self._stopping.clear()
        if self._named is not None:
            self._follow(set(self._named), patient=True)
            return
        self._scanner = threading.Thread(target=self._scan, name="serial ports", daemon=True)
        self._scanner.start()

    def stop(self) -> None:
        """Let all lines go. Safe to call twice."""
        self._stopping.set()
        scanner, self._scanner = self._scanner, None
        if scanner is not None:
            scanner.join()
        self._follow(set(), patient=True)

    @property
    def boxes(self) -> list[SerialBox]:
        """The boxes that are there."""
        return [line.box for line in list(self._lines.values()) if line.box is not None]

    def _scan(self) -> None:
        told = False
        while not self._stopping.is_set():
            found = self._find()
            if not found and not told:
                told = True
                _log.warning("no serial line has the USB ids of a box: waiting for one (name it, if it has others)")
            self._follow(found, patient=False)
            self._stopping.wait(SCAN_S)

    def _follow(self, wanted: set[str], patient: bool) -> None:
        gone = [self._lines.pop(port) for port in list(self._lines) if port not in wanted]
        for line in gone:
            line.stop()
        for port in sorted(wanted - self._lines.keys()):
            self._lines[port] = SerialLine(port, self._listener, patient)
            self._lines[port].start()
