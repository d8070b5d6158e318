#!/usr/bin/env bash
# Fetches Debian's stock kernels for virtual machines; they are unpacked into a cache, never installed.
#   usage: scripts/fetch-kernels.sh [KERNEL…]      KERNEL is 6.1 or 6.12; both by default
# Prints "KERNEL PACKAGE-VERSION FOLDER" for each. A kernel that is in the cache stays as it is and needs no network;
# delete its folder to get Debian's newest. The cache is ${XDG_CACHE_HOME:-$HOME/.cache}/faultrec/kernels.
set -euo pipefail

# The meta package of each kernel; it depends on the newest build of that kernel.
declare -A meta_packages=(
    [6.1]=linux-image-cloud-amd64
    [6.12]=linux-image-6.12-cloud-amd64
)

cache=${XDG_CACHE_HOME:-$HOME/.cache}/faultrec/kernels
partial=

say() { echo "fetch-kernels: $*" >&2; }

fail() {
    say "$*"
    exit 1
}

as_root=()
if ((EUID != 0)) && command -v sudo >/dev/null; then
    as_root=(sudo -n)
fi

# The dependency has the kernel's version in its name: linux-image-6.1.0-56-cloud-amd64.
image_of() {
    apt-cache depends "$1" 2>/dev/null | sed -n 's/^ *Depends: \(linux-image-[0-9].*-amd64\)$/\1/p' | head -n 1
}

find_image() {
    local kernel=$1 image
    image=$(image_of "${meta_packages[$kernel]}")
    if [[ -z $image ]]; then
        say "apt does not know ${meta_packages[$kernel]}; refreshing Debian's package lists"
        "${as_root[@]}" apt-get update >/dev/null 2>&1 || fail "apt-get update failed: is there a network, and are you root?"
        image=$(image_of "${meta_packages[$kernel]}")
    fi
    # Else Debian's next release serves another kernel under the same name.
    [[ $image == linux-image-"$kernel".* ]] ||
        fail "kernel $kernel cannot be had: ${meta_packages[$kernel]} is '${image:-not a package}' here, expected linux-image-$kernel.…; see the apt sources"
    echo "$image"
}

# Lists can be older than the archive, which keeps only the newest build: then once more with new ones.
download() {
    local kernel=$1 image
    image=$(find_image "$kernel")
    say "downloading $image"
    if ! (cd "$partial" && apt-get download -q "$image" >/dev/null 2>&1); then
        "${as_root[@]}" apt-get update >/dev/null 2>&1 || fail "$image cannot be downloaded, and apt-get update failed"
        image=$(find_image "$kernel")
        (cd "$partial" && apt-get download -q "$image" >/dev/null) || fail "$image cannot be downloaded"
    fi
}

# Complete or not there: the folder gets its name after everything is in it.
fetch() {
    local kernel=$1 packages version
    partial=$(mktemp -d "$cache/partial.XXXXXX")
    # apt's sandbox user must be able to write here, or apt warns at every download.
    chmod 755 "$partial"
    download "$kernel"
    packages=("$partial"/*.deb)
    [[ ${#packages[@]} == 1 && -f ${packages[0]} ]] || fail "expected one package in $partial"
    version=$(dpkg-deb -f "${packages[0]}" Version)
    mkdir "$partial/tree"
    dpkg-deb -x "${packages[0]}" "$partial/tree"
    echo "$version" >"$partial/tree/version"
    mv -T "$partial/tree" "$cache/$kernel"
    rm -rf "$partial"
    partial=
}

clean_up() {
    if [[ -n $partial ]]; then
        rm -rf "$partial"
    fi
}

for tool in apt-get apt-cache dpkg-deb flock; do
    command -v "$tool" >/dev/null || fail "$tool is missing; the kernels come as Debian packages"
done
kernels=("$@")
((${#kernels[@]})) || kernels=(6.1 6.12)
for kernel in "${kernels[@]}"; do
    [[ -v meta_packages[$kernel] ]] || fail "unknown kernel '$kernel'; known are: ${!meta_packages[*]}"
done

mkdir -p "$cache"
exec 8>"$cache/lock"
flock 8
trap clean_up EXIT
# Under the lock nobody else downloads: these are of runs that were killed.
rm -rf "$cache"/partial.*
for kernel in "${kernels[@]}"; do
    [[ -f $cache/$kernel/version ]] || fetch "$kernel"
    echo "$kernel $(<"$cache/$kernel/version") $cache/$kernel"
done
