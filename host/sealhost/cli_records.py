"""Records for people: a table where it fits the terminal, else one block a record, so that no cell is torn apart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text


def print_records(
    console: Console, columns: Sequence[str], rows: Iterable[Sequence[str]], *, title: str | None = None
) -> None:
    """Print rows of as many cells as there are columns; the first column names the record. Text is never markup."""
    kept = [list(row) for row in rows]
    table = Table(title=title)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in kept:
        table.add_row(*map(Text, row))
    if not kept or console.measure(table, options=console.options.update(width=1000)).maximum <= console.width:
        console.print(table)
        return
    if title:
        console.print(Text(title, style="italic"))
    for row in kept:
        console.print(Text(row[0], style="bold"))
        block = Table.grid(padding=(0, 2, 0, 0))
        for column, cell in zip(columns[1:], row[1:], strict=True):
            block.add_row(Text(f"  {column}", style="dim"), Text(cell))
        console.print(block)
