"""`sealhost authority …`: the key, rosters, the matter list, enrolments, and resets of boxes."""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path
from typing import Annotated

import typer
from sealwire import errors, messages, topics
from sealwire.errors import Refused, SealwireError
from sealwire.messages import Message

from sealhost.cli_draft import DraftOption, draft_path, put_person
from sealhost.cli_follow import find_anchor
from sealhost.cli_keeper import Yes
from sealhost.cli_people import send
from sealhost.cli_roster import roster_app
from sealhost.cli_shared import (
    DEFAULT_HOME,
    AsJson,
    Desk,
    Home,
    Lang,
    ask,
    command,
    desk_command,
    from_hex,
    now,
    read_file,
)
from sealhost.client import compose, draft, draft_text, matter_list, publish, tokens
from sealhost.client.errors import ClientError, RefusedError
from sealhost.client.post import Session
from sealhost.client.profile import Profile, Settings, write_whole
from sealhost.core.matters import list_digest
from sealhost.signing.keys import read_public, verify
from sealhost.texts import say, word

authority_app = typer.Typer(no_args_is_help=True, help="The root of trust: rosters, matters, enrolments, resets.")
matters_app = typer.Typer(no_args_is_help=True, help="The published list of what may be stamped.")
enrol_app = typer.Typer(no_args_is_help=True, help="Take people's keys into the draft.")
authority_app.add_typer(roster_app, name="roster")
authority_app.add_typer(matters_app, name="matters")
authority_app.add_typer(enrol_app, name="enrol")
command(authority_app, "send")(send)

CLEARS = {"tamper": messages.CLEARS_TAMPER, "clock": messages.CLEARS_CLOCK}


