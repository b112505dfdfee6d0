import OverlayWire
import PosternModel
import Testing

@testable import OverlayCore

/// What a hub carries for some may not be felt by others.
@Suite struct RelayQueueTests {
    private func packet(_ channel: UInt32, _ byteCount: Int = 1_200) -> RelayedPacket {
        let relay = RelayHandle(hub: 1, generation: 1, channel: RelayChannel(channel))
        return RelayedPacket(relay: relay, block: .none, byteCount: byteCount)
    }

    private func drain(_ queue: inout RelayQueue, _ count: Int = .max) -> [UInt32] {
        var channels: [UInt32] = []
        while channels.count < count, let first = queue.first, let next = queue.popFirst() {
            #expect(first.relay == next.relay)
            channels.append(next.relay.channel.rawValue)
        }
        return channels
    }

    @Test func `a conversation that floods does not hold up another one`() {
        var queue = RelayQueue()
        let lost = (Array(repeating: 1, count: 100) + [2]).compactMap { number in
            queue.append(packet(number), limit: 128, total: 512)
        }
        #expect(lost.isEmpty)
        let firstTwo = drain(&queue, 2)
        #expect(firstTwo == [1, 2])
        #expect(queue.count == 99)
        let rest = drain(&queue)
        #expect(rest.count == 99 && queue.isEmpty)
    }

    @Test func `conversations share by bytes, whatever the size of their packets`() {
        var queue = RelayQueue()
        for _ in 0..<50 { _ = queue.append(packet(1, 1_200), limit: 1_000, total: 1_000) }
        for _ in 0..<600 { _ = queue.append(packet(2, 100), limit: 1_000, total: 1_000) }
        let sent = drain(&queue, 130)
        let bytes = [1: sent.count { $0 == 1 } * 1_200, 2: sent.count { $0 == 2 } * 100]
        #expect(abs((bytes[1] ?? 0) - (bytes[2] ?? 0)) <= 1_200)
    }

    @Test func `a conversation has so many packets waiting, and all have so many together`() {
        var queue = RelayQueue()
        let lost = (0..<10).compactMap { _ in queue.append(packet(1), limit: 8, total: 12) }
        #expect(lost.count == 2 && lost.allSatisfy { $0.relay.channel == RelayChannel(1) })
        let more = (0..<4).compactMap { _ in queue.append(packet(2), limit: 8, total: 12) }
        #expect(more.isEmpty)
        // Where all is full the longest one loses; one that is as long loses its own.
        let longest = queue.append(packet(3), limit: 8, total: 12)
        #expect(longest?.relay.channel == RelayChannel(1))
        #expect(queue.count == 12)
        for _ in 0..<10 { _ = queue.append(packet(3), limit: 8, total: 12) }
        let left = drain(&queue)
        #expect(left.count == 12 && left.count { $0 == 2 } >= 3)
    }

    @Test func `bytes come no faster than the rate, after a short burst`() {
        var meter = RelayMeter()
        var now = Instant(nanoseconds: 0)
        var admitted = 0
        for _ in 0..<10_000 {
            if meter.admits(1_000, rate: 1_000_000, at: now) { admitted += 1_000 }
            now = now + .microseconds(200)
        }
        // Two seconds at five times the rate: two seconds' worth and a tenth.
        #expect((2_000_000...2_200_000).contains(admitted))
        var slow = RelayMeter()
        let alone = (0..<2).map { _ in slow.admits(1_200, rate: 1, at: now) }
        #expect(alone == [true, false], "a packet gets through however low the rate")
        var free = RelayMeter()
        let unlimited = (0..<100_000).count { _ in free.admits(1_200, rate: .max, at: now) }
        #expect(unlimited == 100_000)
    }

    @Test func `what a hub has to say itself goes before what it relays, and what it relays goes on`() throws {
        var pair = try Pair()
        let found = pair.a.peer(with: pair.keyB)
        let peer = try #require(found)
        pair.a.connect(peer, at: pair.now)
        pair.run(for: .milliseconds(200))
        let established = pair.a.peer(peer)?.session
        let session = try #require(established)
        let bytes = [UInt8](repeating: 7, count: 1_200)
        for _ in 0..<100 {
            let kept = pair.a.shared.keep(bytes.span.bytes, 0..<bytes.count)
            let block = try #require(kept)
            let relay = RelayHandle(hub: peer, channel: RelayChannel(1))
            let waiting = RelayedPacket(relay: relay, block: block, byteCount: bytes.count)
            _ = session.relayQueue.append(waiting, limit: 128, total: 512)
        }
        pair.wire.removeAll()
        pair.a.ping(peer, at: pair.now)
        pair.flush()
        let sizes = pair.wire.filter(\.toB).map(\.bytes.count)
        let relayed = PacketLayout.Protected.overhead + 5 + bytes.count
        #expect(sizes.count { $0 == relayed } == 100)
        #expect(sizes.first != nil && sizes.first != relayed, "own frames are in the first packet")
        pair.run(for: .milliseconds(100))
        let isAnswered = pair.eventsA.contains { if case .pong(peer, _, _) = $0 { true } else { false } }
        #expect(isAnswered)
    }

    @Test func `a hub drops what is faster than the rate of a conversation, and nothing of another peer`() throws {
        var settings = NodeSettings.defaults
        settings.relayRate = 10_000
        let pair = try Pair(settings: settings)
        let (found, now) = (pair.b.peer(with: pair.keyA), pair.now)
        let hub = try #require(found)
        let known = pair.b.peer(hub)
        let sender = try #require(known)
        sender.routes[RelayChannel(1)] = Peer.Route(peer: hub, channel: RelayChannel(2))
        sender.routes[RelayChannel(3)] = Peer.Route(peer: hub, channel: RelayChannel(4))
        let first = (0..<10).count { _ in sender.mayRelay(500, in: RelayChannel(1), settings: settings, at: now) }
        #expect(first == 2, "a tenth of a second's bytes")
        #expect(sender.mayRelay(500, in: RelayChannel(3), settings: settings, at: now))
        #expect(
            !sender.mayRelay(500, in: RelayChannel(5), settings: settings, at: now),
            "there is no such conversation"
        )
    }

    @Test func `rates of relayed bytes that change hold for conversations that are open`() throws {
        var pair = try Pair()
        let (found, now) = (pair.b.peer(with: pair.keyA), pair.now)
        let hub = try #require(found)
        let known = pair.b.peer(hub)
        let sender = try #require(known)
        for channel: UInt32 in [1, 3] {
            sender.routes[RelayChannel(channel)] = Peer.Route(peer: hub, channel: RelayChannel(channel + 1))
        }
        func relayed(in channel: UInt32, _ settings: NodeSettings) -> Int {
            (0..<10).count { _ in sender.mayRelay(500, in: RelayChannel(channel), settings: settings, at: now) }
        }
        #expect(relayed(in: 1, pair.b.shared.settings) == 10)
        pair.b.limitRelays(to: 10_000, ofPeer: 15_000)
        let settings = pair.b.shared.settings
        #expect((settings.relayRate, settings.relayRatePerPeer) == (10_000, 15_000))
        #expect(relayed(in: 3, settings) <= 2, "a tenth of a second's bytes")
    }
}
