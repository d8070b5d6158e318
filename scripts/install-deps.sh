#!/usr/bin/env bash
# Installs what building and running faultrec needs from Debian's own packages, and only what is missing.
#   usage: scripts/install-deps.sh [--test] [--kernels]
# --test adds what tests and benchmarks need, --kernels what booting other kernels needs.
# The .NET 10 SDK must be there already. A second run installs nothing and needs no network.
set -euo pipefail

packages=(
    clang       # compiles the probes, links the executable
    libbpf-dev  # libbpf.a and its headers, linked in
    libelf-dev  # libelf.a, which libbpf needs
    libdw-dev   # libdw.a: unwind tables, symbols, lines
    liblzma-dev # liblzma.a, which libdw needs
    libbz2-dev  # libbz2.a, likewise
    zlib1g-dev  # libz.a, which libelf needs
    python3     # the program that demo.sh records
)
test_packages=(
    make                 # builds fixtures/
    clang-format         # checks the style of the C sources
    bpftool              # its view of the kernel's types, to compare with
    linux-perf           # the kernel's own count, to compare with
    shellcheck           # checks the shell scripts
    ripgrep              # a program in Rust, recorded with its stacks
    golang-go            # programs in Go without symbols, and what its own tools say of them
    default-jdk-headless # a program in Java, recorded with its stacks
    libjemalloc2         # allocators whose settings are followed and measured
    libtcmalloc-minimal4
    libmimalloc2.0
)
kernel_packages=(
    qemu-system-x86 # boots them, in software emulation
    busybox-static  # what their guests have besides faultrec
    cpio            # packs the guests' file system
)

say() { echo "install-deps: $*" >&2; }

fail() {
    say "$*"
    exit 1
}

for option in "$@"; do
    case $option in
    --test) packages+=("${test_packages[@]}") ;;
    --kernels) packages+=("${kernel_packages[@]}") ;;
    *) fail "unknown option '$option'; there are --test and --kernels" ;;
    esac
done

is_installed() {
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
}

command -v apt-get >/dev/null ||
    fail "this is not a Debian system; install the equivalents of: ${packages[*]}"

# Asked before anything is installed, so that a machine that cannot build is not changed for nothing.
sdk_version=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && dotnet --version 2>/dev/null) ||
    fail "the .NET 10 SDK is missing: 'dotnet --version' gave no answer. See https://dotnet.microsoft.com/download"

missing=()
for package in "${packages[@]}"; do
    is_installed "$package" || missing+=("$package")
done
if ((${#missing[@]} == 0)); then
    say "nothing to install (.NET SDK $sdk_version, ${packages[*]})"
    exit 0
fi

as_root=()
if ((EUID != 0)); then
    command -v sudo >/dev/null ||
        fail "missing: ${missing[*]}. Run this as root, or install sudo"
    as_root=(sudo)
fi

say "missing: ${missing[*]}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT

run_quietly() {
    "$@" >"$log" 2>&1 || {
        cat "$log" >&2
        fail "failed: $*"
    }
}

say "refreshing Debian's package lists"
run_quietly "${as_root[@]}" apt-get update
say "installing ${missing[*]} from Debian's packages"
run_quietly "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y --no-install-recommends "${missing[@]}"
say "done"
