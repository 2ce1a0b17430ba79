# What setup.sh and run.sh share. Sourced by both, in the root of the checkout.
# shellcheck shell=bash disable=SC2034
readonly STATE=.machine DATA=${XDG_CACHE_HOME:-$HOME/.cache}/bench

say() {
  echo "sky/${0##*/}: $*" >&2
}

fail() {
  say "$*"
  exit 1
}

# A driver that is broken may not answer at all.
has_gpu() {
  timeout 60 nvidia-smi -L >/dev/null 2>&1
}

# A GPU that is paid for has to answer: without its driver the processor would train at the GPU's price. A machine with a
# bench of its own, such as a node of a cluster, is left to that. Where nvidia-smi alone is missing, bench asks the driver.
refuse_silent_gpus() {
  local gpus=${SKYPILOT_NUM_GPUS_PER_NODE:-${SKYPILOT_SETUP_NUM_GPUS_PER_NODE:-0}}
  [[ $gpus == 0 || $1 == installed || -e /dev/nvidia0 ]] || has_gpu ||
    fail "$gpus GPUs were rented, and none answers nvidia-smi: its driver does not run here; sky down this machine"
}

# That a phase begins now, in seconds since the boot: a clock may be set at any time, and backwards too.
mark() {
  echo "$1=$(uptime_s)" >>"$STATE/phases"
}

uptime_s() {
  local seconds
  read -r seconds _ </proc/uptime
  echo "${seconds%.*}"
}

# bench trains on one machine; all the others would be paid for, and idle.
refuse_several_machines() {
  local addresses
  mapfile -t addresses <<<"${SKYPILOT_SETUP_NODE_IPS:-}"
  local machines=${SKYPILOT_NUM_NODES:-${#addresses[@]}}
  ((machines <= 1)) || fail "$machines machines were rented, and bench trains on one: sky down them, leave out --num-nodes"
}

# BENCH_DEADLINE in Unix seconds: it is given as such, or as a time from now on: 90, 90s, 45m, 2h or 1d.
deadline() {
  local text=${BENCH_DEADLINE:-} seconds
  [[ -n $text ]] || return 0
  [[ $text =~ ^([0-9]{1,12})([smhd]?)$ ]] ||
    fail "BENCH_DEADLINE is $text; give Unix seconds (date +%s), or a time from now on such as 45m or 2h"
  seconds=$((10#${BASH_REMATCH[1]}))
  case ${BASH_REMATCH[2]} in
    m) seconds=$((seconds * 60)) ;;
    h) seconds=$((seconds * 3600)) ;;
    d) seconds=$((seconds * 86400)) ;;
  esac
  # A billion seconds from now on would be 31 years.
  ((seconds >= 1000000000)) || seconds=$((seconds + $(date +%s)))
  echo "$seconds"
}
