import CAllocationCounter
import Foundation
import NIOCore
import NIOPosix
import OverlayCore
import OverlayCrypto
import OverlayNIO
import OverlayWire

extension Bench {
    /// What sessions cost on which nothing happens.
    static let idle = Bench(
        name: "idle",
        summary: "one node with 100 idle sessions over UDP on loopback: CPU of its thread, memory of both ends"
    ) { budget in
        let world = try IdleWorld(count: 100)
        // Once before, and forgotten: sockets have their buffers from then on, and only sessions are left to be paid.
        try world.connectAll()
        try world.forgetAll()
        sleepSeconds(0.2)
        let start = MemoryUse()
        try world.connectAll()
        // What was sent to open the sessions is acknowledged and its timers have run.
        sleepSeconds(2)
        let end = MemoryUse()
        let time = budget.perRound(parts: 1)
        let shares = try (0..<budget.rounds).map { _ in
            let start = try world.processorSeconds()
            sleepSeconds(time)
            return (try world.processorSeconds() - start) / time * 100
        }
        try world.stop()
        let ends = Double(2 * world.count)
        return [
            Measurement(what: "CPU of the node with 100 sessions, share of a core", unit: "%", samples: shares),
            Measurement(
                what: "an end of a session, allocated",
                unit: "B",
                samples: [(end.allocated - start.allocated) / ends]
            ),
            Measurement(
                what: "an end of a session, resident",
                unit: "B",
                samples: [(end.resident - start.resident) / ends]
            ),
        ]
    }
}

/// One node in the middle and many around it, each known to it and all on one other thread.
private final class IdleWorld {
    let count: Int
    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
    private let middle: NIOLoopBound<OverlayNode>
    private var around: [NIOLoopBound<OverlayNode>] = []
    private var peers: [PeerConfiguration] = []
    private let here: PeerConfiguration

    /// No stream is opened, so none is accepted.
    private static var observer: AcceptingObserver { AcceptingObserver { AnsweringHandler(mode: .fresh) } }

    init(count: Int) throws {
        self.count = count
        let identity = try NodeIdentity(seed: Array(repeating: 1, count: 32))
        let loop = group.next()
        let middle = try LoopbackPair.makeNode(identity, on: loop) { _ in Self.observer }
        self.middle = middle
        here = PeerConfiguration(key: identity.key, candidates: Candidate.hosts(try LoopbackPair.start(middle)))
        let otherLoop = group.next()
        for number in 0..<count {
            let other = try NodeIdentity(seed: Array(repeating: UInt8(number + 2), count: 32))
            let node = try LoopbackPair.makeNode(other, on: otherLoop) { _ in Self.observer }
            peers.append(PeerConfiguration(key: other.key, candidates: Candidate.hosts(try LoopbackPair.start(node))))
            around.append(node)
        }
        try forgetAll()
    }

    /// Ends every session, and lets both ends know each other again.
    func forgetAll() throws {
        let (middle, here, peers) = (middle, here, peers)
        for node in around {
            try node.eventLoop.submit {
                node.value.expel(here.key, code: .none)
                node.value.admit(here)
            }.wait()
        }
        try middle.eventLoop.submit {
            for peer in peers {
                middle.value.expel(peer.key, code: .none)
                middle.value.admit(peer)
            }
        }.wait()
    }

    /// Opens a session with each.
    func connectAll() throws {
        let middle = middle
        for peer in peers {
            _ = try middle.eventLoop.flatSubmit { middle.value.ping(peer.key) }.wait()
        }
    }

    /// Seconds that the thread of the node in the middle has spent on a processor.
    func processorSeconds() throws -> Double {
        try middle.eventLoop.submit { threadSeconds() }.wait()
    }

    func stop() throws {
        for node in around + [middle] { try node.eventLoop.flatSubmit { node.value.stop() }.wait() }
        try group.syncShutdownGracefully()
    }
}

/// Bytes that this process uses now.
private struct MemoryUse {
    /// Asked for and not given back, as the allocator rounds it up.
    let allocated = Double(allocation_bytes())
    /// In physical memory: the second figure of /proc/self/statm, in pages (proc(5)).
    let resident: Double

    init() {
        let text = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8)) ?? ""
        let pages = text.split(separator: " ").dropFirst().first.flatMap { Double($0) } ?? .nan
        resident = pages * Double(getpagesize())
    }
}
