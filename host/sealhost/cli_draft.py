"""`sealhost authority roster …`, first half: the draft that people edit, checked and told in words."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from sealwire import messages

from sealhost.cli_shared import Desk, desk_command, now, read_file
from sealhost.client import draft, draft_text, publish
from sealhost.client.cautions import cautions
from sealhost.client.errors import ClientError
from sealhost.client.roster_words import compare, describe
from sealhost.signing.keys import read_public
from sealhost.texts import say

roster_app = typer.Typer(no_args_is_help=True, help="Who may do what: draft, sign, publish.")

DraftFile = Annotated[
    Path | None,
    typer.Argument(help="The draft, a TOML file; draft.toml in the profile if left out.", show_default=False),
]
DraftOption = Annotated[Path | None, typer.Option("--draft", help="The draft; draft.toml in the profile if left out.")]
HEADING = """The draft of a roster: who belongs to the site, which boxes and seals it has, and by which rules they open.
Edit it freely; `authority roster show` checks it and says in words what it means; `authority roster sign` signs it.
Roles: keeper, officer, auditor, secretary, director, or a number from 6 to 15.
Dates are days, both included. Times are written like "90 s", "2 min", "12 hours", "3 days"."""


def draft_path(desk: Desk, given: Path | None) -> Path:
    """The draft meant."""
    return given or desk.profile.home / "draft.toml"


def draft_fields(desk: Desk, path: Path, version: int | None = None) -> dict[str, Any]:
    """The roster that a draft describes."""
    if version is None:
        version = publish.next_version(desk.profile, "roster", desk.trust.version)
    return draft.fields(draft.load(path), version=version, issued=now(), zone=desk.profile.zone)


@desk_command(roster_app, "new", refresh=False)
def new(desk: Desk, path: DraftFile = None) -> None:
    """Start a draft: from the roster held, or with the authority's keys only."""
    path = draft_path(desk, path)
    if path.exists():
        raise ClientError("file_exists", path=path)
    settings = desk.profile.settings
    fields = {
        "authority": list(settings.authority),
        "threshold": settings.threshold,
        "people": [],
        "hosts": [],
        "boxes": [],
        "rules": [],
        "matters": bytes(32),
        "releases": [],
    }
    if desk.trust.version:
        fields = desk.trust.roster.fields
    path.write_text(draft_text.render(fields, desk.profile.zone, HEADING), encoding="utf-8")
    desk.result(say("draft_made", path=path), draft=str(path))


@desk_command(roster_app, "show", refresh=False)
def show(desk: Desk, path: DraftFile = None) -> None:
    """Say in words what a draft (.toml) or a signed roster (.cose) means."""
    path = draft_path(desk, path)
    if path.suffix == ".cose":
        fields = messages.read(read_file(path), desk.profile.site, (messages.ROSTER,)).fields
    else:
        fields = draft_fields(desk, path)
    lines, doubts = describe(desk.profile, fields), cautions_of(desk, fields)
    desk.result("\n".join([*lines, *doubts]), version=fields["version"], says=lines, doubts=doubts)


@desk_command(roster_app, "diff", refresh=False)
def diff(desk: Desk, path: DraftFile = None) -> None:
    """Say what a draft changes against the roster published last."""
    changes = changes_of(desk, draft_fields(desk, draft_path(desk, path)))
    text = "\n".join(changes) or say("no_changes")
    desk.result(text, against=desk.trust.version, changes=changes)


def changes_of(desk: Desk, fields: dict[str, Any]) -> list[str]:
    """What a roster changes against the one held."""
    return compare(desk.profile, desk.trust.roster.fields if desk.trust.version else None, fields)


def cautions_of(desk: Desk, fields: dict[str, Any]) -> list[str]:
    """What is doubtful about a roster."""
    return cautions(desk.profile, desk.trust.roster.fields if desk.trust.version else None, fields)


@desk_command(roster_app, "add-person", refresh=False)
def add_person(
    desk: Desk,
    name: Annotated[str, typer.Option(help="At most 8 Chinese characters.")],
    role: Annotated[list[str], typer.Option(help="keeper, officer, auditor, secretary, director; several times.")],
    until: Annotated[str, typer.Option(help="Last day, like 2026-12-31.")],
    start: Annotated[str | None, typer.Option("--from", help="First day; today if left out.")] = None,
    number: Annotated[int | None, typer.Option(help="The person's number; the next free one if left out.")] = None,
    key: Annotated[
        list[str] | None, typer.Option(help="Public key: hex or a file; usually comes by `enrol add`.")
    ] = None,
    path: DraftOption = None,
) -> None:
    """Add a person to a draft."""
    path = draft_path(desk, path)
    put_person(desk, path, name, role, (start, until), number, [read_public(one) for one in key or ()])
    desk.result(say("draft_changed", path=path), draft=str(path))


