"""The journal on real disks that fill up, turn read-only, fail and lose power."""

import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from agent.tell.journal import Ended, Journal
from tests.agent.tell.test_journal import WRITER, fault, opened, seqs
from tests.support.disks import Ext4, Tmpfs, check, mounted
from tests.support.processes import stands_still
from tests.support.root import needs_root
from tests.support.waiting import until

pytestmark = needs_root


def write(journal: Journal, count: int, what: str = "x") -> list[tuple[str, int]]:
    """Append as a ledger does: where a run has ended, in the next one. (store, seq) of each event."""
    written: list[tuple[str, int]] = []
    while len(written) < count:
        run = journal.run
        try:
            written.append((run.store, journal.append(run.number, fault(what))))
        except Ended:
            continue
    return written


def probe(journal: Journal) -> None:
    """What happens by itself within ten seconds."""
    journal.tend(at_once=True)


def everything(journal: Journal) -> list[tuple[str, int]]:
    return [(store, seq) for store, _, _ in journal.undelivered() for seq in seqs(journal, store)]


def test_a_disk_that_fills_up_twenty_times(tmp_path: Path) -> None:
    """On a full disk it goes on, says so, and is durable again once there is room; nothing recorded is lost."""
    with Tmpfs(tmp_path / "disk", "8m") as disk, opened(disk.point) as journal:
        written = []
        for _ in range(20):
            written += write(journal, 3)
            disk.fill()
            while not journal.trouble:  # a few fit into what the file has allocated
                written += write(journal, 1, "y" * 900)
            probe(journal)
            assert "full" in journal.trouble
            disk.relieve()
            probe(journal)
            assert (journal.durable, journal.trouble) == (True, "")
        assert everything(journal) == written


def test_a_full_disk_can_still_be_drained(tmp_path: Path) -> None:
    """With the reserve given up, events are added and acknowledged ones leave while the disk is full."""
    with Tmpfs(tmp_path / "disk") as disk, opened(disk.point) as journal:
        write(journal, 50)
        disk.fill()
        for _ in range(100):
            ((store, seq),) = write(journal, 1)
            journal.batch(store, seq - 1, seq)
            journal.trim(store, seq)
        assert journal.durable
        assert not (disk.point / "journal.db.reserve").exists()
        assert (journal.pending, journal.lost) == (0, 0)


def test_when_even_the_reserve_is_used_up_it_goes_on_in_memory(tmp_path: Path) -> None:
    """A new store begins in memory, the old one's events stay deliverable, and both are on disk after the recovery."""
    with Tmpfs(tmp_path / "disk") as disk:
        with opened(disk.point) as journal:
            written = write(journal, 10)
            disk.fill()
            while journal.durable:
                written += write(journal, 10, "y" * 900)
                disk.fill()
            first, second = written[0][0], written[-1][0]
            assert first != second
            assert everything(journal) == written
            journal.trim(first, 5)
            disk.relieve()
            probe(journal)
            assert journal.durable
            assert journal.store == second
        with opened(disk.point) as again:
            assert everything(again) == [one for one in written if one not in {(first, seq) for seq in range(1, 6)}]


def test_where_memory_is_short_what_waits_on_the_disk_makes_room(tmp_path: Path) -> None:
    """Rows carried into memory leave it for newer ones, without a gap: they are told from the disk afterwards."""
    place = tmp_path / "state"
    with opened(place, memory_bytes=200_000) as journal:
        written = write(journal, 200, "y" * 900)
        (place / "journal.db").rename(place / "aside.db")
        written += write(journal, 1)
        carried = everything(journal)
        assert written[0] in carried
        assert not journal.durable
        written += write(journal, 100, "y" * 900)
        assert set(everything(journal)) == set(written[200:])
        (place / "aside.db").rename(place / "journal.db")
        probe(journal)
        assert journal.durable
        assert everything(journal) == written


def test_starting_on_a_full_disk(tmp_path: Path) -> None:
    """It starts, says that the disk is full, and becomes durable once there is room."""
    with Tmpfs(tmp_path / "disk") as disk:
        disk.fill()
        with opened(disk.point) as journal:
            written = write(journal, 3)
            assert not journal.durable
            assert "full" in journal.trouble
            disk.relieve()
            probe(journal)
            assert journal.durable
        with opened(disk.point) as again:
            assert everything(again) == written


def test_a_card_that_turns_read_only(tmp_path: Path) -> None:
    """The kernel makes the filesystem read-only under it: it goes on in memory and returns when it is writable."""
    with Ext4(tmp_path / "card", 8) as card:
        with opened(card.point) as journal:
            written = write(journal, 5)
            card.fail()
            written += write(journal, 5)
            assert not journal.durable
            assert everything(journal) == written
            probe(journal)
            assert not journal.durable
            card.unmount()  # possible, since it lets go of a file that failed
            check(card.image)
            card.mount()
            probe(journal)
            assert (journal.durable, journal.trouble) == (True, "")
        with opened(card.point) as again:
            assert everything(again) == written


def test_a_card_that_is_pulled_out_and_comes_back_read_only_first(tmp_path: Path) -> None:
    """I/O errors, then read-only, then sound: each is named, and what was on the card is told at the end."""
    with Ext4(tmp_path / "card", 8) as card:
        with opened(card.point) as journal:
            written = write(journal, 5)
            card.pull_out()
            written += write(journal, 5)
            assert not journal.durable
            card.unmount()
            card.mount()
            card.remount("ro")
            probe(journal)
            assert not journal.durable
            assert "readonly" in journal.trouble
            card.remount("rw")
            probe(journal)
            assert journal.durable
            written += write(journal, 2)
        with opened(card.point) as again:
            assert everything(again) == written


def test_a_folder_that_is_taken_away(tmp_path: Path) -> None:
    """A journal whose folder was deleted does not write into the void: the rows move to a new file."""
    place = tmp_path / "state"
    with opened(place) as journal:
        written = write(journal, 5)
        shutil.rmtree(place)
        written += write(journal, 5)
        assert not journal.durable
        assert "missing" in journal.trouble
        probe(journal)
        assert journal.durable
    with opened(place) as again:
        assert everything(again) == written


def test_power_cuts(tmp_path: Path) -> None:
    """Copies of the card taken while a writer runs open within 5 s and hold every event recorded before the copy."""
    rnd = random.Random(1)
    with Ext4(tmp_path / "card", 8) as card:
        for number in range(5):
            command = [sys.executable, "-c", WRITER, str(card.point / "journal.db")]
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
                assert writer.stdout
                writer.stdout.readline()
                time.sleep(rnd.uniform(0.1, 0.4))
                writer.send_signal(signal.SIGSTOP)
                until(lambda: stands_still(writer.pid), every_s=0.005)
                card.cut(tmp_path / f"cut-{number}.img")
                writer.send_signal(signal.SIGKILL)
                said = [line.split() for line in writer.stdout.readlines() if line.endswith("\n")]
            with mounted(tmp_path / f"cut-{number}.img", tmp_path / "cut") as place:
                began = time.monotonic()
                with opened(place) as journal:
                    assert time.monotonic() - began < 5
                    assert journal.durable
                    recorded = int(said[-1][1])
                    assert journal.seq_high >= recorded
                    assert seqs(journal) == list(range(journal.oldest, journal.seq_high + 1))
            (tmp_path / f"cut-{number}.img").unlink()
