"""`sealhost notify …` and `sealhost webhook …`: who is told, and where; kept in notify.toml of the host's home."""

from __future__ import annotations

import json
import secrets
import sys
import time
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer
from rich.console import Console

from sealhost import texts
from sealhost.app import HostError
from sealhost.cli_common import (
    DEFAULT_HOME,
    HomeOption,
    JsonOption,
    SiteOption,
    choose_site,
    opened,
    plain_errors,
    print_json,
)
from sealhost.cli_records import print_records
from sealhost.client.draft import ROLES
from sealhost.services.views import Views
from sealhost.telling import channels, routes, webhook, wording
from sealhost.telling.routes import Hook, Person, RoutesError
from sealhost.telling.webhook import TellingError

notify_app = typer.Typer(no_args_is_help=True, help="People who are told by chat, e-mail or SMS (Apprise).")
webhook_app = typer.Typer(no_args_is_help=True, help="Office systems that are sent signed JSON.")

Name = Annotated[str, typer.Argument(help="The route, as `list` shows it.")]


@notify_app.command("add")
@plain_errors
def add_person(
    to: Annotated[str, typer.Option("--to", help="A person's number in the roster, or a role: officer, role:7.")],
    url: Annotated[str, typer.Option(help="Apprise URL, like dingtalk://token; - reads it from standard input.")],
    want: Annotated[
        list[str] | None,
        typer.Option(help="request, reminder, outcome, alert; several times. Without: all but alert."),
    ] = None,
    lang: Annotated[str | None, typer.Option(help="zh, en or both.")] = None,
    name: Annotated[str | None, typer.Option(help="A name for this route.")] = None,
    home: HomeOption = DEFAULT_HOME,
    site: SiteOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell a person, or all who hold a role (a group's robot).

    \b
    Examples:
      sealhost notify add --to 2 --url - --lang zh        # the URL is a secret: typed, not in the command
      sealhost notify add --to officer --want request --want alert --url wecombot://KEY
    """
    address = sys.stdin.readline().strip() if url == "-" else url
    role = to.removeprefix("role:")
    meant = f"role:{ROLES[role]}" if role in ROLES else to
    wants = tuple(want or ("request", "reminder", "outcome"))
    chosen = _site(home, site)
    route = Person(name or _new_name("person"), chosen, meant, address, lang or texts.language(), wants)
    try:
        channels.check(address)
        _add(home, route)
    except (TellingError, RoutesError) as error:
        raise HostError(str(error)) from error
    _say(as_json, f"{route.name}: {channels.masked(address)}", name=route.name)


@webhook_app.command("add")
@plain_errors
def add_hook(
    url: Annotated[str, typer.Argument(help="https://… of the office system.")],
    kind: Annotated[
        list[str] | None, typer.Option("--type", help=f"One of {', '.join(routes.TYPES)}; all without.")
    ] = None,
    private: Annotated[
        bool, typer.Option("--private", help="It lies in this network: private addresses and http:// are allowed.")
    ] = False,
    name: Annotated[str | None, typer.Option(help="A name for this route.")] = None,
    home: HomeOption = DEFAULT_HOME,
    site: SiteOption = None,
    as_json: JsonOption = False,
) -> None:
    """Send an office system signed JSON; prints the secret that it checks signatures with, once.

    \b
    Example:
      sealhost webhook add https://oa.example/sealbox --type request.waiting --type case.opened
    """
    chosen = _site(home, site)
    hook = Hook(name or _new_name("webhook"), chosen, url, webhook.new_secret(), tuple(kind or ()), private)
    try:
        webhook.check_url(hook)
        _add(home, hook)
    except (TellingError, RoutesError) as error:
        raise HostError(str(error)) from error
    _say(as_json, f"{hook.name}\nsecret {hook.secret}   (give it to the receiver)", name=hook.name, secret=hook.secret)


def list_routes(kind: type[Person] | type[Hook], home: Path, as_json: bool) -> None:
    """Show the routes of a kind, without their secrets."""
    rows = []
    for one in _load(home).all():
        if isinstance(one, Person) and kind is Person:
            url, wants = channels.masked(one.url), ", ".join(one.wants)
            rows.append({"name": one.name, "site": one.site, "to": one.to, "url": url, "wants": wants})
        elif isinstance(one, Hook) and kind is Hook:
            parts = urlsplit(one.url)
            url, wants = f"{parts.scheme}://{parts.netloc}/…", ", ".join(one.types) or "*"
            rows.append({"name": one.name, "site": one.site, "to": "private" if one.private else "", "url": url, "wants": wants})  # fmt: skip  # noqa: E501
    if as_json:
        print_json(rows)
        return
    print_records(Console(), ("name", "site", "to", "url", "wants"), [list(row.values()) for row in rows])


@notify_app.command("list")
@plain_errors
def list_people(home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """Show who is told, without what is secret of the addresses."""
    list_routes(Person, home, as_json)


@webhook_app.command("list")
@plain_errors
def list_hooks(home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """Show the office systems, without their secrets."""
    list_routes(Hook, home, as_json)


def try_route(name: Name, home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """Send a test now, and say whether it was taken."""
    route = _load(home).find(name)
    if route is None:
        raise HostError(f"there is no route {name}")
    now = int(time.time())
    item = {"id": f"msg_{secrets.token_hex(12)}", "type": "test", "at": now, "site": route.site}
    try:
        if isinstance(route, Person):
            channels.send(route.url, *wording.message(item, route.lang, ""))
        else:
            webhook.post(route, str(item["id"]), json.dumps(item, sort_keys=True).encode(), now)
    except TellingError as error:
        raise HostError(f"{name}: {error}") from error
    _say(as_json, f"{name}: taken", name=name, taken=True)


def remove(name: Name, home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """Tell this one no more."""
    try:
        routes.save(home, _load(home).without(name))
    except RoutesError as error:
        raise HostError(str(error)) from error
    _say(as_json, f"{name}: removed", name=name)


for app in (notify_app, webhook_app):
    app.command("test")(plain_errors(try_route))
    app.command("remove")(plain_errors(remove))


def _load(home: Path) -> routes.Routes:
    try:
        return routes.load(home)
    except RoutesError as error:
        raise HostError(str(error)) from error


def _add(home: Path, route: Person | Hook) -> None:
    routes.check(route)
    routes.save(home, _load(home).with_route(route))


def _site(home: Path, site: str | None) -> str:
    with opened(home) as context:
        return choose_site(Views(context).sites(), site).hex()


def _new_name(kind: str) -> str:
    return f"{kind}-{secrets.token_hex(3)}"


def _say(as_json: bool, text: str, **fields: object) -> None:
    if as_json:
        print_json(fields)
    else:
        print(text)
