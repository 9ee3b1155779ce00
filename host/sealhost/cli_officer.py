"""`sealhost officer …`: see what waits, decide, and name somebody who stands in."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Annotated

import typer
from sealwire import errors, messages, rules
from sealwire.messages import Message

from sealhost.cli_keeper import Reference, Yes
from sealhost.cli_shared import Desk, ask, desk_command, now
from sealhost.cli_show import case_fields, request_line, show_case
from sealhost.client import cases, compose
from sealhost.client.cases import Case
from sealhost.client.errors import ClientError
from sealhost.client.post import Session
from sealhost.client.profile import Kept, write_whole
from sealhost.texts import say, word

officer_app = typer.Typer(no_args_is_help=True, help="Approve or deny requests.")

Reason = Annotated[str, typer.Option(help="Why, in words; goes to the site's own people only.")]
ReasonCode = Annotated[int, typer.Option(min=0, max=255, help="Code of the reason.")]
For = Annotated[str | None, typer.Option("--for", help="In whose place you decide: number or name.")]


@desk_command(officer_app, "list")
def list_waiting(desk: Desk) -> None:
    """List the requests that wait for you."""
    with Session(desk.profile, desk.api) as session:
        waiting = {one.reference: one for one in desk.cases.inbox(session)}
    found = [desk.cases.look(one, now=now()) for one in waiting.values()]
    text = "\n".join(request_line(desk, case) for case in found) or say("nothing")
    desk.result(text, requests=[case_fields(desk, case) for case in found])


@desk_command(officer_app, "show")
def show(
    desk: Desk,
    reference: Reference,
    save: Annotated[Path | None, typer.Option(help="Folder to put the attachments into.")] = None,
) -> None:
    """Show one request in full."""
    case = _find(desk, reference)
    saved = _save_attachments(desk, case, save) if save is not None else []
    text = "\n".join([show_case(desk, case), *saved])
    desk.result(text, **case_fields(desk, case), saved=saved)


def _verdict_command(name: str, verdict: int, text: str) -> None:
    @desk_command(officer_app, name, answered=True, text=text)
    def decide(
        desk: Desk,
        reference: Reference,
        reason: Reason = "",
        reason_code: ReasonCode = 0,
        principal: For = None,
        yes: Yes = False,
    ) -> None:
        _decide(desk, reference, verdict, (reason, reason_code), principal, yes)


_verdict_command("approve", messages.APPROVE, "Approve a request.")
_verdict_command("deny", messages.DENY, "Deny a request. It goes to the box directly as well.")
_verdict_command("withdraw", messages.WITHDRAW, "Take an approval back. It goes to the box directly as well.")


@desk_command(officer_app, "substitute", answered=True)
def substitute(
    desk: Desk,
    person: Annotated[str, typer.Argument(help="Who stands in for you: number or name.")],
    until: Annotated[str, typer.Option(help="Last day, like 2026-12-31; at most 31 days after the first.")],
    start: Annotated[str | None, typer.Option("--from", help="First day; today when left out.")] = None,
    yes: Yes = False,
) -> None:
    """Let somebody decide in your place for some days."""
    roster = desk.trust.roster
    other = compose.person_of(roster, person)
    fields = {
        "person": other["number"],
        "from": now() if start is None else day(desk, start),
        "until": day(desk, until, last=True),
        "roster": roster.version,
    }
    compose.me(roster, desk.profile)
    signed = compose.sign(desk.profile, messages.SUBSTITUTE, fields)
    rules.check_substitute(roster, signed, now())
    values = {"start": desk.profile.local(fields["from"]), "end": desk.profile.local(fields["until"])}
    desk.tell(say("will_substitute", person=other["name"], **values))
    ask(yes)
    kept = compose.keep(desk.profile, signed, made=now())
    desk.profile.queue(kept)
    with Session(desk.profile, desk.api) as session:
        desk.deliver(session, kept)
    code = messages.short_code(signed.reference)
    desk.result(
        say("accepted", what=word("kind", "substitute"), code=code),
        reference=signed.reference.hex(),
        result="accepted",
    )


def day(desk: Desk, text: str, *, last: bool = False) -> int:
    """First or last second of a day in the profile's time zone. ClientError: bad_date."""
    try:
        date = datetime.strptime(text, "%Y-%m-%d").date()  # noqa: DTZ007 - a day has no zone until the next line
    except ValueError as error:
        raise ClientError("bad_date", text=text) from error
    start = datetime.combine(date + timedelta(days=1 if last else 0), time(), desk.profile.zone)
    return int(start.timestamp()) - (1 if last else 0)


