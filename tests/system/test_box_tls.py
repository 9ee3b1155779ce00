"""TLS as the box sees it: which brokers it takes for its own, what it says of others, and that it comes back by
itself."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sealwire import chain, errors, messages, topics

from tests.host.daemon import eventually
from tests.system.people import Fields
from tests.system.stage import COMMITTEE, WAIT
from tests.system.tls import GuardedStage, guarded_stage

NO_ANSWER_S = 60.0
HANDSHAKE = 0x16  # the first byte of a TLS connection (RFC 5246, section 6.2.1)


@pytest.fixture
def stage(tmp_path: Path, firmware_image: tuple[Path, ...]) -> Iterator[GuardedStage]:
    with guarded_stage(tmp_path, firmware_image) as made:
        yield made


def open_files(stage: GuardedStage) -> int:
    return len(list(Path(f"/proc/{stage.box.state['vm_pid']}/fd").iterdir()))


def fails_twice_and_comes_back(stage: GuardedStage, kind: str, words: str, back: str) -> None:
    """One line for each failed connection, and nothing left open by it."""
    start = stage.printed()
    stage.guarded.turn(kind)
    first = stage.wait_log("again in", stage.wait_log(words, start))
    files = open_files(stage)
    second = stage.wait_log("again in", first)
    lines = [line for line in stage.box.firmware_log()[start:second].splitlines() if "mqtt" in line]
    assert [words in line for line in lines] == [False, True, True], lines  # the first one tells of the cut
    assert open_files(stage) == files
    stage.guarded.turn(back)
    stage.wait_log("mqtt: connected", second)
    stage.open()


BAD = [
    ("wrong_ca", "TLS: The certificate is not correctly signed by the trusted CA"),
    ("self_signed", "TLS: The certificate is not correctly signed by the trusted CA"),
    ("other_host", "TLS: The certificate Common Name (CN) does not match with the expected CN"),
    ("expired", "TLS: The certificate validity has expired"),
    ("early", "TLS: The certificate validity starts in the future"),
    ("plain", "TLS: the handshake failed"),
]


@pytest.mark.parametrize(("kind", "words"), BAD, ids=[kind for kind, _ in BAD])
def test_bad_broker_is_named_in_one_line_and_the_box_comes_back_by_itself(
    stage: GuardedStage, kind: str, words: str
) -> None:
    fails_twice_and_comes_back(stage, kind, words, "good")


def test_broker_that_asks_for_a_certificate_refuses_a_box_without_one(
    tmp_path: Path, firmware_image: tuple[Path, ...]
) -> None:
    with guarded_stage(tmp_path, firmware_image, "open", with_certificate=False) as stage:
        fails_twice_and_comes_back(stage, "good", "TLS: the handshake failed", "open")


def test_broker_that_says_nothing_holds_up_no_bay_and_is_given_up(stage: GuardedStage) -> None:
    stage.open()
    boots = stage.box.state["boots"]
    start, accepted = stage.printed(), stage.guarded.switch.accepted
    stage.guarded.turn(None)
    eventually(lambda: stage.guarded.switch.accepted > accepted, "the next connection")
    assert stage.box.press(COMMITTEE)
    stage.box.press_button()
    stage.box.wait_shutter(COMMITTEE, "closed", WAIT)
    end = stage.wait_log("bay 2 locked", start)
    assert "does not answer" not in stage.box.firmware_log()[start:end], "the handshake ended before the bay closed"
    gave_up = stage.wait_log("mqtt: MqttError: the broker does not answer", end, NO_ANSWER_S)
    stage.guarded.turn("good")
    stage.wait_log("mqtt: connected", gave_up)
    assert stage.wait_entry(chain.CLOSED)["pressed"] == 1
    assert stage.box.state["boots"] == boots, "the watchdog was fed meanwhile"


@pytest.mark.timeout(300)  # decrypting 10 MB takes the VM half a minute
@pytest.mark.parametrize("size", [65536, 10 * 1024 * 1024])
def test_oversized_message_over_tls_is_passed_over_unread(stage: GuardedStage, size: int) -> None:
    start = stage.printed()
    topic = topics.box_in(stage.site, stage.kid, stage.host.kid)
    stage._client.publish(topic, bytes(size), 1).wait_for_publish(WAIT)
    stage.wait_log(f"dropped a message of {size} bytes", start, 4 * NO_ANSWER_S)
    entry = stage.wait_entry(chain.REFUSED)
    assert entry["reason"] == errors.TOO_LARGE
    stage.open()
    assert "again in" not in stage.box.firmware_log()[start:], "it stayed connected"


class Eavesdropper:
    """A server that takes the first bytes of each connection and hangs up."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._server.accept()
                client.settimeout(WAIT)
                with contextlib.suppress(TimeoutError):
                    self.heard.append(client.recv(4096))
                client.close()

    def close(self) -> None:
        """End it."""
        self._server.close()


def test_box_that_was_told_a_ca_never_speaks_plain_text(stage: GuardedStage) -> None:
    with contextlib.closing(Eavesdropper()) as server:
        stage.guarded.switch.turn(server.port)
        eventually(lambda: len(server.heard) >= 3, "three connections")
        stage.box.cut_power()
        stage.box.power_on()
        eventually(lambda: len(server.heard) >= 5, "two more, after a start")
        assert {data[:1] for data in server.heard if data} == {bytes((HANDSHAKE,))}
        kid = topics.hexed(stage.kid).encode()
        assert not any(kid in data for data in server.heard), "the client id and topics are not for others"


def provision(stage: GuardedStage, fields: Fields) -> str:
    """The name of the reason for which the box refuses it, with the button held."""
    told = {"site": stage.site, "authority": [stage.authority.public_key], "threshold": 1}
    told |= {"broker": stage.broker.host, "port": stage.broker.port}
    stage.console(messages.build_item(messages.HELLO, {}))  # a box in use makes room for long items then
    stage.box.hold_button()
    answer = stage.console(messages.build_item(messages.PROVISION, told | fields))
    stage.box.release_button()
    return errors.name_of(answer.get("refused", 0))


def test_provision_that_would_weaken_tls_or_does_not_hold_together_is_refused(stage: GuardedStage) -> None:
    assert stage.tls is not None
    whole = stage.told(stage.tls)
    other = stage.guarded.ca.issue_box(stage.kid)
    assert provision(stage, {}) == "tls_needed"
    for name in ("issued", "certificate", "tls_key"):
        assert provision(stage, {key: whole[key] for key in whole if key != name}) == "missing_field"
    assert provision(stage, whole | {"certificate": other.certificate}) == "other_tls_key"
    for name, bad in (("ca", [b"\x30"]), ("certificate", b"\x30"), ("tls_key", b"\x30" * 100)):
        assert provision(stage, whole | {name: bad}) == "bad_certificate"
    start = stage.printed()
    stage.box.cut_power()
    stage.box.power_on()
    stage.wait_log("mqtt: connected", start)
    assert provision(stage, stage.told(other)) == "accepted"
    stage.box.cut_power()
    stage.box.power_on()
    stage.wait_entry(chain.BOOT, count=3)
    stage.open()
