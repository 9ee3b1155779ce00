"""The file that `sealhost ca issue box` writes, read for the box that it is given to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from sealhost.fence import FenceError, files
from sealhost.fence import x509 as build
from sealhost.fence.ca import MAX_CERTIFICATE_BYTES, MAX_SET

_KEY = b"-----BEGIN PRIVATE KEY-----"


@dataclass(frozen=True, slots=True)
class Given:
    """All DER. Without a certificate of its own, a box signs in to the broker by name and password."""

    ca: list[bytes]
    certificate: bytes | None
    key: bytes | None
    name: str | None
    """Whose certificate it is: a kid in hex."""


def read(path: Path) -> Given:
    """CA set, and certificate and key that belong together. FenceError for anything else, or a file others can read."""
    content = files.read(path, private=True)
    try:
        found = x509.load_pem_x509_certificates(content)
        key = build.read_key(content[content.index(_KEY) :]) if _KEY in content else None
    except (ValueError, TypeError) as error:
        raise FenceError(f"{path} is not what `sealhost ca issue box` writes: {error}") from error
    ca = [one for one in found if _is_ca(one)]
    own = [one for one in found if not _is_ca(one)]
    if not 1 <= len(ca) <= MAX_SET or len(own) > 1 or bool(own) != (key is not None):
        raise FenceError(f"{path} needs 1 to {MAX_SET} CA certificates, and a certificate with its key or neither")
    der = [one.public_bytes(Encoding.DER) for one in (*ca, *own)]
    if max(map(len, der)) > MAX_CERTIFICATE_BYTES:
        raise FenceError(f"{path} holds a certificate above {MAX_CERTIFICATE_BYTES} bytes, which no box takes")
    if not own or key is None:
        return Given(der, None, None, None)
    if own[0].public_key() != key.public_key():
        raise FenceError(f"{path} holds a certificate for another key")
    names = own[0].subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return Given(der[:-1], der[-1], build.key_der(key), str(names[0].value) if names else None)


def _is_ca(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False
