import OverlayCrypto
package import PosternModel
package import TrustCore

/// Makes a new key an authority of a network, which makes members by certificate away from any sidecar.
package struct AddAuthority: Operation {
    package let name: String
    /// The groups into which it may put members; nil: none.
    package let groups: [String]?
    /// How long a certificate of it lasts at most, in milliseconds; nil: a day, which is the most.
    package let lifetimeMs: Int64?

    package init(name: String, groups: [String]? = nil, lifetimeMs: Int64? = nil) {
        self.name = name
        self.groups = groups
        self.lifetimeMs = lifetimeMs
    }

    /// What to keep where certificates are made.
    package struct Answer: Codable, Hashable, Sendable {
        /// The text that `postern network certify` reads. It holds the authority's key.
        package let authority: String
        package let did: NodeKey
        package let groups: [String]
        package let lifetimeMs: Int64
    }

    package static let outline = OperationOutline.trusting(
        "networks/authorize",
        "Make a new key an authority of a network: it makes members by certificate. Owners may."
    )

    package func perform(
        on sidecar: inout Sidecar,
        id: CommandID,
        at now: Clocks,
        seeing view: any SidecarView
    ) throws(Problem) -> [SidecarAction] {
        let lifetime = Interval.milliseconds(lifetimeMs ?? NetworkLimits.credential)
        return try sidecar.authorize(in: name, groups: groups ?? [], lifetime: lifetime, id: id, at: now)
    }
}

/// Ends an authority, and the memberships that it has made.
package struct RemoveAuthority: Operation {
    package let name: String
    package let authority: NodeKey

    package init(name: String, authority: NodeKey) {
        self.name = name
        self.authority = authority
    }

    package typealias Answer = NetworkDocument
    package static let outline = OperationOutline.withdrawing(
        "networks/unauthorize",
        "End an authority of a network: whoever is a member by a certificate of it is cut off."
    )

    package func perform(
        on sidecar: inout Sidecar,
        id: CommandID,
        at now: Clocks,
        seeing view: any SidecarView
    ) throws(Problem) -> [SidecarAction] {
        let network = try sidecar.joinedNetwork(named: name)
        return sidecar.begin(.unauthorize(authority), in: network, for: id, at: now)
    }
}

/// Takes part in a network by certificate.
package struct EnterNetwork: Operation {
    package let certificate: CredentialLink
    /// What it is called here; nil: as its authority calls it.
    package let name: String?

    package init(certificate: CredentialLink, name: String? = nil) {
        self.certificate = certificate
        self.name = name
    }

    package typealias Answer = NetworkDocument
    package static let outline = OperationOutline.trusting(
        "networks/enter",
        "Take part in a network by a certificate of one of its authorities, for as long as that lasts."
    )

    package func perform(
        on sidecar: inout Sidecar,
        id: CommandID,
        at now: Clocks,
        seeing view: any SidecarView
    ) throws(Problem) -> [SidecarAction] {
        try sidecar.enterNetwork(certificate, called: name, id: id, at: now)
    }
}

extension CredentialLink: TextRepresentable {
    package static var textMeaning: String { "a certificate as `postern network certify` prints it" }
    // A certificate of a network with a hash of zeros; it ended in 1970.
    package static var textExample: String { example?.token ?? "" }

    package init(text: String) throws(Problem) {
        guard let link = CredentialLink(within: text) else {
            throw .badCertificate("it is no certificate of a network, or it is damaged")
        }
        self = link
    }

    package var description: String { token }

    private static var example: CredentialLink? {
        let zeros = [UInt8](repeating: 0, count: 32)
        guard let hash = NetworkHash(bytes: zeros), let key = ContentKey(bytes: zeros),
            let subject = try? NodeIdentity(seed: zeros).key, let hub = HubURL(.loopback(4_600), key: subject)
        else { return nil }
        let authority = NetworkAuthority(
            network: NetworkID(hash),
            name: "acme",
            hubs: [hub],
            head: NetworkHead(sequence: 1, hash: hash),
            groups: [],
            lifetime: .seconds(60),
            seed: zeros,
            key: key
        )
        return authority.certify(
            subject,
            groups: [],
            lifetime: .seconds(60),
            at: Timestamp(seconds: 0),
            using: RandomSource(seed: zeros)
        )
    }
}
