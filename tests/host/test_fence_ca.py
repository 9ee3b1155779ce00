"""The deployment's CA: what it issues, renews and revokes, and what it leaves on disk."""

import json
import stat
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from sealhost.fence import FenceError
from sealhost.fence import x509 as build
from sealhost.fence.ca import DAY_S, MAX_CERTIFICATE_BYTES, CertificateAuthority

KID = bytes(range(16))
NOW = 1_800_000_000


class Clock:
    """Time that the test sets."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ca(tmp_path: Path, clock: Clock) -> CertificateAuthority:
    return CertificateAuthority.create(tmp_path / "ca", "四季社区", now=clock)


def read(der: bytes) -> x509.Certificate:
    return x509.load_der_x509_certificate(der)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_secrets_are_readable_by_their_owner_only(ca: CertificateAuthority) -> None:
    ca.issue_box(KID)
    assert mode(ca.folder) == 0o700
    assert [mode(path) for path in ca.folder.glob("*.key")] == [0o600]
    assert mode(ca.folder / "index.json") == 0o600
    assert (mode(ca.set_file), mode(ca.crl_file)) == (0o644, 0o644)
    assert b"PRIVATE" not in b"".join(path.read_bytes() for path in ca.folder.rglob("*.pem"))


def test_clients_certificate_names_its_kid_for_clients_only(ca: CertificateAuthority) -> None:
    given = ca.issue_box(KID)
    certificate = read(given.certificate)
    assert certificate.subject.rfc4514_string() == f"CN={KID.hex()}"
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False
    assert certificate.not_valid_after_utc == datetime.fromtimestamp(NOW + 730 * DAY_S, UTC)
    certificate.verify_directly_issued_by(read(given.ca[0]))


def test_what_a_box_must_store_is_small(ca: CertificateAuthority) -> None:
    ca.add_next()
    given = ca.issue_box(b"\xff" * 16)
    assert given.key is not None
    assert len(given.ca) == 2
    assert len(given.key) <= 256
    assert max(len(one) for one in (given.certificate, *given.ca)) <= MAX_CERTIFICATE_BYTES


def test_servers_certificate_names_hosts_and_addresses(ca: CertificateAuthority) -> None:
    certificate = read(ca.issue_server(["Broker.example", "127.0.0.1", "::1"]).certificate)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["broker.example"]
    assert [str(one) for one in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1", "::1"]
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.SERVER_AUTH]


@pytest.mark.parametrize("name", ["", "a b", "経.example", "x..y", "http://a", "-" * 64])
def test_server_name_that_is_none_is_refused(ca: CertificateAuthority, name: str) -> None:
    with pytest.raises(FenceError, match="neither a host name nor an IP address"):
        ca.issue_server([name])
    assert ca.issued() == []


def test_renewal_certifies_the_same_key_with_a_new_end(ca: CertificateAuthority, clock: Clock) -> None:
    first = ca.issue_box(KID)
    assert ca.due() == []
    clock.now += 490 * DAY_S
    assert [one.name for one in ca.due()] == [KID.hex()]
    second = ca.renew(KID)
    assert second.key is None
    assert read(second.certificate).public_key() == read(first.certificate).public_key()
    assert read(second.certificate).not_valid_after_utc == datetime.fromtimestamp(clock.now + 730 * DAY_S, UTC)
    assert ca.due() == []
    assert ca.current(KID.hex()) == second.issued


def test_box_keeps_its_own_key_when_only_the_public_one_is_given(ca: CertificateAuthority) -> None:
    key = build.new_key()
    given = ca.issue_box(KID, build.public_der(key.public_key()))
    assert given.key is None
    assert read(given.certificate).public_key() == key.public_key()
    with pytest.raises(FenceError, match="no public key on P-256"):
        ca.issue_box(KID, b"nonsense")


def test_revoked_certificate_is_on_the_list_and_its_key_is_never_certified_again(ca: CertificateAuthority) -> None:
    first = ca.issue_box(KID)
    second = ca.renew(KID)
    assert {one.serial for one in ca.revoke(KID)} == {first.issued.serial, second.issued.serial}
    revoked = {f"{one.serial_number:040x}" for one in x509.load_pem_x509_crl(ca.crl())}
    assert revoked == {first.issued.serial, second.issued.serial}
    assert ca.revoke(KID) == []
    with pytest.raises(FenceError, match="issue one"):
        ca.renew(KID)
    third = ca.issue_box(KID)
    ca.revoke(first.issued.serial)
    assert ca.renew(KID).issued.public_key == third.issued.public_key


def test_key_with_one_revoked_certificate_is_not_renewed(ca: CertificateAuthority) -> None:
    first = ca.issue_box(KID)
    ca.renew(KID)
    ca.revoke(first.issued.serial)
    with pytest.raises(FenceError, match="was revoked"):
        ca.renew(KID)


def test_every_revocation_list_is_dated_after_the_one_before_and_never_in_the_future(
    ca: CertificateAuthority, clock: Clock
) -> None:
    dates = []
    for index in range(5):
        ca.issue_box(bytes([index]) * 16)
        ca.revoke(bytes([index]) * 16)
        dates.append(x509.load_pem_x509_crl(ca.crl()).last_update_utc)
    assert dates == sorted(set(dates))
    assert dates[-1] < datetime.fromtimestamp(clock.now, UTC)


def test_ca_changes_in_three_steps_with_the_old_one_trusted_until_nothing_hangs_on_it(ca: CertificateAuthority) -> None:
    first = ca.issue_host(KID)
    with pytest.raises(FenceError, match="no next CA"):
        ca.switch()
    ca.add_next()
    assert ca.ca_set()[0] == first.ca[0]
    assert len(ca.ca_set()) == 2
    read(ca.issue_server(["a.example"]).certificate).verify_directly_issued_by(read(first.ca[0]))
    ca.switch()
    assert ca.ca_set()[1] == first.ca[0]
    assert {one.name for one in ca.due()} == {KID.hex(), "a.example"}
    with pytest.raises(FenceError, match="2 certificates hang on the CA before"):
        ca.retire()
    read(ca.renew(KID).certificate).verify_directly_issued_by(read(ca.ca_set()[0]))
    ca.revoke("a.example")
    assert len(x509.load_pem_x509_certificates(ca.set_file.read_bytes())) == 2
    ca.retire()
    assert len(ca.ca_set()) == 1
    assert ca.ca_set()[0] != first.ca[0]


def test_ca_itself_becomes_due_and_nothing_outlives_it(tmp_path: Path, clock: Clock) -> None:
    ca = CertificateAuthority.create(tmp_path / "short", "short", days=30, now=clock)
    assert not ca.ca_due()
    clock.now += 21 * DAY_S
    assert ca.ca_due()
    given = ca.issue_box(KID)
    assert read(given.certificate).not_valid_after_utc == read(given.ca[0]).not_valid_after_utc
    clock.now += 10 * DAY_S
    with pytest.raises(FenceError, match="CA certificate has expired"):
        ca.issue_box(KID)
    ca.add_next()
    assert not ca.ca_due()
    ca.switch()
    ca.renew(KID)


def test_two_processes_see_what_the_other_issued(ca: CertificateAuthority, clock: Clock) -> None:
    other = CertificateAuthority.load(ca.folder, clock)
    ca.issue_box(KID)
    other.issue_box(b"\x01" * 16)
    assert len(CertificateAuthority.load(ca.folder).issued()) == 2


@pytest.mark.parametrize("days", [0, -1, 40_000])
def test_span_out_of_range_is_refused(ca: CertificateAuthority, days: int) -> None:
    with pytest.raises(FenceError, match="valid for 1 to"):
        ca.issue_box(KID, days=days)


def test_second_ca_in_a_folder_is_refused_and_the_first_kept(ca: CertificateAuthority) -> None:
    before = (ca.folder / "ca-1.key").read_bytes()
    with pytest.raises(FenceError, match="holds a CA already"):
        CertificateAuthority.create(ca.folder, "again")
    assert (ca.folder / "ca-1.key").read_bytes() == before


@pytest.mark.parametrize(
    ("break_it", "says"),
    [
        (lambda folder: (folder / "index.json").unlink(), "holds no CA"),
        (lambda folder: (folder / "index.json").write_text("{}"), "damaged"),
        (lambda folder: (folder / "index.json").write_text(json.dumps([1])), "damaged"),
        (lambda folder: (folder / "ca-1.key").chmod(0o640), "chmod 600"),
        (lambda folder: (folder / "ca-1.key").write_text("no key"), "holds no key"),
        (lambda folder: (folder / "ca-1.pem").write_text("none"), "holds no certificate"),
        (lambda folder: (folder / "ca-1.pem").unlink(), "is not there"),
    ],
)
def test_damaged_folder_is_named_in_one_line(ca: CertificateAuthority, break_it, says: str) -> None:
    break_it(ca.folder)
    with pytest.raises(FenceError, match=says) as raised:
        CertificateAuthority.load(ca.folder).issue_box(KID)
    assert "\n" not in str(raised.value)


def test_openssl_agrees_on_chain_purpose_and_revocation(ca: CertificateAuthority, tmp_path: Path) -> None:
    """Another implementation judges, by the clock of this machine."""
    ca = CertificateAuthority.create(tmp_path / "real", "real")
    box, other = ca.issue_box(KID), ca.issue_box(b"\x02" * 16)
    ca.revoke(b"\x02" * 16)

    def verify(der: bytes, purpose: str) -> bool:
        path = tmp_path / "one.pem"
        path.write_bytes(build.pem(der))
        command = ["openssl", "verify", "-x509_strict", "-crl_check", "-purpose", purpose]
        command += ["-CAfile", str(ca.set_file), "-CRLfile", str(ca.crl_file), str(path)]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    assert verify(box.certificate, "sslclient")
    assert not verify(box.certificate, "sslserver")
    assert not verify(other.certificate, "sslclient")
    assert verify(ca.issue_server(["localhost"]).certificate, "sslserver")
