import OverlayWire
import PosternModel
import Testing

@testable import OverlayCore

/// Port mapping by PCP (RFC 6887) and NAT-PMP (RFC 6886).
@Suite struct PortMapperTests {
    private static let start = Instant(nanoseconds: 1_000_000_000)
    private static let nonce = [UInt8](1...12)
    /// 203.0.113.7:40000.
    private static let outside = Endpoint.ipv4(address: 0xcb00_7107, port: 40_000)

    private func mapper() -> PortMapper {
        PortMapper(port: 41_641, client: 0xc0a8_0164, nonce: Self.nonce, at: Self.start)
    }

    /// Everything that waits for the gateway.
    private func requests(_ mapper: inout PortMapper) -> [[UInt8]] {
        var requests: [[UInt8]] = []
        while let request = mapper.pollRequest() { requests.append(request) }
        return requests
    }

    /// The gateway sends these bytes.
    private func receive(_ bytes: [UInt8], _ mapper: inout PortMapper) {
        mapper.receive(bytes.span.bytes, at: Self.start)
    }

    /// What a PCP gateway answers to `request`, with this result.
    private func answer(to request: [UInt8], result: UInt8 = 0, lifetime: UInt8 = 120) -> [UInt8] {
        var answer = request
        answer[1] |= 0x80
        answer[3] = result
        answer.replaceSubrange(4..<8, with: [0, 0, 0, lifetime])
        answer.replaceSubrange(8..<24, with: [UInt8](repeating: 0, count: 16))
        answer.replaceSubrange(42..<44, with: [0x9c, 0x40])
        answer.replaceSubrange(44..<60, with: [UInt8](repeating: 0, count: 10) + [0xff, 0xff, 203, 0, 113, 7])
        return answer
    }

    @Test func `the first request is PCP's, as RFC 6887 draws it`() throws {
        var mapper = mapper()
        mapper.advance(to: Self.start)
        let request = try #require(requests(&mapper).first)
        let client: [UInt8] = [UInt8](repeating: 0, count: 10) + [0xff, 0xff, 192, 168, 1, 100]
        let any: [UInt8] = [UInt8](repeating: 0, count: 10) + [0xff, 0xff, 0, 0, 0, 0]
        let head: [UInt8] = [2, 1, 0, 0, 0, 0, 0x1c, 0x20]
        #expect(request == head + client + Self.nonce + [17, 0, 0, 0, 0xa2, 0xa9, 0xa2, 0xa9] + any)
        #expect(requests(&mapper).isEmpty)
    }

    @Test func `a PCP mapping stands, is renewed at half of its time, and is given back`() throws {
        var mapper = mapper()
        mapper.advance(to: Self.start)
        let request = try #require(requests(&mapper).first)
        mapper.receive(answer(to: request, lifetime: 200).span.bytes, at: Self.start)
        #expect(mapper.mapping == PortMapper.Mapping(endpoint: Self.outside, method: .pcp))
        #expect(mapper.nextDeadline == Self.start + .seconds(100))
        mapper.advance(to: Self.start + .seconds(100))
        let renewal = try #require(requests(&mapper).first)
        // The same port is asked for again.
        #expect(Array(renewal[42..<44]) == [0x9c, 0x40] && Array(renewal[56..<60]) == [203, 0, 113, 7])
        #expect(mapper.mapping != nil)
        let given = mapper.release()
        let release = try #require(given)
        #expect(Array(release[4..<8]) == [0, 0, 0, 0] && Array(release[24..<36]) == Self.nonce)
        #expect(mapper.mapping == nil && mapper.release() == nil)
    }

    @Test func `a gateway of the older protocol is asked by that`() throws {
        var mapper = mapper()
        mapper.advance(to: Self.start)
        _ = requests(&mapper)
        // RFC 6887 Appendix A: what NAT-PMP says to a newer version.
        receive([0, 129, 0, 1, 0, 0, 0, 9], &mapper)
        mapper.advance(to: Self.start + .milliseconds(250))
        let second = requests(&mapper)
        #expect(second.dropFirst() == [[0, 0], [0, 1, 0, 0, 0xa2, 0xa9, 0xa2, 0xa9, 0, 0, 0x1c, 0x20]])
        receive([0, 129, 0, 0, 0, 0, 0, 9, 0xa2, 0xa9, 0x9c, 0x40, 0, 0, 0, 200], &mapper)
        #expect(mapper.mapping == nil)
        receive([0, 128, 0, 0, 0, 0, 0, 9, 203, 0, 113, 7], &mapper)
        #expect(mapper.mapping == PortMapper.Mapping(endpoint: Self.outside, method: .natPMP))
        #expect(mapper.release() == [0, 1, 0, 0, 0xa2, 0xa9, 0, 0, 0, 0, 0, 0])
    }

