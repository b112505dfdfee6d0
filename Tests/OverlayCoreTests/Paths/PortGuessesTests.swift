import OverlayWire
import PosternModel
import Testing

@testable import OverlayCore

/// Ports that are guessed where a translator takes another one for each destination (`Protocol.md` §9.3).
@Suite struct PortGuessesTests {
    private let start = Instant(nanoseconds: 0)
    private let local = Endpoint.ipv4(address: 0, port: 1)
    private static let public1 = Endpoint.ipv4(address: 0x1400_0001, port: 30_000)

    private func guesses(near port: UInt16) -> PortGuesses {
        PortGuesses(local: local, address: 0x1400_0001, near: port, at: start)
    }

    private func port(_ endpoint: Endpoint) -> Int {
        guard case .ipv4(_, let port) = endpoint else { return 0 }
        return Int(port)
    }

    @Test(arguments: [0, 1023, 1024, 30_000, 65_300, 65_535] as [UInt16])
    func `a run of ports behind the one that was seen is met at once, and any other run in one round`(seen: UInt16) {
        var guesses = guesses(near: seen)
        let ports = (0..<PortGuesses.maximum).map { port(guesses.guess(UInt64($0), at: start)) }
        #expect(guesses.nextAt == nil)
        #expect(Set(ports).count == ports.count && ports.allSatisfy { (1024...65_535).contains($0) })
        let base = max(1024, Int(seen))
        #expect(base + 256 > 65_535 || (base + 1...base + 256).contains(ports[0]))
        let round = Set(ports.prefix(258))
        let runs = stride(from: 1024, through: 65_535 - 255, by: 97)
        #expect(runs.allSatisfy { run in (run...run + 255).contains { round.contains($0) } })
    }

    @Test func `guesses follow each other, catch up a little and end`() {
        var guesses = guesses(near: 5000)
        var now = start
        for token in 0..<100 as Range<UInt64> {
            #expect(guesses.nextAt == now)
            _ = guesses.guess(token, at: now)
            now = now + PortGuesses.spacing
        }
        // Who comes late makes up for eight of them.
        now = now + .seconds(1)
        var count = 0
        while let due = guesses.nextAt, due <= now, count < 100 {
            _ = guesses.guess(1000 + UInt64(count), at: now)
            count += 1
        }
        #expect(count == 9)
    }

    @Test func `an answer names the guess by its token`() {
        var guesses = guesses(near: 5000)
        let made = (0..<50).map { guesses.guess(UInt64($0) * 7 + 1, at: start) }
        #expect(guesses.endpoint(answeredBy: 7 * 13 + 1) == made[13])
        #expect(guesses.endpoint(answeredBy: 5) == nil)
    }

    @Test func `the second time comes after a minute, and each further one after twice as long`() {
        var rest = GuessingRest()
        let seconds: [Int64] = [0, 59, 60, 179, 180, 419, 420]
        let taken = seconds.map { rest.take(at: start + .seconds($0)) }
        #expect(taken == [true, false, true, false, true, false, true])
    }

    // MARK: Whom that reaches

