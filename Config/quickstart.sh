#!/usr/bin/env bash
# Installs the system packages that are missing, builds postern in release, and runs its demonstration.
# Options go to `postern demo`: with --once it stops after the two calls.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '%s\n' "$*" >&2; }

fail() {
    say "error: $1"
    say "hint: $2"
    exit 1
}

has_package() { dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q '^install ok installed$'; }

can_install() { apt-cache show "$1" >/dev/null 2>&1; }

missing_packages() {
    local package
    for package in pkg-config libsodium-dev libsqlite3-dev zlib1g-dev libssl-dev libpq-dev; do
        has_package "$package" || echo "$package"
    done
    # Debian 12 has llhttp only as the sources in node-llhttp.
    if ! has_package libllhttp-dev && ! has_package node-llhttp; then
        if can_install libllhttp-dev; then echo libllhttp-dev; else echo node-llhttp; fi
    fi
    # With it a gateway that knows only UPnP is asked for a port, too.
    if ! has_package libminiupnpc-dev && can_install libminiupnpc-dev; then echo libminiupnpc-dev; fi
}

install_packages() {
    command -v dpkg-query >/dev/null || {
        say "this is no Debian or Ubuntu: libsodium, SQLite, libpq, llhttp and pkg-config have to be there already"
        return 0
    }
    local missing
    missing=$(missing_packages | tr '\n' ' ')
    [ -n "$missing" ] || return 0
    local root=()
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || fail "these packages are missing: $missing" "install them as root, then run this again"
        root=(sudo)
    fi
    say "installing system packages: $missing"
    "${root[@]}" apt-get update -qq
    # Without lists the choice of the llhttp package may have been made blindly.
    missing=$(missing_packages | tr '\n' ' ')
    # shellcheck disable=SC2086
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >&2
}

check_swift() {
    local hint="install Swift 6.3 or newer: https://www.swift.org/install/linux"
    command -v swift >/dev/null || fail "there is no swift on the path" "$hint"
    local version
    version=$(swift --version 2>&1 | sed -n 's/.*Swift version \([0-9][0-9.]*\).*/\1/p' | head -n 1)
    [ -n "$version" ] || fail "the version of $(command -v swift) cannot be told" "$hint"
    [ "$(printf '6.3\n%s\n' "$version" | sort -V | head -n 1)" = 6.3 ] ||
        fail "Swift is $version, and 6.3 or newer is needed" "$hint"
}

check_swift
install_packages
say "building postern (the first time takes some minutes)"
swift build -c release --product postern >&2
exec .build/release/postern demo "$@"
