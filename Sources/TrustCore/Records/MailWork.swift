import OverlayCrypto
package import PosternModel

/// The solution of a ``WorkChallenge``: what a stranger pays for room in a mailbox (RULES M).
package struct MailWork: Hashable, Sendable {
    /// The hour for which it was done, counted from 1970.
    package let hour: Int64
    /// The number found, below 2^53 as JSON needs it (RFC 7493 §2.2).
    package let number: UInt64

    fileprivate static let numberLimit: UInt64 = 1 << 53

    init(hour: Int64, number: UInt64) {
        self.hour = hour
        self.number = number
    }

    /// The work in `document`.
    package init(_ document: JSONValue) throws(RecordError) {
        let fields = try JSONFields(document)
        hour = try fields.integer("hour")
        guard let number = UInt64(exactly: try fields.integer("number")), number < Self.numberLimit else {
            throw .invalid("number")
        }
        self.number = number
    }

    /// The JSON form.
    package var document: JSONValue { ["hour": .integer(hour), "number": .integer(Int64(number))] }
}

/// What the work for one mail is done over: it is worth nothing at another hub, for another sender, target or mail, and
/// nothing once the hour has passed.
package struct WorkChallenge: Hashable, Sendable {
    private let message: [UInt8]
    private let hour: Int64

    private static let context = Array("postern work 1".utf8)

    /// The challenge for the box `sealed`, which `sender` leaves at `hub` for `target` in the hour `hour`.
    package init(hub: NodeKey, sender: NodeKey, target: NodeKey, sealed: [UInt8], hour: Int64) {
        let hourBytes = (0..<8).map { UInt8(truncatingIfNeeded: hour >> Int64(56 - 8 * $0)) }
        message = Self.context + hub.bytes + sender.bytes + target.bytes + Hash.blake2b(sealed) + hourBytes
        self.hour = hour
    }

    /// The hour that `time` is in.
    package static func hour(of time: Timestamp) -> Int64 { time.nanoseconds / Interval.seconds(3_600).nanoseconds }

    /// How many zero bits `work` gives; none when it was done for another hour.
    package func bits(of work: MailWork) -> Int {
        work.hour == hour ? HashWork(over: message).bits(of: work.number) : 0
    }

    /// Looks for work of at least `bits` zero bits, in up to sixteen times as many attempts as that takes on average;
    /// nil in the unlikely case that none of them is one, or when `bits` are beyond ``largestSize``. Blocks as long as
    /// it takes.
    package func solve(bits: Int) -> MailWork? {
        guard (0...Self.largestSize).contains(bits) else { return nil }
        let attempts = UInt64(1) << UInt64(bits + 4)
        return HashWork(over: message).search(0..<attempts, bits: bits).map { MailWork(hour: hour, number: $0) }
    }

    /// The most zero bits that a hub may ask for (RULES M).
    package static let largestSize = 24
}
