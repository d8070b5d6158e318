#!/usr/bin/env bash
# Runs a command in a virtual machine with one of Debian's kernels, this checkout's built faultrec and its fixtures.
#   usage: scripts/vm.sh 6.1|6.12 COMMAND        COMMAND is for sh; the exit status is its own
#     scripts/vm.sh 6.1 'faultrec record -- seq_touch 16 && faultrec report trace.parquet'
#   VM_TIMEOUT_SECONDS=300 and VM_KERNEL_OPTIONS='lockdown=integrity' are looked at; VM_CONSOLE=FILE gets the kernel's messages
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
printf '%s\n' "$2" >"$folder/script"
"$scripts/vm-initramfs.sh" "$kernel" "$folder/script" "$folder/initramfs" || fail "no initramfs"
echo "vm: booting Linux $version" >&2

"$scripts/vm-boot.sh" "$kernel" "$folder" </dev/null || true
if [[ -n ${VM_CONSOLE-} ]]; then
    cp "$folder/console" "$VM_CONSOLE"
fi
if ! [[ -s $folder/status ]]; then
    tail -n 30 "$folder/console" >&2 || true
    fail "the guest did not come to the end of the command; the last of its console is above"
fi
exit "$(tr -d '\r' <"$folder/status")"
