"""What the host stores, exported, verifies; and the commands say so."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
from sealhost import cli_audit
from sealhost.audit.bundle import message_path, read_bundle, write_bundle
from sealhost.audit.export import export_bundle, export_site
from sealhost.audit.rosters import Trust
from sealhost.audit.verify import Result, verify_bundle
from sealhost.config import TEMPLATE
from sealhost.signing import keys
from sealhost.store import sites
from sealhost.store.database import Database
from sealwire import messages
from sealwire.errors import DecodeError
from typer.testing import CliRunner

from tests.host import bundles
from tests.host.village import Village

HISTORY = bundles.history()
AUTHORITY = HISTORY.key("authority").public_key


def exported(village: Village, folder: Path) -> Result:
    """Export from the host's store, and verify."""
    path = folder / "bundle.zip"
    export_site(path, village.database, village.site, village.now, village.host)
    return verify_bundle(read_bundle(path), Trust([village.authority.public_key], 1), keys.verify)


def test_what_the_host_stored_verifies(village: Village, tmp_path: Path):
    used = village.approved()
    village.tell(
        "keeper",
        village.sign("keeper", messages.REPORT, request=village.reference(used), impressions=1, photographs=[]),
    )
    denied = village.request(impressions=1)
    village.tell("keeper", denied)
    village.tell("first", village.decide("first", denied, messages.DENY))
    waiting = village.request(impressions=3)
    village.tell("keeper", waiting)
    result = exported(village, tmp_path)
    assert result.findings == []
    lines = {line.request: line for line in result.ledger}
    states = [lines[village.reference(raw).hex()].state for raw in (used, denied, waiting)]
    assert states == ["used", "denied", "waiting"]
    assert [case.partition(":")[0] for case in lines[village.reference(used).hex()].cases] == ["declared"]


def test_a_rest_opened_again_by_ready_verifies(village: Village, tmp_path: Path):
    village.box.press_and_close = False
    request = village.approved(impressions=3)
    village.box.close(1, 1, 3)
    village.run()
    village.box.receive(messages.build_item(messages.ASK, {"bay": 1}))
    village.run()
    nonce = village.box.challenges[1][0]
    ready = village.sign("keeper", messages.READY, request=village.reference(request), nonce=nonce)
    assert village.tell("keeper", ready) == "accepted"
    village.box.close(1, 2, 2)
    village.run()
    result = exported(village, tmp_path)
    assert result.findings == []
    assert [(line.spent, line.pressed, len(line.opened)) for line in result.ledger] == [(3, 3, 2)]


def test_a_denial_that_came_too_late_for_the_host_but_not_for_the_box_verifies(village: Village, tmp_path: Path):
    request = village.request(impressions=1)
    village.tell("keeper", request)
    village.tell("first", village.decide("first", request, messages.DENY))
    late = village.decide("second", request, messages.DENY)
    assert village.tell("second", late) != "accepted"
    village.box.receive(late)
    village.run()
    other = village.decide("third", request, messages.DENY)
    assert village.tell("third", other) != "accepted"
    result = exported(village, tmp_path)
    assert result.findings == []
    paths = read_bundle(tmp_path / "bundle.zip").items
    assert message_path(village.reference(late)) in paths
    assert message_path(village.reference(other)) not in paths  # no box obeyed it


def test_a_host_without_anything_but_its_roster_exports_a_bundle_that_verifies(database_url: str, tmp_path: Path):
    village = Village(database_url, box_listens=False)
    village.tell("authority", village.matters_message())
    village.tell("authority", village.roster())
    result = exported(village, tmp_path)
    assert result.findings == []
    assert any("has no log" in note for note in result.notes)


def test_a_bundle_appears_whole_or_not_at_all_and_for_its_owner_only(tmp_path: Path):
    path = tmp_path / "bundle.zip"
    key = HISTORY.key("host")
    export_bundle(path, HISTORY, bundles.SITE, bundles.MADE, key.public_key, key.sign)
    assert path.stat().st_mode & 0o777 == 0o600
    before = path.read_bytes()
    broken = bundles.history()
    broken.said[bytes(32)] = b"no message"
    with pytest.raises(DecodeError):
        export_bundle(path, broken, bundles.SITE, bundles.MADE, key.public_key, key.sign)
    assert path.read_bytes() == before
    assert [found.name for found in tmp_path.iterdir()] == ["bundle.zip"]


