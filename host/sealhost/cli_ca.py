"""`sealhost ca …`: the deployment's own certificates for the broker, boxes and hosts."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from sealhost.app import open_context
from sealhost.cli_common import DEFAULT_HOME, HomeOption, JsonOption, load_settings, plain_errors, print_json
from sealhost.cli_records import print_records
from sealhost.fence import FenceError, files
from sealhost.fence import x509 as build
from sealhost.fence.broker import CA_FOLDER, BrokerFiles
from sealhost.fence.ca import BOX_DAYS, CA_DAYS, HOST_DAYS, SERVER_DAYS, CertificateAuthority, Credentials, Issued
from sealhost.fence.places import places

ca_app = typer.Typer(no_args_is_help=True, help="The deployment's own CA: certificates for the broker, boxes, hosts.")
issue_app = typer.Typer(no_args_is_help=True, help="Issue a new key and its certificate.")
ca_app.add_typer(issue_app, name="issue")

Days = Annotated[int, typer.Option("--days", min=1, help="How long it is valid.")]
OutFile = Annotated[Path, typer.Option("--out", help="A new file for CA set, certificate and key (PEM, mode 0600).")]


def load_ca(home: Path) -> CertificateAuthority:
    """The CA of a host's home. Raises FenceError."""
    return CertificateAuthority.load(home / CA_FOLDER)


def kid_of(text: str) -> bytes:
    """A kid from 32 hex digits. Raises FenceError."""
    try:
        kid = bytes.fromhex(text)
    except ValueError:
        kid = b""
    if len(kid) != 16:
        raise FenceError(f"{text[:80]!r} is no kid: 32 hex digits, as `sealhost box list --json` shows them")
    return kid


@ca_app.command()
@plain_errors
def create(
    home: HomeOption = DEFAULT_HOME,
    name: Annotated[str, typer.Option("--name", help="What the CA is called in its certificates.")] = "Sealbox",
    days: Days = CA_DAYS,
    as_json: JsonOption = False,
) -> None:
    """Make the CA of this host's deployment, in the folder `ca` of its home. One that is there stays.

    \b
    Example:
      sealhost ca create --home /var/lib/sealhost --name 幸福街道
    """
    load_settings(home)  # says so when this is no host's home
    folder = home / CA_FOLDER
    made = not (folder / "index.json").exists()
    ca = CertificateAuthority.create(folder, name, days=days) if made else load_ca(home)
    fields = {"ca": ca.name, "made": made, "file": str(ca.set_file), "ends": ca.ca_ends()}
    if as_json:
        print_json(fields)
        return
    print(f"{'made' if made else 'there already'}: {ca.name}, valid until {_day(ca.ca_ends())}")
    print(f"give {ca.set_file} to everybody who connects; keep {folder}/*.key secret and in a backup")


@issue_app.command("box")
@plain_errors
def issue_box(
    kid: Annotated[str, typer.Argument(help="The box's kid: 32 hex digits.")],
    out: OutFile,
    home: HomeOption = DEFAULT_HOME,
    days: Days = BOX_DAYS,
    as_json: JsonOption = False,
) -> None:
    """Issue a box's key and certificate, for `sealhost box provision --credentials FILE`.

    \b
    Example:
      sealhost ca issue box 3f9a5c0e8d7b6a190817263544536271 --out box.pem
    """
    _give(load_ca(home), lambda ca: ca.issue_box(kid_of(kid), days=days), out, as_json)


@issue_app.command("host")
@plain_errors
def issue_host(
    kid: Annotated[str, typer.Argument(help="The host's kid: 32 hex digits.")],
    out: OutFile,
    home: HomeOption = DEFAULT_HOME,
    days: Days = HOST_DAYS,
    as_json: JsonOption = False,
) -> None:
    """Issue a host's key and certificate. This host's own is made by `sealhost broker config`.

    \b
    Example:
      sealhost ca issue host 77ab5c0e8d7b6a190817263544536271 --out second-host.pem
    """
    _give(load_ca(home), lambda ca: ca.issue_host(kid_of(kid), days=days), out, as_json)


@issue_app.command("server")
@plain_errors
def issue_server(
    names: Annotated[list[str], typer.Argument(help="Host names and IP addresses that clients connect to.")],
    out: OutFile,
    home: HomeOption = DEFAULT_HOME,
    days: Days = SERVER_DAYS,
    as_json: JsonOption = False,
) -> None:
    """Issue a server's key and certificate. The broker's own is made by `sealhost broker config`.

    \b
    Example:
      sealhost ca issue server seals.example 192.0.2.7 --out server.pem
    """
    _give(load_ca(home), lambda ca: ca.issue_server(names, days=days), out, as_json)


