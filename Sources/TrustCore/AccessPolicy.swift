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
        /// Both are members of the network that is called so here, and its policy permits the service.
        case network(String)

        /// The network, as it is called here.
        package var networkName: String? {
            switch self {
            case .grant: nil
            case .network(let name): name
            }
        }
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
        /// The policy of the network does not permit the peer's groups the service.
        case notPermitted = "not-permitted"
        /// No owner or administrator of the network has been heard of for longer than it allows (RULES N5).
        case stale
        /// The network's policy has a part that this version does not know.
        case policyUnknown = "policy-unknown"
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

/// A network of which whoever asks and this node both are members.
package struct FellowMembership: Hashable, Sendable {
    /// What the network is called here.
    package let network: String
    /// What the other is called in it, with the network's name behind a dot; nil: it has no name.
    package let name: String?
    /// The groups that it is in.
    package let groups: Set<String>
    /// All of them have to permit what it uses.
    private let policies: [NetworkPolicy]
    /// Whether the network's policy can be gone by.
    fileprivate let isPolicyKnown: Bool
    /// Whether too long nothing was heard of the network's owners and administrators.
    package let isStale: Bool

    /// The membership of `key`, which is in `groups`, in a network of `content`, which is called `network` here.
    package init(
        of key: NodeKey,
        in content: NetworkContent,
        called network: String,
        groups: Set<String>,
        isStale: Bool
    ) {
        self.isStale = isStale
        self.network = network
        name = content.name(of: key).map { "\($0).\(network)" }
        self.groups = groups
        policies = content.policies
        isPolicyKnown = !content.isPolicyUnknown
    }

    /// Whether who is in it, and in which groups, is known well enough to go by.
    fileprivate var isFresh: Bool { isPolicyKnown && !isStale }

    /// What it fails for, when it does not permit a service.
    fileprivate var refusal: Access.Refusal {
        isStale ? .stale : isPolicyKnown ? .notPermitted : .policyUnknown
    }

    fileprivate func permits(_ service: ServiceName) -> Bool {
        isFresh && policies.allSatisfy { $0.permits(groups, service) }
    }
}

/// The one place that decides who may use which of our services: grants, memberships and `allow` rules, all of them at
/// every stream (R7, R10, S5). Each basis is whole in itself, and none borrows from another (RULES X).
package struct AccessPolicy: Hashable, Sendable {
    /// Whoever asks, as this node knows them.
    package struct Subject: Hashable, Sendable {
        package let key: NodeKey
        /// What the operator calls it; nil when it has no name here.
        package let name: String?
        package let standing: TrustState.Standing
        /// The networks that both are in.
        package let memberships: [FellowMembership]
        /// Whether the operator has shut it out.
        package let isBlocked: Bool
        /// Whether what is known of it may be older than what was decided.
        package let isOutdated: Bool

        package init(
            key: NodeKey,
            name: String?,
            standing: TrustState.Standing,
            memberships: [FellowMembership] = [],
            isBlocked: Bool = false,
            isOutdated: Bool = false
        ) {
            self.key = key
            self.name = name
            self.standing = standing
            self.memberships = memberships
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

    /// The rule of `exposed` that admits `subject` on `basis`, as far as `allow` is concerned.
    package func rule(of exposed: ExposedRule, admitting subject: Subject, on basis: Access.Basis) -> AllowRule? {
        exposed.allow.first { rule in
            switch basis {
            case .grant: Self.admitsTrusted(rule, subject)
            case .network(let name): Self.memberships(admittedBy: rule, subject).contains { $0.network == name }
            }
        }
    }

    /// Whether `subject` may use the service at `port`: by its trust if that suffices, else by the first of its
    /// memberships in the order of `allow`. Costs two look-ups and a pass over the service's rules.
    package func decide(_ subject: Subject, _ port: VirtualPort) -> Access {
        guard !subject.isBlocked else { return .refused(.blocked) }
        guard let exposed = exposed[port] else { return .refused(.noSuchService) }
        guard !subject.isOutdated else { return .refused(.outdated) }
        let refusal: Access.Refusal
        switch Self.decideByTrust(subject, exposed) {
        case nil: return .admitted(exposed.service, .grant)
        case let found?: refusal = found
        }
        guard !subject.memberships.isEmpty else { return .refused(refusal) }
        var other: Access.Refusal?
        for rule in exposed.allow {
            for membership in Self.memberships(admittedBy: rule, subject) {
                guard !membership.permits(exposed.service.name) else {
                    return .admitted(exposed.service, .network(membership.network))
                }
                other = other ?? membership.refusal
            }
        }
        return .refused(other ?? (refusal == .notTrusted ? .notAllowed : refusal))
    }

    /// Why the trust with `subject` does not suffice; nil: it does.
    private static func decideByTrust(_ subject: Subject, _ exposed: ExposedRule) -> Access.Refusal? {
        guard case .mutual(let given, _) = subject.standing else { return .notTrusted }
        guard given.services.contains(exposed.service.name) else { return .notGranted }
        return exposed.allow.contains { admitsTrusted($0, subject) } ? nil : .notAllowed
    }

    /// The services that `subject` may use, and no others (R8), by port.
    package func services(for subject: Subject) -> [Service] {
        exposed.values.map(\.service).filter { decide(subject, $0.port).isAdmitted }.sorted { $0.port < $1.port }
    }

    /// Whether `rule` admits `subject` because of its trust: `network:` never means grants.
    private static func admitsTrusted(_ rule: AllowRule, _ subject: Subject) -> Bool {
        switch rule {
        case .trusted: true
        case .peer(let name): names(name, subject)
        case .network, .group: false
        }
    }

    /// The memberships of `subject` that `rule` admits: `trusted` never means members.
    private static func memberships(admittedBy rule: AllowRule, _ subject: Subject) -> [FellowMembership] {
        switch rule {
        case .trusted: []
        case .peer(let name): names(name, subject) ? subject.memberships : []
        case .network(let network): subject.memberships.filter { $0.network == network }
        case .group(let group, let network):
            subject.memberships.filter { $0.network == network && $0.groups.contains(group) }
        }
    }

    /// Whether `rule` means `subject` as somebody who asks for trust: by a trust that stands, by its key, or by a
    /// membership of which enough is known.
    package static func means(_ rule: AllowRule, _ subject: Subject) -> Bool {
        switch rule {
        case .trusted: subject.standing.isMutual
        case .peer(let name): names(name, subject)
        case .network, .group: memberships(admittedBy: rule, subject).contains { $0.isFresh }
        }
    }

    private static func names(_ name: PeerName, _ subject: Subject) -> Bool {
        switch name.meaning {
        case .key(let key): key == subject.key
        case .address(let address): address == subject.key.personalAddress
        case .name(let text): text == subject.name || subject.memberships.contains { $0.name == text }
        }
    }
}
