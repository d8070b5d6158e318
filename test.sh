#!/usr/bin/env bash
# Builds everything and runs every test; the last line is "N passed, N failed, N skipped".
#   usage: ./test.sh [--managed] [PROJECT…] [FILTER…]
#   PROJECT                   a folder of tests/; all by default
#   FILTER                    begins at the first word with a dash and goes to the test runner, for example
#                             ./test.sh --managed Analyzer -class '*.FilterTests'
#                             ./test.sh --managed Cli Query -method '*Pipe*' -reporter verbose
#                             All filters: tests/Trace/bin/Release/net10.0/Faultrec.Trace.Tests '-?'
#   --managed                 only what needs neither root nor the native executable: installs nothing, and leaves
#                             out tests/Live, tests/Kernels, tests with the trait Needs=native and checks of style
#   FAULTREC_FULL=1           the slowest tests try all they can (as in CI); otherwise a part of it
#   FAULTREC_REQUIRE_LIVE=1   a skipped test is a failure (as in CI); otherwise live tests skip without root
#   FAULTREC_KERNELS=1        tests/Kernels boots Debian's 6.1 and 6.12 kernels (docs/kernels.md)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
export DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1

readonly PROJECT_TIMEOUT_SECONDS=2400 KERNELS_TIMEOUT_SECONDS=1800
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
    elif [[ $summary == *"Total: 0"* && ${#filter[@]} != 0 ]]; then
        return
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
    local options=(-noColor -noLogo "${filter[@]}")
    if ((is_managed)); then
        options+=(-trait- Needs=native)
    elif [[ ${FAULTREC_REQUIRE_LIVE-} == 1 ]]; then
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

build() {
    require "dotnet build $1" "${as_owner[@]}" dotnet build "$@" -c Release -v quiet --nologo
}

# Only what was asked for. The command line's tests start what `dotnet build` makes of src/Cli.
build_managed() {
    local name
    if ((run_everything)); then
        build Toolkit.sln
        return
    fi
    for name in "${projects[@]}"; do
        if [[ $name == @(Live|Kernels) ]]; then
            echo "tests/$name needs the native executable: ./test.sh $name"
            exit 2
        fi
        build "tests/$name"
        if [[ $name == @(Cli|Fuzz) ]]; then
            build src/Cli
        fi
    done
}

is_managed=0
if [[ ${1-} == --managed ]]; then
    is_managed=1
    shift
fi
projects=()
while (($# > 0)) && [[ $1 != -* ]]; do
    projects+=("$1")
    shift
done
filter=("$@")
run_everything=$((${#projects[@]} == 0))
if ((run_everything)); then
    for project in tests/*/*.Tests.csproj; do
        name=$(basename "$project" .Tests.csproj)
        if ! ((is_managed)) || [[ $name != @(Live|Kernels) ]]; then
            projects+=("$name")
        fi
    done
fi

if ((is_managed)); then
    export FAULTREC_MANAGED=1
    build_managed
else
    require "packages" scripts/install-deps.sh --test
    build Toolkit.sln --disable-build-servers
    require "native executable" env FAULTREC_BUILD_ONLY=1 ./faultrec
    require "fixtures" "${as_owner[@]}" make -s -C fixtures
fi

for name in "${projects[@]}"; do
    run_project "$name"
done
if ((run_everything && !is_managed && ${#filter[@]} == 0)); then
    check "dotnet format" "${as_owner[@]}" dotnet format Toolkit.sln --verify-no-changes --no-restore
    c_sources=(bpf/*.[ch] fixtures/*.[ch] fixtures/*/*.[ch] bench/*.[ch] src/Replay/engine/*.[ch] src/Recorder/Native/*.c tests/Recorder/Unwinder/*.c)
    check "clang-format" check_c_style "${c_sources[@]}"
    check "shellcheck" shellcheck faultrec ./*.sh scripts/*.sh fixtures/*.sh bench/*.sh .ci/run
fi
close
