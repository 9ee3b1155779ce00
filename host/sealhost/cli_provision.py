"""`sealhost box provision` and `sealhost box hello`: over a box's USB line, with the person standing in front of it.

Guarantees: only the line that the person names is opened; what was provisioned is what the box says of itself
afterwards, and the person compares the site code with the box's own display. The passwords of broker and Wi-Fi are
never shown.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import serial
import typer
from sealwire import cose, errors, frames, messages
from sealwire.errors import SealwireError

from sealhost.cli_shared import AsJson, Lang, command, from_hex
from sealhost.client import compose
from sealhost.client.errors import ClientError, NoAnswerError
from sealhost.fence import FenceError
from sealhost.fence import given as given_file
from sealhost.fence.given import Given
from sealhost.links.address import BrokerAddress
from sealhost.signing.keys import read_public
from sealhost.texts import say

provision_app = typer.Typer(no_args_is_help=True, help="A box on its USB line.")

BAUD = 115200  # means nothing on USB; real serial adapters want one
REPEAT_S = 1.0
READ_S = 0.1

Port = Annotated[str, typer.Option(help="The box's serial line, like /dev/ttyACM0.")]
Seconds = Annotated[float, typer.Option("--timeout", min=0.1, help="How long to try, in seconds.")]


class BoxLine:
    """Items to and from a box on a serial line."""

    def __init__(self, port: serial.Serial) -> None:
        self._port = port
        self._reader = frames.Reader()

    def ask(self, number: int, fields: dict[str, Any], timeout_s: float) -> dict[str, Any] | None:
        """Send an item and wait for the box's HELLO; None when none comes in time."""
        self._port.write(frames.encode(messages.build_item(number, fields)))
        end = time.monotonic() + timeout_s
        while time.monotonic() < end:
            for body in self._reader.feed(self._port.read(max(1, self._port.in_waiting))):
                hello = _hello(bytes(body))
                if hello is not None:
                    return hello
        return None


def _hello(body: bytes) -> dict[str, Any] | None:
    """The fields of a box's HELLO; None for anything else on the line, our own echoed words included."""
    try:
        number, fields = messages.read_item(body)
    except SealwireError:
        return None
    return fields if number == messages.HELLO and fields else None


@contextmanager
def open_line(port: str) -> Iterator[BoxLine]:
    """Open a serial line. ClientError: no_serial."""
    try:
        line = serial.Serial(port, BAUD, timeout=READ_S, write_timeout=5, exclusive=True)
    except (serial.SerialException, ValueError, OSError) as error:
        raise ClientError("no_serial", port=port, detail=error) from error
    try:
        yield BoxLine(line)
    except (serial.SerialException, OSError) as error:
        raise ClientError("no_serial", port=port, detail=error) from error
    finally:
        line.close()


def who(line: BoxLine, port: str, timeout_s: float) -> dict[str, Any]:
    """What a box says of itself; asked again until it answers. NoAnswerError: box_silent."""
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        hello = line.ask(messages.HELLO, {}, min(REPEAT_S, end - time.monotonic()))
        if hello is not None and "public" in hello:
            return hello
    raise NoAnswerError("box_silent", port=port, seconds=round(timeout_s))


def give(line: BoxLine, fields: dict[str, Any], port: str, timeout_s: float) -> dict[str, Any]:
    """Provision a box, again and again until it has the site: the button may come late.

    Raises NoAnswerError (box_silent), ClientError (box_refused) with its last reason.
    """
    end = time.monotonic() + timeout_s
    refused = 0
    while time.monotonic() < end:
        hello = line.ask(messages.PROVISION, fields, min(REPEAT_S, end - time.monotonic()))
        if hello is None:
            continue
        refused = hello.get("refused", 0)
        if not refused and "site" not in hello:
            continue  # a late answer to who it is
        if not refused and hello.get("site") == fields["site"]:
            return hello
        if refused != errors.BUTTON_NOT_HELD:
            break
        time.sleep(min(REPEAT_S / 2, max(0.0, end - time.monotonic())))
    if refused:
        raise ClientError("box_refused", reason=errors.name_of(refused))
    raise NoAnswerError("box_silent", port=port, seconds=round(timeout_s))


