#!/usr/bin/env bash
# Makes this machine ready for run.sh. BENCH_RUNTIME says how `bench` is to run:
#   auto          in a container of BENCH_IMAGE where one is named and can run here, else in a virtual environment
#   venv          in a virtual environment: requirements.lock with its checksums, and the torch of the image
#   docker        in a container of BENCH_IMAGE
#   docker-build  in a container of the Dockerfile, which is built here, by minutes that are paid for
#   installed     as it stands on the PATH
# Clouds that rent out containers (RunPod, Kubernetes, Slurm) have no Docker daemon, and so get a virtual environment.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=sky/common.sh
source sky/common.sh
readonly PYTHON=$STATE/venv/bin/python ARCHIVE=$DATA/cifar-10-binary.tar.gz
# The newest build with kernels for every GPU from V100 to B200; it is the one in the image too.
readonly TORCH=('torch==2.10.*' 'torchvision==0.25.*')
readonly REACH_GPU='import torch; torch.zeros(1).cuda()'
DOCKER=() IMAGE='' DIGEST='' DOWNLOAD=''

main() {
  refuse_several_machines
  refuse_silent_gpus "${BENCH_RUNTIME:-auto}"
  refuse_to_lose_records
  mkdir -p "$STATE"
  local until
  until=$(deadline)
  # Only the first of the two calls computes it.
  if [[ -n $until && -z ${LIMITED:-} ]]; then
    echo "$until" >"$STATE/deadline"
    end_at "$until"
  fi
  : >"$STATE/phases"
  mark setup
  download_data
  make_ready "${BENCH_RUNTIME:-auto}"
  await_data
  mark idle
}

# All of this again, in a process group that is ended at the deadline: a pull or an installation may stall for ever.
end_at() {
  local left=$(($1 - $(date +%s))) status=0
  ((left > 0)) || fail "BENCH_DEADLINE has passed already: nothing was set up"
  LIMITED=1 timeout --kill-after=10 "$left" bash sky/setup.sh || status=$?
  ((status != 124 && status != 137)) || say "BENCH_DEADLINE has come: the set-up was ended"
  exit "$status"
}

make_ready() {
  case $1 in
    auto) { [[ -n ${BENCH_IMAGE:-} ]] && try_docker "$BENCH_IMAGE"; } || make_venv ;;
    docker)
      [[ -n ${BENCH_IMAGE:-} ]] || fail "BENCH_RUNTIME=docker wants BENCH_IMAGE; docker-build builds the Dockerfile here"
      try_docker "$BENCH_IMAGE" || fail "BENCH_RUNTIME=docker, and no container can run here; see above"
      ;;
    docker-build) try_docker '' || fail "BENCH_RUNTIME=docker-build, and no container can run here; see above" ;;
    venv) make_venv ;;
    installed) command -v bench >/dev/null || fail "BENCH_RUNTIME=installed, and there is no bench on the PATH" ;;
    *) fail "BENCH_RUNTIME=$1 is none of auto, venv, docker, docker-build, installed" ;;
  esac
  local RUNTIME=${READY:-$1}
  declare -p RUNTIME DOCKER IMAGE DIGEST >"$STATE/runtime"
  say "runs by: $RUNTIME${IMAGE:+, $IMAGE ($DIGEST)}"
}

# The archive, beside the rest of the set-up; `bench data fetch` verifies and unpacks it, or fetches it itself.
download_data() {
  [[ -z ${CIFAR10_DIR:-} && ! -e $ARCHIVE && ! -e $DATA/cifar-10-batches-bin ]] || return 0
  command -v curl >/dev/null || return 0
  mkdir -p "$DATA"
  curl --fail --silent --show-error --location --connect-timeout 30 --speed-time 60 --speed-limit 10000 --retry 3 \
    --output "$ARCHIVE.part" "${CIFAR10_URL:-https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz}" &
  DOWNLOAD=$!
  trap 'kill "$DOWNLOAD" 2>/dev/null || true' EXIT
}

await_data() {
  [[ -n $DOWNLOAD ]] || return 0
  mark data
  if wait "$DOWNLOAD"; then mv -f "$ARCHIVE.part" "$ARCHIVE"; else say "the data did not come; run.sh tries again"; fi
}

