"""A box's log at the host: entries are staged until a checkpoint that the box signed proves them.

Guarantees: only what hashes from the stored head to a signed one is stored for good; it is acked only after that is
committed; staged entries that do not fit are dropped, and the box is asked to send them anew.
"""

from __future__ import annotations

from typing import Any

import structlog
from sealwire import chain, errors, limits, messages
from sealwire.chain import Entry
from sealwire.errors import Refused
from sealwire.messages import Message
from sqlalchemy import Row

from sealhost.core.backoff import delay_s
from sealhost.services import granting
from sealhost.services.context import Turn
from sealhost.services.lifecycles import refresh
from sealhost.services.weighing import FATAL
from sealhost.store import boxes, outbox, sites
from sealhost.store import messages as message_store

_log = structlog.get_logger(__name__)

MAX_STAGED = 2 * limits.KEEP_ENTRIES
"""More than a box keeps unproven; entries are unsigned, so somebody else might send them."""
UNPROVEN_WAIT_S = 120
"""A checkpoint follows what reached a box: so long, what it seems to have is not sent again."""
CLOSING_S = 60
"""A checkpoint follows each closing: so long after the end of a window, a grant that seems taken is not sent again."""
FORGOTTEN_S = limits.OPEN_SECONDS + 2 * CLOSING_S
"""A box proves what it says of requests and clocks by then; entries that stay unproven were not the box's."""
_PROVEN_SOON = (
    *(chain.INTENT, chain.PRESS, chain.CLOSED, chain.INTERRUPTED),
    *(chain.DECISION, chain.FINISH, chain.TIME, chain.RESET, chain.LINK),
)
_ALARMS = {chain.TAMPER: "tamper", chain.FORCED: "forced", chain.JAM: "jam"}
PASSING = (
    *(errors.TOO_FAST, errors.NEWER_ROSTER, errors.NO_ROSTER),
    *(errors.BAY_BUSY, errors.CLOCK_LOST, errors.LOG_FULL, errors.FLASH_FAILED),
)
"""Reasons of a box that are not its last word: the same message passes later."""


def acknowledge(turn: Turn, box: Row[Any]) -> None:
    """Tell a box how far its log is proven and stored. Without a roster it could not tell who says so."""
    if box.roster == 0:
        return
    fields = {"box": box.kid, "seq": box.seq, "head": box.head}
    turn.send(turn.to_box(box.site, box.kid), turn.sign(messages.ACK, fields, box.site))


def take_entries(turn: Turn, box: Row[Any], fields: dict[str, Any]) -> None:
    """Stage a batch of entries. Raises DecodeError for what is no entry, Refused for a flood."""
    last = boxes.last_staged(turn.tx, box.site, box.kid)
    seq, head = (last.seq, last.head) if last is not None else (box.seq, box.head)
    rows: list[dict[str, Any]] = []
    read: list[Entry] = []
    for number, raw in enumerate(fields["entries"], fields["first"]):
        entry = chain.read_entry(raw)
        if number <= box.seq:
            continue
        if number <= seq and not rows:
            known = boxes.staged_at(turn.tx, box.site, box.kid, number)
            if known is not None and known.raw == raw:
                continue
            _drop_staged(turn, box, number)
            seq, head = number - 1, boxes.head_at(turn.tx, box.site, box.kid, number - 1) or box.head
        if number != seq + 1:
            break
        seq, head = number, chain.next_head(head, raw)
        rows.append({"seq": seq, "raw": raw, "head": head, "kind": entry.kind, "request": entry.get("request")})
        read.append(entry)
    if seq - box.seq > MAX_STAGED:
        raise Refused(errors.TOO_FAST, "more unproven entries than a box keeps")
    if not rows and fields["first"] > seq + 1:
        turn.counted.append(("log_gaps", "missing"))
        acknowledge(turn, box)  # something in between is missing: send from there
        return
    boxes.stage(turn.tx, box.site, box.kid, rows)
    if any(entry.kind in _PROVEN_SOON for entry in read):
        turn.context.unproven.setdefault((box.site, box.kid), turn.now)
    _notice_all(turn, box, read, proven=False)
    granting.advance(turn, box.site, box.kid)


