"""What is available is what the machine has, and no more than a container may use."""

import subprocess
import sys

import psutil
import pytest

from recsys.models.next_item import memory

FIT = """
from pathlib import Path
import numpy as np
from recsys.models import NextItem, Sequences
from recsys.models.next_item.regression import needed_bytes

def shop(users, items, length=10):
    codes = np.random.default_rng(0).integers(0, items, users * length).astype(np.int32)
    names = (np.arange(n).astype(str).astype(object) for n in (users, items))
    return Sequences(*names, np.arange(users + 1) * length, codes, np.tile(np.arange(length), users))

def peak():  # of this program: ru_maxrss knows that of the process it was started by, too
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.partition("VmHWM:")[2].split()[0])

small, large = shop(200, 50), shop(5_000, 2_100)
NextItem.fit(small)  # compiles, which takes memory of its own
before = peak()
NextItem.fit(large, budget=0.5)
print(peak() - before, needed_bytes(large.n_items))
"""


@pytest.fixture
def cgroup(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "CGROUP", tmp_path)

    def write(**files: str) -> None:
        for name, text in files.items():
            path = tmp_path / name.replace("__", "/").replace("_", ".", 1)
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)

    return write


def test_a_container_has_what_its_limit_leaves(cgroup):
    cgroup(memory_max="5000\n", memory_current="3000\n", memory_stat="anon 2000\ninactive_file 700\n")
    assert memory.available_bytes() == 5000 - 3000 + 700


def test_so_has_one_of_the_older_kind(cgroup):
    cgroup(
        memory__memory_limit_in_bytes="5000",
        memory__memory_usage_in_bytes="3000",
        memory__memory_stat="total_inactive_file 700",
    )
    assert memory.available_bytes() == 5000 - 3000 + 700


@pytest.mark.parametrize("limit", ["max", str(2**63 - 4096)])
def test_without_a_limit_it_is_the_machine_that_counts(cgroup, monkeypatch, limit):
    monkeypatch.setattr(psutil, "virtual_memory", lambda: type("Memory", (), {"available": 12345}))
    cgroup(memory_max=limit, memory_current="3000", memory_stat="inactive_file 0")
    assert memory.available_bytes() == 12345


def test_without_a_cgroup_the_machines_memory_counts(cgroup, monkeypatch):
    monkeypatch.setattr(psutil, "virtual_memory", lambda: type("Memory", (), {"available": 12345}))
    assert memory.available_bytes() == 12345


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells the peak")
def test_choosing_settings_takes_no_more_than_was_asked_for():
    taken, stated = map(int, subprocess.check_output([sys.executable, "-c", FIT], text=True).split())
    assert stated / 3 < taken < stated
