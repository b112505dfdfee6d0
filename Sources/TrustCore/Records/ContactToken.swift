import OverlayCrypto
import PosternModel

/// The secret of a contact card: whoever has it gets room in its maker's mailbox, and no trust (RULES C). The maker
/// tells its hubs only ``id``, so that a hub's store gives nobody a token.
package struct ContactToken: Hashable, Sendable {
    /// Bytes of a token.
    package static let byteCount = 16

    /// The 16 random bytes.
    package let bytes: [UInt8]

    /// The token of `bytes`; nil when there are not exactly 16.
    package init?(bytes: [UInt8]) {
        guard bytes.count == Self.byteCount else { return nil }
        self.bytes = bytes
    }

    /// What hubs know it by.
    package var id: RecordID { RecordID(ofBytes: bytes) }
}