@command(provision_app, "hello")
def hello(port: Port, timeout: Seconds = 10.0, as_json: AsJson = False, lang: Lang = None) -> None:
    """Ask a box who it is."""
    with open_line(port) as line:
        found = who(line, port, timeout)
    typer.echo(json.dumps(_shown(found)) if as_json else _box_text(found))


@command(provision_app, "provision")
def provision(
    port: Port,
    site: Annotated[str, typer.Option(help="The site, 32 hex digits.")],
    authority: Annotated[list[str], typer.Option(help="An authority key: hex or a file; several times for several.")],
    broker: Annotated[
        str | None,
        typer.Option(help="mqtt[s]://[user:password@]host[:port], as the box reaches it; none: by its serial line."),
    ] = None,
    credentials: Annotated[
        Path | None,
        typer.Option(help="For mqtts://: the file that `sealhost ca issue box` wrote. Delete it afterwards."),
    ] = None,
    threshold: Annotated[int, typer.Option(min=1, help="How many authority keys must sign a roster.")] = 1,
    wifi: Annotated[str | None, typer.Option(help="Name of the wireless network.")] = None,
    wifi_password: Annotated[
        str | None, typer.Option(envvar="SEALBOX_WIFI_PASSWORD", help="Its password; better by the environment.")
    ] = None,
    timeout: Seconds = 60.0,
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    """Give a new box its site, authority and broker. Hold its button, and compare the code on its display."""
    place = from_hex("--site", site, 16)
    trusted = [read_public(key) for key in authority]
    if threshold > len(trusted):
        raise typer.BadParameter("--threshold is above the number of --authority keys")
    fields = {"site": place, "authority": trusted, "threshold": threshold}
    if broker is not None:
        fields |= _broker_fields(broker)
    given = _credentials(broker or "", credentials)
    if given is not None:
        fields |= {"ca": given.ca, "certificate": given.certificate, "tls_key": given.key, "issued": int(time.time())}
    fields |= {"wifi": wifi, "wifi_password": wifi_password}
    code = messages.site_code(place, trusted, threshold)
    with open_line(port) as line:
        found = who(line, port, min(timeout, 10.0))
        if not as_json:
            typer.echo(_box_text(found))
            typer.echo(say("hold_button", code=code))
        if found.get("site") not in (None, place):
            raise ClientError("box_other_site", site=found["site"].hex())
        kid = cose.key_id(found["public"]).hex()
        if given is not None and given.name not in (None, kid):
            raise ClientError("bad_credentials", detail=f"they are for the box {given.name}, this one is {kid}")
        found = give(line, fields, port, timeout)
    text = say("provisioned", code=code, public=found.get("public", b"").hex())
    typer.echo(json.dumps(_shown(found) | {"site_code": code}) if as_json else text)


def _credentials(broker: str, path: Path | None) -> Given | None:
    """What the box needs for TLS: for mqtts://, and only then."""
    if broker.startswith("mqtts:") != (path is not None):
        raise ClientError("tls_and_credentials")
    try:
        return None if path is None else given_file.read(path)
    except FenceError as error:
        raise ClientError("bad_credentials", detail=error) from error


def _broker_fields(url: str) -> dict[str, Any]:
    try:
        address = BrokerAddress.parse(url)
    except ValueError as error:
        raise ClientError("bad_broker", detail=error) from error
    return {
        "broker": address.host,
        "port": address.port,
        "user": address.username,
        "password": address.password,
    }


def _shown(hello: dict[str, Any]) -> dict[str, Any]:
    public = hello.get("public", b"")
    return {
        "public": public.hex(),
        "kid": cose.key_id(public).hex() if public else "",
        "code": compose.key_code(public) if public else "",
        "firmware": hello.get("firmware"),
        "site": hello["site"].hex() if "site" in hello else None,
    }


def _box_text(hello: dict[str, Any]) -> str:
    shown = _shown(hello)
    return say("box_is", **{name: shown[name] or "-" for name in ("code", "firmware", "site", "public")})
