"""Broker addresses as operators write them: mqtt://user:password@host:port, or mqtts:// for TLS."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit


@dataclass(frozen=True)
class BrokerAddress:
    """Where a broker is and how to sign in; `parse` reads it from mqtt://user:password@host:port or mqtts://…"""

    host: str
    port: int
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: bool = False

    @classmethod
    def parse(cls, url: str) -> BrokerAddress:
        """Read a broker URL; ValueError says what is wrong with it, without repeating a password."""
        parts = urlsplit(url)
        if parts.scheme not in ("mqtt", "mqtts"):
            raise ValueError("a broker URL starts with mqtt:// or mqtts://")
        if not parts.hostname or parts.path not in ("", "/") or parts.query or parts.fragment:
            raise ValueError("a broker URL is mqtt[s]://[user:password@]host[:port] and nothing more")
        tls = parts.scheme == "mqtts"
        username = None if parts.username is None else unquote(parts.username)
        password = None if parts.password is None else unquote(parts.password)
        return cls(parts.hostname, parts.port or (8883 if tls else 1883), username, password, tls)
