"""Everything that follows from `hardware/board.toml`: checks, pin map, parts list, wiring, netlist, power budget.

`python -m hardware.generate` (or `make hardware`) checks the board and writes all of it; `--check` compares instead.
The same board gives the same bytes. Only the drawings are not compared: they shift with the fonts of a machine.
"""
