"""The image itself: what is in it, and what is not."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

from tests.container import wheels
from tests.container.engine import COMMIT, ROOT, Engine


def test_an_image_adds_400_mb_to_its_base_and_250_where_that_has_no_compilers(
    engine: Engine, base: str, image: str
) -> None:
    ours = int(engine.inspect(image, "{{.Size}}")) - int(engine.inspect(base, "{{.Size}}"))
    assert 0 < ours < 650_000_000


def test_an_image_says_what_it_is(engine: Engine, base: str, image: str) -> None:
    labels = json.loads(engine.inspect(image, "{{json .Config.Labels}}"))
    said = {name.removeprefix("org.opencontainers.image."): value for name, value in labels.items()}
    assert said["title"] == "bench"
    assert said["licenses"] == "MIT"
    assert said["revision"] == f"{COMMIT}-dirty"
    assert said["base.name"] == base


def test_an_image_runs_bench_as_a_user_without_rights(engine: Engine, image: str) -> None:
    assert engine.inspect(image, "{{json .Config.Entrypoint}}") == '["bench"]'
    assert engine.docker("run", "--rm", "--network=none", "--entrypoint=id", image, "-u").stdout != "0\n"
    assert engine.docker("run", "--rm", "--network=none", image, "--version").stdout.startswith("bench, version")


HARDENED = ("--read-only", "--cap-drop=ALL", "--network=none")


def test_a_network_is_compiled_in_it(engine: Engine, image: str) -> None:
    code = "import torch; print(torch.compile(lambda x: x.sin() + 1)(torch.zeros(3)).tolist())"
    words = ("run", "--rm", *HARDENED, "--entrypoint=python", image, "-c", code)
    assert engine.docker(*words).stdout.strip() == "[1.0, 1.0, 1.0]"


def test_what_triton_needs_is_in_it(engine: Engine, image: str) -> None:
    """A C compiler and Python's headers: a module is built and imported."""
    build = """
        set -e
        cd /tmp
        echo '#include <Python.h>
        static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "built"};
        PyMODINIT_FUNC PyInit_built(void) { return PyModule_Create(&module); }' > built.c
        headers=$(python -c 'import sysconfig; print(sysconfig.get_paths()["include"])')
        cc -shared -fPIC -I"$headers" built.c -o built.so
        python -c 'import built'
    """
    engine.docker("run", "--rm", *HARDENED, "--entrypoint=sh", image, "-c", build)


def test_a_base_with_compilers_is_left_alone(engine: Engine, image: str) -> None:
    """The step that installs them does nothing there: it is run again, without a network."""
    steps = (ROOT / "Dockerfile").read_text().replace("\\\n", " ").splitlines()
    (step,) = (step for step in steps if step.startswith("RUN") and "g++" in step)
    engine.docker("build", "--network=none", "-t", "again", "-", input=f"FROM {image}\nUSER 0\n{step}\n")


def test_nothing_of_the_build_is_left(engine: Engine, base: str, image: str, index: str) -> None:
    look = "command -v make; ls /build /opt/bench/bin/pip* /var/lib/apt/lists/* 2>/dev/null; ls /tmp; true"
    found = engine.docker("run", "--rm", "--network=none", "--entrypoint=sh", image, "-c", look)
    assert found.stdout == ""
    history = ("history", "--no-trunc", "--format", "{{.CreatedBy}}")
    ours = set(engine.docker(*history, image).stdout.splitlines()) - set(
        engine.docker(*history, base).stdout.splitlines()
    )
    assert ours
    assert index not in "".join(ours)


def test_only_what_is_installed_is_sent_to_the_engine(engine: Engine, debian: str, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(f"FROM {debian}\nCOPY . /context\n")
    engine.build("context", str(ROOT), "-f", str(tmp_path / "Dockerfile"))
    sent = engine.docker(
        "run", "--rm", "--network=none", "context", "sh", "-c", "cd /context; ls -A; find . -name __pycache__"
    )
    assert sent.stdout.split() == ["LICENSE", "README.md", "analysis", "bench", "pyproject.toml", "requirements.lock"]


def test_a_base_without_torch_is_given_it(engine: Engine, debian: str, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "torch-0-py3-none-any.whl", "w") as stand_in:
        stand_in.writestr("torch.py", "")
        stand_in.writestr("torch-0.dist-info/METADATA", "Metadata-Version: 2.1\nName: torch\nVersion: 0\n")
        stand_in.writestr("torch-0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        stand_in.writestr("torch-0.dist-info/RECORD", "")
    with wheels.served(tmp_path) as url:
        engine.build(
            "given", str(ROOT), "--target=torch", BASE=debian, TORCH="torch==0", PIP_FIND_LINKS=url, PIP_NO_INDEX="1"
        )
    where = engine.docker(
        "run", "--rm", "--network=none", "given", "python", "-c", "import torch; print(torch.__file__)"
    )
    assert where.stdout.startswith("/opt/bench/lib/")


def test_every_user_may_write_where_volumes_are(engine: Engine, image: str) -> None:
    touch = (
        "touch /data/a /results/a /state/a /compiled/a /tmp/a && python -c 'import getpass, pathlib; getpass.getuser()'"
    )
    words = ("--read-only", "--cap-drop=ALL", "--network=none", "--user=4711:4711", "--entrypoint=sh")
    engine.docker("run", "--rm", *words, image, "-c", touch)


def test_every_command_answers_without_a_file_system_to_write_to(engine: Engine, image: str) -> None:
    words = ("--rm", "--read-only", "--cap-drop=ALL", "--network=none")
    html = engine.docker("run", *words, image, "report", "--published", "all", "--format", "html").stdout
    assert "<svg" in html
