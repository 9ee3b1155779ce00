"""Staying in one wireless network. Not yet tried on a board."""

import asyncio

from micropython import const

MYPY = False
if MYPY:
    from network import WLAN

_LOOK_MS = const(1_000)
_JOIN_MS = const(20_000)  # the longest an attempt takes
_WAIT_MS = const(2_000)  # before the next one, doubled each time
_WAIT_MAX_MS = const(60_000)


async def stay_joined(radio: "WLAN", name: str, password: "str | None") -> None:
    """Join, and join again whenever the network is lost, until cancelled."""
    wait_ms = _WAIT_MS
    while True:
        if radio.isconnected():
            wait_ms = _WAIT_MS
            await asyncio.sleep_ms(_LOOK_MS)
            continue
        await _try(radio, name, password)
        if not radio.isconnected():
            await asyncio.sleep_ms(wait_ms)
            wait_ms = min(2 * wait_ms, _WAIT_MAX_MS)


async def _try(radio: "WLAN", name: str, password: "str | None") -> None:
    """One attempt, given time. The radio may refuse at once; that counts as an attempt."""
    try:
        radio.disconnect()
        radio.active(True)
        radio.config(reconnects=0)  # we do that, so that only one does
        radio.connect(name, password)
    except OSError as error:
        print("wifi:", error)
        return
    for _ in range(_JOIN_MS // _LOOK_MS):
        if radio.isconnected():
            return
        await asyncio.sleep_ms(_LOOK_MS)
