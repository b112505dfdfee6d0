import PosternModel
package import TrustCore

/// What the lines of a node's journal say: one line for each batch of facts that became durable together, the canonical
/// JSON array of them. How the lines are sealed and chained is ``TrustCore/JournalChain``'s matter.
package enum TrustJournal {
    /// Bytes of one fact with entries of a log that is written anew, but one entry at least.
    private static let partSize = 65_536

    /// The content of the line for `facts`.
    package static func content(_ facts: [TrustFact]) -> [UInt8] {
        var bytes = [UInt8(ascii: "[")]
        func append(_ text: [UInt8]) {
            if bytes.count > 1 { bytes.append(UInt8(ascii: ",")) }
            bytes += text
        }
        for fact in facts {
            if case .network(.log(let id, let log)) = fact {
                write(log, of: id, append)
            } else {
                append(fact.document.canonicalBytes)
            }
        }
        bytes.append(UInt8(ascii: "]"))
        return bytes
    }

    /// The facts that say what the log says, in parts: it may be too long to be in memory at one time.
    private static func write(_ log: NetworkLog, of id: NetworkID, _ append: ([UInt8]) -> Void) {
        let opening = Array(#"{"fact":"network","network":{"entries":["#.utf8)
        let end = Array(#"],"id":"\#(id)"}}"#.utf8)
        var part = opening
        for text in log.texts {
            if part.count > opening.count { part.append(UInt8(ascii: ",")) }
            part += text
            guard part.count >= partSize else { continue }
            append(part + end)
            part = opening
        }
        if part.count > opening.count { append(part + end) }
    }

    /// All facts in the lines of a journal, in their order. Throws when one holds something else than facts that this
    /// version knows. `areSealed`: a seal of this node covers the lines, so that the entries of networks in them, which
    /// were verified before they were written, are not verified again.
    package static func facts(
        in lines: [ArraySlice<UInt8>],
        areSealed: Bool = false
    ) throws(JournalFault) -> [TrustFact] {
        var facts: [TrustFact] = []
        try read(lines, areSealed: areSealed) { facts.append($0) }
        return facts
    }

    /// The same, but each fact is given to `take` and then forgotten.
    static func read(
        _ lines: [ArraySlice<UInt8>],
        areSealed: Bool,
        _ take: (TrustFact) -> Void
    ) throws(JournalFault) {
        var former = FormerFacts()
        for (index, line) in lines.enumerated() {
            do throws(RecordError) {
                var rest = try array(in: line)
                while let value = try next(of: &rest) {
                    if let read = try former.read(value) {
                        for fact in read { take(fact) }
                    } else {
                        take(try TrustFact(value, areSealed: areSealed))
                    }
                }
            } catch {
                throw JournalFault(line: index + 1, reason: .unreadable(error))
            }
        }
    }

    /// The number that the line for `facts` needs at least: what goes on with an old state goes on after all that was.
    package static func minimum(for facts: [TrustFact]) -> Int64 {
        var minimum: Int64 = 0
        for case .recovered(let sequence) in facts { minimum = max(minimum, sequence + 1) }
        return minimum
    }

    /// The names that `facts`, in their order, leave bound to somebody.
    package static func boundNames(in facts: [TrustFact]) -> Set<String> {
        var names: [NodeKey: String] = [:]
        for case .bound(let name, let peer) in facts { names[peer] = name }
        return Set(names.values)
    }

    /// What stands between the brackets of the array in `line`.
    private static func array(in line: ArraySlice<UInt8>) throws(RecordError) -> ArraySlice<UInt8>? {
        guard line.count >= 2, line.first == UInt8(ascii: "["), line.last == UInt8(ascii: "]") else {
            throw .malformed
        }
        return line.count > 2 ? line.dropFirst().dropLast() : nil
    }

    /// Takes the first element of an array from `rest`, which becomes nil behind the last one. However long the array
    /// is, one element is in memory as a value.
    private static func next(of rest: inout ArraySlice<UInt8>?) throws(RecordError) -> JSONValue? {
        guard let bytes = rest else { return nil }
        var depth = 0
        var isText = false
        var isEscaped = false
        let comma = bytes.firstIndex { byte in
            if isEscaped {
                isEscaped = false
            } else if isText {
                isEscaped = byte == UInt8(ascii: "\\")
                isText = byte != UInt8(ascii: "\"")
            } else {
                switch byte {
                case UInt8(ascii: "\""): isText = true
                case UInt8(ascii: "["), UInt8(ascii: "{"): depth += 1
                case UInt8(ascii: "]"), UInt8(ascii: "}"): depth -= 1
                case UInt8(ascii: ","): return depth == 0
                case _: break
                }
            }
            return false
        }
        rest = comma.map { bytes[($0 + 1)...] }
        let limits = JSONLimits(depth: JSONLimits.defaults.depth, byteCount: .max)
        guard let value = try? JSONValue(parsing: Array(bytes[..<(comma ?? bytes.endIndex)]), limits: limits) else {
            throw .malformed
        }
        return value
    }
}
