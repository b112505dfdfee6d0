import GatewayCore
import NIOCore

/// Measures the requests of one connection.
struct ExchangeMeter {
    let traffic: TrafficMeter
    private(set) var bytesIn: UInt64 = 0
    private(set) var bytesOut: UInt64 = 0
    let since: NIODeadline
    private var seen = ExchangeCounts()
    /// When the requests came that are not answered, the oldest first.
    private var first: NIODeadline?
    private var others: [NIODeadline] = []
    /// When the oldest got the begin of its response, as far as it did.
    private var firstByte: NIODeadline?

    /// What ended, for the access log.
    struct Ended {
        var status: Int
        var seconds: Double?
        var firstByte: Double?
        var error: GatewayError.Code?
    }

    init(_ traffic: TrafficMeter, at now: NIODeadline) {
        self.traffic = traffic
        since = now
    }

    /// Requests that are not answered.
    var inFlight: Int { first == nil ? 0 : 1 + others.count }

    /// The whole connection is one request: nobody here knows what is spoken on it.
    mutating func beginConversation(at now: NIODeadline) { begin(at: now) }

    /// So many bytes came from the client; the connection says how many requests came by now.
    mutating func noteRequests(_ counts: ExchangeCounts, byteCount: Int, at now: NIODeadline) {
        bytesIn += UInt64(byteCount)
        traffic.bytesIn += UInt64(byteCount)
        while seen.requests < counts.requests {
            seen.requests += 1
            begin(at: now)
        }
    }

    /// So many bytes came from the service. `each` gets every request that ended with them.
    mutating func noteResponses(
        _ counts: ExchangeCounts,
        byteCount: Int,
        at now: NIODeadline,
        each: (Ended) -> Void
    ) {
        bytesOut += UInt64(byteCount)
        traffic.bytesOut += UInt64(byteCount)
        while seen.responses < counts.responses || seen.answers < counts.answers {
            if seen.responses < counts.responses, seen.responses == seen.answers {
                seen.responses += 1
                firstByte = now
                if let first { traffic.noteFirstByte(after: Self.seconds(from: first, to: now)) }
            } else if seen.answers < counts.answers {
                seen.answers += 1
                if let ended = end(status: counts.status, isWhole: true, error: nil, at: now) { each(ended) }
            } else {
                return
            }
        }
    }

    /// The client gets an error of ours in the place of every answer that is left.
    mutating func noteError(_ error: GatewayError, at now: NIODeadline, each: (Ended) -> Void) {
        traffic.noteError(error.code)
        if first == nil {
            traffic.noteEnd(status: error.status, seconds: nil, isError: true, at: now)
            each(Ended(status: error.status, error: error.code))
        }
        while let ended = end(status: error.status, isWhole: false, error: error.code, at: now) { each(ended) }
    }

    /// The connection is gone.
    mutating func noteEnd(at now: NIODeadline, each: (Ended) -> Void) {
        while let ended = end(status: 0, isWhole: false, error: nil, at: now) { each(ended) }
    }

    private mutating func begin(at now: NIODeadline) {
        traffic.inFlight += 1
        if first == nil { first = now } else { others.append(now) }
    }

    private mutating func end(
        status: Int,
        isWhole: Bool,
        error: GatewayError.Code?,
        at now: NIODeadline
    ) -> Ended? {
        guard let begun = first else { return nil }
        let response = firstByte.map { Self.seconds(from: begun, to: $0) }
        first = others.isEmpty ? nil : others.removeFirst()
        firstByte = nil
        traffic.inFlight -= 1
        let seconds = Self.seconds(from: begun, to: now)
        traffic.noteEnd(status: status, seconds: isWhole ? seconds : nil, isError: error != nil, at: now)
        return Ended(status: status, seconds: seconds, firstByte: response, error: error)
    }

    private static func seconds(from start: NIODeadline, to end: NIODeadline) -> Double {
        Double((end - start).nanoseconds) / 1_000_000_000
    }
}
