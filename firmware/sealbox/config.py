"""What a box was told when it was set up: site, authority keys, broker. Kept as the `provision` item it came in.

The origin entry of the log binds site and authority; all else may be told again, site and authority never.
"""

import os

from sealwire import messages
from sealwire.errors import DecodeError

FIRMWARE = "0.1.0"
_FILE = "config"


def load(folder: str) -> "dict | None":
    """The fields of the `provision` item, None while the box is not set up. Raises DecodeError for a damaged file."""
    try:
        raw = read(folder)
    except OSError:
        return None
    number, fields = messages.read_item(raw)
    if number != messages.PROVISION:
        raise DecodeError(0, "config is no provision item")
    return fields


def read(folder: str) -> bytes:
    """The `provision` item. Raises OSError while the box is not set up."""
    with open(folder + "/" + _FILE, "rb") as file:
        return file.read()


def store(folder: str, raw: bytes) -> None:
    """Keep a `provision` item; whole or not at all."""
    path = folder + "/" + _FILE
    with open(path + ".new", "wb") as file:
        file.write(raw)
    os.rename(path + ".new", path)
