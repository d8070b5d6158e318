#!/usr/bin/env bash
# Makes the file system that a virtual machine starts from: busybox, the built faultrec, the built fixtures, and a script.
#   usage: scripts/vm-initramfs.sh KERNEL_FOLDER SCRIPT OUT      KERNEL_FOLDER as fetch-kernels.sh prints it
# In the guest, faultrec and the fixtures are in PATH, /tmp is memory, and /var/tmp an ext2 disk in memory, whose files
# can be evicted, so that major faults happen. A second such disk, /dev/ram1, is for swap (SWAP_DEVICE of with-swap.sh).
# Three serial lines, so that nothing mixes: ttyS0 is the kernel's console, ttyS1 takes what SCRIPT prints, byte by byte,
# ttyS2 its exit status. Users are root and user (1000).
set -euo pipefail
root=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/..

fail() {
    echo "vm-initramfs: $*" >&2
    exit 1
}

(($# == 3)) || fail "usage: vm-initramfs.sh KERNEL_FOLDER SCRIPT OUT"
kernel=$1 script=$2 out=$3
executable=$root/artifacts/faultrec/faultrec
fixtures=("$root"/fixtures/bin/*)
busybox=$(command -v busybox) || fail "busybox is missing; run scripts/install-deps.sh --kernels"
command -v cpio >/dev/null || fail "cpio is missing; run scripts/install-deps.sh --kernels"
[[ -x $executable ]] || fail "$executable is not there; FAULTREC_BUILD_ONLY=1 ./faultrec builds it"
[[ -x ${fixtures[0]} ]] || fail "the fixtures are not built; run make -C fixtures"

tree=$(mktemp -d)
# It becomes /, which users other than root must get through.
chmod 755 "$tree"
trap 'rm -rf "$tree"' EXIT
mkdir -p "$tree"/{bin,dev,etc,lib/modules,mnt,proc,root,sys,tmp,var/tmp}
install -m 755 "$busybox" "$tree/bin/busybox"
install -m 755 "$executable" "${fixtures[@]}" "$root"/fixtures/with-*.sh "$tree/bin/"
install -m 644 "$script" "$tree/script"

# Libraries at the paths that the dynamic linker has on this machine.
copy_libraries() {
    local library
    while read -r library; do
        [[ -e $tree$library ]] || install -D -m 755 "$library" "$tree$library"
    done < <(for program in "$executable" "${fixtures[@]}"; do ldd "$program" 2>/dev/null || true; done | grep -o '/[^ ]*' | sort -u)
}

# Newer packages have their modules compressed, which busybox's insmod leaves to the kernel.
copy_module() {
    local name=$1 module
    module=$(find "$kernel/lib/modules" -name "$name.ko*" | head -n 1)
    case $module in
    *.ko) cp "$module" "$tree/lib/modules/$name.ko" ;;
    *.ko.xz) "$busybox" xzcat "$module" >"$tree/lib/modules/$name.ko" ;;
    *) fail "no module $name in $kernel" ;;
    esac
}

copy_libraries
copy_module brd
printf 'root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000:user:/tmp:/bin/sh\n' >"$tree/etc/passwd"
printf 'root:x:0:\nuser:x:1000:\n' >"$tree/etc/group"

cat >"$tree/init" <<'INIT'
#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin HOME=/root
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mount -t tmpfs -o mode=1777 tmpfs /tmp
mount -t tracefs tracefs /sys/kernel/tracing
mount -t debugfs debugfs /sys/kernel/debug
mount -t securityfs securityfs /sys/kernel/security
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mkdir -p /dev/shm
mount -t tmpfs -o mode=1777 tmpfs /dev/shm
insmod /lib/modules/brd.ko rd_nr=2 rd_size=65536
mke2fs /dev/ram0 >/dev/null 2>&1
mount -t ext2 /dev/ram0 /var/tmp || mount -t ext4 /dev/ram0 /var/tmp
chmod 1777 /var/tmp
hostname guest
ip link set lo up
stty -F /dev/ttyS1 raw -echo
cd /tmp
# No terminal for the script; and the last close of a serial line waits until everything is sent.
{
    sh /script </dev/null 2>&1
    echo $? >/tmp/.status
} | cat >/dev/ttyS1
cat /tmp/.status >/dev/ttyS2
poweroff -f
INIT
chmod 755 "$tree/init"
(cd "$tree" && find . | LC_ALL=C sort | cpio --quiet -o -H newc -R 0:0) >"$out"
