"""The people's commands: `keeper` and `officer`, with `enrol` and `send`, which both have."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Annotated

import typer
from sealwire import errors, messages

from sealhost.cli_keeper import keeper_app
from sealhost.cli_officer import officer_app
from sealhost.cli_shared import (
    DEFAULT_HOME,
    DEFAULT_TIMEOUT_S,
    AsJson,
    Home,
    Lang,
    Timeout,
    at_desk,
    command,
    from_hex,
    now,
)
from sealhost.client import compose
from sealhost.client.errors import ClientError, NoAnswerError
from sealhost.client.post import Postman, Session
from sealhost.client.profile import Profile, Settings, write_whole
from sealhost.signing.keys import read_public
from sealhost.texts import say


def enrol(
    name: Annotated[str, typer.Option(help="Your name as the roster shall show it; at most 8 Chinese characters.")],
    site: Annotated[str, typer.Option(help="The site, 32 hex digits; the authority tells it.")],
    authority: Annotated[list[str], typer.Option(help="An authority key: hex or a file; several times for several.")],
    token: Annotated[str, typer.Option(help="The one-time token from the authority, 32 hex digits.")],
    broker: Annotated[str, typer.Option(help="mqtt://[user:password@]host[:port], or mqtts://")],
    host_url: Annotated[str, typer.Option(help="The host's web address, http(s)://…")],
    threshold: Annotated[int, typer.Option(min=1, help="How many authority keys must sign a roster.")] = 1,
    timezone: Annotated[
        str, typer.Option(help="Time zone for dates, like Asia/Shanghai; this machine's if left out.")
    ] = "",
    ca_file: Annotated[str, typer.Option(help="Certificates to trust for mqtts and https, a PEM file.")] = "",
    out: Annotated[
        Path | None, typer.Option(help="Where the enrolment file goes; into the profile if left out.")
    ] = None,
    home: Home = DEFAULT_HOME,
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    """Make your key and the enrolment file to give to the authority. Your key never leaves this folder."""
    trusted = tuple(read_public(key) for key in authority)
    if threshold > len(trusted):
        raise typer.BadParameter("--threshold is above the number of --authority keys")
    secret = from_hex("--token", token.replace("-", "").replace(" ", ""), 16)
    settings = Settings(
        from_hex("--site", site, 16), trusted, threshold, broker, host_url.rstrip("/"), name, timezone, ca_file
    )
    profile = Profile.make(home, settings)
    public = profile.signer.public_key
    fields = {"name": name, "kind": messages.ED25519, "public": public, "token": secret}
    message = compose.sign(profile, messages.ENROL, fields)
    code = compose.key_code(public)
    path = out or home / f"enrol-{code}.cose"
    write_whole(path, message.raw)
    text = say("enrolled", code=code, path=path)
    _print(as_json, text, {"public": public.hex(), "kid": profile.signer.kid.hex(), "code": code, "file": str(path)})


def send(
    again: Annotated[
        int | None, typer.Option(help="Also what was sent in so many last days, for a host that lost it.", min=1)
    ] = None,
    home: Home = DEFAULT_HOME,
    timeout: Timeout = DEFAULT_TIMEOUT_S,
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    """Send what was signed and has no receipt yet.

    A host that came back from a backup says so at each sign-in: what it lacks is sent again then, without --again.
    """
    with at_desk(home, as_json, timeout, refresh=False) as desk:
        with contextlib.suppress(ClientError):  # without a sign-in, what waits may still be sent
            desk.refresh()
        if again is not None:
            desk.profile.again(now() - again * 86400)
        waiting = desk.profile.waiting()
        results: dict[bytes, int] = {}
        if waiting:
            desk.refresh()
            with Session(desk.profile, desk.api) as session:
                try:
                    results = Postman(session, desk.trust, lambda: desk.api).deliver(waiting, timeout)
                except NoAnswerError:
                    still = {kept.reference for kept in desk.profile.waiting()}
                    settled = {kept.reference: kept.result or 0 for kept in desk.profile.signed()}
                    results = {
                        kept.reference: settled[kept.reference] for kept in waiting if kept.reference not in still
                    }
        left = len(waiting) - len(results)
        lines = [say("sent_count", sent=len(results), left=left)]
        lines += [f"{reference.hex()[:16]}  {errors.name_of(result)}" for reference, result in results.items()]
        fields = {reference.hex(): errors.name_of(result) for reference, result in results.items()}
        desk.result("\n".join(lines), sent=fields, left=left)
    if left:
        raise typer.Exit(3)


def _print(as_json: bool, text: str, fields: dict[str, object]) -> None:
    typer.echo(json.dumps(fields, ensure_ascii=False) if as_json else text)


for _app in (keeper_app, officer_app):
    command(_app, "enrol")(enrol)
    command(_app, "send")(send)

__all__ = ["keeper_app", "officer_app"]
