"""The virtual box's flash under a real littlefs: what was flushed survives any power cut, worn blocks fail."""

import pytest

from tests.firmware.boxes import AgentError, agent_box, boot

EIO = 5
ENOENT = 2


@pytest.fixture
def running(tmp_path):
    with agent_box(tmp_path) as pair:
        yield pair


def test_flash_starts_erased_and_a_write_only_clears_bits(running):
    box, agent = running
    assert agent("read_block(7, 8)") == b"\xff" * 8
    agent("b.flash().writeblocks(7, b'\\xf0\\x0f', 100)")
    agent("b.flash().writeblocks(7, b'\\xff\\xff\\x3c', 100)")
    assert agent("read_block(7, 4, 99)") == b"\xff\xf0\x0f\x3c"
    agent("b.flash().ioctl(6, 7)")
    assert agent("read_block(7, 4, 99)") == b"\xff" * 4
    stats = box.flash_stats()
    assert (stats["writes"], stats["erases"], stats["bytes_written"]) == (2, 1, 5)
    assert (box.settings.home / "flash.bin").stat().st_blocks * 512 < 2**20


def test_write_without_offset_erases_first(running):
    _, agent = running
    agent("b.flash().writeblocks(3, bytes(4096), 0)")
    agent("b.flash().writeblocks(3, b'\\x55' * 4096)")
    assert agent("read_block(3, 4)") == b"\x55" * 4


def test_flash_has_the_size_that_littlefs_is_told(tmp_path):
    with agent_box(tmp_path, blocks=64, block_size=512) as (_, agent):
        assert agent("(b.flash().ioctl(4, 0), b.flash().ioctl(5, 0))") == (64, 512)
        agent("mount(fresh=True)")
        agent("save('a', b'abc' * 1000)")
        assert agent("load('a')") == b"abc" * 1000
        assert agent("b.flash().readblocks(64, bytearray(512))") < 0


def test_files_outlive_power_cut_and_simulator(tmp_path):
    with agent_box(tmp_path) as (box, agent):
        agent("mount(fresh=True)")
        agent("save('kept', b'seal')")
        box.cut_power()
        boot(box)
        agent("mount()")
        assert agent("load('kept')") == b"seal"
    with agent_box(tmp_path) as (box, agent):
        agent("mount()")
        assert agent("load('kept')") == b"seal"


@pytest.mark.parametrize("last_write", ["keep", "drop", "tear", "garble"])
def test_flushed_files_survive_a_cut_at_any_write(running, last_write):
    box, agent = running
    agent("mount(fresh=True)")
    agent("save('before', b'flushed before' * 400)")
    agent("save('log', b'')")
    entries = 0
    for cut_at in range(1, 10):
        box.cut_power(last_write, after_writes=cut_at)
        agent.send("append('log', b'%-200d' % 1, 20)")
        box.wait_vm("off")
        boot(box)
        agent("mount()")
        log = agent("load('log')")
        assert agent("load('before')") == b"flushed before" * 400
        assert log == b"%-200d" % 1 * (len(log) // 200)
        assert len(log) // 200 >= entries
        entries = len(log) // 200
    assert entries > 0


@pytest.mark.parametrize("last_write", ["drop", "tear", "garble"])
def test_cut_between_writes_strikes_only_what_was_not_synced(running, last_write):
    box, agent = running
    agent("b.flash().writeblocks(1, bytes(4096), 0)")
    agent("b.flash().ioctl(3, 0)")
    box.cut_power(last_write)
    boot(box)
    assert agent("read_block(1, 4096)") == bytes(4096)
    agent("b.flash().writeblocks(2, bytes(4096), 0)")
    box.cut_power(last_write)
    boot(box)
    assert agent("read_block(2, 4096)") != bytes(4096)
    assert agent("read_block(1, 4096)") == bytes(4096)


def test_cut_write_is_kept_dropped_torn_or_garbled(running):
    box, agent = running
    left = {}
    for block, last_write in enumerate(("keep", "drop", "tear", "garble"), 1):
        box.cut_power(last_write, after_writes=1)
        agent.send(f"b.flash().writeblocks({block}, bytes(4096), 0)")
        box.wait_vm("off")
        boot(box)
        left[last_write] = agent(f"read_block({block}, 4096)")
    assert left["keep"] == bytes(4096)
    assert left["drop"] == b"\xff" * 4096
    written = left["tear"].count(0)
    assert 0 < written < 4096
    assert left["tear"] == bytes(written) + b"\xff" * (4096 - written)
    assert len(set(left["garble"])) > 100


def test_shutters_close_when_a_write_meets_the_power_cut(running):
    box, agent = running
    agent("b.open(1, 600_000)")
    box.wait_shutter(1, "open")
    box.cut_power("tear", after_writes=1)
    agent.send("b.flash().ioctl(6, 9)")
    box.wait_shutter(1, "closed")
    assert box.state["powered"] is False


def test_worn_block_fails_with_an_error_of_the_flash(running):
    box, agent = running
    box.wear_out([5])
    for call in ("b.flash().writeblocks(5, b'x', 0)", "b.flash().ioctl(6, 5)", "b.flash().writeblocks(5, bytes(4096))"):
        assert agent(call) == -EIO  # raised, it would leave littlefs in the middle of its work
    assert agent("b.flash().writeblocks(6, b'x', 0)") == 0
    assert box.flash_stats()["failed"] == 3


def test_littlefs_on_worn_flash_reports_the_error_and_keeps_what_it_has(running):
    box, agent = running
    agent("mount(fresh=True)")
    agent("save('kept', b'seal')")
    box.wear_out(range(512))
    with pytest.raises(AgentError, match="OSError"):
        agent("save('new', b'x' * 5000)")
    assert agent("load('kept')") == b"seal"
    assert agent("load('missing')") == ENOENT