    /// A pair whose session goes by a relay, and a stream that is open.
    private func relayed() throws -> Pair {
        var pair = try Pair()
        let peer = pair.a.peer(with: pair.keyB)
        try pair.a.connect(#require(peer), at: pair.now)
        pair.run(for: .seconds(1))
        let relay = AddressPair(RelayHandle(hub: PeerHandle(slot: 9, generation: 1), channel: RelayChannel(1)))
        pair.aAtB.session?.path = Path(
            addresses: relay,
            serial: 1000,
            algorithm: .bbr,
            maximumPacketSize: 1200,
            seed: 1,
            at: pair.now
        )
        pair.b.setLocalAddresses(
            [Pair.addressB],
            candidates: Candidate.hosts([.ipv4(address: 0x1400_0002, port: 5)], base: Pair.addressB),
            at: pair.now
        )
        _ = try pair.b.openStream(to: pair.aAtB.handle, port: VirtualPort(1), at: pair.now)
        return pair
    }

    /// What `b` sends to UDP addresses when `a` says `step` over the relay, and the sockets that it asks for.
    private func sent(
        after step: PunchFrame.Step,
        to pair: inout Pair
    ) throws -> (destinations: [Endpoint], wantedCount: Int) {
        let session = try #require(pair.aAtB.session)
        let path = try #require(session.path).addresses
        session.receive(PunchFrame(step, sequence: 1), on: path, shared: &pair.b.shared, at: pair.now)
        pair.b.settle(pair.aAtB)
        var destinations: [Endpoint] = []
        let end = pair.now + .seconds(20)
        while true {
            while true {
                var transmit: Transmit?
                let now = pair.now
                _ = PacketWriter.bytes(capacity: 1 << 16) {
                    transmit = pair.b.pollTransmit(into: &$0, maxSegments: 1, at: now)
                }
                guard let transmit else { break }
                destinations.append(transmit.destination)
            }
            guard let next = pair.b.nextDeadline, next <= end else { break }
            pair.now = max(pair.now, next)
            pair.b.advance(to: pair.now)
        }
        var wantedCount = 0
        while let event = pair.b.pollEvent() {
            if case .portsWanted(_, _, let count) = event { wantedCount += count }
        }
        return (destinations.filter { $0 != Pair.addressA }, wantedCount)
    }

    @Test(arguments: [PunchFrame.Step.spread, .turn])
    func `a peer alone makes nobody be sent anything`(step: PunchFrame.Step) throws {
        var pair = try relayed()
        pair.aAtB.tell(Candidate.hosts([Self.public1]))
        let found = try sent(after: step, to: &pair)
        // The handful that every candidate may get (§4.8).
        #expect(found.destinations.count <= UnprovenAddresses.handful && found.wantedCount == 0)
    }

    @Test func `guesses go to where a hub of ours sees the peer, and not again soon`() throws {
        var pair = try relayed()
        // What the peer says of itself counts for nothing.
        pair.aAtB.tell(Candidate.hosts([.ipv4(address: 0x1400_0063, port: 53)]))
        pair.aAtB.attestation = Peer.Attestation(endpoint: Self.public1, at: pair.now)
        let found = try sent(after: .spread, to: &pair)
        let guessed = found.destinations.filter { if case .ipv4(0x1400_0001, _) = $0 { true } else { false } }
        #expect(guessed.count == PortGuesses.maximum)
        #expect(found.destinations.count - guessed.count <= UnprovenAddresses.handful)
        pair.aAtB.attestation = Peer.Attestation(endpoint: Self.public1, at: pair.now)
        let again = try sent(after: .spread, to: &pair)
        #expect(again.destinations.count <= UnprovenAddresses.handful)
    }

    @Test(arguments: ["192.168.2.3:5", "127.0.0.1:5", "224.0.0.1:5", "[2001:db8::1]:5"])
    func `an address of a class that is refused is not guessed at, whoever names it`(text: String) throws {
        var pair = try relayed()
        pair.aAtB.attestation = try Peer.Attestation(endpoint: #require(Endpoint(text)), at: pair.now)
        let found = try sent(after: .spread, to: &pair)
        #expect(found.destinations.isEmpty)
    }

    @Test func `sockets are opened once, to the address that the peer has and a hub of ours sees`() throws {
        var pair = try relayed()
        pair.aAtB.attestation = Peer.Attestation(endpoint: Self.public1, at: pair.now)
        pair.aAtB.tell(Candidate.hosts([.ipv4(address: 0x1400_0063, port: 53)]))
        let other = try sent(after: .turn, to: &pair)
        #expect(other.wantedCount == 0, "the hub does not see it there")
        pair.aAtB.tell(Candidate.hosts([Self.public1]))
        pair.aAtB.attestation = Peer.Attestation(endpoint: Self.public1, at: pair.now)
        let found = try sent(after: .turn, to: &pair)
        #expect(found.wantedCount == SpreadPorts.count)
        let again = try sent(after: .turn, to: &pair)
        #expect(again.wantedCount == 0)
    }

    @Test func `who knows that its own port depends on the destination guesses nothing`() throws {
        var pair = try relayed()
        pair.aAtB.attestation = Peer.Attestation(endpoint: Self.public1, at: pair.now)
        pair.b.setMapping(.dependent)
        let guessed = try sent(after: .spread, to: &pair)
        #expect(guessed.destinations.isEmpty)
        pair.b.setMapping(.independent)
        let spread = try sent(after: .turn, to: &pair)
        #expect(spread.wantedCount == 0)
    }

    @Test func `a hub that a peer has named is not believed`() throws {
        var pair = try relayed()
        let hub = RelayHandle(hub: pair.aAtB.handle, channel: RelayChannel(7))
        pair.aAtB.relay = hub
        pair.aAtB.relays = true
        let session = try #require(pair.aAtB.session)
        for isOurs in [false, true] {
            pair.aAtB.attests = isOurs
            session.receive(attested: Self.public1, channel: RelayChannel(7), shared: &pair.b.shared)
            pair.b.takeAttests(at: pair.now)
            #expect((pair.aAtB.attestation != nil) == isOurs)
        }
    }
}
