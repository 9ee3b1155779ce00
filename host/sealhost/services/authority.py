"""What the authority sends: rosters, matter lists, resets.

Guarantees: a roster is adopted only when the keys of the one held (at first: those the site was set up with) signed it,
enough of them; from then on everything is judged by it.
"""

from __future__ import annotations

import hashlib

import structlog
from sealwire import chain, cose, errors, messages
from sealwire.errors import Refused
from sealwire.messages import Message
from sealwire.roster import check_roster, check_succession

from sealhost.services.context import Turn
from sealhost.services.lifecycles import refresh_all
from sealhost.store import boxes, enrolments, outbox, sites
from sealhost.store import messages as message_store

_log = structlog.get_logger(__name__)

MAX_STAGED = 4
"""Rosters that one authority key may have waiting for other signatures; the oldest is forgotten first."""


def check_authority_signature(turn: Turn, message: Message) -> None:
    """Raises Refused: unknown_signer, when it is none of the held authority keys; bad_signature."""
    keys, _ = turn.authority(message.site)
    for key in keys:
        if cose.key_id(key) == message.kid:
            turn.check(message, key)
            return
    raise Refused(errors.UNKNOWN_SIGNER)


def take_roster(turn: Turn, message: Message) -> None:
    """A roster by one authority key; adopted with the signature that completes it.

    Raises Refused: unknown_signer, bad_signature, roster_step (old, or too far ahead), what `check_roster` says.
    """
    site = message.site
    digest = hashlib.sha256(message.payload).digest()
    held = sites.newest_version(turn.tx, site)
    if message["version"] == held and sites.roster_payload(turn.tx, site, held) == message.payload:
        _take_late_signature(turn, message, digest)
        return
    check_authority_signature(turn, message)
    keys, threshold = turn.authority(site)
    check_roster(message.fields)
    check_succession(held, keys, 0, message.fields, [])  # the step alone; the signatures are counted below
    _make_room(turn, message)
    _keep(turn, message, digest)
    signers = sites.signers(turn.tx, site, digest)
    try:
        check_succession(held, keys, threshold, message.fields, signers)
    except Refused:
        _log.info("a roster waits for more signatures", version=message["version"], have=len(signers), need=threshold)
        return
    _adopt(turn, message, digest)


def _keep(turn: Turn, message: Message, digest: bytes, adopted: bool = False) -> None:
    sites.add_roster_message(
        turn.tx, site=message.site, reference=message.reference, version=message["version"], kid=message.kid,
        raw=message.raw, digest=digest, received=turn.now, adopted=adopted,
    )  # fmt: skip
    turn.record(message.site, "roster", message.reference, message.kid, f"version {message['version']}")


def _take_late_signature(turn: Turn, message: Message, digest: bytes) -> None:
    """One more signature on the roster that is held: of use to a box whose own roster asks for it."""
    before = [version for version in sites.adopted_versions(turn.tx, message.site) if version < message["version"]]
    earlier = turn.roster_of(message.site, before[-1]) if before else None
    row = sites.get(turn.tx, message.site)
    keys = earlier.fields["authority"] if earlier is not None else sites.authority_keys(row) if row else []
    for key in keys:
        if cose.key_id(key) == message.kid:
            turn.check(message, key)
            _keep(turn, message, digest, adopted=True)
            return
    raise Refused(errors.UNKNOWN_SIGNER)


def _make_room(turn: Turn, message: Message) -> None:
    waiting = sites.staged_rosters(turn.tx, message.site, message.kid)
    for row in waiting[: max(0, len(waiting) - MAX_STAGED + 1)]:
        sites.drop_roster_message(turn.tx, message.site, row.reference)


def _adopt(turn: Turn, message: Message, digest: bytes) -> None:
    site = message.site
    sites.adopt(turn.tx, site, message["version"], message.payload, digest, turn.now)
    turn.context.adoptions += 1
    turn.record(site, "roster_adopted", message.reference, message.kid, f"version {message['version']}")
    _log.info("roster adopted", site=site.hex(), version=message["version"])
    if turn.context.signer.public_key not in message["hosts"]:
        _log.warning("the roster does not list this host: boxes will not obey it", version=message["version"])
    for box in message["boxes"]:
        kid = cose.key_id(box["public"])
        if boxes.get(turn.tx, site, kid) is None:
            boxes.add(turn.tx, site, kid, box["public"], chain.genesis(site))
        boxes.update_box(turn.tx, site, kid, push_at=turn.now, pushes=0)
    listed = [key[1:] for person in message["people"] for key in person["keys"]] + message["authority"]
    enrolments.drop(turn.tx, site, [cose.key_id(key) for key in listed])
    refresh_all(turn, site)


def take_matters(turn: Turn, message: Message) -> None:
    """One part of a matter list. The roster says by its digest which list holds."""
    check_authority_signature(turn, message)
    if message["part"] > message["parts"]:
        raise Refused(errors.VALUE_RANGE, "part")
    sites.add_matters(
        turn.tx, site=message.site, reference=message.reference, version=message["version"], part=message["part"],
        raw=message.raw, received=turn.now,
    )  # fmt: skip
    turn.record(message.site, "matters", message.reference, message.kid, f"version {message['version']}")


def take_reset(turn: Turn, message: Message) -> None:
    """A reset, sent on to its box until the box's log names it. Raises Refused: unknown_box."""
    check_authority_signature(turn, message)
    roster = turn.roster(message.site)
    if roster is None:
        raise Refused(errors.NO_ROSTER)
    roster.box(message["box"])
    site = message.site
    message_store.add(turn.tx, site, message.reference, message.number, message.kid, message.raw, turn.now)
    turn.record(site, message.name, message.reference, message.kid)
    topic = turn.to_box(site, message["box"])
    outbox.put(turn.tx, site, topic, message.raw, turn.now, answer=message.reference, box=message["box"])


def received(turn: Turn, message: Message) -> int | None:
    """When this message was accepted before, None if it was not."""
    find = _FINDERS.get(message.number, message_store.find)
    row = find(turn.tx, message.site, message.reference)
    return None if row is None else int(row.received)


_FINDERS = {messages.ROSTER: sites.find_roster_message, messages.MATTERS: sites.find_matters}

TAKERS = {
    messages.ROSTER: take_roster,
    messages.MATTERS: take_matters,
    messages.RESET: take_reset,
}
