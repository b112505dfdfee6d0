import PosternModel
package import TrustCore

/// What the lines of a node's journal say: one line for each batch of facts that became durable together, the canonical
/// JSON array of them. How the lines are sealed and chained is ``TrustCore/JournalChain``'s matter.
package enum TrustJournal {
    /// The content of the line for `facts`.
    package static func content(_ facts: [TrustFact]) -> [UInt8] {
        JSONValue.array(facts.map(\.document)).canonicalBytes
    }

    /// All facts in the lines of a journal, in their order. Throws when one holds something else than facts that this
    /// version knows.
    package static func facts(in lines: [ArraySlice<UInt8>]) throws(JournalFault) -> [TrustFact] {
        var facts: [TrustFact] = []
        var former = FormerFacts()
        for (index, line) in lines.enumerated() {
            do {
                facts += try parse(line, &former)
            } catch {
                throw JournalFault(line: index + 1, reason: .unreadable(error))
            }
        }
        return facts
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

    private static func parse(_ line: ArraySlice<UInt8>, _ former: inout FormerFacts) throws(RecordError) -> [TrustFact]
    {
        guard let values = (try? JSONValue(parsing: Array(line)))?.array else { throw .malformed }
        var facts: [TrustFact] = []
        for value in values {
            if let read = try former.read(value) { facts += read } else { facts.append(try TrustFact(value)) }
        }
        return facts
    }
}
