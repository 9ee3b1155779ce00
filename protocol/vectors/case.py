"""A vector before it is written: what it is called, what goes in, what must come out."""

from dataclasses import dataclass
from typing import Any

ANY = object()


@dataclass(frozen=True)
class Case:
    """One vector. ``ok`` is the result that must come out, ANY for whatever sealwire makes of it; None when refused."""

    name: str
    about: str
    operation: str
    given: dict[str, Any]
    refused: bool
    ok: Any = ANY

    @property
    def rule(self) -> str:
        """The rule is the name without its variant; for a refusal it is the reason's name."""
        return self.name.split("-")[0]


def accept(name: str, about: str, operation: str, *, ok: Any = ANY, **given: Any) -> Case:
    """A vector that lies just inside its rule."""
    return Case(name, about, operation, given, refused=False, ok=ok)


def reject(name: str, about: str, operation: str, **given: Any) -> Case:
    """A vector that its rule refuses."""
    return Case(name, about, operation, given, refused=True)
