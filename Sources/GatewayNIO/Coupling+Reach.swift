import GatewayCore
import Logging
import NIOCore
import OverlayCore
import OverlayNIO
import OverlayWire
import PosternModel

/// What the reaching end knows besides: where the service is, and how long the client has waited for its peer.
struct ReachState {
    /// Nil while nobody knows it.
    var kind: ServiceKind?
    var resolution: PeerResolution?
    var lastRequest = NIODeadline.uptimeNanoseconds(0)
    var patience: Scheduled<Void>?

    mutating func cancel() {
        patience?.cancel()
        patience = nil
    }
}

/// The reaching end: a client's connection comes first, the stream when it has something to say.
extension Coupling {
    /// A client connected.
    func beginReaching(_ port: ReachPort) {
        watchPeer()
        gateway.authority.resolve(port.service.peer, port.service.target) { [weak self] resolution in
            self?.resolved(resolution, port)
        }
    }

    private func resolved(_ resolution: PeerResolution, _ port: ReachPort) {
        guard case .open = phase, reach.resolution == nil, context != nil else { return }
        reach.resolution = resolution
        switch resolution {
        case .ready(let route):
            peer = route.key
            begin(kind: route.kind, port)
        case .failure(let refusal, let kind):
            gateway.log.info(
                "a reached service is not available",
                metadata: ["peer": "\(port.service.peer)", "reason": "\(refusal.message)"]
            )
            reach.cancel()
            begin(kind: kind, port)
        }
    }

    private func begin(kind: ServiceKind?, _ port: ReachPort) {
        reach.kind = kind
        if let kind, !kind.isHTTP {
            // A server may speak first.
            openFar()
        } else {
            let names = OwnNames(overlayNames: gateway.settings.overlayNames)
            let rules = ReachRules(names: names, offersUpgrade: kind?.offersUpgrade ?? false)
            exchange = Exchange(rules: .reach(rules), workspace: gateway.workspace)
            if let peer, gateway.isPresent(peer) { reach.cancel() }
        }
        pull(.requests)
        flush()
    }

    /// Opens the stream. What is written to it at once rides in the first packet.
    func openStream() {
        guard case .open = phase, stream == nil, let resolution = reach.resolution else { return }
        switch resolution {
        case .failure(let refusal, _): lose(refusal)
        case .ready(let route):
            do {
                stream = try gateway.node.openStream(to: route.key, port: route.port, handler: self)
                if gateway.isPresent(route.key) { reach.cancel() } else { watchPeer() }
                openSink(.requests)
            } catch {
                lose(refusal(for: error))
            }
        }
    }

    /// Bounds how long the client waits for a peer that is not there.
    func watchPeer() {
        guard reach.patience == nil, case .open = phase else { return }
        if let peer, gateway.isPresent(peer) { return }
        reach.patience = gateway.eventLoop.assumeIsolated().scheduleTask(in: gateway.settings.peerPatience) {
            [weak self] in
            guard let self else { return }
            self.reach.patience = nil
            self.patienceEnded()
        }
    }

    private func patienceEnded() {
        guard case .open = phase, case .reach(let port) = side else { return }
        if let peer {
            guard !gateway.isPresent(peer), !exchange.isResponseUnderWay, stream != nil else { return }
            if exchange.isIdle && exchange.outstandingCount == 0 && reach.kind?.isHTTP != false { return }
            lose(peerAway)
        } else if reach.resolution == nil {
            resolved(.failure(peerAway, kind: nil), port)
        }
        flush()
    }

    /// The peer fell silent: fails the requests that it cannot have got.
    func giveUp(requestsSince start: NIODeadline) {
        guard case .reach = side, case .open = phase, reach.kind?.isHTTP == true else { return }
        guard exchange.outstandingCount > 0, !exchange.isResponseUnderWay, reach.lastRequest >= start else { return }
        lose(peerAway)
        flush()
    }

    /// The stream ended before its time.
    func streamFailed(_ end: StreamEnd) {
        switch end {
        case .finished: return
        case .unreachable: lose(peerAway)
        case .reset(let code), .sessionLost(let code): lose(refusal(for: code))
        }
    }

    private var peerName: String {
        switch side {
        case .reach(let port): port.service.peer.description
        case .expose: "the client's peer"
        }
    }

    /// One side no longer trusts the other.
    var trustEnded: Refusal {
        Refusal(
            .notTrusted,
            "peer '\(peerName)' and we no longer trust each other",
            peer: peerName,
            hint: "ask for trust with `postern trust request \(peerName)`"
        )
    }

    private var peerAway: Refusal {
        Refusal(
            .peerAway,
            "peer '\(peerName)' cannot be reached now",
            peer: peerName,
            hint: "check that its sidecar runs and has a network; `postern ping \(peerName)` tells when it is back"
        )
    }

    private func refusal(for error: OverlayError) -> Refusal {
        switch error {
        case .unknownPeer:
            Refusal(
                .notTrusted,
                "peer '\(peerName)' and we do not trust each other",
                peer: peerName,
                hint: "ask for trust with `postern trust request \(peerName)`"
            )
        case .notRunning:
            Refusal(.shuttingDown, "this sidecar shuts down", peer: peerName, hint: "try again when it runs")
        case .timedOut, .sessionLost: peerAway
        case .refused:
            Refusal(
                .overLimit,
                "no further stream to peer '\(peerName)' can be opened",
                peer: peerName,
                hint: "try again when other calls are done"
            )
        }
    }

    private func refusal(for code: ErrorCode) -> Refusal {
        switch code {
        case .noSuchPort:
            Refusal(
                .noSuchService,
                "peer '\(peerName)' offers us no such service",
                peer: peerName,
                hint: "`postern services \(peerName)` lists what it offers; ask its owner for access"
            )
        case .refused: trustEnded
        case .overLimit:
            Refusal(.overLimit, "peer '\(peerName)' is at its limits", peer: peerName, hint: "try again later")
        case .shutdown, .restarted:
            Refusal(
                .peerAway,
                "peer '\(peerName)' stopped or restarted during the call",
                peer: peerName,
                hint: "try again"
            )
        case _:
            Refusal(
                .upstreamBroken,
                "the connection to the service of peer '\(peerName)' broke before its response began",
                peer: peerName,
                hint: "look into the log of the agent behind that peer"
            )
        }
    }
}
