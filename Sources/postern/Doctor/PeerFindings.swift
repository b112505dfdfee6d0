import NIOCore
import PosternModel
import SidecarControl
import SidecarCore

/// The way to a peer, step by step: each step needs those before it.
struct PeerFindings {
    let peer: PeerName
    let sidecar: SidecarOptions
    let running: StatusDocument?

    /// What a step that failed says, in the peer's part of the findings.
    private func broken(_ what: String, why: String, hint: String) -> Finding {
        .broken("way to \(peer)", what, why: why, hint: hint)
    }

    private func ok(_ what: String) -> Finding { .ok("way to \(peer)", what) }

    func all() async throws -> [Finding] {
        guard let running else {
            return [
                broken(
                    "no sidecar runs here",
                    why: "the way to a peer begins at this sidecar",
                    hint: "start it with `postern up`"
                )
            ]
        }
        let peers = try await sidecar.ask(ListPeers())
        let trust = try await sidecar.ask(ListTrust())
        guard let known = peers.first(where: isMeant) else { return [notTrusted(trust)] }
        var findings = [ok(standing(of: known, trust))]
        let ping = try? await sidecar.withClient {
            try await $0.answer(to: PingPeer(peer: PeerName(known.did), count: 1), within: .seconds(5))
        }
        guard let ping, ping.received > 0 else { return findings + [away(known, running)] }
        findings.append(
            ok("packets come back: \(Shown.path(ping.path)), round trip \(Shown.milliseconds(ping.rttMs?.median))")
        )
        findings += Self.packets(on: ping.path, to: peer)
        if ping.path?.kind == .relay {
            findings.append(
                .note(
                    "way to \(peer)",
                    "everything goes through the hub",
                    why: "it is slower than a direct path",
                    hint: "let UDP pass between the two hosts; a direct path is taken as soon as there is one"
                )
            )
        }
        findings += try await services(of: known, running)
        // By now it has told its version.
        let told = try await sidecar.ask(ListPeers()).first(where: isMeant)?.version
        return findings + [Self.version(of: peer, told)].compactMap(\.self)
    }

    /// What the path carries (RFC 9000 §14.1 asks for 1 200 bytes of UDP payload).
    static func packets(on path: PathDocument?, to peer: PeerName) -> [Finding] {
        guard let path, let problem = path.problem else { return [] }
        return [
            .broken(
                "way to \(peer)",
                "the path \(problem)" + (path.packetSize.map { ": packets of \($0) bytes are sent" } ?? ""),
                why: "no session begins on such a path, and a running one gets no new keys",
                hint: "raise the MTU of the interface or tunnel on the way to 1280 or more: `ip link` shows it"
            )
        ]
    }

    /// What the peer's version means for us; nil: it has not said it.
    static func version(of peer: PeerName, _ version: String?) -> Finding? {
        guard let version else { return nil }
        guard version != Postern.version else { return .ok("way to \(peer)", "it runs version \(version) as well") }
        return .warning(
            "way to \(peer)",
            "it runs version \(version), and this sidecar \(Postern.version)",
            why: "what only one of the two knows does not work between them",
            hint: "bring the older one up to date"
        )
    }

    private func isMeant(_ entry: PeerDocument) -> Bool {
        switch peer.meaning {
        case .key(let key): entry.did == key
        case .address(let address): entry.address == address
        case .name(let name): entry.name == name
        }
    }

    private func notTrusted(_ trust: TrustListDocument) -> Finding {
        let names = trust.trusted.compactMap(\.name)
        if let pending = trust.pending.first(where: { $0.claims == "\(peer)" || $0.name == "\(peer)" }) {
            return broken(
                "\(pending.did) asks for our trust and waits",
                why: "nothing passes before the trust stands on both sides",
                hint: "postern trust approve \(pending.id), or reject \(pending.id)"
            )
        }
        if let asked = trust.outgoing.first(where: { $0.name == "\(peer)" || $0.did.did == "\(peer)" }) {
            return broken(
                "we have asked and have no answer yet",
                why: "its owner decides",
                hint: asked.taken
                    ? "ask its owner to run `postern trust list`" : "no hub has taken the request: see above"
            )
        }
        let near = Suggestion.nearest(to: peer.description, among: names)
        return broken(
            "no trust stands with anybody who is called so here",
            why: "a peer is reached only when each side trusts the other",
            hint: near.map { "did you mean \($0)?" }
                ?? "use an invitation of its (`postern join`), or ask: postern trust request DID"
        )
    }

