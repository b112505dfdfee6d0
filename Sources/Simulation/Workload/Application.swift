import OverlayCore
import OverlayWire
import PosternModel

/// Uses the node of one host for one life: opens what is planned, serves what comes, and reports all it does and sees.
final class Application {
    /// What the application asks of the world.
    enum Request {
        /// Read again when a stall is over.
        case resume(StreamHandle, at: Instant)
        /// Open the stream again, since the node would not open it now.
        case reopen(ContentTag, at: Instant)
    }

    private unowned let host: Host
    private let streams: StreamLedger
    private let datagrams: DatagramLedger
    private let findings: Findings
    private var conversations: [StreamHandle: Conversation] = [:]
    /// Handles in the order they appeared: a dictionary has none that is the same in each run.
    private var handles: [StreamHandle] = []
    private(set) var requests: [Request] = []

    /// The most bytes taken from a stream in one call.
    private static let readSize = 16384
    private static let retryDelay = Interval.milliseconds(500)

    init(host: Host, streams: StreamLedger, datagrams: DatagramLedger, findings: Findings) {
        self.host = host
        self.streams = streams
        self.datagrams = datagrams
        self.findings = findings
    }

    /// The requests since the last call.
    func takeRequests() -> [Request] {
        defer { requests.removeAll(keepingCapacity: true) }
        return requests
    }

    private var now: Instant { findings.now }
    private var localNow: Instant { host.clock.local(findings.now) }

    // MARK: what the scenario wants

    func open(_ tag: ContentTag) {
        guard let plan = streams.plan(tag) else { return }
        guard let key = host.acquaintances.first(where: { $0.host == plan.acceptor })?.key,
            let peer = host.node.peer(with: key)
        else {
            if plan.isProbe { requests.append(.reopen(tag, at: now + Self.retryDelay)) }
            return
        }
        do {
            let handle = try host.node.openStream(to: peer, port: plan.port, at: localNow)
            streams.opened(tag)
            begin(
                Conversation(handle: handle, side: .opener, peer: plan.acceptor, port: plan.port, plan: plan)
            )
        } catch {
            requests.append(.reopen(tag, at: now + Self.retryDelay))
        }
    }

    func send(_ plan: DatagramPlan) {
        guard let key = host.acquaintances.first(where: { $0.host == plan.receiver })?.key,
            let peer = host.node.peer(with: key)
        else { return }
        let bytes = datagrams.send(plan.tag)
        // A refusal is as good as a loss: datagrams promise nothing.
        try? host.node.sendDatagram(bytes.span.bytes, to: peer, port: StreamPlan.datagramPort, at: localNow)
    }

    /// Goes on with a stream whose stall is over.
    func resume(_ handle: StreamHandle) {
        pump(handle)
    }

    /// Every stall ends: the world heals.
    func endStalls() {
        for handle in handles {
            guard conversations[handle]?.stalledUntil != nil else { continue }
            conversations[handle]?.stalledUntil = now
            pump(handle)
        }
    }

    /// The host loses its memory.
    func crash() {
        for handle in handles {
            guard let conversation = conversations[handle], let plan = conversation.plan else { continue }
            streams.crashed(plan.tag, conversation.side)
        }
        conversations = [:]
        handles = []
    }

    // MARK: what the node says

    func accepted(_ handle: StreamHandle, from peer: HostID?, port: VirtualPort) {
        guard let peer else {
            return findings.report(.place, "\(host.id) got a stream from a key that it does not admit")
        }
        guard conversations[handle] == nil else {
            return findings.report(.place, "\(host.id) got a stream under a handle that is in use")
        }
        guard StreamPlan.isServed(port) else {
            return findings.report(
                .place,
                "\(host.id) got a stream from \(peer) on port \(port.rawValue), which nobody uses"
            )
        }
        begin(Conversation(handle: handle, side: .acceptor, peer: peer, port: port, plan: nil))
        if let tag = streams.emptyStream(on: port) {
            identify(handle, tag)
        }
        pump(handle)
    }

    func readable(_ handle: StreamHandle) {
        checkKnown(handle, "readable")
        pump(handle)
    }

    func writable(_ handle: StreamHandle) {
        checkKnown(handle, "writable")
        pump(handle)
    }

    func stopped(_ handle: StreamHandle, code: ErrorCode) {
        checkKnown(handle, "stopped")
        conversations[handle]?.stopCode = code
        reportStop(handle)
        conversations[handle]?.isWritingOver = true
        pump(handle)
    }

    func ended(_ handle: StreamHandle, _ end: StreamEnd) {
        guard let conversation = conversations[handle] else {
            return findings.report(.endings, "\(host.id) was told twice that a stream ended, or of one it never had")
        }
        if let plan = conversation.plan {
            streams.ended(plan.tag, conversation.side, end)
        }
        conversations[handle] = nil
        handles.removeAll { $0 == handle }
    }

    func received(_ bytes: [UInt8], from peer: HostID?, port: VirtualPort) {
        guard let peer else {
            return findings.report(.place, "\(host.id) got a datagram from a key that it does not admit")
        }
        datagrams.received(bytes, at: host.id, from: peer, port: port)
    }
}

