"""What is to be seen of a running host: whether it can work, and its figures. No personal data, no names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from sealhost.core.tally import Tally
from sealhost.services.context import Context
from sealhost.store import figures, restores
from sealhost.store.migrate import newest


@dataclass
class Figures:
    """One moment. `database`: whether it answered; without it, what comes from there is empty."""

    database: bool
    broker: bool
    requests: dict[str, int] = field(default_factory=dict)
    boxes: dict[str, int] = field(default_factory=dict)
    outbox: int = 0
    outbox_late_s: int = 0
    inboxes: int = 0
    relay_clients: int = 0
    serial_boxes: int = 0
    restored: int = 0

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return dict(self.__dict__)


class Watch:
    """Reads the figures. `health` is what /healthz says, `relay_clients` how many browsers are connected."""

    def __init__(
        self,
        context: Context,
        health: Callable[[], dict[str, Any]],
        relay_clients: Callable[[], int] = lambda: 0,
    ) -> None:
        self._context = context
        self._health = health
        self._relay_clients = relay_clients
        self._newest = newest()

    @property
    def tally(self) -> Tally:
        """What this process counted."""
        return self._context.tally

    def ready(self) -> dict[str, bool]:
        """Whether everything is there that a request needs: broker, database, and its tables as this program's."""
        health = self._health()
        checks = {"broker": bool(health["broker_connected"]), "database": False, "tables": False}
        try:
            with self._context.view() as turn:
                checks["tables"] = figures.revision(turn.tx) == self._newest
                checks["database"] = True
        except SQLAlchemyError:
            return checks
        return checks

    def figures(self) -> Figures:
        """Everything, now."""
        health = self._health()
        found = Figures(
            database=False,
            broker=bool(health["broker_connected"]),
            relay_clients=self._relay_clients(),
            serial_boxes=len(health.get("serial", ())),
        )
        try:
            self._read(found)
        except SQLAlchemyError:
            found.database = False
        return found

    def _read(self, found: Figures) -> None:
        with self._context.view() as turn:
            found.requests = figures.live_requests(turn.tx)
            found.boxes = figures.boxes(turn.tx)
            found.outbox, due = figures.outbox(turn.tx)
            found.outbox_late_s = 0 if due is None else max(0, turn.now - due)
            found.inboxes = figures.inboxes(turn.tx)
            last = restores.last(turn.tx)
            found.restored = 0 if last is None else last.restored
            found.database = True
