package import PosternModel

// Tests write nouns as literals; one that is none is a mistake in the test and traps.

extension ServiceName: ExpressibleByStringLiteral {
    package init(stringLiteral value: String) {
        guard let name = ServiceName(value) else { preconditionFailure("\(value) is no service's name") }
        self = name
    }
}

extension PeerName: ExpressibleByStringLiteral {
    package init(stringLiteral value: String) {
        guard let name = PeerName(value) else { preconditionFailure("\(value) names no peer") }
        self = name
    }
}

extension HostPort: ExpressibleByStringLiteral {
    package init(stringLiteral value: String) {
        guard let place = HostPort(value) else { preconditionFailure("\(value) is no host and port") }
        self = place
    }
}
