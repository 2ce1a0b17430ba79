"""This machine as the machines that SkyPilot rents: a user of its own behind an SSH server on the loopback.

Needs root, the Debian packages openssh-server, rsync, curl and netcat-openbsd, and SkyPilot and uv beside this
Python. Each context manager takes away at its end what it made, and only that; a user that a killed test left goes
with the next one.
"""

from __future__ import annotations

import fcntl
import os
import pwd
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support import processes, warm_python
from tests.support.ports import free_port, listens

WANTED = pytest.mark.skipif(not os.environ.get("BENCH_TEST_CLOUD"), reason="make test-cloud runs it")
BIN, ROOT = Path(sys.executable).parent, Path(__file__).parents[2]
# Stands with each user made here, and tells them from those of the machine's owner.
COMMENT = "made by the tests of bench"
_CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
_SSHD = """\
ListenAddress 127.0.0.1
Port {port}
HostKey {folder}/host
PidFile none
UsePAM no
PasswordAuthentication no
StrictModes no
MaxSessions 100
MaxStartups 100:30:200
"""
# SkyPilot fetches uv and, by it, Python 3.10. Here it gets the uv of this environment, and this machine's Python by way
# of warm_python.py; and links what it installs on each machine to the cache, where SkyPilot has it copied.
_UV = """\
#!/bin/bash
words=() made=
for word in "$@"; do
  [[ $word == 3.10 ]] && word={python}
  [[ $1 == venv && $word == */skypilot-runtime ]] && made=$word
  words+=("$word")
done
export UV_LINK_MODE=hardlink
{uv} "${{words[@]}}" || exit
[[ ! $made ]] || cp --remove-destination {shim} "$made/bin/python"
"""
# SkyPilot asks its machines by hundreds of programs of a few lines, and each would load this for two seconds.
_LOADED = "sky.skylet.autostop_lib,sky.skylet.job_lib,sky.skylet.log_lib"
_CURL = """\
#!/bin/bash
case "$*" in
  *astral.sh/uv*) echo 'mkdir -p "$UV_INSTALL_DIR"; cp {folder}/uv "$UV_INSTALL_DIR"/uv' ;;
  *) exec /usr/bin/curl "$@" ;;
esac
"""


class Rented(NamedTuple):
    """The user that plays the machine; `path` is a folder that stands first in its PATH."""

    user: str
    home: Path
    path: Path


def lacking() -> str | None:
    """What this machine lacks for these tests, in words; None where nothing."""
    if os.geteuid() != 0:
        return "needs root, to make a user and an SSH server"
    for program, package in {
        "/usr/sbin/sshd": "openssh-server",
        "rsync": "rsync",
        "curl": "curl",
        "nc": "netcat-openbsd",
    }.items():
        if not shutil.which(program):
            return f"needs {program}: apt-get install {package}"
    for program, package in {"sky": "skypilot", "uv": "uv"}.items():
        if not (BIN / program).exists():
            return f"needs {program} in {BIN}: pip install {package}"
    return None


@contextmanager
def public_folder() -> Iterator[Path]:
    """A temporary folder that every user may enter, as those of pytest may not."""
    with tempfile.TemporaryDirectory(prefix="bench-clouds-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@contextmanager
def rented(user: str, folder: Path, **variables: str) -> Iterator[Rented]:
    """A new `user` with its home in `folder`, and programs in its login shells that keep SkyPilot off the network.

    `variables` stand in its environment. Raises RuntimeError where a user of that name belongs to somebody else.
    """
    home, path, profile = folder / "home", folder / "bin", Path(f"/etc/profile.d/zz-bench-{user}.sh")
    _remove(user)
    path.mkdir(parents=True)
    python = anybodys_python()
    warm = _copied(Path(warm_python.__file__), folder / "warm_python.py")
    programs = {
        "uv": _UV.format(python=python, uv=_copied(BIN / "uv", folder / "uv"), shim=path / "shim"),
        "shim": warm_python.SHIM.format(real=python, this=warm, modules=_LOADED),
        "curl": _CURL.format(folder=path),
        "sudo": "#!/bin/bash\nexit 0\n",  # what it would install is there
    }
    for name, text in programs.items():
        (path / name).write_text(text)
        (path / name).chmod(0o755)
    # sshd without PAM refuses an account locked with "!", which "*" is not.
    _account("useradd", "--create-home", "--home-dir", home, "--shell=/bin/bash", "--password=*", "-c", COMMENT, user)
    try:
        profile.write_text(
            f'if [ "$(id -un)" = {user} ]; then\n'
            f"  export PATH={path}:$PATH\n"
            f"  [ ! -r {_CERTIFICATES} ] || export SSL_CERT_FILE={_CERTIFICATES}\n"
            + "".join(f"  export {name}={shlex.quote(value)}\n" for name, value in variables.items())
            + "fi\n"
        )
        yield Rented(user, home, path)
    finally:
        profile.unlink(missing_ok=True)
        _remove(user)


@contextmanager
def ssh_server(machine: Rented, public_key: str, folder: Path) -> Iterator[int]:
    """An SSH server for the machine, and the holder of this key only. Gives its port."""
    folder.mkdir(parents=True)
    keys = machine.home / ".ssh" / "authorized_keys"
    keys.parent.mkdir(mode=0o700)
    keys.write_text(public_key)
    account = pwd.getpwnam(machine.user)
    for path in (keys.parent, keys):
        os.chown(path, account.pw_uid, account.pw_gid)
    Path("/run/sshd").mkdir(exist_ok=True)  # it will not start without
    make_key(folder / "host")
    port = free_port()
    (folder / "config").write_text(_SSHD.format(port=port, folder=folder))
    server = subprocess.Popen(["/usr/sbin/sshd", "-D", "-f", folder / "config", "-E", folder / "log"])
    try:
        wait_for(lambda: listens(port), 60, "the SSH server")
        yield port
    finally:
        server.terminate()
        server.wait()


@contextmanager
def sky_home(folder: Path, **variables: str) -> Iterator[dict[str, str]]:
    """A home for SkyPilot in `folder`; gives the environment in which it is called.

    Its API server gets a port of its own; at the end, all that was started with this home is stopped.
    """
    (folder / ".sky").mkdir(parents=True, exist_ok=True)
    kept = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("AWS_", "BENCH_", "CIFAR10_", "SKYPILOT_", "SKY_", "XDG_"))
    }
    environment = kept | {
        "HOME": str(folder),
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "SKYPILOT_DISABLE_USAGE_COLLECTION": "1",
        "SKYPILOT_API_SERVER_LOCAL_PORT": str(free_port()),
    }
    try:
        yield environment | variables
    finally:
        # SkyPilot's workers overwrite their environment; they are known by the session of the server they serve.
        sessions = {os.getsid(pid) for pid in processes.alive(lambda pid: _home_of(pid) == str(folder))} - {
            os.getsid(0)
        }
        processes.stop(lambda pid: _home_of(pid) == str(folder) or os.getsid(pid) in sessions)


