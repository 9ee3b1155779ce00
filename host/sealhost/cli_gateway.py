"""`gateway`: boxes on serial lines for a broker, on a machine that is no host."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Annotated

import typer

from sealhost.app import configure_logging
from sealhost.cli_common import plain_errors
from sealhost.links.address import BrokerAddress
from sealhost.links.gateway import Gateway
from sealhost.links.tls import client_context

gateway_app = typer.Typer()


@gateway_app.command("gateway")
@plain_errors
def gateway(
    serial: Annotated[
        str, typer.Option("--serial", help='"auto" for all lines with the USB ids of boxes, or ports with commas.')
    ],
    broker: Annotated[str, typer.Option("--broker", envvar="SEALHOST_BROKER", help="mqtt://… or mqtts://….")],
    ca: Annotated[
        Path | None, typer.Option("--ca", help="CA certificates of a mqtts:// broker; this machine's own if left out.")
    ] = None,
    cert: Annotated[Path | None, typer.Option("--cert", help="This gateway's certificate for the broker.")] = None,
    key: Annotated[Path | None, typer.Option("--key", help="Its key, if not in the same file.")] = None,
) -> None:
    """Bring boxes on serial lines to a broker, as if they were connected there themselves, until told to end.

    Boxes are plugged and unplugged at any moment. The gateway needs no key and is trusted with delivery only.

    \b
    Examples:
      sealhost gateway --serial auto --broker mqtts://user:password@broker.example
      sealhost gateway --serial /dev/ttyACM0,/dev/ttyACM1 --broker mqtt://127.0.0.1
    """
    configure_logging()
    address = BrokerAddress.parse(broker)
    tls = client_context(ca, cert, key) if address.tls else None
    running = Gateway(address, serial, tls)
    ends = {signal.SIGTERM, signal.SIGINT}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ends)  # waited for, so that it can find nothing in the middle
    try:
        running.start()
        print(f"gateway is ready: serial {serial}, broker {address.host}:{address.port}", flush=True)
        signal.sigwait(ends)
    finally:
        running.stop()
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
