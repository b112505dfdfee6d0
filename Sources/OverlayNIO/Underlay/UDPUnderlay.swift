import Logging
import NIOCore
import OverlayCore
import OverlayWire

/// UDP sockets, one for each address to listen on.
///
/// Our end of a path is the address that its socket is bound to. For a socket on all addresses the kernel chooses the
/// source of each packet: to know it (`IP_PKTINFO`) would cost an allocation for each read.
final class UDPUnderlay: Underlay {
    private let eventLoop: any EventLoop
    private let bufferSize: CInt
    private let readsPerTurn: UInt
    private let log: Logger

    private(set) var sockets: [DatagramSocket] = []
    /// Those that were opened for a peer to guess their ports, by where they are bound.
    private var spares: [Endpoint: DatagramSocket] = [:]
    /// The most of them.
    private static let maximumSpares = 512
    /// The addresses of the host when they were last looked at.
    private var interfaces: [Endpoint] = []
    private var client: (any UnderlayClient)?
    /// When a socket was last opened anew.
    private var reopenedAt = NIODeadline.uptimeNanoseconds(0)
    /// The shortest time between two attempts to open one.
    private static let reopenPause = TimeAmount.seconds(1)

    /// Binds to `addresses`; throws when one of them cannot be bound.
    init(
        binding addresses: [SocketAddress],
        bufferSize: CInt,
        readsPerTurn: UInt,
        on eventLoop: any EventLoop,
        logger: Logger
    ) throws {
        self.eventLoop = eventLoop
        self.bufferSize = bufferSize
        self.readsPerTurn = readsPerTurn
        log = logger
        for address in addresses {
            sockets.append(try DatagramSocket(binding: address, bufferSize: bufferSize))
        }
        _ = refresh()
    }

    var localAddresses: [Endpoint] { sockets.map(\.localEndpoint) }

    var reachable: [(endpoint: Endpoint, base: Endpoint)] {
        sockets.flatMap { socket in
            LocalAddresses.endpoints(of: socket.localEndpoint, interfaces: interfaces)
                .map { ($0, socket.localEndpoint) }
        }
    }

    var maximumSegments: Int { sockets.contains(where: \.offloadsSegmentation) ? DatagramSocket.maxSegments : 1 }

    func start(for client: any UnderlayClient) -> EventLoopFuture<Void> {
        self.client = client
        return EventLoopFuture.andAllSucceed(sockets.map { read($0, for: client) }, on: eventLoop)
    }

    func stop() -> EventLoopFuture<Void> {
        client = nil
        let all = sockets + spares.values
        let closed = all.compactMap { $0.channel?.closeFuture }
        for socket in all { socket.close() }
        sockets.removeAll()
        spares.removeAll()
        return EventLoopFuture.andAllComplete(closed, on: eventLoop)
    }

    func refresh() -> Bool {
        let former = interfaces
        interfaces = LocalAddresses.interfaces()
        return interfaces != former
    }

    func send(_ bytes: UnsafeRawBufferPointer, _ transmit: Transmit) -> SendOutcome {
        let socket = sockets.first { $0.localEndpoint == transmit.source } ?? spares[transmit.source]
        guard let socket else { return .unbound }
        return socket.send(bytes, transmit)
    }

    private func read(_ socket: DatagramSocket, for client: any UnderlayClient) -> EventLoopFuture<Void> {
        let receiver = DatagramReceiver(socket: socket, underlay: self, client: client, readsPerTurn: readsPerTurn)
        return socket.startReading(into: receiver, on: eventLoop)
    }

    // MARK: Spare sockets

    /// Opens `count` further sockets like the one at `base`, each on any port, and begins to read from them. The result
    /// is where they are bound; empty when the system does not give all of them.
    func openSpares(like base: Endpoint, count: Int) -> EventLoopFuture<[Endpoint]> {
        guard let client, spares.count + count <= Self.maximumSpares, let address = base.onAnyPort.socketAddress else {
            return eventLoop.makeSucceededFuture([])
        }
        var opened: [DatagramSocket] = []
        for _ in 0..<count {
            guard let socket = try? DatagramSocket(binding: address, bufferSize: bufferSize) else {
                // What is left of descriptors is for clients and agents.
                for socket in opened { socket.close() }
                return eventLoop.makeSucceededFuture([])
            }
            opened.append(socket)
        }
        for socket in opened { spares[socket.localEndpoint] = socket }
        let endpoints = opened.map(\.localEndpoint)
        return EventLoopFuture.andAllSucceed(opened.map { read($0, for: client) }, on: eventLoop).map { endpoints }
    }

    /// Closes some of them.
    func closeSpares(at endpoints: [Endpoint]) {
        for endpoint in endpoints { spares.removeValue(forKey: endpoint)?.close() }
    }

    // MARK: Sockets that close

    /// NIO closed the channel of `socket`: another socket takes its place, on the same port if that can be had.
    func closed(_ socket: DatagramSocket) {
        if spares[socket.localEndpoint] === socket { return closeSpares(at: [socket.localEndpoint]) }
        guard client != nil, let index = sockets.firstIndex(where: { $0 === socket }) else { return }
        socket.close()
        log.notice("an underlay socket closed; opening it anew", metadata: ["endpoint": "\(socket.localEndpoint)"])
        reopen(index)
    }

    private func reopen(_ index: Int) {
        let earliest = reopenedAt + Self.reopenPause
        guard earliest <= .now() else {
            eventLoop.assumeIsolated().scheduleTask(deadline: earliest) { self.reopen(index) }
            return
        }
        guard let client else { return }
        reopenedAt = .now()
        guard let socket = replacement(for: sockets[index]) else { return reopen(index) }
        sockets[index] = socket
        read(socket, for: client).assumeIsolated().whenComplete { result in
            switch result {
            case .success:
                guard self.client != nil else { return socket.close() }
                _ = self.refresh()
                client.underlayReopened()
            case .failure(let error):
                self.log.error("an underlay socket cannot be read", metadata: ["error": "\(error)"])
                self.closed(socket)
            }
        }
    }

    private func replacement(for old: DatagramSocket) -> DatagramSocket? {
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
}

extension Endpoint {
    /// The same address with any port.
    fileprivate var onAnyPort: Endpoint {
        switch self {
        case .ipv4(let address, _): .ipv4(address: address, port: 0)
        case .ipv6(let high, let low, _): .ipv6(high: high, low: low, port: 0)
        case .connection, .relay: self
        }
    }
}
