import HubCore
import HubProtocol
import OverlayCrypto
import OverlayWire
import PosternModel
import SidecarCore
import TrustCore

// Driving the hubs: inputs gather while the store works, and actions follow when it is durable.
extension SystemWorld {
    mutating func receive(_ message: Message, atHub number: Int) {
        guard case .sidecar(let node) = message.from else { return }
        let key = sidecars[node].key
        switch message.content {
        case .hubRequest(let id, let request):
            guard let last = hubs[number].life?.lastRequest else { return }
            let asked = HubRequestID(last + 1)
            hubs[number].life?.lastRequest = last + 1
            hubs[number].life?.requests[asked] = HubProgram.Request(
                sidecar: node,
                session: message.session,
                id: id,
                request: request
            )
            let clocks = hubClocks
            // Each sidecar lives in a network of its own.
            let network = SourceNetwork(.ipv4(address: UInt32(truncatingIfNeeded: node + 1) << 8, port: 1))
            if let refusal = hubs[number].admit(asked, from: key, in: network, at: clocks) {
                perform(refusal, ofHub: number)
            }
            beginTransaction(number)
        case .watch(let watch):
            hubs[number].life?.watches[key] = HubProgram.Watch(
                sidecar: node,
                session: message.session,
                number: watch,
                lastArrival: now
            )
            take(.watchOpened(by: key, at: hubClocks.wall), at: number)
            if plan.flaw == .watchesWithoutPause { endWatch(of: node, atHub: number) }
        case .peerRequest, .answer, .event, .watchEnded, .openStream, .stream, .close:
            preconditionFailure("hubs are not sent this")
        }
    }

    /// Something happened to a hub.
    mutating func take(_ input: HubInput, at number: Int) {
        hubs[number].life?.batch.append(input)
        beginTransaction(number)
    }

    private mutating func beginTransaction(_ number: Int) {
        guard hubs[number].beginTransaction() else { return }
        schedule(.committed(number, hubs[number].lifeNumber), in: .milliseconds(1) ... .milliseconds(60))
    }

    /// What the clocks of all hubs show.
    var hubClocks: Clocks {
        Clocks(wall: Timestamp(nanoseconds: Self.epoch + now.nanoseconds), instant: now)
    }

    /// What the wall clock of hubs shows at the start of the world.
    private static let epoch: Int64 = 1_795_000_000_000_000_000

    mutating func endTransaction(_ number: Int) {
        for action in hubs[number].endTransaction() { perform(action, ofHub: number) }
        beginTransaction(number)
    }

    private mutating func perform(_ action: HubAction, ofHub number: Int) {
        switch action {
        case .answer(let id, let answer):
            guard let asked = hubs[number].life?.requests.removeValue(forKey: id) else { return }
            let told = hubs[number].lies.twist(answer, for: sidecars[asked.sidecar].key, &faults)
            let content = MessageContent.answer(asked.id, told.document)
            let message = Message(
                from: .hub(number),
                to: .sidecar(asked.sidecar),
                session: asked.session,
                content: content
            )
            guard hubs[number].lies.active.contains(.delays) else { return send(message) }
            events.add(.message(message), at: now + faults.interval(in: .seconds(1) ... .seconds(30)))
        case .push(let node, let event):
            guard let told = hubs[number].lies.twist(event, for: node, among: sidecars.map(\.key), &faults) else {
                return
            }
            push(told, to: node, from: number)
        case .endWatch(let node):
            guard case .sidecar(let sidecar)? = programs[node] else { return }
            endWatch(of: sidecar, atHub: number)
        case .bridge(let a, let channelA, let b, let channelB):
            var ends = (RelayEnd(node: a, channel: channelA), RelayEnd(node: b, channel: channelB))
            if hubs[number].lies.active.contains(.swapsKeys) {
                ends.1 = RelayEnd(node: faults.pick(sidecars.map(\.key)), channel: channelB)
            }
            hubs[number].life?.bridges[ends.0] = ends.1
            hubs[number].life?.bridges[ends.1] = ends.0
        case .unbridge(let node, let channel):
            let other = hubs[number].life?.bridges.removeValue(forKey: RelayEnd(node: node, channel: channel))
            if let other { hubs[number].life?.bridges[other] = nil }
        case .audit(let event):
            let wall = hubClocks.wall
            let isDue = hubs[number].audit.record(event, at: wall, isDiskFailing: hubs[number].isDiskFailing)
            if isDue { schedule(.auditFlush(.hub(number), hubs[number].lifeNumber), in: .seconds(1)) }
        }
    }

    /// Events of one stream arrive in their order; now and then a hub tells mail a second time, much later.
    mutating func push(_ event: HubEvent, to node: NodeKey, from number: Int) {
        guard let watch = hubs[number].life?.watches[node] else { return }
        let message = Message(
            from: .hub(number),
            to: .sidecar(watch.sidecar),
            session: watch.session,
            content: .event(watch.number, event)
        )
        let isLate = hubs[number].lies.active.contains(.delays)
        let delay = isLate ? faults.interval(in: .seconds(1) ... .seconds(30)) : timing.interval(in: Self.latency)
        let arrival = max(now + delay, watch.lastArrival)
        hubs[number].life?.watches[node]?.lastArrival = arrival
        events.add(.message(message), at: arrival)
        if case .mail = event, timing.happens(0.1) {
            events.add(.message(message), at: arrival + timing.interval(in: .seconds(1) ... .seconds(60)))
        }
    }

    /// A hub ends the event stream of a node that it still has a session with.
    mutating func endWatch(of node: Int, atHub number: Int) {
        let key = sidecars[node].key
        guard let watch = hubs[number].life?.watches.removeValue(forKey: key) else { return }
        note("h\(number) ends the event stream of s\(node)")
        take(.watchClosed(by: key, at: hubClocks.wall), at: number)
        let content = MessageContent.watchEnded(watch.number)
        send(Message(from: .hub(number), to: .sidecar(node), session: watch.session, content: content))
    }
}
