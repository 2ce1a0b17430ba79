"""A container's quota and memory limit, as cgroups of both versions have them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench import host
from bench.host import cpu_quota, free_memory, memory_limit

V1 = Path("/sys/fs/cgroup/cpu")


def process(folder: Path, cgroup: str, mounts: str, files: dict[str, str]) -> Path:
    """/proc/self of a process; `{m}` in `mounts` is the folder that `files` lie in."""
    for name, text in files.items():
        (folder / "m" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "m" / name).write_text(text)
    (folder / "cgroup").write_text(cgroup)
    (folder / "mountinfo").write_text(mounts.replace("{m}", str(folder / "m")))
    return folder


V2_MOUNT = "30 24 0:26 / {m} rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
V1_MOUNTS = (
    "31 24 0:27 /docker/abc {m}/cpu ro - cgroup cgroup rw,cpu,cpuacct\n"
    "32 24 0:28 /docker/abc {m}/memory ro - cgroup cgroup rw,memory\n"
)
V1_CGROUP = "4:memory:/docker/abc\n3:cpu,cpuacct:/docker/abc\n1:name=systemd:/docker/abc\n"


@pytest.mark.parametrize(
    ("cgroup", "mounts", "files", "quota", "memory"),
    [
        ("0::/\n", V2_MOUNT, {"cpu.max": "50000 100000\n", "memory.max": "1073741824\n"}, 0.5, 1 << 30),
        ("0::/\n", V2_MOUNT, {"cpu.max": "max 100000\n", "memory.max": "max\n"}, None, None),
        ("0::/\n", V2_MOUNT, {}, None, None),
        ("0::/pod/box\n", V2_MOUNT, {"pod/cpu.max": "765000 100000\n", "pod/box/cpu.max": "max 100000\n"}, 7.65, None),
        (
            V1_CGROUP,
            V1_MOUNTS,
            {
                "cpu/cpu.cfs_quota_us": "150000\n",
                "cpu/cpu.cfs_period_us": "100000\n",
                "memory/memory.limit_in_bytes": "512\n",
            },
            1.5,
            512,
        ),
        (V1_CGROUP, V1_MOUNTS, {"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, None, None),
        ("", "", {}, None, None),
        ("nonsense", "nonsense", {"cpu.max": "50000 100000"}, None, None),
    ],
)
def test_limits(
    tmp_path: Path, cgroup: str, mounts: str, files: dict[str, str], quota: float | None, memory: int | None
) -> None:
    proc = process(tmp_path, cgroup, mounts, files)
    assert (cpu_quota(proc), memory_limit(proc)) == (quota, memory)


@pytest.mark.parametrize(("quota", "cores"), [(None, 8), (0.5, 1), (7.65, 7), (64.0, 8)])
def test_as_many_cores_as_the_quota_feeds(monkeypatch: pytest.MonkeyPatch, quota: float | None, cores: int) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: range(8), raising=False)
    monkeypatch.setattr(host, "cpu_quota", lambda: quota)
    assert host.cores() == cores


SHOW = """
import os
import torch
from bench.measure.environment import describe
from bench.measure.session import prepare_device
prepare_device("cpu")
print(describe().cpu_quota, describe().cores, torch.get_num_threads(), os.environ["TORCHINDUCTOR_COMPILE_THREADS"])
"""


@pytest.mark.slow
def test_a_real_quota_is_in_the_record_and_in_torchs_threads() -> None:
    group = V1 / "bench-test"
    try:
        group.mkdir()
        (group / "cpu.cfs_quota_us").write_text("150000")
    except OSError as error:
        pytest.skip(f"no cgroup can be made here: {error.strerror}")
    try:
        call = ["sh", "-c", f'echo $$ > {group}/cgroup.procs; exec "$0" -c "$1"', sys.executable, SHOW]
        environment = {name: value for name, value in os.environ.items() if name != "TORCHINDUCTOR_COMPILE_THREADS"}
        result = subprocess.run(call, env=environment, capture_output=True, text=True, check=True)
    finally:
        group.rmdir()
    assert result.stdout.split() == ["1.5", "1", "1", "1"]


@pytest.mark.parametrize(
    ("cgroup", "mounts", "files", "free"),
    [
        ("0::/\n", V2_MOUNT, {"memory.max": "max\n", "memory.current": "5\n"}, 8 << 10),
        ("0::/\n", V2_MOUNT, {"memory.max": "1000\n", "memory.current": "700\n"}, 300),
        (
            "0::/\n",
            V2_MOUNT,
            {"memory.max": "1000\n", "memory.current": "700\n", "memory.stat": "anon 500\ninactive_file 200\n"},
            500,
        ),
        (
            V1_CGROUP,
            V1_MOUNTS,
            {
                "memory/memory.limit_in_bytes": "1000\n",
                "memory/memory.usage_in_bytes": "1200\n",
                "memory/memory.stat": "inactive_file 1\ntotal_inactive_file 300\n",
            },
            100,
        ),
        ("", "", {}, 8 << 10),
    ],
)
def test_free_memory_is_what_machine_and_container_leave(
    tmp_path: Path, cgroup: str, mounts: str, files: dict[str, str], free: int
) -> None:
    proc, meminfo = process(tmp_path, cgroup, mounts, files), tmp_path / "meminfo"
    assert free_memory(proc, meminfo) in (None, *(limit for limit in [free] if limit < 8 << 10))
    meminfo.write_text("MemTotal: 16 kB\nMemFree: 1 kB\nMemAvailable: 8 kB\n")
    assert free_memory(proc, meminfo) == free
