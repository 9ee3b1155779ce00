"""TLS beside the largest things that a box has to hold, in the board's heap."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from sealhost.fence import x509 as build
from sealwire import chain, limits

from tests.system.people import Key
from tests.system.test_box_limits import send_roster_of
from tests.system.tls import GuardedStage, guarded_stage

LEAST_AT_BOOT = 50_000
"""Bytes in the 64-bit VM. The context takes 4 KB of them and the TLS connection 3; mbedTLS keeps the rest itself."""
PRIVATE_USE = x509.ObjectIdentifier("1.3.6.1.4.1.32473.1")  # for documentation (RFC 5612)


@pytest.fixture
def stage(tmp_path: Path, firmware_image: tuple[Path, ...]) -> Iterator[GuardedStage]:
    with guarded_stage(tmp_path, firmware_image) as made:
        yield made


def largest(certificate: x509.Certificate, key: build.Key) -> bytes:
    """The same with an extension that brings it to 1,024 bytes, signed by `key`; DER."""
    builder = x509.CertificateBuilder(
        certificate.issuer,
        certificate.subject,
        certificate.public_key(),
        certificate.serial_number,
        certificate.not_valid_before_utc,
        certificate.not_valid_after_utc,
        list(certificate.extensions),
    )
    size = limits.CERTIFICATE
    while True:
        size -= 1
        padded = builder.add_extension(x509.UnrecognizedExtension(PRIVATE_USE, bytes(size)), critical=False)
        der = padded.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)
        if len(der) <= limits.CERTIFICATE:
            return der


def test_enough_memory_is_free_at_boot(stage: GuardedStage) -> None:
    free = re.findall(r"memory free: (\d+)", stage.box.firmware_log())
    assert int(free[-1]) >= LEAST_AT_BOOT


def test_largest_credentials_under_a_large_roster_are_taken_and_used(stage: GuardedStage) -> None:
    """Under the largest roster they do not always fit: the box then refuses them, and the host sends others."""
    send_roster_of(stage, [Key(f"one of many {n}") for n in range(limits.PEOPLE // 2)], 4)
    folder = stage.guarded.ca.folder
    root = x509.load_pem_x509_certificate((folder / "ca-1.pem").read_bytes())
    signer = build.read_key((folder / "ca-1.key").read_bytes())
    assert stage.tls is not None
    own = largest(x509.load_der_x509_certificate(stage.tls.certificate), signer)
    message = stage.credentials([largest(root, signer) for _ in range(limits.CA_CERTIFICATES)], own)
    assert len(message.raw) > 3 * limits.CERTIFICATE + 900
    start = stage.printed()
    stage.send(message.raw)
    assert stage.wait_entry(chain.LINK)["message"] == message.reference
    stage.guarded.turn("good")
    stage.wait_log("mqtt: connected", start)
    assert "not correctly signed" not in stage.box.firmware_log()[start:]
