import PosternModel
import TestSupport
import Testing

@testable import OverlayWire

@Suite("Transport parameters and handshake payloads")
struct TransportParametersTests {
    private static let parameters = TransportParameters(
        maxData: 16 << 20,
        maxStreamData: 256 << 10,
        maxStreams: 10_000,
        maxPacketSize: 9000,
        maxAckDelay: 25,
        instance: 0x0102_0304_0506_0708
    )
    private static let observed = Endpoint.ipv4(address: 0x0a00_0001, port: 4000)

    private func parsed(_ bytes: [UInt8]) throws(WireError) -> TransportParameters {
        try TransportParameters(parsing: bytes.span.bytes, in: 0..<bytes.count)
    }

    private func encoded(_ parameters: TransportParameters = parameters) -> [UInt8] {
        written { parameters.write(to: &$0) }
    }

    @Test(
        arguments: [
            nil, observed, .ipv6(high: .max, low: 0, port: 1),
            .relay(RelayHandle(hub: 3, generation: 1, channel: RelayChannel(4))),
        ] as [Endpoint?]
    )
    func `parameters are read as they were written, but for relays`(endpoint: Endpoint?) throws {
        var parameters = Self.parameters
        parameters.observed = endpoint
        parameters.floor = 7
        parameters.formerSession = FormerSession(number: SessionNumber(8), silentMilliseconds: 9)
        let found = try parsed(encoded(parameters))
        if endpoint?.isRelay == true { parameters.observed = nil }
        #expect(found == parameters)
    }

    @Test func `unknown ids are skipped`() throws {
        #expect(try parsed(hex("3f 00 4100 03 aabbcc") + encoded() + hex("0a 01 ff")) == Self.parameters)
    }

    @Test func `each of the five limits and the instance must be there`() throws {
        let whole = encoded()
        var fields: [[UInt8]] = []
        var start = 0
        while start < whole.count {
            let end = start + 2 + Int(whole[start + 1])
            fields.append(Array(whole[start..<end]))
            start = end
        }
        try #require(fields.count == 6)
        for missing in 0..<6 {
            let others = fields.indices.filter { $0 != missing }.flatMap { fields[$0] }
            #expect(throws: WireError.invalidValue) { try parsed(others) }
        }
        #expect(try parsed(fields.reversed().flatMap(\.self)) == Self.parameters)
    }

    @Test func `parameters that are cut off anywhere are refused`() {
        let whole = encoded()
        for count in whole.indices {
            #expect(throws: WireError.self) { try parsed(Array(whole[..<count])) }
        }
    }

    @Test(
        arguments: [
            "a value shorter than its length": "01 02 05", "a value longer than its length": "01 01 4005",
            "an empty value": "01 00", "an unknown family": "06 07 05 00000000 0000",
            "an address longer than its family": "06 08 04 00000000 0000 00", "a length that lies": "3f 05 00",
            "a length of 2^62 - 1": "3f ffffffffffffffff", "an id without a length": "3f",
        ]
    )
    func `what cannot be true is refused`(what: String, bytes: String) {
        #expect(throws: WireError.self) { try parsed(encoded() + hex(bytes)) }
    }

    @Test func `packets below 1200 bytes and delays above a second are refused`() throws {
        var parameters = Self.parameters
        parameters.maxPacketSize = 1200
        parameters.maxAckDelay = 1000
        #expect(try parsed(encoded(parameters)) == parameters)
        parameters.maxPacketSize = 1199
        #expect(throws: WireError.invalidValue) { try parsed(encoded(parameters)) }
        parameters.maxPacketSize = 1200
        parameters.maxAckDelay = 1001
        #expect(throws: WireError.invalidValue) { try parsed(encoded(parameters)) }
    }

