"""What the box has to say, when memory is short."""

from pathlib import Path

from tests import vms

SCRIPT = Path(__file__).parent / "vm" / "outbox_memory.py"


def test_entries_that_found_no_memory_are_sent_after_the_next_checkpoint(compiled_modules):
    printed = vms.run_unix(SCRIPT, modules=compiled_modules).checked().splitlines()
    checkpoint = ["0 message 14", "1 message 14"]
    assert printed == [*checkpoint, "short of memory", *checkpoint, "0 entries", *checkpoint]
