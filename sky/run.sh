#!/usr/bin/env bash
# Runs the recipes of a task file on a machine that setup.sh has made ready, and says where their records are.
# A call on a machine that has made some of the runs, or in place of a preempted one, makes only the rest.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=sky/common.sh
source sky/common.sh
# GRACE: seconds from SIGTERM at the deadline to SIGKILL. IDLE_MINUTES: autostop's in every task file.
readonly HERE=$HOME/bench-results GRACE=60 IDLE_MINUTES=5
RUNTIME='' DOCKER=() IMAGE='' DIGEST='' DEADLINE='' RUNS=()

main() {
  [[ -r $STATE/runtime ]] || fail "run sky/setup.sh first"
  # shellcheck source=/dev/null
  source "$STATE/runtime"
  refuse_several_machines
  refuse_silent_gpus "$RUNTIME"
  unset_empty
  name_pod
  : "${BENCH_RECIPES:?is not set; give it recipes, such as myrtle}"
  find_deadline
  the_runs
  name_gpus
  export BENCH_IDLE_MINUTES=$IDLE_MINUTES
  bench lease forecast "${RUNS[@]}" || say "what this will cost is not known"
  local status=0
  [[ -e $STATE/overdue ]] || { fetch_data && run_recipes; } || status=$?
  if [[ -e $STATE/overdue ]]; then
    status=6
  elif ((status == 137)); then
    say "bench was killed, as the kernel does where memory runs out"
    status=1 # SkyPilot takes 137 for one of several machines that it ended itself
  fi
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

# On RunPod the bill names the pod. Its id is a variable of the container, which a shell over SSH may not have.
name_pod() {
  local pod=${RUNPOD_POD_ID:-} first=${FIRST_ENVIRONMENT:-/proc/1/environ} pair
  if [[ -z $pod ]]; then
    { while IFS= read -r -d '' pair; do
      [[ $pair != RUNPOD_POD_ID=* ]] || pod=${pair#*=}
    done <"$first"; } 2>/dev/null || true # elsewhere it is another user's, which is no pod
  fi
  [[ -z $pod ]] || export BENCH_RESOURCE_ID=${BENCH_RESOURCE_ID:-$pod}
}

# The one of setup.sh, so that a time from now on counts from there; the next job without a set-up has its own.
find_deadline() {
  rm -f "$STATE/overdue"
  if [[ -e $STATE/deadline ]]; then
    DEADLINE=$(<"$STATE/deadline")
    rm -f "$STATE/deadline"
  else
    DEADLINE=$(deadline)
  fi
}

fetch_data() {
  [[ -z ${CIFAR10_DIR:-} ]] || return 0
  mark data
  bench data fetch
}

# What is going to be run, as words of `bench run` and of `bench lease forecast`.
the_runs() {
  local recipes
  read -ra recipes <<<"$BENCH_RECIPES"
  RUNS=("${recipes[@]}" --runs "${BENCH_RUNS:-1}")
  [[ -z ${BENCH_GPUS:-} ]] || RUNS+=(--gpus "$BENCH_GPUS")
}

# What NVML calls the GPUs; the task file may have said it in SkyPilot's words.
name_gpus() {
  local gpus
  mapfile -t gpus < <(timeout 60 nvidia-smi --query-gpu=name --format=csv,noheader 2>/dev/null)
  ((${#gpus[@]} == 0)) || export BENCH_ACCELERATORS=${BENCH_ACCELERATORS:-${gpus[0]// /-}:${#gpus[@]}}
}

# When each phase began, by the clock as it is now: docs/lease.md. What is ahead of it was before a boot.
phases() {
  local now up name at
  now=$(date +%s) up=$(uptime_s)
  while IFS='=' read -r name at; do
    ((at > up)) || echo "$name=$((now - up + at))"
  done <"$STATE/phases" | paste -sd ' ' -
}

run_recipes() {
  local status=0 words
  BENCH_LEASE_PHASES=$(phases)
  export BENCH_LEASE_PHASES
  export BENCH_ECHO=1 # each record is a line of the job's log too, which outlives the machine
  export BENCH_SHOW_COST=1
  words=("${RUNS[@]}" --resume)
  # Where there is a GPU it is what is paid for: bench must not fall back to the processor.
  ! has_gpu || words+=(--device cuda)
  bench run "${words[@]}" --store "${BENCH_STORE:-$(in_runtime "$HERE" /results)}" || status=$?
  say_where
  return "$status"
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
  local compiled=$DATA/compiled state=$HOME/.local/state/bench name words
  mkdir -p "$compiled" "$state" "$HERE"
  words=(run --rm --init --name "bench-$$" --network host --shm-size 8g --user "$(id -u):$(id -g)"
    --env "BENCH_IMAGE_DIGEST=$DIGEST" --volume "$HERE:/results" --volume "$state:/state/bench"
    # What torch.compile made outlives the container, as it does outside.
    --volume "$compiled:/compiled" --env TORCHINDUCTOR_CACHE_DIR=/compiled/inductor --env TRITON_CACHE_DIR=/compiled/triton)
  if [[ -n ${CIFAR10_DIR:-} ]]; then
    words+=(--volume "$CIFAR10_DIR:/data:ro")
  else
    words+=(--volume "$DATA:/cache/bench" --env XDG_CACHE_HOME=/cache --env CIFAR10_DIR=/cache/bench)
  fi
  # SkyPilot puts the user's profile there; /tmp is the image's HOME.
  [[ ! -d $HOME/.aws ]] || words+=(--volume "$HOME/.aws:/tmp/.aws:ro")
  for name in "${!BENCH_@}" "${!AWS_@}" "${!SKYPILOT_@}" "${!GCE_METADATA_@}" "${!AZURE_METADATA_@}" CIFAR10_URL \
    {HTTP,HTTPS,NO}_PROXY {http,https,no}_proxy; do
    [[ -z ${!name+given} ]] || words+=(--env "$name")
  done
  ! has_gpu || words+=(--gpus all)
  attended "${DOCKER[@]}" "${words[@]}" "$IMAGE" "$@"
}

in_runtime() {
  [[ $RUNTIME == docker ]] && echo "$2" || echo "$1"
}

# Runs a program and passes SIGTERM on to it, then waits for the records that it still writes.
attended() {
  local child status told=yes limit=''
  set -m # a process group each, which can be ended as a whole
  "$@" &
  child=$!
  trap 'told=yes; kill -TERM "$child" 2>/dev/null || true' TERM INT
  [[ -z $DEADLINE ]] || { end_at_deadline "$child" & limit=$!; }
  set +m
  while [[ -n $told ]]; do
    told='' status=0
    wait "$child" || status=$?
  done
  trap - TERM INT
  [[ -z $limit ]] || kill -KILL -- "-$limit" 2>/dev/null || true
  return "$status"
}

# SIGTERM, upon which bench records the run in flight and closes the lease; SIGKILL to what is left.
end_at_deadline() {
  local left=$((DEADLINE - $(date +%s)))
  ((left <= 0)) || sleep "$left"
  : >"$STATE/overdue"
  say "BENCH_DEADLINE has come: bench is told to stop"
  kill -TERM "$1"
  sleep "$GRACE"
  say "bench did not stop within $GRACE s: it is killed"
  [[ $RUNTIME != docker* ]] || "${DOCKER[@]}" kill "bench-$$" >/dev/null
  kill -KILL -- "-$1"
}

say_where() {
  local cluster
  echo "Each record is a line above, too; from this output, saved, they come by: bench collect --log FILE"
  if [[ -n ${BENCH_STORE:-} ]]; then
    echo "The records are in $BENCH_STORE: bench report --store $BENCH_STORE"
  else
    cluster=$(sed -n 's/.*"cluster_name": *"\([^"]*\)".*/\1/p' <<<"${SKYPILOT_CLUSTER_INFO:-}")
    echo "The records are in ~/bench-results on this machine, which goes when it has been idle for $IDLE_MINUTES minutes." \
      "Before that: bench collect ${cluster:-CLUSTER}"
  fi
}

main
