package import OverlayCore
import OverlayWire
import PosternModel

/// What hubs and peers that see this node tell of the address translation in front of it (RFC 4787 §4.1).
struct AddressTranslation {
    /// How addresses are translated.
    enum Mapping: String {
        /// They are not: an interface has the address that others see.
        case none
        /// Everybody sees the same one.
        case endpointIndependent = "endpoint-independent"
        /// Not everybody does.
        case endpointDependent = "endpoint-dependent"
    }

    private struct Observation {
        let observer: NodeKey
        let endpoint: Endpoint
        let base: Endpoint
    }

    /// The latest of each observer and base, the last one first.
    private var observations: [Observation] = []
    private static let maximum = 32

    /// `observer` sees packets from our socket at `base` come from `endpoint`.
    mutating func note(_ endpoint: Endpoint, of base: Endpoint, by observer: NodeKey) {
        // Who is on our side of a translator does not see it.
        guard endpoint.scope == .global, case .ipv4 = endpoint else { return }
        observations.removeAll { $0.observer == observer && $0.base == base }
        observations.insert(Observation(observer: observer, endpoint: endpoint, base: base), at: 0)
        if observations.count > Self.maximum { observations.removeLast() }
    }

    /// The host has other addresses now: what was seen before says nothing any more.
    mutating func forget() { observations = [] }

    /// How the addresses of this host, which has `own` at its interfaces, are translated; nil while one observer alone
    /// has said something.
    func mapping(own: [Endpoint]) -> Mapping? {
        if observations.contains(where: { own.contains($0.endpoint) }) { return Mapping.none }
        for (position, one) in observations.enumerated() {
            let others = observations.dropFirst(position + 1).filter { $0.base == one.base }
            guard !others.isEmpty else { continue }
            return others.allSatisfy { $0.endpoint == one.endpoint } ? .endpointIndependent : .endpointDependent
        }
        return nil
    }
}

/// What is known of the address translation in front of this host.
package struct AddressTranslationStatus: Hashable, Sendable {
    /// How addresses are translated: `none`, `endpoint-independent` or `endpoint-dependent`; nil while it is not known.
    package let mapping: String?
    /// The protocol by which the gateway leads a port here, or `none` when it does not; nil when it is not asked.
    package let portMapping: String?
    /// How long a silent mapping is kept, as far as it was tried.
    package let lifetime: MappingLifetime
}
