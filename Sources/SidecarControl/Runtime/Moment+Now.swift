import NIOCore
import OverlayNIO
import OverlayWire
import TrustCore

extension Moment {
    /// Now, by the host's clocks; its instants are deadlines of NIO.
    static func now() -> Moment {
        let wall = Timestamp(nanoseconds: Int64(clamping: wallClockNanoseconds()))
        return Moment(wall: wall, instant: Instant(NIODeadline.now()))
    }
}
