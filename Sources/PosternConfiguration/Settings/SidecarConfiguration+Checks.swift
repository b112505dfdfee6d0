import Foundation
import PosternModel

/// What the settings say together, beyond the form of each.
extension ConfigurationFile<SidecarConfiguration> {
    /// The first mistake that takes two settings.
    var contradiction: Problem? {
        settings.clashingListener(in: self) ?? settings.openListener(in: self)
            ?? settings.uselessPublication(in: self) ?? settings.openLeg(in: self) ?? settings.uselessTLS(in: self)
            ?? settings.uselessProgram(in: self) ?? settings.emptyAcceptance(in: self)
    }

    /// Reads the files of authorities that exposed services name; the first that cannot be used is a mistake.
    mutating func readAuthorities() -> Problem? {
        for position in settings.expose.indices {
            guard let path = settings.expose[position].tls?.authoritiesPath else { continue }
            guard let bytes = FileManager.default.contents(atPath: path) else {
                return authoritiesProblem(path, position, "which cannot be read", "a readable file")
            }
            let text = String(decoding: bytes, as: UTF8.self)
            guard text.contains("-----BEGIN CERTIFICATE-----") else {
                return authoritiesProblem(path, position, "which holds no certificate", "certificates in PEM")
            }
            settings.expose[position].tls?.authorities = text
        }
        guard let path = settings.underlay.authoritiesPath else { return nil }
        do throws(Problem) {
            let authorities = try text(of: path, at: "underlay.ca", holding: "CERTIFICATE")
            settings.underlay.authorities = authorities
            return nil
        } catch {
            return error
        }
    }

    /// Reads the files of keys that sign agent cards; the first that cannot be used is a mistake.
    mutating func readCardKeys() -> Problem? {
        for position in settings.expose.indices {
            guard let path = settings.expose[position].cardKeysPath else { continue }
            let contents = FileManager.default.contents(atPath: path)
            settings.expose[position].cardKeys = contents.flatMap {
                JSONWebKey.all(in: String(decoding: $0, as: UTF8.self))
            }
            guard settings.expose[position].cardKeys == nil else { continue }
            return problem(
                at: "expose[\(position)].cardKeys",
                read: path + (contents == nil ? ", which cannot be read" : ", which holds no key that can sign a card"),
                expected: "a JSON Web Key Set with keys of Ed25519, P-256 or RSA",
                hint: "it is the public half of what the agent signs its card with"
            )
        }
        return nil
    }

    private func authoritiesProblem(_ path: String, _ position: Int, _ what: String, _ expected: String) -> Problem {
        problem(
            at: "expose[\(position)].tls.ca",
            read: "\(path), \(what)",
            expected: expected,
            hint: "it is the certificate of who issued the agent's, not the agent's key"
        )
    }
}

extension SidecarConfiguration {
    /// The first leg off this host that has neither TLS nor leave to go without (RULES L).
    fileprivate func openLeg(in file: ConfigurationFile<SidecarConfiguration>) -> Problem? {
        for (position, entry) in expose.enumerated() where entry.hasOpenLeg && !entry.isInsecure {
            let path = "expose[\(position)]"
            let isUpstream = entry.hasOpenUpstream
            return file.problem(
                at: path + (isUpstream ? ".upstream" : ".grpc"),
                read: (isUpstream ? entry.targetText : entry.grpc?.description ?? "")
                    + ", which leads off this host without TLS",
                expected: (isUpstream && entry.service.kind.isHTTP ? "https://, or " : "") + "a loopback address",
                hint: "set insecure: true if whoever is on the way there may read and change it"
            )
        }
        for (position, entry) in reach.enumerated() where entry.exposesToNetwork && !entry.isInsecure {
            return file.problem(
                at: "reach[\(position)].exposeToNetwork",
                read: "true, which serves other machines without TLS",
                expected: "insecure: true beside it",
                hint: "set it if whoever is on the way there may read and change what they call"
            )
        }
        return nil
    }

