import OverlayWire
import PosternModel

// The size of packets on the path in use.
extension Session {
    /// The largest packet to send now, in bytes. After repeated probe time-outs what the path began with, and after
    /// some more one of two has the smallest size: large packets may be what the path swallows, and with small ones a
    /// stream goes on either way (RFC 8899 §4.3).
    var packetSize: Int {
        guard let path else { return PacketLayout.basePathSize }
        let size = path.sendSize
        guard recovery.probeCount >= PathMTU.timeoutsBeforeBase else { return size }
        let isSmall = isTryingSizes && recovery.probesOwed < LossRecovery.probePackets
        return min(size, isSmall ? PacketLayout.smallestPathSize : path.mtu.base)
    }

    /// Whether probe time-outs send a packet of each of two sizes.
    var isTryingSizes: Bool { recovery.probeCount >= PathMTU.timeoutsBeforeSmallest }

    /// The size of a probe that may leave now, if one is due. Only between the packets of a stream that has more to
    /// send, which show soon that a probe was lost, unless even the base is in doubt. No probe above the base takes
    /// more than half of the window, and none leaves when the window is full or silence is being probed.
    func dueSizeProbe(at now: Instant) -> Int? {
        guard let path, path.amplificationLimit == nil, recovery.probeCount == 0, path.hasWindow else { return nil }
        guard !queues.isEmpty || path.mtu.isDoubted else { return nil }
        guard let size = path.mtu.nextProbe(at: now) else { return nil }
        return size <= path.mtu.base || size <= path.congestion.window / 2 ? size : nil
    }

    /// The system refused to send packets of `byteCount` bytes on the path in use.
    func refused(_ byteCount: Int, shared: inout Shared, at now: Instant) {
        guard let path else { return }
        if let probe = path.mtu.refuse(byteCount, at: now) {
            // It never left: nobody has to wait for its loss.
            recovery.settle(probe) { _ in }
            path.forget(sizeProbe: byteCount)
        }
        notePathSize(shared: &shared, at: now)
    }

    /// Tells when the path in use turns out to carry less than its base, and when it carries that after all. A path
    /// that does not is left for any that does (DESIGN §7).
    func notePathSize(shared: inout Shared, at now: Instant) {
        guard let path, path.mtu.carriesBase == isBelowBaseTold else { return }
        isBelowBaseTold = !path.mtu.carriesBase
        shared.events.append(.pathBelowBase(peer.handle, peer.key, path.addresses.remote, isBelowBaseTold))
        if isBelowBaseTold { probeAlternatives(shared: &shared, at: now) }
    }

    /// Datagrams that cannot leave before the path carries more are lost: they wait for nothing.
    func dropLargeDatagrams(shared: inout Shared) {
        guard let path, !path.mtu.carriesBase else { return }
        let room = path.mtu.size - PacketLayout.Protected.overhead - Self.datagramHead
        while let datagram = datagrams.first, datagram.byteCount > room {
            _ = datagrams.popFirst()
            shared.pool.giveBack(datagram.block)
            shared.statistics.datagramsDropped += 1
        }
    }
}