# Of the image that is named, else of the Dockerfile.
try_docker() {
  find_docker && gpus_for_containers || return 1
  mark pull
  IMAGE=${1:-bench}
  get_image "$1" && gpu_in_container || return 1
  DIGEST=$("${DOCKER[@]}" image inspect --format '{{if .RepoDigests}}{{index .RepoDigests 0}}{{else}}{{.Id}}{{end}}' "$IMAGE")
  READY=docker
}

find_docker() {
  DOCKER=(docker)
  docker_answers && return
  # -E: run.sh passes variables on to the container by their names.
  DOCKER=(sudo -nE docker)
  docker_answers || { say "no Docker daemon answers here"; return 1; }
}

docker_answers() {
  timeout 20 "${DOCKER[@]}" info >/dev/null 2>&1
}

# Before gigabytes are pulled: the engine needs NVIDIA's container toolkit, by its hook, its runtime or its CDI files.
gpus_for_containers() {
  has_gpu || return 0
  ! command -v nvidia-container-runtime-hook >/dev/null || return 0
  [[ $("${DOCKER[@]}" info --format '{{json .Runtimes}}') != *nvidia* ]] || return 0
  ! compgen -G '/etc/cdi/nvidia*' >/dev/null && ! compgen -G '/var/run/cdi/nvidia*' >/dev/null || return 0
  say "containers cannot reach the GPU here: there is no NVIDIA container toolkit"
  return 1
}

get_image() {
  if [[ -n $1 ]]; then
    "${DOCKER[@]}" pull --quiet "$IMAGE" || { say "$IMAGE cannot be pulled"; return 1; }
  else
    DOCKER_BUILDKIT=1 "${DOCKER[@]}" build --tag "$IMAGE" --build-arg "GIT_COMMIT=$(commit)" . ||
      { say "the Dockerfile cannot be built here"; return 1; }
  fi
}

commit() {
  git describe --always --dirty --abbrev=40 --exclude='*' 2>/dev/null || true
}

gpu_in_container() {
  has_gpu || return 0
  "${DOCKER[@]}" run --rm --gpus all --entrypoint python "$IMAGE" -c "$REACH_GPU" ||
    { say "torch does not reach the GPU in a container of $IMAGE"; return 1; }
}

make_venv() {
  mark pull
  READY=venv DOCKER=() IMAGE='' DIGEST=''
  # SkyPilot puts uv there.
  local PATH=$PATH:$HOME/.local/bin
  if command -v uv >/dev/null; then venv_by_uv; else venv_by_pip; fi
  ! has_gpu || "$PYTHON" -c "$REACH_GPU" ||
    fail "torch does not reach the GPU here, and a GPU is no place to train on the processor; nvidia-smi names its driver"
}

# It checks the checksums that are there: the lock's. Everything comes at once, side by side.
venv_by_uv() {
  export UV_HTTP_TIMEOUT=${UV_HTTP_TIMEOUT:-60}
  local words=()
  # What PyPI has for ARM (GH200) is without CUDA.
  [[ $(uname -m) != aarch64 ]] || ! has_gpu || words=(--torch-backend cu128)
  # uv's own Python has the headers that torch.compile needs; where it cannot be had, one that is here.
  [[ -x $PYTHON ]] || uv venv --quiet --python-preference only-managed --python 3.12 "$STATE/venv" ||
    uv venv --quiet --python '>=3.11,<3.15' "$STATE/venv"
  uv pip install --quiet --python "$PYTHON" --build-constraints requirements.lock --requirements requirements.lock \
    "${words[@]}" '.[train]' "${TORCH[@]}"
}

venv_by_pip() {
  python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "bench needs Python 3.11 or newer, or uv to fetch it; this is $(python3 --version 2>&1)"
  unset PIP_CONSTRAINT # of NVIDIA's images, for the packages beside their torch: the lock has versions of its own
  [[ -x $PYTHON ]] || python3 -m venv "$STATE/venv"
  "$PYTHON" -m pip install --quiet --require-hashes --no-deps --requirement requirements.lock
  "$PYTHON" -m pip install --quiet --no-build-isolation '.[train]' "${TORCH[@]}"
}

refuse_to_lose_records() {
  if [[ -n ${SKYPILOT_MANAGED_JOB_ID:-} && -z ${BENCH_STORE:-} ]]; then
    fail "a managed job's machine goes as the job ends, and the records with it; give BENCH_STORE=s3://bucket/prefix"
  fi
}

main
