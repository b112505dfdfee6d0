import OverlayWire
import PosternModel

/// Which packets arrived and when that has to be told (RFC 9000 §13.2).
struct ReceivedPackets: ~Copyable {
    /// Ranges that are remembered; below them everything counts as old news (RFC 9000 §13.2.3).
    static let maximumRanges = 32
    /// Ack-eliciting packets after which an acknowledgement leaves at once (RFC 9000 §13.2.2), while the conversation
    /// is young and its sender needs to hear soon.
    static let ackEvery = 2
    /// The same after ``youth`` packets: acknowledgements cost the receiver of a bulk transfer more than anything else,
    /// and its sender learns as much from fewer (draft-ietf-quic-ack-frequency).
    static let laterAckEvery = 10
    /// Ack-eliciting packets after which a conversation is no longer young.
    static let youth = 100

    /// Ascending, separate ranges of packet numbers.
    private var ranges: [ClosedRange<UInt64>] = []
    private var largestAt = Instant(nanoseconds: 0)
    private var unacknowledged = 0
    /// When the first of the unacknowledged packets arrived, and how many packets elicited an acknowledgement so far.
    private var unacknowledgedSince = Instant(nanoseconds: 0)
    private var elicitingCount = 0
    private(set) var isAckDue = false
    /// When an acknowledgement has to leave at the latest.
    private(set) var deadline: Instant?
    private(set) var ecn = ECNCounts()

    var largest: UInt64? { ranges.last?.upperBound }

    /// Whether an acknowledgement waits, due or not.
    var hasNews: Bool { unacknowledged > 0 }

    /// Notes that packet `number` arrived. `roundTrip`: two packets and more wait for no longer than a quarter of it.
    mutating func receive(
        _ number: UInt64,
        isAckEliciting: Bool,
        ecn codepoint: ECNCodepoint,
        maxAckDelay: Interval,
        roundTrip: Interval,
        at now: Instant
    ) {
        let expected = ranges.last.map { $0.upperBound + 1 } ?? number
        insert(number)
        if number >= expected { largestAt = now }
        switch codepoint {
        case .notECT: break
        case .ect0: ecn.ect0 += 1
        case .ect1: ecn.ect1 += 1
        case .ce: ecn.ce += 1
        }
        guard isAckEliciting else { return }
        unacknowledged += 1
        elicitingCount += 1
        // RFC 9000 §13.2.1: at once when out of order, with a gap, or marked CE.
        let limit = elicitingCount <= Self.youth ? Self.ackEvery : Self.laterAckEvery
        if number != expected || unacknowledged >= limit || codepoint == .ce { isAckDue = true }
        if unacknowledged == 1 { unacknowledgedSince = now }
        // One packet is left alone: its answer carries the acknowledgement.
        // RFC 9000 §13.2.1: what timers are late is part of the delay that was promised.
        let longest = max(maxAckDelay - RoundTripEstimator.granularity, maxAckDelay / 2)
        let patience = unacknowledged >= Self.ackEvery ? min(longest, roundTrip / 4) : longest
        let latest = min(deadline ?? .distantFuture, unacknowledgedSince + patience)
        deadline = latest
        if latest <= now { isAckDue = true }
    }

    private mutating func insert(_ number: UInt64) {
        if let last = ranges.last, number == last.upperBound + 1 {
            ranges[ranges.count - 1] = last.lowerBound...number
            return
        }
        var position = ranges.count
        while position > 0, ranges[position - 1].lowerBound > number { position -= 1 }
        if position > 0, ranges[position - 1].upperBound >= number { return }
        let joinsBelow = position > 0 && ranges[position - 1].upperBound + 1 == number
        let joinsAbove = position < ranges.count && number + 1 == ranges[position].lowerBound
        switch (joinsBelow, joinsAbove) {
        case (true, true):
            ranges[position - 1] = ranges[position - 1].lowerBound...ranges[position].upperBound
            ranges.remove(at: position)
        case (true, false):
            ranges[position - 1] = ranges[position - 1].lowerBound...number
        case (false, true):
            ranges[position] = number...ranges[position].upperBound
        case (false, false):
            ranges.insert(number...number, at: position)
            if ranges.count > Self.maximumRanges { ranges.removeFirst() }
        }
    }

    /// The acknowledgement's deadline passed.
    mutating func advance(to now: Instant) {
        if let deadline, deadline <= now { isAckDue = true }
    }

    /// Appends an ACK frame with as many ranges as fit, and returns its largest number; nil when there is nothing to
    /// acknowledge or no room.
    mutating func writeAck(to writer: inout PacketWriter, at now: Instant) -> PacketNumber? {
        guard let last = ranges.last, writer.remaining >= 50 else { return nil }
        let hasECN = ecn != ECNCounts()
        let room = writer.remaining - 50
        let count = min(ranges.count - 1, room / 16)
        writer.append(hasECN ? FrameType.ackECN : FrameType.ack)
        writer.append(varint: last.upperBound)
        writer.append(varint: UInt64(max(0, (now - largestAt).nanoseconds / 1000)))
        writer.append(varint: UInt64(count))
        writer.append(varint: last.upperBound - last.lowerBound)
        var smallest = last.lowerBound
        for step in 0..<count {
            let range = ranges[ranges.count - 2 - step]
            writer.append(varint: smallest - range.upperBound - 2)
            writer.append(varint: range.upperBound - range.lowerBound)
            smallest = range.lowerBound
        }
        if hasECN {
            writer.append(varint: ecn.ect0)
            writer.append(varint: ecn.ect1)
            writer.append(varint: ecn.ce)
        }
        isAckDue = false
        unacknowledged = 0
        deadline = nil
        return PacketNumber(last.upperBound)
    }

    /// The peer has our acknowledgement up to `largest`: older ranges need no repeating (RFC 9000 §13.2.4).
    mutating func forget(upTo largest: PacketNumber) {
        while let first = ranges.first, ranges.count > 1, first.upperBound <= largest.rawValue {
            ranges.removeFirst()
        }
    }
}