@ca_app.command()
@plain_errors
def renew(
    name: Annotated[str, typer.Argument(help="A kid, or a server's first name.")],
    home: HomeOption = DEFAULT_HOME,
    out: Annotated[Path | None, typer.Option("--out", help="Where to write the certificate (PEM).")] = None,
    days: Annotated[int | None, typer.Option("--days", min=1, help="As long as the one before if left out.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Certify the same key anew. Boxes, the broker and this host get theirs by themselves while `sealhost run` runs.

    \b
    Example:
      sealhost ca renew seals.example --out server.pem
    """
    given = load_ca(home).renew(name.lower() if len(name) == 32 else name, days=days)
    if out is not None:
        files.write_whole(out, build.pem(given.certificate), files.PUBLIC)
    _tell(given, out, as_json, text=None if out is not None else build.pem(given.certificate).decode())


@ca_app.command()
@plain_errors
def revoke(
    name: Annotated[str, typer.Argument(help="A kid, a server's first name, or a serial number, as `list` shows.")],
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Revoke certificates; the broker that this host keeps learns of it at once.

    A kid without any other certificate loses its topics too, so that a connection that still stands is mute.

    \b
    Example:
      sealhost ca revoke 3f9a5c0e8d7b6a190817263544536271
    """
    revoked = load_ca(home).revoke(name)
    told = tell_broker(home)
    if as_json:
        print_json({"revoked": [_fields(one) for one in revoked], "broker_reloaded": told})
        return
    print("nothing was left to revoke" if not revoked else f"revoked: {', '.join(one.serial for one in revoked)}")
    if told is None:
        print(f"bring {home / CA_FOLDER / 'crl.pem'} to the broker and have it read it")
    elif not told:
        print("no Mosquitto runs in the broker's folder: it reads the list when it starts")


def tell_broker(home: Path) -> bool | None:
    """Write the files of the broker that this host keeps and have them read; None when it keeps none."""
    settings = load_settings(home)
    if settings.broker_files is None:
        return None
    context = open_context(settings)
    try:
        broker = BrokerFiles.open(settings.broker_files, home, settings.broker_reload)
        broker.refresh(places(context))
        return broker.reload()
    finally:
        context.database.close()


@ca_app.command("list")
@plain_errors
def list_issued(
    home: HomeOption = DEFAULT_HOME,
    due: Annotated[bool, typer.Option("--due", help="Only what must be renewed.")] = False,
    as_json: JsonOption = False,
) -> None:
    """List what was issued, and when it ends.

    \b
    Examples:
      sealhost ca list --home /var/lib/sealhost
      sealhost ca list --due --json
    """
    ca = load_ca(home)
    waiting = ca.due()
    found = waiting if due else ca.issued()
    if as_json:
        print_json([{**_fields(one), "due": one in waiting} for one in found])
        return
    rows = []
    for one in found:
        state = f"revoked {_day(one.revoked)}" if one.revoked else "to be renewed" if one in waiting else ""
        rows.append((one.kind, " ".join(one.names), _day(one.begins), _day(one.ends), state, one.serial))
    print_records(Console(), ("kind", "name", "from", "until", "", "serial"), rows)
    if ca.ca_due():
        print(f"The CA's own certificate ends on {_day(ca.ca_ends())}: `sealhost ca next` begins its change.")


@ca_app.command("next")
@plain_errors
def next_ca(home: HomeOption = DEFAULT_HOME, days: Days = CA_DAYS) -> None:
    """First step of changing the CA's own certificate: everybody learns to trust the next one too.

    \b
    Example:
      sealhost ca next      # then wait until every box has it: `sealhost box list`
    """
    load_ca(home).add_next(days=days)
    tell_broker(home)
    print("the next CA certificate is in the set: when everybody has it, `sealhost ca switch`")


@ca_app.command()
@plain_errors
def switch(home: HomeOption = DEFAULT_HOME) -> None:
    """Second step: the next CA certificate signs, and everything issued before is to be renewed.

    \b
    Example:
      sealhost ca switch    # then wait until `sealhost ca list --due` is empty
    """
    load_ca(home).switch()
    tell_broker(home)
    print("the next CA certificate signs: when `sealhost ca list --due` is empty, `sealhost ca retire`")


@ca_app.command()
@plain_errors
def retire(home: HomeOption = DEFAULT_HOME) -> None:
    """Last step: the CA certificate before is no longer trusted.

    \b
    Example:
      sealhost ca retire
    """
    load_ca(home).retire()
    tell_broker(home)
    print("only the signing CA certificate is trusted now")


def _give(ca: CertificateAuthority, issue: Any, out: Path, as_json: bool) -> None:
    if out.exists():
        raise FenceError(f"{out} exists already and is not written over")
    given: Credentials = issue(ca)
    files.write_whole(out, given.pem())
    _tell(given, out, as_json)


def _tell(given: Credentials, out: Path | None, as_json: bool, text: str | None = None) -> None:
    if as_json:
        print_json({**_fields(given.issued), "file": None if out is None else str(out), "certificate": text})
    elif text is not None:
        print(text, end="")
    else:
        print(f"{out}: {given.issued.kind} {given.issued.name}, valid until {_day(given.issued.ends)}")


def _fields(issued: Issued) -> dict[str, Any]:
    names = ("serial", "kind", "name", "names", "begins", "ends", "revoked")
    return {name: getattr(issued, name) for name in names}


def _day(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")
