"""`sealhost keeper …`: raise a request, stand at the box, finish, report, and see how requests stand."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer
from sealwire import errors, messages
from sealwire.messages import Message

from sealhost.cli_follow import find_anchor, follow_request, get_challenge
from sealhost.cli_shared import Desk, ask, desk_command, now, read_file
from sealhost.cli_show import case_fields, matter_text, request_line, show_case
from sealhost.client import cases, compose
from sealhost.client.api import salted
from sealhost.client.errors import ClientError, RefusedError
from sealhost.client.post import Session
from sealhost.client.profile import Kept
from sealhost.texts import say, word

keeper_app = typer.Typer(no_args_is_help=True, help="Raise requests and stand at the box.")

STALE_PAUSE_S = 1.0  # in which the host hears the challenge and the log entries before it

Reference = Annotated[str, typer.Argument(help="The request: its short code, or its reference or how that begins.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask before signing.")]
Wait = Annotated[bool, typer.Option("--wait", help="Follow what the box says.")]
Until = Annotated[
    str,
    typer.Option(
        "--until",
        callback=lambda value: _known_until(value),
        help="With --wait: until the bay is `open`, or until it is `closed` again.",
    ),
]
WaitSeconds = Annotated[float, typer.Option("--wait-seconds", help="With --wait: how long at most.")]


@desk_command(keeper_app, "request", answered=True)
def request(
    desk: Desk,
    matter: Annotated[int, typer.Option(help="Code of the matter.")],
    impressions: Annotated[int, typer.Option(min=1, help="How many times the seal is pressed.")],
    title: Annotated[str, typer.Option(help="What the document is.")],
    resident: Annotated[str, typer.Option(help="Whom it is for.")] = "",
    purpose: Annotated[str, typer.Option(help="What it is for.")] = "",
    attach: Annotated[list[Path] | None, typer.Option(help="A file to go with it; several times for several.")] = None,
    attend: Annotated[
        int, typer.Option(min=0, help="Minutes you stay at the box: until then it opens by itself.")
    ] = 30,
    box: Annotated[str | None, typer.Option(help="The box: its code or kid, or how one begins.")] = None,
    bay: Annotated[int | None, typer.Option(help="The bay's number.")] = None,
    seal: Annotated[str | None, typer.Option(help="The seal's name, or a part of it.")] = None,
    wait: Wait = False,
    until: Until = "closed",
    wait_seconds: WaitSeconds = 600.0,
    yes: Yes = False,
) -> None:
    """Ask for impressions of a seal."""
    attached = [(path.name, read_file(path)) for path in attach or ()]
    place = compose.find_place(desk.trust.roster, box, bay, seal)
    if (desk.cases.matter(matter) or {}).get("abolished"):
        raise ClientError("matter_abolished", matter=matter)
    digest, blobs = cases.make_details(title, resident, purpose, attached)
    with Session(desk.profile, desk.api) as session:
        anchor = find_anchor(desk, session, place.box)
        signed = compose.request(
            desk.profile,
            desk.trust.roster,
            place,
            matter=matter,
            impressions=impressions,
            details=bytes.fromhex(digest),
            anchor=anchor,
            attend_minutes=attend,
            now=now(),
        )
        values = {"title": title, "resident": resident or "-", "purpose": purpose or "-"}
        desk.tell(_will_sign(desk, signed, place, values, len(attached)))
        code = messages.short_code(signed.reference)
        desk.tell(say("code", code=code))
        ask(yes)
        kept = compose.keep(desk.profile, signed, made=now(), blobs=tuple(blobs))
        desk.profile.queue(kept, blobs)
        desk.deliver(session, kept)
        desk.tell(say("accepted", what=word("kind", "request"), code=code))
        facts = follow_request(desk, session, signed, anchor, until, wait_seconds) if wait else []
    desk.done(reference=signed.reference.hex(), code=code, result="accepted", facts=facts)


def _known_until(until: str) -> str:
    if until not in ("open", "closed"):
        raise typer.BadParameter("open or closed")
    return until


def _will_sign(desk: Desk, signed: Message, place: compose.Place, values: dict[str, str], attachments: int) -> str:
    return say(
        "will_sign_request",
        seal=compose.place_text(place),
        impressions=signed["impressions"],
        matter=matter_text(desk, signed["matter"]),
        attachments=attachments,
        expires=desk.profile.local(signed["expires"]),
        attended=desk.profile.local(signed["attended"]),
        **values,
    )


@desk_command(keeper_app, "ready", answered=True)
def ready(
    desk: Desk,
    reference: Reference,
    wait: Wait = False,
    until: Until = "closed",
    wait_seconds: WaitSeconds = 600.0,
) -> None:
    """Say that you stand at the box: an approved request opens now, also for the second time."""
    with Session(desk.profile, desk.api) as session:
        about = _my_request(desk, session, reference)
        start = find_anchor(desk, session, about["box"])
        _say_ready(desk, session, about)
        code = messages.short_code(about.reference)
        desk.tell(say("accepted", what=word("kind", "ready"), code=code))
        facts = follow_request(desk, session, about, start, until, wait_seconds) if wait else []
        desk.done(reference=about.reference.hex(), code=code, result="accepted", facts=facts)


def _say_ready(desk: Desk, session: Session, about: Message) -> None:
    """Sign the box's challenge and bring it to the host; with a fresh one when the host does not know it."""
    end = time.monotonic() + desk.timeout_s
    while True:
        challenge = get_challenge(desk, session, about)
        signed = compose.sign(desk.profile, messages.READY, {"request": about.reference, "nonce": challenge["nonce"]})
        kept = compose.keep(desk.profile, signed, made=now(), about=about.reference)
        desk.profile.queue(kept)
        try:
            desk.deliver(session, kept)
            return
        except RefusedError as error:
            if error.reason != errors.name_of(errors.STALE_NONCE) or time.monotonic() + STALE_PAUSE_S > end:
                raise
        time.sleep(STALE_PAUSE_S)