def catalogue(home: Path, cloud: str, **tables: str) -> None:
    """Write tables of SkyPilot's catalogue, such as vms="…", into its home; it refreshes only what it fetched."""
    folder = home / ".sky" / "catalogs" / "v8" / cloud
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        (folder / f"{name}.csv").write_text(table)


def make_key(path: Path) -> str:
    """Make the key `path`, and give its public half."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
    return path.with_suffix(".pub").read_text()


def run(words: Sequence[str | Path], environment: Mapping[str, str], seconds: float = 1800) -> str:
    """What a command prints, called from the root. Raises AssertionError with it if it fails or takes longer."""
    with tempfile.TemporaryFile("w+", errors="replace") as out:
        process = subprocess.Popen(
            words,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            code: int | str = process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            code = f"none after {seconds:.0f} s"
        out.seek(0)
        printed = out.read()
    assert code == 0, f"{shlex.join(map(str, words))}: exit code {code}\n{printed[-6000:]}"
    return printed


def anybodys_python() -> Path:
    """A Python that every user may run, of this one's version. Raises RuntimeError where there is none."""
    for python in (Path(sys.executable).resolve(), Path("/usr/bin/python{}.{}".format(*sys.version_info))):
        if python.exists() and all(folder.stat().st_mode & 0o005 == 0o005 for folder in (python, *python.parents)):
            return python
    raise RuntimeError(f"{sys.executable} may be run by its owner only; apt-get install python3 python3-venv")


def wait_for(holds: Callable[[], bool], seconds: float, what: str, every: float = 0.2) -> None:
    """Ask until it holds, `every` so many seconds. Raises TimeoutError that names what was waited for."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not there after {seconds:.0f} s")
        time.sleep(every)


def _remove(user: str) -> None:
    """End a user that was made here, with its processes and its home."""
    with suppress(KeyError):
        account = pwd.getpwnam(user)
        if account.pw_gecos != COMMENT:
            raise RuntimeError(
                f"this machine has a user {user} that is not of these tests; they run on another machine"
            )
        processes.stop(lambda pid: Path(f"/proc/{pid}").stat().st_uid == account.pw_uid)
        _account("userdel", "--remove", user)
        for left in Path("/tmp").iterdir():
            with suppress(OSError):
                if left.lstat().st_uid == account.pw_uid:
                    shutil.rmtree(left) if left.is_dir() and not left.is_symlink() else left.unlink()


def _account(*words: str | Path) -> None:
    """Change the accounts, one test at a time: where another program has them locked, it fails."""
    with Path("/etc/passwd").open() as accounts:
        fcntl.flock(accounts, fcntl.LOCK_EX)
        subprocess.run(words, check=True, capture_output=True)


def _home_of(pid: int) -> str | None:
    variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    return next((line[5:].decode() for line in variables if line.startswith(b"HOME=")), None)


def _copied(source: Path, to: Path) -> Path:
    """A copy that other users may run; the environment may lie in a folder that they may not enter."""
    shutil.copy(source, to)
    to.chmod(0o755)
    return to
