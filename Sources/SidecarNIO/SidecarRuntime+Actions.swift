import HubProtocol
import Logging
import NIOCore
import NIOPosix
import OverlayCore
import OverlayCrypto
import OverlayNIO
import OverlayWire
import PosternModel
import SidecarCore
import StateStore
import TrustCore

// Doing what the mind wants done.
extension SidecarRuntime {
    /// Gives the mind an input and does what follows, in order. An input that arises while actions are being done is
    /// taken at once, and its actions are done after those that wait already.
    func feed(_ input: (inout Sidecar, Clocks) -> [SidecarAction]) {
        node.eventLoop.assertInEventLoop()
        guard life != nil else { return }
        perform(take(input))
    }

    /// The same for an input that changes no deadline when nothing follows from it: then this costs nothing more.
    func feedQuietly(_ input: (inout Sidecar, Clocks) -> [SidecarAction]) {
        node.eventLoop.assertInEventLoop()
        guard life != nil else { return }
        let actions = take(input)
        guard !actions.isEmpty else { return }
        perform(actions)
    }

    private func perform(_ actions: [SidecarAction]) {
        life?.actions.append(contentsOf: actions)
        guard life?.isActing == false else { return }
        life?.isActing = true
        while let action = life?.actions.popFirst() { perform(action) }
        life?.isActing = false
        compactIfNeeded()
        armTimer()
    }

    private func take(_ input: (inout Sidecar, Clocks) -> [SidecarAction]) -> [SidecarAction] {
        // Taken out and put back, so that the mind is changed in place.
        guard var current = life.take() else { return [] }
        let actions = input(&current.sidecar, .now())
        life = current
        return actions
    }

    private func perform(_ action: SidecarAction) {
        switch action {
        case .persist(let facts): persist(facts)
        case .audit(let event): life?.audit.record(event, at: Clocks.now().wall)
        case .remember: rememberSoon()
        case .admit(let admission): admit(admission)
        case .expel(let peer, let code): node.expel(peer, code: code)
        case .connect(let key): connect(key)
        case .setRelay(let peer, let hub, let channel): node.setRelay(for: peer, hub: hub, channel: channel)
        case .clearRelay(let peer, let hub, let channel): node.clearRelay(for: peer, hub: hub, channel: channel)
        case .admitHub(let url):
            life?.hubs[url.key] = url
            admitHub(url, then: { _ in })
        case .dropHub(let hub):
            life?.hubs[hub] = nil
            life?.watches[hub] = nil
            node.expel(hub, code: .none)
        case .trustEnded(let peer): incoming?.endStreams(of: peer)
        case .hubRequest(let id, let hub, let request):
            ask(hub, port: HubPort.requests, request.document) { sidecar, answer, now in
                sidecar.hubAnswered(id, answer.flatMap { try? HubAnswer($0) }, at: now)
            }
        case .openWatch(let hub): openWatch(hub)
        case .peerRequest(let id, let peer, let request):
            ask(peer, port: SidecarPort.control, request.document) { sidecar, answer, now in
                sidecar.peerAnswered(id, answer.flatMap { try? PeerAnswer($0) }, at: now)
            }
        case .redeem(let id, let invitation, let claim): redeem(invitation, claim: claim, id: id)
        case .answerPeer(let id, let answer):
            guard let stream = life?.peerRequests.removeValue(forKey: id) else { return }
            send(answer, on: stream)
        case .answer(let command, let answer): self.answer(command, answer)
        case .ping(let command, let peer, let count): ping(peer, count: count, for: command)
        case .openLocalPort(let command, let peer, let target): openLocalPort(to: peer, target, for: command)
        case .readAudit(let command, let since): readAudit(since: since, for: command)
        case .routed(let id, let route): life?.routes.removeValue(forKey: id)?(route)
        case .fail(let command, let error):
            life?.commands.removeValue(forKey: command)?.fail(error)
        }
    }

    /// Makes facts durable. When that fails, what would promise them to others is not done: commands fail, mail is not
    /// acknowledged and peers are not answered. What closes something is done all the same, and the facts go with the
    /// next ones.
    private func persist(_ facts: [TrustFact]) {
        guard let journal = life?.journal else { return }
        let waiting = (life?.unsaved ?? []) + facts
        do {
            try journal.append(waiting)
            life?.unsaved = []
        } catch {
            log.critical("the trust journal cannot be written", metadata: ["error": "\(error)"])
            life?.unsaved = waiting
            let following = Array(life?.actions ?? [])
            life?.actions = CircularBuffer(following.compactMap { Self.withoutPromise($0, error) })
        }
    }

