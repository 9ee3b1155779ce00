"""Details, reasons and photographs beside a bundle: what does not fit its digest is named with who signed it."""

from __future__ import annotations

import hashlib
import json
import stat
import zipfile
from pathlib import Path

import pytest
from sealhost import cli_audit
from sealhost.audit import evidence
from sealhost.audit.bundle import Bundle, UnusableError, message_path, write_bundle
from sealhost.audit.evidence import SIGNED_IN, write_evidence
from sealhost.audit.export import export_evidence
from sealhost.audit.findings import Finding
from sealhost.audit.rosters import Trust
from sealhost.audit.verify import Result, verify_bundle
from sealhost.signing.keys import verify
from sealhost.store import access, sites
from sealhost.store.database import Database
from sealwire import messages
from typer.testing import CliRunner

from tests.host import bundles
from tests.tampering.changes import message_fields
from tests.tampering.town import Town, few_entries_kept, salted, town


def check(made: bundles.Village, path: Path) -> Result:
    """Verify a bundle together with evidence."""
    trust = Trust([made.key("authority").public_key], 1)
    with few_entries_kept():
        return verify_bundle(Bundle(made.items()), trust, verify, path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Everything that the town's people signed digests of."""
    made = tmp_path / "evidence"
    made.mkdir()
    for digest, body in town().blobs.items():
        (made / f"{digest.hex()}.jpg").write_bytes(body)
    return made


def only(result: Result) -> Finding:
    """The one finding."""
    assert len(result.findings) == 1, result.findings
    return result.findings[0]


def signer_of(digest: bytes) -> messages.Message:
    """The message that names a digest."""
    read = [messages.read(raw, bundles.SITE) for raw in town().said.values()]
    return next(message for message in read if digest in _digests(message))


def _digests(message: messages.Message) -> list[bytes]:
    found = []
    for name in SIGNED_IN.get(message.number, ()):
        value = message.get(name)
        found += value if isinstance(value, list) else [value]
    return found


def test_everything_given_fits_and_is_counted(folder: Path):
    result = check(town(), folder)
    assert (result.ok, result.evidence, result.notes) == (True, len(town().blobs), [])
    assert len(town().blobs) > 80


def test_every_digest_of_something_kept_apart_is_known_to_the_verification():
    """A new field of 32 bytes that is no reference, key, head or nonce is such a digest, or is told apart here."""
    others = {"roster.authority", "roster.hosts", "roster.boxes.public", "roster.matters", "roster.releases",
              "request.rule", "request.anchor_head", "ready.nonce", "challenge.nonce", "challenge.head", "grant.nonce",
              "time.nonce", "checkpoint.head", "ack.head", "reset.anchor_head", "release.files.digest",
              "enrol.public"}  # fmt: skip
    references = {"request.follows", "decision.request", "ready.request", "finish.request", "report.request",
                  "receipt.reference"}  # fmt: skip
    kept = {f"{messages.names()[number]}.{name}" for number, names in SIGNED_IN.items() for name in names}
    hashes = {f"{messages.names()[number]}.{name}" for number, name in message_fields() if _is_hash(number, name)}
    assert hashes == others | references | kept


def _is_hash(number: int, dotted: str) -> bool:
    definition = messages.fields_of(number)
    for name in dotted.split("."):
        field = next(one for one in definition if one.name == name)
        inner = field.of if field.kind == 3 else field
        definition = inner.of() if inner.kind in (4, 5) else ()
    return inner.kind == 1 and inner.low == 32


@pytest.mark.parametrize("place", range(0, 80, 9))
def test_altered_file_is_named_with_the_message_that_signed_it(folder: Path, place: int):
    path = sorted(folder.iterdir())[place]
    body = path.read_bytes()
    message = signer_of(bytes.fromhex(path.stem))
    for altered in (body[:-1] + bytes([body[-1] ^ 1]), body[:-1], body + b"\0", b"", body[16:]):
        path.write_bytes(altered)
        finding = only(check(town(), folder))
        assert (finding.check, finding.path) == ("evidence_digest", path.name)
        assert message.reference.hex() in finding.subject
        assert message_path(message.reference) in finding.why


def test_two_exchanged_photographs_are_both_named(folder: Path):
    report = town().named["report 0 2"]
    first, second = (folder / f"{digest.hex()}.jpg" for digest in report["photographs"])
    one, other = first.read_bytes(), second.read_bytes()
    first.write_bytes(other)
    second.write_bytes(one)
    found = check(town(), folder).findings
    assert {(finding.check, finding.path) for finding in found} == {
        ("evidence_digest", first.name),
        ("evidence_digest", second.name),
    }
    assert all(finding.subject == f"photograph of report {report.reference.hex()}" for finding in found)


def test_another_photograph_under_its_own_digest_was_signed_by_nobody(folder: Path):
    body = salted("another page")
    name = hashlib.sha256(body).hexdigest()
    (folder / name).write_bytes(body)
    finding = only(check(town(), folder))
    assert (finding.check, finding.path, finding.subject) == ("evidence_unsigned", name, name)


def test_what_is_not_given_is_a_note(folder: Path):
    for path in sorted(folder.iterdir())[:3]:
        path.unlink()
    result = check(town(), folder)
    assert result.ok
    assert result.notes == [f"3 of {len(town().blobs)} details, reasons and photographs were not given"]


def test_other_files_are_noted_and_links_not_followed(folder: Path, tmp_path: Path):
    (folder / "readme.txt").write_text("hello")
    (folder / ("0" * 64)).symlink_to(tmp_path)
    (folder / ("1" * 64)).symlink_to("/etc/passwd")
    result = check(town(), folder)
    assert result.ok
    assert result.notes == ["evidence 'readme.txt' is not named by a digest: not looked at"]


def test_file_that_is_too_large_is_named_and_not_kept(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(evidence, "BODY_BYTES", 1000)
    path = sorted(folder.iterdir())[5]
    path.write_bytes(bytes(1001))
    finding = only(check(town(), folder))
    assert (finding.check, finding.path) == ("evidence_damaged", path.name)


def test_too_many_files_are_refused(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(evidence, "FILES", 3)
    with pytest.raises(UnusableError, match="more than 3 files"):
        check(town(), folder)


@pytest.mark.parametrize("content", [None, b"no archive", b""])
def test_what_is_no_evidence_at_all_is_refused_in_one_line(tmp_path: Path, content: bytes | None):
    path = tmp_path / "evidence.zip"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UnusableError) as refusal:
        check(town(), path)
    assert "\n" not in str(refusal.value)


def test_zip_file_fits_like_a_folder_and_damage_in_it_is_named(tmp_path: Path):
    path = tmp_path / "evidence.zip"
    assert write_evidence(path, sorted(town().blobs.items())) == len(town().blobs)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert check(town(), path).evidence == len(town().blobs)
    name = f"blobs/{min(town().blobs).hex()}"
    content = bytearray(path.read_bytes())
    content[content.index(name.encode()) + len(name) + 5] ^= 1
    path.write_bytes(content)
    finding = only(check(town(), path))
    assert (finding.check, finding.path) == ("evidence_damaged", name)


def with_attachment(made: Town | bundles.Village, attached: bytes) -> dict[bytes, bytes]:
    """A request whose details name an attachment; the blobs."""
    body = (
        bytes(16) + json.dumps({"title": "t", "attachments": [hashlib.sha256(attached).hexdigest(), 7, "x"]}).encode()
    )
    made.request("attached", details=hashlib.sha256(body).digest())
    return {hashlib.sha256(blob).digest(): blob for blob in (body, attached)}


def test_attachment_is_signed_by_the_details_that_name_it(tmp_path: Path):
    village = bundles.begin()
    attached = salted("an attachment")
    blobs = with_attachment(village, attached)
    for digest, body in blobs.items():
        (tmp_path / digest.hex()).write_bytes(body)
    assert (check(village, tmp_path).ok, check(village, tmp_path).evidence) == (True, 2)
    path = tmp_path / hashlib.sha256(attached).hexdigest()
    path.write_bytes(attached[:-1])
    assert only(check(village, tmp_path)).path == path.name


def run(*arguments: object) -> tuple[int, str]:
    """A command of the auditor."""
    result = CliRunner().invoke(cli_audit.app, [str(argument) for argument in arguments], env={"COLUMNS": "200"})
    return result.exit_code, result.output


def test_verify_command_takes_evidence(folder: Path, tmp_path: Path):
    village = bundles.begin()
    body = salted("details of asked")
    village.request("asked", details=hashlib.sha256(body).digest())
    bundle, given = tmp_path / "bundle.zip", tmp_path / "given"
    write_bundle(bundle, village.items())
    given.mkdir()
    name = hashlib.sha256(body).hexdigest()
    (given / name).write_bytes(body)
    authority = village.key("authority").public_key.hex()
    code, output = run("verify", bundle, "--authority", authority, "--evidence", given)
    assert (code, "1 details, reasons" in output) == (0, True)
    (given / name).write_bytes(body + b"!")
    code, output = run("verify", bundle, "--authority", authority, "--evidence", given, "--json")
    assert code == 1
    assert [(found["check"], found["path"]) for found in json.loads(output)["findings"]] == [("evidence_digest", name)]
    code, output = run("verify", bundle, "--authority", authority, "--evidence", tmp_path / "nothing")
    assert (code, output.count("\n")) == (2, 1)


def test_export_writes_evidence_apart_and_only_when_asked(tmp_path: Path):
    database = Database(f"sqlite:///{tmp_path / 'host.db'}")
    database.upgrade()
    body = salted("details")
    digest = hashlib.sha256(body).digest()
    with database.write() as tx:
        sites.add(tx, bundles.SITE, "幸福村", [bytes(32)], 1, 1)
        access.add_blob(tx, bundles.SITE, digest, body, bytes(16), 1)
        access.add_blob(tx, bytes(16), digest, body, bytes(16), 1)
    path = tmp_path / "evidence.zip"
    assert export_evidence(path, database, bundles.SITE) == 1
    database.close()
    with zipfile.ZipFile(path) as archive:
        assert [archive.read(info) for info in archive.infolist()] == [body]
        assert archive.namelist() == [f"blobs/{digest.hex()}"]
