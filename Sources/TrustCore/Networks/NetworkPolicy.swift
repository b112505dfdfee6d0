package import PosternModel

/// What members may use of each other's services (RULES N12): one document, replaced as a whole. It narrows what
/// `allow` gives, and widens nothing.
///
/// `{"services": {"*": ["planner"], "ops": ["*"]}, "critical": []}`: the services that a member may use because of the
/// groups that it is in; `*` as a group is every member, as a service every service. Without `services` every member
/// may use all that `allow` gives.
package struct NetworkPolicy: Hashable, Sendable {
    /// By group; nil: nothing is narrowed.
    private let services: [String: Set<String>]?
    /// The document.
    package let document: JSONValue

    /// What this version knows.
    package static let knownFields: Set<String> = ["services", "critical"]
    private static let everything = "*"

    /// The policy in `document`; throws what is wrong with it, or that it has a critical field that this version does
    /// not know. Other fields that it does not know are left to versions that do.
    package init(_ document: JSONValue) throws(RecordError) {
        let fields = try JSONFields(document)
        for field in try fields.list("critical", limit: 16, { $0.string }) where !Self.knownFields.contains(field) {
            throw .invalid(field)
        }
        self.document = document
        guard fields.has("services") else {
            services = nil
            return
        }
        guard let groups = try fields.value("services").object, groups.members.count <= NetworkLimits.groups else {
            throw .invalid("services")
        }
        var services: [String: Set<String>] = [:]
        for member in groups.members {
            guard member.key == Self.everything || HostName.isLowercaseLabel(member.key),
                let names = member.value.array?.map(\.string), names.count <= NetworkLimits.groups
            else { throw .invalid("services") }
            for name in names {
                guard let name, name == Self.everything || ServiceName(name) != nil else { throw .invalid("services") }
                services[member.key, default: []].insert(name)
            }
        }
        self.services = services
    }

    /// The fields that whoever does not know them must not overlook.
    package var critical: [String] { document["critical"]?.array?.compactMap(\.string) ?? [] }

    /// Whether a member of `groups` may use `service`.
    package func permits(_ groups: Set<String>, _ service: ServiceName) -> Bool {
        guard let services else { return true }
        let name = service.description
        return (groups.union([Self.everything])).contains { group in
            guard let names = services[group] else { return false }
            return names.contains(name) || names.contains(Self.everything)
        }
    }
}
