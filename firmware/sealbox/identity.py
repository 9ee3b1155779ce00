"""The box's own key: made on the first boot from the board's random generator, kept on flash, never given out.

Guarantees: the key is whole on flash before anything names it. Key and log live and die together: :func:`load` makes a
key only where there is no log. Leaves to others: what is signed.
"""

import os
from hashlib import sha256

from sealwire import cose, messages

from sealbox import ed25519

_FILE = "key"
_SEED = 32


class KeyLost(Exception):  # noqa: N818 - what the display says
    """There is a log, but not the key that signed it."""


class Identity:
    """public_key (32 bytes), kid (16 bytes); the seed stays inside."""

    def __init__(self, seed: bytes) -> None:
        self._seed = seed
        self.public_key = ed25519.public_key(seed)
        self.kid = cose.key_id(self.public_key)

    def build(self, number: int, fields: dict, site: bytes) -> bytes:
        """A message of the box, signed."""
        return messages.build(number, fields, site, self.public_key, self._sign)

    def secret(self, purpose: bytes) -> bytes:
        """A secret of its own for another purpose than signing."""
        return sha256(b"sealbox/1/" + purpose + b"/" + self._seed).digest()

    def _sign(self, data: bytes) -> bytes:
        return ed25519.sign(self._seed, data)


def load(folder: str, board: object, has_log: bool) -> Identity:
    """The box's identity; made anew when there is neither key nor log. Raises KeyLost."""
    path = folder + "/" + _FILE
    try:
        with open(path, "rb") as file:
            seed = file.read()
    except OSError:
        seed = b""
    if len(seed) != _SEED:
        if has_log:
            raise KeyLost
        seed = board.random(_SEED)
        with open(path + ".new", "wb") as file:
            file.write(seed)
        os.rename(path + ".new", path)
    return Identity(seed)
