"""Every cap of the wire, in one place, each with its reason.

Lengths are bytes and times seconds unless the name says otherwise.
"""

MESSAGE = 8192  # a box holds one message in memory at a time, beside everything else, in some 160 KB of heap
PERSONAL_MESSAGE = 512  # what a person signs: eight decisions, a request, four substitutes and a ready fit one grant
MATTERS = 256  # matters of all rules together; the roster then still fits MESSAGE
DEPTH = 6  # nested arrays and maps of one payload; the roster needs five
ITEMS = 1152  # in all arrays and maps of one payload, and how many of these: the roster needs 1074 and 215, and a box
CONTAINERS = 256  # has to hold in memory whatever an unknown sender may send, before any signature is checked
INTEGER = (1 << 53) - 1  # what a browser's numbers hold exactly
KEY = 23  # map keys fit the head byte of CBOR

NAME = 24  # people and seals; eight Chinese characters
TEXT = 240  # wording of a matter
VERSION_TEXT = 16  # a firmware version

AUTHORITY_KEYS = 5
PEOPLE = 64
PERSON_KEYS = 4  # one person's devices
KEYS = 90  # keys of all people together
HOSTS = 3
BOXES = 4
BAYS = 4
RULES = 8
RULE_GROUPS = 4
RELEASES = 2
ROLES = 15  # role numbers 1 to 15

IMPRESSIONS = 999
OPEN_SECONDS = 590  # the hardware timer that ends a drive counts to 600
WAIT_SECONDS = 31 * 86400
USE_SECONDS = 31 * 86400
SUBSTITUTE_SECONDS = 31 * 86400

GRANT_DECISIONS = 8
GRANT_SUBSTITUTES = 4
PHOTOGRAPHS = 8
RELEASE_FILES = 64
CA_CERTIFICATES = 3  # the one in use, the next one, and one that is not gone yet
CERTIFICATE = 1024  # bytes of DER, on P-256 some 500; a box keeps four of them and reads them at once
TLS_KEY = 256  # bytes of DER; 138 for P-256 as PKCS #8
MATTER_PARTS = 32  # messages that one matter list may be spread over
MATTERS_PER_PART = 64

ROSTER_STEP = 1000  # how far a roster's version may jump, so that one bad signature cannot use up the numbers
CLOCK_AHEAD = 600  # how far people's times may lie ahead of the judge's clock
ANCHOR_BACK = 4096  # entries; what a box searches for the history of one request
STATE_EVERY = 128  # entries; the first of each such stretch says how the box stands, so that a start reads one stretch
KEEP_ENTRIES = 8192  # entries that stay on a box whatever is acked
CHALLENGE_SECONDS = 300

ENTRY = 512  # a log entry
ENTRIES_PER_BATCH = 64  # entries of one `entries` item; MESSAGE limits it as well
REFUSALS_PER_HOUR = 6  # `refused` entries of a box
LOOSE_PER_HOUR = 20  # one signer's loose messages that a box logs

SIGNATURE = 64
PUBLIC_KEY = 32
KID = 16
SITE = 16
HASH = 32
SALT = 16
TOKEN = 16
