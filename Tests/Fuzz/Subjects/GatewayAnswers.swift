import OverlayCore
import OverlayWire
import PosternModel

/// What a gateway answers to requests for a port: each packet with its length before it.
enum GatewayAnswers {
    @Sendable static func receive(_ bytes: [UInt8]) {
        var choices = Choices(bytes)
        var now = Instant(nanoseconds: 1_000_000_000)
        var mapper = PortMapper(port: 41_641, client: 0xc0a8_0164, nonce: [UInt8](1...12), at: now)
        while !choices.isEmpty {
            now = max(now, mapper.nextDeadline)
            mapper.advance(to: now)
            while mapper.pollRequest() != nil {}
            mapper.receive(choices.bytes(upTo: 80).span.bytes, at: now)
            if let mapping = mapper.mapping {
                precondition(!mapping.endpoint.isLoopback, "a mapping leads off this host")
            }
            precondition(mapper.nextDeadline > now, "a gateway cannot make a host ask without end")
        }
    }
}
