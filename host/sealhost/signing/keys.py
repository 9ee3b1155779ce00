"""Ed25519 key files (RFC 8032), one key each: PKCS #8 PEM (RFC 8410), mode 0600, with a passphrase if wanted.

Guarantees: a key file is written whole or not at all and never over another; a key that others on this machine could
have read or replaced is refused; errors name the file and what to do, and hold nothing of the key.
Leaves to others: which signatures are strict enough to be looked at (`sealwire.cose.check`).
"""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from sealwire import cose
from sealwire.strict import strict_key

MAX_FILE_BYTES = 4096
"""An encrypted key file has some 300 bytes; nothing larger is read."""


class KeyFileError(Exception):
    """A key file cannot be made or used; the text says which, why, and what to do."""


class PassphraseError(KeyFileError):
    """A key file needs a passphrase, or another one."""


class Signer:
    """One secret key that signs. `public_key` has 32 bytes, `kid` is the first 16 bytes of its SHA-256."""

    def __init__(self, private_key: Ed25519PrivateKey) -> None:
        self._private_key = private_key
        self.public_key: bytes = private_key.public_key().public_bytes_raw()
        self.kid: bytes = cose.key_id(self.public_key)

    def sign(self, data: bytes) -> bytes:
        """The signature over `data`, 64 bytes."""
        return self._private_key.sign(data)

    def __repr__(self) -> str:
        return f"Signer(kid={self.kid.hex()})"


def generate() -> Signer:
    """A new key in memory only."""
    return Signer(Ed25519PrivateKey.generate())


def create(path: Path | str, passphrase: str | None = None) -> Signer:
    """Make a new key and write its file, mode 0600. KeyFileError when the file exists or cannot be written."""
    path = Path(path)
    private_key = Ed25519PrivateKey.generate()
    encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase is not None:
        if not passphrase:
            raise PassphraseError("an empty passphrase protects nothing: leave it out or give a real one")
        encryption = serialization.BestAvailableEncryption(passphrase.encode())
    pem = private_key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
    _write_once(path, pem)
    return Signer(private_key)


def load(path: Path | str, passphrase: str | None = None) -> Signer:
    """Read a key file. KeyFileError says why it cannot be used; PassphraseError when the passphrase is the reason."""
    path = Path(path)
    pem = _read_private(path)
    encrypted = b"ENCRYPTED" in pem
    if encrypted and passphrase is None:
        raise PassphraseError(f"{path} is protected: give its passphrase")
    try:
        key = serialization.load_pem_private_key(
            pem, passphrase.encode() if encrypted and passphrase is not None else None
        )
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        if encrypted:
            raise PassphraseError(f"{path} does not open: the passphrase is wrong, or the file is damaged") from error
        raise KeyFileError(f"{path} holds no private key in PEM: is it the right file?") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyFileError(f"{path} holds a key of another kind: Sealbox uses Ed25519")
    return Signer(key)


def verify(public_key: bytes, data: bytes, signature: bytes) -> bool:
    """Whether `signature` is this key's over `data`; the `verify` function that sealwire's checks are given."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, data)
    except (InvalidSignature, ValueError):
        return False
    return True


def read_public(text_or_path: str) -> bytes:
    """A public key of 32 bytes from hex, or from a file with hex, PEM, or a private key's PEM without passphrase.

    KeyFileError when it is neither, or a key that may not be used (of low order, or not canonical).
    """
    text = text_or_path.strip()
    key = _from_hex(text)
    if key is None:
        path = Path(text)
        if not path.is_file():
            raise KeyFileError(f"{text[:80]!r} is neither a public key (64 hex digits) nor a file with one")
        key = _public_from_file(path)
    if not strict_key(key):
        raise KeyFileError("this public key must not be used: it is of low order or not in canonical form")
    return key


def _public_from_file(path: Path) -> bytes:
    try:
        content = path.read_bytes()[:MAX_FILE_BYTES]
    except OSError as error:
        raise KeyFileError(f"{path} cannot be read: {error.strerror}") from error
    if b"PRIVATE KEY" in content:
        return load(path).public_key
    if b"PUBLIC KEY" in content:
        try:
            key = serialization.load_pem_public_key(content)
        except (ValueError, UnsupportedAlgorithm) as error:
            raise KeyFileError(f"{path} holds no public key that can be read") from error
        if not isinstance(key, Ed25519PublicKey):
            raise KeyFileError(f"{path} holds a key of another kind: Sealbox uses Ed25519")
        return key.public_bytes_raw()
    found = _from_hex(content.decode("ascii", "replace").strip())
    if found is None:
        raise KeyFileError(f"{path} holds no public key: 64 hex digits, or PEM")
    return found


def _from_hex(text: str) -> bytes | None:
    try:
        key = bytes.fromhex(text)
    except ValueError:
        return None
    return key if len(key) == 32 else None


def _read_private(path: Path) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise KeyFileError(f"{path} is not there") from error
    except OSError as error:
        raise KeyFileError(f"{path} cannot be read: {error.strerror}") from error
    with open(descriptor, "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise KeyFileError(f"{path} is not a file")
        if stat.S_IMODE(status.st_mode) & 0o077:
            raise KeyFileError(f"{path} can be read or changed by others: chmod 600 {path}")
        return file.read(MAX_FILE_BYTES)


def _write_once(path: Path, content: bytes) -> None:
    """Write a new file of mode 0600, flushed to disk, or leave none."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError as error:
        raise KeyFileError(f"{path} exists already and is not written over") from error
    except OSError as error:
        raise KeyFileError(f"{path} cannot be written: {error.strerror}") from error
    try:
        with open(descriptor, "wb") as file:
            os.fchmod(file.fileno(), 0o600)  # whatever the umask
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        with contextlib.suppress(OSError):
            path.unlink()
        raise KeyFileError(f"{path} cannot be written: {error.strerror}") from error
