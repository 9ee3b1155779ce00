"""Pure rules of the host: no I/O, no clock, no database."""
