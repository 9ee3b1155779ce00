"""`status`: how this host and its boxes are, once or live."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
from prometheus_client.parser import text_string_to_metric_families
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from sealhost.app import HostError, run_info
from sealhost.cli_common import DEFAULT_HOME, HomeOption, JsonOption, load_settings, plain_errors, print_json
from sealhost.services.figures import Watch
from sealhost.services.views import Views
from sealhost.upkeep.doctor import read_context

status_app = typer.Typer()

TIMEOUT_S = 5.0
MAX_BOXES = 40
_COUNTS = ("accepted", "refused", "refused_by_boxes", "refused_over_http", "log_gaps")


@status_app.command()
@plain_errors
def status(
    home: HomeOption = DEFAULT_HOME,
    watch: Annotated[bool, typer.Option("--watch", help="Look again every two seconds, until Ctrl-C.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show whether this host runs and works, its requests, and its boxes. Exit code 1 when it is not ready.

    \b
    Examples:
      sealhost status --home /var/lib/sealhost --watch
      sealhost status --json
    """
    found = look(home)
    if as_json:
        print_json(found)
    elif not watch:
        Console(highlight=False).print(_drawn(found))
    else:
        _keep_looking(home, found)
    if not found["ready"]:
        raise typer.Exit(1)


def look(home: Path) -> dict[str, Any]:
    """Everything that is shown. HostError when the database cannot be read."""
    settings = load_settings(home)
    context = read_context(settings, int(time.time()))
    if context is None:
        raise HostError("key or database cannot be used: `sealhost doctor` says why")
    try:
        info = run_info(home)
        checks, samples = ({}, {}) if info is None else _ask(str(info.get("http")))
        figures = Watch(context, lambda: {"broker_connected": checks.get("broker", False)}).figures().as_json()
        views = Views(context)
        boxes = [
            {"site": site["site"], **box} for site in views.sites() for box in views.boxes(bytes.fromhex(site["site"]))
        ]
        names = views.sites()
    finally:
        context.database.close()
    return {
        "running": bool(checks), "ready": bool(checks) and all(checks.values()), "checks": checks,
        "http": None if info is None else info.get("http"), "sites": names, "requests": figures["requests"],
        "outbox": figures["outbox"], "outbox_late_s": figures["outbox_late_s"], "counts": samples,
        "boxes": [_box(box) for box in boxes],
    }  # fmt: skip


def _ask(url: str) -> tuple[dict[str, bool], dict[str, dict[str, int]]]:
    """(what /readyz says, what the process counted); empty without an answer."""
    try:
        checks = httpx.get(f"{url}/readyz", timeout=TIMEOUT_S).json()["checks"]
        answer = httpx.get(f"{url}/metrics", timeout=TIMEOUT_S)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError):
        return {}, {}
    counts: dict[str, dict[str, int]] = {}
    for family in text_string_to_metric_families(answer.text) if answer.is_success else ():
        name = family.name.removeprefix("sealhost_")
        if name in _COUNTS:
            values = {next(iter(one.labels.values())): int(one.value) for one in family.samples if "_total" in one.name}
            counts[name] = values
    return {str(name): bool(value) for name, value in checks.items()}, counts


def _box(box: dict[str, Any]) -> dict[str, Any]:
    names = ("site", "kid", "online", "seen", "proven_seq", "received_seq", "clock_set", "roster", "firmware")
    return {name: box[name] for name in names}


def _keep_looking(home: Path, found: dict[str, Any]) -> None:
    try:
        with Live(_drawn(found), console=Console(highlight=False), auto_refresh=False) as live:
            while True:
                time.sleep(2)
                live.update(_drawn(look(home)), refresh=True)
    except KeyboardInterrupt:
        return


def _drawn(found: dict[str, Any]) -> RenderableType:
    state = "ready" if found["ready"] else "running, not ready" if found["running"] else "not running"
    color = "green" if found["ready"] else "red"
    missing = ", ".join(name for name, good in found["checks"].items() if not good)
    head = f"[bold {color}]{state}[/]  {found['http'] or ''}  {'without: ' + missing if missing else ''}"
    requests = "  ".join(f"{name} {count}" for name, count in found["requests"].items())
    late = f", the first {found['outbox_late_s']} s late" if found["outbox_late_s"] else ""
    lines = [head, f"requests  {requests}", f"outbox    {found['outbox']}{late}"]
    for name, counts in found["counts"].items():
        if counts and name != "accepted":
            shown = "  ".join(
                f"{label} {count}" for label, count in sorted(counts.items(), key=lambda one: -one[1])[:8]
            )
            lines.append(f"{name.replace('_', ' ')}  {shown}")
    table = Table("box", "link", "last heard", "log", "roster", "clock", "firmware", box=None, pad_edge=False)
    for box in found["boxes"][:MAX_BOXES]:
        heard = (
            datetime.fromtimestamp(box["seen"], UTC).astimezone().strftime("%m-%d %H:%M:%S") if box["seen"] else "never"
        )
        open_entries = box["received_seq"] - box["proven_seq"]
        log = f"{box['proven_seq']}" + (f" + {open_entries} unproven" if open_entries else "")
        clock = "set" if box["clock_set"] else "[red]lost[/]"
        link = "[green]online[/]" if box["online"] else "[red]away[/]"
        table.add_row(box["kid"][:12], link, heard, log, str(box["roster"]), clock, box["firmware"])
    more = len(found["boxes"]) - MAX_BOXES
    return Group(*map(Text.from_markup, lines), table, *([f"and {more} more"] if more > 0 else []))
