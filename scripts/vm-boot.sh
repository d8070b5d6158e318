#!/usr/bin/env bash
# Becomes a virtual machine in software emulation: no KVM, no network, no disk.
#   usage: scripts/vm-boot.sh KERNEL_FOLDER INITRAMFS CONSOLE_LOG
# What the guest writes to ttyS1 is this process's stdout, the kernel's console goes to CONSOLE_LOG. The process ends
# when the guest powers off, reboots or panics.
set -euo pipefail

fail() {
    echo "vm-boot: $*" >&2
    exit 1
}

(($# == 3)) || fail "usage: vm-boot.sh KERNEL_FOLDER INITRAMFS CONSOLE_LOG"
images=("$1"/boot/vmlinuz-*)
[[ -f ${images[0]} ]] || fail "no boot/vmlinuz-… in $1; scripts/fetch-kernels.sh puts it there"
command -v qemu-system-x86_64 >/dev/null || fail "qemu-system-x86_64 is missing; run scripts/install-deps.sh --kernels"

exec qemu-system-x86_64 -accel tcg,thread=multi -cpu max -smp 2 -m 1536 \
    -nodefaults -no-user-config -display none -no-reboot \
    -serial "file:$3" -serial stdio \
    -kernel "${images[0]}" -initrd "$2" \
    -append "console=ttyS0 panic=-1 mitigations=off random.trust_cpu=on ${VM_KERNEL_OPTIONS-}"
