import Logging
import NIOCore
import OverlayCore
import OverlayCrypto
import OverlayWire
import PosternModel

/// What the node keeps of a peer beside the core: its key, and its streams by slot.
struct PeerEntry {
    let handle: PeerHandle
    let key: NodeKey
    var streams: [OverlayStream?] = []
}

extension OverlayNode {
    /// Tells one event to whom it concerns.
    func handle(_ event: Event) {
        switch event {
        case .streamReadable(let handle):
            guard let stream = stream(handle) else { return }
            stream.handler?.streamReadable(stream)
        case .streamWritable(let handle):
            stream(handle)?.roomAppeared()
        case .streamOpened(let handle, let key, let port):
            accept(handle, from: key, port: port)
        case .streamStopped(let handle, let code):
            stream(handle)?.stopped(code)
        case .streamEnded(let handle, let end):
            removeStream(handle)?.ended(end)
        case .datagramReceived:
            takeDatagrams()
        case .localPathSilent(let peer, _, let endpoint):
            askPort(of: peer, at: endpoint)
        case .pong(let peer, _, let roundTrip):
            answerPings(of: peer, roundTrip)
        case .replayFloor(let key, let counter):
            noteFloor(of: key, counter)
        case .sharedFloor(let key, let instance, let counter):
            observer?.overlayStores(sharedFloor: counter, of: key, instance: instance)
        case .countersLow:
            reserveCounters()
        case .duplicateIdentity(_, let key):
            observer?.overlaySees(.usedTwice(key))
        case .identityShared(_, let key, let isRefused):
            observer?.overlaySees(.ownUsedTwice(by: key, isRefused: isRefused))
        case .rekeyOverdue(_, let key):
            log.warning("a peer answers no handshake for new keys", metadata: ["peer": "\(key)"])
        case .observedAddress(_, let key, let candidate):
            noteObserved(candidate, by: key)
            observer?.overlayObserved(candidate.endpoint, by: key)
        case .portsWanted(let peer, let base, let count):
            openPorts(for: peer, like: base, count: count)
        case .mappingAlive(let hub, let silence):
            noteMappingAlive(hub, after: silence)
        case .candidates(_, let key, let candidates):
            observer?.overlayLearned(candidates: candidates.map(\.endpoint), of: key)
        case .sessionEstablished, .sessionLost, .unresponsive, .responsive, .handshakeFailed, .pathChanged,
            .pathBelowBase:
            handleSession(event)
        }
    }

    /// What came with a handshake runs only when its number is stored: else a copy of it could run it again.
    private func noteFloor(of key: NodeKey, _ counter: UInt64) {
        guard let observer else { return }
        let isStored = observer.overlayStores(replayFloor: counter, of: key)
        core.setTakesEarlyData(isStored)
        if !isStored { core.refuseEarlyData(of: key, at: now) }
    }

    private func handleSession(_ event: Event) {
        switch event {
        case .sessionEstablished(let peer, let key, let isInitiator):
            note(peer, key)
            warnOfSwap()
            if pings[peer]?.isEmpty == false { core.ping(peer, at: now) }
            observer?.overlaySession(with: key, is: .established(isInitiator: isInitiator))
        case .sessionLost(let peer, let key, let code, let reason):
            failPings(of: peer, .sessionLost(code))
            reviewHubConnection(key)
            observer?.overlaySession(with: key, is: .lost(code, reason: reason))
        case .unresponsive(_, let key):
            reviewHubConnection(key)
            observer?.overlaySession(with: key, is: .unresponsive)
        case .responsive(_, let key):
            observer?.overlaySession(with: key, is: .responsive)
        case .handshakeFailed(let peer, let key):
            failPings(of: peer, .timedOut)
            observer?.overlaySession(with: key, is: .unreachable)
        case .pathChanged(_, let key, let endpoint):
            reviewHubConnection(key)
            observer?.overlaySession(with: key, is: .pathChanged(endpoint))
        case .pathBelowBase(_, let key, let endpoint, let isBelow):
            observer?.overlaySession(with: key, is: .pathBelowBase(endpoint, isBelow))
        case .streamReadable, .streamWritable, .streamOpened, .streamStopped, .streamEnded, .datagramReceived, .pong,
            .replayFloor, .sharedFloor, .observedAddress, .candidates, .localPathSilent, .countersLow,
            .duplicateIdentity, .identityShared, .rekeyOverdue, .portsWanted,
            .mappingAlive:
            preconditionFailure("only events of sessions come here")
        }
    }

    /// Says once when the system's limit keeps secrets from being locked into memory.
    func warnOfSwap() {
        guard !hasWarnedOfSwap, Sodium.unlockedSecretByteCount > 0 else { return }
        hasWarnedOfSwap = true
        log.warning(
            "keys cannot all be locked into memory and may reach the swap device: raise RLIMIT_MEMLOCK (ulimit -l)",
            metadata: ["bytes": "\(Sodium.unlockedSecretByteCount)"]
        )
    }

    private func accept(_ handle: StreamHandle, from key: NodeKey, port: VirtualPort) {
        let stream = OverlayStream(node: self, handle: handle, peer: key, port: port)
        insert(stream)
        guard let handler = observer?.overlayAccepts(stream: stream, from: key, port: port) else {
            stream.reset(.noSuchPort)
            return
        }
        stream.handler = handler
    }

    private func takeDatagrams() {
        while let size = core.nextDatagramSize {
            var datagram: ReceivedDatagram?
            let bytes = smallReads.take { datagram = core.takeDatagram(size, into: &$0) }
            guard let datagram else { return }
            observer?.overlayReceived(datagram: bytes, from: datagram.key, port: datagram.port)
        }
    }

    /// Remembers which peer a slot belongs to.
    func note(_ peer: PeerHandle, _ key: NodeKey) {
        let slot = Int(peer.slot)
        while peers.count <= slot { peers.append(nil) }
        if let former = peers[slot] {
            guard former.handle != peer else { return }
            // Streams of an expelled peer whose end is still to be told.
            for case let stream? in former.streams { leaving[stream.handle] = stream }
        }
        peers[slot] = PeerEntry(handle: peer, key: key)
    }
}
