import PosternModel
import Testing

@testable import OverlayCore
@testable import OverlayCrypto

/// New keys beside the traffic (`Protocol.md` §4.6).
@Suite("Re-key")
struct RekeyTests {
    /// A stream of `a` that `b` has taken, over a link that loses two packets of a hundred.
    private struct Bulk: ~Copyable {
        var pair: Pair
        let sending: StreamHandle
        let receiving: StreamHandle
        var random: SplitMix
        static let step = Interval.milliseconds(5)

        init(seed: UInt64, settings: NodeSettings) throws {
            var pair = try Pair(settings: settings)
            let peer = pair.a.peer(with: pair.keyB)
            let stream = try pair.a.openStream(to: #require(peer), port: VirtualPort(9), at: pair.now)
            _ = try pair.a.write([1].span.bytes, to: stream, at: pair.now)
            pair.run(for: .milliseconds(100))
            let opened = pair.eventsB.compactMap {
                if case .streamOpened(let handle, _, _) = $0 { handle } else { nil }
            }
            let accepted = try #require(opened.first)
            _ = pair.readB(accepted)
            self.pair = pair
            sending = stream
            receiving = accepted
            random = SplitMix(seed: seed)
        }

        /// Writes 4000 bytes, lets ``step`` pass, and returns how many bytes came out at the other end.
        mutating func step() throws -> Int {
            let lost = Set((0..<60).filter { _ in UInt64.random(in: 0..<100, using: &random) < 2 })
            let start = pair.sentCount
            pair.isLost = { number, _ in lost.contains(number - start) }
            _ = try pair.a.write([UInt8](repeating: 7, count: 4000).span.bytes, to: sending, at: pair.now)
            pair.run(for: Self.step)
            return pair.readB(receiving).bytes.count
        }

        var session: Session? { pair.a.peers.compactMap { $0?.session }.first }
    }

    @Test(arguments: 1...4 as ClosedRange<UInt64>)
    func `keys change every 200 ms under load and loss without a pause, and no number is used twice`(
        seed: UInt64
    ) throws {
        var settings = NodeSettings.defaults
        settings.rekeyAfter = .milliseconds(200)
        settings.tracesSeals = true
        var bulk = try Bulk(seed: seed, settings: settings)
        var (sealsOfA, sealsOfB) = (Set<Seal>(), Set<Seal>())
        var delivered = 0
        var lastDelivery = bulk.pair.now
        var (longestGap, longestProbeTimeout) = (Interval.zero, Interval.zero)
        for _ in 0..<600 {
            let count = try bulk.step()
            let roundTrip = try #require(bulk.session?.path?.roundTrip)
            longestProbeTimeout = max(longestProbeTimeout, roundTrip.probeTimeout(maxAckDelay: settings.maxAckDelay))
            delivered += count
            if count > 0 {
                longestGap = max(longestGap, bulk.pair.now - lastDelivery)
                lastDelivery = bulk.pair.now
            }
            let areNew = (
                bulk.pair.a.takeSeals().allSatisfy { sealsOfA.insert($0).inserted },
                bulk.pair.b.takeSeals().allSatisfy { sealsOfB.insert($0).inserted }
            )
            #expect(areNew.0 && areNew.1)
        }
        #expect(longestGap <= bulk.pair.delay * 2 + longestProbeTimeout + Bulk.step)
        #expect(bulk.pair.a.statistics.rekeys >= 10)
        #expect(delivered > 2_000_000)
    }

    @Test func `old keys are wiped ten seconds after newer ones were confirmed`() throws {
        var settings = NodeSettings.defaults
        settings.rekeyAfter = .seconds(1)
        var bulk = try Bulk(seed: 1, settings: settings)
        let places = try place(of: #require(bulk.session?.sendEpoch))
        let keys = places.map { content(of: $0) }
        #expect(keys.allSatisfy { !$0.allSatisfy { $0 == 0 } })
        for _ in 0..<220 { _ = try bulk.step() }
        #expect(bulk.pair.a.statistics.rekeys == 1)
        #expect(places.map { content(of: $0) } == keys)
        bulk.pair.run(for: .seconds(12))
        // A slot may hold another secret by now; what was in it is gone.
        for (place, key) in zip(places, keys) { #expect(content(of: place) != key) }
    }

    /// Where the keys of both directions stand.
    private func place(of epoch: KeyEpoch) -> [UnsafeMutablePointer<UInt8>] {
        [epoch.sealer.keys.memory.withBytes { $0 }, epoch.opener.keys.memory.withBytes { $0 }]
    }

    /// The key at `place`. Guarded memory is never given back to the system, so that it can be looked at.
    private func content(of place: UnsafeMutablePointer<UInt8>) -> [UInt8] {
        Array(UnsafeBufferPointer(start: place, count: 32))
    }
}
