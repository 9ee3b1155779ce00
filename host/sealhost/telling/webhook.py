"""One signed POST to an office system, as Standard Webhooks 1.0 describes it.

`webhook-signature: v1,` + base64 of HMAC-SHA256(secret, id + "." + timestamp + "." + body). The id stays the same
however often it is sent; the timestamp is of this attempt. Redirects are not followed. An address that is not public is
not spoken to unless the route allows it, and the address that was looked at is the one that is connected to, so a name
that changes its mind (DNS rebinding) gains nothing.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import ipaddress
import secrets
import socket
import ssl
from urllib.parse import urlsplit

import httpx

from sealhost.telling.routes import Hook

TIMEOUT_S = 15.0
"""For everything: name, connection, TLS, sending, and the head of the answer."""
MAX_BODY = 16_384
SECRET_BYTES = 32
_PREFIX = "whsec_"


class TellingError(Exception):
    """Somebody could not be told; the text says why, without address or secret. `final`: the receiver wants no more."""

    def __init__(self, text: str, final: bool = False) -> None:
        super().__init__(text)
        self.final = final


def new_secret() -> str:
    """A secret to share with the receiver."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def sign(secret: str, number: str, timestamp: int, body: bytes) -> str:
    """The value of `webhook-signature`. TellingError when the secret is none."""
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (ValueError, binascii.Error) as error:
        raise TellingError("the secret is no base64") from error
    digest = hmac.digest(key, f"{number}.{timestamp}.".encode() + body, hashlib.sha256)
    return "v1," + base64.b64encode(digest).decode()


def check_url(hook: Hook) -> None:
    """Raises TellingError for an address that is never used: what is no http(s), or holds a password."""
    parts = urlsplit(hook.url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise TellingError("a webhook's address begins with https:// (or http:// when private)")
    if parts.scheme == "http" and not hook.private:
        raise TellingError("http:// is for webhooks in one's own network: https://, or --private")
    if parts.username or parts.password:
        raise TellingError("a webhook's address holds no password: it is known by its signature")


def post(hook: Hook, number: str, body: bytes, now: int) -> None:
    """Send once, and return when the receiver said 2xx. Raises TellingError; ends within some TIMEOUT_S seconds."""
    check_url(hook)
    if len(body) > MAX_BODY:
        raise TellingError("too long for a webhook")
    headers = {
        "content-type": "application/json; charset=utf-8",
        "user-agent": "sealhost",
        "webhook-id": number,
        "webhook-timestamp": str(now),
        "webhook-signature": sign(hook.secret, number, now, body),
    }
    url = httpx.URL(hook.url)
    address = _address(url.host, url.port or (443 if url.scheme == "https" else 80), hook.private)
    headers["host"] = url.netloc.decode()
    try:
        status = asyncio.run(_post(url, address, headers, body))
    except TimeoutError as error:
        raise TellingError(f"no answer within {TIMEOUT_S:.0f} s") from error
    except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError, OSError) as error:
        raise TellingError(f"not reached: {type(error).__name__}") from error
    if 300 <= status < 400:
        raise TellingError(f"answered {status}: redirects are not followed")
    if not 200 <= status < 300:
        raise TellingError(f"answered {status}", final=status == 410)


async def _post(url: httpx.URL, address: str, headers: dict[str, str], body: bytes) -> int:
    async with asyncio.timeout(TIMEOUT_S):
        # No proxy from the environment: it would look up names by itself. Nothing of the answer's body is read.
        async with httpx.AsyncClient(trust_env=False, follow_redirects=False, timeout=TIMEOUT_S) as client:
            there = url.copy_with(host=address)
            names = {"sni_hostname": url.host}
            async with client.stream("POST", there, headers=headers, content=body, extensions=names) as answer:
                return answer.status_code


def _address(host: str, port: int, private: bool) -> str:
    """The address to connect to. TellingError when any address of the name is not public, unless allowed."""
    try:
        found = [str(row[4][0]) for row in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    except (OSError, UnicodeError) as error:
        raise TellingError("its name is not known") from error
    if not private and not all(is_public(address) for address in found):
        raise TellingError("its address is not public: allow it with --private if it lies in your own network")
    return found[0]


def is_public(text: str) -> bool:
    """Whether an address is one of the open Internet, also when it is wrapped into another."""
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        wrapped = address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]
        if wrapped is not None:
            return is_public(str(wrapped))
        if address in ipaddress.ip_network("64:ff9b::/96"):
            return is_public(str(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)))
    return address.is_global and not address.is_multicast
