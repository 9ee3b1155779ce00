"""Looking after a host: backups, restores, and what is wrong with its set-up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sealhost.config import Settings


class UpkeepError(Exception):
    """A backup or restore cannot be made; the text says what to do."""


def settings_of(home: Path) -> Settings:
    """A home's settings, by its file and the environment. ValidationError for values that cannot be."""
    values: dict[str, Any] = {"home": home}
    return Settings(**values)
