import Foundation
import OverlayCrypto
import Testing

@testable import StateStore

@Suite struct GuestFloorFileTests {
    private let scratch = Scratch()
    private var path: String { scratch.path + "/guests.floors" }
    private let guest = identity(1).key
    private let other = identity(2).key

    @Test func `each process that redeems has a floor that outlives ours (S4)`() throws {
        do {
            let floors = try GuestFloorFile(path: path)
            #expect(floors.floors(of: guest).isEmpty)
            for (instance, counter) in [(7, 5), (8, 1), (7, 3), (8, 9)] as [(UInt64, UInt64)] {
                try floors.raise(guest, instance, to: counter)
            }
            try floors.raise(other, 7, to: .max)
        }
        let floors = try GuestFloorFile(path: path)
        #expect(floors.floors(of: guest) == [7: 5, 8: 9] && floors.floors(of: other) == [7: .max])
        #expect(try Data(contentsOf: URL(filePath: path)).count == 3 * 56)
    }

    @Test func `the slots of invitations that are forgotten are used again`() throws {
        let floors = try GuestFloorFile(path: path)
        for instance in 1...3 { try floors.raise(guest, UInt64(instance), to: 1) }
        floors.keep([other])
        for instance in 4...6 { try floors.raise(other, UInt64(instance), to: 2) }
        try floors.raise(other, 9, to: 2)
        #expect(floors.floors(of: guest).isEmpty)
        #expect(try Data(contentsOf: URL(filePath: path)).count == 4 * 56)
        #expect(try GuestFloorFile(path: path).floors(of: other) == [4: 2, 5: 2, 6: 2, 9: 2])
    }

    @Test func `a slot that was not written whole is empty, and is used again`() throws {
        do {
            let floors = try GuestFloorFile(path: path)
            try floors.raise(guest, 1, to: 1)
            try floors.raise(guest, 2, to: 2)
        }
        var bytes = try Data(contentsOf: URL(filePath: path))
        bytes[47] ^= 1
        try bytes.write(to: URL(filePath: path))
        let floors = try GuestFloorFile(path: path)
        #expect(floors.floors(of: guest) == [2: 2])
        try floors.raise(guest, 1, to: 9)
        #expect(try GuestFloorFile(path: path).floors(of: guest) == [1: 9, 2: 2])
        #expect(try Data(contentsOf: URL(filePath: path)).count == 2 * 56)
    }
}
