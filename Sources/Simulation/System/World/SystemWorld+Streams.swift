import PosternModel
import SidecarCore
import TrustCore

// Clients and services: who calls, and who is let in.
extension SystemWorld {
    /// A client calls a service of a peer, as the gateway does: it finds the peer, wants a session, opens a stream.
    mutating func call(_ call: ServiceCall) {
        guard sidecars[call.client].life != nil else { return }
        let key = sidecars[call.server].key
        let clocks = sidecars[call.client].clocks(at: now)
        guard sidecars[call.client].life?.sidecar.find(PeerName(key), at: clocks) == .reachable(key) else {
            if call.isProbe { violate(.convergence, "s\(call.client) does not find s\(call.server) trusted") }
            return
        }
        feed(call.client) { $0.want(key, at: $1) }
        guard let session = sessions[.sidecar(call.client)]?[.sidecar(call.server)] else {
            guard now < call.patience else {
                if call.isProbe { violate(.convergence, "s\(call.client) does not reach s\(call.server)") }
                return
            }
            return schedule(.call(call), in: .seconds(1))
        }
        streams.append(ServiceStream(call, session: session))
        report.streamCount += 1
        beginCall(streams.count - 1)
    }

    /// The client's gateway opens the stream that it wants.
    mutating func openStream(of index: Int) {
        let stream = streams[index]
        guard stream.atClient == .waiting else { return }
        let (from, to) = (ProgramID.sidecar(stream.client), ProgramID.sidecar(stream.server))
        send(Message(from: from, to: to, session: stream.session, content: .openStream(index)))
    }

    /// A stream arrives at a service: the sidecar decides, and the ledger checks it.
    mutating func openStream(_ index: Int, at number: Int) {
        let stream = streams[index]
        guard stream.atServer == .waiting else { return }
        let client = sidecars[stream.client].key
        let service = Self.services[stream.service]
        let clocks = sidecars[number].clocks(at: now)
        guard let sidecar = sidecars[number].life?.sidecar else { return }
        let isTrusted = sidecar.isAdmissible(client, at: clocks)
        let access = sidecar.decide(client, service.port, at: clocks)
        let isAccepted = access.isAdmitted || isTrusted && plan.flaw == .ignoresGrants
        note("s\(stream.client) calls \(service.name) of s\(number): \(isAccepted ? "accepted" : "refused")")
        streams[index].atServer = isAccepted ? .open : .ended
        if case .refused(let refusal) = access {
            feed(number) { $0.noteRefused(client, service.port, because: refusal, at: $1) }
        }
        if isAccepted { checkAccess(of: stream.client, to: service.name, at: number) }
        let content = MessageContent.stream(index, isAccepted: isAccepted)
        send(Message(from: .sidecar(number), to: .sidecar(stream.client), session: stream.session, content: content))
        guard isAccepted else { return }
        schedule(.gateway(index, .leave), in: .seconds(5) ... .seconds(90))
        exposeCall(index)
    }

    private mutating func checkAccess(of peer: Int, to service: ServiceName, at number: Int) {
        guard !isAllowedByNetwork(peer, service, at: number) else { return }
        let client = sidecars[peer].key
        let rules = sidecars[number].profile.exposed.filter { $0.service.name == service }
        let isInRules = rules.contains { rule in
            rule.allow.contains { allowed in
                switch allowed {
                case .trusted: true
                case .peer(let name): name.meaning == .key(client)
                case .network, .group: false
                }
            }
        }
        let isAllowed = ledger.isAllowed(number, peer, service: service) || isForgotten(number, peer)
        guard !isInRules || !isAllowed || !self.isAllowed(peer, number) else { return }
        violate(.access, "s\(peer) reaches \(service) of s\(number) without a grant of both sides and an allow rule")
    }

    mutating func streamAnswered(_ index: Int, isAccepted: Bool) {
        guard streams[index].atClient == .waiting else { return }
        guard isAccepted else {
            streams[index].end(at: .sidecar(streams[index].client), now)
            return refuseCall(index)
        }
        streams[index].atClient = .open
    }

    /// Streams of peers that may not use the service any longer are cut.
    mutating func endDisallowedStreams(at number: Int) {
        let clocks = sidecars[number].clocks(at: now)
        for index in streams.indices where streams[index].server == number && streams[index].atServer == .open {
            let (client, service) = (sidecars[streams[index].client].key, Self.services[streams[index].service])
            guard sidecars[number].life?.sidecar.decide(client, service.port, at: clocks).isAdmitted == false else {
                continue
            }
            cutCall(index)
            streams[index].end(at: .sidecar(number), now)
        }
    }

    /// Every stream of a sidecar is with a peer that it trusts now.
    mutating func checkStreams(of number: Int) {
        let clocks = sidecars[number].clocks(at: now)
        for stream in streams
        where stream.client == number && stream.atClient == .open
            || stream.server == number && stream.atServer == .open
        {
            let peer = stream.client == number ? stream.server : stream.client
            let key = sidecars[peer].key
            guard sidecars[number].life?.sidecar.isAdmissible(key, at: clocks) == false else { continue }
            violate(.cut, "s\(number) has no trust with s\(peer) any more, and a stream goes on")
        }
    }
}
