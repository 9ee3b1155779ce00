"""What can be wrong with a message, each with one number and one name.

The numbers travel in receipts and log entries, so they are never used again for something else. ``DecodeError`` says that bytes are
not a message at all; ``Refused`` that a message, well-formed, may not have its effect.
"""


class SealwireError(Exception):
    """A refusal with its number and a detail that holds no secret and no personal data."""

    def __init__(self, reason: int, detail: str = "") -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail

    @property
    def name(self) -> str:
        """The reason's name, as in SPEC.md."""
        return NAMES.get(self.reason, "unknown_reason")

    def __str__(self) -> str:
        return self.name + ": " + self.detail if self.detail else self.name


class DecodeError(SealwireError):
    """The bytes are no message, no entry or no frame."""


class Refused(SealwireError):
    """A well-formed message that may not have its effect."""


ACCEPTED = 0

# Encoding (SPEC.md section 2)
TOO_LARGE = 1
TRUNCATED = 2
TRAILING_BYTES = 3
NOT_SHORTEST = 4
INDEFINITE_LENGTH = 5
UNSUPPORTED_TYPE = 6
TOO_DEEP = 7
KEYS_UNSORTED = 8
DUPLICATE_KEY = 9
KEY_RANGE = 10
INTEGER_RANGE = 11
BAD_TEXT = 12
# Envelope (section 3)
NOT_SIGN1 = 20
BAD_PROTECTED_HEADER = 21
UNPROTECTED_NOT_EMPTY = 22
UNKNOWN_TYPE = 23
UNEXPECTED_TYPE = 24
# Fields (section 4)
NOT_A_MAP = 30
MISSING_FIELD = 31
UNKNOWN_FIELD = 32
WRONG_FIELD_TYPE = 33
LENGTH_RANGE = 34
VALUE_RANGE = 35
# Signature and signer (section 3)
UNKNOWN_SIGNER = 40
WEAK_KEY = 41
BAD_SIGNATURE = 42
WRONG_ROLE = 43
SIGNER_NOT_VALID = 44
UNSUPPORTED_KEY_KIND = 45
# Roster (section 5)
DUPLICATE_PERSON = 50
DUPLICATE_SIGNING_KEY = 51
DUPLICATE_BOX = 52
DUPLICATE_BAY = 53
DUPLICATE_RULE = 54
UNKNOWN_RULE_NUMBER = 55
MATTER_IN_TWO_RULES = 56
THRESHOLD_RANGE = 57
RULE_TOO_WIDE = 58
TOO_MANY_KEYS = 59
TOO_MANY_MATTERS = 60
DUPLICATE_AUTHORITY_KEY = 61
WEAK_ROSTER_KEY = 62
ROSTER_STEP = 63
ROSTER_SIGNATURES = 64
ROSTER_LISTS_NOT_BOX = 65
RELEASE_NOT_LISTED = 66
DUPLICATE_GROUP = 67
# Request (section 6)
UNKNOWN_BOX = 70
WRONG_BOX = 71
UNKNOWN_BAY = 72
RULE_CHANGED = 73
UNKNOWN_MATTER = 74
TOO_MANY_IMPRESSIONS = 75
NEWER_ROSTER = 76
TIME_AHEAD = 77
TIMES_OUT_OF_ORDER = 78
WAITS_TOO_LONG = 79
WAITING_EXPIRED = 80
# Decisions (section 6)
OTHER_REQUEST = 90
OWN_REQUEST = 91
NOT_IN_GROUP = 92
DECIDED_OUTSIDE_TIME = 93
COUNTED_TWICE = 94
NO_SUBSTITUTE = 95
SUBSTITUTE_OF_ONESELF = 96
SUBSTITUTE_PERIOD = 97
TOO_FEW_APPROVALS = 98
DENIED = 99
# Use (section 7)
STALE_NONCE = 110
WRONG_BAY = 111
UNANCHORED = 112
SPENT = 113
FINISHED = 114
USE_EXPIRED = 115
NOT_ATTENDED = 116
OTHER_KEEPER = 117
BAY_BUSY = 118
BAY_JAMMED = 119
SEAL_MISSING = 120
TAMPERED = 121
CLOCK_LOST = 122
CLOCK_RUNNING = 123
BATTERY_LOW = 124
LOG_FULL = 125
NO_ROSTER = 126
NOTHING_TO_CLEAR = 127
OTHER_CHAIN = 128
CHANGED_MEANWHILE = 129
# Log and chain (section 8)
UNKNOWN_ENTRY = 140
CHAIN_BROKEN = 141
# Frames (section 9)
BAD_FRAME = 150
BAD_CRC = 151
# Host (section 10)
UNKNOWN_REQUEST = 160
REQUEST_CLOSED = 161
UNKNOWN_DETAILS = 162
WRONG_SITE = 163
TOO_FAST = 164
BAD_TOKEN = 165
NOT_USED_YET = 166
ALREADY_DECIDED = 167