def _find(desk: Desk, reference: str) -> Case:
    with Session(desk.profile, desk.api) as session:
        return desk.cases.look(desk.cases.find(reference, session), now=now())


def _decide(
    desk: Desk, reference: str, verdict: int, reason: tuple[str, int], principal: str | None, yes: bool
) -> None:
    with Session(desk.profile, desk.api) as session:
        case = desk.cases.look(desk.cases.find(reference, session), now=now())
        person = None if principal is None else int(compose.person_of(desk.trust.roster, principal)["number"])
        kept = _decided_before(desk, case.request, verdict, person)
        before = kept is not None and kept.result is not None
        if kept is None:
            kept = _sign(desk, case, verdict, reason, person, yes)
        desk.deliver(session, kept)
    name = compose.VERDICTS[verdict]
    text = say("again" if before else "accepted", what=word("verdict", name), code=_code(case))
    desk.result(
        text,
        reference=kept.reference.hex(),
        request=case.request.reference.hex(),
        verdict=name,
        result="accepted",
        again=before,
    )


def _sign(desk: Desk, case: Case, verdict: int, reason: tuple[str, int], principal: int | None, yes: bool) -> Kept:
    """Show, ask, sign, and put into the outbox. Nobody signs for details that are not those of the request."""
    if case.details is None and verdict != messages.WITHDRAW:
        raise ClientError("wont_sign_unseen", detail=case.problem_text)
    desk.tell(show_case(desk, case))
    desk.tell(say("will_decide", verdict=word("verdict", compose.VERDICTS[verdict]), code=_code(case)))
    ask(yes)
    words, code = reason
    digest, body = cases.make_reason(words) if words else ("", b"")
    signed = compose.decision(
        desk.profile,
        desk.trust.roster,
        case.request,
        verdict,
        principal=principal,
        reason=code,
        reason_digest=bytes.fromhex(digest) if digest else None,
        now=now(),
    )
    box = case.request["box"] if verdict != messages.APPROVE else None
    blobs = {digest: body} if digest else {}
    kept = compose.keep(desk.profile, signed, box=box, made=now(), about=case.request.reference, blobs=tuple(blobs))
    desk.profile.queue(kept, blobs)
    return kept


def _decided_before(desk: Desk, about: Message, verdict: int, principal: int | None) -> Kept | None:
    """The same word signed here before; ClientError already_decided for an approval after a denial or withdrawal."""
    for kept in reversed(desk.profile.signed()):
        if kept.kind != "decision" or kept.about != about.reference:
            continue
        signed = messages.read(kept.raw, desk.profile.site, (messages.DECISION,))
        if signed.get("for") != principal or (kept.result is not None and kept.result != errors.ACCEPTED):
            continue
        if signed["verdict"] == verdict:
            return kept
        if verdict == messages.APPROVE:
            raise ClientError("already_decided", verdict=word("verdict", compose.VERDICTS[signed["verdict"]]))
    return None


def _code(case: Case) -> str:
    return messages.short_code(case.request.reference)


def _save_attachments(desk: Desk, case: Case, folder: Path) -> list[str]:
    """Write the attachments, each checked against its digest; returns their paths.

    Names from elsewhere choose no folder.
    """
    details = case.details or {}
    names = details.get("attachment_names", [])
    folder.mkdir(parents=True, exist_ok=True)
    saved = []
    for index, digest in enumerate(details.get("attachments", [])):
        content = desk.api.get_blob(str(digest))
        if content is None:
            raise ClientError("details_missing")
        given = Path(str(names[index])).name if index < len(names) else ""
        path = folder / f"{index + 1}-{given or 'attachment'}"
        write_whole(path, content)
        saved.append(str(path))
    return saved
