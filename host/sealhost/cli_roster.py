"""`sealhost authority roster …`, second half: a draft signed, countersigned by other authority keys, and published."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from sealwire import cose, errors, messages
from sealwire.errors import Refused

from sealhost.cli_draft import DraftFile, cautions_of, changes_of, draft_fields, draft_path, roster_app
from sealhost.cli_keeper import Yes
from sealhost.cli_shared import Desk, ask, desk_command, now, read_file
from sealhost.client import compose, publish
from sealhost.client.errors import ClientError, RefusedError
from sealhost.client.post import Session
from sealhost.client.roster_words import describe
from sealhost.signing.keys import verify
from sealhost.texts import say, word

__all__ = ["roster_app"]


@desk_command(roster_app, "sign", refresh=False)
def sign(
    desk: Desk,
    path: DraftFile = None,
    version: Annotated[int | None, typer.Option(help="The next free one if left out.")] = None,
    force: Annotated[bool, typer.Option(help="Sign a doubtful draft all the same.")] = False,
    yes: Yes = False,
) -> None:
    """Check a draft, say in words what it means, and sign it as the next version."""
    free = publish.next_version(desk.profile, "roster", desk.trust.version)
    if version is not None and version < free:
        raise ClientError("version_used", version=version, free=free)
    fields = draft_fields(desk, draft_path(desk, path), version or free)
    desk.tell(say("will_sign_roster", version=fields["version"]))
    desk.tell("\n".join(describe(desk.profile, fields)))
    changes = changes_of(desk, fields)
    if desk.trust.version:
        desk.tell(say("changes", version=desk.trust.version))
        desk.tell("\n".join(changes) or say("no_changes"))
    doubts = cautions_of(desk, fields)
    if doubts and not force:
        raise ClientError("draft_doubtful", cautions="\n".join(doubts))
    desk.tell("\n".join(doubts))
    ask(yes)
    signed = compose.sign(desk.profile, messages.ROSTER, fields)
    for old in (desk.profile.home / "papers").glob(f"roster-{fields['version']:06d}-*.cose"):
        old.unlink()  # never sent, and now replaced: others' signatures on it are void as well
    name = publish.roster_file(Path(), fields["version"], signed.kid).name
    file = publish.write_signed(desk.profile, name, signed.raw)
    desk.result(say("roster_signed", path=file), version=fields["version"], file=str(file), changes=changes)


@desk_command(roster_app, "countersign", refresh=False)
def countersign(
    desk: Desk,
    file: Annotated[Path, typer.Argument(help="A roster signed by another authority key.")],
    yes: Yes = False,
) -> None:
    """Sign the same roster as another authority key, after reading what it says."""
    other = messages.read(read_file(file), desk.profile.site, (messages.ROSTER,))
    settings = desk.profile.settings
    known = [*settings.authority, *(desk.trust.roster.fields["authority"] if desk.trust.version else ())]
    key = next((one for one in known if cose.key_id(one) == other.kid), None)
    if key is None:
        raise Refused(errors.UNKNOWN_SIGNER)
    other.check(key, verify)
    desk.tell(say("will_sign_roster", version=other["version"]))
    desk.tell("\n".join([*describe(desk.profile, other.fields), *cautions_of(desk, other.fields)]))
    ask(yes)
    signed = compose.sign(desk.profile, messages.ROSTER, other.fields)
    publish.write_signed(desk.profile, publish.roster_file(Path(), other["version"], other.kid).name, other.raw)
    name = publish.roster_file(Path(), other["version"], signed.kid).name
    path = publish.write_signed(desk.profile, name, signed.raw)
    desk.result(say("roster_signed", path=path), version=other["version"], file=str(path))


@desk_command(roster_app, "publish", answered=True, refresh=False)
def publish_roster(
    desk: Desk,
    files: Annotated[
        list[Path] | None, typer.Argument(help="Signatures of other authority keys, if not beside.")
    ] = None,
) -> None:
    """Send the roster signed last to the host and wait for its receipt."""
    for file in files or ():
        raw = read_file(file)
        one = messages.read(raw, desk.profile.site, (messages.ROSTER,))
        publish.write_signed(desk.profile, publish.roster_file(Path(), one["version"], one.kid).name, raw)
    version = publish.latest_signed(desk.profile)
    found = publish.signed_rosters(desk.profile, version)
    if not found:
        raise ClientError("nothing_signed", command="authority roster sign")
    if version > desk.trust.version:
        have, need = publish.enough_signatures(desk.trust, found)
        if have < need:
            path = publish.roster_file(desk.profile.home / "papers", version, found[0].kid)
            raise ClientError("not_enough_signatures", have=have, need=need, path=path)
    desk.trust.judge_roster([one.raw for one in found])
    with Session(desk.profile, desk.api) as session:
        results = publish.publish(desk.trust, session, found, desk.timeout_s, now())
    if errors.ACCEPTED not in results.values():
        raise RefusedError(errors.name_of(next(iter(results.values()))))
    desk.trust.take_roster([one.raw for one in found])
    text = say("published", what=word("kind", "roster"), version=version)
    desk.result(text, version=version, result="accepted")