def _notice_all(turn: Turn, box: Row[Any], entries: list[Entry], proven: bool) -> None:
    """Act on new entries; each request that they speak of is brought in step once."""
    for entry in entries:
        _notice(turn, box, entry, proven)
    for request in sorted({entry["request"] for entry in entries if entry.get("request") is not None}):
        refresh(turn, box.site, request)
    for bay in sorted({entry["bay"] for entry in entries if entry.kind in (chain.CLOSED, chain.INTERRUPTED)}):
        message_store.hurry(turn.tx, turn.now, box.site, box.kid, bay)


def _notice(turn: Turn, box: Row[Any], entry: Entry, proven: bool) -> None:
    """Act on an entry. What is not proven only changes what is shown, and delays or hastens what is sent."""
    message = entry.get("message")
    if entry.kind == chain.INTENT:
        _granted(turn, box, entry, proven)
    elif entry.kind == chain.REFUSED:
        _tell_refusal(turn, box, entry, proven)
        if message is not None:
            _refused(turn, box, message, entry["reason"], proven)
    elif message is not None and proven:
        outbox.answered(turn.tx, box.site, message)
    elif message is not None:
        outbox.hold(turn.tx, box.site, message, turn.now + UNPROVEN_WAIT_S)


def _tell_refusal(turn: Turn, box: Row[Any], entry: Entry, proven: bool) -> None:
    """A line for what a box refused, when it says so first; boxes bound how often they do."""
    if proven:
        turn.counted.append(("refused_by_boxes", errors.name_of(entry["reason"])))
        return
    message = entry.get("message")
    _log.warning(
        "refused by a box",
        reason=errors.name_of(entry["reason"]),
        box=box.kid.hex(),
        message=None if message is None else message.hex(),
        unlogged=entry["unlogged"],
    )


def _granted(turn: Turn, box: Row[Any], entry: Entry, proven: bool) -> None:
    grant = outbox.grant(turn.tx, box.site, entry["grant"])
    if grant is None:
        if proven:
            _log.error("the box opened by a grant that is not ours", box=box.kid.hex(), grant=entry["grant"].hex())
            turn.record(box.site, "foreign_grant", entry["request"], box.kid, entry["grant"].hex())
        return
    boxes.drop_challenges(turn.tx, box.site, box.kid, nonce=grant.nonce)
    if proven:
        outbox.set_grant(turn.tx, box.site, grant.reference, "taken")
        outbox.answered(turn.tx, box.site, grant.reference)
    else:
        window = _open_seconds(turn, box.site, grant.request)
        outbox.hold(turn.tx, box.site, grant.reference, turn.now + window + CLOSING_S)


def _open_seconds(turn: Turn, site: bytes, reference: bytes) -> int:
    """How long a bay may be open for a request, by its rule."""
    roster, stored = turn.roster(site), message_store.find(turn.tx, site, reference)
    if roster is not None and stored is not None:
        digest = messages.read(stored.raw, site)["rule"]
        for rule in roster.fields["rules"]:
            if messages.rule_digest(rule) == digest:
                return int(rule["open_seconds"])
    return limits.OPEN_SECONDS


def _drop_staged(turn: Turn, box: Row[Any], first: int = 0) -> None:
    """Forget staged entries that were not the box's: whatever they delayed is shown, asked for and sent again now."""
    turn.counted.append(("log_gaps", "unfit"))
    boxes.unstage(turn.tx, box.site, box.kid, first)
    turn.context.unproven.pop((box.site, box.kid), None)
    outbox.hurry(turn.tx, turn.now, box.site, box.kid)
    message_store.hurry(turn.tx, turn.now, box.site, box.kid)
    for row in message_store.of_bay(turn.tx, box.site, box.kid):
        refresh(turn, box.site, row.reference)


