"""What is known of requests: the request, its details and the words of its officers, each checked before it is shown.

Guarantees: a request or decision is shown only with its signer's signature checked by the roster; details only when
they are the ones
that the keeper signed. What only the host says is kept apart (`host_state`).
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass, field
from typing import Any

from sealwire import limits, messages, rules, topics
from sealwire.errors import SealwireError
from sealwire.messages import Message

from sealhost.client import compose
from sealhost.client.api import Api, decode_message, salted
from sealhost.client.errors import ClientError
from sealhost.client.post import Session
from sealhost.client.profile import Profile
from sealhost.client.trust import Trust
from sealhost.core.matters import list_digest
from sealhost.texts import say

MAX_SIGNED_PARTS = 64  # signed messages read from what the host says of one request
STATES = {rules.WAITING: "waiting", rules.APPROVED: "approved", rules.DENIED: "denied"}


@dataclass(slots=True)
class Case:
    """A request with what belongs to it.

    `problem` names why the details cannot be shown; `state` follows from what people signed.
    """

    request: Message
    raiser: dict[str, Any]
    place: compose.Place | None
    details: dict[str, Any] | None = None
    problem: str | None = None
    problem_text: str = ""
    decisions: list[Message] = field(default_factory=list)
    substitutes: list[Message] = field(default_factory=list)
    state: str = "waiting"
    missing: list[tuple[int, int]] = field(default_factory=list)
    until: int = 0
    host_state: str | None = None


def make_details(
    title: str, resident: str, purpose: str, attachments: list[tuple[str, bytes]]
) -> tuple[str, dict[str, bytes]]:
    """(digest of the details, all files by digest): the personal part of a request, salted, attachments and all."""
    blobs: dict[str, bytes] = {}
    digests = []
    for _, content in attachments:
        digest, body = salted(content)
        blobs[digest] = body
        digests.append(digest)
    described = {
        "title": title,
        "resident": resident,
        "purpose": purpose,
        "attachments": digests,
        "attachment_names": [name for name, _ in attachments],
    }
    digest, body = salted(json.dumps(described, ensure_ascii=False, sort_keys=True).encode())
    blobs[digest] = body
    return digest, blobs


def make_reason(text: str) -> tuple[str, bytes]:
    """(digest, body) of the words of a reason."""
    return salted(json.dumps({"reason": text}, ensure_ascii=False).encode())


class Cases:
    """Looks requests up for one person: own ones, those in the inbox, and those the host knows."""

    def __init__(self, profile: Profile, trust: Trust, api: Api) -> None:
        self._profile = profile
        self._trust = trust
        self._api = api
        self._matters: dict[int, dict[str, Any]] | None = None

    def matter(self, code: int) -> dict[str, Any] | None:
        """A matter of the list that the roster names by its digest; None when it is not to be had."""
        if self._matters is None:
            self._matters = {}
            with contextlib.suppress(ClientError):
                self._matters = listed_matters(
                    self._api.matters(), self._profile.site, self._trust.roster.fields["matters"]
                )
        return self._matters.get(code)

    def own(self) -> list[Message]:
        """The requests signed in this folder, oldest first."""
        kept = [kept for kept in self._profile.signed() if kept.kind == "request"]
        return [messages.read(one.raw, self._profile.site, (messages.REQUEST,)) for one in kept]

    def inbox(self, session: Session) -> list[Message]:
        """The requests that wait in this key's inbox on the broker, oldest first."""
        found: dict[bytes, Message] = {}
        for mail in session.retained():
            parsed = topics.parse(mail.topic)
            if parsed is not None and parsed[0] == "inbox_waiting" and mail.payload:
                request = self._believed(mail.payload)
                if request is not None:
                    found[request.reference] = request
        return sorted(found.values(), key=lambda request: int(request["created"]))

    def at_host(self, state: str | None = None) -> list[Message]:
        """The requests that the host shows this person."""
        found = {}
        for item in self._api.requests(state):
            for raw in signed_parts(item):
                request = self._believed(raw)
                if request is not None:
                    found[request.reference] = request
        return sorted(found.values(), key=lambda request: int(request["created"]))

    def find(self, text: str, session: Session | None = None) -> Message:
        """The one request meant by its short code, or by its reference or how that begins.

        ClientError: no_such_request, which_request.
        """
        wanted = text.strip().lower()
        found = _matching(self.own(), wanted)
        problem: ClientError | None = None
        if not found:
            try:
                found = _matching(self._asked(wanted), wanted)
            except ClientError as error:
                problem = error
        if not found and session is not None:
            found = _matching(self.inbox(session), wanted)
        if not found and problem is not None:
            raise problem
        if len(found) != 1:
            raise ClientError("which_request" if found else "no_such_request", text=text)
        return found[0]

    def _asked(self, wanted: str) -> list[Message]:
        """What the host shows for a whole reference, else all that it shows."""
        try:
            reference = bytes.fromhex(wanted)
        except ValueError:
            reference = b""
        if len(reference) != limits.HASH:
            return self.at_host()
        believed = [self._believed(raw) for raw in signed_parts(self._api.request(reference) or {})]
        return [request for request in believed if request is not None]

    def look(self, request: Message, *, now: int) -> Case:
        """A request with its details and decisions."""
        roster = self._trust.roster
        raiser = roster.signer(request.kid)[0]
        case = Case(request, raiser, compose.place_of(roster, request))
        self._add_details(case)
        self._add_decisions(case, now)
        return case

    def _believed(self, raw: bytes) -> Message | None:
        try:
            return self._trust.person_message(raw, (messages.REQUEST,))
        except SealwireError:
            return None

    def _add_details(self, case: Case) -> None:
        digest = bytes(case.request["details"]).hex()
        try:
            kept = self._profile.blob(digest)
            content = self._api.get_blob(digest) if kept is None else kept[limits.SALT :]
            if content is None:
                raise ClientError("details_missing")
            details = json.loads(content)
            if not isinstance(details, dict):
                raise ClientError("details_unreadable")
            case.details = details
        except ClientError as error:
            case.problem, case.problem_text = error.key, str(error)
        except ValueError:
            case.problem, case.problem_text = "details_unreadable", say("details_unreadable")

    def _add_decisions(self, case: Case, now: int) -> None:
        signed: list[bytes] = []
        try:
            item = self._api.request(case.request.reference)
        except ClientError:
            item = None
        if item is not None:
            signed = signed_parts(item)
            state = item.get("state")
            case.host_state = state if isinstance(state, str) else None
        for kept in self._profile.signed():
            if kept.about == case.request.reference:
                signed.append(kept.raw)
        seen = set()
        for raw in signed:
            try:
                message = self._trust.person_message(raw, (messages.DECISION, messages.SUBSTITUTE))
            except SealwireError:
                continue
            if message.reference in seen:
                continue
            seen.add(message.reference)
            if message.number == messages.SUBSTITUTE:
                case.substitutes.append(message)
            elif message["request"] == case.request.reference:
                case.decisions.append(message)
        case.decisions.sort(key=lambda one: int(one["decided"]))
        self._judge(case, now)

    def _judge(self, case: Case, now: int) -> None:
        """What the decisions make of the request, by the roster held here."""
        try:
            stated = rules.check_request(self._trust.roster, case.request, now)
        except SealwireError as error:
            case.state = error.name
            return
        good = [one for one in case.decisions if self._counts(stated, one, case.substitutes, now)]
        try:
            judgement = rules.judge(self._trust.roster, case.request, good, case.substitutes, now, [])
        except SealwireError as error:
            case.state = error.name
            return
        case.state = STATES[judgement.state]
        case.missing, case.until = judgement.missing, judgement.until
        if case.state == "waiting" and now > case.request["expires"]:
            case.state = "expired"

    def _counts(self, stated: rules.Case, decision: Message, substitutes: list[Message], now: int) -> bool:
        try:
            rules.check_decision(self._trust.roster, stated, decision, substitutes, now)
        except SealwireError:
            return False
        return True


