import PosternModel

/// Room outside of memory that lasts as long as the program: what is put there is only read again by who put it there.
package protocol EntryRoom: AnyObject, Sendable {
    /// Puts `bytes` behind what is there; where that is, or nil when there is no room.
    func append(_ bytes: [UInt8]) -> Int?
    /// The `count` bytes at `position`, which were put there; nil when they cannot be read.
    func bytes(at position: Int, count: Int) -> [UInt8]?
}

/// The entries of a log, in the order in which they came (RULES N15).
///
/// What finds them is in memory, some seventy bytes for each. They themselves are the text of their documents, outside
/// of memory where there is room for it, and read when somebody asks for them.
struct NetworkArchive: Sendable {
    /// Which entry, from 0.
    typealias Position = Int32

    private struct Place {
        let hash: NetworkHash
        /// The entry before; -1: there is none.
        let previous: Position
        let sequence: Int32
        let chunk: Int32
        let offset: Int32
        let count: Int32
    }

    /// Texts that came after each other.
    private enum Chunk {
        case inMemory([UInt8])
        /// Where in the room they begin.
        case outside(Int)
    }

    /// Bytes of texts at which they leave memory.
    private static let chunkSize = 32_768
    private static let none: Position = -1

    private let room: (any EntryRoom)?
    private var places: [Place] = []
    /// Positions by the hashes of their entries, each behind where its hash belongs; at least half are ``none``.
    private var table: [Position] = Array(repeating: none, count: 16)
    private var chunks: [Chunk] = []
    /// The texts that are in no chunk yet.
    private var tail: [UInt8] = []

    /// An empty one, whose entries go to `room`; nil: they stay in memory.
    init(room: (any EntryRoom)?) {
        self.room = room
    }

    /// How many there are.
    var count: Int { places.count }

    /// All positions: an entry stands behind the one that it follows.
    var positions: Range<Position> { 0..<Position(places.count) }

    /// Where the entry with `hash` is; nil: it is not here.
    func position(of hash: NetworkHash) -> Position? {
        let found = table[slot(of: hash)]
        return found == Self.none ? nil : found
    }

    func hash(at position: Position) -> NetworkHash { places[Int(position)].hash }

    func head(at position: Position) -> NetworkHead {
        NetworkHead(sequence: Int64(places[Int(position)].sequence), hash: hash(at: position))
    }

    /// The entry before the one at `position`; nil: that is the genesis.
    func previous(of position: Position) -> Position? {
        let previous = places[Int(position)].previous
        return previous == Self.none ? nil : previous
    }

    /// Whether the entry at `position` comes before the other one: by number, then by hash.
    func isBefore(_ position: Position, _ other: Position) -> Bool {
        let (mine, theirs) = (places[Int(position)], places[Int(other)])
        return (mine.sequence, mine.hash) < (theirs.sequence, theirs.hash)
    }

    /// Bytes of the text of the entry at `position`.
    func byteCount(at position: Position) -> Int { Int(places[Int(position)].count) }

    /// The canonical form of the document of the entry at `position`.
    func text(at position: Position) -> [UInt8] {
        let place = places[Int(position)]
        let (offset, count) = (Int(place.offset), Int(place.count))
        guard Int(place.chunk) < chunks.count else { return Array(tail[offset..<offset + count]) }
        switch chunks[Int(place.chunk)] {
        case .inMemory(let bytes): return Array(bytes[offset..<offset + count])
        case .outside(let start):
            guard let bytes = room?.bytes(at: start + offset, count: count) else {
                preconditionFailure("what this program has put aside of a network's log cannot be read")
            }
            return bytes
        }
    }

    /// The entry at `position`.
    func entry(at position: Position) -> NetworkEntry {
        guard let document = try? JSONValue(parsing: text(at: position)),
            let entry = try? NetworkEntry(stored: document), entry.hash == hash(at: position)
        else { preconditionFailure("what this program has put aside of a network's log is not what it has put there") }
        return entry
    }

    /// Takes `entry`, which is not here yet, behind the one at `previous`; nil: it is the genesis.
    mutating func add(_ entry: NetworkEntry, behind previous: Position?) -> Position {
        let text = entry.document.canonicalBytes
        let position = Position(places.count)
        let place = Place(
            hash: entry.hash,
            previous: previous ?? Self.none,
            sequence: Int32(clamping: entry.header.sequence),
            chunk: Int32(chunks.count),
            offset: Int32(tail.count),
            count: Int32(text.count)
        )
        table[slot(of: entry.hash)] = position
        places.append(place)
        tail += text
        if tail.count >= Self.chunkSize { putAside() }
        if places.count * 2 > table.count { grow() }
        return position
    }

    private mutating func putAside() {
        let position = room?.append(tail)
        chunks.append(position.map { .outside($0) } ?? .inMemory(tail))
        tail = []
    }

    /// Where in the table `hash` is or belongs.
    private func slot(of hash: NetworkHash) -> Int {
        var slot = hash.hashValue & (table.count - 1)
        while table[slot] != Self.none, places[Int(table[slot])].hash != hash { slot = (slot + 1) & (table.count - 1) }
        return slot
    }

    private mutating func grow() {
        table = Array(repeating: Self.none, count: table.count * 2)
        for position in positions { table[slot(of: hash(at: position))] = position }
    }
}