def forget_unproven(turn: Turn) -> None:
    """Drop staged entries that no checkpoint followed in time."""
    for (site, kid), since in list(turn.context.unproven.items()):
        box = boxes.get(turn.tx, site, kid)
        if box is not None and turn.now > since + FORGOTTEN_S:
            _log.warning("staged entries that stayed unproven: dropped", box=kid.hex())
            _drop_staged(turn, box)


def _refused(turn: Turn, box: Row[Any], message: bytes, reason: int, proven: bool) -> None:
    """The box refused a message: a grant is made again later, anything else repeated only if the reason may pass."""
    site = box.site
    grant = outbox.grant(turn.tx, site, message)
    if grant is None:
        if proven and reason not in PASSING:
            outbox.answered(turn.tx, site, message)
        return
    row = message_store.request(turn.tx, site, grant.request)
    if row is None or grant.state not in ("alive", "refused"):
        return
    if grant.state == "alive":
        outbox.set_grant(turn.tx, site, message, "refused", reason)
        outbox.answered(turn.tx, site, message)
        # The box restarted, or the challenge grew old: a new one is all that is needed, the first time at once.
        wait = 0 if reason == errors.STALE_NONCE and row.asks < 2 else delay_s(row.asks + 1)
        message_store.update_request(
            turn.tx, site, grant.request, reason=reason, ask_at=turn.now + wait, asks=row.asks + 1
        )
    if reason == errors.STALE_NONCE:
        boxes.drop_challenges(turn.tx, site, box.kid, nonce=grant.nonce)
    refresh(turn, site, grant.request, reason if proven and reason in FATAL else 0)


def take_checkpoint(turn: Turn, box: Row[Any], message: Message, answer: bool) -> None:
    """Use a checkpoint whose signature was checked: prove what is staged, note how the box is, answer with an ack.

    Raises Refused: other_chain, when it contradicts what is stored or names another box, site or authority.
    """
    seq, head = message["seq"], message["head"]
    if seq <= box.seq:
        if (boxes.head_at(turn.tx, box.site, box.kid, seq) or box.head) != head:
            raise Refused(errors.OTHER_CHAIN, f"a checkpoint at {seq} contradicts the stored log")
    elif boxes.head_at(turn.tx, box.site, box.kid, seq) == head:
        _prove(turn, box, message)
    else:
        if boxes.staged_at(turn.tx, box.site, box.kid, seq) is not None:
            _drop_staged(turn, box)
            _log.warning("staged entries do not fit the checkpoint: dropped", box=box.kid.hex(), seq=seq)
    _note(turn, box, message)
    current = boxes.get(turn.tx, box.site, box.kid)
    if answer and current is not None:
        acknowledge(turn, current)
    granting.advance(turn, box.site, box.kid)


def _prove(turn: Turn, box: Row[Any], message: Message) -> None:
    rows = boxes.staged(turn.tx, box.site, box.kid, message["seq"])
    if box.seq == 0:
        _check_origin(turn, box, chain.read_entry(rows[0].raw))
    boxes.prove(turn.tx, box.site, box.kid, rows)
    turn.context.unproven.pop((box.site, box.kid), None)
    boxes.update_box(turn.tx, box.site, box.kid, seq=message["seq"], head=message["head"])
    boxes.put_checkpoint(turn.tx, box.site, box.kid, message["seq"], message.raw, turn.now)
    turn.record(box.site, "log_stored", message.reference, box.kid, f"to {message['seq']}")
    for row in rows:
        if row.kind in _ALARMS:
            turn.record(box.site, _ALARMS[row.kind], row.request, box.kid, str(row.seq))
    _notice_all(turn, box, [chain.read_entry(row.raw) for row in rows], proven=True)


