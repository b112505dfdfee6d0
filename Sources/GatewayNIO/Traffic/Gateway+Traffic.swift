import GatewayCore
package import NIOCore
import PosternModel

/// A connection through the gateway, as it is now.
package struct OpenConnection: Hashable, Sendable {
    package let number: UInt64
    package let label: TrafficLabel
    package let age: TimeAmount
    package let inFlight: Int
    package let bytesIn: UInt64
    package let bytesOut: UInt64
}

// What is carried, and for whom.
extension Gateway {
    /// The counts of every service and peer, in the order of their labels.
    package var traffic: [TrafficMeter] {
        book.meters.values.sorted { first, second in
            let (one, other) = (first.label, second.label)
            return (one.direction.rawValue, one.service, one.peer)
                < (other.direction.rawValue, other.service, other.peer)
        }
    }

    /// The connections that lead somewhere, the oldest first, at most `limit`.
    package func openConnections(limit: Int) -> [OpenConnection] {
        let now = NIODeadline.now()
        let known = proxies.values.filter { $0.meter != nil }.sorted { $0.number < $1.number }
        return known.prefix(limit).compactMap { proxy in
            proxy.meter.map { meter in
                OpenConnection(
                    number: proxy.number,
                    label: meter.traffic.label,
                    age: now - meter.since,
                    inFlight: meter.inFlight,
                    bytesIn: meter.bytesIn,
                    bytesOut: meter.bytesOut
                )
            }
        }
    }

    /// Cuts the connection with `number`; false: there is none.
    package func cutConnection(_ number: UInt64) -> Bool {
        guard let proxy = proxies.values.first(where: { $0.number == number }) else { return false }
        proxy.cut()
        return true
    }

    /// Gets an entry for each request that ends from now on; nil: nobody does.
    package func setAccessLog(_ log: ((AccessEntry) -> Void)?) {
        accessLog = log
        scratch.keepsRequestLines = log != nil
    }

    func makeMeter(_ direction: TrafficLabel.Direction, service: String, peer: String) -> ExchangeMeter {
        ExchangeMeter(book.meter(TrafficLabel(direction: direction, service: service, peer: peer)), at: .now())
    }

    /// How `peer` is called in counts.
    func trafficName(of peer: NodeKey) -> String { authority.peerName(peer) ?? peer.did }
}

// Measuring one connection.
extension ProxyHandler {
    /// What the connection reaches is known: from here on it is counted.
    func beginMeter(service: ReachedService, of peer: NodeKey?, isHTTP: Bool) {
        let name = peer.map(gateway.trafficName) ?? service.peer.description
        meter = gateway.makeMeter(.reached, service: service.target.description, peer: name)
        if !isHTTP { meter?.beginConversation(at: .now()) }
    }

    /// A peer's stream to our service is counted from the start.
    func beginMeter(exposing exposure: Exposure, to peer: NodeKey) {
        let name = exposure.service.service.name.description
        meter = gateway.makeMeter(.exposed, service: name, peer: gateway.trafficName(of: peer))
        if !exposure.service.kind.isHTTP { meter?.beginConversation(at: .now()) }
    }

    func measureRequests(_ byteCount: Int, at now: NIODeadline) {
        meter?.noteRequests(connection.counts, byteCount: byteCount, at: now)
    }

    func measureResponses(_ byteCount: Int) {
        guard meter != nil else { return }
        var ended: [ExchangeMeter.Ended] = []
        meter?.noteResponses(connection.counts, byteCount: byteCount, at: .now()) { collect($0, &ended) }
        tell(ended)
    }

    func measureError(_ error: GatewayError) {
        var ended: [ExchangeMeter.Ended] = []
        meter?.noteError(error, at: .now()) { collect($0, &ended) }
        tell(ended)
    }

    func measureEnd() {
        var ended: [ExchangeMeter.Ended] = []
        meter?.noteEnd(at: .now()) { collect($0, &ended) }
        tell(ended)
        meter = nil
    }

    private func collect(_ end: ExchangeMeter.Ended, _ ended: inout [ExchangeMeter.Ended]) {
        if gateway.accessLog != nil { ended.append(end) }
    }

    private func tell(_ ended: [ExchangeMeter.Ended]) {
        guard !ended.isEmpty, let log = gateway.accessLog, let label = meter?.traffic.label else { return }
        for end in ended {
            log(
                AccessEntry(
                    label: label,
                    request: connection.takeRequestLine(),
                    status: end.status,
                    error: end.error?.rawValue,
                    seconds: end.seconds,
                    firstByteSeconds: end.firstByte
                )
            )
        }
    }
}
