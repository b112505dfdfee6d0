/// A program of the system, by its kind and number.
package enum ProgramID: Hashable, Sendable {
    case sidecar(Int)
    case hub(Int)

    /// A number that orders all programs: sidecars first.
    var order: Int {
        switch self {
        case .sidecar(let number): number
        case .hub(let number): 1_000 + number
        }
    }
}

extension ProgramID: CustomStringConvertible {
    package var description: String {
        switch self {
        case .sidecar(let number): "s\(number)"
        case .hub(let number): "h\(number)"
        }
    }
}

/// Two programs, in no order.
struct ProgramPair: Hashable, Sendable {
    let first: ProgramID
    let second: ProgramID

    init(_ a: ProgramID, _ b: ProgramID) {
        (first, second) = a.order < b.order ? (a, b) : (b, a)
    }
}

/// One session between two programs; a later one has a higher number.
struct SessionNumber: Hashable, Comparable, Sendable {
    let rawValue: Int

    static func < (lhs: SessionNumber, rhs: SessionNumber) -> Bool { lhs.rawValue < rhs.rawValue }
}

/// One event stream of a hub.
struct WatchNumber: Hashable, Sendable {
    let rawValue: Int
}

/// One start of a program. What was begun in an earlier one means nothing to it.
struct LifeNumber: Hashable, Sendable {
    var rawValue = 0
}