# The commands


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    path = tmp_path / "bundle.zip"
    write_bundle(path, HISTORY.items())
    return path


def run(*arguments: object) -> tuple[int, str]:
    """A command's exit code and output."""
    result = CliRunner().invoke(cli_audit.app, [str(argument) for argument in arguments], env={"COLUMNS": "200"})
    return result.exit_code, result.output


def test_verify_prints_the_ledger_and_exits_0(bundle: Path):
    code, output = run("verify", bundle, "--authority", AUTHORITY.hex())
    assert code == 0
    for words in ("Ledger of seal use", "居住证明", "党支部", "second", "Verified", "interrupted"):
        assert words in output


def test_verify_as_json_is_one_object(bundle: Path):
    code, output = run("verify", bundle, "--authority", AUTHORITY.hex(), "--json")
    said = json.loads(output)
    assert (code, said["ok"], said["findings"]) == (0, True, [])
    assert len(said["ledger"]) == 8
    assert said["boxes"][0]["proven"] == HISTORY.box.seq


def test_verify_names_the_finding_and_exits_1(bundle: Path):
    path = f"messages/{HISTORY.named['used'].reference.hex()}.cose"
    items = {**HISTORY.items(), path: b"another"}
    write_bundle(bundle, items)
    code, output = run("verify", bundle, "--authority", AUTHORITY.hex())
    assert code == 1
    assert "NOT VERIFIED" in output
    assert "item_digest" in output
    code, output = run("verify", bundle, "--authority", AUTHORITY.hex(), "--json")
    assert code == 1
    assert json.loads(output)["findings"][0]["path"] == path


def test_verify_exits_2_in_one_line_for_what_is_no_bundle_or_no_key(tmp_path: Path, bundle: Path):
    (tmp_path / "text").write_text("not a zip")
    for arguments in (
        (tmp_path / "text", "--authority", AUTHORITY.hex()),
        (tmp_path / "nothing", "--authority", AUTHORITY.hex()),
        (bundle, "--authority", "00" * 32),
        (bundle, "--authority", "no key"),
        (bundle, "--authority", AUTHORITY.hex(), "--threshold", 2),
    ):
        code, output = run("verify", *arguments)
        assert code == 2
        assert output.startswith("Not verified: ")
        assert len(output.strip().splitlines()) == 1
        code, output = run("verify", *arguments, "--json")
        assert (code, json.loads(output)["ok"]) == (2, False)


def test_verify_takes_keys_from_files_and_each_once(tmp_path: Path, bundle: Path):
    (tmp_path / "authority.pub").write_text(AUTHORITY.hex() + "\n")
    code, _ = run("verify", bundle, "--authority", tmp_path / "authority.pub", "--authority", AUTHORITY.hex())
    assert code == 0


def test_a_strange_path_cannot_rewrite_the_terminal(bundle: Path):
    with zipfile.ZipFile(bundle, "a") as archive:
        archive.writestr("\x1b[2Jgreen", b"")
    code, output = run("verify", bundle, "--authority", AUTHORITY.hex())
    assert code == 1
    assert "\x1b[2J" not in output


def test_export_writes_what_verify_takes(tmp_path: Path):
    home = tmp_path / "home"
    home.mkdir()
    (home / "sealhost.toml").write_text(TEMPLATE)
    keys.create(home / "host.key")
    database = Database(f"sqlite:///{home / 'sealbox.db'}")
    database.upgrade()
    code, output = run("export", "--home", home, "--out", tmp_path / "out.zip")
    assert code == 1
    assert "none" in output
    with database.write() as tx:
        sites.add(tx, bundles.SITE, "village", [AUTHORITY], 1, bundles.START)
    database.close()
    code, output = run("export", "--home", home, "--out", tmp_path / "out.zip", "--json")
    assert (code, json.loads(output)["site"]) == (0, bundles.SITE.hex())
    code, output = run("verify", tmp_path / "out.zip", "--authority", AUTHORITY.hex())
    assert code == 1
    assert "roster_missing" in output
    code, output = run("export", "--home", home, "--out", tmp_path / "out.zip", "--site", "00" * 16)
    assert code == 1
    assert bundles.SITE.hex() in output


def test_export_without_a_home_says_so(tmp_path: Path):
    code, output = run("export", "--home", tmp_path / "nothing", "--out", tmp_path / "out.zip")
    assert code == 1
    assert output.startswith("Not exported: ")
