"""Each planted fault of a host's set-up is named by the doctor, and a sound host has none."""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from sealhost.cli import app
from sealhost.config import FILE_NAME, TEMPLATE
from sealhost.fence.broker import BrokerFiles, Choices
from sealhost.fence.ca import CertificateAuthority
from sealhost.fence.places import places
from sealhost.signing import keys
from sealhost.upkeep.doctor import examine
from sealhost.upkeep.findings import BAD, FINE, WARNING
from sqlalchemy import text
from typer.testing import CliRunner

from tests.databases import Cluster
from tests.host.village import DAY, Village


class Home:
    """A sound host's home that is not running, with a CA and a broker's folder."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "home"
        self.path.mkdir(mode=0o700)
        self.village = Village(f"sqlite:///{self.path / 'sealbox.db'}")
        self.village.host = self.village.context.signer = keys.create(self.path / "host.key")
        self.village.begin()
        self.ca = CertificateAuthority.create(self.path / "ca", "test")
        self.files = folder / "broker"
        BrokerFiles(self.files, self.path, Choices(("localhost",))).set_up(places(self.village.context))
        self.set(broker_files=str(self.files))

    def set(self, **values: object) -> None:
        """Write the settings."""
        lines = [f"{name} = {json.dumps(value)}\n" for name, value in values.items()]
        (self.path / FILE_NAME).write_text(TEMPLATE + "".join(lines), encoding="utf-8")

    def run(self, statement: str, **values: object) -> None:
        """Change the database."""
        with self.village.database.write() as tx:
            tx.execute(text(statement), values)

    def wrong(self, **options: int) -> dict[str, str]:
        """What is not fine: name to level. Everything has words, and what is wrong has a mend."""
        found = examine(self.path, int(time.time()), **options)
        assert all(one.what and (one.mend or one.level == FINE) for one in found)
        return {one.name: one.level for one in found if one.level != FINE}


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """A sound one."""
    made = Home(tmp_path)
    yield made
    made.village.close()


def no_toml(home: Home) -> None:
    (home.path / FILE_NAME).write_text("listen = \n", encoding="utf-8")


def other_key(home: Home) -> None:
    (home.path / "host.key").unlink()
    keys.create(home.path / "host.key")


def sealed_key(home: Home) -> None:
    (home.path / "host.key").unlink()
    keys.create(home.path / "host.key", "passphrase")


def old_broker_files(home: Home) -> None:
    village = home.village
    people = [person for person in village.message(village.roster())["people"] if person["name"] != "third"]
    assert village.tell("authority", village.roster(2, people=people)) == "accepted"


def ended_certificate(home: Home) -> None:
    then = CertificateAuthority(home.path / "ca", lambda: int(time.time()) - 100 * DAY)
    then.issue_host(b"\1" * 16, days=90)


def dead_process(home: Home) -> None:
    (home.path / "run.json").write_text('{"pid": 4194999}', encoding="utf-8")


def broken_ca(home: Home) -> None:
    (home.path / "ca" / "index.json").write_text("{", encoding="utf-8")


PLANTED: dict[str, tuple[Callable[[Home], object], dict[str, str]]] = {
    "a misspelt setting": (lambda home: home.set(brokr="mqtt://x"), {"settings": BAD}),
    "a value that cannot be": (lambda home: home.set(listen="8080"), {"settings": BAD}),
    "settings that are no TOML": (no_toml, {"settings": BAD}),
    "a folder open to others": (lambda home: home.path.chmod(0o755), {"folder_open": BAD}),
    "a key open to others": (lambda home: (home.path / "host.key").chmod(0o644), {"key": BAD}),
    "a key without its passphrase": (sealed_key, {"key": BAD}),
    "a missing key": (lambda home: (home.path / "host.key").unlink(), {"key": BAD}),
    "a key that the roster does not list": (other_key, {"not_in_roster": BAD, "broker_files_old": BAD}),
    "a missing database": (lambda home: (home.path / "sealbox.db").unlink(), {"database": BAD}),
    "a database that is away": (
        lambda home: home.set(database_url="postgresql+psycopg://nobody@127.0.0.1:1/none"),
        {"database": BAD},
    ),
    "tables of an older version": (
        lambda home: home.run("UPDATE alembic_version SET version_num = '0002'"),
        {"database_version": BAD},
    ),
    "a broker that is away": (lambda home: home.set(broker="mqtt://127.0.0.1:1"), {"broker": BAD}),
    "an address that is none": (lambda home: home.set(broker="http://127.0.0.1"), {"broker_address": BAD}),
    "a CA file that is missing": (
        lambda home: home.set(broker="mqtts://127.0.0.1:1", broker_ca_file="/nowhere/ca.pem"),
        {"broker_tls_files": BAD},
    ),
    "a box whose clock is wrong": (
        lambda home: home.run("UPDATE boxes SET seen = seen - 3600"),
        {"clock_differs": BAD},
    ),
    "a clock behind the records": (lambda home: home.run("UPDATE audit SET at = at + 9000"), {"clock_behind": BAD}),
    "a certificate that has ended": (ended_certificate, {"certificate_ends": BAD}),
    "a CA that cannot be read": (broken_ca, {"ca": BAD, "broker_files": BAD}),
    "broker files older than the roster": (old_broker_files, {"broker_files_old": BAD}),
    "a process that is dead": (dead_process, {"run_file": WARNING}),
    "a serial port that is not there": (lambda home: home.set(serial="/dev/ttyNONE"), {"serial_missing": WARNING}),
    "HTTP without TLS for all": (
        lambda home: home.set(listen="0.0.0.0:8080"),
        {"http_open": WARNING, "embedded_broker_open": BAD},
    ),
    "an app without TLS": (lambda home: home.set(app_origins=["http://app.invalid"]), {"app_origin_plain": BAD}),
}


def test_sound_host_has_no_fault(home: Home):
    assert home.wrong() == {}
    result = CliRunner().invoke(app, ["doctor", "--home", str(home.path)])
    assert (result.exit_code, "0 bad" in result.output) == (0, True)


@pytest.mark.parametrize("fault", PLANTED)
def test_planted_fault_is_named_and_no_other(home: Home, fault: str):
    plant, expected = PLANTED[fault]
    if fault == "an app without TLS":
        expected = dict(expected)
    plant(home)
    assert home.wrong() == expected


def test_ten_faults_at_once_are_all_named(home: Home):
    values = {"broker": "mqtt://127.0.0.1:1", "listen": "0.0.0.0:8080", "serial": "/dev/ttyNONE"}
    home.set(**values, app_origins=["http://app.invalid"], broker_files=str(home.files))
    for plant in (dead_process, ended_certificate, old_broker_files):
        plant(home)
    home.run("UPDATE boxes SET seen = seen - 3600")
    home.run("UPDATE audit SET at = at + 9000")
    home.path.chmod(0o755)
    wrong = home.wrong(least_free_bytes=1 << 60)
    assert set(wrong) == {
        *("broker", "http_open", "serial_missing", "app_origin_plain", "run_file", "certificate_ends"),
        *("broker_files_old", "clock_differs", "clock_behind", "folder_open", "disk"),
    }
    result = CliRunner().invoke(app, ["doctor", "--home", str(home.path), "--json"])
    assert result.exit_code == 1
    assert {one["name"] for one in json.loads(result.stdout)} >= set(wrong) - {"disk"}


def test_no_home_at_all_is_named(tmp_path: Path):
    assert [one.name for one in examine(tmp_path / "nothing", 0)] == ["home"]


def test_database_that_cannot_be_written_is_named(home: Home, cluster: Cluster):
    url = cluster.new_database()
    village = Village(url)
    village.host = village.context.signer = home.village.host
    village.begin()
    village.close()
    home.set(database_url=url)
    assert home.wrong() == {}
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        name = connection.info.dbname
        connection.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on".encode())
    assert home.wrong() == {"database_read_only": BAD}


@contextmanager
def tls_server(pem: bytes, folder: Path) -> Iterator[int]:
    """Shakes hands and says nothing; its port."""
    (folder / "server.pem").write_bytes(pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            plain.settimeout(5)
            try:
                with context.wrap_socket(plain, server_side=True) as secured:
                    secured.recv(1)
            except OSError:
                plain.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield listener.getsockname()[1]
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()


@pytest.mark.parametrize(
    ("names", "days", "trusted", "expected"),
    [
        (["localhost"], 300, True, {"broker_sign_in": BAD}),  # all but the silence after the handshake
        (["localhost"], 300, False, {"broker_certificate": BAD}),
        (["elsewhere.example"], 300, True, {"broker_certificate": BAD}),
        (["localhost"], 10, True, {"broker_certificate_ends": WARNING, "broker_sign_in": BAD}),
    ],
)
def test_broker_certificate_of_another_ca_or_name_or_near_its_end_is_named(
    home: Home, tmp_path: Path, names: list[str], days: int, trusted: bool, expected: dict[str, str]
):
    ca = CertificateAuthority.create(tmp_path / "ca", "broker's")
    other = CertificateAuthority.create(tmp_path / "other", "another")
    server = ca.issue_server(names, days=days)
    set_file = (ca if trusted else other).set_file
    with tls_server(server.pem().split(b"-----END CERTIFICATE-----\n", 1)[1], tmp_path) as port:
        home.set(broker=f"mqtts://localhost:{port}", broker_ca_file=str(set_file))
        assert home.wrong() == expected