    @Test func `fields that reach behind the range into what follows are refused`() {
        // The bytes behind the range are there, but belong to the early frames.
        let bytes = encoded() + hex("01 44 00") + [UInt8](repeating: 0x40, count: 16)
        for end in encoded().count..<bytes.count - 8 where end > encoded().count {
            #expect(throws: WireError.self, "up to \(end)") {
                try TransportParameters(parsing: bytes.span.bytes, in: 0..<end)
            }
        }
        #expect(throws: WireError.truncated) {
            try TransportParameters(parsing: ([0x40] + bytes).span.bytes, in: 0..<1)
        }
    }

    // MARK: Initiation

    private static func initiation() throws -> InitiationPayload {
        InitiationPayload(
            counter: 1_700_000_000_123_456_789,
            key: try #require(NodeKey(bytes: Array(0..<32))),
            ours: SessionNumber(0x0123_4567_89ab_cdef),
            theirs: .none,
            hasAES: true,
            parameters: parameters
        )
    }

    @Test(arguments: [true, false])
    func `an initiation is read as it was written, and early frames begin behind it`(hasAES: Bool) throws {
        var payload = try Self.initiation()
        payload.hasAES = hasAES
        payload.theirs = hasAES ? .none : SessionNumber(.max)
        let bytes = written { payload.write(to: &$0) }
        let (alone, end) = try InitiationPayload.parse(bytes.span.bytes)
        #expect(alone == payload)
        #expect(end == bytes.count)
        let (found, earlyStart) = try InitiationPayload.parse((bytes + [1, 0, 0]).span.bytes)
        #expect(found == payload)
        #expect(earlyStart == bytes.count)
    }

    @Test func `an initiation that is cut off anywhere is refused`() throws {
        let payload = try Self.initiation()
        let bytes = written { payload.write(to: &$0) }
        for count in bytes.indices {
            #expect(throws: WireError.self) { try InitiationPayload.parse(Array(bytes[..<count]).span.bytes) }
        }
    }

    @Test func `an initiation whose parameters end too early is refused`() throws {
        let payload = try Self.initiation()
        let bytes = written { payload.write(to: &$0) } + [UInt8](repeating: 0xff, count: 9)
        for length in 0..<bytes[57] {
            var changed = bytes
            changed[57] = length
            #expect(throws: WireError.self, "length \(length)") { try InitiationPayload.parse(changed.span.bytes) }
        }
    }

    @Test func `an initiation without a session number or with unknown flags is refused`() throws {
        let payload = try Self.initiation()
        let bytes = written { payload.write(to: &$0) }
        var unnamed = bytes
        unnamed.replaceSubrange(40..<48, with: [UInt8](repeating: 0, count: 8))
        #expect(throws: WireError.invalidValue) { try InitiationPayload.parse(unnamed.span.bytes) }
        for bit in 1..<8 {
            var flagged = bytes
            flagged[56] |= 1 << UInt8(bit)
            #expect(throws: WireError.invalidValue) { try InitiationPayload.parse(flagged.span.bytes) }
        }
    }

    // MARK: Response

    @Test(arguments: 0..<8)
    func `a response is read as it was written`(flags: Int) throws {
        var payload = ResponsePayload(
            ours: SessionNumber(1),
            isContinued: flags & 1 != 0,
            earlyAccepted: flags & 2 != 0,
            usesAES: flags & 4 != 0,
            parameters: Self.parameters
        )
        payload.parameters.observed = Self.observed
        let bytes = written { payload.write(to: &$0) }
        #expect(try ResponsePayload.parse(bytes.span.bytes) == payload)
        #expect(Int(bytes[8]) == flags)
        for count in bytes.indices where count != bytes.count - 9 {
            // Without the observed address, which is the last field, the response is whole again.
            #expect(throws: WireError.self) { try ResponsePayload.parse(Array(bytes[..<count]).span.bytes) }
        }
        #expect(throws: WireError.self) { try ResponsePayload.parse((bytes + [0]).span.bytes) }
    }

    @Test func `a response without a session number or with unknown flags is refused`() {
        let parameters = encoded()
        #expect(throws: WireError.invalidValue) {
            try ResponsePayload.parse(([UInt8](repeating: 0, count: 9) + parameters).span.bytes)
        }
        // Bit 4 says something of bit 3.
        for bit in 4..<8 {
            let bytes = hex("0000000000000001") + [1 << UInt8(bit)] + parameters
            #expect(throws: WireError.invalidValue) { try ResponsePayload.parse(bytes.span.bytes) }
        }
    }
}
