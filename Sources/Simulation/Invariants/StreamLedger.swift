package import OverlayCore
package import OverlayWire
package import PosternModel

/// Knows what every stream of the run is to carry, and checks what its ends see: content, order, place and ending.
package final class StreamLedger {
    /// What one direction of a stream has seen.
    package struct Flow: Sendable {
        /// Bytes that the writing end handed over.
        package var written = 0
        /// Whether the writing end finished.
        package var isFinished = false
        /// Whether the writing end was told that nobody reads on.
        package var isStopped = false
        /// Bytes that the reading end took.
        package var read = 0
        /// Whether the reading end saw the end.
        package var isEndRead = false
    }

    /// Where one end of a stream stands.
    package enum EndState: Sendable {
        case unopened
        case open
        case ended(StreamEnd)
        /// The end reset the stream itself.
        case abandoned
        /// The host of this end crashed.
        case crashed

        /// Whether nothing more will happen at this end.
        package var isOver: Bool {
            switch self {
            case .unopened, .open: false
            case .ended, .abandoned, .crashed: true
            }
        }
    }

    /// What happened to one stream.
    package struct Record: Sendable {
        package let plan: StreamPlan
        package var up = Flow()
        package var down = Flow()
        package var opener = EndState.unopened
        package var acceptor = EndState.unopened
        package var openedAt: Instant?
        /// When the first and the last byte of the answer, and the opener's end, were seen.
        package var firstAnswerAt: Instant?
        package var lastAnswerAt: Instant?
        package var endedAt: Instant?
        package var acceptedAt: Instant?
        /// When the accepting end ended.
        package var acceptorEndedAt: Instant?

        /// What became of the bytes of `direction`.
        package func flow(_ direction: Direction) -> Flow {
            switch direction {
            case .up: up
            case .down: down
            }
        }

        /// Where the end of `side` stands.
        package func end(_ side: Side) -> EndState {
            switch side {
            case .opener: opener
            case .acceptor: acceptor
            }
        }

        /// Whether each byte of both directions and both ends were read.
        package var isComplete: Bool {
            up.read == plan.total(.up) && up.isEndRead && down.read == plan.total(.down) && down.isEndRead
        }
    }

    private let seed: UInt64
    let findings: Findings
    let history: FaultHistory
    let sessions: SessionChecker
    /// The streams in the order in which they were added.
    package private(set) var records: [Record] = []
    private var indices: [ContentTag: Int] = [:]
    private var emptyPorts: [VirtualPort: ContentTag] = [:]
    /// Ends that are open now: a counter, so that idleness is known without a walk.
    package private(set) var openEndCount = 0
    /// Bytes that all readers took.
    package private(set) var readByteCount = 0

    package init(seed: UInt64, findings: Findings, history: FaultHistory, sessions: SessionChecker) {
        self.sessions = sessions
        self.seed = seed
        self.findings = findings
        self.history = history
    }

    /// Adds a stream that will be opened.
    package func add(_ plan: StreamPlan) {
        indices[plan.tag] = records.count
        if case .empty = plan.service { emptyPorts[plan.port] = plan.tag }
        records.append(Record(plan: plan))
    }

    /// The plan of the stream `tag`, if it was added.
    package func plan(_ tag: ContentTag) -> StreamPlan? { indices[tag].map { records[$0].plan } }

    package func record(_ tag: ContentTag) -> Record? { indices[tag].map { records[$0] } }

    /// Which empty stream has `port` to itself.
    package func emptyStream(on port: VirtualPort) -> ContentTag? { emptyPorts[port] }

    /// The bytes of `tag` in `range` of one direction, the header included.
    package func content(_ tag: ContentTag, _ direction: Direction, _ range: Range<Int>) -> [UInt8] {
        guard let plan = plan(tag) else { return [] }
        let header = direction == .up ? tag.header : []
        guard range.lowerBound >= header.count else {
            let head = Array(header[range.lowerBound..<min(header.count, range.upperBound)])
            return head + content(tag, direction, header.count..<max(header.count, range.upperBound))
        }
        let body = range.lowerBound - header.count..<range.upperBound - header.count
        // An echo answers with the body of the request.
        let source: Direction = plan.service == .echo ? .up : direction
        return Content(seed: seed, tag: tag, direction: source).bytes(body)
    }
}

// MARK: what the ends did and saw

extension StreamLedger {
    /// The opener has a handle now.
    package func opened(_ tag: ContentTag) {
        update(tag) { record in
            record.opener = .open
            record.openedAt = findings.now
            openEndCount += 1
        }
    }

    /// `host` accepted a stream from `peer` on `port`, whose header names `tag`.
    package func accepted(_ tag: ContentTag, at host: HostID, from peer: HostID, port: VirtualPort) {
        guard indices[tag] != nil else {
            return findings.report(.content, "\(host) accepted a stream \(tag) that was never planned")
        }
        update(tag) { record in
            let plan = record.plan
            if plan.acceptor != host || plan.opener != peer || plan.port != port {
                findings.report(
                    .place,
                    "stream \(tag) of \(plan.opener) to \(plan.acceptor) port \(plan.port.rawValue) "
                        + "reached \(host) from \(peer) on port \(port.rawValue)"
                )
            }
            if mayBeAccepted(record) {
                record.acceptor = .open
                record.acceptedAt = findings.now
                // Nothing of what an earlier life of the host read or wrote has reached the opener.
                record.up.read = 0
                record.up.isEndRead = false
                record.down.written = 0
                record.down.isFinished = false
                openEndCount += 1
            } else {
                findings.report(
                    .content,
                    "accepted twice, its first bytes were delivered again: " + Self.describe(record)
                )
            }
            if record.openedAt == nil {
                findings.report(.content, "stream \(tag) was accepted before it was opened")
            }
        }
    }