@command(authority_app, "init")
def init(
    site: Annotated[str | None, typer.Option(help="The site, 32 hex digits; a new one if left out.")] = None,
    name: Annotated[str, typer.Option(help="A name for this key's holder.")] = "",
    other: Annotated[list[str] | None, typer.Option("--other", help="Another authority key: hex or a file.")] = None,
    threshold: Annotated[int, typer.Option(min=1, help="How many authority keys must sign a roster.")] = 1,
    broker: Annotated[str, typer.Option(help="mqtt://[user:password@]host[:port], or mqtts://")] = "",
    host_url: Annotated[str, typer.Option(help="The host's web address, http(s)://…")] = "",
    timezone: Annotated[
        str, typer.Option(help="Time zone for dates, like Asia/Shanghai; this machine's if left out.")
    ] = "",
    ca_file: Annotated[str, typer.Option(help="Certificates to trust for mqtts and https, a PEM file.")] = "",
    home: Home = DEFAULT_HOME,
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    """Make the authority's key and folder; again, it changes the settings given and keeps the rest."""
    before = Profile.open(home) if (home / "profile.toml").exists() else None
    known = before.settings if before else None
    place = from_hex("--site", site, 16) if site else known.site if known else os.urandom(16)
    others = tuple(read_public(key) for key in other or ())
    if len(others) + 1 < threshold:
        raise typer.BadParameter("--threshold is above the number of authority keys")
    own = Profile.own_key(home).public_key
    authority = (own, *others) if others or known is None else known.authority
    settings = Settings(
        place,
        authority,
        threshold if others or known is None else known.threshold,
        broker or (known.broker if known else ""),
        host_url.rstrip("/") or (known.host_url if known else ""),
        name or (known.name if known else ""),
        timezone or (known.timezone if known else ""),
        ca_file or (known.ca_file if known else ""),
    )
    profile = Profile.make(home, settings)
    code = compose.key_code(own)
    text = say("authority_made", code=code, public=own.hex(), site=place.hex(), home=home)
    fields = {"public": own.hex(), "kid": profile.signer.kid.hex(), "code": code, "site": place.hex()}
    typer.echo(json.dumps(fields) if as_json else text)


# --- matters ---


@desk_command(matters_app, "import", refresh=False)
def import_list(
    desk: Desk,
    file: Annotated[Path, typer.Argument(help="The list: XLSX or CSV with a heading line, or TOML with [[matter]].")],
) -> None:
    """Check a list and keep it for signing."""
    items = matter_list.read(file)
    parts = matter_list.parts(items)
    write_whole(desk.profile.home / "matters.json", json.dumps(items, ensure_ascii=False, indent=1).encode())
    desk.result(say("matters_read", count=len(items), parts=len(parts)), count=len(items), parts=len(parts))


@desk_command(matters_app, "sign", refresh=False)
def sign_list(
    desk: Desk,
    path: DraftOption = None,
    yes: Yes = False,
) -> None:
    """Sign the list imported last, and put its digest into the roster's draft."""
    path = draft_path(desk, path)
    source = desk.profile.home / "matters.json"
    if not source.is_file():
        raise ClientError("nothing_signed", command="authority matters import")
    parts = matter_list.parts(json.loads(source.read_text(encoding="utf-8")))
    draft.load(path)  # a draft must be there to name the list
    version = publish.next_version(desk.profile, "matters", 0)
    desk.tell(say("matters_read", count=sum(map(len, parts)), parts=len(parts)))
    ask(yes)
    for old in (desk.profile.home / "papers").glob(f"matters-{version:06d}-*.cose"):
        old.unlink()  # never sent
    issued, payloads = now(), []
    for number, items in enumerate(parts, 1):
        fields = matter_list.part_fields(version, issued, number, len(parts), items)
        signed = compose.sign(desk.profile, messages.MATTERS, fields)
        publish.write_signed(desk.profile, f"matters-{version:06d}-{number:02d}.cose", signed.raw)
        payloads.append(signed.payload)
    digest = list_digest(payloads)
    draft_text.set_matters(path, digest)
    desk.result(say("matters_signed", version=version, draft=path), version=version, digest=digest.hex())


@desk_command(matters_app, "publish", answered=True, refresh=False)
def publish_list(desk: Desk) -> None:
    """Send the list signed last to the host and wait for its receipts."""
    version = publish.latest_matters(desk.profile)
    papers = publish.signed_matters(desk.profile, version)
    if not papers:
        raise ClientError("nothing_signed", command="authority matters sign")
    with Session(desk.profile, desk.api) as session:
        results = publish.publish(desk.trust, session, papers, desk.timeout_s, now())
    for result in results.values():
        if result != errors.ACCEPTED:
            raise RefusedError(errors.name_of(result))
    desk.result(say("published", what=word("kind", "matters"), version=version), version=version, result="accepted")


# --- enrolments ---


@desk_command(enrol_app, "token", refresh=False)
def token(
    desk: Desk,
    name: Annotated[str, typer.Option(help="For whom.")],
) -> None:
    """Make a one-time token, and the command that the person runs."""
    settings = desk.profile.settings
    secret = tokens.give(desk.profile, name, now()).hex()
    words = ["sealhost", "keeper", "enrol", "--name", name, "--site", settings.site.hex()]
    for key in settings.authority:
        words += ["--authority", key.hex()]
    words += ["--threshold", str(settings.threshold), "--token", secret]
    words += ["--broker", settings.broker or "…", "--host-url", settings.host_url or "…"]
    line = shlex.join(words)
    desk.result(say("token_made", name=name, token=secret, command=line), token=secret, command=line)


def _proven(desk: Desk, raw: bytes) -> Message:
    """An enrolment signed by its own new key. SealwireError otherwise."""
    message = messages.read(raw, desk.profile.site, (messages.ENROL,))
    if message["kind"] != messages.ED25519:
        raise Refused(errors.UNSUPPORTED_KEY_KIND)
    message.check(message["public"], verify)
    return message


def _read_enrolment(desk: Desk, file: Path) -> Message:
    """The same from a file, with a token given out here. SealwireError or ClientError otherwise."""
    message = _proven(desk, read_file(file))
    if not tokens.fits(desk.profile, message["token"], message["public"]):
        raise ClientError("unknown_token")
    return message


@desk_command(enrol_app, "list")
def list_enrolments(desk: Desk) -> None:
    """Fetch the enrolments that people's apps sent to the host; each becomes a file for `enrol add`."""
    folder = desk.profile.home / "enrolments"
    folder.mkdir(exist_ok=True)
    lines, found = [], []
    for raw in desk.api.enrolments():
        try:
            message = _proven(desk, raw)
        except SealwireError:
            continue  # the host let through what it should not have
        code = compose.key_code(message["public"])
        invited = tokens.fits(desk.profile, message["token"], message["public"])
        path = folder / f"enrol-{code}.cose"
        write_whole(path, raw)
        text = say("enrolment", name=message["name"], code=code)
        lines.append(f"{text}\n  {path}" + ("" if invited else f"\n  {say('unknown_token')}"))
        found.append({"name": message["name"], "code": code, "invited": invited, "file": str(path)})
    desk.result("\n".join(lines) or say("no_enrolments"), enrolments=found)


@desk_command(enrol_app, "refuse")
def refuse_enrolment(
    desk: Desk,
    file: Annotated[Path, typer.Argument(help="The enrolment file.")],
) -> None:
    """Have the host forget an enrolment."""
    message = _proven(desk, read_file(file))
    desk.api.refuse_enrolment(message.kid)
    code = compose.key_code(message["public"])
    desk.result(say("enrolment_refused", name=message["name"], code=code), name=message["name"], code=code)


@desk_command(enrol_app, "show", refresh=False)
def show_enrolment(
    desk: Desk,
    file: Annotated[Path, typer.Argument(help="The person's enrolment file.")],
) -> None:
    """Check an enrolment file and show its key's code."""
    message = _read_enrolment(desk, file)
    code = compose.key_code(message["public"])
    text = say("enrolment", name=message["name"], code=code)
    desk.result(text, name=message["name"], code=code, public=message["public"].hex())


@desk_command(enrol_app, "add", refresh=False)
def add_enrolment(
    desk: Desk,
    file: Annotated[Path, typer.Argument(help="The person's enrolment file.")],
    role: Annotated[list[str] | None, typer.Option(help="Roles of a new person; several times.")] = None,
    until: Annotated[str | None, typer.Option(help="Last day of a new person, like 2026-12-31.")] = None,
    start: Annotated[str | None, typer.Option("--from", help="First day of a new person; today if left out.")] = None,
    number: Annotated[int | None, typer.Option(help="Whose key it is; found by the name if left out.")] = None,
    path: DraftOption = None,
    yes: Yes = False,
) -> None:
    """Add an enrolled key to the draft: to a person who is there, or with a new one."""
    path = draft_path(desk, path)
    message = _read_enrolment(desk, file)
    public, code = message["public"], compose.key_code(message["public"])
    desk.tell(say("enrolment", name=message["name"], code=code))
    ask(yes)
    people = draft.load(path).get("person", [])
    if any(public.hex() in row.get("keys", []) for row in people):
        raise ClientError("key_present")
    named = [row["number"] for row in people if number in (None, row["number"]) and row["name"] == message["name"]]
    if number is not None:
        named = [row["number"] for row in people if row["number"] == number]
    if len(named) > 1:
        raise ClientError("two_people_one_name", name=message["name"])
    if named:
        draft_text.add_key(path, named[0], public, lambda value: _check(desk, value))
    else:
        if not role or not until:
            raise typer.BadParameter("a new person needs --role and --until")
        put_person(desk, path, message["name"], role, (start, until), number, [public])
    tokens.use(desk.profile, message["token"], public)
    desk.result(say("draft_changed", path=path), draft=str(path), name=message["name"], code=code)


def _check(desk: Desk, value: draft.Row) -> None:
    draft.fields(value, version=1, issued=0, zone=desk.profile.zone)


# --- resets ---


@desk_command(authority_app, "reset", answered=True)
def reset(
    desk: Desk,
    clears: Annotated[str, typer.Option(help="What it clears: tamper, clock, or tamper,clock.")],
    box: Annotated[str | None, typer.Option(help="The box: its code or kid, or how one begins.")] = None,
    yes: Yes = False,
) -> None:
    """Clear a box's tamper alarm, or set its clock to this machine's. Look at the box first."""
    words = [one.strip() for one in clears.split(",")]
    if not words or not all(one in CLEARS for one in words):
        raise typer.BadParameter("--clears tamper, clock, or tamper,clock")
    with Session(desk.profile, desk.api) as session:
        place = compose.find_box(desk.trust.roster, box)
        anchor = find_anchor(desk, session, place)
        code = messages.long_code(place)
        desk.tell(say("will_reset", what=", ".join(words), box=code, seq=anchor["seq"]))
        ask(yes)
        fields = {
            "box": place,
            "anchor_seq": anchor["seq"],
            "anchor_head": anchor["head"],
            "clears": sum(CLEARS[one] for one in set(words)),
            "utc": now(),
        }
        signed = compose.sign(desk.profile, messages.RESET, fields)
        kept = compose.keep(desk.profile, signed, made=now())
        desk.profile.queue(kept)
        desk.deliver(session, kept)
        text = say("accepted", what=word("kind", "reset"), code=code)
        desk.result(text, reference=signed.reference.hex(), box=topics.hexed(place), result="accepted")
