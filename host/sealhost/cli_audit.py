"""The auditor's commands: `export` writes a site's history as one file, `verify` checks such a file and nothing else.

Exit codes of `verify`: 0 when everything holds, 1 with findings, 2 for a file that is no bundle or keys that are
none.
"""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.text import Text
from sealwire.errors import SealwireError

from sealhost.audit.bundle import UnusableError, read_bundle
from sealhost.audit.export import export_evidence, export_site
from sealhost.audit.ledger import LedgerLine
from sealhost.audit.rosters import Trust
from sealhost.audit.verify import Result, verify_bundle
from sealhost.cli_records import print_records
from sealhost.config import Settings
from sealhost.signing import keys
from sealhost.store import sites
from sealhost.store.database import Database

FINDINGS_SHOWN = 50
"""Findings in the text; `--json` has all."""

app = typer.Typer(help="For auditors: a site's history as one file, and its verification.", no_args_is_help=True)


@app.command("verify")
def verify(
    bundle: Annotated[Path, typer.Argument(help="The bundle: a ZIP file made by `sealhost export`.")],
    authority: Annotated[
        list[str], typer.Option("--authority", help="A public key of the authority: hex or a file. Give each key.")
    ],
    threshold: Annotated[
        int | None, typer.Option("--threshold", min=1, help="How many of the keys must sign; all, if not given.")
    ] = None,
    evidence: Annotated[
        Path | None,
        typer.Option("--evidence", help="A folder or ZIP file of details, reasons and photographs, named by SHA-256."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Check every signature, rule, anchor, chain link, checkpoint and count of a bundle, offline; then print its
    ledger.

    Nothing is believed but the authority's keys that you give. Exit code 0: everything holds. 1: something does not,
    and each finding says what. 2: this is no bundle.
    """
    try:
        trust = _trust(authority, threshold)
        result = verify_bundle(read_bundle(bundle), trust, keys.verify, evidence)
    except (UnusableError, keys.KeyFileError) as error:
        _unusable(str(error), as_json)
    if as_json:
        typer.echo(json.dumps(result.as_json(), ensure_ascii=False))
    else:
        _show(result)
    raise typer.Exit(0 if result.ok else 1)


def _trust(given: list[str], threshold: int | None) -> Trust:
    """The authority's keys, each once. Raises KeyFileError and UnusableError."""
    authority = list(dict.fromkeys(keys.read_public(text) for text in given))
    if threshold is not None and threshold > len(authority):
        raise UnusableError(f"--threshold {threshold} needs that many --authority keys; {len(authority)} were given")
    return Trust(authority, threshold or len(authority))


def _unusable(why: str, as_json: bool) -> NoReturn:
    if as_json:
        typer.echo(json.dumps({"ok": False, "error": why}, ensure_ascii=False))
    else:
        typer.echo(f"Not verified: {why}", err=True)
    raise typer.Exit(2)


@app.command("export")
def export(
    out: Annotated[Path, typer.Option("--out", help="The file to write.")],
    home: Annotated[Path, typer.Option("--home", envvar="SEALHOST_HOME", help="The host's home folder.")],
    site: Annotated[str | None, typer.Option("--site", help="The site, in hex; not needed when there is one.")] = None,
    evidence: Annotated[
        Path | None,
        typer.Option(
            "--evidence", help="Also write the details, reasons and photographs, into a ZIP file of their own."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Write everything that was signed and logged at a site into one file that anybody can verify.

    It holds names of people and seals, but no details of requests, photographs or reasons: of those, only digests.
    `--evidence` writes them into another file, which is personal data throughout.
    """
    database = None
    try:
        settings = Settings(home=home)  # type: ignore[call-arg]
        passphrase = settings.key_passphrase.get_secret_value() if settings.key_passphrase else None
        signer = keys.load(settings.key_file, passphrase)
        database = Database(settings.database)
        chosen = _site(database, site)
        items = export_site(out, database, chosen, int(time.time()), signer)
        blobs = None if evidence is None else export_evidence(evidence, database, chosen)
    except (UnusableError, keys.KeyFileError, SealwireError, OSError, ValidationError) as error:
        typer.echo(
            json.dumps({"ok": False, "error": str(error)}) if as_json else f"Not exported: {error}", err=not as_json
        )
        raise typer.Exit(1) from error
    finally:
        if database is not None:
            database.close()
    fields = {"ok": True, "site": chosen.hex(), "out": str(out), "items": items, "evidence": blobs}
    also = "" if blobs is None else f"\n{evidence}: {blobs} details, reasons and photographs (personal data)"
    typer.echo(json.dumps(fields) if as_json else f"{out}: {items} items of site {chosen.hex()}{also}")


def _site(database: Database, text: str | None) -> bytes:
    with database.read() as tx:
        known = [row.site for row in sites.all_sites(tx)]
    if text is None and len(known) == 1:
        return bytes(known[0])
    names = ", ".join(site.hex() for site in known) or "none"
    if text is None:
        raise UnusableError(f"name the site by --site; this host has: {names}")
    for site in known:
        if site.hex() == text.lower():
            return bytes(site)
    raise UnusableError(f"this host has no site {text!r}, but: {names}")


# Showing a result


def _show(result: Result) -> None:
    console = Console(soft_wrap=False)
    proven = ", ".join(f"box {box.kid[:8]}: {box.proven} of {box.entries} entries proven" for box in result.boxes)
    console.print(f"Site {result.site}, exported {_local(result.made)}", highlight=False)
    console.print(f"{result.rosters} rosters, {result.messages} messages; {proven or 'no box'}", highlight=False)
    if result.evidence is not None:
        console.print(f"{result.evidence} details, reasons, photographs and attachments fit", highlight=False)
    zone = datetime.now(UTC).astimezone().strftime("%Z %z")
    print_records(console, _COLUMNS, map(_cells, result.ledger), title=f"Ledger of seal use (times: {zone})")
    for event in result.events:
        console.print(
            f"{_local(event.time)}  box {event.box.hex()[:8]}, entry {event.seq}: {event.name}", highlight=False
        )
    for line in result.ledger:
        for case in line.cases:
            console.print(Text(f"Case {line.code}: {case}", style="yellow"))
    for note in result.notes:
        console.print(Text(f"Note: {note}"))
    if result.ok:
        console.print(Text("Verified: every signature, rule, anchor, chain link, checkpoint and count holds.", "green"))
        return
    console.print(
        Text(f"NOT VERIFIED: {len(result.findings)} finding(s), the likeliest cause first.", style="bold red")
    )
    for finding in result.findings[:FINDINGS_SHOWN]:
        text = f"{finding.check}: {finding.path}, {finding.subject}\n  {finding.why}"
        console.print(Text(_printable(text), overflow="fold"))
    if len(result.findings) > FINDINGS_SHOWN:
        console.print(f"... and {len(result.findings) - FINDINGS_SHOWN} more: --json has all of them")


_COLUMNS = (
    "Request",
    "Raised",
    "Seal",
    "Matter",
    "Keeper",
    "Approved by",
    "State",
    "Approved",
    "Pressed",
    "Declared",
    "Opened",
)


def _cells(line: LedgerLine) -> list[str]:
    denied = "".join(f"\nnot {name}" for name in line.denied_by)
    return [
        line.code,
        _minute(line.created),
        line.seal,
        f"{line.matter} {line.wording}",
        line.keeper,
        (", ".join(line.approved_by) + denied).strip(),
        line.state + (" !" if line.cases else ""),
        str(line.impressions),
        str(line.pressed),
        "-" if line.declared is None else str(line.declared),
        "\n".join(_minute(opened) for opened in line.opened) or "-",
    ]


def _local(seconds: int) -> str:
    """UTC seconds in the zone of this machine."""
    return datetime.fromtimestamp(seconds, tz=UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S %z")


def _minute(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, tz=UTC).astimezone().strftime("%Y-%m-%d %H:%M")


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() or character == "\n" else "?" for character in text)
