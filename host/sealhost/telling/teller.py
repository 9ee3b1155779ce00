"""The thread that tells: takes the news, plans per route, sends, tries again.

Guarantees: what is to be told lies in the database until it was told, for three days; a route that is slow, or answers
nothing, holds up no other and not the daemon; at most `WORKERS` sends at once and one for a route; what is claimed by
one host, no other sends, unless that one dies. Somebody may be told twice, but never of what was rolled back.
"""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import structlog
from sqlalchemy import Row

from sealhost.core import pace
from sealhost.services import news as news_service
from sealhost.services.context import Context, Turn
from sealhost.services.news import Item, Policy
from sealhost.store import news
from sealhost.telling import channels, wording
from sealhost.telling.routes import FILE_NAME, Person, Routes, RoutesError, load
from sealhost.telling.webhook import TellingError, post

WORKERS = 8
LEASE_S = 300
"""So long another host leaves a claimed telling alone: far above what a send takes."""
MAX_JOBS = 10
"""Of one office system at a time: their time-outs together stay below the lease."""
WATCH_S = 60
GRACE_S = 900
"""After a start, and after the broker was away, boxes have so long to show that they are there."""
POLL_S = 1.0

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Pace:
    """At most so many single messages to one person in so many seconds; more become one."""

    most: int = 5
    within_s: int = 600
    app_url: str = ""


@dataclass(frozen=True, slots=True)
class Job:
    """One message that is being sent."""

    route: str
    urgent: bool
    rows: list[int]
    attempts: int
    items: list[dict[str, object]]
    now: int


