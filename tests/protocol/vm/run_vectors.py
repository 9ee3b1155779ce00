"""Replays the golden vectors on MicroPython, signatures by the firmware's own Ed25519.

run_vectors.py FOLDER [MORE]     as protocol/vectors/replay.py, which must be on the module path
"""

import sys

import replay
from sealbox.ed25519 import verify

replay.VERIFY[0] = verify
sys.exit(replay.main(sys.argv[1:]))
