"""`doctor`: what is wrong with this host's set-up, and how to mend it."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

import typer
from rich.console import Console

from sealhost.cli_common import DEFAULT_HOME, HomeOption, JsonOption, plain_errors, print_json
from sealhost.upkeep.doctor import examine
from sealhost.upkeep.findings import BAD, FINE, WARNING, Finding

doctor_app = typer.Typer()

_MARKS = {BAD: "[bold red]✗[/]", WARNING: "[yellow]![/]", FINE: "[green]✓[/]"}


@doctor_app.command()
@plain_errors
def doctor(home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """Look at settings, key, permissions, database, broker, clocks, certificates and disk. Changes nothing.

    Exit code 1 when something is bad, 0 otherwise, also with warnings.

    \b
    Examples:
      sealhost doctor --home /var/lib/sealhost
      sealhost doctor --json
    """
    with _quiet():
        found = examine(home, int(time.time()))
    if as_json:
        print_json([one.as_json() for one in found])
    else:
        _print(found)
    if any(one.level == BAD for one in found):
        raise typer.Exit(1)


@contextmanager
def _quiet() -> Iterator[None]:
    """A link logs its own attempts; the doctor says in one line how they ended."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


def _print(found: list[Finding]) -> None:
    console = Console(highlight=False, soft_wrap=True)
    for one in found:
        console.print(_MARKS[one.level], end=" ")
        console.print(one.what, markup=False)
        if one.mend:
            console.print(f"    {one.mend}", markup=False, style="dim")
    counts = {level: sum(one.level == level for one in found) for level in (BAD, WARNING)}
    console.print(f"{counts[BAD]} bad, {counts[WARNING]} to look at, of {len(found)}")
