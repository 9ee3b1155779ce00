"""`sealhost broker …`: a Mosquitto with TLS, where each person, box and host reaches only their own topics."""

from __future__ import annotations

import json
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from sealhost.cli_ca import load_ca
from sealhost.cli_common import DEFAULT_HOME, HomeOption, JsonOption, opened, plain_errors, print_json
from sealhost.config import FILE_NAME
from sealhost.fence import FenceError, files
from sealhost.fence import x509 as build
from sealhost.fence.broker import CHOICES, SECRET, BrokerFiles, Choices, kept_choices
from sealhost.fence.ca import CertificateAuthority
from sealhost.fence.mosquitto import CONFIG, Listen
from sealhost.fence.passwords import Passwords
from sealhost.fence.places import places

broker_app = typer.Typer(no_args_is_help=True, help="A Mosquitto with TLS and an access list from the rosters.")

CERTIFICATE, KEY = "broker.pem", "broker.key"
"""In the host's home: what this host shows to the broker."""


@broker_app.command()
@plain_errors
def config(
    out: Annotated[Path, typer.Option("--out", help="The broker's folder.")],
    home: HomeOption = DEFAULT_HOME,
    host: Annotated[
        list[str] | None,
        typer.Option("--host", help="A name or address that clients connect to; the first is this host's. Repeat."),
    ] = None,
    listen: Annotated[
        str | None, typer.Option("--listen", help="Where people connect, by password. [default: 127.0.0.1:8883]")
    ] = None,
    devices: Annotated[
        str | None,
        typer.Option("--devices", help="Where boxes and hosts connect, by certificate. [default: 127.0.0.1:8884]"),
    ] = None,
    loopback: Annotated[
        int | None, typer.Option("--loopback", help="Port without TLS on 127.0.0.1, for the relay for browsers.")
    ] = None,
    user: Annotated[
        str | None, typer.Option("--user", help="The account that Mosquitto changes to when root starts it.")
    ] = None,
    gateway: Annotated[
        list[str] | None, typer.Option("--gateway", help="A gateway's user name: it may speak for all boxes. Repeat.")
    ] = None,
    settings: Annotated[
        bool, typer.Option("--settings/--no-settings", help="Add what is missing to sealhost.toml.")
    ] = True,
    as_json: JsonOption = False,
) -> None:
    """Write Mosquitto's configuration, access list, passwords and certificates; again after every change.

    What was given once need not be given again. A Mosquitto that runs reads the access list and certificates at once;
    another address or port needs its restart.

    \b
    Examples:
      sealhost broker config --out /var/lib/sealhost/mosquitto --host seals.example \\
          --listen 0.0.0.0:8883 --devices 0.0.0.0:8884 --loopback 1884
      sealhost broker config --out /var/lib/sealhost/mosquitto
    """
    before = kept_choices(out) if (out / CHOICES).exists() else None
    if before is None and not host:
        raise FenceError("say with --host by which names or addresses clients reach the broker")
    given: dict[str, Any] = {
        "names": tuple(host) if host else None, "people": listen, "devices": devices, "loopback": loopback,
        "user": user, "gateways": None if gateway is None else tuple(gateway),
    }  # fmt: skip
    choices = replace(before or Choices(()), **{name: value for name, value in given.items() if value is not None})
    with opened(home) as context:
        broker = BrokerFiles(out, home, choices)
        changed = broker.set_up(places(context))
        reloaded = broker.reload() if changed and before is not None else False
        changed |= _own_certificate(load_ca(home), home, context.signer.kid)
    wanted = wanted_settings(home, broker)
    kept = _add_settings(home / FILE_NAME, wanted) if settings else []
    _tell(broker, wanted, kept, changed, reloaded, as_json)


@broker_app.command()
@plain_errors
def password(
    name: Annotated[str, typer.Argument(help="A kid of 32 hex digits, or a gateway's name.")],
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Show the password of a user at the broker: for a gateway, or an app that does not ask this host for it.

    \b
    Example:
      sealhost broker password gateway-1 --home /var/lib/sealhost
    """
    if not (home / SECRET).is_file():
        raise FenceError(f"{home} keeps no broker: `sealhost broker config` begins with it")
    word = Passwords.open(home / SECRET).of(name)
    print_json({"user": name, "password": word}) if as_json else print(word)


def wanted_settings(home: Path, broker: BrokerFiles) -> dict[str, str]:
    """What a host that keeps this broker has in its settings."""
    chosen = broker.choices
    people, devices = Listen.parse(chosen.people), Listen.parse(chosen.devices)
    name = f"[{chosen.names[0]}]" if ":" in chosen.names[0] else chosen.names[0]
    relay = f"mqtts://{name}:{people.port}" if chosen.loopback is None else f"mqtt://127.0.0.1:{chosen.loopback}"
    return {
        "broker": f"mqtts://{name}:{devices.port}",
        "broker_ca_file": str((home / "ca" / "ca.pem").resolve()),
        "broker_cert_file": str((home / CERTIFICATE).resolve()),
        "broker_key_file": str((home / KEY).resolve()),
        "broker_files": str(broker.folder),
        "relay_broker": relay,
    }


def people_url(broker: BrokerFiles) -> str:
    """Where people connect."""
    name = broker.choices.names[0]
    return f"mqtts://{f'[{name}]' if ':' in name else name}:{Listen.parse(broker.choices.people).port}"


def _own_certificate(ca: CertificateAuthority, home: Path, kid: bytes) -> bool:
    """This host's certificate and key: made once; whether they were."""
    if (home / KEY).exists() and (home / CERTIFICATE).exists() and ca.current(kid.hex()) is not None:
        return False
    given = ca.issue_host(kid)
    assert given.key is not None
    files.write_whole(home / KEY, build.key_pem(given.key))
    return files.write_whole(home / CERTIFICATE, build.pem(given.certificate))


def _add_settings(path: Path, wanted: dict[str, str]) -> list[str]:
    """Add what the settings file does not say yet; the names of those that it says otherwise."""
    text = files.read(path).decode()
    there = tomllib.loads(text)
    missing = {name: value for name, value in wanted.items() if name not in there}
    if missing:
        lines = [f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in missing.items()]
        head = "" if not text or text.endswith("\n") else "\n"
        files.write_whole(path, (text + head + "\n".join(lines) + "\n").encode())
    return [name for name, value in wanted.items() if there.get(name, value) != value]


def _tell(
    broker: BrokerFiles, wanted: dict[str, Any], kept: list[str], changed: bool, reloaded: bool, as_json: bool
) -> None:
    path = broker.folder / CONFIG
    if as_json:
        fields = {"config": str(path), "changed": changed, "reloaded": reloaded, "people": people_url(broker)}
        print_json({**fields, "settings": wanted, "settings_kept": kept})
        return
    print(f"{path}: {'written' if changed else 'nothing to change'}{', read by Mosquitto' if reloaded else ''}")
    if kept:
        print(f"sealhost.toml says otherwise and is left as it is: {', '.join(kept)}")
    print(f"people connect to {people_url(broker)}, boxes and hosts to {wanted['broker']}")
    print(f"Next: mosquitto -c {path}    and then sealhost run")
