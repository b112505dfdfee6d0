import OverlayCrypto
import PosternModel
import TrustCore

// What members publish, and finding it (RULES N14).
extension Sidecar {
    /// Publishes to each network what the configuration says now, where that is something else than before.
    mutating func reconcilePublications(at now: Clocks) -> [SidecarAction] {
        guard let publishing, book.outdated == nil else { return [] }
        return book.networks.joined.flatMap { network -> [SidecarAction] in
            guard let content = network.content, network.log?.isForked == false, network.isListed(key) else {
                return []
            }
            let wanted = publications(publishing, to: network.name)
            let isWaiting = networkLinks.tasks.contains { task in
                if case .publish = task.work { task.network == network.id } else { false }
            }
            guard wanted != content.publications[key] ?? [], !isWaiting else { return [] }
            return begin(.publish(wanted), in: network, for: nil, at: now)
        }
    }

    /// Of `services` those that go to the network that is called `name` here.
    private func publications(_ services: [PublishServices.Publication], to name: String) -> [NetworkPublication] {
        let found = services.compactMap { entry -> NetworkPublication? in
            guard let service = profile.exposed.first(where: { $0.service.name == entry.service })?.service else {
                return nil
            }
            var groups: Set<String> = []
            var isForAll = false
            for rule in entry.to {
                switch rule {
                case .network(name): isForAll = true
                case .group(let group, name): groups.insert(group)
                case .network, .group, .trusted, .peer: break
                }
            }
            guard isForAll || !groups.isEmpty else { return nil }
            let skills = entry.skills.compactMap { NetworkPublication.Skill($0) }
            return NetworkPublication(of: service, groups: isForAll ? [] : groups, skills: skills)
        }
        return Array(found.prefix(NetworkPublication.count))
    }

    /// What fellow members publish to us that has all of `words` in it.
    func find(_ words: String, in network: String?) -> [FindServices.Found] {
        let words = words.lowercased().split(separator: " ")
        var found: [FindServices.Found] = []
        for entry in book.networks.joined where network == nil || entry.name == network {
            guard let content = entry.content, book.outdated == nil else { continue }
            let ours = entry.groups(of: key)
            for (member, publications) in content.publications.sorted(by: { $0.key < $1.key }) {
                guard member != key, entry.contains(member), !book.blocked.contains(member) else { continue }
                let name = content.name(of: member).map { "\($0).\(entry.name)" }
                for publication in publications {
                    guard publication.groups.isEmpty || !publication.groups.isDisjoint(with: ours) else { continue }
                    let text = publication.searchText + " " + (name ?? "")
                    guard words.allSatisfy({ text.contains($0) }) else { continue }
                    found.append(FindServices.Found(publication, of: member, called: name, in: entry.name))
                }
            }
        }
        return found
    }
}

extension NetworkPublication {
    /// What is searched, in lower case.
    fileprivate var searchText: String {
        let parts = skills.flatMap { [$0.name, $0.about] + $0.tags }
        return ([service.name.description, service.kind.rawValue] + parts).joined(separator: " ").lowercased()
    }
}

extension FindServices.Found {
    fileprivate init(_ publication: NetworkPublication, of member: NodeKey, called name: String?, in network: String) {
        self.init(
            did: member,
            name: name,
            network: network,
            service: publication.service.name,
            port: publication.service.port,
            kind: publication.service.kind,
            skills: publication.skills.map {
                FindServices.Skill(name: $0.name, description: $0.about, tags: $0.tags)
            }
        )
    }
}
