"""`sealhost status` and `sealhost config show`: what they say, and what they keep to themselves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sealhost.cli import app
from sealhost.config import FILE_NAME, Settings
from typer.testing import CliRunner

from tests.brokers import Broker, rumqttd  # noqa: F401
from tests.host.test_daemon import Place

SECRET = "not to be seen"


def shown(home: Path, *words: str) -> dict[str, dict[str, str]]:
    """What `config show` says: name to row."""
    done = CliRunner().invoke(app, ["config", "show", "--home", str(home), "--json", *words])
    assert done.exit_code == 0, done.output
    return {row["name"]: row for row in json.loads(done.stdout)}


def test_each_setting_says_where_it_comes_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / FILE_NAME).write_text('listen = "127.0.0.1:1"\nserial = "auto"\nbroker_port = 7\n', encoding="utf-8")
    monkeypatch.setenv("SEALHOST_LISTEN", "127.0.0.1:2")
    monkeypatch.setenv("SEALHOST_BROKER_PORT", "8")
    rows = shown(tmp_path, "--with", "broker_port=9")
    assert set(rows) == set(Settings.model_fields)
    found = {
        name: (rows[name]["value"], rows[name]["source"]) for name in ("broker_port", "listen", "serial", "metrics")
    }
    assert found == {
        "broker_port": (9, "option"),
        "listen": ("127.0.0.1:2", "environment"),
        "serial": ("auto", "file"),
        "metrics": (True, "default"),
    }
    assert all(row["description"] for row in rows.values())


def test_no_secret_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    word = SECRET.replace(" ", "-")
    (tmp_path / FILE_NAME).write_text(
        f'broker = "mqtts://user:{word}@broker.example"\nmetrics_token = "{word}"\n'
        f'database_url = "postgresql+psycopg://host:{word}@db.example/sealbox?password={word}"\n',
        encoding="utf-8",
    )
    monkeypatch.setenv("SEALHOST_KEY_PASSPHRASE", word)
    for words in (["--json"], []):
        done = CliRunner().invoke(app, ["config", "show", "--home", str(tmp_path), *words])
        assert (done.exit_code, word in done.output) == (0, False)
    rows = shown(tmp_path)
    assert rows["broker"]["value"] == "mqtts://user:***@broker.example"
    assert rows["key_passphrase"]["value"] == rows["metrics_token"]["value"] == "***"


def test_unknown_setting_in_an_option_is_refused(tmp_path: Path):
    (tmp_path / FILE_NAME).write_text("", encoding="utf-8")
    done = CliRunner().invoke(app, ["config", "show", "--home", str(tmp_path), "--with", "brokr=x"])
    assert done.exit_code == 1


def test_status_shows_a_working_host_its_requests_and_boxes(tmp_path: Path, rumqttd: Broker):  # noqa: F811
    place = Place(tmp_path, rumqttd)
    try:
        assert place.everybody.tell("keeper", place.people.request()) == "accepted"
        command = ["status", "--home", str(place.host.home)]
        done = CliRunner().invoke(app, [*command, "--json"])
        found = json.loads(done.stdout)
        assert (done.exit_code, found["ready"], found["running"]) == (0, True, True)
        assert found["requests"]["waiting"] == 1
        assert found["counts"]["accepted"]["request"] == 1
        assert [(box["kid"], box["online"]) for box in found["boxes"]] == [(place.box.kid.hex(), True)]
        drawn = CliRunner().invoke(app, command).output
        assert "ready" in drawn
        assert place.box.kid.hex()[:12] in drawn
        place.host.stop()
        done = CliRunner().invoke(app, command)
        assert (done.exit_code, "not running" in done.output) == (1, True)
    finally:
        place.close()