    private static func withoutPromise(_ action: SidecarAction, _ error: StateFileError) -> SidecarAction? {
        switch action {
        case .answer(let command, _): .fail(command, .unsaved(error))
        case .hubRequest, .peerRequest, .answerPeer, .admit, .setRelay, .clearRelay, .redeem: nil
        case .persist, .audit, .remember, .expel, .connect, .admitHub, .dropHub, .trustEnded, .openWatch, .fail, .ping,
            .openLocalPort, .readAudit, .routed:
            action
        }
    }

    private func compactIfNeeded() {
        guard let journal = life?.journal, journal.needsCompaction, life?.unsaved.isEmpty == true else { return }
        do {
            try journal.compact(to: life?.sidecar.compactedFacts(at: Clocks.now().wall) ?? [])
        } catch {
            log.error("the trust journal could not be compacted", metadata: ["error": "\(error)"])
        }
    }

    private func armTimer() {
        life?.timer?.cancel()
        life?.timer = nil
        guard let deadline = life?.sidecar.nextDeadline(at: .now()) else { return }
        // A deadline that has passed is due in the next turn, and no more often than each hundredth of a second.
        let earliest = NIODeadline.now() + .milliseconds(10)
        let due = max(deadline.deadline, earliest)
        life?.timer = node.eventLoop.assumeIsolated().scheduleTask(deadline: due) {
            self.feed { $0.advance(to: $1) }
        }
    }

    private func admit(_ admission: PeerAdmission) {
        guard let secret = PreSharedKey(bytes: admission.secret) else {
            preconditionFailure("a trust's secret has the length of one")
        }
        let configuration = PeerConfiguration(
            key: admission.key,
            preSharedKey: secret,
            candidates: Candidate.hosts(admission.candidates),
            replayFloor: admission.isGuest ? 0 : life?.floors.floor(of: admission.key) ?? 0
        )
        guard !node.admit(configuration) else { return }
        log.error("a peer cannot be admitted: there are too many", metadata: ["peer": "\(admission.key)"])
    }

    private func connect(_ key: NodeKey) {
        guard let url = life?.hubs[key], Endpoint(url.place) == nil else { return node.connect(key) }
        // A name may mean another address by now.
        admitHub(url) { $0.node.connect(key) }
    }

    /// Lets the node talk to a hub, when its address is known.
    private func admitHub(_ url: HubURL, then: @escaping (SidecarRuntime) -> Void) {
        if let endpoint = Endpoint(url.place) {
            admitHub(url, at: [endpoint])
            return then(self)
        }
        let lookup = resolver.runIfActive(eventLoop: node.eventLoop) {
            try SocketAddress.makeAddressResolvingHost(url.place.host, port: Int(url.place.port))
        }
        lookup.assumeIsolated().whenComplete { result in
            switch result {
            case .success(let address):
                self.admitHub(url, at: Endpoint(address.text).map { [$0] } ?? [])
                then(self)
            case .failure(let error):
                self.log.info("a hub's name cannot be resolved", metadata: ["hub": "\(url)", "error": "\(error)"])
            }
        }
    }

    private func admitHub(_ url: HubURL, at endpoints: [Endpoint]) {
        guard life != nil else { return }
        let floor = life?.floors.floor(of: url.key) ?? 0
        node.admit(
            PeerConfiguration(
                key: url.key,
                candidates: Candidate.hosts(endpoints),
                relays: true,
                sharesCandidates: false,
                replayFloor: floor
            )
        )
    }

    /// The cache is written at the end of the loop's turn, so that a burst of news costs one write.
    private func rememberSoon() {
        guard life?.isCacheDirty == false else { return }
        life?.isCacheDirty = true
        node.eventLoop.assumeIsolated().execute { self.saveCache() }
    }

    func saveCache() {
        guard life?.isCacheDirty == true, let document = life?.sidecar.memoryDocument else { return }
        life?.isCacheDirty = false
        do {
            let path = settings.stateDirectory + "/peers.cache"
            try StateFile.replace(path, with: document.canonicalBytes, isDurable: false)
        } catch {
            log.warning("the cache of peers cannot be written", metadata: ["error": "\(error)"])
        }
    }
}

extension SocketAddress {
    /// `1.2.3.4:5` or `[2001:db8::1]:5`.
    fileprivate var text: String {
        let host = ipAddress ?? ""
        return (host.contains(":") ? "[\(host)]" : host) + ":\(port ?? 0)"
    }
}
