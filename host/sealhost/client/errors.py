"""What can go wrong on a person's side.

Texts come from the catalogue (`sealhost.texts`), so that people read their own language.
"""

from __future__ import annotations

from sealhost.texts import say


class ClientError(Exception):
    """Something a person must know: `key` names it for programs, the text says what to do. Nothing was lost."""

    exit_code = 1

    def __init__(self, key: str, **values: object) -> None:
        super().__init__(key)
        self.key = key
        self.values = values

    def __str__(self) -> str:
        return say(self.key, **self.values)


class NoAnswerError(ClientError):
    """The other side has not answered in time. What was to be sent is kept and sent again by the next command."""

    exit_code = 3


class RefusedError(ClientError):
    """The host refused a message by a signed receipt. `reason` is sealwire's name of the refusal."""

    def __init__(self, reason: str) -> None:
        super().__init__("refused_by_host", reason=reason)
        self.reason = reason
