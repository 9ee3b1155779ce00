"""A running host that keeps its broker: the files follow the rosters, logins are given out, certificates renewed."""

from __future__ import annotations

import getpass
import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from sealhost.app import open_context
from sealhost.cli_common import load_settings
from sealhost.client.api import sign_in_text
from sealhost.demo_stage import sealhost
from sealhost.fence import FenceError
from sealhost.fence import x509 as build
from sealhost.fence.broker import BrokerFiles
from sealhost.fence.ca import CertificateAuthority
from sealhost.fence.keeper import Keeper, OwnCertificate
from sealhost.links.address import BrokerAddress
from sealhost.links.mqtt import MqttLink
from sealhost.links.tls import client_context, load_certificate
from sealhost.signing.keys import Signer
from sealwire import messages, topics

from tests.brokers import FencedMosquitto, free_port
from tests.host.daemon import HostProcess, eventually
from tests.host.village import People

WAIT_S = 30.0


class Guarded:
    """People, their host as a process, and its Mosquitto. The roster is not adopted yet."""

    def __init__(self, folder: Path) -> None:
        self.people = People()
        self.people.now = int(time.time())
        self.host = HostProcess(folder / "host", self.people, None)
        self.home = self.host.home
        self.people_port = free_port()
        sealhost("ca", "create", "--home", self.home)
        sealhost(
            *("broker", "config", "--home", self.home, "--out", self.home / "mosquitto", "--host", "127.0.0.1"),
            *("--listen", f"127.0.0.1:{self.people_port}", "--devices", f"127.0.0.1:{free_port()}"),
            *("--user", getpass.getuser()),
        )
        self.broker = FencedMosquitto(self.home / "mosquitto")

    def close(self) -> None:
        """End both."""
        self.host.stop()
        self.broker.stop()

    def sign_in(self, who: Signer) -> httpx.Response:
        """POST /api/session as somebody."""
        with httpx.Client(base_url=self.host.info()["http"]) as http:
            asked = http.post("/api/session/challenge", json={"kid": who.kid.hex()})
            if not asked.is_success:
                return asked
            host, challenge = (bytes.fromhex(asked.json()[name]) for name in ("host", "challenge"))
            signature = who.sign(sign_in_text(self.people.site, host, challenge))
            fields = {"kid": who.kid.hex(), "challenge": challenge.hex(), "signature": signature.hex()}
            return http.post("/api/session", json=fields)

    def link(self, who: Signer) -> MqttLink:
        """A connection with the login that the host gives; not started."""
        login = self.sign_in(who).json()["broker"]
        assert login["user"] == who.kid.hex()
        address = BrokerAddress("127.0.0.1", self.people_port, login["user"], login["password"], tls=True)
        return MqttLink(address, f"seal-{login['user']}", tls=client_context(self.home / "ca" / "ca.pem"))

    def publish_roster(self, raw: bytes) -> None:
        """By the authority, over its own login, until the host's log says that it holds."""
        link = self.link(self.people.authority)
        link.start()
        try:
            assert link.wait_connected(WAIT_S), link.trouble
            adopted = self.host.log().count("roster adopted")
            link.publish(topics.host_in(self.people.site, self.people.authority.kid), raw)
            eventually(lambda: self.host.log().count("roster adopted") > adopted, "the roster")
        finally:
            link.stop()


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Guarded]:
    with ExitStack() as ending:
        made = Guarded(tmp_path)
        ending.callback(made.close)
        made.broker.start()
        made.host.start()
        yield made


def test_people_get_their_login_with_the_sign_in_and_lose_it_with_the_roster(guarded: Guarded) -> None:
    people = guarded.people
    assert guarded.sign_in(people.keys["keeper"]).status_code == 403
    guarded.publish_roster(people.roster())
    keeper, auditor = guarded.link(people.keys["keeper"]), guarded.link(people.keys["auditor"])
    try:
        for link in (keeper, auditor):
            link.start()
            assert link.wait_connected(WAIT_S), link.trouble
        kept = [person for person in _people(people) if person["name"] != "auditor"]
        guarded.publish_roster(people.roster(2, people=kept))
        eventually(lambda: auditor.refused and not auditor.connected, "the end of the auditor's connection")
        assert keeper.connected
        assert "lost" not in keeper.trouble
    finally:
        keeper.stop()
        auditor.stop()
    assert guarded.sign_in(people.keys["auditor"]).status_code == 403
    assert f"user {people.keys['auditor'].kid.hex()}" not in (guarded.home / "mosquitto" / "acl").read_text()


