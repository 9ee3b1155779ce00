"""The pins of the reference board. Generated from hardware/board.toml by `make hardware`: change it there.

A tuple holds one pin per bay, in their order. What each signal means when high or low stands beside it.
"""

from micropython import const

BAYS = const(2)
DRIVEN_AT_ONCE = const(1)  # shutters that the supply and the battery can drive together

# high pulls the shutter open; low, or no signal at all, lets the spring close it
GATE = (4, 5)
# normally closed contact: a cut wire reads as a press that never ends, which is a sensor fault
PRESS = (6, 7)
# low: the shutter is at its closed end; a cut wire never proves a shutter closed
CLOSED = (8, 15)
# low: the shutter is at its open end
OPENED = (9, 16)
# low: the magnet of the seal's handle is there; a cut wire reads as no seal
SEAL = (10, 17)
# half the supply through the end-of-line resistor; cut reads high, short-circuited low
TAMPER = const(1)
# half the battery's voltage
BATTERY = const(2)
# contacts that the shut lid and the armed trip hold closed: high when the lid is open, the key was used, or a wire cut
LID = const(11)
# high: the 12 V supply is there
MAINS = const(12)
SDA = const(13)
SCL = const(14)
BUZZER = const(47)
# low: pressed
BUTTON = const(48)
USB_N = const(19)
USB_P = const(20)

TAMPER_LOW_MV = const(825)  # below, the loop is bridged; whole it reads 1650 +-60
TAMPER_HIGH_MV = const(2375)  # above, it is cut
BATTERY_PERMILLE = const(500)  # of the battery's voltage, at the pin
BATTERY_ABSENT_MV = const(2000)  # below, there is no battery: its protection cuts off earlier

I2C_HZ = const(400000)
DISPLAY_ADDRESS = const(0x3C)
CLOCK_ADDRESS = const(0x68)
BUZZER_HZ = const(2700)
FLASH_PARTITION = "vfs"
