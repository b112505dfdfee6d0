package import NIOCore

/// What a service carried in the last hour, minute by minute.
package final class TrafficHistory {
    /// One minute in which something happened.
    package struct Minute: Hashable, Sendable {
        /// Since the clock's zero.
        let number: UInt64
        package fileprivate(set) var requests: UInt64 = 0
        package fileprivate(set) var errors: UInt64 = 0
        package fileprivate(set) var durations = DurationHistogram()
    }

    private static let length: UInt64 = 60

    private var minutes: [Minute] = []

    /// A request ended at `now`; `seconds` is nil where it has no end that tells how long it took.
    func add(seconds: Double?, isError: Bool, at now: NIODeadline) {
        let number = Self.number(now)
        if minutes.last?.number != number {
            minutes.removeAll { $0.number + Self.length <= number }
            minutes.append(Minute(number: number))
        }
        let last = minutes.count - 1
        minutes[last].requests += 1
        if isError { minutes[last].errors += 1 }
        if let seconds { minutes[last].durations.add(seconds) }
    }

    /// The last sixty minutes, the oldest first and the running one last; nil: nothing happened.
    package func lastHour(at now: NIODeadline) -> [Minute?] {
        let number = Self.number(now)
        var hour = [Minute?](repeating: nil, count: Int(Self.length))
        for minute in minutes where minute.number + Self.length > number && minute.number <= number {
            hour[Int(minute.number + Self.length - 1 - number)] = minute
        }
        return hour
    }

    private static func number(_ now: NIODeadline) -> UInt64 { now.uptimeNanoseconds / 60_000_000_000 }
}
