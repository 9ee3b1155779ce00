"""Looking after a host: backups, restores, and what is wrong with its set-up."""


class UpkeepError(Exception):
    """A backup or restore cannot be made; the text says what to do."""
