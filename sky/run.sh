#!/usr/bin/env bash
# Runs the recipes of a task file on a machine that setup.sh has made ready, and says where their records are.
# A call on a machine that has made some of the runs, or in place of one that was taken back, makes only the rest.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
readonly STATE=.machine HERE=$HOME/bench-results
RUNTIME='' DOCKER=() IMAGE='' DIGEST=''

main() {
  [[ -r $STATE/runtime ]] || { echo "sky/run.sh: run sky/setup.sh first" >&2; exit 1; }
  # shellcheck source=/dev/null
  source "$STATE/runtime"
  unset_empty
  if [[ -z ${CIFAR10_DIR:-} ]]; then
    echo "data=$(date +%s)" >>"$STATE/phases"
    bench data fetch
  fi
  BENCH_LEASE_PHASES=$(paste -sd ' ' "$STATE/phases")
  export BENCH_LEASE_PHASES
  local status=0 recipes words
  read -ra recipes <<<"${BENCH_RECIPES:?is not set; give it recipes, such as myrtle}"
  words=("${recipes[@]}" --runs "${BENCH_RUNS:-1}" --resume)
  [[ -z ${BENCH_GPUS:-} ]] || words+=(--gpus "$BENCH_GPUS")
  bench run "${words[@]}" --store "${BENCH_STORE:-$(in_runtime "$HERE" /results)}" || status=$?
  say_where
  exit "$status"
}

# An empty variable of a task file is one that nobody gave, but for the programs that read it a value.
unset_empty() {
  local name
  for name in "${!BENCH_@}" "${!AWS_@}" "${!CIFAR10_@}"; do
    [[ -n ${!name} ]] || unset "$name"
  done
  # boto3 knows the region by its older name only.
  [[ -z ${AWS_REGION:-} ]] || export AWS_DEFAULT_REGION=${AWS_DEFAULT_REGION:-$AWS_REGION}
}

bench() {
  case $RUNTIME in
    docker) contained "$@" ;;
    venv) attended "$STATE/venv/bin/bench" "$@" ;;
    installed) attended "$(type -P bench)" "$@" ;;
  esac
}

# As the user of this machine, so that what is mounted may be written. --network host: the clouds' metadata services
# answer only there. A variable is passed by its name: its value is no word for the process list.
contained() {
  local cache=$HOME/.cache/bench state=$HOME/.local/state/bench name words
  mkdir -p "$cache" "$state" "$HERE"
  words=(run --rm --init --network host --shm-size 8g --user "$(id -u):$(id -g)" --env "BENCH_IMAGE_DIGEST=$DIGEST"
    --volume "$HERE:/results" --volume "$state:/state/bench")
  if [[ -n ${CIFAR10_DIR:-} ]]; then
    words+=(--volume "$CIFAR10_DIR:/data:ro")
  else
    words+=(--volume "$cache:/cache/bench" --env XDG_CACHE_HOME=/cache --env CIFAR10_DIR=/cache/bench)
  fi
  for name in "${!BENCH_@}" "${!AWS_@}" "${!SKYPILOT_@}"; do words+=(--env "$name"); done
  ! nvidia-smi -L >/dev/null 2>&1 || words+=(--gpus all)
  attended "${DOCKER[@]}" "${words[@]}" "$IMAGE" "$@"
}

in_runtime() {
  [[ $RUNTIME == docker ]] && echo "$2" || echo "$1"
}

# Runs a program and passes SIGTERM on to it, then waits for the records that it still writes.
attended() {
  local child status told=yes
  "$@" &
  child=$!
  trap 'told=yes; kill -TERM "$child" 2>/dev/null || true' TERM INT
  while [[ -n $told ]]; do
    told='' status=0
    wait "$child" || status=$?
  done
  trap - TERM INT
  return "$status"
}

say_where() {
  local cluster
  if [[ -n ${BENCH_STORE:-} ]]; then
    echo "The records are in $BENCH_STORE: bench report --store $BENCH_STORE"
  else
    cluster=$(sed -n 's/.*"cluster_name": *"\([^"]*\)".*/\1/p' <<<"${SKYPILOT_CLUSTER_INFO:-}")
    echo "The records are in ~/bench-results on this machine, which goes when it has been idle for 5 minutes." \
      "Before that: bench collect ${cluster:-CLUSTER}"
  fi
}

main
