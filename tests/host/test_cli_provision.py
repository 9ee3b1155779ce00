"""Provisioning over a serial line: a pseudo-terminal, with a stand-in for the box at its other end."""

from __future__ import annotations

import os
import threading
import time
import tty
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sealhost.cli_provision import provision_app
from sealhost.fence.ca import CertificateAuthority
from sealhost.signing import keys
from sealwire import cose, errors, frames, messages
from typer.testing import CliRunner

from tests.host.people import SITE

BOX = keys.generate().public_key
AUTHORITY = keys.generate().public_key


class Box:
    """Answers as a box does; `held` counts down the provisions it refuses before the button is held."""

    def __init__(self) -> None:
        self.near, self.far = os.openpty()
        tty.setraw(self.near)
        tty.setraw(self.far)
        self.port = os.ttyname(self.far)
        self.held_after = 0
        self.site: bytes | None = None
        self.told: list[dict[str, Any]] = []
        self.silent = False
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Hang up; ends the thread."""
        os.close(self.far)
        self._thread.join(10)
        os.close(self.near)

    def _serve(self) -> None:
        reader = frames.Reader()
        while True:
            try:
                data = os.read(self.near, 4096)
            except OSError:
                return
            for body in reader.feed(data):
                if not self.silent:
                    os.write(self.near, b"console chatter\r\n" + frames.encode(self._answer(bytes(body))))

    def _answer(self, body: bytes) -> bytes:
        number, fields = messages.read_item(body)
        refused = 0
        if number == messages.PROVISION:
            self.told.append(fields)
            if len(self.told) <= self.held_after:
                refused = errors.BUTTON_NOT_HELD
            elif self.site is not None and self.site != fields["site"]:
                refused = errors.ALREADY_PROVISIONED
            else:
                self.site = fields["site"]
        hello = {"public": BOX, "firmware": "1.0", "site": self.site, "refused": refused or None}
        return messages.build_item(messages.HELLO, hello)


@pytest.fixture
def box() -> Iterator[Box]:
    made = Box()
    yield made
    made.stop()


def provision(box: Box, *more: str) -> Any:
    arguments = ["provision", "--port", box.port, "--site", SITE.hex(), "--authority", AUTHORITY.hex()]
    arguments += ["--broker", "mqtt://box:secret@broker.example:1884", *more]
    return CliRunner().invoke(provision_app, arguments, catch_exceptions=False)


def test_a_box_is_told_site_authority_and_broker_and_the_site_code_is_shown(box: Box) -> None:
    result = provision(box)
    assert result.exit_code == 0, result.output
    told = box.told[0]
    assert (told["site"], told["authority"], told["threshold"]) == (SITE, [AUTHORITY], 1)
    assert (told["broker"], told["port"], told["user"], told["password"]) == ("broker.example", 1884, "box", "secret")
    assert messages.site_code(SITE, [AUTHORITY], 1) in result.output
    assert BOX.hex() in result.output
    assert "secret" not in result.output


def test_the_button_may_be_held_late(box: Box) -> None:
    box.held_after = 2
    assert provision(box).exit_code == 0
    assert len(box.told) == 3


def test_a_button_never_held_is_named(box: Box) -> None:
    box.held_after = 1000
    result = provision(box, "--timeout", "1")
    assert result.exit_code == 1
    assert "button_not_held" in result.stderr


def test_a_box_of_another_site_is_left_alone(box: Box) -> None:
    box.site = bytes(16)
    result = provision(box)
    assert result.exit_code == 1
    assert box.told == []


def test_hello_tells_who_the_box_is(box: Box) -> None:
    result = CliRunner().invoke(provision_app, ["hello", "--port", box.port])
    assert BOX.hex() in result.output


def test_a_silent_line_and_a_missing_one_are_told_apart(box: Box) -> None:
    box.silent = True
    runner: Callable[..., Any] = CliRunner().invoke
    assert runner(provision_app, ["hello", "--port", box.port, "--timeout", "0.5"]).exit_code == 3
    assert runner(provision_app, ["hello", "--port", "/dev/no-such-line"]).exit_code == 1


@pytest.fixture
def ca(tmp_path: Path) -> CertificateAuthority:
    return CertificateAuthority.create(tmp_path / "ca", "Test")


def credentials_file(tmp_path: Path, content: bytes, mode: int = 0o600) -> Path:
    path = tmp_path / "box.pem"
    path.write_bytes(content)
    path.chmod(mode)
    return path


def provision_tls(box: Box, path: Path | None, broker: str = "mqtts://broker.example") -> Any:
    more = [] if path is None else ["--credentials", str(path)]
    return provision(box, "--broker", broker, *more)


def test_credentials_for_tls_come_with_the_key_and_their_time(
    box: Box, ca: CertificateAuthority, tmp_path: Path
) -> None:
    ca.add_next()
    made = ca.issue_box(cose.key_id(BOX))
    result = provision_tls(box, credentials_file(tmp_path, made.pem()))
    assert result.exit_code == 0, result.output
    told = box.told[0]
    assert (told["broker"], told["port"]) == ("broker.example", 8883)
    assert (told["ca"], told["certificate"], told["tls_key"]) == (list(made.ca), made.certificate, made.key)
    assert abs(told["issued"] - time.time()) < 60


def test_ca_set_alone_is_enough_for_a_box_with_a_password(box: Box, ca: CertificateAuthority, tmp_path: Path) -> None:
    result = provision_tls(
        box, credentials_file(tmp_path, ca.set_file.read_bytes()), "mqtts://box:secret@broker.example"
    )
    assert result.exit_code == 0, result.output
    assert box.told[0]["ca"] == ca.ca_set()
    assert "certificate" not in box.told[0]
    assert box.told[0]["password"] == "secret"


def test_credentials_that_do_not_fit_never_reach_the_box(box: Box, ca: CertificateAuthority, tmp_path: Path) -> None:
    made, other = ca.issue_box(cose.key_id(BOX)), ca.issue_box(bytes(16))
    whole = made.pem()
    without_key = whole[: whole.index(b"-----BEGIN PRIVATE")]
    other_key = other.pem()[other.pem().index(b"-----BEGIN PRIVATE") :]
    cases = [
        (other.pem(), 0o600, "this one is"),
        (without_key, 0o600, "CA certificates"),
        (without_key + other_key, 0o600, "another key"),
        (b"", 0o600, "box.pem"),
        (b"\x30\x82", 0o600, "box.pem"),
        (whole[: whole.index(b"-----END")], 0o600, "box.pem"),
        (whole, 0o644, "box.pem"),
    ]
    for content, mode, words in cases:
        result = provision_tls(box, credentials_file(tmp_path, content, mode))
        assert result.exit_code == 1, words
        assert words in result.stderr
    assert box.told == []


def test_tls_without_credentials_and_credentials_without_tls_are_refused(
    box: Box, ca: CertificateAuthority, tmp_path: Path
) -> None:
    path = credentials_file(tmp_path, ca.issue_box(cose.key_id(BOX)).pem())
    for result in (provision_tls(box, None), provision_tls(box, path, "mqtt://broker.example")):
        assert result.exit_code == 1
        assert "--credentials" in result.stderr
    assert box.told == []