def listed_matters(raws: list[bytes], site: bytes, digest: bytes) -> dict[int, dict[str, Any]]:
    """The matters by code, of the list whose payloads have this digest: signed by the roster, whoever delivers it."""
    lists: dict[int, dict[int, Message]] = {}
    for raw in raws:
        with contextlib.suppress(SealwireError):
            part = messages.read(raw, site, (messages.MATTERS,))
            lists.setdefault(int(part["version"]), {})[int(part["part"])] = part
    for parts in lists.values():
        ordered = [parts[number] for number in sorted(parts)]
        if list_digest([part.payload for part in ordered]) == digest:
            return {int(item["code"]): item for part in ordered for item in part["items"]}
    return {}


def signed_parts(item: object) -> list[bytes]:
    """Every signed message in what the host says, wherever it stands; at most MAX_SIGNED_PARTS."""
    found: list[bytes] = []
    stack = [item]
    while stack and len(found) < MAX_SIGNED_PARTS:
        value = stack.pop()
        if isinstance(value, dict):
            stack += reversed(value.values())
        elif isinstance(value, list):
            stack += reversed(value)
        elif isinstance(value, str) and value.startswith("0oRY"):  # how an envelope starts, in base64
            raw = decode_message(value)
            if raw is not None:
                found.append(raw)
    return found


def _matching(requests: Any, wanted: str) -> list[Message]:
    return [
        request
        for request in requests
        if (len(wanted) >= 6 and request.reference.hex().startswith(wanted))
        or messages.short_code(request.reference).lower() == wanted
    ]
