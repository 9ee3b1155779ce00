"""uvicorn's WebSocket connection, with an end for clients that are there but do not read, and a clear one for too much.

Guarantees: nothing waits in memory for a client but what was last sent; a client that takes none of it for `STALL_S` is
cut, also while its connection is being closed. A message above the server's cap is answered by close code 1009, and
what still comes is thrown away for a while, so that the answer is not lost in a reset.
"""

from __future__ import annotations

import asyncio
from asyncio.transports import BaseTransport

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

STALL_S = 30.0
CLOSE_S = 2.0
"""For a client to answer a close frame; not all do."""
MAX_MESSAGE_BYTES = 65_536
"""Several MQTT packets may come in one message; each of them has the relay's smaller cap."""


class BoundedWebSocket(WebSocketsSansIOProtocol):
    """One connection."""

    _stalled: asyncio.TimerHandle | None = None

    def connection_made(self, transport: BaseTransport) -> None:
        """Wait with the next sending until the last one is gone."""
        super().connection_made(transport)
        self.transport.set_write_buffer_limits(high=0)
        self.close_timeout = CLOSE_S

    def pause_writing(self) -> None:
        """The client does not take what was sent: give it some time."""
        super().pause_writing()
        self._stalled = self.loop.call_later(STALL_S, self.transport.abort)

    def resume_writing(self) -> None:
        """It took all."""
        super().resume_writing()
        self._forget_stall()

    def connection_lost(self, exc: Exception | None) -> None:
        """Over."""
        self._forget_stall()
        super().connection_lost(exc)

    def handle_parser_exception(self) -> None:
        """Say what was wrong once, and drop the rest."""
        if self.close_sent:
            return
        assert self.conn.close_sent is not None
        code, reason = self.conn.close_sent.code, self.conn.close_sent.reason
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        self.close_timer = self.loop.call_later(self.close_timeout, self.transport.close)

    def _forget_stall(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None
