package import PosternModel

/// A service that a member publishes to its fellow members (RULES N14): who may find it, and what it can do.
///
/// `{"service", "port", "kind", "groups": […], "skills": [{"name", "description", "tags": […]}]}`
package struct NetworkPublication: Hashable, Sendable {
    /// What an agent says that it can do.
    package struct Skill: Hashable, Sendable {
        package let name: String
        package let about: String
        package let tags: [String]

        /// A skill; texts that are too long are cut.
        package init(name: String, about: String, tags: [String]) {
            self.name = PlainText.clean(name, limit: Self.nameLimit)
            self.about = PlainText.clean(about, limit: Self.aboutLimit)
            self.tags = tags.prefix(Self.tagCount).map { PlainText.clean($0, limit: Self.nameLimit) }
        }

        private static let nameLimit = 80
        private static let aboutLimit = 200
        private static let tagCount = 8
    }

    /// What is published.
    package let service: Service
    /// The groups whose members are to find it; empty: every member.
    package let groups: Set<String>
    package let skills: [Skill]

    /// How many services one member publishes, and how many skills of each are told.
    package static let count = 32
    private static let skillCount = 12

    /// A publication; skills that are too many are left out.
    package init(of service: Service, groups: Set<String>, skills: [Skill]) {
        self.service = service
        self.groups = groups
        self.skills = Array(skills.prefix(Self.skillCount))
    }

    /// The publication in `document`; nil when it is none, or of a kind that this version does not know.
    init?(_ document: JSONValue) {
        guard let fields = try? JSONFields(document),
            let name = (try? fields.text("service", limit: 64)).flatMap({ ServiceName($0) }),
            let port = (try? fields.integer("port")).flatMap({ UInt16(exactly: $0) }),
            let kind = (try? fields.text("kind", limit: 16)).flatMap({ ServiceKind(rawValue: $0) }),
            let groups = try? fields.list("groups", limit: NetworkLimits.groups, { $0.string }),
            let skills = try? fields.list("skills", limit: Self.skillCount, { Skill($0) })
        else { return nil }
        let service = Service(name: name, port: VirtualPort(port), kind: kind)
        self.init(of: service, groups: Set(groups), skills: skills)
    }

    /// The document.
    package var document: JSONValue {
        [
            "service": .string(service.name.description), "port": .integer(Int64(service.port.rawValue)),
            "kind": .string(service.kind.rawValue), "groups": .texts(groups.sorted()),
            "skills": .array(skills.map(\.document)),
        ]
    }
}

extension NetworkPublication.Skill {
    /// The skill in an agent card, or in a publication; nil when it has no name.
    package init?(_ document: JSONValue) {
        guard let name = document["name"]?.string else { return nil }
        self.init(
            name: name,
            about: document["description"]?.string ?? "",
            tags: document["tags"]?.array?.compactMap(\.string) ?? []
        )
    }

    fileprivate var document: JSONValue {
        ["name": .string(name), "description": .string(about), "tags": .texts(tags)]
    }
}
