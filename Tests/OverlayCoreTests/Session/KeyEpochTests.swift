import OverlayWire
import Testing

@testable import OverlayCore
@testable import OverlayCrypto

/// Receiver indices of an epoch.
@Suite("Key epoch")
struct KeyEpochTests {
    private func epoch() throws -> KeyEpoch {
        let secret = try SessionSecret(bytes: Array(repeating: 1, count: 32))
        return KeyEpoch(
            serial: 1,
            secrets: SessionSecrets(send: secret, receive: secret, handshakeHash: []),
            cipher: .chaCha20Poly1305,
            ours: ReceiverIndex(100),
            theirs: ReceiverIndex(200),
            isInitiator: true,
            at: .at(0)
        )
    }

    @Test func `a new path has an index of its own, and challenges beside it have another`() throws {
        let epoch = try epoch()
        #expect(epoch.peerIndex == ReceiverIndex(200) && epoch.probingIndex == nil)
        epoch.changeIndex()
        #expect(epoch.peerIndex == ReceiverIndex(200))
        for sequence in 1...3 as ClosedRange<UInt64> {
            epoch.learn(sequence: sequence, ReceiverIndex(UInt32(200 + sequence)))
        }
        #expect(epoch.peerIndex == ReceiverIndex(200) && epoch.probingIndex == ReceiverIndex(201))
        epoch.changeIndex()
        #expect(epoch.peerIndex == ReceiverIndex(202) && epoch.probingIndex == ReceiverIndex(203))
    }

    @Test func `offers that packets bring in another order are all taken in their own`() throws {
        let epoch = try epoch()
        for sequence in [3, 1, 2] as [UInt64] { epoch.learn(sequence: sequence, ReceiverIndex(UInt32(200 + sequence))) }
        #expect(epoch.peerIndex == ReceiverIndex(200) && epoch.probingIndex == ReceiverIndex(201))
        epoch.changeIndex()
        #expect(epoch.peerIndex == ReceiverIndex(202) && epoch.probingIndex == ReceiverIndex(203))
    }

    @Test func `repeated and excessive offers of indices are ignored`() throws {
        let epoch = try epoch()
        epoch.learn(sequence: 2, ReceiverIndex(9))
        for sequence in 1...10 as ClosedRange<UInt64> {
            epoch.learn(sequence: sequence, ReceiverIndex(UInt32(200 + sequence)))
            epoch.learn(sequence: sequence, ReceiverIndex(7))
        }
        var seen: [UInt32] = []
        for _ in 0..<5 {
            seen.append(epoch.peerIndex.rawValue)
            epoch.changeIndex()
        }
        #expect(seen == [200, 9, 204, 206, 207])
    }

    @Test func `our indices are found by their sequence until they are retired`() throws {
        let epoch = try epoch()
        #expect(epoch.spares(behind: ReceiverIndex(100)) == 0)
        #expect(epoch.addIndex(ReceiverIndex(101)) == 1)
        #expect(epoch.spares(behind: ReceiverIndex(100)) == 1)
        #expect(epoch.addIndex(ReceiverIndex(102)) == 2)
        #expect(epoch.addIndex(ReceiverIndex(103)) == 3)
        #expect(epoch.index(sequence: 0) == ReceiverIndex(100))
        #expect(epoch.index(sequence: 2) == ReceiverIndex(102))
        #expect(epoch.index(sequence: 4) == nil)
        #expect(epoch.retire(before: ReceiverIndex(102)) == [])
        #expect(epoch.retire(before: ReceiverIndex(103)) == [ReceiverIndex(100)])
        #expect(!epoch.isAddressed(by: ReceiverIndex(100)))
        #expect(epoch.isAddressed(by: ReceiverIndex(101)))
        #expect(epoch.index(sequence: 0) == nil)
        #expect(epoch.index(sequence: 1) == ReceiverIndex(101))
        #expect(epoch.retire(before: ReceiverIndex(55)) == [])
    }
}
