"""One message to a person's Apprise URL.

Guarantees: redirects are not followed, nothing of the URL is logged, and at most some TIMEOUT_S seconds are waited.
"""

from __future__ import annotations

import logging

import apprise

from sealhost.telling.webhook import TellingError

TIMEOUT_S = 30
_NOT_FROM_HERE = ("dbus", "qt", "kde", "glib", "gnome", "macosx", "windows", "syslog")
"""Desktops and this machine's log: nobody looks there."""

logging.getLogger("apprise").setLevel(logging.CRITICAL)


def check(url: str) -> None:
    """Raises TellingError when Apprise cannot make anything of a URL."""
    if url.partition(":")[0].lower() in _NOT_FROM_HERE or _open(url) is None:
        raise TellingError("Apprise knows no service by this URL: see its list, like dingtalk://token")


def masked(url: str) -> str:
    """A URL without its secrets."""
    made = _open(url)
    if made is None:
        return f"{url.partition(':')[0]}://…"
    return str(made.url(privacy=True)).partition("?")[0]  # type: ignore[no-untyped-call]


def send(url: str, title: str, body: str) -> None:
    """Send once. Raises TellingError."""
    made = _open(url)
    if made is None:
        raise TellingError("Apprise knows no service by this URL")
    sender = apprise.Apprise(asset=_asset())
    sender.add(made)
    if not sender.notify(title=title, body=body, body_format=apprise.NotifyFormat.TEXT, timeout=TIMEOUT_S):
        raise TellingError("the service did not take it")


def _open(url: str) -> apprise.NotifyBase | None:
    made = apprise.Apprise.instantiate(url, asset=_asset(), suppress_exceptions=True)
    return made if isinstance(made, apprise.NotifyBase) else None


def _asset() -> apprise.AppriseAsset:
    return apprise.AppriseAsset(app_id="Sealbox", app_desc="Sealbox", http_redirects=False, async_mode=False)
