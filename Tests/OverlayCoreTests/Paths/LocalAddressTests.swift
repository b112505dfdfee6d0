import OverlayCrypto
import OverlayWire
import PosternModel
import Testing

@testable import OverlayCore

/// A node with two addresses of its own: each is one end of paths (RFC 9000 §9).
@Suite struct LocalAddressTests {
    private static let second = Endpoint.ipv4(address: 0x0a00_0011, port: 1011)

    private func makePair() throws -> Pair {
        var pair = try Pair()
        pair.a.setLocalAddresses([Pair.addressA, Self.second], candidates: [], at: pair.now)
        return pair
    }

    private func handle(_ found: PeerHandle?) throws -> PeerHandle { try #require(found) }

    /// Opens a stream from `a` and writes `count` bytes.
    private func open(_ pair: inout Pair, count: Int = 1000) throws -> StreamHandle {
        let peer = try handle(pair.a.peer(with: pair.keyB))
        let stream = try pair.a.openStream(to: peer, port: VirtualPort(80), at: pair.now)
        try write(&pair, stream, count: count)
        return stream
    }

    private func write(_ pair: inout Pair, _ stream: StreamHandle, count: Int = 1000) throws {
        let bytes = [UInt8](repeating: 7, count: count)
        _ = try pair.a.write(bytes.span.bytes, to: stream, at: pair.now)
    }

    /// The streams that were opened at `b`.
    private func opened(_ pair: borrowing Pair) -> [StreamHandle] {
        pair.eventsB.compactMap { if case .streamOpened(let handle, _, _) = $0 { handle } else { nil } }
    }

    private func path(_ found: PeerStatus?) throws -> Endpoint {
        let path = found?.path
        return try #require(path)
    }

    @Test func `a handshake leaves from every address, and its answer goes where it came from`() throws {
        var pair = try makePair()
        _ = try open(&pair)
        pair.flush()
        #expect(pair.wire.map(\.from) == [Pair.addressA, Self.second])
        #expect(pair.wire.allSatisfy { $0.to == Pair.addressB })
        // Only what left from the second address arrives.
        pair.isCut = { from, to in from == Pair.addressA || to == Pair.addressA }
        pair.wire.removeFirst()
        pair.run(for: .milliseconds(100))
        #expect(try path(pair.b.status(of: handle(pair.b.peer(with: pair.keyA)))) == Self.second)
        #expect(pair.readB(try #require(opened(pair).first)).bytes.count == 1000)
    }

    @Test func `one remote address is reached on another path when that of the path in use is cut`() throws {
        var pair = try makePair()
        let stream = try open(&pair)
        pair.run(for: .milliseconds(100))
        #expect(try path(pair.b.status(of: handle(pair.b.peer(with: pair.keyA)))) == Pair.addressA)
        pair.isCut = { from, to in from == Pair.addressA || to == Pair.addressA }
        try write(&pair, stream)
        pair.run(for: .seconds(3))
        #expect(pair.readB(try #require(opened(pair).first)).bytes.count == 2000)
        #expect(try path(pair.b.status(of: handle(pair.b.peer(with: pair.keyA)))) == Self.second)
        // Both are paths to the same remote address.
        #expect(try path(pair.a.status(of: handle(pair.a.peer(with: pair.keyB)))) == Pair.addressB)
        let changes = pair.eventsA.count { if case .pathChanged = $0 { true } else { false } }
        #expect(changes == 2)
    }

    @Test func `a session on an address that is gone goes on from another at once`() throws {
        var pair = try makePair()
        let stream = try open(&pair)
        pair.run(for: .milliseconds(100))
        pair.wire = []
        pair.a.setLocalAddresses([Self.second], candidates: [], at: pair.now)
        try write(&pair, stream)
        pair.flush()
        #expect(!pair.wire.isEmpty && pair.wire.allSatisfy { $0.from == Self.second })
        pair.run(for: .milliseconds(60))
        #expect(pair.readB(try #require(opened(pair).first)).bytes.count == 2000)
        #expect(try path(pair.b.status(of: handle(pair.b.peer(with: pair.keyA)))) == Self.second)
    }

    @Test func `an address that stays keeps its path`() throws {
        var pair = try makePair()
        _ = try open(&pair)
        pair.run(for: .milliseconds(100))
        pair.eventsA = []
        pair.a.setLocalAddresses([Self.second, Pair.addressA], candidates: [], at: pair.now)
        pair.run(for: .milliseconds(100))
        #expect(pair.eventsA.isEmpty)
    }

    @Test func `without an address nothing is sent, and the handshake leaves when there is one`() throws {
        var pair = try makePair()
        pair.a.setLocalAddresses([], candidates: [], at: pair.now)
        _ = try open(&pair)
        pair.run(for: .milliseconds(100))
        #expect(pair.a.statistics.packetsSent == 0)
        pair.a.setLocalAddresses([Pair.addressA], candidates: [], at: pair.now)
        pair.run(for: .seconds(1))
        #expect(opened(pair).count == 1)
    }

    @Test func `an address of another family is no end of a path`() throws {
        var pair = try Pair()
        pair.a.setLocalAddresses([.ipv6(high: 1, low: 2, port: 3)], candidates: [], at: pair.now)
        _ = try open(&pair)
        pair.run(for: .seconds(1))
        #expect(pair.a.statistics.packetsSent == 0)
    }

    @Test func `candidates are told in their order to who may know them, and to nobody else`() throws {
        for isTold in [true, false] {
            var pair = try Pair()
            pair.a.admit(PeerConfiguration(key: pair.keyB, sharesCandidates: isTold), at: pair.now)
            let mine = Candidate.hosts([Self.second, Pair.addressA], base: Pair.addressA)
            pair.a.setLocalAddresses([Pair.addressA], candidates: mine, at: pair.now)
            _ = try open(&pair)
            pair.run(for: .milliseconds(200))
            let told = pair.aAtB.told
            // The base is the sender's own business.
            #expect(told == (isTold ? Candidate.hosts([Self.second, Pair.addressA]) : []))
        }
    }

    @Test func `an observed address is a candidate with the address behind it`() throws {
        var pair = try makePair()
        _ = try open(&pair)
        pair.run(for: .milliseconds(200))
        let observed = pair.eventsA.compactMap { event -> Candidate? in
            if case .observedAddress(_, pair.keyB, let candidate) = event { candidate } else { nil }
        }
        let expected = Candidate(Pair.addressA, kind: .peerReflexive, base: Pair.addressA)
        #expect(observed.first == expected && observed.allSatisfy { $0 == expected })
    }
}