@desk_command(keeper_app, "finish", answered=True)
def finish(
    desk: Desk,
    reference: Reference,
    reason: Annotated[str, typer.Option(help="Why, if impressions are left.")] = "",
    reason_code: Annotated[int, typer.Option(min=0, max=255, help="Code of the reason.")] = 0,
) -> None:
    """End a request for good; the box closes at once. Before use it cancels the request."""
    with Session(desk.profile, desk.api) as session:
        about = _my_request(desk, session, reference)
        kept = _signed_before(desk, about, "finish")
        if kept is None:
            digest, body = cases.make_reason(reason) if reason else ("", b"")
            fields = {"request": about.reference, "reason": reason_code}
            if digest:
                fields["reason_digest"] = bytes.fromhex(digest)
            signed = compose.sign(desk.profile, messages.FINISH, fields)
            blobs = {digest: body} if digest else {}
            kept = compose.keep(
                desk.profile, signed, box=about["box"], made=now(), about=about.reference, blobs=tuple(blobs)
            )
            desk.profile.queue(kept, blobs)
        _send(desk, session, kept, about, "finish")


@desk_command(keeper_app, "report", answered=True)
def report(
    desk: Desk,
    reference: Reference,
    impressions: Annotated[int, typer.Option(min=0, help="How many impressions were made.")],
    photo: Annotated[list[Path] | None, typer.Option(help="A photograph of a stamped page; several times.")] = None,
) -> None:
    """Declare how many impressions were made, with photographs of the stamped pages."""
    photographs = [salted(read_file(path)) for path in photo or ()]
    with Session(desk.profile, desk.api) as session:
        about = _my_request(desk, session, reference)
        kept = _signed_before(desk, about, "report")
        if kept is None:
            digests = [bytes.fromhex(digest) for digest, _ in photographs]
            fields = {"request": about.reference, "impressions": impressions, "photographs": digests}
            signed = compose.sign(desk.profile, messages.REPORT, fields)
            blobs = dict(photographs)
            kept = compose.keep(desk.profile, signed, made=now(), about=about.reference, blobs=tuple(blobs))
            desk.profile.queue(kept, blobs)
        _send(desk, session, kept, about, "report")


@desk_command(keeper_app, "status")
def status(desk: Desk, reference: Reference) -> None:
    """Show one request, and who has decided what."""
    case = desk.cases.look(desk.cases.find(reference), now=now())
    desk.result(show_case(desk, case), **case_fields(desk, case))


@desk_command(keeper_app, "list")
def list_own(desk: Desk) -> None:
    """List your requests."""
    found = [desk.cases.look(one, now=now()) for one in desk.cases.own()]
    text = "\n".join(request_line(desk, case) for case in found) or say("nothing")
    desk.result(text, requests=[case_fields(desk, case) for case in found])


def _my_request(desk: Desk, session: Session, reference: str) -> Message:
    about = desk.cases.find(reference, session)
    mine = compose.me(desk.trust.roster, desk.profile)
    if desk.trust.roster.signer(about.kid)[0]["number"] != mine["number"]:
        raise ClientError("not_yours")
    return about


def _signed_before(desk: Desk, about: Message, kind: str) -> Kept | None:
    """What was signed for this before and not refused: sent again instead of signing anew."""
    same = [kept for kept in desk.profile.signed() if kept.kind == kind and kept.about == about.reference]
    return next((kept for kept in reversed(same) if not kept.result), None)


def _send(desk: Desk, session: Session, kept: Kept, about: Message, kind: str) -> None:
    code = messages.short_code(about.reference)
    before = kept.result is not None
    desk.deliver(session, kept)
    text = say("again" if before else "accepted", what=word("kind", kind), code=code)
    desk.result(text, reference=kept.reference.hex(), request=about.reference.hex(), result="accepted", again=before)
