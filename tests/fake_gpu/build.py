"""The fake GPU as a library: compiled against the headers in torch's own wheels, for the functions torch asks for."""

from __future__ import annotations

import re
import shutil
import subprocess
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

SOURCES = Path(__file__).parent / "cuda"
# The only name by which Triton and torch look for a driver.
LIBRARY = "libcuda.so.1"
# CUDA's runtime changed the form of its functions from 12 to 13, and the sources follow the latter.
CUDA = "13."
# Another torch may ask for functions of another form, and is skipped where it fails.
TRIED = "2.14."

_LIBRARIES = (
    "c10_cuda",
    "torch_cuda",
    "torch_cuda_linalg",
    "torch_cpu",
    "torch_python",
    "torch_nvshmem",
    "caffe2_nvrtc",
)
_OF_CUDA = re.compile(r"_*cuda[A-Z]\w+|cu[A-Z]\w+|(cublas|cudnn|cusolver|cusparse|curand|nccl)\w+")
# These touch no device: the real libraries answer.
_REAL = re.compile(r"GetErrorString|GetLastErrorString|GetVersion|GetProperty|GetCudartVersion|ncclGetLastError|cuFile")
# What these are called for is done by the GPU; of cuBLAS and cuSOLVER that is all but what is said here.
_COMPUTES = re.compile(
    r"(cublas(?!Lt)|cusolver)(?!Dn?(Create|Destroy|Set)|Create|Destroy|Get|Set)(?!\w+_bufferSize|\w+Set[A-Z])\w+"
    r"|cudnn\w+(Forward|Backward|BackwardData_v8|BackwardWeights_v8|Execute)"
    r"|nccl(Reduce|ReduceScatter|AlltoAll|Broadcast|Gather|Send|Recv)"
)


def reason_to_skip() -> str | None:
    """Why the fake GPU cannot be had here; None where it can."""
    if missing := [tool for tool in ("g++", "nm") if not shutil.which(tool)]:
        return f"needs {' and '.join(missing)}"
    if find_spec("torch") is None:
        return "needs torch"
    import torch

    if not (torch.version.cuda or "").startswith(CUDA):
        return f"is written for torch with CUDA {CUDA}x, and this is {torch.__version__}"
    return None if _include() else "needs the CUDA headers that come with torch's wheels from PyPI"


def was_tried() -> bool:
    """Whether the fake GPU has to carry this torch."""
    return version("torch").startswith(TRIED)


def build(folder: Path) -> Path:
    """Compile the fake GPU into `folder`, in a few seconds; its path, to be preloaded."""
    parts = folder / "fake.o"
    # As one translation unit: the CUDA headers take longer to read than all that follows.
    (folder / "fake.cpp").write_text("".join(f'#include "{path}"\n' for path in sorted(SOURCES.glob("*.cpp"))))
    options = ["-std=c++17", "-O1", "-fPIC", "-Wall", "-Wextra", f"-I{SOURCES}", f"-isystem{_include()}"]
    _run("g++", *options, "-c", str(folder / "fake.cpp"), "-o", str(parts))
    (folder / "stubs.cpp").write_text(_stubs(_wanted() - _symbols(parts, "--defined-only")))
    library = folder / LIBRARY
    link = ["-shared", f"-Wl,-soname,{LIBRARY}", str(folder / "stubs.cpp"), str(parts), "-ldl"]
    _run("g++", "-O1", "-fPIC", *link, "-o", str(library))
    return library


def _include() -> Path | None:
    return next((path.parent for path in site_packages().glob("nvidia/*/include/cuda_runtime_api.h")), None)


def site_packages() -> Path:
    """The folder that torch is installed in, with the libraries of CUDA beside it."""
    torch = find_spec("torch")
    assert torch is not None
    assert torch.origin is not None
    return Path(torch.origin).parents[1]


def _wanted() -> set[str]:
    """The functions of CUDA that are called by torch's libraries, or that they and Triton look up by name."""
    folder = site_packages() / "torch" / "lib"
    paths = [path for name in _LIBRARIES if (path := folder / f"lib{name}.so").exists()]
    names = set[str]().union(*(_symbols(path, "--undefined-only") for path in paths))
    looked_up = re.findall(rb"\0(cu[A-Z]\w+)(?=\0)", (folder / "libc10_cuda.so").read_bytes())
    triton = (site_packages() / "triton" / "backends" / "nvidia" / "driver.c").read_text()
    names |= {name.decode() for name in looked_up} | set(re.findall(r"\b(cu[A-Z]\w+)(?=\()", triton))
    return {name for name in names if _OF_CUDA.fullmatch(name) and not _REAL.search(name)}


def _symbols(library: Path, which: str) -> set[str]:
    lines = _run("nm", "--dynamic" if ".so" in library.name else "--extern-only", which, str(library)).splitlines()
    return {line.split()[-1].partition("@")[0] for line in lines}


def _stubs(names: set[str]) -> str:
    functions = (
        f'extern "C" long {name}() {{ return fake_gpu_stub("{name}", {int(bool(_COMPUTES.fullmatch(name)))}); }}\n'
        for name in sorted(names)
    )
    return 'extern "C" long fake_gpu_stub(const char* name, int computes);\n' + "".join(functions)


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
