package import PosternModel

/// What is allowed and hardly meant.
extension ConfigurationFile<SidecarConfiguration> {
    /// Things in the file that hold and that somebody may have forgotten, in the order of its keys.
    package var warnings: [Problem] {
        var warnings: [Problem] = []
        for (position, entry) in settings.expose.enumerated() where !isGiven("expose[\(position)].allow") {
            warnings.append(
                problem(
                    at: "expose[\(position)]",
                    read: "\(entry.service.name) without allow, so that nobody may use it",
                    expected: "allow: [trusted], or peers and networks",
                    hint: "write allow: [] where that is meant"
                )
            )
        }
        for (position, entry) in settings.expose.enumerated() where entry.grpc != nil && entry.hasMethodRules {
            warnings.append(
                problem(
                    at: "expose[\(position)].grpc",
                    read: "a gRPC binding beside methods, which is not carried: no rule would hold for it",
                    expected: "one of the two",
                    hint: "clients use the other bindings; remove methods where gRPC is needed"
                )
            )
        }
        for (position, entry) in settings.reach.enumerated() {
            guard let listen = entry.listen, listen.port != 0 else { continue }
            guard let exposed = settings.expose.first(where: { $0.upstream?.place == listen }) else { continue }
            warnings.append(
                problem(
                    at: "reach[\(position)].listen",
                    read: "\(listen), at which the agent of \(exposed.service.name) is to listen",
                    expected: "a port of its own",
                    hint: "peers that call \(exposed.service.name) would be led to another peer"
                )
            )
        }
        let exposed = Set(settings.expose.map(\.service.name))
        for (position, rule) in settings.accept.enumerated() {
            guard let unknown = rule.services.subtracting(exposed).min() else { continue }
            warnings.append(
                problem(
                    at: "trust.accept[\(position)].services",
                    read: "\(unknown), which is not exposed",
                    expected: "names of services under expose"
                )
            )
        }
        return warnings
    }
}
