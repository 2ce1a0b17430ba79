"""A Slurm cluster on this machine: four nodes with a GPU each, of which the devices are /dev/null.

Needs what loopback.py says, and the Debian packages slurm-wlm and munge. All of it lies in one folder and runs in the
foreground; but for the names of the nodes in /etc/hosts, which are taken out again, nothing of the machine is changed.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.skypilot import loopback
from tests.support import ports, processes

GPUS = ("V100", "A100", "H100")
NODES = {"v100": "V100", "v100-2": "V100", "a100": "A100", "h100": "H100"}
PRICES = {"V100": "3.06", "A100": "3.67", "H100": "3.29"}  # USD per hour, as any cluster may charge its users
_HOSTS = Path("/etc/hosts")
_MARK = "# of the tests of bench"
_PROGRAMS = {"slurmctld": "slurm-wlm", "slurmd": "slurm-wlm", "munged": "munge"}
_CONFIG = """\
ClusterName=bench
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmUser=root
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
SlurmdSpoolDir={folder}/spool.%n
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
ReturnToService=2
MpiDefault=none
GresTypes=gpu
{nodes}
PreemptType=preempt/partition_prio
PreemptMode=CANCEL
PartitionName=main Nodes=ALL Default=YES MaxTime=1:00:00 State=UP
PartitionName=urgent Nodes=ALL MaxTime=1:00:00 State=UP PriorityTier=10 Hidden=YES RootOnly=YES
"""


@dataclass
class Slurm:
    """The cluster. `environment` is that in which SkyPilot is called, `machine` the user on its nodes."""

    environment: dict[str, str]
    machine: loopback.Rented
    config: Path

    def jobs(self) -> list[str]:
        """The jobs that run or wait, a line each."""
        # Not those that are over, and whose node is being cleaned.
        states = "--states=PENDING,CONFIGURING,RUNNING,SUSPENDED"
        return self._ask("squeue", "--noheader", states, "--format=%j %T %N").splitlines()

    def drain(self, node: str) -> None:
        """Give the node to nobody."""
        self._ask("scontrol", "update", f"NodeName={node}", "State=DRAIN", "Reason=test")

    def resume(self, node: str) -> None:
        """Give the node to anybody again."""
        self._ask("scontrol", "update", f"NodeName={node}", "State=RESUME")

    def preempt(self, node: str) -> None:
        """Have Slurm take the node from who has it, for a job of more weight that is over at once."""
        words = ("--partition=urgent", f"--nodelist={node}", "--exclusive", "--output=/dev/null", "--wrap=true")
        self._ask("sbatch", *words)

    def idle(self) -> int:
        """How many nodes wait for work."""
        words = ("sinfo", "--noheader", "--Node", "--partition=main", "--states=idle", "--format=%N")
        return len(self._ask(*words).split())

    def end_jobs(self) -> None:
        """End what runs."""
        self._ask("scancel", f"--user={self.machine.user}")

    def _ask(self, *words: str) -> str:
        variables = {**os.environ, "SLURM_CONF": str(self.config)}
        return subprocess.run(words, env=variables, check=True, capture_output=True, text=True).stdout


def lacking() -> str | None:
    """What this machine lacks for a cluster, in words; None where nothing."""
    for program, package in _PROGRAMS.items():
        if not shutil.which(program, path=_path()):
            return f"needs {program}: apt-get install {package}"
    return loopback.lacking()


@contextmanager
def slurm(folder: Path, **variables: str) -> Iterator[Slurm]:
    """A cluster of four idle nodes, and a SkyPilot that knows it as slurm/ci, with `variables` in its environment."""
    config = folder / "slurm" / "slurm.conf"
    with ExitStack() as stack:
        stack.enter_context(_names(NODES))
        environment = stack.enter_context(loopback.sky_home(folder / "sky", **variables))
        machine = stack.enter_context(loopback.rented("benchslurm", folder / "machine", SLURM_CONF=str(config)))
        # For what SSH starts without a login; the rest of the file is for people only.
        rc = machine.home / ".bashrc"
        rc.write_text(f"export SLURM_CONF={config}\n{rc.read_text() if rc.exists() else ''}")
        home = Path(environment["HOME"])
        key = loopback.make_key(home / "key")
        port = stack.enter_context(loopback.ssh_server(machine, key, folder / "ssh"))
        _know(home, machine.user, port)
        cluster = Slurm(environment, machine, config)
        _configure(config)
        # A job's keeper outlives the daemons when its job will not end.
        stack.callback(processes.stop, lambda pid: f"SLURM_CONF={config}".encode() in _environment(pid))
        _start(stack, "munged", "--foreground", "--force", *_munge(config.parent), folder=config.parent)
        loopback.wait_for((config.parent / "munge.socket").exists, 60, "munged")
        _start(stack, "slurmctld", "-D", "-f", str(config), folder=config.parent)
        for node in NODES:
            _start(stack, "slurmd", "-D", "-f", str(config), "-N", node, folder=config.parent)
        loopback.wait_for(lambda: cluster.idle() == len(NODES), 300, "Slurm's nodes")
        stack.callback(_drop, cluster)
        yield cluster


@contextmanager
def _names(names: Iterable[str]) -> Iterator[None]:
    """Let the names mean this machine: SkyPilot logs in to a node by its name."""
    lines = [f"127.0.0.1 {name} {_MARK}\n" for name in names]
    _HOSTS.write_text(_others() + "".join(lines))
    try:
        yield
    finally:
        _HOSTS.write_text(_others())


def _others() -> str:
    """/etc/hosts without what stands in it of these tests."""
    lines = _HOSTS.read_text().splitlines(keepends=True)
    return "".join(line for line in lines if _MARK not in line)


def _know(home: Path, user: str, port: int) -> None:
    """Tell SkyPilot of the cluster, and of nothing else."""
    (home / ".slurm").mkdir()
    (home / ".slurm" / "config").write_text(
        f"Host ci\n  HostName 127.0.0.1\n  Port {port}\n  User {user}\n  IdentityFile {home}/key\n"
        "  IdentitiesOnly yes\n  StrictHostKeyChecking no\n"
    )
    prices = ", ".join(f"{gpu}: {price}" for gpu, price in PRICES.items())
    (home / ".sky" / "config.yaml").write_text(
        "allowed_clouds: [slurm]\n"
        f"slurm:\n  provision_timeout: 15\n  pricing:\n    cpu: 0.05\n    accelerators: {{{prices}}}\n"
    )
    rows = "".join(f'{gpu},"[]"\n' for gpu in GPUS)
    loopback.catalogue(home, "common", accelerators=f"AcceleratorName,Clouds\n{rows}")


def _configure(config: Path) -> None:
    folder = config.parent
    (folder / "state").mkdir(parents=True)
    nodes, devices = [], []
    for name, gpu in NODES.items():
        (folder / f"spool.{name}").mkdir()
        nodes.append(
            f"NodeName={name} NodeHostname={socket.gethostname()} NodeAddr=127.0.0.1 Port={ports.free_port()} "
            f"CPUs=4 RealMemory=6000 Gres=gpu:{gpu.lower()}:1 State=UNKNOWN"
        )
        devices.append(f"NodeName={name} Name=gpu Type={gpu.lower()} File=/dev/null")
    config.write_text(
        _CONFIG.format(host=socket.gethostname(), port=ports.free_port(), folder=folder, nodes="\n".join(nodes))
    )
    (folder / "gres.conf").write_text("\n".join(devices) + "\n")


def _munge(folder: Path) -> list[str]:
    key = folder / "munge.key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o400)
    files = {"socket": "munge.socket", "pid-file": "munge.pid", "seed-file": "munge.seed", "log-file": "munge.log"}
    return [f"--key-file={key}", *(f"--{option}={folder / name}" for option, name in files.items())]


def _start(stack: ExitStack, program: str, *words: str, folder: Path) -> None:
    """Start a program, and end it with the stack."""
    found = shutil.which(program, path=_path())
    assert found is not None  # `lacking` has looked
    with (folder / f"{program}.log").open("ab") as log:
        process = subprocess.Popen([found, *words], stdout=log, stderr=log)
    stack.callback(process.wait)
    stack.callback(process.kill)  # what it would still write down goes with its folder


def _environment(pid: int) -> list[bytes]:
    return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")


def _drop(cluster: Slurm) -> None:
    """End the jobs that a test has left, so that none outlives the cluster."""
    with suppress(subprocess.CalledProcessError, TimeoutError):
        cluster.end_jobs()
        loopback.wait_for(lambda: not cluster.jobs(), 60, "the end of Slurm's jobs")


def _path() -> str:
    return f"{os.environ.get('PATH', '')}{os.pathsep}/usr/sbin{os.pathsep}/sbin"
