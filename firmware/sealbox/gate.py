"""Decides whether a grant opens a bay, and holds each bay's one live challenge.

Guarantees: a grant passes only if everything of it was read, every signature in it checked, and every cheap check made
again after the last signature with nothing in between (:meth:`Gate.decide`); a nonce is used up by such a grant only.
Refusals are `sealwire.errors.Refused`, one named reason each. Leaves to others: the state of the bay and of the box,
the log entry, the bolt.
"""

from hashlib import sha256

from sealwire import errors, limits, messages, rules
from sealwire.errors import Refused
from sealwire.messages import DECISION, READY, REQUEST, SUBSTITUTE
from sealwire.roster import Roster

from sealbox.board import ticks_diff

MYPY = False
if MYPY:
    from collections.abc import Callable, Iterator


class Challenge:
    """A live challenge: its nonce, when it was made (ticks), and the message as it was sent, signed once."""

    def __init__(self, nonce: bytes, made: int) -> None:
        self.nonce = nonce
        self.made = made
        self.raw = b""


class Candidate:
    """A grant that was read: the messages in it, and the keys that must have signed them. Nothing in it is believed
    yet."""

    def __init__(self, grant: "messages.Message", site: bytes) -> None:
        self.grant = grant
        self.request = messages.read(grant["request"], site, (REQUEST,))
        self.decisions = [messages.read(raw, site, (DECISION,)) for raw in grant["decisions"]]
        self.substitutes = [messages.read(raw, site, (SUBSTITUTE,)) for raw in grant["substitutes"]]
        ready = grant.get("ready")
        self.ready = None if ready is None else messages.read(ready, site, (READY,))
        self.judgement = None
        for decision in self.decisions:
            if decision["request"] == self.request.reference:
                decision.fields["request"] = self.request.reference  # one copy for all

    def settle(self) -> None:
        """Keep what judging again needs, and no message's bytes: the bay is open, and memory is short."""
        self.grant.fields = {"nonce": b""}
        for message in [self.grant, self.request] + self.decisions + self.substitutes:
            message.let_go()
        self.ready = None

    def signed(self, roster: Roster) -> "Iterator[tuple[messages.Message, bytes]]":
        """Each person's message with the public key the roster has for its kid. Raises Refused: unknown_signer."""
        people = [self.request] + self.decisions + self.substitutes
        if self.ready is not None:
            people.append(self.ready)
        for message in people:
            yield message, roster.signer(message.kid)[1]


class Gate:
    """The judge at the door of one box. ``roster`` is None until one is held."""

    def __init__(self, site: bytes, box: bytes, journal: object, board: object, secret: bytes) -> None:
        self.site = site
        self.box = box
        self.roster = None
        self._journal = journal
        self._board = board
        self._secret = secret
        self._counter = 0
        self._live = {}  # bay: Challenge

    def challenge(self, bay: int) -> Challenge:
        """The bay's live challenge; a new one when there is none. Asking again does not disturb it."""
        live = self._challenge(bay)
        if live is None:
            self._counter += 1
            boot = self._journal.boot.to_bytes(4, "big")
            nonce = sha256(b"nonce" + self._secret + boot + self._counter.to_bytes(4, "big")).digest()
            live = self._live[bay] = Challenge(nonce, self._board.ticks_ms())
        return live

    def holds(self, nonce: bytes) -> bool:
        """Whether a nonce is that of any live challenge."""
        return nonce in [self._live[bay].nonce for bay in list(self._live) if self._challenge(bay)]

    def drop_stale(self) -> None:
        """Drop what is older than five minutes: to be called often, since ticks that wrapped would make it young."""
        for bay in list(self._live):
            self._challenge(bay)

    def _challenge(self, bay: int) -> "Challenge | None":
        live = self._live.get(bay)
        if live and not 0 <= ticks_diff(self._board.ticks_ms(), live.made) <= limits.CHALLENGE_SECONDS * 1000:
            del self._live[bay]
            return None
        return live

    def read(self, grant: "messages.Message", verify: "Callable[[bytes, bytes, bytes], bool]") -> Candidate:
        """Everything about a grant but the signatures of its people. Raises Refused and DecodeError.

        What costs nothing comes first; the host's signature comes before the log is searched.
        """
        if self.roster is None:
            raise Refused(errors.NO_ROSTER)
        host = self.roster.host(grant.kid)
        candidate = Candidate(grant, self.site)
        for _ in candidate.signed(self.roster):
            pass  # everybody is known, before anything is computed
        self._check_challenge(candidate)
        grant.check(host, verify, True)
        self.decide(candidate)
        candidate.judgement = None  # to be made again after the last signature, and memory is short until then
        return candidate

    def decide(self, candidate: Candidate) -> int:
        """How many impressions this grant opens its bay for now, by all checks but the signatures. Raises Refused."""
        request, now = candidate.request, self._journal.clock.now()
        nonce = self._check_challenge(candidate)
        self._check_anchor(request)
        history = self._journal.history(request.reference, request["anchor_seq"])
        judgement = rules.judge(self.roster, request, candidate.decisions, candidate.substitutes, now, history.against)
        if candidate.ready is not None:
            rules.check_ready(self.roster, judgement.case, candidate.ready, nonce, now)
        left = rules.may_open(judgement, history, candidate.ready is not None, now)
        candidate.judgement = judgement
        return left

    def still_approved(self, candidate: Candidate) -> bool:
        """Whether what opened a bay would still be approved, now that the log says more."""
        request, now = candidate.request, self._journal.clock.now()
        history = self._journal.history(request.reference, request["anchor_seq"])
        try:
            judgement = rules.judge(
                self.roster, request, candidate.decisions, candidate.substitutes, now, history.against
            )
        except Refused:
            return False
        return judgement.state == rules.APPROVED and judgement.case.raiser["number"] not in history.finished

    def use(self, bay: int) -> None:
        """The bay's nonce is used up."""
        self._live.pop(bay, None)

    def _check_challenge(self, candidate: Candidate) -> bytes:
        """The grant is for this box and echoes its bay's live challenge, whose nonce this is.

        Raises Refused: wrong_box, wrong_bay, stale_nonce.
        """
        request, nonce = candidate.request, candidate.grant["nonce"]
        if request["box"] != self.box:
            raise Refused(errors.WRONG_BOX)
        live = self._challenge(request["bay"])
        if live is None or live.nonce != nonce:
            raise Refused(errors.WRONG_BAY if self.holds(nonce) else errors.STALE_NONCE)
        return nonce

    def _check_anchor(self, request: "messages.Message") -> None:
        """The request was made for this very log, not too long ago. Raises Refused: unanchored."""
        seq = request["anchor_seq"]
        log = self._journal.log
        if log.seq - seq > limits.ANCHOR_BACK or log.head_at(seq) != request["anchor_head"]:
            raise Refused(errors.UNANCHORED)


def check_signatures(candidate: Candidate, roster: Roster, verify: "Callable[[bytes, bytes, bytes], bool]"):
    """Check one signature after the other; a generator, so that the bays are looked after between them. Raises
    Refused."""
    for message, public_key in candidate.signed(roster):
        message.check(public_key, verify)
        yield
