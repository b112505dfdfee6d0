import OverlayCrypto
import PosternModel

/// A journal as it was read and checked.
package struct JournalReading: Sendable {
    /// The contents of its lines, in their order.
    package private(set) var contents: [ArraySlice<UInt8>] = []
    /// The bytes up to the end of the last whole line; what follows is to be cut off before the next append.
    package private(set) var validByteCount = 0
    /// The end of the chain.
    package private(set) var head = ChainHead.empty
    /// The ends that the chain had before, as far as the file tells, the latest last.
    package private(set) var past: [ChainHead] = []
    /// Whether a sealed line is there, whose seal then covers all lines. A journal without one has to be begun.
    package var isBegun: Bool { sealedCount > 0 }

    private var sealedCount = 0
    /// The number of the first sealed line.
    private var firstSequence: Int64 = 0

    /// How many past ends are remembered.
    package static let pastCount = 4_096

    /// Reads the journal in `bytes`, whose lines were sealed with `key`, and holds it against `mark`, the end that the
    /// node has signed last. `isNew`: nothing says that this node has kept a sealed journal before, so there need not
    /// be a mark yet.
    package init(_ bytes: [UInt8], key: ChainKey, mark: ChainHead?, isNew: Bool) throws(JournalFault) {
        var number = 0
        var isMarkFound = false
        while let end = bytes[validByteCount...].firstIndex(of: UInt8(ascii: "\n")) {
            number += 1
            guard let line = JournalLine(bytes[validByteCount..<end], key: key) else {
                guard !Self.holdsLine(bytes[(end + 1)...], key) else {
                    throw JournalFault(line: number, reason: .damaged)
                }
                break
            }
            guard take(line, former: bytes[..<validByteCount]) else {
                throw JournalFault(line: number, reason: .outOfOrder)
            }
            if isBegun, let mark, mark.sequence == head.sequence {
                guard mark == head else { throw JournalFault(line: number, reason: .wrongMark) }
                isMarkFound = true
            }
            validByteCount = end + 1
        }
        try check(mark, isFound: isMarkFound, isNew: isNew)
    }

    private mutating func take(_ line: JournalLine, former: ArraySlice<UInt8>) -> Bool {
        switch line.form {
        case .former:
            guard !isBegun else { return false }
        case .sealed(let next, let previous, let isBase):
            if isBase {
                guard contents.isEmpty, next.sequence > 0 else { return false }
                // What came before it is known by its hash alone.
                past = [ChainHead(sequence: next.sequence - 1, hash: previous)]
            } else if isBegun {
                guard previous == head.hash, next.sequence > head.sequence else { return false }
                past.append(head)
                if past.count > Self.pastCount { past.removeFirst(Self.pastCount / 4) }
            } else {
                guard !contents.isEmpty, previous == Self.hash(ofFormer: former) else { return false }
            }
            if !isBegun { firstSequence = next.sequence }
            sealedCount += 1
            head = next
        }
        contents.append(line.content)
        return true
    }

    /// Holds what was read against the node's mark.
    private func check(_ mark: ChainHead?, isFound: Bool, isNew: Bool) throws(JournalFault) {
        guard let mark else {
            // A crash can come between the first sealed line and the first mark, and never later.
            let isOnlyOpened = sealedCount == 1 && contents.last.map { Array($0) } == JournalChain.opening
            guard isNew, !isBegun || isOnlyOpened else { throw JournalFault(line: 0, reason: .noMark) }
            return
        }
        guard mark.sequence <= head.sequence else {
            throw JournalFault(line: contents.count, reason: .cut(mark.sequence - head.sequence))
        }
        // A mark of before the base was passed over by compaction; the base is the node's own all the same.
        guard !isFound, mark.sequence >= firstSequence || past.first?.sequence == mark.sequence, past.first != mark
        else { return }
        throw JournalFault(line: 1, reason: .wrongMark)
    }

    private static func holdsLine(_ bytes: ArraySlice<UInt8>, _ key: ChainKey) -> Bool {
        bytes.split(separator: UInt8(ascii: "\n")).contains { JournalLine($0, key: key) != nil }
    }

    /// What the first sealed line behind the lines of a former version follows.
    package static func hash(ofFormer lines: ArraySlice<UInt8>) -> String { Hex.encode(Hash.blake2b(Array(lines))) }
}

extension JournalReading {
    /// The contents of all lines in `bytes` that are by themselves authentic, whatever is missing between them: what
    /// can be saved of a journal that does not read any more. Lines of a former version come first, the others in the
    /// order of their numbers; those before the latest base are left out, for it says what they said. Of the first
    /// `formerCount` anybody may be the author.
    package static func salvage(
        _ bytes: [UInt8],
        key: ChainKey
    ) -> (contents: [ArraySlice<UInt8>], formerCount: Int, last: ChainHead) {
        var former: [ArraySlice<UInt8>] = []
        var sealed: [Int64: ArraySlice<UInt8>] = [:]
        var base: Int64?
        var last = ChainHead.empty
        for line in bytes.split(separator: UInt8(ascii: "\n")).compactMap({ JournalLine($0, key: key) }) {
            switch line.form {
            case .former: former.append(line.content)
            case .sealed(let head, _, let isBase):
                sealed[head.sequence] = line.content
                if isBase { base = max(base ?? 0, head.sequence) }
                if head.sequence > last.sequence { last = head }
            }
        }
        let kept = sealed.filter { $0.key >= base ?? 0 }.sorted { $0.key < $1.key }
        if base != nil { former = [] }
        return (former + kept.map(\.value), former.count, last)
    }
}

/// Why a journal cannot be read.
package struct JournalFault: Error, Hashable, Sendable {
    /// What is wrong.
    package enum Reason: Hashable, Sendable {
        /// The line's seal or checksum does not match, and whole lines follow.
        case damaged
        /// The line is whole, and follows another one than that before it.
        case outOfOrder
        /// The line is not the one that the node has signed under its number.
        case wrongMark
        /// So many lines are missing at the end that the node has signed.
        case cut(Int64)
        /// What the node has signed last is missing, or is not its own.
        case noMark
        /// The line is whole, but holds something else than facts.
        case unreadable(RecordError)
    }

    /// The line, from 1; 0 when the journal as a whole is meant.
    package let line: Int
    package let reason: Reason

    package init(line: Int, reason: Reason) {
        self.line = line
        self.reason = reason
    }
}

extension JournalFault: CustomStringConvertible {
    package var description: String { line == 0 ? cause : "line \(line): \(cause)" }

    private var cause: String {
        switch reason {
        case .damaged: "it is damaged, but lines after it are not: the file was changed or its disk is failing"
        case .outOfOrder: "it does not follow the line before it: lines were removed, added or moved"
        case .wrongMark: "it is not the line that this node has signed under its number: the file was replaced"
        case .cut(let count): "the journal ends here, and \(count) later lines that this node has signed are missing"
        case .noMark: "its signed head is missing, so it cannot be excluded that lines were removed"
        case .unreadable(let error): "\(error)"
        }
    }
}
