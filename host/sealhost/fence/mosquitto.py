"""A configuration for Mosquitto 2.0 and later: two TLS listeners, and one without TLS on this machine if wanted. Pure.

Guarantees of the configuration: nobody is anonymous; TLS 1.2 and up; it listens only where it was told; what a client
can make the broker keep is bounded. People sign in with a password on one listener; boxes and hosts by a certificate of
the deployment's CA on the other, where the certificate's name is the user's name *and the client id*, so that nobody
takes over the session of another: all ids that clients choose begin with `seal`, and a kid never does.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from sealhost.fence import FenceError

CLIENT_ID_PREFIX = "seal"
MAX_PAYLOAD_BYTES = 262_144
"""As with the embedded broker: what is above a message's cap but below this, the host refuses by name."""
MAX_PACKET_BYTES = MAX_PAYLOAD_BYTES + 1024
"""Above this the broker ends the connection before it has read the packet."""

CONFIG, ACL, PASSWORDS, PID = "mosquitto.conf", "acl", "passwords", "mosquitto.pid"
SERVER_CERTIFICATE, SERVER_KEY, CA_SET, REVOKED = "server.pem", "server.key", "ca.pem", "crl.pem"
DATA = "data"

_TEXT = """\
# Written by `sealhost broker config`: changes made here are lost; lines of your own go into {own}.
{user}pid_file {folder}/{pid}
log_dest stderr
log_type error
log_type warning
log_type notice
log_type information
connection_messages true

# Who may do what. Both files are written anew by sealhost with each roster, and read again on SIGHUP.
per_listener_settings false
allow_anonymous false
allow_zero_length_clientid false
acl_file {folder}/{acl}
password_file {folder}/{passwords}
# Ids that clients choose begin with this, and those of boxes and hosts do not: nobody takes over their sessions.
clientid_prefixes {prefix}
sys_interval 0

# An answer must not wait 40 ms for Nagle.
set_tcp_nodelay true

# What one client can make the broker keep. Messages have at most 8 KiB; larger ones are the host's to refuse.
message_size_limit {payload}
max_packet_size {packet}
max_inflight_messages 20
max_queued_messages 1000
max_queued_bytes 8388608
persistent_client_expiration 30d

# Sessions and retained messages outlive a restart.
persistence true
persistence_location {folder}/{data}/
autosave_interval 60
"""

_TLS = """
certfile {folder}/{certificate}
keyfile {folder}/{key}
tls_version tlsv1.2
ciphers ECDHE+AESGCM:ECDHE+CHACHA20
max_connections 1024
"""

_PEOPLE = "\n# People, by password.\nlistener {port} {address}" + _TLS
_DEVICES = (
    "\n# Boxes and hosts, by certificate.\nlistener {port} {address}"
    + _TLS
    + """\
cafile {folder}/{ca}
crlfile {folder}/{revoked}
require_certificate true
use_identity_as_username true
use_username_as_clientid true
"""
)
_LOOPBACK = "\n# Without TLS, for this machine only: the relay for browsers. By password.\nlistener {port} 127.0.0.1\n"


@dataclass(frozen=True, slots=True)
class Listen:
    """An address and port to listen on."""

    address: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Listen:
        """Reads ADDRESS:PORT, with brackets around IPv6. FenceError says what is wrong."""
        address, _, port = text.rpartition(":")
        address = address.strip("[]")
        good = re.fullmatch(r"[0-9A-Za-z.:_-]{1,253}", address) is not None
        if not good or not (port.isascii() and port.isdecimal()) or not 0 < int(port[:6]) < 65536:
            raise FenceError(f"{text[:80]!r} is no address to listen on: write it like 192.0.2.7:8883 or [::]:8883")
        return cls(address, int(port))

    def __str__(self) -> str:
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


@dataclass(frozen=True, slots=True)
class Layout:
    """What a configuration is made from. `user`: the account that Mosquitto changes to when root starts it."""

    folder: Path
    people: Listen
    devices: Listen
    loopback: int | None = None
    user: str | None = None


def config(layout: Layout) -> bytes:
    """The text of mosquitto.conf. FenceError when a name cannot stand in it."""
    folder = str(layout.folder)
    if re.search(r"[\x00-\x1f\x7f]", folder) or folder != folder.strip():
        raise FenceError(f"{folder!r} cannot be named in mosquitto.conf: choose a folder with a plainer name")
    if layout.user is not None and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.-]{0,31}", layout.user):
        raise FenceError(f"{layout.user[:40]!r} is no name of an account")
    ports = [layout.people.port, layout.devices.port]
    ports += [] if layout.loopback is None else [layout.loopback]
    if len(set(ports)) != len(ports):
        raise FenceError("each listener needs a port of its own")
    names = {
        "folder": folder, "user": f"user {layout.user}\n" if layout.user else "", "pid": PID, "acl": ACL,
        "passwords": PASSWORDS, "prefix": CLIENT_ID_PREFIX, "payload": MAX_PAYLOAD_BYTES, "packet": MAX_PACKET_BYTES,
        "data": DATA, "certificate": SERVER_CERTIFICATE, "key": SERVER_KEY, "ca": CA_SET, "revoked": REVOKED,
        "own": f"{folder}/conf.d/*.conf",
    }  # fmt: skip
    text = _TEXT.format(**names)
    text += _PEOPLE.format(port=layout.people.port, address=layout.people.address, **names)
    text += _DEVICES.format(port=layout.devices.port, address=layout.devices.address, **names)
    if layout.loopback is not None:
        text += _LOOPBACK.format(port=layout.loopback)
    return (text + f"\ninclude_dir {folder}/conf.d\n").encode()