    /// Whether the acceptor may get the stream now: it did not have it, or it crashed before the opener had any answer
    /// of it. Such an opener's first message is still under way when the host begins its next life, and what it asked
    /// for before goes there.
    private func mayBeAccepted(_ record: Record) -> Bool {
        switch (record.acceptor, record.opener) {
        case (.unopened, _):
            return true
        case (.crashed, .open):
            guard let crashedAt = record.acceptorEndedAt else { return false }
            guard let begunAt = sessions.begunAt(record.plan.opener, record.plan.acceptor) else { return false }
            return begunAt >= crashedAt
        case (.crashed, _), (.open, _), (.ended, _), (.abandoned, _):
            return false
        }
    }

    /// Whether `host` has a stream with `peer` that is open at its end.
    package func hasStreams(at host: HostID, with peer: HostID) -> Bool {
        records.contains { record in
            switch (record.opener, record.acceptor) {
            case (.open, _) where record.plan.opener == host && record.plan.acceptor == peer: true
            case (_, .open) where record.plan.acceptor == host && record.plan.opener == peer: true
            case _: false
            }
        }
    }

    /// `side` handed `byteCount` bytes to its node, or finished.
    package func wrote(_ tag: ContentTag, _ side: Side, byteCount: Int, finished: Bool) {
        updateFlow(tag, side.outgoing) { flow in
            flow.written += byteCount
            flow.isFinished = flow.isFinished || finished
        }
    }

    /// `side` read `bytes`, and perhaps the end behind them.
    package func read(_ tag: ContentTag, _ side: Side, bytes: [UInt8], isEnd: Bool) {
        guard let record = record(tag) else { return }
        let direction = side.incoming
        let flow = record.flow(direction)
        if flow.isEndRead {
            findings.report(.content, "stream \(tag) \(direction): \(bytes.count) bytes came behind the end")
        }
        if flow.read + bytes.count > flow.written {
            findings.report(
                .content,
                "stream \(tag) \(direction): read to \(flow.read + bytes.count), written only \(flow.written)"
            )
        }
        let expected = content(tag, direction, flow.read..<flow.read + bytes.count)
        if bytes != expected {
            let wrong = zip(bytes, expected).enumerated().first { $0.element.0 != $0.element.1 }?.offset ?? 0
            findings.report(.content, "stream \(tag) \(direction): wrong byte at offset \(flow.read + wrong)")
        }
        if isEnd, !flow.isFinished || flow.read + bytes.count != flow.written {
            findings.report(
                .content,
                "stream \(tag) \(direction): ended at \(flow.read + bytes.count), written \(flow.written), "
                    + "finished: \(flow.isFinished)"
            )
        }
        readByteCount += bytes.count
        updateFlow(tag, direction) { flow in
            flow.read += bytes.count
            flow.isEndRead = flow.isEndRead || isEnd
        }
        guard side == .opener, !bytes.isEmpty || isEnd else { return }
        update(tag) { record in
            record.firstAnswerAt = record.firstAnswerAt ?? findings.now
            record.lastAnswerAt = findings.now
        }
    }

    /// `side` reset the stream itself.
    package func abandoned(_ tag: ContentTag, _ side: Side) {
        close(tag, side, .abandoned)
    }

    /// The node told `side` that the other reads no more.
    package func stopped(_ tag: ContentTag, _ side: Side, code: ErrorCode) {
        guard let record = record(tag) else { return }
        if !isAgreedCode(code, record.plan.conduct, side) {
            findings.report(.endings, "nobody stopped with code \(code.rawValue): " + Self.describe(record))
        }
        updateFlow(tag, side.outgoing) { $0.isStopped = true }
    }

    /// The host of `side` lost its memory.
    package func crashed(_ tag: ContentTag, _ side: Side) {
        close(tag, side, .crashed)
    }

    /// The node said that the stream is over for `side`.
    package func ended(_ tag: ContentTag, _ side: Side, _ end: StreamEnd) {
        guard let record = record(tag) else { return }
        switch record.end(side) {
        case .open:
            if let complaint = complaint(about: end, record, side) {
                findings.report(.endings, "\(complaint), says the \(side): " + Self.describe(record))
            }
            close(tag, side, .ended(end))
        case .abandoned, .crashed:
            break
        case .unopened, .ended:
            findings.report(.endings, "stream \(tag) ended at its \(side) although it was not open: \(end)")
        }
    }

    private func close(_ tag: ContentTag, _ side: Side, _ state: EndState) {
        update(tag) { record in
            guard case .open = record.end(side) else { return }
            openEndCount -= 1
            switch side {
            case .opener:
                record.opener = state
                record.endedAt = findings.now
            case .acceptor:
                record.acceptor = state
                record.acceptorEndedAt = findings.now
            }
        }
    }

    private func update(_ tag: ContentTag, _ body: (inout Record) -> Void) {
        guard let index = indices[tag] else { return }
        body(&records[index])
    }

    private func updateFlow(_ tag: ContentTag, _ direction: Direction, _ body: (inout Flow) -> Void) {
        update(tag) { record in
            switch direction {
            case .up: body(&record.up)
            case .down: body(&record.down)
            }
        }
    }
}