def put_person(
    desk: Desk,
    path: Path,
    name: str,
    roles: list[str],
    days: tuple[str | None, str],
    number: int | None,
    keys: list[bytes],
) -> None:
    """Append a [[person]] to a draft."""
    taken = [row.get("number", 0) for row in draft.load(path).get("person", [])]
    lines = [
        "[[person]]",
        f"number = {number or max(taken, default=0) + 1}",
        f"name = {draft_text.quoted(name)}",
        f"roles = [{', '.join(one if one.isdecimal() else draft_text.quoted(one) for one in roles)}]",
        f"from = {draft.a_day(days[0]) if days[0] else draft.today(desk.profile.zone)}",
        f"until = {draft.a_day(days[1])}",
        f"keys = [{', '.join(draft_text.quoted(key.hex()) for key in keys)}]",
    ]
    draft_text.add_block(path, "\n".join(lines) + "\n", _checker(desk))


def _checker(desk: Desk) -> Any:
    """An edit must leave a draft that can be signed."""
    return lambda value: draft.fields(value, version=1, issued=0, zone=desk.profile.zone)


@desk_command(roster_app, "remove-person", refresh=False)
def remove_person(
    desk: Desk,
    number: Annotated[int, typer.Argument(help="The person's number.")],
    path: DraftOption = None,
) -> None:
    """Take a person out of a draft."""
    path = draft_path(desk, path)
    draft_text.remove_person(path, number, _checker(desk))
    desk.result(say("draft_changed", path=path), draft=str(path))


@desk_command(roster_app, "add-host", refresh=False)
def add_host(
    desk: Desk,
    key: Annotated[str, typer.Option(help="The host's public key: hex or a file; `sealhost init` prints it.")],
    path: DraftOption = None,
) -> None:
    """Add a host to a draft."""
    path = draft_path(desk, path)
    draft_text.add_block(path, draft_text.host_block(read_public(key)), _checker(desk))
    desk.result(say("draft_changed", path=path), draft=str(path))


@desk_command(roster_app, "add-box", refresh=False)
def add_box(
    desk: Desk,
    key: Annotated[str, typer.Option(help="The box's public key: hex or a file; `box provision` prints it.")],
    bay: Annotated[list[str], typer.Option(help="NUMBER:SEAL:RULES like 1:居委会:1,2; once for each bay.")],
    path: DraftOption = None,
) -> None:
    """Add a box with its bays to a draft. The rules must be there before."""
    bays = []
    for text in bay:
        number, _, rest = text.partition(":")
        seal, _, rules = rest.rpartition(":")
        listed = rules.split(",") if rules else []
        if not number.isdecimal() or not seal or not all(one.strip().isdecimal() for one in listed):
            raise typer.BadParameter(f"--bay {text!r}: NUMBER:SEAL:RULES like 1:居委会:1,2")
        bays.append({"number": int(number), "seal": seal, "rules": sum(1 << int(one) for one in set(listed))})
    path = draft_path(desk, path)
    draft_text.add_block(path, draft_text.box_block(read_public(key), bays), _checker(desk))
    desk.result(say("draft_changed", path=path), draft=str(path))


@desk_command(roster_app, "add-rule", refresh=False)
def add_rule(
    desk: Desk,
    matter: Annotated[list[int], typer.Option(help="Code of a matter; several times.")],
    group: Annotated[list[str], typer.Option(help="ROLE:LEAST like officer:2; several times, all must be met.")],
    number: Annotated[int | None, typer.Option(help="The rule's number; the next free one if left out.")] = None,
    raiser: Annotated[str, typer.Option(help="Role that may raise a request.")] = "keeper",
    denials: Annotated[int, typer.Option(help="How many denials end a request.")] = 1,
    impressions: Annotated[int, typer.Option(help="The most impressions of one request.")] = 10,
    open_for: Annotated[str, typer.Option("--open", help="How long the bay stays open.")] = "2 min",
    wait: Annotated[str, typer.Option(help="How long a request waits for decisions.")] = "3 days",
    use: Annotated[str, typer.Option(help="How long an approved request may be used.")] = "1 day",
    path: DraftOption = None,
) -> None:
    """Add a rule to a draft."""
    path = draft_path(desk, path)
    taken = [row.get("number", 0) for row in draft.load(path).get("rule", [])]
    rule = {
        "number": number or max(taken, default=0) + 1,
        "matters": matter,
        "raiser": draft.role_number("--raiser", raiser),
        "groups": [_group(text) for text in group],
        "denials": denials,
        "impressions": impressions,
        "open_seconds": draft.duration("--open", open_for),
        "wait_seconds": draft.duration("--wait", wait),
        "use_seconds": draft.duration("--use", use),
        "break_glass": 0,
    }
    draft_text.add_block(path, draft_text.rule_block(rule), _checker(desk))
    desk.result(say("draft_changed", path=path), draft=str(path), number=rule["number"])


def _group(text: str) -> dict[str, int]:
    name, _, least = text.partition(":")
    if not least.isdecimal():
        raise typer.BadParameter(f"--group {text!r}: ROLE:LEAST like officer:2")
    return {"role": draft.role_number("--group", name), "least": int(least)}