def _check_origin(turn: Turn, box: Row[Any], entry: Entry) -> None:
    """The first entry must name this box, this site, and authority keys that the site has or had."""
    site = sites.get(turn.tx, box.site)
    assert site is not None
    trusted = [(sorted(sites.authority_keys(site)), site.threshold)]
    for version in sites.adopted_versions(turn.tx, box.site):
        roster = turn.roster_of(box.site, version)
        if roster is not None:
            trusted.append((sorted(roster.fields["authority"]), roster.fields["threshold"]))
    if entry.kind == chain.ORIGIN and (entry["box"], entry["site"]) == (box.public, box.site):
        keys = (sorted(entry["authority"]), entry["threshold"])
        if keys in trusted:
            return
    raise Refused(errors.OTHER_CHAIN, "the log's first entry names another box, site or authority")


def _note(turn: Turn, box: Row[Any], message: Message) -> None:
    """How the box is, unless this checkpoint is older than what is known."""
    if (message["boot"], message["seq"]) < (box.boot, box.checkpoint_seq):
        return
    roster = turn.roster(box.site)
    behind = roster is not None and message["roster"] < roster.version
    set_clock = bool(message["clock_set"])
    boxes.drop_challenges(turn.tx, box.site, box.kid, before_boot=message["boot"])
    boxes.update_box(
        turn.tx, box.site, box.kid,
        checkpoint=message.raw, checkpoint_seq=message["seq"], boot=message["boot"], roster=message["roster"],
        firmware=message["firmware"], seen=turn.now, clock_set=set_clock,
        push_at=turn.now if behind else None, pushes=0 if message["roster"] != box.roster else box.pushes,
        time_at=None if set_clock else turn.now, times=0 if set_clock else box.times,
    )  # fmt: skip
    if message["boot"] != box.boot or not box.online:
        boxes.update_box(turn.tx, box.site, box.kid, online=True)
        message_store.hurry(turn.tx, turn.now, box.site, box.kid)
        outbox.hurry(turn.tx, turn.now, box.site, box.kid)


def take_challenge(turn: Turn, box: Row[Any], message: Message) -> None:
    """Use a challenge whose signature was checked. Raises Refused: other_chain, when it contradicts the stored log."""
    known = boxes.challenge(turn.tx, box.site, box.kid, message["bay"])
    if message["boot"] < box.boot:
        return  # of before the last start: an old one, come late
    if known is not None and (message["boot"], message["seq"]) < (known.boot, known.seq):
        return
    head = boxes.head_at(turn.tx, box.site, box.kid, message["seq"])
    if head is not None and head != message["head"]:
        if message["seq"] <= box.seq:
            raise Refused(errors.OTHER_CHAIN, "the challenge does not continue the stored log")
        _drop_staged(turn, box)
        head = None
    if known is None or known.nonce != message["nonce"]:
        boxes.put_challenge(
            turn.tx, site=box.site, box=box.kid, bay=message["bay"], nonce=message["nonce"], raw=message.raw,
            boot=message["boot"], seq=message["seq"], head=message["head"], roster=message["roster"], received=turn.now,
        )  # fmt: skip
    if message["roster"] > box.roster:
        boxes.update_box(turn.tx, box.site, box.kid, roster=message["roster"])
    if head is None:
        acknowledge(turn, box)  # its entries are still to come: from there
        return
    if not box.clock_set:
        _send_time(turn, box, message)
        return
    granting.repeat(turn, box.site, message["nonce"])
    granting.advance(turn, box.site, box.kid, again=True)


def _send_time(turn: Turn, box: Row[Any], message: Message) -> None:
    fields = {"box": box.kid, "nonce": message["nonce"], "utc": turn.now}
    raw = turn.sign(messages.TIME, fields, box.site)
    own = messages.read(raw, box.site)
    if message_store.find(turn.tx, box.site, own.reference) is None:
        message_store.add(turn.tx, box.site, own.reference, messages.TIME, own.kid, raw, turn.now)
    turn.record(box.site, "time", own.reference, box.kid)
    turn.send(turn.to_box(box.site, box.kid), raw)
