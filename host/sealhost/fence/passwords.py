"""Broker passwords without a list of them: each is computed from one secret of the host and the user's name.

Guarantees: the secret has 32 random bytes in a file of mode 0600; passwords have 256 bits, so that what the broker's
password file holds of them (PBKDF2-SHA512, Mosquitto's `$7$`) cannot be guessed however few its iterations are. The
salts come from the secret too: the same users make the same file.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from collections.abc import Iterable
from pathlib import Path

from sealhost.fence import FenceError, files

SECRET_BYTES = 32
ITERATIONS = 101
"""Mosquitto's own default; the broker computes it anew for every client at every reload."""


class Passwords:
    """What belongs to one secret."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    @classmethod
    def open(cls, path: Path) -> Passwords:
        """The secret of a file, which is made when it is not there. Raises FenceError."""
        if not path.exists():
            files.write_whole(path, base64.b64encode(os.urandom(SECRET_BYTES)) + b"\n")
        try:
            secret = base64.b64decode(files.read(path, private=True).strip(), validate=True)
        except ValueError:
            secret = b""
        if len(secret) != SECRET_BYTES:
            raise FenceError(f"{path} holds no secret: remove it, and everybody gets a new password")
        return cls(secret)

    def of(self, user: str) -> str:
        """A user's password: 43 letters, digits, - and _."""
        return base64.urlsafe_b64encode(self._derive(b"password", user)).rstrip(b"=").decode()

    def line(self, user: str) -> str:
        """A user's line in Mosquitto's password file."""
        salt = self._derive(b"salt", user)[:12]
        hashed = hashlib.pbkdf2_hmac("sha512", self.of(user).encode(), salt, ITERATIONS)
        return f"{user}:$7${ITERATIONS}${base64.b64encode(salt).decode()}${base64.b64encode(hashed).decode()}"

    def file(self, users: Iterable[str]) -> bytes:
        """Mosquitto's password file, sorted by name."""
        return "".join(f"{self.line(user)}\n" for user in sorted(set(users))).encode()

    def _derive(self, purpose: bytes, user: str) -> bytes:
        return hmac.digest(self._secret, b"sealbox/1/broker/" + purpose + b"/" + user.encode(), "sha256")
