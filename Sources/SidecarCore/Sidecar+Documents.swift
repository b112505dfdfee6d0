import OverlayCore
import OverlayCrypto
import OverlayWire
package import PosternModel
import TrustCore

// The documents that other programs read (INTERFACE).
extension Sidecar {
    /// The number of requests that wait for the operator.
    package var pendingCount: Int { book.pending.count }

    /// `trust list`.
    package func trustList(at now: Timestamp, seeing view: any SidecarView) -> TrustListDocument {
        let trusted = book.relationships.values.filter { relationship in
            let peer = relationship.peer
            return !book.blocked.contains(peer) && book.trust.standing(of: peer, at: now).isMutual
        }
        let pending = book.pending.values.sorted {
            ($0.received, $0.request.id.description) < ($1.received, $1.request.id.description)
        }
        let outgoing = book.outgoing.values.sorted {
            ($0.issued, $0.id.description) < ($1.issued, $1.id.description)
        }
        return TrustListDocument(
            trusted: trusted.sorted { ($0.since, $0.peer) < ($1.since, $1.peer) }.map { relationship in
                let uses = uses(ofName: book.names[relationship.peer], seeing: view)
                return trustDocument(of: relationship, activating: uses)
            },
            pending: pending.map { PendingDocument($0, name: book.names[$0.request.asker]) },
            outgoing: outgoing.map { outgoingDocument(of: $0, at: now) } + joiningDocuments(at: now),
            blocked: book.blocked.sorted()
        )
    }

    /// What a command that made or changed a trust answers; `uses` is what the peer's name activates.
    func trustDocument(
        of relationship: TrustRelationship,
        activating uses: [String] = [],
        added: ServiceSet? = nil
    ) -> TrustDocument {
        TrustDocument(
            did: relationship.peer,
            name: book.names[relationship.peer],
            claims: relationship.claims,
            state: "trusted",
            services: relationship.given.services,
            offers: relationship.received.services,
            since: relationship.since,
            expires: relationship.given.expires,
            activates: uses,
            added: added
        )
    }

    /// The peers that may talk with us now: trusted ones and fellow members.
    package func admissiblePeers(at now: Clocks) -> [NodeKey] {
        Set(book.trust.peers(at: now.wall)).union(book.networks.fellows).sorted().filter { isAdmissible($0, at: now) }
    }

    /// `peers`.
    func peerDocuments(at now: Clocks, seeing view: any SidecarView) -> [PeerDocument] {
        admissiblePeers(at: now).map { peer in
            let relationship = book.relationships[peer]
            let session = view.session(with: peer)
            return PeerDocument(
                did: peer,
                name: name(of: peer),
                claims: relationship?.claims ?? "",
                address: peer.personalAddress,
                networks: fellowNetworks(of: peer).map(\.name),
                trusted: isTrusted(peer, at: now),
                since: relationship?.since,
                connected: session?.isConnected ?? false,
                path: PathDocument(session),
                rttMs: session?.roundTrip?.roundedMilliseconds,
                bytesSent: session?.bytesSent ?? 0,
                bytesReceived: session?.bytesReceived ?? 0,
                relayedBytes: session?.relayedBytes ?? 0,
                lastSeen: lastHeard(of: peer, at: now, seeing: view),
                version: peers[peer].version
            )
        }
    }

    /// When `peer` was there for the last time; nil: never, as far as is known.
    private func lastHeard(of peer: NodeKey, at now: Clocks, seeing view: any SidecarView) -> Timestamp? {
        let heard = view.session(with: peer)?.heardAt
        return heard.map { (now.wall + Interval(nanoseconds: -(now.instant - $0).nanoseconds)).inMilliseconds }
            ?? peers[peer].lastMet
    }

    /// `status`.
    func statusDocument(at now: Clocks, seeing view: any SidecarView) -> StatusDocument {
        StatusDocument(
            did: key,
            address: key.personalAddress,
            name: profile.name,
            version: view.version,
            uptimeMs: view.uptime.nanoseconds / 1_000_000,
            configuration: view.configuration,
            hubs: hubDocuments(seeing: view),
            nat: view.translation,
            udp: view.boundAddresses.compactMap { HostPort($0.description) },
            reach: view.localPorts.map { reachDocument(of: $0, at: now, seeing: view) },
            expose: profile.exposed.map { rule in
                let upstream = view.upstream(of: rule.service.name)
                return StatusDocument.Expose(
                    service: rule.service.name,
                    port: rule.service.port,
                    kind: rule.service.kind,
                    upstream: upstream.text,
                    allow: rule.allow,
                    activeStreams: view.activeStreams(of: rule.service.name),
                    leg: upstream.leg,
                    problem: upstream.problem
                )
            },
            unbound: unboundNames(seeing: view),
            networks: networkSummaries(at: now.wall),
            sharedKeys: sharedKeys(at: now.instant),
            contradictions: contradictingPeers(at: now),
            pending: book.pending.count,
            unstored: view.unstoredCount,
            outdated: outdatedDocument
        )
    }

