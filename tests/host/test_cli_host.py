"""The commands of the host's own machine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sealhost.cli import app
from sealhost.signing import keys
from typer.testing import CliRunner, Result

from tests.host.daemon import HostProcess
from tests.host.village import People

AUTHORITY = keys.generate().public_key.hex()


def call(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def test_init_makes_a_private_home_once_for_each_site(tmp_path: Path):
    home = tmp_path / "home"
    words = ["init", "--home", str(home), "--site-name", "幸福村", "--authority", AUTHORITY, "--json"]
    first = json.loads(call(*words, "--site", "00" * 16).stdout)
    assert first["host"] == (home / "host.pub").read_text().strip()
    assert {path.stat().st_mode & 0o077 for path in home.iterdir()} == {0}
    assert call(*words, "--site", "00" * 16).exit_code == 1
    second = json.loads(call(*words, "--site", "11" * 16).stdout)
    assert (second["host"], second["site"]) == (first["host"], "11" * 16)
    assert call("box", "list", "--home", str(home)).exit_code == 1
    assert json.loads(call("box", "list", "--home", str(home), "--site", "11" * 16, "--json").stdout) == []
    assert json.loads(call("ledger", "--home", str(home), "--site", "11" * 16, "--json").stdout) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run", "--home", "nowhere"], "sealhost init"),
        (["ledger", "--home", "nowhere"], "sealhost init"),
        (["init", "--home", "x", "--site-name", "a", "--authority", "zz"], "neither a public key"),
        (["init", "--home", "x", "--site-name", "a", "--authority", "00" * 32], "must not be used"),
        (["init", "--home", "x", "--site-name", "a", "--authority", AUTHORITY, "--threshold", "2"], "threshold_range"),
        (["init", "--home", "x", "--site-name", "a", "--authority", AUTHORITY, "--site", "12"], "32 hex digits"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    words: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    result = call(*words)
    assert result.exit_code == 1
    assert said in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_settings_that_do_not_exist_or_cannot_be_are_named(tmp_path: Path):
    home = tmp_path / "home"
    call("init", "--home", str(home), "--site-name", "幸福村", "--authority", AUTHORITY)
    assert "listen" in call("run", "--home", str(home), "--listen", "8080").stderr
    (home / "sealhost.toml").write_text('lissten = "127.0.0.1:1"\n')
    assert "lissten" in call("run", "--home", str(home)).stderr
    (home / "sealhost.toml").write_text("")
    (home / "host.key").chmod(0o644)
    assert "chmod 600" in call("run", "--home", str(home)).stderr


def test_embedded_broker_keeps_its_port_and_a_home_serves_one_daemon(tmp_path: Path):
    host = HostProcess(tmp_path / "home", People(), None).start()
    try:
        broker = host.info()["broker"]
        assert "runs in" in call("run", "--home", str(tmp_path / "home"), "--listen", "127.0.0.1:0").stderr
        host.kill()
        assert host.start().info()["broker"] == broker
    finally:
        host.stop()


@pytest.mark.parametrize("words", [[], ["init"], ["run"], ["ledger"], ["box"], ["box", "list"], ["box", "show"]])
def test_help_is_there_with_examples(words: list[str]):
    result = call(*words, "--help")
    assert result.exit_code == 0
    assert len(words) != 1 or words[0] == "box" or "Example" in result.stdout
