"""What the people's commands share: their common options, opening a profile, and saying how it went.

Exit codes: 0 done, 1 refused or failed, 2 wrong usage (Typer), 3 not answered in time (what was signed is kept and
sent again).
"""

from __future__ import annotations

import inspect
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, ParamSpec

import typer
from sealwire import errors
from sealwire.errors import Refused, SealwireError

from sealhost import texts
from sealhost.client.api import Api
from sealhost.client.cases import Cases
from sealhost.client.errors import ClientError, RefusedError
from sealhost.client.post import Postman, Session
from sealhost.client.profile import Kept, Profile
from sealhost.client.trust import Trust
from sealhost.signing.keys import KeyFileError
from sealhost.texts import say

HOME_VARIABLE = "SEALBOX_HOME"

Home = Annotated[
    Path, typer.Option("--home", envvar=HOME_VARIABLE, help="Profile folder: your key, settings and messages.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
Lang = Annotated[
    str | None, typer.Option("--lang", help="Language of the sentences: zh or en.", callback=lambda v: _lang(v))
]
Timeout = Annotated[float, typer.Option("--timeout", min=0.1, help="Seconds to wait for the other side's answer.")]

DEFAULT_HOME = Path("~/.sealbox").expanduser()
DEFAULT_TIMEOUT_S = 30.0

_P = ParamSpec("_P")


def _lang(value: str | None) -> str | None:
    if value is not None and value not in texts.LANGUAGES:
        raise typer.BadParameter("zh or en")
    texts.use(value)
    return value


def command(app: typer.Typer, name: str) -> Callable[[Callable[_P, None]], Callable[_P, None]]:
    """Register a command whose errors end in one sentence and an exit code, as JSON when --json was given."""

    def decorate(function: Callable[_P, None]) -> Callable[_P, None]:
        @wraps(function)
        def run(*args: _P.args, **kwargs: _P.kwargs) -> None:
            try:
                function(*args, **kwargs)
            except ClientError as error:
                name = error.reason if isinstance(error, RefusedError) else error.key
                _fail(bool(kwargs.get("as_json")), name, str(error), error.exit_code)
            except SealwireError as error:
                _fail(bool(kwargs.get("as_json")), error.name, say("refused_here", reason=str(error)), 1)
            except KeyFileError as error:
                _fail(bool(kwargs.get("as_json")), "key_file", str(error), 1)

        app.command(name)(run)
        return run

    return decorate


def desk_command(
    app: typer.Typer, name: str, *, answered: bool = False, refresh: bool = True, text: str | None = None
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register a command that works at a `Desk`, its first parameter.

    The options that all of them have are added here: --home, --json, --lang, and --timeout where something is answered
    by the other side. `text` is the help in place of the function's own first words.
    """
    shared: dict[str, tuple[Any, Any]] = {"home": (Home, DEFAULT_HOME)}
    if answered:
        shared["timeout"] = (Timeout, DEFAULT_TIMEOUT_S)
    shared |= {"as_json": (AsJson, False), "lang": (Lang, None)}

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        signature = inspect.signature(function, eval_str=True)
        _, *own = signature.parameters.values()
        keyword = inspect.Parameter.KEYWORD_ONLY
        options = [one.replace(kind=keyword) for one in own]
        options += [
            inspect.Parameter(name, keyword, default=default, annotation=kind)
            for name, (kind, default) in shared.items()
        ]

        def run(**given: Any) -> None:
            common = {name: given.pop(name) for name in shared}
            timeout_s = common.get("timeout", DEFAULT_TIMEOUT_S)
            with at_desk(common["home"], common["as_json"], timeout_s, refresh=refresh) as desk:
                function(desk, **given)

        run.__doc__ = text or function.__doc__
        run.__annotations__ = {one.name: one.annotation for one in options}
        setattr(run, "__signature__", signature.replace(parameters=options))  # noqa: B010 - functions have none of their own
        command(app, name)(run)
        return function

    return decorate


def _fail(as_json: bool, name: str, text: str, exit_code: int) -> None:
    if as_json:
        typer.echo(json.dumps({"error": name, "detail": text}, ensure_ascii=False))
    else:
        typer.echo(text, err=True)
    raise typer.Exit(exit_code)


class Desk:
    """An opened profile with everything a command uses; made by `at_desk`."""

    def __init__(self, profile: Profile, as_json: bool, timeout_s: float) -> None:
        self.profile = profile
        self.trust = Trust(profile)
        self.api = Api(profile, self.trust.host_kids)
        self.cases = Cases(profile, self.trust, self.api)
        self.as_json = as_json
        self.timeout_s = timeout_s

    def refresh(self) -> None:
        """Take the site's current roster. Without an answer the one held must do."""
        try:
            offered = self.api.roster()
        except ClientError:
            if not self.trust.version:
                raise
            return
        if offered:
            self._take(offered)

    def _take(self, offered: list[bytes]) -> None:
        """Hold a roster; when it does not follow from the one held, by way of those in between."""
        before = self.trust.version
        try:
            self.trust.take_roster(offered)
        except Refused as refusal:
            if refusal.reason not in (errors.ROSTER_SIGNATURES, errors.ROSTER_STEP):
                raise
            while between := self.api.rosters_since(self.trust.version):
                for messages in between:
                    if not self.trust.take_roster(messages):
                        raise ClientError("odd_answer", detail="rosters") from refusal
            if self.trust.version == before:
                raise

    def tell(self, text: str) -> None:
        """Something on the way: to people only."""
        if not self.as_json:
            typer.echo(text)

    def result(self, text: str, **fields: Any) -> None:
        """How it ended: a sentence, or the fields as JSON."""
        typer.echo(json.dumps(fields, ensure_ascii=False) if self.as_json else text)

    def done(self, **fields: Any) -> None:
        """How it ended, where people have been told on the way."""
        if self.as_json:
            self.result("", **fields)

    def deliver(self, session: Session, kept: Kept) -> int:
        """Bring a kept message to the host and wait for the receipt. RefusedError when it says no."""
        result = Postman(session, self.trust, lambda: self.api).deliver([kept], self.timeout_s)[kept.reference]
        if result != errors.ACCEPTED:
            raise RefusedError(errors.name_of(result))
        return result


@contextmanager
def at_desk(home: Path, as_json: bool, timeout_s: float = DEFAULT_TIMEOUT_S, *, refresh: bool = True) -> Iterator[Desk]:
    """Open a profile and the host's interface; the roster is brought up to date."""
    desk = Desk(Profile.open(home), as_json, timeout_s)
    with desk.api:
        if refresh:
            desk.refresh()
        yield desk


def now() -> int:
    """UTC seconds."""
    return int(time.time())


def ask(yes: bool) -> None:
    """Ask before signing at a terminal; ClientError `stopped` for no. A script is not asked."""
    if not yes and sys.stdin.isatty() and not typer.confirm(say("sign_it"), default=False):
        raise ClientError("stopped")


def read_file(path: Path) -> bytes:
    """A file's content. ClientError: no_file."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise ClientError("no_file", path=path, detail=error.strerror) from error


def from_hex(name: str, text: str, size: int) -> bytes:
    """Bytes of hex digits. ClientError: bad_hex."""
    try:
        value = bytes.fromhex(text)
    except ValueError:
        value = b""
    if len(value) != size:
        raise ClientError("bad_hex", name=name, digits=2 * size)
    return value
