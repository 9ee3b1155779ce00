"""The commands that say who is told, and where."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from sealhost import texts
from sealhost.cli import app
from sealhost.signing import keys
from sealhost.telling import routes
from typer.testing import CliRunner, Result

from tests.host.test_telling import Receiver, receiver  # noqa: F401

SITE = "11" * 16


def call(home: Path, *words: str, typed: str = "") -> Result:
    return CliRunner().invoke(app, [*words, "--home", str(home)], input=typed)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "home"
    authority = keys.generate().public_key.hex()
    assert call(folder, "init", "--site-name", "幸福村", "--site", SITE, "--authority", authority).exit_code == 0
    yield folder
    texts.use(None)


def test_a_person_is_added_tested_listed_and_removed(home: Path, receiver: Receiver):  # noqa: F811
    url = f"{receiver.apprise}/robot?token=secret"
    added = call(home, "notify", "add", "--to", "officer", "--url", "-", "--want", "alert", "--json", typed=url + "\n")
    assert added.exit_code == 0, added.output
    name = json.loads(added.stdout)["name"]
    kept = routes.load(home).people[0]
    assert (kept.to, kept.url, kept.wants, kept.site) == ("role:2", url, ("alert",), SITE)
    shown = call(home, "notify", "list", "--json").stdout
    assert name in shown
    assert "secret" not in shown
    assert call(home, "notify", "test", name).exit_code == 0
    assert receiver.got[0][0].startswith("/robot")
    receiver.answers = [500]
    failed = call(home, "notify", "test", name)
    assert failed.exit_code == 1
    assert "secret" not in failed.output
    assert call(home, "notify", "remove", name).exit_code == 0
    assert call(home, "notify", "remove", name).exit_code == 1
    assert routes.load(home).people == ()


def test_a_webhook_shows_its_secret_once_and_signs_with_it(home: Path, receiver: Receiver):  # noqa: F811
    added = call(home, "webhook", "add", f"{receiver.url}/oa/path", "--private", "--name", "oa", "--json")
    secret = json.loads(added.stdout)["secret"]
    shown = call(home, "webhook", "list", "--json").stdout
    assert "oa" in shown
    assert secret not in shown
    assert "/path" not in shown  # some systems put a key into the path
    assert call(home, "webhook", "test", "oa").exit_code == 0
    path, headers, body = receiver.got[0]
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    digest = hmac.digest(base64.b64decode(secret.removeprefix("whsec_")), signed, hashlib.sha256)
    assert (path, headers["webhook-signature"]) == ("/oa/path", "v1," + base64.b64encode(digest).decode())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["notify", "add", "--to", "2", "--url", "bogus://x"], "Apprise knows no service"),
        (["notify", "add", "--to", "2", "--url", "syslog://"], "Apprise knows no service"),
        (["notify", "add", "--to", "boss", "--url", "json://a"], "person's number or role"),
        (["notify", "add", "--to", "2", "--url", "json://a", "--want", "gossip"], "gossip"),
        (["notify", "add", "--to", "2", "--url", "json://a", "--site", "22" * 16], "does not serve"),
        (["webhook", "add", "http://oa.example/"], "--private"),
        (["webhook", "add", "https://u:p@oa.example/"], "password"),
        (["webhook", "add", "https://oa.example/", "--type", "gossip"], "gossip"),
        (["webhook", "test", "nobody"], "no route"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(words: list[str], said: str, home: Path):
    result = call(home, *words)
    assert result.exit_code == 1
    assert said in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert routes.load(home).all() == []


def test_a_webhook_into_this_network_is_refused_when_it_is_tried(home: Path, receiver: Receiver):  # noqa: F811
    url = receiver.url.replace("http://", "https://")
    assert call(home, "webhook", "add", url, "--name", "oa").exit_code == 0
    tried = call(home, "webhook", "test", "oa")
    assert tried.exit_code == 1
    assert "not public" in tried.stderr
    assert receiver.got == []


def test_cases_of_a_new_home_are_none(home: Path):
    assert json.loads(call(home, "cases", "--json").stdout) == []
    assert call(home, "cases").exit_code == 0
