#!/usr/bin/env bash
# Installs what is missing, builds, runs every test, and ends with one line: N passed, N failed, N skipped.
#
#   Tests/run.sh          everything
#   Tests/run.sh --quick  the unit tests and a short end-to-end run
#   Tests/run.sh --nightly  everything, with 2 000 wild worlds, ten minutes for each fuzz subject, and ThreadSanitizer
#
# Needs Swift 6.3 on the path. Root only for system packages that are missing (sudo when not root) and for the suite in
# network namespaces, which says so when it is skipped. Leaves nothing outside the checkout but those packages.
set -u
cd "$(dirname "$0")/.." || exit 1

tier=whole
case "${1:-}" in
    "") ;;
    --quick) tier=quick ;;
    --nightly) tier=nightly ;;
    *)
        echo "usage: Tests/run.sh [--quick|--nightly]" >&2
        exit 2
        ;;
esac

work=.build-tests
venv=$work/venv
legacy_venv=$work/venv-legacy
results=$work/results
rm -rf "$results"
mkdir -p "$results"

begun=$SECONDS
passed=0
failed=0
skipped=0

say() { printf '== %3d:%02d  %s\n' $(((SECONDS - begun) / 60)) $(((SECONDS - begun) % 60)) "$*"; }

# add PASSED FAILED SKIPPED
add() {
    passed=$((passed + $1))
    failed=$((failed + $2))
    skipped=$((skipped + $3))
}

