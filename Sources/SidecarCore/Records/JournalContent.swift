package import PosternModel
package import TrustCore

/// What the journal of a node says, folded as it is read, so that not all of its facts are in memory at one time.
package struct JournalContent: Sendable {
    var book: TrustBook

    /// That of an empty journal of `owner`. Entries of networks go to `room`; nil: they stay in memory.
    package init(owner: NodeKey, room: (any EntryRoom)? = nil) {
        book = TrustBook(owner: owner, room: room)
    }

    /// Takes what the lines of `reading` say. Throws when one holds something else than facts that this version knows.
    package mutating func read(_ reading: JournalReading) throws(JournalFault) {
        try TrustJournal.read(reading.contents, areSealed: reading.isBegun) { book.apply($0) }
    }
}