    @Test func `a gateway that is silent is asked five more times and then left alone`() {
        var mapper = mapper()
        var (count, now) = (0, Self.start)
        while mapper.nextDeadline < Self.start + .seconds(60) {
            now = mapper.nextDeadline
            mapper.advance(to: now)
            count += requests(&mapper).isEmpty ? 0 : 1
            // Nobody is there who knows UPnP either.
            if mapper.pollSearch() != nil { mapper.found(nil, at: now) }
        }
        #expect(count == 6)
        #expect(mapper.nextDeadline >= Self.start + .seconds(600))
    }

    @Test func `a refusal and an address that nobody can reach are no mapping`() throws {
        for result in [UInt8](1...13) {
            var mapper = mapper()
            mapper.advance(to: Self.start)
            let request = try #require(requests(&mapper).first)
            mapper.receive(answer(to: request, result: result).span.bytes, at: Self.start)
            #expect(mapper.mapping == nil && mapper.pollSearch() != nil && mapper.pollSearch() == nil)
            mapper.found(nil, at: Self.start)
            #expect(mapper.mapping == nil && mapper.nextDeadline >= Self.start + .seconds(600))
        }
        var mapper = mapper()
        mapper.advance(to: Self.start)
        var unreachable = answer(to: try #require(requests(&mapper).first))
        unreachable.replaceSubrange(56..<60, with: [0, 0, 0, 0])
        mapper.receive(unreachable.span.bytes, at: Self.start)
        #expect(mapper.mapping == nil)
    }

    @Test func `what is not the answer to the request changes nothing`() throws {
        var mapper = mapper()
        mapper.advance(to: Self.start)
        let answer = answer(to: try #require(requests(&mapper).first))
        let deadline = mapper.nextDeadline
        for length in 0..<60 { mapper.receive(Array(answer[..<length]).span.bytes, at: Self.start) }
        // Version, opcode, nonce, protocol, port, and an address of IPv6.
        for position in [0, 1, 24, 35, 36, 40, 41, 44, 54] {
            var other = answer
            other[position] ^= 0x55
            mapper.receive(other.span.bytes, at: Self.start)
        }
        for length in 0..<16 {
            let whole: [UInt8] = [0, 129, 0, 0, 0, 0, 0, 9, 0xa2, 0xa9, 0x9c, 0x40, 0, 0, 0, 200]
            mapper.receive(Array(whole[..<length]).span.bytes, at: Self.start)
        }
        // Another program's port.
        receive([0, 129, 0, 0, 0, 0, 0, 9, 0, 1, 0x9c, 0x40, 0, 0, 0, 200], &mapper)
        receive([0, 128, 0, 0, 0, 0, 0, 9, 203, 0, 113, 7], &mapper)
        #expect(mapper.mapping == nil && mapper.nextDeadline == deadline)
        mapper.receive(answer.span.bytes, at: Self.start)
        #expect(mapper.mapping?.endpoint == Self.outside)
    }

    /// A mapper whose gateway answers neither PCP nor NAT-PMP, and when it turns to UPnP.
    private func unanswered() -> (PortMapper, Instant) {
        var mapper = mapper()
        var now = Self.start
        for _ in 0..<7 {
            now = mapper.nextDeadline
            mapper.advance(to: now)
        }
        return (mapper, now)
    }

    @Test func `a gateway that knows only UPnP is asked by that, and again at half of the time`() {
        var (mapper, now) = unanswered()
        #expect(mapper.pollSearch() == PortMapper.Search(port: 41_641, lifetime: 7200))
        #expect(mapper.pollSearch() == nil, "one at a time")
        mapper.found((Self.outside, 200), at: now)
        #expect(mapper.mapping == PortMapper.Mapping(endpoint: Self.outside, method: .upnp))
        #expect(mapper.nextDeadline == now + .seconds(100) && mapper.release() == nil)
        _ = requests(&mapper)
        (mapper, now) = unanswered()
        _ = mapper.pollSearch()
        mapper.found((Self.outside, 0), at: now)
        #expect(mapper.nextDeadline == now + .seconds(3600), "given for ever, and looked at all the same")
        now = mapper.nextDeadline
        _ = requests(&mapper)
        mapper.advance(to: now)
        #expect(mapper.pollSearch() == PortMapper.Search(port: 40_000, lifetime: 7200), "the port that it has")
        #expect(requests(&mapper).isEmpty && mapper.mapping != nil)
        mapper.found(nil, at: now)
        #expect(mapper.mapping == nil && mapper.nextDeadline == now + .seconds(600))
    }

    @Test func `a search that never ends, or finds an address that nobody can reach, is given up`() {
        var (mapper, now) = unanswered()
        _ = mapper.pollSearch()
        now = mapper.nextDeadline
        mapper.advance(to: now)
        #expect(mapper.mapping == nil && mapper.nextDeadline == now + .seconds(600))
        mapper.found((Self.outside, 200), at: now)
        #expect(mapper.mapping == nil, "too late")
        (mapper, now) = unanswered()
        _ = mapper.pollSearch()
        mapper.found((.ipv4(address: 0, port: 4), 200), at: now)
        #expect(mapper.mapping == nil && mapper.nextDeadline == now + .seconds(600))
    }
}
