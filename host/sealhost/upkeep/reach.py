"""What the doctor sees of the broker and of clocks elsewhere, by connecting as a client of its own."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from secrets import token_hex

import httpx
from cryptography import x509

from sealhost.config import Settings
from sealhost.links import LinkError
from sealhost.links.address import BrokerAddress
from sealhost.links.mqtt import MqttLink
from sealhost.links.tls import client_context, explain
from sealhost.upkeep.findings import Finding, bad, fine, warning

TIMEOUT_S = 5.0
SOON_S = 30 * 86_400
CLOCK_S = 60


def look_at_broker(settings: Settings, now: int) -> Iterator[Finding]:
    """The way to the broker, step by step: address, files, connection, certificate, sign-in. Then clocks."""
    yield from _look_at_peers(settings, now)
    if settings.broker is None:
        return  # the embedded one comes and goes with the host
    try:
        address = BrokerAddress.parse(settings.broker)
    except ValueError as error:
        yield bad("broker_address", error, "correct `broker`")
        return
    try:
        context = None
        if address.tls:
            context = client_context(settings.broker_ca_file, settings.broker_cert_file, settings.broker_key_file)
    except LinkError as error:
        yield bad("broker_tls_files", error, "`sealhost ca issue-host` writes them; name them in the settings")
        return
    reached = _reach(address, context, now)
    yield from reached
    if not any(finding.level == "bad" for finding in reached):
        yield from _sign_in(address, context)


def _reach(address: BrokerAddress, context: ssl.SSLContext | None, now: int) -> list[Finding]:
    where = f"{address.host}:{address.port}"
    try:
        with socket.create_connection((address.host, address.port), TIMEOUT_S) as plain:
            if context is None:
                local = address.host in ("localhost", "::1") or address.host.startswith("127.")
                if not local:
                    return [warning("broker_plain", f"the way to {where} is not encrypted", "use mqtts://")]
                return [fine("broker", f"the broker at {where} answers")]
            with context.wrap_socket(plain, server_hostname=address.host) as secured:
                return _certificate(where, secured.getpeercert(binary_form=True), now)
    except ssl.SSLCertVerificationError as error:
        return [bad("broker_certificate", f"the broker at {where}: {explain(error)}", "see above; then try again")]
    except ssl.SSLError as error:
        return [bad("broker_tls", f"the broker at {where}: {explain(error)}", "see above; then try again")]
    except OSError as error:
        what = f"the broker at {where} cannot be reached: {explain(error)}"
        return [bad("broker", what, "start it, and look at address, port and firewall")]


def _certificate(where: str, found: bytes | None, now: int) -> list[Finding]:
    assert found is not None
    ends = int(x509.load_der_x509_certificate(found).not_valid_after_utc.timestamp())
    if ends < now + SOON_S:
        what = f"the certificate of the broker at {where} ends in {(ends - now) // 86_400} days"
        return [warning("broker_certificate_ends", what, "renew it where it was issued (`sealhost ca renew`)")]
    return [fine("broker", f"the broker at {where} answers, and its certificate holds")]


def _sign_in(address: BrokerAddress, context: ssl.SSLContext | None) -> Iterator[Finding]:
    # A name of its own: the host's would throw the running host out.
    link = MqttLink(address, f"sealdoctor-{token_hex(6)}", tls=context, persistent=False)
    link.start()
    try:
        if link.wait_connected(TIMEOUT_S):
            yield fine("broker_sign_in", "the broker takes this host's credentials")
        else:
            mend = "look at user, password and certificate, and at the broker's log"
            yield bad("broker_sign_in", link.trouble or "the broker does not answer as MQTT", mend)
    finally:
        link.stop()


def _look_at_peers(settings: Settings, now: int) -> Iterator[Finding]:
    """The clocks of the web servers that serve the app: the only other machines that tell their time unasked."""
    for origin in settings.app_origins[:3]:
        before = time.time()
        try:
            answer = httpx.head(origin, timeout=TIMEOUT_S, follow_redirects=False)
            said = parsedate_to_datetime(answer.headers["date"]).timestamp()
        except (httpx.HTTPError, httpx.InvalidURL, KeyError, ValueError):
            continue
        ahead = round(said - (now + time.time() - before))
        if abs(ahead) > CLOCK_S:
            what = f"the clock of {origin} is {abs(ahead)} s {'ahead of' if ahead > 0 else 'behind'} this machine's"
            yield bad("clock_differs", what, "set this machine's clock, and keep it with NTP")
        else:
            yield fine("clock_differs", f"the clock of {origin} agrees with this machine's")
