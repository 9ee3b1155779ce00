"""`sealhost ca` and `sealhost broker`: what they say, what they leave, and that they can be said again."""

from __future__ import annotations

import json
import os
import stat
import tempfile
import tomllib
from pathlib import Path
from typing import Any

import pytest
from sealhost.cli import app
from sealhost.signing import keys
from typer.testing import CliRunner, Result

KID = "0123456789abcdef" * 2


def call(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def good(*words: object) -> Any:
    done = call(*words, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def bad(*words: object) -> str:
    """What a command says that fails: one line."""
    done = call(*words)
    assert done.exit_code == 1
    (line,) = done.stderr.strip().splitlines()
    assert "Traceback" not in line
    return line


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A host's home with a CA."""
    made = tmp_path / "home"
    authority = keys.generate().public_key.hex()
    good("init", "--home", made, "--site-name", "幸福村", "--authority", authority)
    good("ca", "create", "--home", made, "--name", "幸福街道")
    return made


def configure(home: Path, *words: object) -> Any:
    return good("broker", "config", "--home", home, "--out", home / "mosquitto", *words)


def test_ca_is_made_once_and_then_only_shown(home: Path) -> None:
    before = (home / "ca" / "ca-1.key").read_bytes()
    again = good("ca", "create", "--home", home, "--name", "another")
    assert (again["made"], again["ca"]) == (False, "幸福街道")
    assert (home / "ca" / "ca-1.key").read_bytes() == before


def test_boxs_file_holds_ca_certificate_and_key_and_is_its_owners_alone(home: Path, tmp_path: Path) -> None:
    out = tmp_path / "box.pem"
    issued = good("ca", "issue", "box", KID, "--home", home, "--out", out)
    assert (issued["kind"], issued["name"], issued["file"]) == ("box", KID, str(out))
    text = out.read_text()
    assert (text.count("BEGIN CERTIFICATE"), text.count("BEGIN PRIVATE KEY")) == (2, 1)
    assert mode(out) == 0o600
    assert "not written over" in bad("ca", "issue", "box", KID, "--home", home, "--out", out)
    assert out.read_text() == text


def test_renewal_gives_the_certificate_alone(home: Path, tmp_path: Path) -> None:
    good("ca", "issue", "server", "Seals.example", "192.0.2.7", "--home", home, "--out", tmp_path / "server.pem")
    renewed = good("ca", "renew", "Seals.example", "--home", home, "--out", tmp_path / "new.pem", "--days", 10)
    assert renewed["names"] == ["Seals.example", "192.0.2.7"]
    assert "PRIVATE" not in (tmp_path / "new.pem").read_text()
    assert call("ca", "renew", "Seals.example", "--home", home).stdout.startswith("-----BEGIN CERTIFICATE")


def test_list_names_what_is_due_and_what_was_revoked(home: Path, tmp_path: Path) -> None:
    good("ca", "issue", "box", KID, "--home", home, "--out", tmp_path / "box.pem")
    good("ca", "issue", "host", "ab" * 16, "--home", home, "--out", tmp_path / "host.pem")
    assert good("ca", "list", "--home", home, "--due") == []
    assert call("ca", "next", "--home", home).exit_code == 0
    assert "already" in bad("ca", "next", "--home", home)
    assert call("ca", "switch", "--home", home).exit_code == 0
    assert {one["name"] for one in good("ca", "list", "--home", home, "--due")} == {KID, "ab" * 16}
    assert "renew them first" in bad("ca", "retire", "--home", home)
    revoked = good("ca", "revoke", KID, "--home", home)
    assert [one["name"] for one in revoked["revoked"]] == [KID]
    assert good("ca", "revoke", KID, "--home", home)["revoked"] == []
    good("ca", "renew", "ab" * 16, "--home", home)
    assert call("ca", "retire", "--home", home).exit_code == 0
    shown = call("ca", "list", "--home", home).stdout
    assert "revoked" in shown


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("ca", "issue", "box", "xyz", "--out", "box.pem"), "32 hex digits"),
        (("ca", "issue", "server", "no host", "--out", "s.pem"), "neither a host name nor an IP address"),
        (("ca", "renew", KID), "issue one"),
        (("ca", "revoke", KID), "no certificate of"),
        (("ca", "switch"), "no next CA"),
        (("broker", "password", "gateway"), "keeps no broker"),
        (("broker", "config", "--out", "there"), "--host"),
        (("broker", "config", "--out", "there", "--host", "a", "--listen", "8883"), "no address to listen on"),
        (("broker", "config", "--out", "there", "--host", "a b"), "neither a host name nor an IP address"),
        (("broker", "config", "--out", "there", "--host", "a", "--gateway", "a b"), "no name of a gateway"),
        (("broker", "config", "--out", "there", "--host", "a", "--user", "nobody-of-that-name"), "no account"),
        (("broker", "config", "--out", "there", "--host", "a", "--loopback", "8883"), "port of its own"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert says in bad(*words, "--home", home)


def test_commands_in_a_folder_that_is_no_home_say_how_to_make_one(tmp_path: Path) -> None:
    assert "sealhost init" in bad("ca", "create", "--home", tmp_path)
    assert "sealhost ca create" in bad("ca", "list", "--home", tmp_path)
    good("init", "--home", tmp_path / "h", "--site-name", "x", "--authority", keys.generate().public_key.hex())
    words = ("broker", "config", "--home", tmp_path / "h", "--out", tmp_path / "b", "--host", "a")
    assert "sealhost ca create" in bad(*words)


def test_configuration_is_written_once_and_remembers_what_it_was_told(home: Path) -> None:
    first = configure(home, "--host", "seals.example", "--host", "192.0.2.7", "--loopback", 1884)
    assert first["changed"]
    assert first["people"] == "mqtts://seals.example:8883"
    text = (home / "mosquitto" / "mosquitto.conf").read_text()
    again = configure(home)
    assert (again["changed"], again["settings"]) == (False, first["settings"])
    assert (home / "mosquitto" / "mosquitto.conf").read_text() == text
    moved = configure(home, "--listen", "[::1]:9883")
    assert moved["changed"]
    assert "listener 9883 ::1\n" in (home / "mosquitto" / "mosquitto.conf").read_text()


def test_settings_get_what_is_missing_and_keep_what_somebody_wrote(home: Path) -> None:
    file = home / "sealhost.toml"
    with file.open("a") as text:
        text.write('relay_broker = "mqtt://127.0.0.1:1"')
    made = configure(home, "--host", "seals.example")
    assert made["settings_kept"] == ["relay_broker"]
    settings = tomllib.loads(file.read_text())
    assert settings["broker"] == "mqtts://seals.example:8884"
    assert settings["relay_broker"] == "mqtt://127.0.0.1:1"
    assert Path(settings["broker_key_file"]).is_file()
    assert mode(Path(settings["broker_key_file"])) == 0o600
    before = file.read_text()
    configure(home)
    assert file.read_text() == before


def test_settings_stay_untouched_when_that_is_wanted(home: Path) -> None:
    before = (home / "sealhost.toml").read_text()
    configure(home, "--host", "seals.example", "--no-settings")
    assert (home / "sealhost.toml").read_text() == before


def test_gateway_gets_a_password_and_its_line_in_both_files(home: Path) -> None:
    configure(home, "--host", "seals.example", "--gateway", "hall-1")
    word = good("broker", "password", "hall-1", "--home", home)["password"]
    assert call("broker", "password", "hall-1", "--home", home).stdout.strip() == word
    assert "\nuser hall-1\n" in (home / "mosquitto" / "acl").read_text()
    assert "hall-1:$7$" in (home / "mosquitto" / "passwords").read_text()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to another account")
def test_another_account_owns_the_brokers_files_and_must_be_able_to_reach_them(home: Path) -> None:
    words = ("broker", "config", "--home", home, "--host", "a", "--user", "nobody")
    assert f"{home} is closed to nobody" in bad(*words, "--out", home / "mosquitto")
    with tempfile.TemporaryDirectory() as open_to_all:
        Path(open_to_all).chmod(0o711)
        made = Path(good(*words, "--out", Path(open_to_all) / "broker")["config"]).parent
        owners = {path.name: path.owner() for path in (made, *made.iterdir())}
        assert set(owners.values()) == {"nobody"}, owners
        good("broker", "config", "--home", home, "--out", made, "--gateway", "hall-1")
        assert (made / "acl").owner() == "nobody"
        assert mode(made / "acl") == 0o600


@pytest.mark.parametrize("words", [("ca",), ("ca", "issue", "box"), ("ca", "revoke"), ("broker", "config")])
def test_help_shows_an_example(words: tuple[str, ...]) -> None:
    shown = call(*words, "--help").stdout
    assert "sealhost" in shown or words == ("ca",)
    assert words == ("ca",) or "Example" in shown
