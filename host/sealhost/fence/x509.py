"""Certificates (RFC 5280) as the fence needs them: ECDSA on P-256 with SHA-256, small, one purpose each. No I/O.

P-256 because the TLS of boxes (mbedTLS) knows no certificates with Ed25519.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sealhost.fence import FenceError

Key = ec.EllipticCurvePrivateKey
PublicKey = ec.EllipticCurvePublicKey

BACKDATED_S = 3600
"""Certificates are valid from an hour ago, so that a clock a little behind takes a new one."""


@dataclass(frozen=True, slots=True)
class Span:
    """UTC seconds."""

    begins: int
    ends: int


def new_key() -> Key:
    """A key on P-256."""
    return ec.generate_private_key(ec.SECP256R1())


def key_der(key: Key) -> bytes:
    """PKCS #8 (RFC 5958), 138 bytes."""
    return key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def key_pem(der: bytes) -> bytes:
    """The PEM of a key that `key_der` made."""
    key = serialization.load_der_private_key(der, None)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def read_key(pem: bytes) -> Key:
    """A key of a PEM file. ValueError when it is none on P-256."""
    key = serialization.load_pem_private_key(pem, None)
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ValueError("no key on P-256")
    return key


def public_der(key: PublicKey) -> bytes:
    """SubjectPublicKeyInfo."""
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def read_public(der: bytes) -> PublicKey:
    """The reverse of `public_der`. ValueError when it is no key on P-256."""
    key = serialization.load_der_public_key(der)
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ValueError("no key on P-256")
    return key


def pem(der: bytes) -> bytes:
    """The PEM of a certificate."""
    return x509.load_der_x509_certificate(der).public_bytes(serialization.Encoding.PEM)


def root(name: str, key: Key, span: Span) -> x509.Certificate:
    """A self-signed CA that certifies ends only, no further CA."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    usage = _usage(key_cert_sign=True, crl_sign=True)
    builder = _builder(subject, subject, key.public_key(), span)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(usage, critical=True)
    return builder.sign(key, hashes.SHA256())


def client(name: str, public_key: PublicKey, span: Span, ca: x509.Certificate, ca_key: Key) -> x509.Certificate:
    """A client's certificate; `name` is its user name at the broker."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    return _end(subject, public_key, span, ca, ExtendedKeyUsageOID.CLIENT_AUTH).sign(ca_key, hashes.SHA256())


def server(
    names: Sequence[str], public_key: PublicKey, span: Span, ca: x509.Certificate, ca_key: Key
) -> x509.Certificate:
    """A server's certificate for host names and IP addresses. FenceError for what is neither."""
    alternative = x509.SubjectAlternativeName([_general(name) for name in names])
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64])])
    builder = _end(subject, public_key, span, ca, ExtendedKeyUsageOID.SERVER_AUTH)
    return builder.add_extension(alternative, critical=False).sign(ca_key, hashes.SHA256())


def revocations(
    revoked: Iterable[tuple[int, int]], span: Span, ca: x509.Certificate, ca_key: Key
) -> x509.CertificateRevocationList:
    """A CRL of (serial number, when)."""
    builder = x509.CertificateRevocationListBuilder().issuer_name(ca.subject)
    builder = builder.last_update(moment(span.begins)).next_update(moment(span.ends))
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key())
    builder = builder.add_extension(identifier, critical=False)
    for serial, when in revoked:
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(moment(when)).build()
        builder = builder.add_revoked_certificate(entry)
    return builder.sign(ca_key, hashes.SHA256())


def moment(seconds: int) -> datetime:
    """UTC seconds as `cryptography` wants them."""
    return datetime.fromtimestamp(seconds, UTC)


def _end(
    subject: x509.Name, public_key: PublicKey, span: Span, ca: x509.Certificate, purpose: x509.ObjectIdentifier
) -> x509.CertificateBuilder:
    builder = _builder(subject, ca.subject, public_key, span)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_usage(digital_signature=True), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
    known = ca.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    identifier = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(known)
    return builder.add_extension(identifier, critical=False)


def _builder(subject: x509.Name, issuer: x509.Name, public_key: PublicKey, span: Span) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(public_key)
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(moment(span.begins)).not_valid_after(moment(span.ends))
    return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)


def _usage(*, digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        encipher_only=False,
        decipher_only=False,
    )


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        pass
    letters = name.replace("-", "").replace(".", "")
    if (
        not 0 < len(name) < 254
        or not name.isascii()
        or not letters.isalnum()
        or not all(0 < len(part) < 64 for part in name.split("."))
    ):
        raise FenceError(f"{name[:80]!r} is neither a host name nor an IP address (write names in ASCII, like xn--…)")
    return x509.DNSName(name.lower())
