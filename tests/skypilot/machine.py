"""A machine for sky/setup.sh and sky/run.sh, whose docker, python3, uv, curl and bench only note their calls."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path

from tests.support.processes import lives

SKY = Path(__file__).parents[2] / "sky"
# Notes the call. `info`, `build`, `pull`, NVIDIA's toolkit and the GPU in a container fail where FAIL names them.
DOCKER = """\
#!/bin/bash
echo "docker $*" >>"$CALLS"
case "$*" in
  info) [[ $FAIL != *info* ]] ;;
  info*) [[ $FAIL == *toolkit* ]] || echo '{"nvidia":{},"runc":{}}' ;;
  build* | pull*) [[ $FAIL != *image* ]] ;;
  image*) echo "sha256:0123" ;;
  *"--entrypoint python"*) [[ $FAIL != *gpu* ]] ;;
esac
"""
# As python3, and as the Python of a virtual environment that it makes.
PYTHON = """\
#!/bin/bash
echo "python3 $*" >>"$CALLS"
case "$*" in
  -c*torch*) [[ $FAIL != *driver* ]] ;;
  -c*) [[ $FAIL != *old* ]] ;;
  "-m venv "*) mkdir -p "$3/bin"; cp "$0" "$3/bin/python" ;;
  --version) echo Python 3.10.12 ;;
esac
"""
UV = """\
#!/bin/bash
echo "uv $*" >>"$CALLS"
[[ $FAIL != *download* || $* != *only-managed* ]] || exit 2
if [[ $1 == venv ]]; then mkdir -p "${!#}/bin"; cp "$(dirname "$0")/python3" "${!#}/bin/python"; fi
"""
CURL = """\
#!/bin/bash
echo "curl ${*: -3}" >>"$CALLS"
echo archive >"${@: -2:1}"
[[ $FAIL != *data* ]]
"""
BENCH = """\
#!/bin/bash
echo "bench $* ${BENCH_STORE-no-store} ${AWS_SESSION_TOKEN-no-token} $BENCH_LEASE_PHASES" >>"$CALLS"
[[ $1 != run ]] || exit "${STATUS:-0}"
"""
# Ends a moment after it was told to, as `bench` does that still has a record to write.
SLOW_BENCH = """\
#!/bin/bash
if [[ $1 == lease ]]; then exit; fi
trap 'sleep 1; echo recorded >>"$CALLS"; exit 130' TERM
echo started >>"$CALLS"
while :; do sleep 0.1; done
"""
GPU = "#!/bin/bash\n"


class Machine:
    """A machine with some programs, and the call of a script on it."""

    def __init__(self, folder: Path) -> None:
        self.checkout, self.bin, self.log = folder / "checkout", folder / "bin", folder / "calls"
        self.home = folder / "home"
        shutil.copytree(SKY, self.checkout / "sky")
        self.bin.mkdir()
        self.log.touch()
        # Nothing else of this machine is on the PATH: it may have a docker, a GPU or a bench of its own.
        usual = "bash cat cp date dirname env id mkdir mv paste rm sed sleep timeout uname"
        for name in usual.split():
            (self.bin / name).symlink_to(shutil.which(name) or name)
        self.environment = {
            "PATH": str(self.bin),
            "HOME": str(self.home),
            "CALLS": str(self.log),
            "FAIL": "",
            "BENCH_RECIPES": "quick myrtle",
            "BENCH_RUNS": "3",
        }

    def has(self, **programs: str) -> None:
        """Put `programs` on its PATH, in place of those of the same name."""
        for name, text in programs.items():
            path = self.bin / name.replace("_", "-")
            path.unlink(missing_ok=True)
            path.write_text(text.replace("#!/bin/bash", f"#!{shutil.which('bash')}"))
            path.chmod(0o755)

    def start(self, script: str, **variables: str) -> subprocess.Popen[str]:
        """`script` as it runs."""
        return subprocess.Popen(
            [shutil.which("bash") or "bash", self.checkout / "sky" / script],
            env=self.environment | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def call(self, script: str, status: int = 0, **variables: str) -> str:
        """What `script` prints; it must end with `status`."""
        process = self.start(script, **variables)
        out, _ = process.communicate(timeout=30)
        assert process.returncode == status, out
        return out

    @property
    def calls(self) -> list[str]:
        """The calls of its programs, in their order."""
        return self.log.read_text().splitlines()

    def called(self, program: str) -> list[str]:
        """The calls of one of them."""
        return [call for call in self.calls if call.startswith(f"{program} ")]

    def marks(self) -> list[str]:
        """The phases of the lease so far."""
        return [line.partition("=")[0] for line in (self.checkout / ".machine" / "phases").read_text().splitlines()]


def ends(pid: str, seconds: float = 30) -> bool:
    """Whether a process that was sent a signal ends. One that nobody has asked how it ended counts as gone."""
    stop = time.monotonic() + seconds
    while alive := lives(int(pid)):
        if time.monotonic() > stop:
            break
        time.sleep(0.01)
    return not alive
