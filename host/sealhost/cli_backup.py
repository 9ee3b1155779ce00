"""`backup` and `restore`: a whole host as one file, and back."""

from __future__ import annotations

import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from sealhost.app import HostError
from sealhost.cli_common import DEFAULT_HOME, HomeOption, JsonOption, load_settings, plain_errors, print_json
from sealhost.signing import keys
from sealhost.upkeep import archive

backup_app = typer.Typer()

VARIABLE = "SEALHOST_BACKUP_PASSPHRASE"
PassphraseFile = Annotated[
    Path | None,
    typer.Option("--passphrase-file", help=f"A file with the passphrase; {VARIABLE} works as well."),
]


@backup_app.command()
@plain_errors
def backup(
    out: Annotated[Path, typer.Option("--out", help="The new file; it holds the key and personal data.")],
    home: HomeOption = DEFAULT_HOME,
    passphrase_file: PassphraseFile = None,
    as_json: JsonOption = False,
) -> None:
    """Write this host into one file, while it runs: settings, key, CA and database. With a passphrase, sealed.

    \b
    Examples:
      sealhost backup --home /var/lib/sealhost --out /backup/monday.sealhost --passphrase-file /root/passphrase
      SEALHOST_BACKUP_PASSPHRASE=… sealhost backup --out /backup/monday.sealhost
    """
    os.umask(0o077)
    settings = load_settings(home)
    secret = settings.key_passphrase
    signer = keys.load(settings.key_file, None if secret is None else secret.get_secret_value())
    passphrase = _passphrase(passphrase_file)
    made = archive.create(settings, signer.public_key.hex(), out, passphrase, int(time.time()))
    size = out.stat().st_size
    if as_json:
        print_json({"file": str(out), "size": size, "sealed": passphrase is not None, **made.as_json()})
        return
    print(f"{out}: {len(made.files)} files, {size} bytes, every checksum looked at")
    if passphrase is None:
        print("It is not sealed: whoever reads it has this host's key and its people's data.", file=sys.stderr)


@backup_app.command()
@plain_errors
def restore(
    file: Annotated[Path, typer.Argument(help="A file that `sealhost backup` wrote.")],
    home: HomeOption = DEFAULT_HOME,
    database_url: Annotated[
        str | None, typer.Option("--database-url", help="An empty PostgreSQL database, if another than it was.")
    ] = None,
    passphrase_file: PassphraseFile = None,
    check: Annotated[bool, typer.Option("--check", help="Only look at every checksum.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Bring a host back from a backup into an empty home. The host that was must not run any more.

    Boxes send again what the backup lacks; people's commands do at their next sign-in.

    \b
    Example:
      sealhost restore /backup/monday.sealhost --home /var/lib/sealhost
    """
    os.umask(0o077)
    passphrase = _passphrase(passphrase_file)
    if check:
        found = archive.check(file, passphrase)
    else:
        found = archive.restore(file, home, passphrase, database_url, int(time.time()))
    if as_json:
        print_json({"home": None if check else str(home), **found.as_json()})
        return
    when = datetime.fromtimestamp(found.made, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    if check:
        print(f"{file} is whole: host {found.host}, made {when}")
        return
    print(f"{home} is as it was at {when}.")
    print(f"Next: sealhost doctor --home {home}, then sealhost run --home {home}")


def _passphrase(file: Path | None) -> str | None:
    text = os.environ.get(VARIABLE) if file is None else file.read_text(encoding="utf-8").rstrip("\r\n")
    if text is not None and not text:
        raise HostError("an empty passphrase protects nothing: leave it out or give a real one")
    return text
