package import NIOCore
package import PosternModel

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

extension Instant {
    /// The event loop's clock: nanoseconds of monotonic time, so that an instant is a deadline of NIO as it stands.
    package init(_ deadline: NIODeadline) {
        self.init(nanoseconds: Int64(clamping: deadline.uptimeNanoseconds))
    }

    /// The same point in time for NIO's timers.
    package var deadline: NIODeadline {
        .uptimeNanoseconds(UInt64(clamping: nanoseconds))
    }
}

/// Nanoseconds since 1970-01-01 UTC, as the host's clock has it.
package func wallClockNanoseconds() -> UInt64 {
    var time = timespec()
    guard clock_gettime(CLOCK_REALTIME, &time) == 0 else {
        preconditionFailure("every system of ours has a real-time clock")
    }
    return UInt64(clamping: time.tv_sec) &* 1_000_000_000 &+ UInt64(clamping: time.tv_nsec)
}

extension Clocks {
    /// Now, by the host's clocks; the instant is a deadline of NIO.
    package static func now() -> Clocks {
        Clocks(wall: Timestamp(nanoseconds: Int64(clamping: wallClockNanoseconds())), instant: Instant(.now()))
    }
}
