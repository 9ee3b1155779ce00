"""The command line: each group of commands in its own module, put together here."""

from __future__ import annotations

import typer

from sealhost.cli_audit import app as audit_app
from sealhost.cli_authority import authority_app
from sealhost.cli_backup import backup_app
from sealhost.cli_box import box_app
from sealhost.cli_broker import broker_app
from sealhost.cli_ca import ca_app
from sealhost.cli_cases import cases_app
from sealhost.cli_config import config_app
from sealhost.cli_doctor import doctor_app
from sealhost.cli_gateway import gateway_app
from sealhost.cli_host import host_app
from sealhost.cli_notify import notify_app, webhook_app
from sealhost.cli_people import keeper_app, officer_app
from sealhost.cli_status import status_app
from sealhost.demo import demo_app

app = typer.Typer(
    name="sealhost",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Sealbox: seals that open only for what their people signed.",
)
app.add_typer(host_app)
app.add_typer(status_app)
app.add_typer(doctor_app)
app.add_typer(backup_app)
app.add_typer(config_app, name="config")
app.add_typer(authority_app, name="authority")
app.add_typer(keeper_app, name="keeper")
app.add_typer(officer_app, name="officer")
app.add_typer(box_app, name="box")
app.add_typer(broker_app, name="broker")
app.add_typer(ca_app, name="ca")
app.add_typer(gateway_app)
app.add_typer(cases_app)
app.add_typer(notify_app, name="notify")
app.add_typer(webhook_app, name="webhook")
app.add_typer(audit_app)
app.add_typer(demo_app)


def main() -> None:
    """The `sealhost` command."""
    app()
