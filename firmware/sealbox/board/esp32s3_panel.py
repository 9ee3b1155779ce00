"""The display SSD1306 on I2C, through micropython-lib's driver. One that is missing or broken is tried again, and holds
nothing up. Not yet tried on a board.
"""

from time import ticks_diff, ticks_ms

from micropython import const
from ssd1306 import SSD1306_I2C

MYPY = False
if MYPY:
    from machine import I2C

_WIDTH = const(128)
_HEIGHT = const(64)
_PAGES_PER_ROW = const(2)
_COLUMNS = const(0x21)  # commands of the SSD1306: the window that data then fills
_PAGES = const(0x22)
_RETRY_MS = const(10_000)


class Panel:
    """The display at an address of a bus."""

    def __init__(self, i2c: "I2C", address: int) -> None:
        self._i2c = i2c
        self._address = address
        self._driver = None
        self._tried = ticks_ms()
        self._connect()

    def draw(self, row: int, picture: bytearray) -> None:
        """Put two pages on a row, 0 to 3. A display that does not answer stays as it is."""
        if self._driver is None and ticks_diff(ticks_ms(), self._tried) >= _RETRY_MS:
            self._connect()
        driver = self._driver
        if driver is None:
            return
        page = row * _PAGES_PER_ROW
        try:
            for command in (_COLUMNS, 0, _WIDTH - 1, _PAGES, page, page + _PAGES_PER_ROW - 1):
                driver.write_cmd(command)
            driver.write_data(picture)
        except OSError:
            self._driver = None

    def _connect(self) -> None:
        self._tried = ticks_ms()
        try:
            self._driver = SSD1306_I2C(_WIDTH, _HEIGHT, self._i2c, self._address)
        except OSError:
            self._driver = None
