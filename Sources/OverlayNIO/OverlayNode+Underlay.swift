import Logging
import NIOCore
import OverlayCore
package import OverlayWire
import PosternModel

/// Counters of the sockets, for status and metrics.
package struct UnderlayFailures: Hashable, Sendable {
    /// Packets or batches that the kernel refused to send.
    package var sends: UInt64 = 0
    /// Times that the kernel's send buffer was full.
    package var blockedSends: UInt64 = 0
    /// Errors that reading reported.
    package var reads: UInt64 = 0
    /// Sockets that closed and were opened anew.
    package var reopened: UInt64 = 0
    /// The `errno` of the last refused packet.
    package var lastSendError: CInt = 0
}

/// How often a socket that closes is opened anew.
struct Reopening {
    /// When the last attempt was made.
    var lastAttempt: NIODeadline = .uptimeNanoseconds(0)
    /// The shortest time between two attempts.
    static let pause = TimeAmount.seconds(1)
}

extension OverlayNode {
    /// What went wrong below the overlay since the start.
    package var underlayFailures: UnderlayFailures { failures }

    /// The UDP endpoints that the node is bound to.
    package var boundEndpoints: [Endpoint] { sockets.map(\.localEndpoint) }

    /// One read of a socket: a datagram, or a batch of equally long ones that the kernel joined.
    func received(_ envelope: AddressedEnvelope<ByteBuffer>) {
        guard case .running = phase, envelope.data.readableBytes > 0 else { return }
        guard let source = Endpoint(envelope.remoteAddress) else { return }
        core.receiveBatch(
            envelope.data.readableBytesSpan,
            segmentSize: envelope.metadata?.segmentSize ?? envelope.data.readableBytes,
            from: source,
            ecn: ECNCodepoint(envelope.metadata?.ecnState ?? .transportNotCapable),
            at: turn.beginBatch()
        )
    }

    /// The socket was read as far as it may be in this turn: streams hear what came. What they write leaves at the end
    /// of the loop's turn if another connection asked for that already, and else now, which spares a way through the
    /// loop: most packets lead to writes on other connections than ours.
    func receivedAll() {
        guard turn.isWanted else { return endTurn() }
        dispatchEvents()
        turn.endBatch()
    }

    /// A read failed without closing the socket.
    func underlayFailed(_ error: any Error) {
        failures.reads += 1
        log.debug("reading from the underlay failed", metadata: ["error": "\(error)"])
    }

    /// NIO closed the channel of `socket`: another socket takes its place, on the same port if that can be had.
    func socketClosed(_ socket: DatagramSocket) {
        guard case .running = phase else { return }
        guard let index = sockets.firstIndex(where: { $0 === socket }) else { return }
        socket.close()
        log.notice("an underlay socket closed; opening it anew", metadata: ["endpoint": "\(socket.localEndpoint)"])
        reopen(index)
    }

    private func reopen(_ index: Int) {
        let earliest = reopening.lastAttempt + Reopening.pause
        guard earliest <= .now() else {
            eventLoop.assumeIsolated().scheduleTask(deadline: earliest) { self.reopen(index) }
            return
        }
        guard case .running = phase else { return }
        reopening.lastAttempt = .now()
        guard let socket = replacement(for: sockets[index]) else {
            reopen(index)
            return
        }
        sockets[index] = socket
        failures.reopened += 1
        socket.startReading(into: self, on: eventLoop, settings: settings).assumeIsolated().whenComplete { result in
            switch (result, self.phase) {
            case (.success, .running):
                self.networkChanged()
            case (.success, .idle), (.success, .stopped):
                socket.close()
            case (.failure(let error), _):
                self.log.error("an underlay socket cannot be read", metadata: ["error": "\(error)"])
                self.socketClosed(socket)
            }
        }
    }

    private func replacement(for old: DatagramSocket) -> DatagramSocket? {
        let bufferSize = CInt(clamping: settings.socketBuffer)
        let addresses = [old.localEndpoint, old.localEndpoint.onAnyPort].compactMap(\.socketAddress)
        for address in addresses {
            do {
                return try DatagramSocket(binding: address, bufferSize: bufferSize)
            } catch {
                log.error("an underlay address cannot be bound", metadata: ["error": "\(error)"])
            }
        }
        return nil
    }

    /// Looks at the host's addresses now and then, and tells the core when they changed or the clock was set.
    func watchHost() {
        eventLoop.assumeIsolated().scheduleTask(in: settings.addressCheck) { [weak self] in
            guard let self, case .running = self.phase else { return }
            self.core.updateWallClock(wallClockNanoseconds(), at: self.now)
            if LocalAddresses.interfaces() != self.localInterfaces { self.networkChanged() }
            self.watchHost()
        }
    }

    /// The way to the network is another one: paths are tried again.
    private func networkChanged() {
        noteInterfaces()
        core.networkChanged(at: now)
        needsTurn()
    }

    /// Tells the core where this host can be reached.
    func noteInterfaces() {
        localInterfaces = LocalAddresses.interfaces()
        core.setLocalCandidates(
            sockets.flatMap { LocalAddresses.endpoints(of: $0.localEndpoint, interfaces: localInterfaces) }
        )
    }
}

extension Node {
    /// Takes the packets of one batch, each `segmentSize` bytes long but the last.
    mutating func receiveBatch(
        _ bytes: RawSpan,
        segmentSize: Int,
        from source: Endpoint,
        ecn: ECNCodepoint,
        at now: Instant
    ) {
        guard segmentSize > 0, segmentSize < bytes.byteCount else {
            receive(bytes, from: source, ecn: ecn, at: now)
            return
        }
        var offset = 0
        while offset < bytes.byteCount {
            let end = min(offset + segmentSize, bytes.byteCount)
            receive(bytes.extracting(offset..<end), from: source, ecn: ecn, at: now)
            offset = end
        }
    }
}

extension Endpoint {
    /// The same address with any port.
    var onAnyPort: Endpoint {
        switch self {
        case .ipv4(let address, _): .ipv4(address: address, port: 0)
        case .ipv6(let high, let low, _): .ipv6(high: high, low: low, port: 0)
        case .relay: self
        }
    }
}

extension ECNCodepoint {
    init(_ state: NIOExplicitCongestionNotificationState) {
        switch state {
        case .transportNotCapable: self = .notECT
        case .transportCapableFlag0: self = .ect0
        case .transportCapableFlag1: self = .ect1
        case .congestionExperienced: self = .ce
        }
    }
}
