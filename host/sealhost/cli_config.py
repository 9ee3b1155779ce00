"""`config show`: what is set, and by what."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import SecretStr
from rich.console import Console
from rich.table import Table

from sealhost.cli_common import DEFAULT_HOME, HomeOption, JsonOption, load_settings, plain_errors, print_json
from sealhost.config import FILE_NAME, Settings

config_app = typer.Typer(no_args_is_help=True, help="This host's settings.")

HIDDEN = "***"
_PREFIX = "SEALHOST_"


@config_app.callback()
def _group() -> None:
    """Keeps `show` a command of its own."""


@config_app.command()
@plain_errors
def show(
    home: HomeOption = DEFAULT_HOME,
    options: Annotated[
        list[str] | None, typer.Option("--with", help="As if `run` had this option: broker=mqtts://… Repeatable.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show each setting, its value and where it comes from: option, environment, file or default. Secrets are hidden.

    \b
    Examples:
      sealhost config show --home /var/lib/sealhost
      sealhost config show --with listen=0.0.0.0:8080 --json
    """
    given: dict[str, Any] = dict(_pair(text) for text in options or ())
    rows = described(load_settings(home, **given), home, given)
    if as_json:
        print_json(rows)
        return
    table = Table("setting", "value", "from", "what it is", box=None, pad_edge=False)
    for row in rows:
        table.add_row(row["name"], row["shown"], row["source"], row["description"])
    Console(highlight=False).print(table)


def described(settings: Settings, home: Path, given: dict[str, Any]) -> list[dict[str, Any]]:
    """Each setting as a row: name, value (None when hidden), shown, source, description."""
    in_file = tomllib.loads((home / FILE_NAME).read_text(encoding="utf-8"))
    environment = {name.upper() for name in os.environ}
    rows = []
    for name, field in type(settings).model_fields.items():
        value = getattr(settings, name)
        if name == "home" or name in given:
            source = "option"
        elif _PREFIX + name.upper() in environment:
            source = "environment"
        else:
            source = "file" if name in in_file else "default"
        shown = _shown(value)
        rows.append({"name": name, "value": shown, "shown": "" if shown is None else str(shown), "source": source,
                     "description": field.description or ""})  # fmt: skip
    return rows


def _shown(value: Any) -> Any:
    if isinstance(value, SecretStr):
        return HIDDEN
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, str):
        hidden = re.sub(r"(?<=://)([^:@/]*):[^@/]*@", rf"\1:{HIDDEN}@", value)
        return re.sub(r"(password=)[^&\s]*", rf"\1{HIDDEN}", hidden)
    return value


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or name not in Settings.model_fields:
        raise ValueError(f"--with takes name=value of a setting, not {name[:40]!r}")
    return name, value