def _people(people: People) -> list[dict[str, object]]:
    return list(messages.read(people.roster(), people.site)["people"])


def test_host_says_why_it_has_no_broker_and_connects_when_that_is_mended(guarded: Guarded) -> None:
    guarded.host.stop()
    certificate = guarded.home / "mosquitto" / "server.pem"
    good = certificate.read_bytes()
    past = CertificateAuthority.load(guarded.home / "ca", lambda: int(time.time()) - 400 * 86_400)
    spki = bytes.fromhex(past.issued()[0].public_key)
    expired = past._issue("server", ("127.0.0.1",), spki, 30).certificate
    certificate.write_bytes(build.pem(expired))
    guarded.broker.stop()
    guarded.broker.start()
    (guarded.home / "sealhost.toml").write_text(
        (guarded.home / "sealhost.toml").read_text().replace("broker_files", "# broker_files")
    )  # nobody renews it now
    guarded.host.start()
    assert "its certificate has expired" in guarded.host.log()
    certificate.write_bytes(good)
    guarded.broker.stop()
    guarded.broker.start()
    with httpx.Client(base_url=guarded.host.info()["http"]) as http:
        eventually(lambda: http.get("/healthz").json()["broker_connected"], "the connection")


def test_what_is_due_is_renewed_without_a_new_key_and_used_at_once(tmp_path: Path) -> None:
    guarded = Guarded(tmp_path)
    now = [int(time.time())]
    settings = load_settings(guarded.home)
    context = open_context(settings, lambda: now[0])
    folder = guarded.home / "mosquitto"
    keeper = Keeper(context, BrokerFiles.open(folder, guarded.home))
    own = OwnCertificate(guarded.home, context.signer.kid, guarded.home / "broker.pem", lambda: now[0])
    tls = client_context(guarded.home / "ca" / "ca.pem", guarded.home / "broker.pem", guarded.home / "broker.key")
    loaded: list[bool] = []

    def load(given: object) -> None:
        load_certificate(tls, guarded.home / "broker.pem", guarded.home / "broker.key")
        loaded.append(True)

    before = [(guarded.home / "broker.pem").read_bytes(), (folder / "server.pem").read_bytes()]
    for _ in range(2):
        keeper.keep()
        own.keep(tls, load)
    assert [(guarded.home / "broker.pem").read_bytes(), (folder / "server.pem").read_bytes()] == before
    ca = CertificateAuthority.load(guarded.home / "ca")
    ca.add_next()
    ca.switch()
    now[0] += 3601
    for _ in range(2):
        keeper.keep()
        own.keep(tls, load)
    after = [(guarded.home / "broker.pem").read_bytes(), (folder / "server.pem").read_bytes()]
    assert all(one != two for one, two in zip(before, after, strict=True))
    assert loaded == [True]
    assert [_key(one) for one in before] == [_key(one) for one in after]
    context.database.close()


def _key(pem: bytes) -> bytes:
    key = x509.load_pem_x509_certificate(pem).public_key()
    assert isinstance(key, build.PublicKey)
    return build.public_der(key)


def test_reload_that_fails_is_tried_again_and_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    guarded = Guarded(tmp_path)
    now = [int(time.time())]
    context = open_context(load_settings(guarded.home), lambda: now[0])
    files = BrokerFiles.open(guarded.home / "mosquitto", guarded.home)
    calls: list[int] = []

    def reload() -> bool:
        calls.append(now[0])
        if len(calls) == 1:
            raise FenceError("not ours to signal")
        return False

    monkeypatch.setattr(files, "reload", reload)
    (guarded.home / "mosquitto" / "acl").write_text("somebody else's")
    keeper = Keeper(context, files)
    keeper.keep()
    keeper.keep()
    assert len(calls) == 1
    assert "somebody" not in (guarded.home / "mosquitto" / "acl").read_text()
    now[0] += 31
    keeper.keep()
    keeper.keep()
    assert len(calls) == 2
    context.database.close()


def test_health_and_run_file_name_no_password(guarded: Guarded) -> None:
    text = (guarded.home / "run.json").read_text()
    assert json.loads(text)["broker"].startswith("mqtts://127.0.0.1:")
    assert "@" not in text
