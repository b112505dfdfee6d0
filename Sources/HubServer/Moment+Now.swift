import NIOCore
import OverlayWire
import TrustCore

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

extension Moment {
    /// Now, by the host's clocks; its instants are deadlines of NIO.
    static func now() -> Moment {
        var time = timespec()
        guard clock_gettime(CLOCK_REALTIME, &time) == 0 else {
            preconditionFailure("every system of ours has a real-time clock")
        }
        let wall = Timestamp(seconds: Int64(time.tv_sec)) + Interval(nanoseconds: Int64(time.tv_nsec))
        let instant = Instant(nanoseconds: Int64(clamping: NIODeadline.now().uptimeNanoseconds))
        return Moment(wall: wall, instant: instant)
    }
}
