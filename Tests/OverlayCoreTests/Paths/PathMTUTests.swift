import OverlayWire
import PosternModel
import Testing

@testable import OverlayCore

/// A path that carries packets up to a size, and a sender with as much to send as probes need.
private final class SizedPath {
    var mtu: PathMTU
    /// The largest packet that arrives.
    var carries: Int
    var now = Instant.at(0)
    var probes: [Int] = []
    var number: UInt64 = 0

    init(_ endpoint: Endpoint = .internetIPv4, carries: Int, limit: Int = 9000) {
        mtu = PathMTU(endpoint: endpoint, limit: limit)
        self.carries = carries
    }

    func deliver(_ byteCount: Int = 32 * 9000, large: Int64? = nil, base: Int64? = nil, timeouts: Int = 0) {
        mtu.acknowledge(
            byteCount: byteCount,
            largeSentAt: large.map { .at($0) },
            baseSentAt: base.map { .at($0) },
            timeouts: timeouts,
            at: now
        )
    }

    func nextProbe() -> Int? { mtu.nextProbe(at: now) }

    func refuse(_ byteCount: Int) -> UInt64? { mtu.refuse(byteCount, at: now) }

    /// Sends one probe and tells what became of it; false when none is due.
    func probe() -> Bool {
        guard let size = nextProbe() else { return false }
        probes.append(size)
        mtu.sentProbe(number)
        number += 1
        now = now + .milliseconds(10)
        if size <= carries {
            mtu.acknowledge(probe: size)
        } else {
            mtu.lose(probe: size, at: now)
        }
        return true
    }

    /// Probes until nothing is sought.
    func search() {
        deliver()
        while probe() { deliver() }
    }

    /// Packets above the base that left at `sentAt` are lost, and it shows a round trip of 10 ms later.
    func loseLarge(_ sentAt: Int64, small: Int64? = nil, timeouts: Int = 0) {
        now = .at(sentAt + 10)
        deliver(0, timeouts: timeouts)
        mtu.lose(largeSentAt: .at(sentAt), baseSentAt: nil, smallSentAt: small.map { .at($0) }, at: now)
    }

    /// The same for packets up to the base that are not small.
    func loseBase(_ sentAt: Int64, small: Int64? = nil, timeouts: Int = 0) {
        now = .at(sentAt + 10)
        deliver(0, timeouts: timeouts)
        mtu.lose(largeSentAt: nil, baseSentAt: .at(sentAt), smallSentAt: small.map { .at($0) }, at: now)
    }
}

extension Endpoint {
    fileprivate static let internetIPv4 = Endpoint.ipv4(address: 0xc633_6401, port: 1)
    fileprivate static let internetIPv6 = Endpoint.ipv6(high: 0x2001_0db8 << 32, low: 1, port: 1)
    fileprivate static let loopback = Endpoint.ipv4(address: 0x7f00_0001, port: 1)
}

@Suite("Path MTU discovery")
struct PathMTUTests {
    @Test func `a path begins at what the handshake has proved and is not probed without traffic`() {
        let path = SizedPath(carries: 9000)
        #expect(path.mtu.size == 1200)
        #expect(!path.probe())
        path.deliver(32 * 1472 - 1)
        #expect(!path.probe())
        path.deliver(1)
        #expect(path.probe())
        #expect(path.mtu.size == 1472)
    }

    // RFC 8899 §5.3
    @Test(
        arguments: [
            1200, 1212, 1220, 1231, 1232, 1233, 1280, 1300, 1372, 1392, 1422, 1444, 1452, 1464, 1472, 2276, 4000, 8868,
            8972, 9000,
        ]
    )
    func `the search ends just below what the path carries, and no size is used that has not arrived`(carries: Int) {
        let path = SizedPath(carries: carries)
        path.deliver()
        while path.probe() {
            #expect(path.mtu.size <= carries)
            path.deliver()
        }
        #expect(path.mtu.size > carries - PathMTU.granularity)
        // Halving 7800 bytes down to 20 takes nine steps; each costs three probes at most, and five sizes are guesses.
        #expect(path.probes.count <= 14 * PathMTU.maximumProbes)
    }

    @Test func `common sizes are tried first`() {
        let ethernet = SizedPath(carries: 1472)
        ethernet.search()
        #expect(ethernet.probes.first == 1472)
        let pppoe = SizedPath(carries: 1464)
        pppoe.search()
        #expect(pppoe.probes == [1472, 1472, 1472, 1464])
        let ethernet6 = SizedPath(.internetIPv6, carries: 1452)
        ethernet6.search()
        #expect(ethernet6.probes.first == 1452)
        let jumbo6 = SizedPath(.internetIPv6, carries: 8952)
        jumbo6.search()
        #expect(jumbo6.probes.prefix(5) == [1452, 9000, 9000, 9000, 8952])
        let loopback = SizedPath(.loopback, carries: 65_507)
        loopback.search()
        #expect(loopback.probes == [9000])
    }

