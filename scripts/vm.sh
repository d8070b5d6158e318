#!/usr/bin/env bash
# Runs a command in a virtual machine with one of Debian's kernels, this checkout's built faultrec and its fixtures.
#   usage: scripts/vm.sh 6.1|6.12 COMMAND        COMMAND is for sh; the exit status is its own
#     scripts/vm.sh 6.1 'faultrec record -- seq_touch 16 && faultrec report trace.parquet'
#   VM_TIMEOUT_SECONDS=300 VM_KERNEL_OPTIONS='lockdown=integrity' VM_CONSOLE_LOG=FILE
# What is in the guest: see vm-initramfs.sh. It starts in about 10 s and runs ten to twenty times slower than this machine.
set -euo pipefail
scripts=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")

fail() {
    echo "vm: $*" >&2
    exit 125
}

(($# == 2)) || fail "usage: scripts/vm.sh 6.1|6.12 COMMAND"
read -r _ version kernel < <("$scripts/fetch-kernels.sh" "$1") || fail "kernel $1 cannot be had"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
console=${VM_CONSOLE_LOG:-$folder/console}
printf '%s\n' "$2" >"$folder/script"
"$scripts/vm-initramfs.sh" "$kernel" "$folder/script" "$folder/initramfs" || fail "no initramfs"
echo "vm: booting Linux $version" >&2

# awk keeps the last line back: the status of the command.
timeout --foreground --kill-after=5 "${VM_TIMEOUT_SECONDS:-300}" \
    "$scripts/vm-boot.sh" "$kernel" "$folder/initramfs" "$console" </dev/null |
    awk -v file="$folder/status" '/^@@vm-ended [0-9]+$/ { print $2 > file; next } { print; fflush() }' || true
if ! [[ -s $folder/status ]]; then
    tail -n 30 "$console" >&2 || true
    fail "the guest did not come to the end of the command in ${VM_TIMEOUT_SECONDS:-300} s; its last console lines are above"
fi
exit "$(<"$folder/status")"
