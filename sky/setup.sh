#!/usr/bin/env bash
# Makes this machine ready for run.sh. BENCH_RUNTIME says how `bench` is to run:
#   docker     in a container of BENCH_IMAGE, else of the Dockerfile, built here
#   venv       in a virtual environment of its own
#   installed  as it stands on the PATH
#   auto       docker where its daemon answers and, on a machine with a GPU, reaches the GPU; else venv
# Clouds that rent out containers (RunPod, Kubernetes, Slurm) have no daemon, and so get a venv.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
readonly STATE=.machine PYTHON=.machine/venv/bin/python
# The newest build with kernels for every GPU from V100 to B200; it is the one in the image too.
readonly TORCH=('torch==2.10.*' 'torchvision==0.25.*')
DOCKER=() IMAGE='' DIGEST=''

main() {
  refuse_to_lose_records
  mkdir -p "$STATE"
  : >"$STATE/phases"
  mark setup
  make_ready "${BENCH_RUNTIME:-auto}"
  mark idle
}

make_ready() {
  case $1 in
    auto) try_docker || make_venv ;;
    docker) try_docker || fail "BENCH_RUNTIME=docker, and no container can run here; see above" ;;
    venv) make_venv ;;
    installed) command -v bench >/dev/null || fail "BENCH_RUNTIME=installed, and there is no bench on the PATH" ;;
    *) fail "BENCH_RUNTIME=$1 is none of auto, docker, venv, installed" ;;
  esac
  local RUNTIME=${READY:-$1}
  declare -p RUNTIME DOCKER IMAGE DIGEST >"$STATE/runtime"
  say "runs by: $RUNTIME${IMAGE:+, $IMAGE ($DIGEST)}"
}

# Where the phases of a lease begin: docs/lease.md.
mark() {
  echo "$1=$(date +%s)" >>"$STATE/phases"
}

try_docker() {
  find_docker && get_image && gpu_in_container || return 1
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

get_image() {
  mark pull
  IMAGE=${BENCH_IMAGE:-bench}
  if [[ -n ${BENCH_IMAGE:-} ]]; then
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
  nvidia-smi -L >/dev/null 2>&1 || return 0
  "${DOCKER[@]}" run --rm --gpus all --entrypoint nvidia-smi "$IMAGE" -L ||
    { say "containers do not reach the GPU"; return 1; }
}

make_venv() {
  mark pull
  READY=venv DOCKER=() IMAGE=''
  [[ -x $PYTHON ]] || new_venv
  "$PYTHON" -m pip install --quiet '.[train]' "${TORCH[@]}"
}

new_venv() {
  # SkyPilot puts uv there; it brings a Python where the machine's own is older than 3.11.
  local PATH=$PATH:$HOME/.local/bin
  if command -v uv >/dev/null; then
    uv venv --quiet --seed --python '>=3.11' "$STATE/venv"
  elif python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    python3 -m venv "$STATE/venv"
  else
    fail "bench needs Python 3.11 or newer, or uv to fetch it; this is $(python3 --version 2>&1)"
  fi
}

refuse_to_lose_records() {
  if [[ -n ${SKYPILOT_MANAGED_JOB_ID:-} && -z ${BENCH_STORE:-} ]]; then
    fail "a managed job's machine goes as the job ends, and the records with it; give BENCH_STORE=s3://bucket/prefix"
  fi
}

say() {
  echo "sky/setup.sh: $*" >&2
}

fail() {
  say "$*"
  exit 1
}

main
