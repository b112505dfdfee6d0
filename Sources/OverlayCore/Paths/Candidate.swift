package import OverlayWire

/// An address at which a node may be reached, with what is known of how good it is (RFC 8445 §5.1).
package struct Candidate: Hashable, Sendable {
    /// How the address came to be known.
    package enum Kind: Hashable, Sendable {
        /// An interface of the node has it.
        case host
        /// A peer saw packets come from there.
        case peerReflexive
        /// A server saw packets come from there.
        case serverReflexive
        /// A hub relays what is sent there, or a connection carries it.
        case relayed

        /// RFC 8445 §5.1.2.2: the values that it recommends.
        var typePreference: UInt32 {
            switch self {
            case .host: 126
            case .peerReflexive: 110
            case .serverReflexive: 100
            case .relayed: 0
            }
        }
    }

    /// The address itself, and how it came to be known.
    package let endpoint: Endpoint
    package let kind: Kind
    /// The address of its own that the node sends from when it uses this one. Of a peer's candidate it is not known,
    /// and the candidate stands for it.
    package let base: Endpoint
    /// The larger is tried first.
    package let priority: UInt32

    /// A candidate for packets that leave from `base`, or from itself. `localPreference` orders those of one kind.
    package init(_ endpoint: Endpoint, kind: Kind, base: Endpoint? = nil, localPreference: UInt16 = .max) {
        self.endpoint = endpoint
        self.kind = kind
        self.base = base ?? endpoint
        // RFC 8445 §5.1.2.1, for component 1.
        priority = kind.typePreference << 24 | UInt32(localPreference) << 8 | 255
    }

    /// Addresses of interfaces, the preferred one first.
    package static func hosts(_ endpoints: some Sequence<Endpoint>, base: Endpoint? = nil) -> [Candidate] {
        endpoints.enumerated().map { position, endpoint in
            let preference = UInt16(clamping: Int(UInt16.max) - position)
            return Candidate(endpoint, kind: .host, base: base, localPreference: preference)
        }
    }
}
