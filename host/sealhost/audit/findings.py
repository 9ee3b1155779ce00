"""What a verification finds, in an order that names the root cause first.

A :class:`Finding` is proof that something does not hold, and ends in "not verified". A case is something that people
should look at though every proof holds (one impression too many, a count declared wrongly). A note says what could
not be looked at, and why.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import IntEnum, StrEnum


class Check(StrEnum):
    """The audit's own checks; the reasons of `sealwire.errors` name the others."""

    # the file
    ITEM_DAMAGED = "item_damaged"  # the archive cannot give the item back
    ITEM_TWICE = "item_twice"  # two items of one path
    ITEM_MISSING = "item_missing"  # listed in the manifest, not there
    ITEM_UNLISTED = "item_unlisted"  # there, not listed in the manifest
    ITEM_DIGEST = "item_digest"  # other bytes than the manifest lists
    ITEM_PATH = "item_path"  # no path that a bundle has
    ITEM_NAME = "item_name"  # the path says another thing than the content
    MANIFEST_RECEIPT = "manifest_receipt"  # the host's receipt does not stand for this manifest
    SITE = "site"  # the manifest names another site than the box's log
    # rosters and matters
    ROSTER_FORK = "roster_fork"  # two rosters of one version
    ROSTER_MISSING = "roster_missing"  # something names a roster version that is not there
    MATTER_LIST = "matter_list"  # a roster's matter list is not there, or not whole
    MATTERS_FORK = "matters_fork"  # two parts of one number
    # messages
    MESSAGE_MISSING = "message_missing"  # something names a message that is not there
    ANCHOR = "anchor"  # a request names a point that is not on the box's log
    LOG_MISSING = "log_missing"  # a request names a box without a log
    # the chain of a box's log
    ORIGIN = "origin"  # the log does not begin with this box, this site and its authority
    ENTRY_ALTERED = "entry_altered"
    ENTRY_HEAD = "entry_head"  # the head listed beside an entry is not the chain's
    ENTRY_MISSING = "entry_missing"
    ENTRY_ADDED = "entry_added"
    ENTRY_ORDER = "entry_order"
    ENTRIES_DAMAGED = "entries_damaged"  # what follows is no entry any more
    CHECKPOINT_HEAD = "checkpoint_head"  # the box signed another head at this point
    CHECKPOINT_STATE = "checkpoint_state"  # the box signed another boot count, roster, firmware or clock than its log
    LOG_TRUNCATED = "log_truncated"  # the box signed a later point than the log has
    UNPROVEN = "unproven"  # entries after the last checkpoint
    # what the log says
    CLOCK_BACKWARDS = "clock_backwards"
    BOOT_COUNT = "boot_count"
    STATE_ENTRY = "state_entry"  # a state entry is missing, misplaced, or says another thing than the entries before
    ROSTER_ENTRY = "roster_entry"  # the adopted roster is not the one of the bundle, or was not the box's to adopt
    ENTRY_MESSAGE = "entry_message"  # an entry says another thing than the message it names
    CLOCK_SET = "clock_set"  # the clock was set though it ran, or an intent written while it was lost
    PRUNED_EARLY = "pruned_early"
    # uses
    INTENT_ROSTER = "intent_roster"  # not the roster in force
    INTENT_SPENDS = "intent_spends"  # not what was left
    INTENT_PEOPLE = "intent_people"  # not those who count
    NONCE_TWICE = "nonce_twice"
    PRESS_COUNT = "press_count"
    NOT_OPEN = "not_open"  # a press or closing without its opening
    CLOSED_COUNT = "closed_count"  # the closing counts other presses than the log
    GIVEN_BACK = "given_back"
    NOT_INTERRUPTED = "not_interrupted"  # open at a boot, and nothing says that it ended
    REPORT_UNUSED = "report_unused"  # impressions reported of a request that the log never opened
    # what is kept apart from what was signed
    EVIDENCE_DIGEST = "evidence_digest"  # details, a reason or a photograph of other bytes than were signed
    EVIDENCE_DAMAGED = "evidence_damaged"  # it cannot be read
    EVIDENCE_UNSIGNED = "evidence_unsigned"  # nobody signed its digest


class Rank(IntEnum):
    """How close to the root a finding lies; lower comes first."""

    FILE = 0
    ROSTER = 1
    MESSAGE = 2
    CHAIN = 3
    LOG = 4
    USE = 5
    REQUEST = 6
    EVIDENCE = 7
    RECEIPT = 8
    UNSIGNED_MANIFEST = 9  # what a manifest without a good receipt says


@dataclass(frozen=True)
class Finding:
    """path: the item of the bundle; subject: the entry, reference or version in it; check: its name; why: one
    sentence.
    """

    path: str
    subject: str
    check: str
    why: str

    def as_json(self) -> dict[str, str]:
        """As one flat object."""
        return asdict(self)


class Findings:
    """Collects findings; what depends on something blamed already is left out by whoever checks it."""

    def __init__(self) -> None:
        self._found: list[tuple[int, int, Finding]] = []
        self._known: set[Finding] = set()
        self._blamed: set[str] = set()
        self._notes: dict[str, None] = {}

    def add(self, rank: Rank, path: str, subject: str, check: str, why: str) -> None:
        """A check that failed. The path and the subject are blamed from now on."""
        self.report(rank, path, subject, check, why)
        self.blame(path)
        self.blame(subject)

    def report(self, rank: Rank, path: str, subject: str, check: str, why: str) -> None:
        """A check that failed and blames nothing for others."""
        finding = Finding(path, subject, str(check), why)
        if finding not in self._known:
            self._known.add(finding)
            self._found.append((rank, len(self._found), finding))

    def blame(self, name: str) -> None:
        """A path or reference (hex) that is known not to be as it should."""
        self._blamed.add(name)

    def blames(self, name: str) -> bool:
        """Whether a path or reference is known not to be as it should."""
        return name in self._blamed

    def blamed_below(self, folder: str) -> list[str]:
        """The items in a folder of the bundle that are."""
        return sorted(name for name in self._blamed if name.startswith(folder) and name != folder)

    def note(self, text: str) -> None:
        """Something that could not be looked at."""
        self._notes[text] = None

    @property
    def notes(self) -> list[str]:
        """All notes, each once."""
        return list(self._notes)

    def ordered(self) -> list[Finding]:
        """All findings, root causes first."""
        return [finding for _, _, finding in sorted(self._found, key=lambda found: found[:2])]

    def __bool__(self) -> bool:
        return bool(self._found)
