"""A stream that only a passphrase opens: scrypt (RFC 7914), then chunks of ChaCha20-Poly1305 (RFC 8439).

Guarantees: a changed, swapped, missing or added chunk is found out before any of it is given out; the last chunk says
that it is the last, so that a cut file does not pass for a whole one. (The STREAM construction of Hoang et al. 2015.)
"""

from __future__ import annotations

import io
import os
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from sealhost.upkeep import UpkeepError

MAGIC = b"sealhost-sealed/1\n"
CHUNK_BYTES = 256 * 1024
_TAG = 16
_SALT = 16
_PREFIX = 7
_COST = {"n": 1 << 16, "r": 8, "p": 1}
"""64 MiB and some 0.2 s for each guess."""


class SealedWriter(io.RawIOBase):
    """Takes plain bytes, writes sealed ones to `out`. Without `close`, what was written cannot be opened."""

    def __init__(self, out: BinaryIO, passphrase: str) -> None:
        salt, self._prefix = os.urandom(_SALT), os.urandom(_PREFIX)
        self._head = MAGIC + salt + self._prefix
        self._cipher = _cipher(passphrase, salt)
        self._out = out
        self._held = bytearray()
        self._number = 0
        out.write(self._head)

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        """Seal whole chunks; the last one waits for `close`."""
        self._held += data
        while len(self._held) > CHUNK_BYTES:
            self._put(bytes(self._held[:CHUNK_BYTES]), last=False)
            del self._held[:CHUNK_BYTES]
        return len(data)

    def close(self) -> None:
        """Write the last chunk; `out` stays open."""
        if not self.closed:
            self._put(bytes(self._held), last=True)
        super().close()

    def _put(self, chunk: bytes, last: bool) -> None:
        self._out.write(self._cipher.encrypt(_nonce(self._prefix, self._number, last), chunk, self._head))
        self._number += 1


class SealedReader(io.RawIOBase):
    """Gives the plain bytes of what a SealedWriter wrote. UpkeepError for another passphrase or a damaged file."""

    def __init__(self, source: BinaryIO, passphrase: str) -> None:
        self._head = source.read(len(MAGIC) + _SALT + _PREFIX)
        if not self._head.startswith(MAGIC) or len(self._head) != len(MAGIC) + _SALT + _PREFIX:
            raise UpkeepError("this is no sealed backup")
        salt, self._prefix = self._head[len(MAGIC) :][:_SALT], self._head[-_PREFIX:]
        self._cipher = _cipher(passphrase, salt)
        self._source = source
        self._next = source.read(CHUNK_BYTES + _TAG)
        self._plain = b""
        self._number = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        """Fill the buffer as far as the current chunk goes; 0 at the end."""
        while not self._plain and self._next is not None:
            self._plain = self._open()
        count = min(len(buffer), len(self._plain))
        buffer[:count], self._plain = self._plain[:count], self._plain[count:]
        return count

    def _open(self) -> bytes:
        chunk, following = self._next, self._source.read(CHUNK_BYTES + _TAG)
        try:
            plain = self._cipher.decrypt(_nonce(self._prefix, self._number, not following), chunk, self._head)
        except InvalidTag as error:
            raise UpkeepError("the passphrase is wrong, or the backup is damaged or cut") from error
        self._next = following or None  # type: ignore[assignment]
        self._number += 1
        return plain


def _cipher(passphrase: str, salt: bytes) -> ChaCha20Poly1305:
    return ChaCha20Poly1305(Scrypt(salt=salt, length=32, **_COST).derive(passphrase.encode()))


def _nonce(prefix: bytes, number: int, last: bool) -> bytes:
    return prefix + number.to_bytes(4, "big") + (b"\x01" if last else b"\x00")
