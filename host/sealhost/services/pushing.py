"""What a box lacks: the newest roster, and the time. Repeated until a checkpoint or challenge shows that it has it."""

from __future__ import annotations

from typing import Any

from sealwire.errors import Refused
from sealwire.roster import check_succession
from sqlalchemy import Row

from sealhost.core.backoff import delay_s
from sealhost.services import granting
from sealhost.services.context import Turn
from sealhost.store import boxes, sites


def push(turn: Turn, box: Row[Any]) -> None:
    """Do what is due for a box."""
    if box.push_at is not None and box.push_at <= turn.now:
        _push_roster(turn, box)
    if box.time_at is not None and box.time_at <= turn.now:
        times = box.times + 1
        boxes.update_box(turn.tx, box.site, box.kid, time_at=turn.now + delay_s(times), times=times)
        granting.ask(turn, box.site, box.kid, _first_bay(turn, box))


def _first_bay(turn: Turn, box: Row[Any]) -> int:
    roster = turn.roster(box.site)
    if roster is None:
        return 1
    try:
        return int(roster.box(box.kid)["bays"][0]["number"])
    except Refused:
        return 1


def _push_roster(turn: Turn, box: Row[Any]) -> None:
    newest = sites.newest_version(turn.tx, box.site)
    version = _reachable(turn, box, newest)
    if box.roster >= newest or version is None:
        boxes.update_box(turn.tx, box.site, box.kid, push_at=None, pushes=0)
        return
    pushes = box.pushes + 1
    boxes.update_box(turn.tx, box.site, box.kid, push_at=turn.now + delay_s(pushes), pushes=pushes)
    for row in sites.messages_of_version(turn.tx, box.site, version):
        turn.send(turn.to_box(box.site, box.kid), row.raw)


def _reachable(turn: Turn, box: Row[Any], newest: int) -> int | None:
    """The highest version that the box's own roster lets it adopt."""
    held = turn.roster_of(box.site, box.roster) if box.roster else None
    if held is not None:
        authority, threshold = held.fields["authority"], held.fields["threshold"]
    else:
        site = sites.get(turn.tx, box.site)
        assert site is not None
        authority, threshold = sites.authority_keys(site), site.threshold
    for version in reversed(sites.adopted_versions(turn.tx, box.site)):
        if not box.roster < version <= newest:
            continue
        candidate = turn.roster_of(box.site, version)
        signers = [row.kid for row in sites.messages_of_version(turn.tx, box.site, version)]
        try:
            assert candidate is not None
            check_succession(box.roster, authority, threshold, candidate.fields, signers)
        except Refused:
            continue
        return version
    return None
