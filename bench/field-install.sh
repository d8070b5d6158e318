#!/usr/bin/env bash
# Installs the real programs that bench/field.py records, from Debian's packages. Nothing of the suite needs them.
set -euo pipefail

packages=(
    autoconf
    automake
    build-essential
    busybox
    cmake
    erlang-base
    ffmpeg
    fio
    gdb
    git
    golang-go
    lua5.4
    nginx-light
    openjdk-17-jdk-headless
    perl
    php-cli
    postgresql
    redis-server
    ripgrep
    ruby
    sqlite3
    time
    wrk
    xz-utils
)
as_root=()
if ((EUID != 0)); then
    as_root=(sudo)
fi
"${as_root[@]}" apt-get update -q
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${packages[@]}"