    private func standing(of known: PeerDocument, _ trust: TrustListDocument) -> String {
        guard let entry = trust.trusted.first(where: { $0.did == known.did }) else {
            return "a fellow member of \(known.networks.joined(separator: ", "))"
        }
        return "trust stands since \(entry.since): it may use \(Shown.services(entry.services)) of ours, "
            + "we may use \(Shown.services(entry.offers)) of its"
    }

    private func away(_ known: PeerDocument, _ running: StatusDocument) -> Finding {
        let isAtHub = running.hubs.contains(where: \.connected)
        let seen = known.lastSeen.map { "last seen \($0)" } ?? "never met"
        return broken(
            "nothing comes back from it (\(seen))",
            why: "calls get 503 until it does",
            hint: isAtHub
                ? "see that its sidecar runs and is at a hub (`postern status` there); our hub answers"
                : "this sidecar is at no hub: mend that first, see above"
        )
    }

    private func services(of known: PeerDocument, _ running: StatusDocument) async throws -> [Finding] {
        let offered: [Service]
        do {
            offered = try await sidecar.ask(ListServices(peer: PeerName(known.did)))
        } catch let failure as CommandFailure {
            return [
                broken("it does not say what it offers: \(failure.message)", why: "we do not know", hint: failure.hint)
            ]
        }
        guard !offered.isEmpty else {
            return [
                broken(
                    "it offers us nothing",
                    why: "there is nothing to call",
                    hint: "there: `postern why US SERVICE` says which of `allow` and the trust keeps us out"
                )
            ]
        }
        let names = offered.map { "\($0.name) (\($0.kind.rawValue), port \($0.port.rawValue))" }
        var findings = [ok("it offers us \(names.joined(separator: ", "))")]
        for entry in running.reach where isMeant(entry, known) {
            findings.append(reached(entry, offered))
        }
        return findings
    }

    private func isMeant(_ entry: StatusDocument.Reach, _ known: PeerDocument) -> Bool {
        entry.peer == peer || entry.peer == PeerName(known.did) || known.name.flatMap { PeerName($0) } == entry.peer
    }

    /// Calls through the local port, as a client would.
    private func reached(_ entry: StatusDocument.Reach, _ offered: [Service]) -> Finding {
        let target = entry.service.map { ServiceTarget.name($0) } ?? entry.port.map { ServiceTarget.port($0) }
        let shown = target.map { "\($0)" } ?? "-"
        guard let target, let service = offered.first(where: target.matches) else {
            let near = Suggestion.nearest(to: shown, among: offered.map(\.name.description))
            return broken(
                "the port \(entry.listen) is for \(shown), which it does not offer us",
                why: "calls there get 502",
                hint: near.map { "did you mean \($0)? Correct `reach`" }
                    ?? "ask its owner to offer it, or take it out: postern unreach \(entry.listen)"
            )
        }
        guard service.kind.isHTTP else { return ok("\(entry.listen) leads to \(shown)") }
        do throws(Sockets.Failure) {
            let request = Question(service.kind).text(host: entry.listen.description)
            let answer = try HTTPAnswer(Sockets.exchange(request, with: entry.listen, milliseconds: 6_000))
            guard let answer, let code = answer.field("postern-error") else {
                return ok("a call through \(entry.listen) reaches its agent (status \(answer?.status ?? 0))")
            }
            return broken(
                "a call through \(entry.listen) fails with \(code) (\(answer.status))",
                why: code.hasPrefix("upstream") ? "the way is fine, its agent is not" : "clients get the same",
                hint: code.hasPrefix("upstream")
                    ? "there: `postern doctor` says what is wrong with the agent"
                    : "curl -i http://\(entry.listen)/ says more"
            )
        } catch {
            return broken(
                "nobody answers at \(entry.listen): \(error.text)",
                why: "clients get the same",
                hint: "see `postern status`"
            )
        }
    }
}
