# shellcheck shell=sh
# Sourced by the set-up scripts: how they report failures and show progress. POSIX sh only.

# fail SENTENCE: print what is wrong and what to do, and exit with status 1.
fail() {
    printf 'physmem: %s\n' "$*" >&2
    exit 1
}

# warn SENTENCE: print what you should know. The caller goes on.
warn() {
    printf 'physmem: warning: %s\n' "$*" >&2
}

# step MESSAGE LOG COMMAND...: run a long command with its output in LOG, print a dot every two seconds, and return its
# status. Ctrl-C ends the command together with the caller.
step() {
    step_message=$1
    step_log=$2
    shift 2
    mkdir -p "$(dirname "$step_log")"
    printf '%s ' "$step_message"
    step_start=$(date +%s)
    "$@" >"$step_log" 2>&1 </dev/null &
    step_pid=$!
    trap 'kill "$step_pid" 2>/dev/null; exit 130' INT TERM
    step_ticks=0
    while kill -0 "$step_pid" 2>/dev/null; do
        sleep 0.2
        step_ticks=$((step_ticks + 1))
        [ $((step_ticks % 10)) -ne 0 ] || printf '.'
    done
    wait "$step_pid" && step_status=0 || step_status=$?
    trap - INT TERM
    if [ "$step_status" -eq 0 ]; then
        printf ' done, %s s\n' $(($(date +%s) - step_start))
    else
        printf ' failed\n'
        tail -n 20 "$step_log" | cut -c 1-200 >&2
    fi
    return "$step_status"
}
