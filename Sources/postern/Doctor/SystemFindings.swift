import OverlayNIO
import PosternModel

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// What this host and user give a sidecar.
enum SystemFindings {
    static var all: [Finding] {
        [
            clock(.now), descriptors(Descriptors.raiseLimit()), buffers(largest: largestReceiveBuffer), ipv6(hasIPv6),
            proxies { name in getenv(name).map { String(cString: $0) } },
        ].compactMap(\.self)
    }

    /// Whether this clock can be right: grants and invitations carry times.
    static func clock(_ now: Timestamp) -> Finding {
        // 2026-01-01, before this program was made.
        guard now < Timestamp(seconds: 1_767_225_600) else { return .ok("clock", now.description) }
        return .broken(
            "clock",
            "it says \(now)",
            why: "invitations and grants are judged by it",
            hint: "set it, with `timedatectl set-ntp true` or ntpdate"
        )
    }

    /// What the limit of open files allows.
    static func descriptors(_ limit: Int) -> Finding {
        let words = "\(limit) files may be open"
        guard limit < 4_096 else { return .ok("open files", words) }
        let why = "each connection takes up to two, so that about \(max(limit - 64, 0) / 2) can be there at a time"
        let hint = "raise the hard limit: `ulimit -Hn 65536`, or LimitNOFILE=65536 in the systemd unit"
        return limit < 256
            ? .broken("open files", words, why: why, hint: hint)
            : .warning("open files", words, why: why, hint: hint)
    }

    /// What the largest receive buffer of a socket, in bytes, is worth; nil: the system does not say.
    static func buffers(largest: Int?) -> Finding? {
        guard let largest else { return nil }
        let words = "a socket may buffer \(largest >> 10) KiB"
        guard largest < 1 << 20 else { return .ok("UDP buffers", words) }
        return .warning(
            "UDP buffers",
            words,
            why: "bursts are dropped before we see them, which makes bulk slow on fast links",
            hint: "sysctl -w net.core.rmem_max=\(OverlayNode.Settings.defaults.socketBuffer) "
                + "net.core.wmem_max=\(OverlayNode.Settings.defaults.socketBuffer)"
        )
    }

    /// Whether there is a way to IPv6 addresses outside.
    static func ipv6(_ isThere: Bool) -> Finding {
        isThere
            ? .ok("IPv6", "this host has a route to IPv6 addresses")
            : .note("IPv6", "this host has no route to IPv6 addresses", why: "paths are over IPv4 only")
    }

    /// What the proxies of the environment do to clients on this host.
    static func proxies(_ variable: (String) -> String?) -> Finding? {
        let names = ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"]
        let set = names.filter { !(variable($0) ?? "").isEmpty }
        guard let first = set.first else { return nil }
        let exempt = ["no_proxy", "NO_PROXY"].compactMap(variable).joined(separator: ",").split(separator: ",").map {
            $0.filter { $0 != " " }
        }
        let isLoopbackExempt = exempt.contains("*") || exempt.contains { $0.hasPrefix("127.0.0.") }
        guard !isLoopbackExempt else {
            return .ok("proxies", "\(first) is set, and 127.0.0.1 is exempt from it")
        }
        return .warning(
            "proxies",
            "\(set.joined(separator: ", ")) is set, and NO_PROXY does not exempt 127.0.0.1",
            why: "clients that obey it send calls to the local ports of peers' services to that proxy",
            hint: "export NO_PROXY=127.0.0.1,localhost"
        )
    }

    private static var largestReceiveBuffer: Int? {
        guard let file = fopen("/proc/sys/net/core/rmem_max", "r") else { return nil }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 32)
        guard fgets(&line, CInt(line.count), file) != nil else { return nil }
        let digits = line.map { UInt8(bitPattern: $0) }.prefix { $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }
        return Int(String(decoding: digits, as: UTF8.self))
    }

    /// Asks the kernel for a route, which sends nothing.
    private static var hasIPv6: Bool {
        // An address of the documentation's of RFC 3849 would have none on any host: this one is a public resolver's.
        Sockets.hasRoute(to: "2606:4700:4700::1111")
    }
}
