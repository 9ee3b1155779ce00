"""A next CA certificate under a running site: host and box of flesh and blood, and Mosquitto between them."""

from contextlib import closing
from pathlib import Path

from sealhost.fence.ca import CertificateAuthority
from sealwire import chain, messages

from tests.system.fenced import SiteFence
from tests.system.site import Site


def test_next_ca_certificate_reaches_the_box_which_comes_back_with_it(
    tmp_path: Path, firmware_image: tuple[Path, ...]
) -> None:
    """The box's `link` entry names the host's message, and it connects by the new set after a start."""
    fence = SiteFence()
    try:
        with closing(Site(tmp_path / "site", fence, firmware_image)) as site:
            ca = CertificateAuthority.load(site.host.home / "ca")
            ca.add_next()
            site.host.stop()
            site.host.start()  # it looks at once
            seq, entry = site.ear.nth(chain.LINK, 1, lambda _: True)
            site.acked(seq)
            sent = site.ear.heard(messages.CREDENTIALS, lambda message: bool(message.reference == entry["message"]))
            assert sent[0]["ca"] == ca.ca_set()
            site.box.cut_power()
            site.box.power_on()
            seq, _ = site.ear.nth(chain.BOOT, 2, lambda _: True)
            site.acked(seq)
            assert "TLS:" not in site.box.firmware_log()
    finally:
        fence.stop()
