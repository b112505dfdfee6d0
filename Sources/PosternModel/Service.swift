/// How the bytes of a service are treated at both ends.
package enum ServiceKind: String, Hashable, Sendable, CaseIterable {
    /// Model Context Protocol over HTTP/1.1, every revision.
    case mcp
    /// Agent2Agent over HTTP/1.1.
    case a2a
    /// Any other HTTP/1.1.
    case http
    /// Bytes as they are: gRPC and everything else.
    case tcp
    /// Datagrams as they are.
    case udp
    /// Bytes as they are, to and from a program that is started for them.
    case stdio

    /// Whether both ends read the bytes as HTTP/1.1.
    package var isHTTP: Bool {
        switch self {
        case .mcp, .a2a, .http: true
        case .tcp, .udp, .stdio: false
        }
    }
}

/// A service as its node offers it to a peer.
package struct Service: Hashable, Sendable {
    package let name: ServiceName
    package let port: VirtualPort
    package let kind: ServiceKind

    package init(name: ServiceName, port: VirtualPort, kind: ServiceKind) {
        self.name = name
        self.port = port
        self.kind = kind
    }
}

/// Which service of a peer is meant.
package enum ServiceTarget: Hashable, Sendable {
    /// By the name that the peer gives it.
    case name(ServiceName)
    case port(VirtualPort)

    /// The target that `text` names: a port when it is a number, a name otherwise. Nil when it is neither.
    package init?(_ text: some StringProtocol) {
        if let number = UInt16(text), number > 0 {
            self = .port(VirtualPort(number))
        } else {
            guard let name = ServiceName(text) else { return nil }
            self = .name(name)
        }
    }

    /// Whether `service` is meant.
    package func matches(_ service: Service) -> Bool {
        switch self {
        case .name(let name): service.name == name
        case .port(let port): service.port == port
        }
    }
}

extension ServiceTarget {
    /// The name, when the service is meant by it.
    package var name: ServiceName? {
        switch self {
        case .name(let name): name
        case .port: nil
        }
    }

    /// The port, when the service is meant by it.
    package var port: VirtualPort? {
        switch self {
        case .name: nil
        case .port(let port): port
        }
    }
}

extension ServiceTarget: CustomStringConvertible {
    package var description: String {
        switch self {
        case .name(let name): name.description
        case .port(let port): "port \(port.rawValue)"
        }
    }
}
