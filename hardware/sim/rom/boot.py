"""What a board's MicroPython does before `main`: mount the ROM partition, so that modules run from it in place.

boot.py main          imports the image's `main`
boot.py SCRIPT.py     runs another script, with the image's modules at hand
"""

import os
import sys

import uctypes
import vfs

address, size = os.getenv("SEALBOX_ROM").split(",")
vfs.mount(vfs.VfsRom(uctypes.bytearray_at(int(address), int(size))), "/rom")
sys.path.insert(0, "/rom")
program = sys.argv[1]
if program.endswith(".py"):
    del sys.argv[0]
    with open(program) as script:
        exec(compile(script.read(), program, "exec"), {"__name__": "__main__"})
else:
    __import__(program)
