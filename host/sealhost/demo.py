"""`demo`: the whole way on one machine."""

from __future__ import annotations

import typer

demo_app = typer.Typer()
