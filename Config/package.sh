#!/usr/bin/env bash
# Builds a Debian package: Config/package.sh [FOLDER] leaves postern_VERSION_ARCH.deb in FOLDER (default: .).
# The program needs no Swift on the target: its runtime is linked in. POSTERN_BINARY names one that is built already.
set -euo pipefail
folder=$(cd "${1:-.}" && pwd)
cd "$(dirname "$0")/.."

fail() {
    echo "error: $1" >&2
    echo "hint: $2" >&2
    exit 1
}

command -v python3 >/dev/null || fail "python3 is not here" "install it: it makes the manual page"
command -v dpkg-deb >/dev/null || fail "dpkg-deb is not here" "build the package on Debian or Ubuntu"
binary=${POSTERN_BINARY:-}
if [ -z "$binary" ]; then
    command -v swift >/dev/null || fail "Swift is not here" "install Swift 6.3, or name a program by POSTERN_BINARY"
    swift build -c release --product postern --static-swift-stdlib
    binary=.build/release/postern
fi
[ -x "$binary" ] || fail "$binary is no program" "name the built program by POSTERN_BINARY"

version=$("$binary" --version)
architecture=$(dpkg --print-architecture)
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
chmod 0755 "$root"

install -D -m 0755 "$binary" "$root/usr/bin/postern"
if command -v strip >/dev/null; then strip "$root/usr/bin/postern"; fi
install -D -m 0644 Config/systemd/postern-hub.service "$root/usr/lib/systemd/system/postern-hub.service"
install -D -m 0644 README.md "$root/usr/share/doc/postern/README.md"
install -D -m 0644 Config/grafana-dashboard.json "$root/usr/share/doc/postern/grafana-dashboard.json"
completion() { install -D -m 0644 /dev/stdin "$root/usr/share/$2" < <("$binary" --generate-completion-script "$1"); }
completion bash bash-completion/completions/postern
completion zsh zsh/vendor-completions/_postern
completion fish fish/vendor_completions.d/postern.fish

"$binary" --experimental-dump-help | Config/manual.py | gzip -9n |
    install -D -m 0644 /dev/stdin "$root/usr/share/man/man1/postern.1.gz"

mkdir "$root/DEBIAN"
cat >"$root/DEBIAN/control" <<CONTROL
Package: postern
Version: $version
Architecture: $architecture
Maintainer: Postern <postern@localhost>
Section: net
Priority: optional
Installed-Size: $(du -sk "$root" | cut -f 1)
Depends: libc6, libstdc++6, libsodium23, libsqlite3-0, libssl3, zlib1g
Recommends: ca-certificates
Suggests: libpq5, libminiupnpc17, qrencode
Description: private side gate for AI agents
 A sidecar that carries MCP and A2A between agents over encrypted peer-to-peer
 paths, without a public endpoint, and the hub at which peers meet.
CONTROL
package=$folder/postern_${version}_$architecture.deb
dpkg-deb --root-owner-group --build "$root" "$package" >/dev/null
echo "$package"
