"""Boxes get new certificates over their own links before the old ones end, whatever comes in between."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sealhost.fence import FenceError
from sealhost.fence.ca import CertificateAuthority
from sealhost.services.renewal import AGAIN_S, LOOK_S, Renewal
from sealwire import messages

from tests.host.village import DAY, Village

YEAR = 365 * DAY


class Fenced(Village):
    """A village whose host has a CA; its box got its first certificate over USB."""

    def __init__(self, folder: Path) -> None:
        super().__init__(f"sqlite:///{folder / 'sealbox.db'}")
        self.ca = CertificateAuthority.create(folder / "ca", "Test", now=lambda: self.now)
        self.first = self.ca.issue_box(self.box.kid).certificate
        self.ca_is_there = True
        self.restart()
        self.begin()

    def restart(self) -> None:
        """What lives in memory only is gone."""
        self.renewal = Renewal(self.context, self._open, FenceError)

    def _open(self) -> CertificateAuthority:
        if not self.ca_is_there:
            raise FenceError("the CA's folder cannot be read")
        return CertificateAuthority.load(self.ca.folder, lambda: self.now)

    def later(self, seconds: int) -> None:
        """So much later."""
        self.now += seconds
        self.renewal.tick()
        self.run()

    def settle(self) -> None:
        """Long enough for everything that is repeated."""
        for _ in range(8):
            self.later(LOOK_S)

    def held(self) -> list[bytes]:
        """The certificates that the box took, oldest first."""
        return [message["certificate"] for message in self.box.credentials]


@pytest.fixture
def village(tmp_path: Path) -> Iterator[Fenced]:
    made = Fenced(tmp_path)
    yield made
    made.close()


def made(village: Fenced) -> int:
    """How many different messages were made for the box."""
    read = [messages.read(send.payload, village.site) for send in village.sent if send.payload[:1] == b"\xd2"]
    return len({message.reference for message in read if message.number == messages.CREDENTIALS})


def test_certificate_is_renewed_when_a_third_of_its_life_is_left_and_once(village: Fenced) -> None:
    village.settle()
    assert village.held() == []
    village.later(YEAR + YEAR // 2)
    village.settle()
    current = village.ca.load(village.ca.folder).current(village.box.kid.hex())
    assert current is not None
    assert village.held() == [village.ca.certificate(current)]
    assert village.held() != [village.first]
    assert made(village) == 1


def test_change_of_the_ca_reaches_the_box_step_by_step(village: Fenced) -> None:
    steps = [village.ca.add_next, village.ca.switch, village.ca.retire]
    for number, step in enumerate(steps, 1):
        step()
        village.settle()
        assert len(village.box.credentials) == number
        assert village.box.credentials[-1]["ca"] == village.ca.ca_set()
    assert [len(message["ca"]) for message in village.box.credentials] == [2, 2, 1]
    assert len(set(village.held())) == 2, "the second step made a new certificate, the others none"
    issued = [message["issued"] for message in village.box.credentials]
    assert issued == sorted(set(issued))


def test_what_a_box_does_not_answer_is_sent_again_also_after_a_restart(village: Fenced) -> None:
    village.box.silent = True
    village.later(YEAR + YEAR // 2)
    village.restart()
    village.settle()
    assert village.held() == []
    village.box.silent = False
    village.settle()
    assert len(village.held()) == 1
    assert made(village) == 1


def test_newer_credentials_take_the_place_of_older_ones_that_wait(village: Fenced) -> None:
    village.box.silent = True
    village.ca.add_next()
    village.settle()
    village.ca.switch()
    village.settle()
    village.box.silent = False
    village.settle()
    assert len(village.box.credentials) == 1
    assert village.box.credentials[0]["ca"] == village.ca.ca_set()


def test_certificate_made_before_the_host_was_killed_reaches_the_box(village: Fenced) -> None:
    """Killed between the CA's folder and the database: the new certificate is in the index only."""
    renewed = village.ca.renew(village.box.kid)
    village.restart()
    village.settle()
    assert village.held() == [renewed.certificate]


def test_box_with_a_lost_clock_gets_them_once_it_is_set(village: Fenced) -> None:
    village.box.clock_set = 0
    village.ca.add_next()
    village.later(LOOK_S)
    assert village.box.refusals == ["clock_lost"]
    assert village.held() == []
    village.box.clock_set = 1
    village.settle()
    assert len(village.held()) == 1


def test_what_a_box_refuses_is_made_anew_hours_later_and_not_sent_meanwhile(village: Fenced) -> None:
    ahead = {"box": village.box.kid, "issued": village.now + AGAIN_S // 2, "ca": [b"\x30"]}
    village.box.receive(village.sign(village.host, messages.CREDENTIALS, **ahead))
    village.box.credentials[0].fields["certificate"] = b""
    village.box.acked = -1
    village.ca.add_next()
    village.later(LOOK_S)
    village.box.hello()
    village.settle()
    refused = len(village.box.refusals)
    assert refused
    assert set(village.box.refusals) <= {"times_out_of_order", "time_ahead"}
    village.settle()
    assert len(village.box.refusals) == refused
    village.later(AGAIN_S)
    village.settle()
    assert village.box.credentials[-1]["ca"] == village.ca.ca_set()


def test_key_given_over_usb_again_is_not_followed_by_what_was_for_the_old_one(village: Fenced) -> None:
    village.later(YEAR + YEAR // 2)
    village.settle()
    village.ca.issue_box(village.box.kid)
    village.settle()
    assert len(village.held()) == 1


def test_revoked_box_and_box_without_certificate_get_nothing(village: Fenced) -> None:
    village.ca.revoke(village.box.kid)
    village.later(YEAR + YEAR // 2)
    village.settle()
    assert village.held() == []


def test_ca_that_cannot_be_read_is_told_once_a_minute_and_stops_nothing(village: Fenced) -> None:
    village.ca_is_there = False
    village.later(YEAR + YEAR // 2)
    village.settle()
    village.ca_is_there = True
    village.settle()
    assert len(village.held()) == 1
