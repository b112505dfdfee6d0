import OverlayCrypto
package import PosternModel

/// A service that this node exposes, and to whom (INTERFACE `expose`).
package struct ExposedRule: Hashable, Sendable {
    package let service: Service
    /// Empty: nobody.
    package let allow: [AllowRule]

    package init(service: Service, allow: [AllowRule]) {
        self.service = service
        self.allow = allow
    }
}

/// Whether somebody may use a service, and why (RULES X).
package enum Access: Hashable, Sendable {
    /// What gives the right.
    package enum Basis: Hashable, Sendable {
        /// Both sides' grants stand, and ours names the service.
        case grant
    }

    /// What the right fails for.
    package enum Refusal: String, Hashable, Sendable {
        /// The operator has shut the peer out, which beats every basis.
        case blocked
        /// Nothing is exposed at the port.
        case noSuchService = "no-such-service"
        /// This node's state is older than the node: whom it trusts is not known (RULES N19).
        case outdated
        /// The grants of both sides do not stand.
        case notTrusted = "not-trusted"
        /// Our grant does not name the service.
        case notGranted = "not-granted"
        /// No `allow` rule of the service admits the peer.
        case notAllowed = "not-allowed"
    }

    case admitted(Service, Basis)
    case refused(Refusal)

    /// Whether the service may be used.
    package var isAdmitted: Bool {
        switch self {
        case .admitted: true
        case .refused: false
        }
    }
}

/// The one place that decides who may use which of our services: grants and `allow` rules, all of them at every stream
/// (R7, S5).
package struct AccessPolicy: Hashable, Sendable {
    /// Whoever asks, as this node knows them.
    package struct Subject: Hashable, Sendable {
        package let key: NodeKey
        /// What the operator calls it; nil when it has no name here.
        package let name: String?
        package let standing: TrustState.Standing
        /// Whether the operator has shut it out.
        package let isBlocked: Bool
        /// Whether what is known of it may be older than what was decided.
        package let isOutdated: Bool

        package init(
            key: NodeKey,
            name: String?,
            standing: TrustState.Standing,
            isBlocked: Bool = false,
            isOutdated: Bool = false
        ) {
            self.key = key
            self.name = name
            self.standing = standing
            self.isBlocked = isBlocked
            self.isOutdated = isOutdated
        }
    }

    /// The exposed services, by their port.
    private let exposed: [VirtualPort: ExposedRule]

    /// A policy for `services`; of two at one port the first counts.
    package init(_ services: [ExposedRule]) {
        exposed = Dictionary(services.map { ($0.service.port, $0) }) { first, _ in first }
    }

    /// The service at `port`, whoever may use it.
    package func service(at port: VirtualPort) -> Service? { exposed[port]?.service }

    /// The service that `target` means, and to whom it is exposed.
    package func rule(for target: ServiceTarget) -> ExposedRule? {
        exposed.values.first { target.matches($0.service) }
    }

    /// The rule of `exposed` that admits `subject`, as far as `allow` is concerned.
    package func rule(of exposed: ExposedRule, admitting subject: Subject) -> AllowRule? {
        exposed.allow.first { admits($0, subject) }
    }

    /// Whether `subject` may use the service at `port`. Costs two look-ups and a pass over the service's rules.
    package func decide(_ subject: Subject, _ port: VirtualPort) -> Access {
        guard !subject.isBlocked else { return .refused(.blocked) }
        guard let exposed = exposed[port] else { return .refused(.noSuchService) }
        guard !subject.isOutdated else { return .refused(.outdated) }
        guard case .mutual(let given, _) = subject.standing else { return .refused(.notTrusted) }
        guard given.services.contains(exposed.service.name) else { return .refused(.notGranted) }
        guard rule(of: exposed, admitting: subject) != nil else { return .refused(.notAllowed) }
        return .admitted(exposed.service, .grant)
    }

    /// The services that `subject` may use, and no others (R8), by port.
    package func services(for subject: Subject) -> [Service] {
        exposed.values.map(\.service).filter { decide(subject, $0.port).isAdmitted }.sorted { $0.port < $1.port }
    }

    private func admits(_ rule: AllowRule, _ subject: Subject) -> Bool {
        switch rule {
        case .trusted: true
        case .peer(let name):
            switch name.meaning {
            case .key(let key): key == subject.key
            case .address(let address): address == subject.key.personalAddress
            case .name(let text): text == subject.name
            }
        }
    }
}