finish() {
    say "done"
    echo "$passed passed, $failed failed, $skipped skipped"
    [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
    exit
}

# A step without which nothing after it makes sense.
need() {
    local what=$1
    shift
    "$@" && return
    say "$what: FAILED ($*)"
    add 0 1 0
    finish
}

as_root() { if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi; }

has_package() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

# The Debian packages that are missing, one a line.
missing_packages() {
    local name
    for name in libsodium-dev libsqlite3-dev zlib1g-dev libssl-dev libpq-dev pkg-config iproute2 nftables conntrack \
        gcc libc6-dev binutils valgrind git curl; do
        has_package "$name" || echo "$name"
    done
    # llhttp: a library of its own in newer distributions, the sources that come with Node in Debian 12.
    has_package libllhttp-dev || has_package node-llhttp || {
        if apt-cache show libllhttp-dev >/dev/null 2>&1; then echo libllhttp-dev; else echo node-llhttp; fi
    }
    python3 -c 'import ensurepip, venv' 2>/dev/null || echo python3-venv
}

# What some tests run beside us; each says so and is skipped where its program is missing.
missing_peers() {
    local name
    for name in postgresql nginx haproxy miniupnpd-nftables libminiupnpc-dev qrencode zbar-tools; do has_package "$name" || echo "$name"; done
}

install_from_debian() {
    say "installing from Debian: $*"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$@"
}

install_packages() {
    command -v dpkg-query >/dev/null || {
        say "not Debian or Ubuntu: the system packages are taken to be there"
        return 0
    }
    [ -n "$(missing_packages)$(missing_peers)" ] || return 0
    # An empty package list knows no names: fetch it, then ask again what the distribution calls them.
    as_root apt-get update -q || return 1
    local packages name
    packages=$(missing_packages)
    # shellcheck disable=SC2086
    [ -z "$packages" ] || install_from_debian $packages || return 1
    for name in $(missing_peers); do install_from_debian "$name" || say "$name cannot be installed: its tests are skipped"; done
}

# install_python VENV REQUIREMENTS
install_python() {
    local stamp=$1/requirements.installed
    cmp -s "$2" "$stamp" && return 0
    say "installing from PyPI into $1: $(grep -v '^#' "$2" | tr '\n' ' ')"
    rm -rf "$1"
    python3 -m venv "$1" && "$1/bin/pip" install -q --disable-pip-version-check -r "$2" && cp "$2" "$stamp"
}

# count_junit FILE: prints `passed failed skipped` of a JUnit file, `0 1 0` when there is none.
count_junit() {
    python3 - "$1" <<'PYTHON'
import sys, xml.etree.ElementTree as tree
try:
    cases = list(tree.parse(sys.argv[1]).iter("testcase"))
except (OSError, tree.ParseError):
    sys.exit(print("0 1 0"))
failed = sum(1 for case in cases if case.find("failure") is not None or case.find("error") is not None)
skipped = sum(1 for case in cases if case.find("skipped") is not None)
print(len(cases) - failed - skipped, failed, skipped)
PYTHON
}

# record FILE STATUS: counts a JUnit file; a program that failed without naming a failed test is a failure of its own.
record() {
    local counts
    counts=$(count_junit "$1")
    # shellcheck disable=SC2086
    add $counts
    [ "$2" -eq 0 ] || [ "$(echo "$counts" | cut -d ' ' -f 2)" -gt 0 ] || add 0 1 0
}

unit_tests() {
    say "unit tests and house rules (swift test)"
    POSTERN_TEST_PYTHON=$PWD/$venv/bin/python swift test --skip-build \
        --xunit-output "$results/unit.xml" >"$results/unit.log" 2>&1
    local status=$?
    # What failed, with the lines under it; what began or passed is left out.
    awk '/^(◇|✔)/ { show = 0 } /^✘|error:|Fatal error/ { show = 1 } show' "$results/unit.log" | cut -c 1-300 | head -n 300
    tail -n 1 "$results/unit.log"
    record "$results/unit-swift-testing.xml" $status
}

# simulated STEP LIMIT COMMAND...: one step in virtual time; one that hangs is stopped after LIMIT seconds and has failed.
simulated() {
    local log=$results/$1.log limit=$2
    shift 2
    if timeout "$limit" "$@" >"$log" 2>&1; then
        tail -n 3 "$log"
        add 1 0 0
    else
        local status=$?
        tail -n 40 "$log"
        [ "$status" -ne 124 ] || echo "stopped after $limit s: $*"
        add 0 1 0
    fi
}

# simulation SEEDS PROGRAMS
simulation() {
    say "seeded simulation, $1 seeds"
    simulated simulation 600 "$2/postern-sim" swarm --seeds "$1"
    say "every scenario, 3 seeds"
    simulated scenarios 300 sh -ec 'for scenario in $("$0" list); do "$0" swarm --scenario "$scenario" --seeds 3; done' \
        "$2/postern-sim"
    say "whole system, 500 seeds"
    simulated system 300 "$2/postern-sim" system --seeds 500
    say "throughput and latency in virtual time, against Fixtures/Throughput/figures.txt"
    # What takes half a minute of all that is measured; Fixtures/Throughput/figures.txt has the same.
    simulated throughput 300 "$2/postern-sim" throughput --fast --check Fixtures/Throughput/figures.txt \
        --only "10 Mbit/s, 30 ms" --only "10 Mbit/s, 40 ms" --only "100 Mbit/s, 40 ms, 1 % loss" \
        --only "bulk bbr 100 Mbit/s, 40 ms, 0 % loss" --only "bulk cubic 100 Mbit/s, 40 ms, 0 % loss" \
        --only "first answer" --only standstill --only "start bbr" --only "preset wifi"
}

# What a packet and a call may cost in allocations and instructions. To set them anew: postern-bench budgets Fixtures/Budgets --update
budgets() {
    say "budgets of allocations and instructions (Fixtures/Budgets)"
    local log=$results/budgets.log
    if timeout 300 "$1/postern-bench" budgets Fixtures/Budgets >"$log" 2>&1; then
        grep 'clearly better' "$log"
        tail -n 1 "$log"
        add 1 0 0
    else
        cat "$log"
        add 0 1 0
    fi
}

# What takes hours: worlds of many faults, more systems, the whole table of throughput, all translators, and races
# between threads.
nightly() {
    local programs=.build/release
    say "2 000 wild worlds and 5 000 whole systems"
    simulated wild 3600 "$programs/postern-sim" swarm --seeds 2000 --scenario wild
    simulated systems 3600 "$programs/postern-sim" system --seeds 5000
    say "hubs that lie, 500 systems; programs killed while a network changes, 20 times"
    simulated deceits 3600 "$programs/postern-sim" system --seeds 500 --scenario deceit
    POSTERN_TEST_NETWORK_KILLS=20 end_to_end kills .build/release -k test_crashes
    say "the whole table of throughput"
    simulated figures 3600 "$programs/postern-sim" throughput --check Fixtures/Throughput/figures.txt
    say "every pair of address translators, and 2 000 simulated ones"
    simulated translators 3600 "$programs/postern-sim" swarm --seeds 2000 --scenario nat-pairs
    POSTERN_NAT_MATRIX=all end_to_end nats .build/release -k 'test_nats or test_nat_places'
    POSTERN_TEST_SWITCHING=1 end_to_end switching .build/release -k test_switching
    say "hubs with a million registered nodes"
    simulated million 1800 "$venv/bin/python" Tests/Hubs/million.py
    cat "$results/million.log"
    say "a network with 5 000 members"
    simulated crowd 3600 "$venv/bin/python" Tests/Hubs/crowd.py --members 5000 --entries 10000
    cat "$results/crowd.log"
    say "the shells' unit tests with ThreadSanitizer"
    need "build for ThreadSanitizer" swift build --build-tests --sanitize thread --scratch-path .build-tsan
    simulated threads 3600 .build-tsan/debug/posternPackageTests.xctest --testing-library swift-testing \
        --filter 'OverlayNIOTests|GatewayNIOTests|HubServerTests|StateStoreTests|SidecarControlTests|posternTests'
}

# Every subject of Tests/Fuzz for SECONDS under libFuzzer with AddressSanitizer, two at a time and only when nothing else
# wants the processor. What libFuzzer finds is kept beside the logs. Swift's globals look like leaks, so none are sought.
fuzz() {
    local program=.build-fuzz/release/postern-fuzz seconds=$1
    export ASAN_OPTIONS=detect_leaks=0
    "$program" list | nice -n 19 xargs -P 2 -I SUBJECT sh -c "
        mkdir -p $work/corpus/SUBJECT
        $program SUBJECT -max_total_time=$seconds -timeout=30 -max_len=4096 -artifact_prefix=$results/fuzz-SUBJECT- \\
            $work/corpus/SUBJECT Fixtures/Fuzz/SUBJECT >$results/fuzz-SUBJECT.log 2>&1
        echo \$? >$results/fuzz-SUBJECT.status"
}

# fuzz_results: counts what `fuzz` left.
fuzz_results() {
    local subject
    for subject in $(.build-fuzz/release/postern-fuzz list); do
        if [ "$(cat "$results/fuzz-$subject.status" 2>/dev/null)" = 0 ]; then
            add 1 0 0
        else
            say "fuzzing $subject: FAILED"
            grep -vE '^#[0-9]+\s+(NEW|REDUCE|pulse|INITED)' "$results/fuzz-$subject.log" | head -n 60
            add 0 1 0
        fi
    done
}

# end_to_end NAME PROGRAMS PYTEST-ARGUMENTS... In a folder with a short name, since the path of a socket may have 107 bytes.
end_to_end() {
    local name=$1 programs=$2 folder status
    shift 2
    folder=$(mktemp -d /tmp/pe.XXXX)
    say "end to end, $name, with the programs of $programs"
    PYTHONDONTWRITEBYTECODE=1 POSTERN_PROGRAMS=$PWD/$programs POSTERN_LEGACY_PYTHON=$PWD/$legacy_venv/bin/python \
        "$venv/bin/python" -m pytest -p no:cacheprovider -ra --durations=5 --junitxml="$results/end-to-end-$name.xml" \
        --basetemp="$folder/w" "$@" Tests/EndToEnd
    status=$?
    [ $status -eq 0 ] || { rm -rf "$results/$name" && cp -r "$folder/w" "$results/$name" 2>/dev/null; }
    rm -rf "$folder"
    record "$results/end-to-end-$name.xml" $status
}

command -v swift >/dev/null || {
    echo "Swift 6.3 is needed: https://www.swift.org/install" >&2
    add 0 1 0
    finish
}

need "system packages" install_packages
need "Python packages" install_python "$venv" Tests/EndToEnd/requirements.txt

say "building programs and tests (debug)"
need "debug build" swift build --build-tests --explicit-target-dependency-import-check error

if [ $tier = quick ]; then
    unit_tests
    end_to_end smoke .build/debug -m smoke
    finish
fi

need "Python packages" install_python "$legacy_venv" Tests/EndToEnd/requirements-legacy.txt
say "building programs (release)"
need "release build" swift build -c release --explicit-target-dependency-import-check error
unit_tests
simulation 200 .build/release
budgets .build/release
say "building what is fuzzed (release, libFuzzer, AddressSanitizer)"
need "fuzz build" env OVERLAY_FUZZ=1 swift build -c release --product postern-fuzz --scratch-path .build-fuzz \
    -Xswiftc -sanitize=fuzzer -Xswiftc -sanitize=address
# Most of the tests wait for time-outs, so several run at once, and the fuzzers beside them; what measures the machine
# has it for itself.
fuzzing=20
[ $tier = whole ] || { fuzzing=600; export POSTERN_TEST_INVITATIONS=200; }
say "fuzzing each subject for $fuzzing s, in the background"
fuzz $fuzzing &
end_to_end together .build/release -m "not alone" -n 6
wait
fuzz_results
end_to_end alone .build/release -m alone
[ $tier = whole ] || nightly
finish
