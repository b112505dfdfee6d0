import OverlayWire
import PosternModel

// The size of packets on the path in use.
extension Session {
    /// The largest packet to send now, in bytes. After repeated probe time-outs what every path carries: large packets
    /// may be what the path swallows, and with small ones a stream goes on either way (RFC 8899 §4.3).
    var packetSize: Int {
        guard let path else { return PacketLayout.minimumPathSize }
        let size = path.sendSize
        return recovery.probeCount >= PathMTU.timeoutsBeforeBase ? min(size, path.mtu.base) : size
    }

    /// The size of a probe that may leave now, if one is due. Only between the packets of a stream that has more to
    /// send: these show soon that a probe was lost. No probe takes more than half of the window, and none leaves when
    /// the window is full or silence is being probed.
    func dueSizeProbe(at now: Instant) -> Int? {
        guard let path, path.amplificationLimit == nil, !queues.isEmpty, recovery.probeCount == 0, path.hasWindow else {
            return nil
        }
        guard let size = path.mtu.nextProbe(at: now), size <= path.congestion.window / 2 else { return nil }
        return size
    }

    /// The system refused to send packets of `byteCount` bytes on the path in use.
    func refused(_ byteCount: Int, at now: Instant) {
        guard let path, let probe = path.mtu.refuse(byteCount, at: now) else { return }
        // It never left: nobody has to wait for its loss.
        recovery.settle(probe) { _ in }
        path.forget(sizeProbe: byteCount)
    }
}
