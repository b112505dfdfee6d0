import Logging
import NIOCore
import NIOPosix
import OverlayCore
import OverlayWire
import PosternModel

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Drives a ``PortMapper`` with the gateway of the host's default route, for one UDP port of the host. A gateway that
/// answers nothing costs a few packets each ten minutes.
final class GatewayMapping {
    private let eventLoop: any EventLoop
    private let port: UInt16
    private let log: Logger
    private let changed: () -> Void
    private var channel: (any Channel)?
    private var mapper: PortMapper?
    private var timer: Scheduled<Void>?
    /// Which start the answers belong to.
    private var generation = 0
    private var isStopped = false
    /// The search under way; it ends by itself.
    private var search: EventLoopFuture<Void>?
    /// The same gateway by UPnP. The channel tells no addresses once a refused packet has closed it.
    private var device: UPnPGateway?
    /// What UPnP has to give back.
    private var upnp: UPnPGateway.Mapping?

    /// What stands.
    private(set) var mapping: PortMapper.Mapping?

    /// For `port`; `changed` is called when ``mapping`` does.
    init(port: UInt16, on eventLoop: any EventLoop, logger: Logger, changed: @escaping () -> Void) {
        self.port = port
        self.eventLoop = eventLoop
        self.changed = changed
        log = logger
    }

    /// Asks the gateway that there is now; whatever was asked of another one before is forgotten.
    func start() {
        close()
        guard !isStopped, let gateway = Self.gateway else { return note(nil) }
        generation += 1
        let generation = generation
        let owner = NIOLoopBound(self, eventLoop: eventLoop)
        let bootstrap = DatagramBootstrap(group: eventLoop).channelInitializer { channel in
            channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHandler(Receiver(owner.value))
            }
        }
        bootstrap.connect(to: gateway).assumeIsolated().whenComplete { result in
            switch result {
            case .success(let channel):
                guard !self.isStopped, generation == self.generation else { return channel.close(promise: nil) }
                self.begin(channel)
            case .failure(let error):
                self.log.debug("no port can be mapped: the gateway is not reached", metadata: ["error": "\(error)"])
            }
        }
    }

    /// Gives the mapping back and asks for nothing more; done once the gateway was told.
    func stop() -> EventLoopFuture<Void> {
        isStopped = true
        if let packet = mapper?.release() { send(packet) }
        close()
        let ended = search ?? eventLoop.makeSucceededVoidFuture()
        return ended.assumeIsolated().flatMap { self.releaseUPnP() }.nonisolated()
    }

    private func releaseUPnP() -> EventLoopFuture<Void> {
        guard let upnp = upnp.take() else { return eventLoop.makeSucceededVoidFuture() }
        return UPnPGateway.release(upnp, on: eventLoop)
    }

    private func begin(_ channel: any Channel) {
        guard case .ipv4(let client, _)? = channel.localAddress.flatMap({ Endpoint($0) }) else {
            return channel.close(promise: nil)
        }
        self.channel = channel
        if let gateway = channel.remoteAddress?.ipAddress, let address = channel.localAddress?.ipAddress {
            device = UPnPGateway(address: gateway, client: address)
        }
        let nonce = Array(SystemEntropy.bytes().prefix(12))
        mapper = PortMapper(port: port, client: client, nonce: nonce, at: Instant(.now()))
        proceed()
    }

    private func close() {
        timer?.cancel()
        timer = nil
        mapper = nil
        device = nil
        channel?.close(promise: nil)
        channel = nil
    }

    fileprivate func received(_ packet: ByteBuffer) {
        mapper?.receive(packet.readableBytesSpan, at: Instant(.now()))
        proceed()
    }

    private func proceed() {
        mapper?.advance(to: Instant(.now()))
        while let packet = mapper?.pollRequest() { send(packet) }
        if let wanted = mapper?.pollSearch() { begin(wanted) }
        note(mapper?.mapping)
        timer?.cancel()
        timer = mapper.map { mapper in
            eventLoop.assumeIsolated().scheduleTask(deadline: mapper.nextDeadline.deadline) { self.proceed() }
        }
    }

    /// Asks by UPnP, one search at a time: the one of a start before has its end first.
    private func begin(_ wanted: PortMapper.Search) {
        guard let device else { return }
        let generation = generation
        let former = search ?? eventLoop.makeSucceededVoidFuture()
        let port = port
        search = former.assumeIsolated().flatMap { device.map(port, wanted, on: self.eventLoop) }.map { mapped in
            self.search = nil
            self.upnp = mapped ?? self.upnp
            guard generation == self.generation else { return }
            self.mapper?.found(mapped.map { ($0.endpoint, $0.seconds) }, at: Instant(.now()))
            self.proceed()
        }.nonisolated()
    }

    private func send(_ packet: [UInt8]) {
        guard let channel, let gateway = channel.remoteAddress else { return }
        let envelope = AddressedEnvelope(remoteAddress: gateway, data: ByteBuffer(bytes: packet))
        channel.writeAndFlush(envelope, promise: nil)
    }

    private func note(_ next: PortMapper.Mapping?) {
        guard next != mapping else { return }
        mapping = next
        if let next {
            log.info(
                "the gateway leads a port here",
                metadata: ["address": "\(next.endpoint)", "protocol": "\(next.method.rawValue)"]
            )
        }
        changed()
    }

    // MARK: The gateway

    /// Where the host's default IPv4 route leads (Linux: `/proc/net/route`); nil without one.
    private static var gateway: SocketAddress? {
        guard let file = fopen("/proc/net/route", "r") else { return nil }
        defer { fclose(file) }
        var text: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4096)
        while text.count < 1 << 18 {
            let count = fread(&chunk, 1, chunk.count, file)
            guard count > 0 else { break }
            text += chunk[..<count]
        }
        return gateway(inRoutes: String(decoding: text, as: UTF8.self))?.socketAddress
    }

    /// The gateway in a table of routes as Linux writes it: a line for each, with destination, gateway and flags in
    /// hex, addresses as the host's words.
    static func gateway(inRoutes text: String) -> Endpoint? {
        let isUp: UInt32 = 1
        let hasGateway: UInt32 = 2
        for line in text.split(separator: "\n").dropFirst() {
            let fields = line.split { $0 == "\t" || $0 == " " }
            guard fields.count >= 8, let destination = UInt32(fields[1], radix: 16),
                let gateway = UInt32(fields[2], radix: 16), let flags = UInt32(fields[3], radix: 16),
                let mask = UInt32(fields[7], radix: 16)
            else { continue }
            guard destination == 0, mask == 0, flags & isUp != 0, flags & hasGateway != 0 else { continue }
            return .ipv4(address: UInt32(bigEndian: gateway), port: PortMapper.serverPort)
        }
        return nil
    }

    /// Passes on what the gateway answers: the socket is connected, so that nothing else comes.
    private final class Receiver: ChannelInboundHandler {
        typealias InboundIn = AddressedEnvelope<ByteBuffer>

        private let mapping: GatewayMapping

        init(_ mapping: GatewayMapping) {
            self.mapping = mapping
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            mapping.received(Self.unwrapInboundIn(data).data)
        }

        // A gateway that refuses the port says so each time.
        func errorCaught(context: ChannelHandlerContext, error: any Error) {}
    }
}
