"""What the doctor says."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

BAD, WARNING, FINE = "bad", "warning", "fine"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: its name for programs, how it is, what is wrong in words, and what mends it."""

    name: str
    level: str
    what: str
    mend: str = ""

    def as_json(self) -> dict[str, str]:
        """For programs."""
        return asdict(self)


def bad(name: str, what: object, mend: str) -> Finding:
    """The host does not work, or is open to others."""
    return Finding(name, BAD, str(what), mend)


def warning(name: str, what: object, mend: str) -> Finding:
    """It works, for now or in part."""
    return Finding(name, WARNING, str(what), mend)


def fine(name: str, what: object) -> Finding:
    """It was looked at, and is as it should be."""
    return Finding(name, FINE, str(what))


def open_to_others(path: Path) -> bool:
    """Whether other accounts of this machine can read, change or enter it."""
    return bool(path.stat().st_mode & 0o077)
