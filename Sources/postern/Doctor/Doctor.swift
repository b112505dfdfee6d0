import PosternConfiguration
import PosternModel
import SidecarControl
import SidecarCore
import StateStore

/// Looks at everything that a sidecar needs, whether one runs or not.
struct Doctor {
    let sidecar: SidecarOptions

    /// What there is to find, the nearest to this host first; with `peer`, the way to it behind the rest.
    func findings(about peer: PeerName?) async throws -> [Finding] {
        let state = try sidecar.stateDirectory()
        var findings: [Finding] = []
        let running: StatusDocument?
        do {
            running = try await sidecar.askIfRunning(ShowStatus())
            findings.append(Self.sidecarFinding(running))
        } catch let failure as CommandFailure {
            running = nil
            findings.append(
                .broken("sidecar", failure.message, why: "no command can talk to it", hint: failure.hint)
            )
        }
        let settings = settings(&findings, running: running)
        findings += StateFindings(state: state, isKeyShared: settings?.sharesKeyWithGroup ?? false).all
        findings += SystemFindings.all
        findings += running.map { nodeFindings($0) } ?? []
        if let settings {
            findings += PortFindings.all(of: settings, running: running)
            findings += await HubFindings.all(of: settings, running: running)
            findings += UpstreamFindings.all(of: settings.expose, running: running)
        }
        if let peer { findings += try await PeerFindings(peer: peer, sidecar: sidecar, running: running).all() }
        return findings
    }

    private static func sidecarFinding(_ running: StatusDocument?) -> Finding {
        guard let running else {
            return .note("sidecar", "none runs on this state directory", hint: "start it with `postern up`")
        }
        guard running.version == Postern.version else {
            return .warning(
                "sidecar",
                "version \(running.version) runs, and this program is \(Postern.version)",
                why: "commands and sidecar may not understand each other",
                hint: "restart the sidecar"
            )
        }
        return .ok("sidecar", "version \(running.version) runs")
    }

    /// The settings of the file as it is; nil when it has a mistake.
    private func settings(_ findings: inout [Finding], running: StatusDocument?) -> SidecarConfiguration? {
        do {
            let file = try running?.configuration.file.map { try SidecarOptions.read($0) } ?? sidecar.configuration()
            findings.append(
                .ok("configuration", file.path.map { "\($0) has no mistake" } ?? "no file: the defaults hold")
            )
            if let waiting = running?.configuration.waiting, !waiting.isEmpty {
                findings.append(
                    .warning(
                        "configuration",
                        "\(waiting.joined(separator: ", ")) differ from what is in use",
                        why: "these keys change only at a start",
                        hint: "restart the sidecar"
                    )
                )
            }
            return file.settings
        } catch let failure as CommandFailure where !failure.problems.isEmpty {
            findings += failure.problems.map { problem in
                .broken(
                    "configuration",
                    problem.description,
                    why: running == nil
                        ? "no sidecar starts with it" : "the sidecar runs on with what was there before",
                    hint: problem.hint ?? "correct the line; `postern config check` tells when it is right"
                )
            }
        } catch let failure as CommandFailure {
            findings.append(
                .broken("configuration", failure.message, why: "no sidecar starts without it", hint: failure.hint)
            )
        } catch {
            findings.append(
                .broken("configuration", "\(error)", why: "no sidecar starts with it", hint: "see the file")
            )
        }
        return nil
    }

    /// What the running sidecar knows of itself.
    private func nodeFindings(_ status: StatusDocument) -> [Finding] {
        var findings: [Finding] = []
        if let outdated = status.outdated {
            findings.append(
                .broken(
                    "state directory",
                    "it is older than the node: line \(outdated.sequence) of \(outdated.known)",
                    why: "nobody is trusted until the revocations that it lacks are known",
                    hint: "run `postern trust recover`"
                )
            )
        }
        for key in status.sharedKeys {
            findings.append(
                .broken(
                    "key",
                    key == status.did ? "another program uses this node's key" : "two programs use the key \(key)",
                    why: "calls to it fail now and then, and nobody can tell the two apart",
                    hint: "stop one of the two; a copy of a state directory is for a move, not for a second node"
                )
            )
        }
        for key in status.contradictions {
            findings.append(
                .broken(
                    "key",
                    "the peer \(key) names another next key than it did first",
                    why: "that is what a thief of its key would do; the first one counts on",
                    hint: "ask its operator, and if it was not he: postern trust revoke \(key)"
                )
            )
        }
        for name in status.unbound {
            findings.append(
                .warning(
                    "names",
                    "nobody has the name \(name.name)",
                    why: "these wait for it: \(name.uses.joined(separator: ", "))",
                    hint: NameHint.binding(name.name)
                )
            )
        }
        let nat = [
            status.nat.mapping.map { "mapping \($0)" }, status.nat.filtering.map { "filtering \($0)" },
            status.nat.portMapping.map { "port mapping \($0)" },
            status.nat.lifetimeMs.map { "a mapping that is silent is kept for \($0 / 1000) s at least" },
        ].compactMap(\.self)
        if !nat.isEmpty { findings.append(.note("address translation", nat.joined(separator: ", "))) }
        return findings
    }
}
