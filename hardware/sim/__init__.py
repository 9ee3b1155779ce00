"""A virtual box: the hardware's physics in a process of its own, with the real firmware running on it.

`VirtualBox` is for tests and demos, `python -m hardware.sim --help` for people.
"""

from .client import VirtualBox
from .link import BoxError, ControlLink, StillWaitingError

__all__ = ["BoxError", "ControlLink", "StillWaitingError", "VirtualBox"]
