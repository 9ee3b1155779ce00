"""What commands ask of a box and hear from it: its last checkpoint, a challenge, and how a request goes on."""

from __future__ import annotations

import contextlib
import time
from collections import deque

from sealwire import messages, topics
from sealwire.errors import SealwireError
from sealwire.messages import Message

from sealhost.cli_shared import Desk, now
from sealhost.cli_show import fact_text
from sealhost.client import compose, follow
from sealhost.client.api import decode_message
from sealhost.client.errors import ClientError, NoAnswerError
from sealhost.client.post import FIRST_REPEAT_S, LONGEST_REPEAT_S, Session
from sealhost.texts import say, word

FETCH_S = 3.0  # the host stores what a checkpoint proves within a moment


def find_anchor(desk: Desk, session: Session, box: bytes) -> Message:
    """The furthest checkpoint of a box that can be had: from the broker, from the host, or seen before."""
    candidates: list[bytes | None] = list(session.status(box))
    with contextlib.suppress(ClientError):  # without the host, the broker's or the last one seen will do
        candidates += [decode_message(item.get("checkpoint")) for item in desk.api.boxes()]
    anchor = desk.trust.newest_checkpoint(box, candidates)
    if anchor is None:
        raise ClientError("no_anchor")
    return anchor


def get_challenge(desk: Desk, session: Session, about: Message) -> Message:
    """The box's live challenge for a request's bay, asked for again and again until it comes.

    NoAnswerError: no_challenge.
    """
    topic = topics.box_out(desk.profile.site, about["box"])
    question = messages.build_item(messages.ASK, {"bay": about["bay"]})
    end = time.monotonic() + desk.timeout_s
    repeat_s = FIRST_REPEAT_S
    while time.monotonic() < end:
        session.publish(compose.to_box(desk.profile, about["box"]), question)
        again = min(end, time.monotonic() + repeat_s)
        repeat_s = min(2 * repeat_s, LONGEST_REPEAT_S)
        while time.monotonic() < again:
            mail = session.hear(again - time.monotonic())
            if mail is None or mail.topic != topic or messages.is_item(mail.payload):
                continue
            try:
                challenge = desk.trust.box_message(mail.payload, about["box"], (messages.CHALLENGE,))
            except SealwireError:
                continue
            if challenge["bay"] == about["bay"]:
                return challenge
    raise NoAnswerError("no_challenge", seconds=round(desk.timeout_s))


def follow_request(
    desk: Desk, session: Session, about: Message, start: Message, until: str, longest_s: float
) -> list[dict[str, object]]:
    """Tell what officers and box say until the bay opens, or has closed and that is proven.

    Errors: not_seen_in_time, ended_without_opening.
    """
    box = bytes(about["box"])
    follower = follow.Follower(desk.trust, about, start, lambda first, last: _fetch(desk, box, first, last))
    inbox = topics.inbox(desk.profile.site, desk.profile.signer.kid)
    told: list[dict[str, object]] = []
    end = time.monotonic() + longest_s
    earlier = deque(session.boxes)
    ended = 0
    while earlier or time.monotonic() < end:
        mail = earlier.popleft() if earlier else session.hear(min(1.0, end - time.monotonic()))
        if mail is None:
            continue
        if mail.topic == inbox:
            _tell_decision(desk, mail.payload, about)
        facts = follower.feed(mail)
        _tell_facts(desk, facts, told, follower.passed)
        told += [{"kind": one.kind, "seq": one.seq, "proven": one.proven, "left": one.left} for one in facts]
        if until == "open" and any(fact.kind == follow.OPENED for fact in facts):
            return told
        ends = [fact for fact in facts if fact.kind in follow.ENDS]
        if any(fact.proven for fact in ends):
            return told
        ended = ended or max((fact.seq for fact in ends), default=0)
        if 0 < ended <= follower.passed:
            desk.tell(say("unprovable_here"))
            return told
    raise NoAnswerError("not_seen_in_time", seconds=round(longest_s))


def _fetch(desk: Desk, box: bytes, first: int, last: int) -> list[bytes]:
    """The entries that did not arrive, from the host; fewer when it does not have them within seconds."""
    found: list[bytes] = []
    end = time.monotonic() + FETCH_S
    while len(found) <= last - first and time.monotonic() < end:
        try:
            more = desk.api.entries(box, first + len(found), last)
        except ClientError:
            break
        found += more
        if not more:
            time.sleep(0.2)  # the host hears the box a moment later, too
    return found


def _tell_facts(desk: Desk, facts: list[follow.Fact], told: list[dict[str, object]], passed: int) -> None:
    """Each fact once, when it is first heard; later in one sentence that they are proven."""
    known = {one["seq"] for one in told}
    for fact in facts:
        if fact.seq not in known:
            desk.tell(fact_text(desk, fact))
    if any(fact.proven and fact.kind != follow.UNFIT for fact in facts):
        desk.tell(say("proven_until", seq=passed))


def _tell_decision(desk: Desk, payload: bytes, about: Message) -> None:
    """An officer's word on this request, forwarded by the host; ends the wait when the request is denied."""
    try:
        decision = desk.trust.person_message(payload, (messages.DECISION,))
    except SealwireError:
        return
    if decision["request"] != about.reference:
        return
    who = desk.trust.roster.signer(decision.kid)[0]["name"]
    desk.tell(say("fact_decision", who=who, verdict=word("verdict", compose.VERDICTS[decision["verdict"]])))
    if decision["verdict"] == messages.DENY:
        case = desk.cases.look(about, now=now())
        if case.state == "denied":
            raise ClientError("ended_without_opening", state=word("state", case.state))
