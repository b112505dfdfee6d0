import NIOCore
import OverlayCore
import OverlayNIO
import PosternModel

extension Bench {
    /// Small calls.
    static let rpc = Bench(
        name: "rpc",
        summary: "300 B asked, 300 B answered, two nodes over UDP on loopback, a thread each; CPU is that of both"
    ) { budget in
        let modes = [(CallMode.kept, "on a kept stream"), (CallMode.fresh, "on a stream of its own")]
        let counts = [1, 16, 64]
        let time = budget.perRound(parts: modes.count * counts.count)
        var measurements: [Measurement] = []
        for (mode, modeName) in modes {
            for count in counts {
                let results = try rounds(budget, CallLoad(mode: mode, inFlight: count), time)
                let what = "\(count) in flight, each \(modeName): "
                measurements += [
                    Measurement(what: what + "calls", unit: "/s", samples: results.map(\.callsPerSecond)),
                    Measurement(what: what + "CPU", unit: "µs", samples: results.map(\.processorMicroseconds)),
                    Measurement(what: what + "p50", unit: "µs", samples: results.map { $0.latency(0.5) }),
                    Measurement(what: what + "p99", unit: "µs", samples: results.map { $0.latency(0.99) }),
                ]
            }
        }
        return measurements
    }

    private static func rounds(_ budget: Budget, _ load: CallLoad, _ time: Double) throws -> [CallLoad.Result] {
        _ = try load.run(for: min(time, 0.2))
        let results = try (0..<budget.rounds).map { _ in try load.run(for: time) }
        try load.stop()
        return results
    }
}

/// How calls use streams.
enum CallMode: Sendable {
    /// One stream carries call after call, as a kept HTTP connection does.
    case kept
    /// Each call opens a stream and ends it.
    case fresh
}

/// Calls that are always under way, a fixed number at a time.
final class CallLoad {
    private let pair: LoopbackPair
    private let callers: NIOLoopBound<Callers>

    /// What happened in a while.
    struct Result {
        var seconds: Double
        var processorSeconds: Double
        var allocations: UInt64
        /// Latencies in microseconds, sorted.
        var latencies: [Double]

        var callsPerSecond: Double { Double(latencies.count) / seconds }
        var processorMicroseconds: Double { processorSeconds * 1e6 / Double(max(latencies.count, 1)) }

        func latency(_ share: Double) -> Double {
            latencies.isEmpty ? .nan : latencies[min(latencies.count - 1, Int(Double(latencies.count) * share))]
        }
    }

    init(mode: CallMode, inFlight: Int, route: LoopbackPair.Route = .direct) throws {
        pair = try LoopbackPair(route) { AnsweringHandler(mode: mode) }
        let node = pair.client
        let key = pair.serverKey
        callers = try node.eventLoop.submit {
            let callers = Callers(node: node.value, key: key, mode: mode)
            try callers.start(inFlight)
            return NIOLoopBound(callers, eventLoop: node.eventLoop)
        }.wait()
    }

    /// Looks on for `seconds`.
    func run(for seconds: Double) throws -> Result {
        let callers = callers
        try callers.eventLoop.submit { callers.value.latencies.removeAll(keepingCapacity: true) }.wait()
        let start = (monotonicSeconds(), processorSeconds())
        let allocations = allocationCount()
        sleepSeconds(seconds)
        let allocated = allocationCount() - allocations
        let end = (monotonicSeconds(), processorSeconds())
        let latencies = try callers.eventLoop.submit { callers.value.latencies }.wait()
        guard !latencies.isEmpty else { throw BenchError("no call was answered") }
        return Result(
            seconds: end.0 - start.0,
            processorSeconds: end.1 - start.1,
            allocations: allocated,
            latencies: latencies.sorted()
        )
    }

    func stop() throws {
        let callers = callers
        try callers.eventLoop.submit { callers.value.isStopping = true }.wait()
        try pair.stop()
    }
}

/// The calling side, on the client's loop.
final class Callers {
    static let size = 300
    var latencies: [Double] = []
    var isStopping = false
    let mode: CallMode
    let request = ByteBuffer(repeating: 0x51, count: Callers.size)
    private let node: OverlayNode
    private let key: NodeKey

    init(node: OverlayNode, key: NodeKey, mode: CallMode) {
        self.node = node
        self.key = key
        self.mode = mode
        latencies.reserveCapacity(1 << 20)
    }

    /// Starts `count` calls; each is followed by the next.
    func start(_ count: Int) throws {
        for _ in 0..<count { try call(CallingHandler(self)) }
    }

    func call(_ handler: CallingHandler) throws {
        guard !isStopping else { return }
        handler.begin(try node.openStream(to: key, port: LoopbackPair.port, handler: handler))
    }
}

/// One caller: asks, waits for the whole answer, asks again.
final class CallingHandler: OverlayStreamHandler {
    private let callers: Callers
    private var startedAt = NIODeadline.now()
    private var missing = 0

    init(_ callers: Callers) {
        self.callers = callers
    }

    func begin(_ stream: OverlayStream) {
        startedAt = .now()
        missing = Callers.size
        stream.write(callers.request)
        if callers.mode == .fresh { stream.finish() }
    }

    func streamReadable(_ stream: OverlayStream) {
        while let bytes = stream.read() { missing -= bytes.readableBytes }
        guard missing == 0 else { return }
        missing = -1
        callers.latencies.append(Double((NIODeadline.now() - startedAt).nanoseconds) / 1000)
        switch callers.mode {
        case .kept:
            if !callers.isStopping { begin(stream) }
        case .fresh:
            try? callers.call(CallingHandler(callers))
        }
    }

    func streamWritable(_ stream: OverlayStream) {}
    func streamEnded(_ stream: OverlayStream, _ end: StreamEnd) {}
}

/// The answering side: each whole request is answered.
final class AnsweringHandler: OverlayStreamHandler {
    private let mode: CallMode
    private var missing = Callers.size
    private static let answer = ByteBuffer(repeating: 0x41, count: Callers.size)

    init(mode: CallMode) {
        self.mode = mode
    }

    func streamReadable(_ stream: OverlayStream) {
        while let bytes = stream.read() { missing -= bytes.readableBytes }
        while missing <= 0 {
            missing += Callers.size
            stream.write(Self.answer)
            if mode == .fresh {
                stream.finish()
                return
            }
        }
    }

    func streamWritable(_ stream: OverlayStream) {}
    func streamEnded(_ stream: OverlayStream, _ end: StreamEnd) {}
}
