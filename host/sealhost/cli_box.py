"""`box list` and `box show`: what this host knows of its boxes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.console import Console

from sealhost.app import HostError
from sealhost.cli_common import (
    DEFAULT_HOME,
    HomeOption,
    JsonOption,
    SiteOption,
    choose_site,
    opened,
    plain_errors,
    print_json,
)
from sealhost.cli_provision import provision_app
from sealhost.cli_records import print_records
from sealhost.client.compose import key_code
from sealhost.services.views import Views

box_app = typer.Typer(no_args_is_help=True, help="Boxes: what this host knows of them, and setting one up.")
box_app.add_typer(provision_app)  # without a name: its commands stand beside these


@box_app.command("list")
@plain_errors
def list_boxes(home: HomeOption = DEFAULT_HOME, site: SiteOption = None, as_json: JsonOption = False) -> None:
    """List the boxes of a site.

    \b
    Example:
      sealhost box list --home /var/lib/sealhost
    """
    found = _boxes(home, site)
    if as_json:
        print_json(found)
        return
    columns = ("box", "code", "seals", "there", "last heard", "log stored to", "received to", "roster", "firmware")
    rows = []
    for box in found:
        seals = ", ".join(bay["seal"] for bay in box["bays"])
        there = "yes" if box["online"] else "no"
        numbers = [str(box[name]) for name in ("proven_seq", "received_seq", "roster")]
        rows.append((box["kid"][:8], box["code"], seals, there, _when(box["seen"]), *numbers, box["firmware"]))
    print_records(Console(), columns, rows)


@box_app.command("show")
@plain_errors
def show(
    box: Annotated[str, typer.Argument(help="The box's kid in hex, or how it begins.")],
    home: HomeOption = DEFAULT_HOME,
    site: SiteOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show everything known of one box.

    \b
    Example:
      sealhost box show 3f9a --home /var/lib/sealhost
    """
    found = [one for one in _boxes(home, site) if one["kid"].startswith(box.lower())]
    if len(found) != 1:
        raise HostError(f"{'no' if not found else 'more than one'} box begins with {box}: see `sealhost box list`")
    if as_json:
        print_json(found[0])
        return
    for name, value in found[0].items():
        if name == "bays":
            value = ", ".join(f"{bay['number']} {bay['seal']}" for bay in value)
        elif name == "seen":
            value = _when(value)
        print(f"{name:14}{value}")


def _boxes(home: Any, site: str | None) -> list[dict[str, Any]]:
    with opened(home) as context:
        views = Views(context)
        found = views.boxes(choose_site(views.sites(), site))
    return [{"kid": box["kid"], "code": key_code(bytes.fromhex(box["public"])), **box} for box in found]


def _when(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S") if seconds else "never"
