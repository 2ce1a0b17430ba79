# `bench` in a container.
#
#   make image
#   docker run --rm --gpus all --shm-size 8g -v "$PWD/cifar10:/data:ro" -v "$PWD/results:/results" \
#     -v bench-compiled:/compiled bench run myrtle --runs 5
#
# The base brings Python 3.11 or newer, and torch, torchvision, NumPy and Pillow, which are taken as they are; one with
# Python alone gets them from TORCH. Everything else has its version and its checksum in requirements.lock.
ARG BASE=pytorch/pytorch:2.10.0-cuda12.8-cudnn9-runtime

FROM ${BASE} AS torch
ARG TORCH="torch==2.10.0 torchvision==0.25.0"
# pip reads these: an index of one's own, a folder or page of wheels. Nothing of them gets into the image.
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
ARG PIP_FIND_LINKS
ARG PIP_NO_INDEX
# NVIDIA's images constrain pip to versions of their own, which the lock contradicts.
ENV PATH=/opt/bench/bin:${PATH} PIP_NO_CACHE_DIR=1 PIP_NO_COMPILE=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_CONSTRAINT=
# Without pip of its own it takes the base's, and needs no ensurepip, which Debian and Ubuntu leave out.
RUN python3 -m venv --without-pip --system-site-packages /opt/bench
# TORCH is several words, and holds the versions.
# hadolint ignore=DL3013,SC2086
RUN python -c 'import torch' || python -m pip install ${TORCH}

FROM torch AS build
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
ARG PIP_FIND_LINKS
ARG PIP_NO_INDEX
WORKDIR /build
COPY requirements.lock ./
RUN python -m pip install --require-hashes --no-deps -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY bench bench
COPY analysis analysis
RUN python -m pip install --no-deps --no-build-isolation . \
    && python -m pip uninstall --yes setuptools
# A quarter of it is never used here: the libraries' own tests, what C++ and Cython are compiled against, Arrow's
# clients for Flight and S3. The rest is compiled to bytecode: a container keeps none, and would take seconds to start.
RUN find /opt/bench -depth -type d \( -name tests -o -path '*/pyarrow/include' \) -exec rm -r {} + \
    && find /opt/bench \( -name '*.px[di]' -o -name '*.pyx' -o -name 'libarrow*.so.*.*.*' -o -name 'lib*_flight*' \
        -o -name '_flight*' -o -name 'libarrow_s3*' -o -name '_s3fs*' \) -delete \
    && python -m compileall -q /opt/bench/lib \
    && bench report --help > /dev/null \
    && python -c 'import torch, bench.measure.series, bench.store.compact, analysis.report.html'

FROM ${BASE}
ARG BASE
ARG GIT_COMMIT=
LABEL org.opencontainers.image.title="bench" \
      org.opencontainers.image.description="Time, quality and cost of training, measured run by run" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.base.name="${BASE}" \
      org.opencontainers.image.revision="${GIT_COMMIT}"
# torch.compile builds code as it runs: Triton with a C compiler and Python's headers on a GPU, Inductor with g++ on a
# CPU. With them a container takes the same path as the machine around it. A base that has all of it is left alone.
# For a GPU alone the one file that Triton builds, of 30 to 50 kB, could be in the image in their place; the CPU needs them.
# Optimising at link time, sanitisers and a static Python are a third of it, and never used. The base holds the versions.
# hadolint ignore=DL3008
RUN headers="$(python3 -c 'import sysconfig; print(sysconfig.get_paths()["include"])')"; \
    if ! command -v g++ || ! test -e "$headers/Python.h"; then \
        apt-get update && apt-get install --yes --no-install-recommends g++ libc6-dev libpython3-dev \
        && find /usr/lib \( -name 'libpython3*.a' -o -name lto1 -o -name 'lib?san.a' -o -name 'libubsan.a' \) -delete \
        && apt-get clean && rm -rf /usr/bin/*lto-dump* /var/lib/apt/lists/*; \
    fi
COPY --from=build /opt/bench /opt/bench
# Open to every user, so that --user may be the owner of the folders mounted there.
RUN install -d -m 1777 /data /results /state /compiled
# HOME and USER: torch, Triton, CUDA and matplotlib keep caches under them, and a user id may have no name here.
ENV PATH=/opt/bench/bin:${PATH} \
    HOME=/tmp USER=bench \
    CIFAR10_DIR=/data BENCH_STORE=/results XDG_STATE_HOME=/state \
    TORCHINDUCTOR_CACHE_DIR=/compiled/inductor TRITON_CACHE_DIR=/compiled/triton \
    BENCH_GIT_COMMIT=${GIT_COMMIT}
# /tmp too, so that --read-only needs no more words.
VOLUME ["/data", "/results", "/state", "/compiled", "/tmp"]
WORKDIR /results
USER 10001:10001
ENTRYPOINT ["bench"]