    /// The first entry of `expose` whose program cannot be what is said of it.
    fileprivate func uselessProgram(in file: ConfigurationFile<SidecarConfiguration>) -> Problem? {
        for (position, entry) in expose.enumerated() {
            guard let program = entry.program else { continue }
            let path = "expose[\(position)]"
            if program.command.first?.isEmpty ?? true {
                return file.problem(at: path + ".command", read: "nothing to start", expected: "a program, first")
            }
            if !program.isBridged, file.isGiven(path + ".methods") {
                return file.problem(
                    at: path + ".methods",
                    read: "methods of a program whose bytes nobody reads",
                    expected: "bridge: true beside it",
                    hint: "rules about methods hold for what comes over HTTP"
                )
            }
        }
        return nil
    }

    /// The first rule of `trust.accept` that accepts nobody, or for nothing.
    fileprivate func emptyAcceptance(in file: ConfigurationFile<SidecarConfiguration>) -> Problem? {
        let position = accept.firstIndex { $0.from.isEmpty || $0.services.isEmpty }
        return position.map { position in
            let key = accept[position].from.isEmpty ? "from" : "services"
            return file.problem(
                at: "trust.accept[\(position)].\(key)",
                read: "nothing",
                expected: "at least one",
                hint: "without the rule every request waits for you"
            )
        }
    }

    /// The first entry of `expose` that says how a certificate is verified where there is none.
    fileprivate func uselessTLS(in file: ConfigurationFile<SidecarConfiguration>) -> Problem? {
        let position = expose.indices.first { file.isGiven("expose[\($0)].tls") && expose[$0].tls == nil }
        return position.map { position in
            file.problem(
                at: "expose[\(position)].tls",
                read: "tls beside an upstream without it",
                expected: "https:// in upstream",
                hint: "write https:// there, or remove tls"
            )
        }
    }

    /// The first address on which two things would listen.
    fileprivate func clashingListener(in file: ConfigurationFile<SidecarConfiguration>) -> Problem? {
        var taken: [HostPort: String] = [:]
        if case .at(let control) = control { taken[control] = "control" }
        var listeners: [(key: String, place: HostPort)] = proxy.map { [("proxy", $0.listen)] } ?? []
        for (position, entry) in reach.enumerated() {
            if let listen = entry.listen { listeners.append(("reach[\(position)].listen", listen)) }
        }
        for (key, place) in listeners where place.port != 0 {
            if let owner = taken[place] {
                return file.problem(
                    at: key,
                    read: "\(place), which \(owner) listens on",
                    expected: "a port of its own"
                )
            }
            if key == "proxy" { taken[place] = key }
        }
        return nil
    }

    /// The first entry of `expose` that would be published to whoever is in no network or group.
    fileprivate func uselessPublication(in file: ConfigurationFile<SidecarConfiguration>) -> Problem? {
        for (position, entry) in expose.enumerated() {
            for (number, rule) in entry.publish.enumerated() {
                switch rule {
                case .network, .group: continue
                case .trusted, .peer:
                    return file.problem(
                        at: "expose[\(position)].publish[\(number)]",
                        read: Scalar.quoted(rule.description),
                        expected: "network:NAME or group:NAME/GROUP",
                        hint: "what is published is found by members; a trusted peer sees it with `postern services`"
                    )
                }
            }
        }
        return nil
    }

    /// The first entry of `reach` that would serve other machines without saying to whom.
    fileprivate func openListener(in file: ConfigurationFile<SidecarConfiguration>) -> Problem? {
        for (position, entry) in reach.enumerated() {
            let path = "reach[\(position)]"
            if let listen = entry.listen, !listen.isLoopback, !entry.exposesToNetwork {
                let hint =
                    "only loopback is allowed: write 127.0.0.1:\(listen.port), or set exposeToNetwork"
                return file.problem(
                    at: path + ".listen",
                    read: Scalar.quoted(listen.description),
                    expected: TextForm.loopback.expected,
                    hint: hint
                )
            }
            guard entry.exposesToNetwork, entry.hosts.isEmpty || entry.clients.isEmpty else { continue }
            return file.problem(
                at: path + (entry.hosts.isEmpty ? ".hosts" : ".clients"),
                read: "nothing",
                expected: "at least one, since exposeToNetwork is true"
            )
        }
        return nil
    }
}
