import NIOCore
import OverlayCore
import OverlayNIO

extension Bench {
    /// The first call to a peer.
    static let cold = Bench(
        name: "cold",
        summary: "300 B asked and answered with no session before: handshake and early data, over UDP on loopback"
    ) { budget in
        let pair = try LoopbackPair { AnsweringHandler(mode: .fresh) }
        let time = budget.perRound(parts: 1)
        var medians: [Double] = []
        var worst: [Double] = []
        for round in 0...budget.rounds {
            let latencies = try coldCalls(pair, for: time).sorted()
            guard round > 0 else { continue }
            medians.append(latencies[latencies.count / 2])
            worst.append(latencies[latencies.count - 1])
        }
        try pair.stop()
        return [
            Measurement(what: "first answer, median of a round", unit: "µs", samples: medians),
            Measurement(what: "first answer, worst of a round", unit: "µs", samples: worst),
        ]
    }

    /// Microseconds of each of the calls that fit into `seconds`; at least one.
    private static func coldCalls(_ pair: LoopbackPair, for seconds: Double) throws -> [Double] {
        let end = monotonicSeconds() + seconds
        var latencies: [Double] = []
        repeat {
            try pair.forgetSession()
            let client = pair.client
            let key = pair.serverKey
            let start = monotonicSeconds()
            try client.eventLoop.flatSubmit { () -> EventLoopFuture<Void> in
                let handler = OneCallHandler(client.eventLoop)
                do {
                    let stream = try client.value.openStream(to: key, port: LoopbackPair.port, handler: handler)
                    stream.write(ByteBuffer(repeating: 0x51, count: Callers.size))
                    stream.finish()
                } catch {
                    handler.answered.fail(error)
                }
                return handler.answered.futureResult
            }.wait()
            latencies.append((monotonicSeconds() - start) * 1e6)
        } while monotonicSeconds() < end
        return latencies
    }
}

/// Hears the answer to one call.
private final class OneCallHandler: OverlayStreamHandler {
    let answered: EventLoopPromise<Void>

    init(_ eventLoop: any EventLoop) {
        answered = eventLoop.makePromise()
    }

    func streamReadable(_ stream: OverlayStream) {
        while stream.read() != nil {}
        if stream.isAtEnd { answered.succeed() }
    }

    func streamWritable(_ stream: OverlayStream) {}

    func streamEnded(_ stream: OverlayStream, _ end: StreamEnd) {
        // After an answer this changes nothing.
        answered.fail(BenchError("the call ended with \(end)"))
    }
}
