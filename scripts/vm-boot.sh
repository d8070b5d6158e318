#!/usr/bin/env bash
# Becomes a virtual machine in software emulation: no KVM, no network, no disk.
#   usage: scripts/vm-boot.sh KERNEL_FOLDER FOLDER
# It starts from FOLDER/initramfs and writes FOLDER/console, the kernel's messages, and FOLDER/status, the exit status of
# the guest's script, which is not there or empty when the script did not come to its end. What the script prints is
# stdout. The process ends when the guest powers off or panics, and after VM_TIMEOUT_SECONDS (300) with status 124.
set -euo pipefail

fail() {
    echo "vm-boot: $*" >&2
    exit 1
}

(($# == 2)) || fail "usage: vm-boot.sh KERNEL_FOLDER FOLDER"
images=("$1"/boot/vmlinuz-*)
[[ -f ${images[0]} ]] || fail "no boot/vmlinuz-… in $1; scripts/fetch-kernels.sh puts it there"
command -v qemu-system-x86_64 >/dev/null || fail "qemu-system-x86_64 is missing; run scripts/install-deps.sh --kernels"

# no_timer_check: a guest that gets no time from a busy host takes its timer for broken, and panics.
# Two NUMA nodes, a CPU each. Balancing takes pages' rights away now and then, which makes faults that no test expects: off until it is asked for.
# One host thread for all CPUs: with one each, emulation of code that another CPU patches (a tracepoint that is switched on)
# can crash the guest in the middle of a page fault.
exec timeout --foreground --kill-after=5 "${VM_TIMEOUT_SECONDS:-300}" \
    qemu-system-x86_64 -accel tcg,thread=single -cpu max -smp 2,sockets=2 -m 1536 \
    -object memory-backend-ram,id=m0,size=768M -numa node,nodeid=0,cpus=0,memdev=m0 \
    -object memory-backend-ram,id=m1,size=768M -numa node,nodeid=1,cpus=1,memdev=m1 \
    -nodefaults -no-user-config -display none -no-reboot \
    -serial "file:$2/console" -serial stdio -serial "file:$2/status" \
    -kernel "${images[0]}" -initrd "$2/initramfs" \
    -append "console=ttyS0 panic=-1 mitigations=off no_timer_check numa_balancing=disable random.trust_cpu=on ${VM_KERNEL_OPTIONS-}"
