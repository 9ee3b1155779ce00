"""Who is told, and where: `notify.toml` in the host's home.

Guarantees: the file is its owner's alone (0600) or it is not read, and is written whole or not at all. It holds tokens
of other services, so it is neither in the database nor in any export or message.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

FILE_NAME = "notify.toml"
LANGUAGES = ("zh", "en", "both")
WANTS = ("request", "reminder", "outcome", "alert")
"""Requests to decide, times that run out, how one's own request ended, and cases."""
_WANT_OF = {
    "request.waiting": "request",
    "request.approved": "outcome",
    "request.denied": "outcome",
    "request.expired": "outcome",
    "request.failed": "outcome",
    "reminder.decide": "reminder",
    "reminder.use": "reminder",
    "case.opened": "alert",
}
TYPES = (*_WANT_OF, "request.open", "request.finished", "case.closed")
"""What a webhook may ask for."""
MAX_ROUTES = 1000  # of one host; some people of some hundred villages
_HEADING = """\
# Who is told, and where. Addresses hold secrets: keep this file to yourself (mode 0600) and out of shared backups.
# `sealhost notify` and `sealhost webhook` write it; a running host reads it anew when it changes.
"""


class RoutesError(Exception):
    """notify.toml cannot be used; the text says why."""


@dataclass(frozen=True)
class Person:
    """A person (`to` is their number in the roster) or all who hold a role (`role:2`), and their Apprise URL."""

    name: str
    site: str
    to: str
    url: str = field(repr=False)
    lang: str = "zh"
    wants: tuple[str, ...] = ("request", "reminder", "outcome")

    def is_meant(self, kind: str, people: dict[int, int], everyone: bool) -> bool:
        """Whether an item is for them. An alert is for whoever chose alerts, whatever it is about."""
        if everyone:
            return True
        want = _WANT_OF.get(kind)
        if want not in self.wants:
            return False
        if want == "alert":
            return True
        if self.to.startswith("role:"):
            role = int(self.to[5:])
            return any(roles >> role & 1 for roles in people.values())
        return int(self.to) in people


@dataclass(frozen=True)
class Hook:
    """An office system that is sent JSON. `types` empty: everything. `private`: it may lie in this network."""

    name: str
    site: str
    url: str
    secret: str = field(repr=False)
    types: tuple[str, ...] = ()
    private: bool = False


@dataclass(frozen=True)
class Routes:
    """All of them."""

    people: tuple[Person, ...] = ()
    hooks: tuple[Hook, ...] = ()

    def find(self, name: str) -> Person | Hook | None:
        """A route by its name."""
        return next((one for one in self.all() if one.name == name), None)

    def all(self) -> list[Person | Hook]:
        """People, then office systems."""
        return [*self.people, *self.hooks]

    def chosen(self, kind: str, site: bytes, people: dict[int, int], everyone: bool = False) -> list[str]:
        """The names of the routes that are to be told."""
        here = site.hex()
        found = [one.name for one in self.people if one.site == here and one.is_meant(kind, people, everyone)]
        return found + [one.name for one in self.hooks if one.site == here and (not one.types or kind in one.types)]

    def with_route(self, route: Person | Hook) -> Routes:
        """With one more. RoutesError when its name is taken."""
        if self.find(route.name) is not None:
            raise RoutesError(f"there is a route {route.name} already")
        if isinstance(route, Person):
            return Routes((*self.people, route), self.hooks)
        return Routes(self.people, (*self.hooks, route))

    def without(self, name: str) -> Routes:
        """Without one. RoutesError when there is none of that name."""
        if self.find(name) is None:
            raise RoutesError(f"there is no route {name}")
        return Routes(
            tuple(one for one in self.people if one.name != name), tuple(one for one in self.hooks if one.name != name)
        )


def load(home: Path) -> Routes:
    """What the file says; nothing without a file. RoutesError."""
    path = home / FILE_NAME
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_mode & 0o077:
                raise RoutesError(f"others can read {path}, which holds secrets: chmod 600 {path}")
            content = tomllib.load(file)
    except FileNotFoundError:
        return Routes()
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RoutesError(f"{path} cannot be read: {error}") from error
    if set(content) - {"person", "webhook"}:
        raise RoutesError(f"{path}: only [[person]] and [[webhook]] are known")
    try:
        routes = Routes(tuple(_read(Person, content, "person")), tuple(_read(Hook, content, "webhook")))
    except RoutesError as error:
        raise RoutesError(f"{path}: {error}") from error
    names = [one.name for one in routes.all()]
    if len(set(names)) != len(names) or len(names) > MAX_ROUTES:
        raise RoutesError(f"{path}: a name is there twice, or there are more than {MAX_ROUTES}")
    return routes


def save(home: Path, routes: Routes) -> None:
    """Write the file, whole or not at all, for nobody else to read."""
    path = home / FILE_NAME
    partial = path.with_suffix(".tmp")
    partial.unlink(missing_ok=True)
    with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(_HEADING)
        for heading, ones in (("person", routes.people), ("webhook", routes.hooks)):
            for one in ones:
                file.write(f"\n[[{heading}]]\n")
                file.writelines(f"{name} = {_toml(value)}\n" for name, value in asdict(one).items())
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def _toml(value: object) -> str:
    """A JSON string without control characters is a TOML string, and so on."""
    return json.dumps(list(value) if isinstance(value, tuple) else value, ensure_ascii=False)


_T = TypeVar("_T", Person, Hook)


def _read(kind: type[_T], content: dict[str, Any], heading: str) -> Iterator[_T]:
    tables = content.get(heading, [])
    if not isinstance(tables, list):
        raise RoutesError(f"write [[{heading}]]")
    known = {one.name: one for one in fields(kind)}
    for table in tables:
        values = dict(table)
        for name, value in values.items():
            if name not in known:
                raise RoutesError(f"[[{heading}]] knows no {name!r}")
            values[name] = tuple(map(str, value)) if isinstance(value, list) else value
        try:
            one = kind(**values)
        except TypeError as error:
            raise RoutesError(f"[[{heading}]]: {error}") from error
        check(one)
        yield one


def check(route: Person | Hook) -> None:
    """Raises RoutesError for values that cannot be meant."""
    texts = [route.name, route.site, route.url, route.secret if isinstance(route, Hook) else route.to]
    if not all(isinstance(text, str) and text and text.isprintable() for text in texts):
        raise RoutesError(f"route {route.name!r}: name, site and address are texts without control characters")
    if isinstance(route, Hook):
        _among(route.name, route.types, TYPES)
        if not isinstance(route.private, bool):
            raise RoutesError(f"route {route.name}: private is true or false")
        return
    _among(route.name, route.wants, WANTS)
    _among(route.name, (route.lang,), LANGUAGES)
    if not route.to.removeprefix("role:").isdecimal() or int(route.to.removeprefix("role:")) > 9999:
        raise RoutesError(f"route {route.name}: `to` is a person's number or role:NUMBER")


def _among(name: str, given: tuple[str, ...], known: tuple[str, ...]) -> None:
    for one in given:
        if one not in known:
            raise RoutesError(f"route {name}: {one!r} is none of {', '.join(known)}")
