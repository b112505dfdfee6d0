package import PosternModel

/// Says which exposed services fellow members may find, with what the agents behind them can do. The program says it
/// from its configuration and the agent cards; it replaces what was said before.
package struct PublishServices: Operation {
    /// One service.
    package struct Publication: Codable, Hashable, Sendable {
        package let service: ServiceName
        /// Networks and groups.
        package let to: [AllowRule]
        /// The `skills` of the agent card.
        package let skills: [JSONValue]

        package init(service: ServiceName, to: [AllowRule], skills: [JSONValue]) {
            self.service = service
            self.to = to
            self.skills = skills
        }
    }

    /// All that is published.
    package let services: [Publication]

    package init(services: [Publication]) {
        self.services = services
    }

    /// How many services are published somewhere.
    package struct Answer: Codable, Hashable, Sendable {
        package let published: Int
    }

    package static let outline = OperationOutline.changing(
        "networks/publish",
        "Say which exposed services fellow members may find, in the place of what was said before."
    )

    package func perform(
        on sidecar: inout Sidecar,
        id: CommandID,
        at now: Clocks,
        seeing view: any SidecarView
    ) -> [SidecarAction] {
        sidecar.publishing = services
        let count = services.count { !$0.to.isEmpty }
        return sidecar.reconcilePublications(at: now) + [.answer(id, Answer(published: count))]
    }
}

/// Searches what fellow members publish, in our own copy of it.
package struct FindServices: Operation {
    /// All of them have to be there; empty: everything is found.
    package let words: String
    /// The network to search; nil: all.
    package let network: String?

    package init(words: String, network: String? = nil) {
        self.words = words
        self.network = network
    }

    /// One published service.
    package struct Found: Codable, Hashable, Sendable {
        package let did: NodeKey
        /// What the member is called here; nil: it has no name.
        package let name: String?
        package let network: String
        package let service: ServiceName
        package let port: VirtualPort
        package let kind: ServiceKind
        package let skills: [Skill]
    }

    /// What the agent says that it can do.
    package struct Skill: Codable, Hashable, Sendable {
        package let name: String
        package let description: String
        package let tags: [String]
    }

    package typealias Answer = [Found]
    package static let outline = OperationOutline.reading(
        "find",
        "Search the services that fellow members publish."
    )

    package func perform(
        on sidecar: inout Sidecar,
        id: CommandID,
        at now: Clocks,
        seeing view: any SidecarView
    ) throws(Problem) -> [SidecarAction] {
        if let network { _ = try sidecar.joinedNetwork(named: network) }
        return [.answer(id, sidecar.find(words, in: network))]
    }
}