    @Test func `a relayed path keeps its size`() {
        let path = SizedPath(.relay(RelayHandle(hub: 1, generation: 1, channel: RelayChannel(1))), carries: 9000)
        path.search()
        #expect(path.probes.isEmpty)
        #expect(path.mtu.size == PacketLayout.relayedPathSize)
    }

    @Test func `the limit bounds the search`() {
        let path = SizedPath(carries: 9000, limit: 1400)
        path.search()
        #expect(path.mtu.size == 1400)
    }

    @Test func `one probe is on its way at a time, and a size is given up after three losses`() {
        let path = SizedPath(carries: 1200)
        path.deliver()
        #expect(path.nextProbe() == 1472)
        path.mtu.sentProbe(1)
        path.deliver()
        #expect(path.nextProbe() == nil)
        for expected in [1472, 1472, 1464] {
            path.mtu.lose(probe: 1472, at: path.now)
            path.deliver()
            #expect(path.nextProbe() == expected)
            path.mtu.sentProbe(2)
            path.deliver()
        }
    }

    // RFC 8899 §5.1.1
    @Test func `a larger size is tried again after ten minutes`() {
        let path = SizedPath(carries: 1472)
        path.search()
        path.carries = 9000
        path.now = path.now + .seconds(599)
        path.search()
        #expect(path.mtu.size == 1472)
        path.now = path.now + .seconds(1)
        path.search()
        #expect(path.mtu.size == 9000)
    }

    // MARK: Black holes (RFC 8899 §4.3)

    private func found(_ carries: Int = 1472) -> SizedPath {
        let path = SizedPath(carries: carries)
        path.search()
        path.now = .at(10_000)
        return path
    }

    @Test func `three rounds in which only large packets are lost lead back to the base`() {
        let path = found()
        path.loseLarge(10_000)
        path.loseLarge(10_020)
        #expect(path.mtu.size == 1472)
        path.loseLarge(10_040)
        #expect(path.mtu.size == 1200)
    }

    @Test func `losses of one round trip are one round`() {
        let path = found()
        path.loseLarge(10_000)
        for sentAt in 10_001...10_009 as ClosedRange<Int64> { path.loseLarge(sentAt) }
        #expect(path.mtu.size == 1472)
    }

    @Test func `a large packet that left with the lost one or later and arrives clears the suspicion`() {
        let path = found()
        path.loseLarge(10_000)
        path.loseLarge(10_020)
        path.deliver(large: 10_021)
        path.loseLarge(10_040)
        #expect(path.mtu.size == 1472)
        // Chance took some of a batch, and not the others.
        for sentAt in stride(from: 11_000 as Int64, to: 12_000, by: 100) {
            path.deliver(large: sentAt)
            path.loseLarge(sentAt)
        }
        #expect(path.mtu.size == 1472)
    }

    @Test func `a large packet that left before the lost ones proves nothing`() {
        let path = found()
        path.deliver(large: 9999)
        for sentAt in [10_000, 10_020, 10_040] as [Int64] {
            path.deliver(large: 9999)
            path.loseLarge(sentAt)
        }
        #expect(path.mtu.size == 1200)
    }

    @Test func `two probe time-outs that only small packets ended settle it at once`() {
        let once = found()
        once.loseLarge(10_000, timeouts: 1)
        #expect(once.mtu.size == 1472)
        let twice = found()
        twice.loseLarge(10_000, timeouts: 2)
        #expect(twice.mtu.size == 1200)
    }

    @Test func `a dead path is no black hole: small packets are lost as well`() {
        let path = found()
        path.loseLarge(10_000, small: 10_300, timeouts: 4)
        #expect(path.mtu.size == 1472)
    }

    @Test func `the base is kept for a cooldown that doubles with each black hole`() {
        let path = found()
        for seconds in [5, 10, 20, 40, 80, 160, 320, 600, 600] as [Int64] {
            path.loseLarge(path.now.nanoseconds / 1_000_000 + 1, timeouts: 2)
            #expect(path.mtu.size == 1200)
            let fallen = path.now
            path.now = fallen + .seconds(seconds) - .milliseconds(1)
            path.search()
            #expect(path.mtu.size == 1200)
            path.now = fallen + .seconds(seconds)
            path.deliver()
            #expect(path.probe())
            #expect(path.mtu.size == 1472)
        }
    }

    // MARK: Less than the base (RFC 8899 §5.2)