// MARK: moving bytes

extension Application {
    private func begin(_ conversation: Conversation) {
        conversations[conversation.handle] = conversation
        handles.append(conversation.handle)
        if conversation.plan != nil {
            pump(conversation.handle)
        }
    }

    private func checkKnown(_ handle: StreamHandle, _ what: String) {
        if conversations[handle] == nil {
            findings.report(.endings, "\(host.id) was told that a stream is \(what) which is over or never was")
        }
    }

    /// Reads, writes and finishes as far as the plan and the node allow.
    private func pump(_ handle: StreamHandle) {
        var isMoving = true
        while isMoving, conversations[handle] != nil {
            isMoving = misbehave(handle) || read(handle) || write(handle) || finish(handle)
        }
    }

    private func misbehave(_ handle: StreamHandle) -> Bool {
        guard let conversation = conversations[handle], let plan = conversation.plan else { return false }
        switch conversation.dueMisconduct {
        case .reset(_, _, let code):
            host.node.reset(handle, code: code, at: localNow)
            streams.abandoned(plan.tag, conversation.side)
            conversations[handle]?.isReadingOver = true
            conversations[handle]?.isWritingOver = true
            conversations[handle]?.plan?.conduct = .complete
            return false
        case .stop(_, _, let code):
            host.node.stopReading(handle, code: code, at: localNow)
            conversations[handle]?.isReadingOver = true
            return true
        case .complete, .stall, nil:
            return false
        }
    }

    private func read(_ handle: StreamHandle) -> Bool {
        guard let conversation = conversations[handle] else { return false }
        guard !conversation.isEndRead, !conversation.isReadingOver, !isStalled(handle) else { return false }
        let missing = conversation.plan == nil ? ContentTag.headerByteCount - conversation.header.count : Self.readSize
        guard let (bytes, isEnd) = host.read(handle, atMost: missing, at: localNow) else { return false }
        guard !bytes.isEmpty || isEnd else { return false }
        guard let plan = conversation.plan else {
            conversations[handle]?.header += bytes
            guard let header = conversations[handle]?.header, header.count == ContentTag.headerByteCount else {
                if isEnd { findings.report(.content, "a stream to \(host.id) ended within its header") }
                return !isEnd
            }
            guard let tag = ContentTag(header: header) else {
                findings.report(.content, "a stream to \(host.id) begins with bytes that nobody wrote")
                return false
            }
            identify(handle, tag)
            take(handle, tag, header, isEnd)
            return true
        }
        take(handle, plan.tag, bytes, isEnd)
        return true
    }

    private func take(_ handle: StreamHandle, _ tag: ContentTag, _ bytes: [UInt8], _ isEnd: Bool) {
        guard let side = conversations[handle]?.side else { return }
        streams.read(tag, side, bytes: bytes, isEnd: isEnd)
        conversations[handle]?.readCount += bytes.count
        if isEnd { conversations[handle]?.isEndRead = true }
    }

    private func identify(_ handle: StreamHandle, _ tag: ContentTag) {
        guard let conversation = conversations[handle] else { return }
        conversations[handle]?.plan = streams.plan(tag)
        streams.accepted(tag, at: host.id, from: conversation.peer, port: conversation.port)
        reportStop(handle)
    }

    /// Reports that the node stopped this end, as soon as it is known which stream it is.
    private func reportStop(_ handle: StreamHandle) {
        guard let conversation = conversations[handle], let plan = conversation.plan else { return }
        guard let code = conversation.stopCode else { return }
        streams.stopped(plan.tag, conversation.side, code: code)
    }

    /// Whether the plan keeps this end from reading now.
    private func isStalled(_ handle: StreamHandle) -> Bool {
        guard let conversation = conversations[handle], let plan = conversation.plan else { return false }
        guard case .stall(let by, let pause) = plan.conduct, by == conversation.side else { return false }
        guard let end = conversation.stalledUntil else {
            conversations[handle]?.stalledUntil = now + pause
            requests.append(.resume(handle, at: now + pause))
            return true
        }
        return now < end
    }

    private func write(_ handle: StreamHandle) -> Bool {
        guard let conversation = conversations[handle], let plan = conversation.plan else { return false }
        guard !conversation.isWritingOver, !conversation.isFinished else { return false }
        let end = min(conversation.writeGoal, conversation.writtenCount + plan.writeSize)
        guard conversation.writtenCount < end else { return false }
        let bytes = streams.content(plan.tag, conversation.side.outgoing, conversation.writtenCount..<end)
        let taken = host.write(bytes, to: handle, at: localNow)
        guard taken > 0 else { return false }
        streams.wrote(plan.tag, conversation.side, byteCount: taken, finished: false)
        conversations[handle]?.writtenCount += taken
        return true
    }

    private func finish(_ handle: StreamHandle) -> Bool {
        guard let conversation = conversations[handle], let plan = conversation.plan else { return false }
        guard conversation.isDueToFinish else { return false }
        streams.wrote(plan.tag, conversation.side, byteCount: 0, finished: true)
        conversations[handle]?.isFinished = true
        host.node.finish(handle, at: localNow)
        return true
    }
}
