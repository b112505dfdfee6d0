package import NIOCore
import StateStore

/// The limits of the control API.
package struct ControlSettings: Hashable, Sendable {
    /// Bytes of a request's body. Default 64 KiB.
    package var bodyLimit: Int
    /// Connections at a time, per listener. More are closed at once. Default 64.
    package var maximumConnections: Int
    /// Silence after which a connection is closed, in either direction. A `join` may take 20 s. Default 60 s.
    package var idleTimeout: TimeAmount

    package static let defaults = ControlSettings(
        bodyLimit: 64 << 10,
        maximumConnections: 64,
        idleTimeout: .seconds(60)
    )
}

/// Which door a request came by.
enum ControlDoor: Sendable {
    /// The socket in the state directory: who can open it is the owner.
    case socket
    /// Loopback TCP: any program and any web page on this machine may try.
    case loopback(ControlToken)
}

/// What is refused before a request is looked at.
enum DoorRefusal: Error, Hashable {
    /// The `Host` is not of this machine: a web page that had its name point here (DNS rebinding).
    case foreignHost
    /// The `Origin` is another web page's.
    case foreignOrigin
    /// A change without the token.
    case noToken
}

extension ControlDoor {
    /// Whether a request with these fields may have `route`.
    func check(hosts: [String], origins: [String], authorization: String?, route: ControlRoute) throws(DoorRefusal) {
        guard case .loopback(let token) = self else { return }
        guard hosts.count == 1, let host = hosts.first, Self.isLoopback(host) else { throw .foreignHost }
        guard origins.allSatisfy({ $0.lowercased() == "http://\(host.lowercased())" }) else { throw .foreignOrigin }
        guard !route.changesState || token.admits(authorization: authorization) else { throw .noToken }
    }

    /// Whether `authority`, a name or address with or without a port, is this machine's loopback.
    static func isLoopback(_ authority: String) -> Bool {
        var host = authority.lowercased()
        if let colon = host.lastIndex(of: ":"), !host.hasSuffix("]") {
            guard UInt16(host[host.index(after: colon)...]) != nil else { return false }
            host = String(host[..<colon])
        }
        if host == "localhost" || host == "[::1]" { return true }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
    }
}
