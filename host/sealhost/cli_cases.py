"""`cases` on the host's machine; `cases` and `close-case` of officers and the authority."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.console import Console

from sealhost.cli_authority import authority_app
from sealhost.cli_common import DEFAULT_HOME, HomeOption, JsonOption, SiteOption, choose_site, opened, plain_errors
from sealhost.cli_common import print_json as print_as_json
from sealhost.cli_officer import officer_app
from sealhost.cli_records import print_records
from sealhost.cli_shared import Desk, desk_command
from sealhost.cli_show import clean
from sealhost.services.cases import Cases
from sealhost.services.views import Views
from sealhost.texts import say, word

cases_app = typer.Typer()

OpenOnly = Annotated[bool, typer.Option("--open", help="Only those that nobody has closed.")]


@cases_app.command()
@plain_errors
def cases(
    home: HomeOption = DEFAULT_HOME, site: SiteOption = None, open_only: OpenOnly = False, as_json: JsonOption = False
) -> None:
    """Show what people must look at: counts that differ, silent boxes, alarms; the open ones first.

    \b
    Example:
      sealhost cases --home /var/lib/sealhost --open
    """
    with opened(home) as context:
        found = Cases(context).listed(choose_site(Views(context).sites(), site), open_only)
    if as_json:
        print_as_json(found)
        return
    print_records(Console(), ("case", "opened", "what", "about", "state"), map(_cells, found))


def _cells(case: dict[str, Any]) -> list[str]:
    when = datetime.fromtimestamp(case["opened"], UTC).astimezone().strftime("%Y-%m-%d %H:%M")
    return [case["id"], when, word("case", case["kind"]), _about(case), _state(case)]


def _about(case: dict[str, Any]) -> str:
    request = case.get("code")
    about = str(request) if request else f"box {str(case.get('box'))[:8]}"
    return clean(f"{about} {case.get('detail') or ''}".strip())


def _state(case: dict[str, Any]) -> str:
    if not case.get("closed"):
        return say("case_is_open")
    who = case.get("closer") or str(case.get("closed_by"))[:8]
    return say("case_is_closed", who=clean(str(who)), reason=clean(str(case.get("reason"))))


def list_cases(desk: Desk, open_only: OpenOnly = False) -> None:
    """Show what must be looked at, as the host says; the open ones first."""
    found = desk.api.cases(open_only)
    lines = [
        say(
            "case_line",
            id=clean(str(case.get("id"))),
            opened=desk.profile.local(int(case.get("opened") or 0)),
            kind=word("case", clean(str(case.get("kind")))),
            about=_about(case),
            state=_state(case),
        )
        for case in found
    ]
    desk.result("\n".join(lines) or say("nothing"), cases=found)


def close_case(
    desk: Desk,
    number: Annotated[str, typer.Argument(help="The case, 16 hex digits as `cases` shows it.")],
    reason: Annotated[
        str, typer.Option(help="What you found; at most 500 characters, for the site's own people only.")
    ],
) -> None:
    """Close a case with your reason. Nobody closes one about their own request; the authority closes any."""
    closed = desk.api.close_case(number, reason)
    kind = word("case", clean(str(closed.get("kind"))))
    desk.result(say("case_closed", id=clean(str(closed.get("id"))), kind=kind), case=closed)


for people_app in (officer_app, authority_app):
    desk_command(people_app, "cases")(list_cases)
    desk_command(people_app, "close-case")(close_case)