NAMES = {
    ACCEPTED: "accepted",
    TOO_LARGE: "too_large",
    TRUNCATED: "truncated",
    TRAILING_BYTES: "trailing_bytes",
    NOT_SHORTEST: "not_shortest",
    INDEFINITE_LENGTH: "indefinite_length",
    UNSUPPORTED_TYPE: "unsupported_type",
    TOO_DEEP: "too_deep",
    KEYS_UNSORTED: "keys_unsorted",
    DUPLICATE_KEY: "duplicate_key",
    KEY_RANGE: "key_range",
    INTEGER_RANGE: "integer_range",
    BAD_TEXT: "bad_text",
    NOT_SIGN1: "not_sign1",
    BAD_PROTECTED_HEADER: "bad_protected_header",
    UNPROTECTED_NOT_EMPTY: "unprotected_not_empty",
    UNKNOWN_TYPE: "unknown_type",
    UNEXPECTED_TYPE: "unexpected_type",
    NOT_A_MAP: "not_a_map",
    MISSING_FIELD: "missing_field",
    UNKNOWN_FIELD: "unknown_field",
    WRONG_FIELD_TYPE: "wrong_field_type",
    LENGTH_RANGE: "length_range",
    VALUE_RANGE: "value_range",
    UNKNOWN_SIGNER: "unknown_signer",
    WEAK_KEY: "weak_key",
    BAD_SIGNATURE: "bad_signature",
    WRONG_ROLE: "wrong_role",
    SIGNER_NOT_VALID: "signer_not_valid",
    UNSUPPORTED_KEY_KIND: "unsupported_key_kind",
    DUPLICATE_PERSON: "duplicate_person",
    DUPLICATE_SIGNING_KEY: "duplicate_signing_key",
    DUPLICATE_BOX: "duplicate_box",
    DUPLICATE_BAY: "duplicate_bay",
    DUPLICATE_RULE: "duplicate_rule",
    UNKNOWN_RULE_NUMBER: "unknown_rule_number",
    MATTER_IN_TWO_RULES: "matter_in_two_rules",
    THRESHOLD_RANGE: "threshold_range",
    RULE_TOO_WIDE: "rule_too_wide",
    TOO_MANY_KEYS: "too_many_keys",
    TOO_MANY_MATTERS: "too_many_matters",
    DUPLICATE_AUTHORITY_KEY: "duplicate_authority_key",
    WEAK_ROSTER_KEY: "weak_roster_key",
    ROSTER_STEP: "roster_step",
    ROSTER_SIGNATURES: "roster_signatures",
    ROSTER_LISTS_NOT_BOX: "roster_lists_not_box",
    RELEASE_NOT_LISTED: "release_not_listed",
    DUPLICATE_GROUP: "duplicate_group",
    UNKNOWN_BOX: "unknown_box",
    WRONG_BOX: "wrong_box",
    UNKNOWN_BAY: "unknown_bay",
    RULE_CHANGED: "rule_changed",
    UNKNOWN_MATTER: "unknown_matter",
    TOO_MANY_IMPRESSIONS: "too_many_impressions",
    NEWER_ROSTER: "newer_roster",
    TIME_AHEAD: "time_ahead",
    TIMES_OUT_OF_ORDER: "times_out_of_order",
    WAITS_TOO_LONG: "waits_too_long",
    WAITING_EXPIRED: "waiting_expired",
    OTHER_REQUEST: "other_request",
    OWN_REQUEST: "own_request",
    NOT_IN_GROUP: "not_in_group",
    DECIDED_OUTSIDE_TIME: "decided_outside_time",
    COUNTED_TWICE: "counted_twice",
    NO_SUBSTITUTE: "no_substitute",
    SUBSTITUTE_OF_ONESELF: "substitute_of_oneself",
    SUBSTITUTE_PERIOD: "substitute_period",
    TOO_FEW_APPROVALS: "too_few_approvals",
    DENIED: "denied",
    STALE_NONCE: "stale_nonce",
    WRONG_BAY: "wrong_bay",
    UNANCHORED: "unanchored",
    SPENT: "spent",
    FINISHED: "finished",
    USE_EXPIRED: "use_expired",
    NOT_ATTENDED: "not_attended",
    OTHER_KEEPER: "other_keeper",
    BAY_BUSY: "bay_busy",
    BAY_JAMMED: "bay_jammed",
    SEAL_MISSING: "seal_missing",
    TAMPERED: "tampered",
    CLOCK_LOST: "clock_lost",
    CLOCK_RUNNING: "clock_running",
    BATTERY_LOW: "battery_low",
    LOG_FULL: "log_full",
    NO_ROSTER: "no_roster",
    NOTHING_TO_CLEAR: "nothing_to_clear",
    OTHER_CHAIN: "other_chain",
    CHANGED_MEANWHILE: "changed_meanwhile",
    UNKNOWN_ENTRY: "unknown_entry",
    CHAIN_BROKEN: "chain_broken",
    BAD_FRAME: "bad_frame",
    BAD_CRC: "bad_crc",
    UNKNOWN_REQUEST: "unknown_request",
    REQUEST_CLOSED: "request_closed",
    UNKNOWN_DETAILS: "unknown_details",
    WRONG_SITE: "wrong_site",
    TOO_FAST: "too_fast",
    BAD_TOKEN: "bad_token",
    NOT_USED_YET: "not_used_yet",
    ALREADY_DECIDED: "already_decided",
}
