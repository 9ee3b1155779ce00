"""What can be wrong with a message, each with one number and one name.

The numbers travel in receipts and log entries, so they are never used again for something else. ``DecodeError`` says
that bytes are not a message at all; ``Refused`` that a message, well-formed, may not have its effect.
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
        return name_of(self.reason)

    def __str__(self) -> str:
        return self.name + ": " + self.detail if self.detail else self.name


class DecodeError(SealwireError):
    """The bytes are no message, no entry or no frame."""


class Refused(SealwireError):  # noqa: N818  # the word of the specification
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
TOO_MANY_ITEMS = 13
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
BUTTON_NOT_HELD = 129
ALREADY_PROVISIONED = 130
FLASH_FAILED = 131
BAD_CERTIFICATE = 132
OTHER_TLS_KEY = 133
TLS_NEEDED = 134
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

# One string and no dict: on a box the names are needed once in a while, their memory always.
_NAMES = """
0 accepted
1 too_large
2 truncated
3 trailing_bytes
4 not_shortest
5 indefinite_length
6 unsupported_type
7 too_deep
8 keys_unsorted
9 duplicate_key
10 key_range
11 integer_range
12 bad_text
13 too_many_items
20 not_sign1
21 bad_protected_header
22 unprotected_not_empty
23 unknown_type
24 unexpected_type
30 not_a_map
31 missing_field
32 unknown_field
33 wrong_field_type
34 length_range
35 value_range
40 unknown_signer
41 weak_key
42 bad_signature
43 wrong_role
44 signer_not_valid
45 unsupported_key_kind
50 duplicate_person
51 duplicate_signing_key
52 duplicate_box
53 duplicate_bay
54 duplicate_rule
55 unknown_rule_number
56 matter_in_two_rules
57 threshold_range
58 rule_too_wide
59 too_many_keys
60 too_many_matters
61 duplicate_authority_key
62 weak_roster_key
63 roster_step
64 roster_signatures
65 roster_lists_not_box
66 release_not_listed
67 duplicate_group
70 unknown_box
71 wrong_box
72 unknown_bay
73 rule_changed
74 unknown_matter
75 too_many_impressions
76 newer_roster
77 time_ahead
78 times_out_of_order
79 waits_too_long
80 waiting_expired
90 other_request
91 own_request
92 not_in_group
93 decided_outside_time
94 counted_twice
95 no_substitute
96 substitute_of_oneself
97 substitute_period
98 too_few_approvals
99 denied
110 stale_nonce
111 wrong_bay
112 unanchored
113 spent
114 finished
115 use_expired
116 not_attended
117 other_keeper
118 bay_busy
119 bay_jammed
120 seal_missing
121 tampered
122 clock_lost
123 clock_running
124 battery_low
125 log_full
126 no_roster
127 nothing_to_clear
128 other_chain
129 button_not_held
130 already_provisioned
131 flash_failed
132 bad_certificate
133 other_tls_key
134 tls_needed
140 unknown_entry
141 chain_broken
150 bad_frame
151 bad_crc
160 unknown_request
161 request_closed
162 unknown_details
163 wrong_site
164 too_fast
165 bad_token
166 not_used_yet
167 already_decided
"""


def name_of(reason: int) -> str:
    """The name of a reason, "unknown_reason" when there is none of that number."""
    at = _NAMES.find("\n%d " % reason)
    return "unknown_reason" if at < 0 else _NAMES[_NAMES.find(" ", at) + 1 : _NAMES.find("\n", at + 1)]


def names() -> "dict[int, str]":
    """All reasons: number to name."""
    return {int(line.split()[0]): line.split()[1] for line in _NAMES.strip().split("\n")}
