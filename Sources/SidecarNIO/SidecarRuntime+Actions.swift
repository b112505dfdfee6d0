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

// Doing what the core wants done.
extension SidecarRuntime {
    /// Gives the core an input and does what follows, in order. An input that arises while actions are being done is
    /// taken at once, and its actions are done after those that wait already.
    func feed(_ input: (inout Sidecar, Clocks) -> [SidecarAction]) {
        node.eventLoop.assertInEventLoop()
        guard life != nil else { return }
        queue(take(input))
        settle()
    }

    /// The same for an input that moves no deadline but the one that it gives: the others are not looked for again,
    /// and when nothing follows from the input it costs nothing more.
    func feedQuietly(_ input: (inout Sidecar, Clocks) -> (actions: [SidecarAction], due: Instant?)) {
        node.eventLoop.assertInEventLoop()
        guard life != nil else { return }
        let (actions, due) = take(input)
        guard !actions.isEmpty else { return }
        queue(actions)
        settle(isQuiet: true)
        if let due { armTimer(noLaterThan: due) }
    }

    private func take<Result>(_ input: (inout Sidecar, Clocks) -> Result) -> Result {
        // Taken out and put back, so that the core is changed in place.
        guard var current = life.take() else { preconditionFailure("an input is taken while the sidecar runs") }
        let result = input(&current.sidecar, .now())
        life = current
        return result
    }

    private func queue(_ actions: [SidecarAction]) {
        let now = Clocks.now().wall
        for action in actions {
            if case .audit(let event) = action { tell(event) }
            let steps = life?.gate.take(action, at: now) ?? []
            life?.steps.append(contentsOf: steps)
        }
    }

    /// Does what is to be done now, begins the next write, and arms the timer.
    func settle(isQuiet: Bool = false) {
        guard life?.isActing == false else { return }
        life?.isActing = true
        while let step = life?.steps.popFirst() { perform(step) }
        life?.isActing = false
        beginWrite()
        if life?.stopping != nil { return finishStopping() }
        if !isQuiet { armTimer() }
    }

    private func perform(_ step: CommitGate.Step) {
        switch step {
        case .perform(let action): perform(action)
        case .record(let entry):
            life?.audit.record(entry.event, at: entry.time)
            life?.auditEntryCount += 1
        case .hubUnanswered(let id): feed { $0.hubAnswered(id, nil, at: $1) }
        case .peerUnanswered(let id): feed { $0.peerAnswered(id, nil, at: $1) }
        case .refuse(let id): life?.peerRequests.removeValue(forKey: id)?.refuse(.refused)
        }
    }

    private func perform(_ action: SidecarAction) {
        switch action {
        case .persist, .audit: preconditionFailure("the gate turns these into writes and entries")
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
        case .reviewAccess: incoming?.reviewStreams()
        case .trustEnded(let peer): incoming?.endStreams(of: peer)
        case .hubRequest(let id, let hub, let request):
            ask(hub, port: HubPort.requests, request.document) { sidecar, answer, now in
                sidecar.hubAnswered(id, answer.flatMap { try? HubAnswer($0) }, at: now)
            }
        case .work(let id, let challenge, let bits): work(on: challenge, bits: bits, for: id)
        case .openWatch(let hub): openWatch(hub)
        case .peerRequest(let id, let peer, let request):
            ask(peer, port: SidecarPort.control, request.document) { sidecar, answer, now in
                sidecar.peerAnswered(id, answer.flatMap { try? PeerAnswer($0) }, at: now)
            }
        case .redeem(let id, let invitation, let claim): redeem(invitation, claim: claim, id: id)
        case .endRedemption(let id): life?.redemptions[id]?.end()
        case .answerPeer(let id, let answer): life?.peerRequests.removeValue(forKey: id)?.answer(answer.document)
        case .answer(let command, let answer): self.answer(command, answer)
        case .ping(let command, let peer, let count): ping(peer, count: count, for: command)
        case .openLocalPort(let command, let peer, let target): openLocalPort(to: peer, target, for: command)
        case .readConfiguration(let command): readConfiguration(for: command)
        case .local(let command, let task): perform(task, for: command)
        case .readAudit(let command, let since): readAudit(since: since, for: command)
        case .routed(let id, let route): life?.routes.removeValue(forKey: id)?(route)
        case .fail(let command, let error):
            life?.commands.removeValue(forKey: command)?.fail(error)
        }
    }

    private func armTimer() {
        life?.timer?.cancel()
        life?.timer = nil
        guard let deadline = life?.sidecar.nextDeadline(at: .now()) else { return }
        arm(at: deadline)
    }

    private func armTimer(noLaterThan deadline: Instant) {
        if life?.timer != nil, let due = life?.timerDue, due <= deadline { return }
        life?.timer?.cancel()
        arm(at: deadline)
    }

    private func arm(at deadline: Instant) {
        // A deadline that has passed is due in the next turn, and no more often than each hundredth of a second.
        let due = max(deadline.deadline, NIODeadline.now() + .milliseconds(10))
        life?.timerDue = deadline
        life?.timer = node.eventLoop.assumeIsolated().scheduleTask(deadline: due) {
            self.life?.timer = nil
            self.feed { $0.advance(to: $1) }
        }
    }

    private func admit(_ admission: PeerAdmission) {
        let configuration = PeerConfiguration(
            key: admission.key,
            handshakeKey: admission.handshakeKey,
            preSharedKey: admission.secret,
            candidates: Candidate.hosts(admission.candidates),
            replayFloor: admission.isGuest ? 0 : life?.floors.floor(of: admission.key) ?? 0,
            isFloorCertain: settings.areFloorsCertain,
            sharedFloors: admission.isGuest ? life?.guestFloors.floors(of: admission.key) ?? [:] : nil
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
            try HostLookup.endpoints(of: url.place)
        }
        lookup.assumeIsolated().whenComplete { result in
            switch result {
            case .success(let endpoints):
                self.admitHub(url, at: endpoints)
                then(self)
            case .failure(let error):
                self.log.info("a hub's name cannot be resolved", metadata: ["hub": "\(url)", "error": "\(error)"])
                // A proxy may know the name.
                self.admitHub(url, at: [])
                then(self)
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
                // Peers' hubs are the peers' choice.
                attests: settings.hubs.contains { $0.key == url.key },
                sharesCandidates: false,
                replayFloor: floor,
                isFloorCertain: settings.areFloorsCertain
            )
        )
        node.offerWebSocket(url.websocket, to: url.key)
    }
}

extension SocketAddress {
    /// `1.2.3.4:5` or `[2001:db8::1]:5`.
    fileprivate var text: String {
        let host = ipAddress ?? ""
        return (host.contains(":") ? "[\(host)]" : host) + ":\(port ?? 0)"
    }
}
