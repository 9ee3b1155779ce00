"""Everything about the box as a thing: its parts, and a virtual one to run the firmware on."""
