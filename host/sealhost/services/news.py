"""What happened, made into what is told: cases opened, reminders set, and items for whoever is to hear of them.

Guarantees: an item is made in the transaction that takes its news away, so nothing is told from what was rolled back,
and a restart forgets nothing. An item names seal, matter code and short code, never a person or a document.
Leaves to others: which routes there are (`choose`), and the sending.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from sealwire import chain, messages
from sealwire.errors import Refused
from sealwire.roster import Roster
from sqlalchemy import Row

from sealhost.core import anomalies
from sealhost.core.lifecycle import State
from sealhost.services.cases import open_case
from sealhost.services.context import Turn
from sealhost.store import boxes, cases, news, outbox, sites
from sealhost.store import messages as message_store

DECIDE, USE, REPORT = "decide", "use", "report"


@dataclass(frozen=True, slots=True)
class Policy:
    """When people are reminded and cases opened, in seconds."""

    remind_s: int = 3600
    report_s: int = 86400
    silent_s: int = 86400


@dataclass
class Item:
    """Something to tell. `people`: number to roles (bits) of those it is for; `everyone`: all routes of the site."""

    type: str
    site: bytes
    at: int
    fields: dict[str, Any]
    people: dict[int, int] = field(default_factory=dict)
    urgent: bool = False
    everyone: bool = False

    def content(self) -> str:
        """As JSON, with an id that stays the same however often it is sent."""
        about = {"id": f"msg_{secrets.token_hex(12)}", "type": self.type, "at": self.at, "site": self.site.hex()}
        return json.dumps({**about, **self.fields}, ensure_ascii=False, sort_keys=True)


Choose = Callable[[Item], list[str]]
"""The names of the routes that are to be told an item."""


def look(turn: Turn, policy: Policy, choose: Choose) -> int:
    """Take the news that wait, and the reminders that are due; how many tellings were made."""
    items: list[Item] = []
    for row in news.take(turn.tx):
        items += _items(turn, policy, row)
    for row in news.take_reminders(turn.tx, turn.now):
        items += _reminded(turn, policy, row)
    made = 0
    full = bool(items) and news.is_full(turn.tx)
    for item in items:
        for route in [] if full else choose(item):
            news.tell(turn.tx, item.site, route, item.urgent, item.content(), turn.now)
            made += 1
    return made


def find_silent(turn: Turn, policy: Policy) -> None:
    """Open a case for each listed box that gave no checkpoint for so long; one that never came is not silent."""
    for row in sites.all_sites(turn.tx):
        roster = turn.roster(row.site)
        for box in [] if roster is None else boxes.all_boxes(turn.tx, row.site):
            if box.seen and turn.now - box.seen > policy.silent_s and _bays(roster, box.kid):
                subject = f"{box.kid.hex()}:{box.seen}"
                open_case(turn, row.site, anomalies.SILENT, subject, box=box.kid, detail=f"since {box.seen}")


def _items(turn: Turn, policy: Policy, row: Row[Any]) -> Iterator[Item]:
    """What follows from one of the news."""
    if row.event == "report":
        stored = message_store.find(turn.tx, row.site, row.reference)
        about = None if stored is None or stored.request is None else stored.request
        request = None if about is None else message_store.request(turn.tx, row.site, about)
        if request is not None:
            _check(turn, request)
    elif row.event.startswith("request"):
        request = message_store.request(turn.tx, row.site, row.reference)
        if request is not None:
            yield from _of_request(turn, policy, row, request)
    elif row.event in ("case_opened", "case_closed"):
        yield from _of_case(turn, row)
    else:
        _of_box(turn, row)


def _of_request(turn: Turn, policy: Policy, row: Row[Any], request: Row[Any]) -> Iterator[Item]:
    name = row.event.removeprefix("request").lstrip("_") or str(State.WAITING)
    fields = _about(turn, request)
    item = Item(f"request.{name}", row.site, row.at, fields, _keeper(turn, request))
    if name == State.WAITING:
        _check_break_glass(turn, request)
        news.remind(turn.tx, row.site, row.reference, DECIDE, _before(turn.now, request.expires, policy.remind_s))
        item.people = _deciders(turn, request)
        if request.state != State.WAITING:
            item.people = {}  # over by now: of interest to machines only
    elif name == State.APPROVED and request.until:
        news.remind(turn.tx, row.site, row.reference, USE, _before(turn.now, request.until, policy.remind_s))
        if request.opened:
            item.people = {}  # closed with a rest: the keeper stands before it
    yield item
    if request.opened:
        _check(turn, request)
        news.remind(turn.tx, row.site, row.reference, REPORT, turn.now + policy.report_s)


def _of_case(turn: Turn, row: Row[Any]) -> Iterator[Item]:
    case = cases.find(turn.tx, row.site, bytes.fromhex(row.detail))
    if case is None:
        return
    request = None if case.request is None else message_store.request(turn.tx, row.site, case.request)
    fields = {} if request is None else _about(turn, request)
    if case.box is not None:
        fields["box"] = case.box.hex()
    fields["case"] = {"id": case.id.hex(), "kind": case.kind}
    opened = row.event == "case_opened"
    everyone = opened and case.kind == anomalies.BREAK_GLASS
    yield Item(f"case.{row.event[5:]}", row.site, row.at, fields, urgent=opened, everyone=everyone)


def _of_box(turn: Turn, row: Row[Any]) -> None:
    """What a box's own log says of it, or that it contradicts itself."""
    kid = row.kid.hex()
    if row.event == anomalies.OTHER_CHAIN:
        if cases.open_of_box(turn.tx, row.site, row.event, row.kid) is None:
            open_case(turn, row.site, row.event, f"{kid}:{row.reference.hex()}", box=row.kid)
    elif row.event == "jam":
        subject = f"{kid}:{row.detail}" if row.reference is None else row.reference.hex()
        open_case(turn, row.site, anomalies.JAMMED, subject, request=row.reference, box=row.kid)
    elif row.event in anomalies.KINDS:  # tamper, forced: detail is the entry's seq; foreign_grant: the grant
        open_case(turn, row.site, row.event, f"{kid}:{row.detail}", request=row.reference, box=row.kid)


