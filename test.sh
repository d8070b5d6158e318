#!/usr/bin/env bash
# Builds everything and runs every test; the last line is "N passed, N failed, N skipped".
#   usage: ./test.sh [PROJECT…]       PROJECT is a folder of tests/; all by default
#   FAULTREC_REQUIRE_LIVE=1           a skipped test is a failure (as in CI); otherwise live tests skip without root
#   FAULTREC_KERNELS=1                tests/Kernels boots Debian's 6.1 and 6.12 kernels (docs/kernels.md)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
export DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1

readonly PROJECT_TIMEOUT_SECONDS=2400 KERNELS_TIMEOUT_SECONDS=1200
log=$(mktemp)
trap 'rm -f "$log"' EXIT
passed=0 failed=0 skipped=0

close() {
    echo "$passed passed, $failed failed, $skipped skipped"
    ((failed == 0 && passed > 0))
}

# Under sudo, what is built in the checkout stays its owner's; only the tests themselves run as root.
as_owner=()
owner=$(stat -c %U .)
if ((EUID == 0)) && [[ $owner != root && $owner != UNKNOWN ]]; then
    as_owner=(runuser -u "$owner" -- env "HOME=$(getent passwd "$owner" | cut -d: -f6)")
fi

step() { echo "== $*"; }

# A step that everything after it stands on.
require() {
    local what=$1
    shift
    step "$what"
    if ! "$@" </dev/null; then
        echo "FAILED: $what"
        failed=$((failed + 1))
        close
        exit 1
    fi
}

# A check beside the tests: it can only fail them.
check() {
    local what=$1
    shift
    step "$what"
    if ! "$@" </dev/null; then
        echo "FAILED: $what"
        failed=$((failed + 1))
    fi
}

# Adds up the runner's own summary, "Total: 4, Errors: 0, Failed: 1, Skipped: 2". No summary is a crash or a time-out.
add_up() {
    local name=$1 status=$2 limit=$3 summary errors=0 bad=0
    summary=$(grep -E "^ +Faultrec\.[A-Za-z]+\.Tests +Total: " "$log" | tail -n 1 || true)
    if [[ $summary =~ Total:\ ([0-9]+),\ Errors:\ ([0-9]+),\ Failed:\ ([0-9]+),\ Skipped:\ ([0-9]+),\ Not\ Run:\ ([0-9]+) ]]; then
        errors=${BASH_REMATCH[2]} bad=$((BASH_REMATCH[2] + BASH_REMATCH[3]))
        failed=$((failed + bad)) skipped=$((skipped + BASH_REMATCH[4] + BASH_REMATCH[5]))
        passed=$((passed + BASH_REMATCH[1] - BASH_REMATCH[3] - BASH_REMATCH[4] - BASH_REMATCH[5]))
        ((errors == 0)) || echo "FAILED: tests/$name had $errors errors outside its tests"
    elif [[ $summary == *"Total: 0"* ]]; then
        echo "FAILED: tests/$name has no tests"
        failed=$((failed + 1))
        return
    fi
    if ((status != 0 && bad == 0)); then
        echo "FAILED: tests/$name ended with status $status and no failed test: a crash, or no answer in $limit s"
        failed=$((failed + 1))
    fi
}

# What cannot be had the tests skip for, with the reason. Nobody asked for kernels: their tests are left out, since a
# skip that was asked for would fail under FAULTREC_REQUIRE_LIVE.
prepare_kernels() {
    if [[ ${FAULTREC_KERNELS-} == 1 ]]; then
        scripts/install-deps.sh --kernels </dev/null || true
        scripts/fetch-kernels.sh </dev/null || true
    elif [[ ${FAULTREC_REQUIRE_LIVE-} == 1 ]]; then
        echo "the tests that boot kernels are left out; set FAULTREC_KERNELS=1 to run them"
        options+=(-trait- Boots=kernels)
    fi
}

# One after the other: live tests measure, and two projects at once would disturb each other's counts of lost events.
run_project() {
    local name=$1 executable=tests/$1/bin/Release/net10.0/Faultrec.$1.Tests status=0 limit=$PROJECT_TIMEOUT_SECONDS
    local options=(-noColor -noLogo)
    if [[ ${FAULTREC_REQUIRE_LIVE-} == 1 ]]; then
        options+=(-failSkips)
    fi
    step "tests/$name"
    if [[ $name == Kernels ]]; then
        limit=$KERNELS_TIMEOUT_SECONDS
        prepare_kernels
    fi
    timeout --kill-after=10 "$limit" "$executable" "${options[@]}" </dev/null 2>&1 | tee "$log" || status=$?
    add_up "$name" "$status" "$limit"
}

check_c_style() { clang-format --dry-run -Werror "$@"; }

require "packages" scripts/install-deps.sh --test
require "dotnet build Toolkit.sln" "${as_owner[@]}" dotnet build Toolkit.sln -c Release -v quiet --nologo --disable-build-servers
require "native executable" env FAULTREC_BUILD_ONLY=1 ./faultrec
require "fixtures" "${as_owner[@]}" make -s -C fixtures

if (($# == 0)); then
    shopt -s nullglob
    projects=(tests/*/*.Tests.csproj)
    for project in "${projects[@]}"; do
        run_project "$(basename "$project" .Tests.csproj)"
    done
    check "dotnet format" "${as_owner[@]}" dotnet format Toolkit.sln --verify-no-changes --no-restore
    c_sources=(bpf/*.[ch] fixtures/*.[ch] fixtures/*/*.[ch] bench/*.[ch] src/Replay/engine/*.[ch] src/Recorder/Native/*.c tests/Recorder/Unwinder/*.c)
    check "clang-format" check_c_style "${c_sources[@]}"
    check "shellcheck" shellcheck faultrec ./*.sh scripts/*.sh fixtures/*.sh bench/*.sh .ci/run
else
    for name in "$@"; do
        run_project "$name"
    done
fi
close
