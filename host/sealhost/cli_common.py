"""What the commands of this host's machine share: the home folder, opening it, and errors without tracebacks."""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, NoReturn, ParamSpec, TypeVar

import typer
from pydantic import ValidationError
from sealwire.errors import SealwireError
from sqlalchemy.exc import SQLAlchemyError

from sealhost.app import HostError, open_context
from sealhost.config import FILE_NAME, Settings
from sealhost.fence import FenceError
from sealhost.links import LinkError
from sealhost.links.broker import BrokerError
from sealhost.services.context import Context
from sealhost.signing.keys import KeyFileError
from sealhost.upkeep import UpkeepError
from sealhost.web.server import ServerError

P = ParamSpec("P")
R = TypeVar("R")

DEFAULT_HOME = Path("~/.sealhost").expanduser()

HomeOption = Annotated[
    Path, typer.Option("--home", envvar="SEALHOST_HOME", help="The folder that holds everything of this host.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs instead of text for people.")]
SiteOption = Annotated[
    str | None, typer.Option("--site", help="The site in hex; may be left out when this host has only one.")
]


_PLAIN = (*(HostError, KeyFileError, BrokerError, ServerError, SealwireError, FenceError, LinkError, UpkeepError),)


def plain_errors(function: Callable[P, R]) -> Callable[P, R]:
    """Turns what can go wrong into one line on standard error and exit code 1."""

    @functools.wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except _PLAIN as error:
            fail(str(error))
        except ValidationError as error:
            first = error.errors()[0]
            fail(f"setting {'.'.join(map(str, first['loc'])) or '?'}: {first['msg']}")
        except SQLAlchemyError as error:
            fail(f"the database cannot be used: {str(error).splitlines()[0]}")
        except (OSError, ValueError) as error:
            fail(str(error))

    return wrapped


def fail(text: str) -> NoReturn:
    """Say what is wrong and end."""
    print(f"sealhost: {text}", file=sys.stderr)
    raise typer.Exit(1)


def load_settings(home: Path, **options: Any) -> Settings:
    """The settings of a home that `init` made; options that are None do not count. HostError when it is none."""
    if not (home / FILE_NAME).is_file():
        raise HostError(f"{home} is no host's home: make it with `sealhost init --home {home} …`")
    return Settings(home=home, **{name: value for name, value in options.items() if value is not None})


@contextmanager
def opened(home: Path) -> Iterator[Context]:
    """A host's database and key."""
    context = open_context(load_settings(home))
    try:
        yield context
    finally:
        context.database.close()


def choose_site(sites: list[dict[str, str]], wanted: str | None) -> bytes:
    """The site that is meant. HostError when that is not clear."""
    names = [row["site"] for row in sites]
    if wanted is None and len(names) == 1:
        return bytes.fromhex(names[0])
    if wanted is None:
        raise HostError("this host serves several sites: say which with --site")
    if wanted.lower() not in names:
        raise HostError(f"this host does not serve site {wanted}")
    return bytes.fromhex(wanted)


def print_json(value: Any) -> None:
    """JSON on standard output, whatever the terminal's width."""
    print(json.dumps(value, ensure_ascii=False, indent=1))
