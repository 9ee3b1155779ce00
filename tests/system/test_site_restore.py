"""A host brought back from a backup beside a real box: the box sends what the backup lacks, and work goes on."""

import json
from contextlib import closing
from pathlib import Path

import pytest
from sealhost.cli import app
from sealwire import chain
from typer.testing import CliRunner

from tests.brokers import Broker, mosquitto  # noqa: F401
from tests.host.daemon import eventually
from tests.system.site import BAY, Site


def sealhost(*words: str) -> None:
    """A command that succeeds."""
    done = CliRunner().invoke(app, list(words))
    assert done.exit_code == 0, done.output


@pytest.mark.timeout(300)
def test_box_sends_its_log_again_to_a_host_that_lost_it_and_obeys_it_further(
    tmp_path: Path,
    mosquitto: Broker,  # noqa: F811
    firmware_image: tuple[Path, ...],
):
    with closing(Site(tmp_path / "site", mosquitto, firmware_image)) as site:
        waiting = site.ask_for()
        site.approve(waiting, "first")
        sealhost("backup", "--home", str(site.host.home), "--out", str(tmp_path / "file"))
        stored = site._stored()
        used = site.request()
        decisions = {who: site.decide(who, used) for who in ("first", "second")}
        assert site.tell("keeper", used.raw) == "accepted"
        for who, raw in decisions.items():
            assert site.tell(who, raw) == "accepted"
        site.use(used)
        eventually(lambda: site._stored() > stored + 3, "the log")
        eventually(lambda: site._stored() == site.published.seq, "the ack of all of it")
        seq = site._stored()

        site.host.kill()
        sealhost("restore", str(tmp_path / "file"), "--home", str(tmp_path / "back"))
        site.host.home = tmp_path / "back"
        assert site._stored() == stored
        site.host.start()
        eventually(lambda: site._stored() >= seq, "the box's log, sent once more")
        for who, raw in {"keeper": used.raw, **decisions}.items():
            assert site.tell(who, raw) == "accepted"
        assert site.wait_state(used, "finished")["pressed"] == 2
        site.approve(waiting, "second")
        site.use(waiting)
        assert (site.box.openings(BAY), site.box.impressions(BAY)) == (2, 4)
        # The first grant's own bytes are lost: nobody but the host had them, and an auditor is told.
        key = site.people.authority.public_key.hex()
        said = CliRunner().invoke(app, ["verify", str(site.export()), "--authority", key, "--json"])
        (finding,) = json.loads(said.stdout)["findings"]
        assert (finding["check"], "names this grant" in finding["why"]) == ("message_missing", True)
        assert [entry["request"] for entry in site.entries(chain.INTENT)] == [used.reference, waiting.reference]