class Teller:
    """`start` and `stop` a thread, or call `tick` and `wait` oneself. `connected`: whether the broker is there."""

    def __init__(
        self,
        context: Context,
        home: Path,
        policy: Policy | None = None,
        pacing: Pace | None = None,
        connected: Callable[[], bool] = lambda: True,
    ) -> None:
        self._context = context
        self._home = home
        self._policy = policy or Policy()
        self._pace = pacing or Pace()
        self._connected = connected
        self._routes = Routes()
        self._seen: tuple[int, int] | None = None
        self._busy: set[tuple[str, bool]] = set()
        self._results: queue.Queue[tuple[Job, TellingError | None]] = queue.Queue()
        self._watch_at = 0
        self._steady_since = context.now()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin."""
        self._thread = threading.Thread(target=self._run, name="teller", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End; what is being sent at this moment may be sent again after the next start."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(POLL_S):
            try:
                self.tick()
            except Exception:  # noqa: BLE001 - nobody is told for a moment; the next look tries again
                _log.exception("nobody was told: trying again")

    def tick(self) -> None:
        """Look once: at results, news, reminders, silent boxes, and what is due."""
        self._settle()
        self._reload()
        now = self._context.now()
        if not self._connected():
            self._steady_since = now
        if now >= self._watch_at:
            self._watch_at = now + WATCH_S
            with self._context.turn() as turn:
                self._watch(turn)
        with self._context.view() as turn:
            any_news = news.waits(turn.tx)
        if any_news:
            with self._context.turn() as turn:
                news_service.look(turn, self._policy, self._choose)
        with self._context.view() as turn:
            due = [one for one in news.due_routes(turn.tx, now) if one not in self._busy]
        for route, urgent in due[: WORKERS - len(self._busy)]:
            with self._context.turn() as turn:
                jobs = self._jobs(turn, route, urgent)
            if jobs:
                self._begin(jobs)

    def wait(self, seconds: float) -> None:
        """Until all that is being sent has ended, or so long."""
        while self._busy:
            job, error = self._results.get(timeout=seconds)
            self._done(job, error)

    # --- what is to be told ---

    def _watch(self, turn: Turn) -> None:
        if turn.now - self._steady_since >= GRACE_S:
            news_service.find_silent(turn, self._policy)
        news_service.look(turn, self._policy, self._choose)
        given_up = news.forget(turn.tx, turn.now - self._pace.within_s, turn.now - pace.GIVE_UP_S)
        if given_up:
            _log.error("given up: nobody could be told in three days", count=given_up)

    def _choose(self, item: Item) -> list[str]:
        return self._routes.chosen(item.type, item.site, item.people, item.everyone)

    def _reload(self) -> None:
        try:
            status = (self._home / FILE_NAME).stat()
            seen = (status.st_mtime_ns, status.st_mode)
        except OSError:
            seen = None
        if seen == self._seen:
            return
        self._seen = seen
        try:
            self._routes = load(self._home)
        except RoutesError as error:
            _log.error("going on with the routes that were there", reason=str(error))

    # --- sending ---

    def _jobs(self, turn: Turn, name: str, urgent: bool) -> list[Job]:
        """What to send to a route now, claimed for this host; in order, one after the other."""
        rows = news.due(turn.tx, name, urgent, turn.now)
        route = self._routes.find(name)
        if route is None:  # removed meanwhile
            news.drop(turn.tx, [row.id for row in rows])
            return []
        if not isinstance(route, Person):
            plan, rows = pace.Plan(alone=len(rows)), rows[:MAX_JOBS]
        else:
            sent = news.sent_since(turn.tx, name, urgent, turn.now - self._pace.within_s)
            plan = pace.plan(len(rows), sent, turn.now, self._pace.most, self._pace.within_s)
        if plan.hold:
            news.postpone(turn.tx, [row.id for row in rows], plan.hold)
            return []
        rows = [row for row in rows if news.claim(turn.tx, row, turn.now + LEASE_S)]
        groups = [rows] if plan.digest else [[row] for row in rows]
        return [_job(name, urgent, group, turn.now) for group in groups if group]

    def _begin(self, jobs: list[Job]) -> None:
        """Send in a thread of its own, which touches nothing of the daemon; it stops at the first that fails."""
        route = self._routes.find(jobs[0].route)
        assert route is not None
        self._busy.add((jobs[0].route, jobs[0].urgent))

        def send() -> None:
            error: TellingError | None = None
            for job in jobs:
                if error is None:
                    error = _attempt(self._pace.app_url, route, job)
                self._results.put((job, error))
            self._results.put((Job(jobs[0].route, jobs[0].urgent, [], 0, [], 0), None))

        threading.Thread(target=send, name=f"telling {route.name}", daemon=True).start()

    def _settle(self) -> None:
        while True:
            try:
                job, error = self._results.get_nowait()
            except queue.Empty:
                return
            self._done(job, error)

    def _done(self, job: Job, error: TellingError | None) -> None:
        """Write down how a send ended."""
        if not job.rows:
            self._busy.discard((job.route, job.urgent))
            return
        with self._context.turn() as turn:
            if error is None:
                news.told(turn.tx, job.rows, turn.now)
            elif error.final:
                news.drop(turn.tx, job.rows)
            else:
                news.postpone(turn.tx, job.rows, turn.now + pace.retry_s(job.attempts))
        if error is not None:
            _log.warning("not told", route=job.route, reason=str(error), attempts=job.attempts, again=not error.final)


def _job(name: str, urgent: bool, rows: list[Row[tuple[object, ...]]], now: int) -> Job:
    attempts = max(row.attempts for row in rows) + 1
    return Job(name, urgent, [row.id for row in rows], attempts, [json.loads(row.content) for row in rows], now)


def _attempt(app_url: str, route: object, job: Job) -> TellingError | None:
    """Send one message; the error rather than a raise, as it goes to another thread."""
    try:
        if isinstance(route, Person):
            one = len(job.items) == 1
            text = wording.message(job.items[0], route.lang, app_url) if one else None
            title, body = text or wording.digest(job.items, route.lang, app_url)
            channels.send(route.url, title, body)
        else:
            item = job.items[0]
            body = json.dumps(item, ensure_ascii=False, sort_keys=True)
            post(route, str(item["id"]), body.encode(), job.now)  # type: ignore[arg-type]
    except TellingError as error:
        return error
    except Exception as error:  # noqa: BLE001 - a service's plugin may raise anything: no other route suffers for it
        return TellingError(f"the service's own fault: {type(error).__name__}")
    return None
