"""`init`, `run` and `ledger`: setting up this host, running it, reading its register."""

from __future__ import annotations

import os
import secrets
import signal
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from sealwire import messages
from sealwire.roster import check_authority

from sealhost.app import Daemon, HostError, configure_logging, open_context
from sealhost.audit.export import export_site
from sealhost.cli_common import (
    DEFAULT_HOME,
    HomeOption,
    JsonOption,
    SiteOption,
    choose_site,
    load_settings,
    opened,
    plain_errors,
    print_json,
)
from sealhost.cli_records import print_records
from sealhost.config import FILE_NAME, TEMPLATE
from sealhost.services.context import Context
from sealhost.services.views import Views
from sealhost.signing import keys
from sealhost.store import sites

host_app = typer.Typer()


@host_app.command()
@plain_errors
def init(
    site_name: Annotated[str, typer.Option("--site-name", help="The committee's name.")],
    authority: Annotated[
        list[str],
        typer.Option("--authority", help="An authority's public key: 64 hex digits or a file. Repeat for several."),
    ],
    home: HomeOption = DEFAULT_HOME,
    threshold: Annotated[
        int, typer.Option("--threshold", min=1, help="How many authority keys must sign the first roster.")
    ] = 1,
    site: Annotated[str | None, typer.Option("--site", help="The site's 32 hex digits; made anew if left out.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Set up this host for a site: its folder, key and database.

    The same command with another site adds that site.

    \b
    Example:
      sealhost init --home /var/lib/sealhost --site-name 幸福村 --authority authority.pub
    """
    os.umask(0o077)  # personal data and a key: nobody else's to read
    public = [keys.read_public(text) for text in authority]
    check_authority(public, threshold)
    site_bytes = _site(site)
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not (home / FILE_NAME).exists():
        (home / FILE_NAME).write_text(TEMPLATE, encoding="utf-8")
    settings = load_settings(home)
    secret = settings.key_passphrase
    if not settings.key_file.exists():
        keys.create(settings.key_file, None if secret is None else secret.get_secret_value())
    context = open_context(settings)
    (home / "host.pub").write_text(context.signer.public_key.hex() + "\n", encoding="utf-8")
    with context.turn() as turn:
        if sites.get(turn.tx, site_bytes) is not None:
            raise HostError(f"site {site_bytes.hex()} is set up here already")
        sites.add(turn.tx, site_bytes, site_name, public, threshold, turn.now)
        turn.record(site_bytes, "site_added", None, None)
    context.database.close()
    _tell(home, site_bytes, context.signer.public_key, messages.site_code(site_bytes, public, threshold), as_json)


def _site(text: str | None) -> bytes:
    if text is None:
        return secrets.token_bytes(16)
    try:
        site = bytes.fromhex(text)
    except ValueError:
        site = b""
    if len(site) != 16:
        raise HostError("--site is 32 hex digits, as the authority gave them")
    return site


def _tell(home: Path, site: bytes, public: bytes, code: str, as_json: bool) -> None:
    if as_json:
        print_json({"home": str(home), "site": site.hex(), "host": public.hex(), "code": code})
        return
    print(f"site      {site.hex()}")
    print(f"host key  {public.hex()}   (the authority puts it into the roster)")
    print(f"site code {code}   (what a box shows when it is provisioned)")
    print(f"Next: sealhost run --home {home}")


@host_app.command()
@plain_errors
def run(
    home: HomeOption = DEFAULT_HOME,
    broker: Annotated[
        str | None, typer.Option("--broker", help="mqtt://… or mqtts://…; the embedded broker if left out.")
    ] = None,
    broker_port: Annotated[
        int | None, typer.Option("--broker-port", help="Port of the embedded broker; a free one if left out.")
    ] = None,
    serial: Annotated[
        str | None, typer.Option("--serial", help='Boxes on serial lines: "auto", or ports with commas between.')
    ] = None,
    listen: Annotated[
        str | None, typer.Option("--listen", help="HTTP address, like 127.0.0.1:8080; port 0: any.")
    ] = None,
    serve_app: Annotated[
        bool | None, typer.Option("--serve-app", help="Serve the app too: for a demo or a single village.")
    ] = None,
) -> None:
    """Run this host until it is told to end (SIGTERM or Ctrl-C).

    \b
    Examples:
      sealhost run --home /var/lib/sealhost
      sealhost run --home /var/lib/sealhost --broker mqtts://user:password@broker.example
      sealhost run --home /var/lib/sealhost --serial auto
    """
    os.umask(0o077)
    configure_logging()
    settings = load_settings(
        home, broker=broker, broker_port=broker_port, serial=serial, listen=listen, serve_app=serve_app
    )
    context = open_context(settings)
    daemon = Daemon(settings, context, exporter(context))
    # Blocked here, and so in every thread that starts: they wait for sigwait, whenever they come. A handler could find
    # the main thread in the middle of anything, a lock of its own included.
    ends = {signal.SIGTERM, signal.SIGINT}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    try:
        daemon.start()
        shown = daemon.broker_url.rpartition("@")[2].removeprefix("mqtt://")
        print(f"sealhost is ready: http {daemon.http_url}, broker {shown}", flush=True)
        signal.sigwait(ends)
    finally:
        daemon.stop()
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def exporter(context: Context) -> Callable[[bytes], Path]:
    """What the web interface calls for a bundle: writes one to a new file, which the caller removes."""

    def export(site: bytes) -> Path:
        descriptor, name = tempfile.mkstemp(suffix=".zip")
        os.close(descriptor)
        path = Path(name)
        try:
            export_site(path, context.database, site, context.now(), context.signer)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return path

    return export


@host_app.command()
@plain_errors
def ledger(home: HomeOption = DEFAULT_HOME, site: SiteOption = None, as_json: JsonOption = False) -> None:
    """Show the register of seal use, newest first.

    \b
    Examples:
      sealhost ledger --home /var/lib/sealhost
      sealhost ledger --home /var/lib/sealhost --json
    """
    with opened(home) as context:
        views = Views(context)
        lines = views.ledger(choose_site(views.sites(), site))
    if as_json:
        print_json(lines)
        return
    columns = ["request", "when", "seal", "matter", "keeper", "approved by", "state"]
    columns += ["approved", "pressed", "declared", "cases"]
    print_records(Console(), columns, map(_cells, lines))


def _cells(line: dict[str, Any]) -> list[str]:
    when = datetime.fromtimestamp(line["created"], UTC).astimezone().strftime("%Y-%m-%d %H:%M")
    state = line["state"] if line["proven"] else f"{line['state']} (not yet proven)"
    declared = "" if line["declared"] is None else str(line["declared"])
    matter = f"{line['matter']} {line['wording'] or ''}".strip()
    approved = ", ".join(line["approved_by"])
    cells = [line["code"], when, line["seal"] or str(line["bay"]), matter, line["keeper"], approved, state]
    cases = ", ".join(f"{case['kind']}{' (closed)' if case['closed'] else ''}" for case in line["cases"])
    return [*cells, str(line["impressions"]), str(line["pressed"]), declared, cases]
