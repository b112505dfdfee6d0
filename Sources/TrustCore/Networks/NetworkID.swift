import OverlayCrypto
import PosternModel

/// BLAKE2b-256 of an entry's header, or of a content key: the name of what nobody can make twice.
package struct NetworkHash: Hashable, Sendable {
    private let words: Words32

    /// The hash in `bytes`, or nil when there are not exactly 32.
    package init?(bytes: [UInt8]) {
        guard let words = Words32(bytes: bytes) else { return nil }
        self.words = words
    }

    /// The hash of `message`.
    init(of message: [UInt8]) {
        guard let words = Words32(bytes: Hash.blake2b(message)) else {
            preconditionFailure("BLAKE2b-256 gives 32 bytes")
        }
        self.words = words
    }

    /// The 32 bytes of the hash.
    package var bytes: [UInt8] { words.bytes }
}

extension NetworkHash: Comparable {
    /// That of the bytes.
    package static func < (lhs: NetworkHash, rhs: NetworkHash) -> Bool {
        lhs.bytes.lexicographicallyPrecedes(rhs.bytes)
    }
}

extension NetworkHash: CustomStringConvertible {
    /// 64 hexadecimal digits.
    package var description: String { Hex.encode(bytes) }

    /// The hash written as `text` in lower case, or nil when it is none.
    package init?(_ text: some StringProtocol) {
        guard text.utf8.count == 64, let bytes = Hex.decode(text), Hex.encode(bytes) == String(text) else {
            return nil
        }
        self.init(bytes: bytes)
    }
}

/// Which network: the hash of its genesis (RULES N2).
package struct NetworkID: Hashable, Comparable, Sendable {
    package let hash: NetworkHash

    package init(_ hash: NetworkHash) {
        self.hash = hash
    }

    /// The 40 bits that stand in addresses: the first of the hash. They are a label and decide nothing.
    package var label: UInt64 { hash.bytes.prefix(5).reduce(0) { $0 << 8 | UInt64($1) } }

    package static func < (lhs: NetworkID, rhs: NetworkID) -> Bool { lhs.hash < rhs.hash }
}

extension NetworkID: CustomStringConvertible {
    package var description: String { hash.description }

    /// The id written as `text`, or nil when it is none.
    package init?(_ text: some StringProtocol) {
        guard let hash = NetworkHash(text) else { return nil }
        self.init(hash)
    }
}

/// How far a log has come: the number of its last entry, and the hash of that.
package struct NetworkHead: Hashable, Sendable {
    package let sequence: Int64
    package let hash: NetworkHash

    package init(sequence: Int64, hash: NetworkHash) {
        self.sequence = sequence
        self.hash = hash
    }
}

/// What somebody may do in a network (RULES N9). The later one may do more.
package enum NetworkRole: String, Comparable, CaseIterable, Sendable {
    case member
    case admin
    case owner

    package static func < (lhs: NetworkRole, rhs: NetworkRole) -> Bool {
        allCases.firstIndex(of: lhs) ?? 0 < allCases.firstIndex(of: rhs) ?? 0
    }
}

/// What a network's log may hold at most (RULES N15). These are rules of the format.
package enum NetworkLimits {
    /// Bytes of one header's canonical form.
    static let header = 4_096
    /// Bytes of one sealed body: with its boxes it fits into one request to a hub.
    package static let body = 12_288
    /// Members of one network, with its open invitations.
    package static let members = 10_000
    /// Boxes that lie in one entry: with more readers a new content key is handed to hubs apart.
    package static let entryBoxes = 96
    /// Bytes of one box.
    package static let box = 128
    /// Milliseconds that a membership by invitation may last: ten years.
    static let membership: Int64 = 3_650 * 86_400_000
    /// Milliseconds of ``NetworkFreshness``: a second to ten years.
    static let freshness: ClosedRange<Int64> = 1_000...3_650 * 86_400_000
    /// Uses of one invitation.
    package static let invitationUses: Int64 = 1_000
    /// Milliseconds that a credential may last: a day.
    package static let credential: Int64 = 86_400_000
    /// Credentials that are shown at one time, and subjects whose credentials are void.
    package static let credentials = 256
    /// Authorities, and those that were some whose credentials may not have ended.
    package static let authorities = 16
    /// Groups that one authority may give.
    package static let authorityGroups = 32
    /// Branches of one log that are kept apart.
    static let branches = 16
    /// Groups, and services that a policy names.
    static let groups = 1_024
}
