package import OverlayWire
package import PosternModel

/// What is to happen on one stream, at both ends.
package struct StreamPlan: Sendable {
    package var tag: ContentTag
    package var opener: HostID
    package var acceptor: HostID
    /// When the opener opens it, on the world's clock.
    package var opensAt: Instant
    package var service: Service
    /// Bytes of the request behind the header.
    package var byteCount: Int
    /// The most that an end writes in one call.
    package var writeSize = 16384
    /// Whether the opener finishes its half behind its last byte, or only when it has the whole answer.
    package var finishesEarly = true
    package var conduct: Conduct = .complete
    /// Whether the world opens another such stream when this one is lost to a fault: used to show convergence.
    package var isProbe = false

    /// How the accepting end answers; each service has its port.
    package enum Service: Hashable, Sendable {
        /// Sends back every byte of the request as it comes.
        case echo
        /// Reads the whole request, then answers with 16 bytes.
        case sink
        /// Answers with so many bytes once the header is there.
        case source(byteCount: Int)
        /// Nothing is written: each end finishes at once. Has no header, so each such stream has a port of its own.
        case empty(ordinal: UInt16)
    }

    /// Whether both ends carry the plan out, or what one of them does instead.
    package enum Conduct: Hashable, Sendable {
        case complete
        /// `by` resets the stream with `code` when it has read or written `after` bytes.
        case reset(by: Side, after: Int, code: ErrorCode)
        /// `by` reads no more after `after` bytes and says so with `code`.
        case stop(by: Side, after: Int, code: ErrorCode)
        /// `by` leaves what comes unread, from its first byte for `pause`.
        case stall(by: Side, pause: Interval)
    }

    package init(
        tag: ContentTag,
        from opener: HostID,
        to acceptor: HostID,
        at opensAt: Instant,
        _ service: Service,
        byteCount: Int
    ) {
        self.tag = tag
        self.opener = opener
        self.acceptor = acceptor
        self.opensAt = opensAt
        self.service = service
        self.byteCount = byteCount
    }

    /// The virtual port of the plan's service.
    package var port: VirtualPort {
        switch service {
        case .echo: Self.echoPort
        case .sink: Self.sinkPort
        case .source: Self.sourcePort
        case .empty(let ordinal): VirtualPort(Self.firstEmptyPort + ordinal)
        }
    }

    /// The ports of the services, the first port of empty streams, and the port of datagrams.
    package static let echoPort = VirtualPort(7)
    /// Where ``Service/sink`` is served.
    package static let sinkPort = VirtualPort(9)
    /// Where ``Service/source(byteCount:)`` is served.
    package static let sourcePort = VirtualPort(19)
    /// Where ``Service/empty(ordinal:)`` with ordinal 0 is served.
    package static let firstEmptyPort: UInt16 = 40_000
    /// Where datagrams go.
    package static let datagramPort = VirtualPort(5353)
    /// Bytes of a sink's answer.
    package static let sinkAnswerByteCount = 16

    /// The ports on which hosts accept streams.
    package static func isServed(_ port: VirtualPort) -> Bool {
        port == echoPort || port == sinkPort || port == sourcePort || port.rawValue >= firstEmptyPort
    }

    /// All bytes of one direction, the header included.
    package func total(_ direction: Direction) -> Int {
        switch (direction, service) {
        case (_, .empty): 0
        case (.up, .echo), (.up, .sink), (.up, .source): ContentTag.headerByteCount + byteCount
        case (.down, .echo): byteCount
        case (.down, .sink): Self.sinkAnswerByteCount
        case (.down, .source(let count)): count
        }
    }

    /// The host at `side`.
    package func host(_ side: Side) -> HostID {
        switch side {
        case .opener: opener
        case .acceptor: acceptor
        }
    }
}

/// One datagram that a host is to send.
package struct DatagramPlan: Sendable {
    package var tag: ContentTag
    package var sender: HostID
    package var receiver: HostID
    package var sendsAt: Instant
    /// Bytes behind the header.
    package var byteCount: Int

    package init(tag: ContentTag, from sender: HostID, to receiver: HostID, at sendsAt: Instant, byteCount: Int) {
        self.tag = tag
        self.sender = sender
        self.receiver = receiver
        self.sendsAt = sendsAt
        self.byteCount = byteCount
    }
}
