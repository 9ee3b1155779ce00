"""The box around its bays: tamper loop, lid, button, mains and battery.

Guarantees: what endangers an opening closes the bays before anything is written; an alarm counts from the moment it is
sensed, and is written again until flash has it; what the log says last of the supply is true once the contact is calm.
Leaves to others: how a bay closes (`box`), who clears an alarm (`intake`).
"""

from micropython import const
from sealwire import chain

_BATTERY_LOW_MV = const(3300)  # below, there may not be enough to close and to log it

_LOOP = const(1)  # what a tamper entry names
_LID = const(2)


class Housing:
    """alarm: what was sensed and is not on flash yet, or 0; low: whether there is too little energy to open."""

    def __init__(self, box: object) -> None:
        self._box = box
        self.alarm = 0
        self.low = False
        self._button = True  # a button held at boot closes nothing by itself
        self._power = chain.MAINS_BACK  # as the log says

    def poll(self) -> None:
        """Take in what the board senses, once."""
        board = self._box.board
        self._poll_alarm(board)
        button = board.button()
        if button and not self._button:
            self._box.close_all(chain.BUTTON)
        self._button = button
        self._poll_supply(board)

    def _poll_alarm(self, board: object) -> None:
        what = _LOOP if board.tampered() else _LID if board.lid_open() else 0
        if what and not self.alarm and not self._box.journal.alarm:
            self.alarm = what
            self._box.close_all(chain.TAMPER_ALARM)
            self._box.sound_alarm()
        if self.alarm and self._box.note(chain.TAMPER, {"what": self.alarm}):
            self.alarm = 0

    def _poll_supply(self, board: object) -> None:
        mains, battery = board.mains_ok(), board.battery_mv()
        low = not mains and (battery is None or battery < _BATTERY_LOW_MV)
        if low and not self.low:
            self._box.close_all(chain.ENERGY)
        self.low = low
        power = chain.BATTERY_LOW if low else chain.MAINS_BACK if mains else chain.MAINS_LOST
        if power != self._power and self._box.note(chain.POWER, {"what": power}):
            self._power = power
