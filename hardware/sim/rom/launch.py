"""Starts the MicroPython VM with a ROM image in its address space, as a board maps its flash.

    python launch.py IMAGE [options and program for micropython …]

The PyPI package runs the VM inside the Python process that calls it, so what is mapped here is the VM's to read,
outside its heap. `boot.py` finds address and size in SEALBOX_ROM and mounts it.
"""

import ctypes
import mmap
import os
import sys
from pathlib import Path

import micropython_unix


def main() -> int:
    image = Path(sys.argv[1]).read_bytes()
    mapped = mmap.mmap(-1, len(image))
    mapped.write(image)
    address = ctypes.addressof(ctypes.c_char.from_buffer(mapped))
    os.environ["SEALBOX_ROM"] = f"{address},{len(image)}"
    status: int = micropython_unix.run_main(["micropython", *sys.argv[2:]])
    return status


if __name__ == "__main__":
    sys.exit(main())