    /// Whether one of the hubs that are configured is there and has room for us; nil when none is configured.
    package var isAtOwnHub: Bool? {
        profile.hubs.isEmpty
            ? nil : hubs.links.values.contains { $0.isOurs && $0.serves }
    }

    private func hubDocuments(seeing view: any SidecarView) -> [StatusDocument.Hub] {
        hubs.links.values.sorted { $0.url.description < $1.url.description }.map { link in
            StatusDocument.Hub(
                url: link.url,
                connected: link.isUp && link.isWatched && !link.isSilent,
                transport: Transport(view.session(with: link.url.key)),
                rttMs: view.session(with: link.url.key)?.roundTrip?.roundedMilliseconds,
                home: link.url == profile.hubs.first,
                full: link.isFull,
                closed: link.isClosed,
                draining: link.isDraining && link.isUp,
                configured: link.isOurs,
                clockMs: link.clockAhead.map { $0.nanoseconds / 1_000_000 },
                problem: link.problem
            )
        }
    }

    private func reachDocument(
        of port: LocalPort,
        at now: Clocks,
        seeing view: any SidecarView
    ) -> StatusDocument.Reach {
        let trust =
            switch find(port.peer, at: now) {
            case .reachable(let key): reachState(of: port, to: key, at: now, seeing: view)
            case .notTrusted: "not trusted"
            case .ambiguous: "ambiguous"
            case .over(let why, _): why
            case .unknown: "unknown peer"
            }
        let state = port.problem.map { "not offered: \($0)" } ?? trust
        return StatusDocument.Reach(
            peer: port.peer,
            service: port.target.name,
            port: port.target.port,
            listen: port.listen,
            state: state + (port.isOpenToNetwork ? ", open to the network" : ""),
            leg: port.isOpenToNetwork ? .insecure : .local
        )
    }

    /// Whether the way to a service of a peer stands, as far as it is known without asking: by what the last client
    /// was told.
    private func reachState(
        of port: LocalPort,
        to peer: NodeKey,
        at now: Clocks,
        seeing view: any SidecarView
    ) -> String {
        guard view.session(with: peer)?.isConnected == true else {
            guard case .peerAway(let since)? = port.trouble else { return "idle" }
            return "peer away since \((lastHeard(of: peer, at: now, seeing: view) ?? since).inMilliseconds)"
        }
        // What was said in an earlier run, or before the peer's latest start, may have changed.
        if let offers = peers[peer].offers, offers.time != nil, !offers.services.contains(where: port.target.matches) {
            return "connected, not offered to us"
        }
        guard case .agent(let words, let since)? = port.trouble else { return "connected" }
        return "connected, but \(words) since \(since.inMilliseconds)"
    }

    private func outgoingDocument(of request: TrustRequest, at now: Timestamp) -> OutgoingDocument {
        OutgoingDocument(
            id: request.id,
            did: request.target,
            name: book.names[request.target],
            claims: claims(of: request.target),
            note: request.note,
            services: request.services,
            sent: request.issued,
            expires: request.expires,
            taken: isTaken(byHubsFor: request.target, at: now)
        )
    }

    private func joiningDocuments(at now: Timestamp) -> [OutgoingDocument] {
        let open = book.joining.filter { now < $0.value.invitation.expires }
        return open.sorted { $0.key.description < $1.key.description }.map { id, joining in
            OutgoingDocument(
                id: id,
                did: joining.invitation.inviter,
                name: book.names[joining.invitation.inviter] ?? joining.name,
                claims: joining.invitation.name,
                note: "invitation",
                services: joining.invitation.services,
                sent: joining.claim.grant.issued,
                expires: joining.invitation.expires,
                taken: isTaken(byHubsFor: joining.invitation.inviter, at: now)
            )
        }
    }
}

extension PendingDocument {
    fileprivate init(_ entry: TrustBook.Pending, name: String?) {
        self.init(
            id: entry.request.id,
            did: entry.request.asker,
            name: name,
            claims: entry.request.name,
            note: entry.request.note,
            services: entry.request.services,
            received: entry.received,
            stranger: entry.stranger != nil
        )
    }
}

extension Interval {
    /// Milliseconds with three digits behind the point.
    fileprivate var roundedMilliseconds: Double { (milliseconds * 1_000).rounded() / 1_000 }
}