    @Test func `what has the size of the base is doubted when it vanishes and small packets arrive`() {
        let silent = SizedPath(carries: 1000)
        silent.loseBase(10, timeouts: 3)
        #expect(!silent.mtu.isDoubted)
        silent.loseBase(1000, timeouts: 4)
        #expect(silent.mtu.isDoubted)
        #expect(silent.mtu.size == 528)
        let talking = SizedPath(carries: 1000)
        for sentAt in [10, 30, 50] as [Int64] {
            #expect(talking.mtu.size == 1200)
            talking.loseBase(sentAt)
        }
        #expect(talking.mtu.size == 528)
        // Nothing is known yet that would have to be told.
        #expect(talking.mtu.carriesBase)
    }

    @Test func `a path that is dead, or that loses by chance, is not doubted`() {
        let dead = SizedPath(carries: 1472)
        dead.loseBase(1000, small: 1000, timeouts: 9)
        #expect(dead.mtu.size == 1200)
        let lossy = SizedPath(carries: 1472)
        for sentAt in stride(from: 1000 as Int64, to: 2000, by: 100) {
            lossy.deliver(base: sentAt)
            lossy.loseBase(sentAt)
        }
        #expect(lossy.mtu.size == 1200)
    }

    @Test func `a doubted path is probed without traffic, and is as before when a probe arrives`() {
        let path = found()
        path.loseLarge(10_000, timeouts: 2)
        path.loseBase(20_000, timeouts: 4)
        path.mtu.sentProbe(1)
        path.mtu.lose(probe: 1200, at: path.now)
        #expect(path.probe())
        #expect(path.probes.last == 1200)
        #expect(path.mtu.size == 1200)
        #expect(path.mtu.carriesBase)
        path.search()
        #expect(path.mtu.size == 1472)
    }

    @Test func `a probe that nobody tells of any more does not keep the next one back`() {
        let path = found()
        path.loseLarge(10_000, timeouts: 2)
        path.loseBase(20_000, timeouts: 4)
        path.mtu.sentProbe(7)
        #expect(path.mtu.outstandingProbe == 7 && path.nextProbe() == nil)
        path.mtu.forgetProbe()
        #expect(path.mtu.outstandingProbe == nil && path.nextProbe() == 1200)
    }

    @Test func `after three lost probes the path is in error, and is tried again after a time that doubles`() {
        let path = SizedPath(carries: 1199)
        path.loseBase(1000, timeouts: 4)
        for seconds in [5, 10, 20] as [Int64] {
            var probes = 0
            while path.probe() { probes += 1 }
            #expect(probes == 3)
            #expect(!path.mtu.carriesBase)
            #expect(path.mtu.size == 528)
            path.now = path.now + .seconds(seconds) - .milliseconds(1)
            #expect(path.nextProbe() == nil)
            path.now = path.now + .milliseconds(1)
        }
        path.carries = 1472
        #expect(path.probe())
        #expect(path.mtu.carriesBase)
        #expect(path.mtu.size == 1200)
    }

    @Test func `a path through a relay can carry less as well`() {
        let path = SizedPath(.relay(RelayHandle(hub: 1, generation: 1, channel: RelayChannel(1))), carries: 600)
        path.loseBase(1000, timeouts: 4)
        while path.probe() {}
        #expect(!path.mtu.carriesBase)
        #expect(path.probes == [1200, 1200, 1200])
    }

    // MARK: Refusals

    @Test func `sizes that the interface refuses are given up at once, without waiting for traffic`() {
        let path = found()
        #expect(path.nextProbe() == nil)
        path.now = path.now + .seconds(600)
        var refused: [Int] = []
        while let size = path.nextProbe(), size > 1472 {
            path.mtu.sentProbe(77)
            refused.append(size)
            #expect(path.refuse(size) == 77)
        }
        #expect(Set(refused).count == refused.count)
        #expect(refused.count <= 11)
        #expect(path.mtu.size == 1472)
    }

    @Test func `refused traffic leads back to the base at once`() {
        let path = found()
        #expect(path.refuse(1472) == nil)
        #expect(path.mtu.size == 1200)
        // What waited in the same batch is no news.
        #expect(path.refuse(1472) == nil)
        #expect(path.refuse(528) == nil)
        path.now = path.now + .seconds(5)
        path.deliver()
        #expect(path.probe())
    }

    @Test func `an interface that refuses the base puts the path in error at once`() {
        let path = found()
        path.carries = 1000
        #expect(path.refuse(1200) == nil)
        #expect(!path.mtu.carriesBase)
        #expect(path.mtu.size == 528)
        #expect(path.refuse(1200) == nil)
        path.now = path.now + .seconds(5)
        #expect(path.nextProbe() == 1200)
        path.mtu.sentProbe(5)
        #expect(path.refuse(1200) == nil)
    }
}
