"""How requests and facts are shown: as sentences, and as JSON fields with the same names everywhere."""

from __future__ import annotations

from typing import Any

from sealwire import chain, errors, messages

from sealhost.cli_shared import Desk
from sealhost.client import compose
from sealhost.client.cases import Case
from sealhost.client.follow import Fact
from sealhost.texts import role, say, word


def seal_of(case: Case) -> str:
    """The seal that a request is for, with its box and bay."""
    if case.place is None:
        return f"(box {bytes(case.request['box']).hex()[:8]} bay {case.request['bay']})"
    return compose.place_text(case.place)


def matter_text(desk: Desk, code: int) -> str:
    """A matter's code with its wording from the published list."""
    item = desk.cases.matter(code)
    if item is None:
        return str(code)
    return f"{code} {clean(item['wording'])}" + (f" ({say('abolished')})" if item.get("abolished") else "")


def detail(case: Case, name: str) -> str:
    """A field of the details, or why it cannot be shown."""
    if case.details is None:
        return f"({case.problem})"
    value = case.details.get(name, "")
    return str(len(value)) if isinstance(value, list) else clean(str(value)) or "-"


def clean(text: str) -> str:
    """Text from elsewhere without control characters, which could rewrite what a terminal shows."""
    return "".join(character if character.isprintable() else " " for character in text)[:500]


def state_text(desk: Desk, case: Case) -> str:
    """A state in words, with what is still missing."""
    text = word("state", case.state)
    if case.state == "waiting" and case.missing:
        text += " (" + ", ".join(f"{role(number)} +{lacking}" for number, lacking in case.missing) + ")"
    if case.state == "approved":
        text = say("usable_until", state=text, when=desk.profile.local(case.until))
    return text


def request_line(desk: Desk, case: Case) -> str:
    """A request in one line."""
    return say(
        "request_line",
        code=messages.short_code(case.request.reference),
        created=desk.profile.local(case.request["created"]),
        seal=case.place.bay["seal"] if case.place else "?",
        impressions=case.request["impressions"],
        title=detail(case, "title"),
        state=state_text(desk, case),
    )


def show_case(desk: Desk, case: Case) -> str:
    """A request in full."""
    request = case.request
    lines = [
        say(
            "shown_request",
            code=messages.short_code(request.reference),
            seal=seal_of(case),
            impressions=request["impressions"],
            matter=matter_text(desk, request["matter"]),
            title=detail(case, "title"),
            resident=detail(case, "resident"),
            purpose=detail(case, "purpose"),
            attachments=detail(case, "attachments"),
            raiser=case.raiser["name"],
            created=desk.profile.local(request["created"]),
            expires=desk.profile.local(request["expires"]),
            state=state_text(desk, case),
        )
    ]
    for decision in case.decisions:
        verdict = word("verdict", compose.VERDICTS[decision["verdict"]])
        when = desk.profile.local(decision["decided"])
        lines.append(say("decision_line", who=decider(desk, decision), verdict=verdict, when=when))
    if case.host_state:
        lines.append(say("host_says", state=clean(case.host_state)))
    if case.problem:
        lines.append(case.problem_text)
    return "\n".join(lines)


def decider(desk: Desk, decision: messages.Message) -> str:
    """Who decided, and for whom."""
    roster = desk.trust.roster
    name = str(roster.signer(decision.kid)[0]["name"])
    number = decision.get("for")
    if number is None:
        return name
    principal = roster.person(number)
    return f"{name} ({principal['name'] if principal else number})"


def case_fields(desk: Desk, case: Case) -> dict[str, Any]:
    """A request as JSON fields. `host_state` is the only one that nobody signed."""
    request = case.request
    return {
        "reference": request.reference.hex(),
        "code": messages.short_code(request.reference),
        "box": bytes(request["box"]).hex(),
        "bay": request["bay"],
        "seal": case.place.bay["seal"] if case.place else None,
        "impressions": request["impressions"],
        "matter": request["matter"],
        "raiser": case.raiser["number"],
        "created": request["created"],
        "expires": request["expires"],
        "attended": request["attended"],
        "state": case.state,
        "missing": [{"role": number, "lacking": lacking} for number, lacking in case.missing],
        "details": case.details,
        "problem": case.problem,
        "decisions": [
            {
                "person": desk.trust.roster.signer(one.kid)[0]["number"],
                "for": one.get("for"),
                "verdict": compose.VERDICTS[one["verdict"]],
                "decided": one["decided"],
            }
            for one in case.decisions
        ],
        "host_state": case.host_state,
    }


def fact_text(desk: Desk, fact: Fact) -> str:
    """What a box says, in words, and whether it is proven."""
    values = dict(fact.fields)
    values["left"] = fact.left
    values["cause"] = chain.CAUSES.get(int(values.get("cause", 0)), "")
    values["reason"] = errors.name_of(int(values.get("reason", 0)))
    proof = say("proven" if fact.proven else "not_proven")
    return f"{desk.profile.local(fact.time)}  {say('fact_' + fact.kind, **values)} [{proof}]"