def _reminded(turn: Turn, policy: Policy, row: Row[Any]) -> Iterator[Item]:
    """What follows when the time of a reminder has come."""
    request = message_store.request(turn.tx, row.site, row.reference)
    if request is None:
        return
    if row.what == DECIDE and request.state == State.WAITING and turn.now <= request.expires:
        fields = {**_about(turn, request), "until": request.expires}
        yield Item("reminder.decide", row.site, turn.now, fields, _deciders(turn, request))
    elif row.what == USE and request.state in (State.APPROVED, State.GRANTED) and turn.now <= request.until:
        fields = {**_about(turn, request), "until": request.until}
        yield Item("reminder.use", row.site, turn.now, fields, _keeper(turn, request))
    elif row.what == REPORT and request.opened:
        if request.live_state == State.OPEN:
            news.remind(turn.tx, row.site, row.reference, REPORT, turn.now + policy.report_s)
        elif not message_store.of_request(turn.tx, row.site, row.reference, messages.REPORT):
            subject, box = row.reference.hex(), request.box
            open_case(turn, row.site, anomalies.REPORT_MISSING, subject, request=row.reference, box=box)


def _check(turn: Turn, request: Row[Any]) -> None:
    """Open the cases that a request's own log and report show, once its openings have ended and are proven."""
    if not request.opened or State.OPEN in (request.live_state, request.state) or request.state != request.live_state:
        return
    site, reference = request.site, request.reference
    raws = boxes.history(turn.tx, site, request.box, request.anchor_seq, reference, False)
    reports = message_store.of_request(turn.tx, site, reference, messages.REPORT)
    declared = messages.read(reports[-1], site)["impressions"] if reports else None
    found = anomalies.of_request(map(chain.read_entry, raws), reference, declared)
    for kind, detail in found.items():
        open_case(turn, site, kind, reference.hex(), request=reference, box=request.box, detail=detail)


def _check_break_glass(turn: Turn, request: Row[Any]) -> None:
    roster = turn.roster(request.site)
    stored = message_store.find(turn.tx, request.site, request.reference)
    if roster is None or stored is None:
        return
    digest = messages.read(stored.raw, request.site)["rule"]
    if any(rule["break_glass"] and messages.rule_digest(rule) == digest for rule in roster.fields["rules"]):
        about = {"request": request.reference, "box": request.box}
        open_case(turn, request.site, anomalies.BREAK_GLASS, request.reference.hex(), **about)


def _before(now: int, end: int, ahead_s: int) -> int:
    """When to remind of an end: so long before it, or halfway when there is less time."""
    return max(end - ahead_s, (now + end) // 2)


def _about(turn: Turn, request: Row[Any]) -> dict[str, Any]:
    """What may be told of a request: nothing that names a person or a document."""
    bays = _bays(turn.roster(request.site), request.box)
    return {
        "request": request.reference.hex(),
        "code": messages.short_code(request.reference),
        "seal": bays.get(request.bay, ""),
        "matter": request.matter,
        "impressions": request.impressions,
        "box": request.box.hex(),
        "bay": request.bay,
        "until": request.expires if request.state == State.WAITING else request.until or None,
    }


def _bays(roster: Roster | None, box: bytes) -> dict[int, str]:
    """Bay to seal; nothing for a box that the roster does not list."""
    try:
        return {} if roster is None else {bay["number"]: bay["seal"] for bay in roster.box(box)["bays"]}
    except Refused:
        return {}


def _deciders(turn: Turn, request: Row[Any]) -> dict[int, int]:
    roster = turn.roster(request.site)
    found: dict[int, int] = {}
    for kid in outbox.waiting_kids(turn.tx, request.site, request.reference):
        try:
            person = roster.signer(kid)[0] if roster is not None else None
        except Refused:
            continue
        if person is not None:
            found[person["number"]] = person["roles"]
    return found


def _keeper(turn: Turn, request: Row[Any]) -> dict[int, int]:
    """Whoever raised it, by number alone: a role's route is not told what concerns one person."""
    roster = turn.roster(request.site)
    person = None if roster is None else roster.person(request.person)
    return {} if person is None else {request.person: 0}
