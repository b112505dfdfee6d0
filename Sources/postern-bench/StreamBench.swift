import NIOCore
import OverlayCore
import OverlayNIO
import Synchronization

extension Bench {
    /// One bulk stream over UDP.
    static let stream = Bench(
        name: "stream",
        summary: "one bulk stream between two nodes over UDP on loopback, a thread each; CPU is that of both"
    ) { budget in
        let transfer = try BulkTransfer()
        let time = budget.perRound(parts: 1)
        var rates: [Double] = []
        var costs: [Double] = []
        var sizes: [Double] = []
        _ = try transfer.run(for: min(time, 1))
        for _ in 0..<budget.rounds {
            let result = try transfer.run(for: time)
            rates.append(result.gigabits)
            costs.append(result.processorSecondsPerGiB)
            sizes.append(Double(result.bytes) / Double(max(result.packets, 1)))
        }
        try transfer.stop()
        return [
            Measurement(what: "rate", unit: "Gbit/s", samples: rates),
            Measurement(what: "CPU of both nodes", unit: "s/GiB", samples: costs),
            Measurement(what: "stream bytes per packet sent", unit: "B", samples: sizes),
        ]
    }
}

/// A stream that one node writes to as fast as it may and another reads.
final class BulkTransfer {
    private let pair: LoopbackPair
    private let received = ByteCount()

    /// What came through in a while.
    struct Result {
        var seconds: Double
        var processorSeconds: Double
        var bytes: Int
        var packets: UInt64
        var allocations: UInt64

        /// Gbit/s.
        var gigabits: Double { Double(bytes) * 8 / seconds / 1e9 }
        var processorSecondsPerGiB: Double { processorSeconds / Double(bytes) * Double(1 << 30) }
    }

    /// Connects two nodes and starts to send.
    init(
        _ route: LoopbackPair.Route = .direct,
        maxPacketSize: Int = NodeSettings.defaults.maxPacketSize
    ) throws {
        let received = received
        pair = try LoopbackPair(route, maxPacketSize: maxPacketSize) { SinkHandler(received) }
        let client = pair.client
        let key = pair.serverKey
        try client.eventLoop.submit {
            let source = SourceHandler()
            source.fill(try client.value.openStream(to: key, port: LoopbackPair.port, handler: source))
        }.wait()
    }

    /// Looks on for `seconds`.
    func run(for seconds: Double) throws -> Result {
        let start = (monotonicSeconds(), processorSeconds(), received.value, try pair.packetsSent())
        let allocations = allocationCount()
        sleepSeconds(seconds)
        let allocated = allocationCount() - allocations
        let end = (monotonicSeconds(), processorSeconds(), received.value, try pair.packetsSent())
        guard end.2 > start.2 else { throw BenchError("the stream stands still") }
        return Result(
            seconds: end.0 - start.0,
            processorSeconds: end.1 - start.1,
            bytes: end.2 - start.2,
            packets: end.3 - start.3,
            allocations: allocated
        )
    }

    /// Packets that went through a relay.
    func packetsRelayed() throws -> UInt64 {
        try pair.packetsRelayed()
    }

    /// Packets that both nodes sent.
    func packetsBothWays() throws -> UInt64 {
        try pair.packetsBothWays()
    }

    /// Seconds of CPU of the relay alone.
    func relaySeconds() throws -> Double {
        try pair.relaySeconds()
    }

    func stop() throws {
        try pair.stop()
    }
}

/// Writes as long as the stream takes it.
private final class SourceHandler: OverlayStreamHandler {
    private let chunk = ByteBuffer(repeating: 0x42, count: 65_536)

    func fill(_ stream: OverlayStream) {
        while stream.isWritable { stream.write(chunk) }
    }

    func streamReadable(_ stream: OverlayStream) {}
    func streamWritable(_ stream: OverlayStream) { fill(stream) }
    func streamEnded(_ stream: OverlayStream, _ end: StreamEnd) {}
}

/// Reads and counts.
private final class SinkHandler: OverlayStreamHandler {
    private let received: ByteCount

    init(_ received: ByteCount) {
        self.received = received
    }

    func streamReadable(_ stream: OverlayStream) {
        var count = 0
        while let bytes = stream.read() { count += bytes.readableBytes }
        received.add(count)
    }

    func streamWritable(_ stream: OverlayStream) {}
    func streamEnded(_ stream: OverlayStream, _ end: StreamEnd) {}
}

/// Bytes counted on one thread and read on another.
private final class ByteCount: Sendable {
    private let count = Atomic<Int>(0)

    var value: Int { count.load(ordering: .relaxed) }

    func add(_ more: Int) {
        count.add(more, ordering: .relaxed)
    }
}
