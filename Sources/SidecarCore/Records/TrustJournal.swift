import OverlayCrypto
import PosternModel
package import TrustCore

/// The text of the durable store: one line for each batch of facts that became durable together.
///
/// A line is 16 hexadecimal digits (BLAKE2b-64 of what follows the space), a space, the canonical JSON array of the
/// facts, and a line feed. Lines are appended and made durable one at a time, so a crash can damage the last line and
/// no other: a damaged last line was never acknowledged and is cut off, while damage before it is an error, for it
/// means that the file was changed by something else.
package enum TrustJournal {
    private static let checksumSize = 16

    /// The line for `facts`.
    package static func line(_ facts: [TrustFact]) -> [UInt8] {
        let text = JSONValue.array(facts.map(\.document)).canonicalBytes
        return checksum(text) + [UInt8(ascii: " ")] + text + [UInt8(ascii: "\n")]
    }

    /// What a journal says.
    package struct Replay: Sendable {
        /// All facts, in their order.
        package let facts: [TrustFact]
        /// The bytes up to the end of the last whole line; what follows is to be cut off before the next append.
        package let validByteCount: Int
        /// The number of whole lines.
        package let lineCount: Int
    }

    /// Reads a journal. Throws when a line that is not the last is damaged, or a whole line holds no facts that this
    /// version knows.
    package static func replay(_ bytes: [UInt8]) throws(JournalError) -> Replay {
        var facts: [TrustFact] = []
        var former = FormerFacts()
        var start = 0
        var count = 0
        while start < bytes.count {
            guard let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) else { break }
            guard let text = content(bytes[start..<end]) else {
                guard end + 1 == bytes.count || !holdsWholeLine(bytes[(end + 1)...]) else {
                    throw JournalError(line: count + 1, reason: .damaged)
                }
                break
            }
            do {
                facts += try parse(text, &former)
            } catch {
                throw JournalError(line: count + 1, reason: .unreadable(error))
            }
            count += 1
            start = end + 1
        }
        return Replay(facts: facts, validByteCount: start, lineCount: count)
    }

    /// The names that `facts`, in their order, leave bound to somebody.
    package static func boundNames(in facts: [TrustFact]) -> Set<String> {
        var names: [NodeKey: String] = [:]
        for case .bound(let name, let peer) in facts { names[peer] = name }
        return Set(names.values)
    }

    private static func parse(_ text: [UInt8], _ former: inout FormerFacts) throws(RecordError) -> [TrustFact] {
        guard let values = (try? JSONValue(parsing: text))?.array else { throw .malformed }
        var facts: [TrustFact] = []
        for value in values {
            if let read = try former.read(value) { facts += read } else { facts.append(try TrustFact(value)) }
        }
        return facts
    }

    /// The JSON of a line, if its checksum holds.
    private static func content(_ line: ArraySlice<UInt8>) -> [UInt8]? {
        guard line.count > checksumSize + 1 else { return nil }
        let text = Array(line.dropFirst(checksumSize + 1))
        guard line[line.startIndex + checksumSize] == UInt8(ascii: " ") else { return nil }
        return Array(line.prefix(checksumSize)) == checksum(text) ? text : nil
    }

    private static func holdsWholeLine(_ bytes: ArraySlice<UInt8>) -> Bool {
        bytes.split(separator: UInt8(ascii: "\n")).contains { content($0) != nil }
    }

    private static func checksum(_ text: [UInt8]) -> [UInt8] {
        Array(Hex.encode(Hash.blake2b(text, byteCount: checksumSize / 2)).utf8)
    }
}

/// Why a journal cannot be read.
package struct JournalError: Error, Hashable, Sendable {
    /// What is wrong with the line.
    package enum Reason: Hashable, Sendable {
        /// The checksum does not match, and whole lines follow.
        case damaged
        /// The line is whole, but holds something else than facts.
        case unreadable(RecordError)
    }

    /// The line, from 1.
    package let line: Int
    package let reason: Reason

    package init(line: Int, reason: Reason) {
        self.line = line
        self.reason = reason
    }
}

extension JournalError: CustomStringConvertible {
    package var description: String {
        switch reason {
        case .damaged:
            "line \(line) is damaged, but lines after it are not: the file was changed or its disk is failing"
        case .unreadable(let error): "line \(line): \(error)"
        }
    }
}
