"""The demo over a serial line: the host's socket, and what a person with the host's own tools sees of the line.

Guarantees: the box is plugged in only when it has been set up, as a person would. Leaves to others: what is played.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

from sealwire import messages

from sealhost.links.serial import BAUD
from sealhost.store import boxes, sites
from sealhost.store import messages as message_store
from sealhost.store.database import Database

BITS_PER_BYTE = 10
"""On an asynchronous line: start, eight, stop."""

STORED_S = 30.0


@dataclass
class DemoLine:
    """A line of the demo's host. `socket` is where the box is plugged in."""

    socket: Path
    used: int = 0
    """Bytes that messages had taken on the line when `start` was called."""

    def host_words(self) -> list[str]:
        """The options that tell the host of the line."""
        return ["--serial", str(self.socket)]

    def plug(self, port: str) -> None:
        """Plug the box in."""
        self.socket.symlink_to(port)

    def start(self, http: str) -> None:
        """A use begins."""
        self.used = self._bytes(http)

    def told(self, http: str, result: dict[str, object]) -> str:
        """What the messages of a use took on the line."""
        size = self._bytes(http) - self.used
        took = size * BITS_PER_BYTE / BAUD
        result["serial_bytes_per_use"] = size
        return f"; {size} bytes on the line in all, {took:.2f} s at {BAUD} baud"

    def wait_stored(self, home: Path, seq: int) -> None:
        """Wait until the host has proven and stored the box's log: what it says to the box, nobody else hears."""
        database = Database(f"sqlite:///{home / 'sealbox.db'}")
        end = time.monotonic() + STORED_S
        try:
            while True:
                with database.read() as tx:
                    if all(box.seq >= seq for row in sites.all_sites(tx) for box in boxes.all_boxes(tx, row.site)):
                        return
                if time.monotonic() > end:
                    raise LookupError("the host has not stored the box's log")
                time.sleep(0.1)
        finally:
            database.close()

    def _bytes(self, http: str) -> int:
        with urlopen(f"{http}/healthz", timeout=10) as answer:  # noqa: S310 - the demo's own host
            boxes = json.load(answer)["serial"]
        return sum(int(box["received_bytes"]) + int(box["sent_bytes"]) for box in boxes)


def sent(home: Path, site: bytes, reference: bytes) -> messages.Message:
    """A message that the host sent down the line, out of its own database. LookupError when there is none such."""
    database = Database(f"sqlite:///{home / 'sealbox.db'}")
    try:
        with database.read() as tx:
            found = message_store.find(tx, site, reference)
    finally:
        database.close()
    if found is None:
        raise LookupError("the host does not know what it sent")
    return messages.read(found.raw, site)
