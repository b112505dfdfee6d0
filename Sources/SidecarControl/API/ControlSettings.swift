package import NIOCore
import StateStore

/// The limits of the control API.
package struct ControlSettings: Hashable, Sendable {
    /// Bytes of a request's body. Default 64 KiB.
    package var bodyLimit: Int
    /// Connections at a time, per listener. At the limit one without a request makes room. Default 64.
    package var maximumConnections: Int
    /// Silence after which a connection is closed, in either direction. A `join` may take 20 s. Default 60 s.
    package var idleTimeout: TimeAmount
    /// How long a request may take to arrive, from the begin of the connection. Default 10 s.
    package var requestTimeout: TimeAmount

    /// Bytes of a message of the agent, whose calls of services have arguments of any kind.
    private static let messageLimit = 1 << 20

    func bodyLimit(of target: String) -> Int {
        target == ControlRoute.agentPath ? max(bodyLimit, Self.messageLimit) : bodyLimit
    }

    package static let defaults = ControlSettings(
        bodyLimit: 64 << 10,
        maximumConnections: 64,
        idleTimeout: .seconds(60),
        requestTimeout: .seconds(10)
    )
}

/// Which door a request came by.
enum ControlDoor: Sendable {
    /// The socket in the state directory: who can open it is the owner.
    case socket
    /// Loopback TCP: any program and any web page on this machine may try.
    case loopback(ControlAccess)
}

/// What loopback TCP asks for.
struct ControlAccess: Sendable {
    let token: ControlToken
    let sessions: BrowserSessions
    /// Whether anybody on this machine may read the metrics.
    let hasOpenMetrics: Bool
}

/// What a request says of whom it comes from.
struct ControlCaller {
    var hosts: [String]
    var origins: [String] = []
    /// What browsers say of where a request comes from (`Sec-Fetch-Site`).
    var sites: [String] = []
    var cookies: [String] = []
    var authorization: String?
    /// Whether a program of the sidecar's own user asks; looked at only where a cookie is to count.
    var isOwnUser: () -> Bool = { true }
}

/// What is refused before a request is looked at.
enum DoorRefusal: Error, Hashable {
    /// The `Host` is not of this machine: a web page that had its name point here (DNS rebinding).
    case foreignHost
    /// The `Origin` is another web page's.
    case foreignOrigin
    /// Neither the token nor, for reading, the cookie.
    case noToken
}

extension ControlDoor {
    /// Whether a request with these fields may have `route`.
    func check(_ caller: ControlCaller, route: ControlRoute, at now: NIODeadline) throws(DoorRefusal) {
        guard case .loopback(let access) = self else { return }
        let hosts = caller.hosts
        guard hosts.count == 1, let host = hosts.first, Self.isLoopback(host) else { throw .foreignHost }
        guard caller.origins.allSatisfy({ $0.lowercased() == "http://\(host.lowercased())" }) else {
            throw .foreignOrigin
        }
        // A page of another port of this host is of the same site, and none of ours.
        let isOurs = caller.sites.allSatisfy { ["same-origin", "none"].contains($0.lowercased()) }
        guard isOurs || route.isForPersons else { throw .foreignOrigin }
        switch route.need {
        case .nothing: return
        case .metrics where access.hasOpenMetrics: return
        case .reading, .metrics, .change, .token: break
        }
        if access.token.admits(authorization: caller.authorization) { return }
        switch route.need {
        case .reading, .metrics: break
        // SameSite keeps other sites out and not the other ports of this host (RFC 6265bis §5.2): a browser says by
        // `Origin` whose page wants the change.
        case .change: guard !caller.origins.isEmpty else { throw .noToken }
        case .nothing, .token: throw .noToken
        }
        guard access.sessions.admit(cookies: caller.cookies, at: now), caller.isOwnUser() else { throw .noToken }
    }

    /// Whether any program on this machine may try.
    var isOpenToAll: Bool {
        switch self {
        case .socket: false
        case .loopback: true
        }
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
