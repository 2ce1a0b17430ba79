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

# A driver that is broken shows no GPU, and bench would train on the processor, at the GPU's price. $1: how many SkyPilot
# says were rented, $2: the runtime. Who has bench installed already answers for the driver too.
refuse_missing_gpu() {
  [[ ${1:-0} == 0 || $2 == installed ]] || has_gpu ||
    fail "GPUs that are paid for: $1, and nvidia-smi lists none, so the driver does not work; sky down, and launch anew"
}

# When what began last begins to be paid for: docs/lease.md.
mark() {
  echo "$1=$(date +%s)" >>"$STATE/phases"
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
