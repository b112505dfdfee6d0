import OverlayWire
import PosternModel

/// The processes that have spoken with a peer's key. A process that is followed by another one has ended; if it comes
/// back, two programs use one key (`Protocol.md` §4.9).
struct KnownInstances {
    /// How long the one that came back is preferred.
    static let preference = Interval.seconds(60)
    /// Former processes that are remembered.
    static let maximumRetired = 4

    private var current: UInt64?
    private var retired: [UInt64] = []
    private var preferredUntil: Instant?

    /// The process `instance` spoke, authentic and for the first time in this message. `isNews`: nobody was told yet
    /// that there are two.
    mutating func meet(_ instance: UInt64, at now: Instant) -> (standing: IdentityStanding, isNews: Bool) {
        if let until = preferredUntil, now >= until { preferredUntil = nil }
        guard let former = current, former != instance else {
            current = instance
            return (preferredUntil == nil ? .unique : .shared, false)
        }
        let returns = retired.contains(instance)
        if returns, preferredUntil != nil { return (.refused, false) }
        retired.removeAll { $0 == instance }
        retired.append(former)
        if retired.count > Self.maximumRetired { retired.removeFirst() }
        current = instance
        guard returns else { return (.unique, false) }
        preferredUntil = now + Self.preference
        return (.shared, true)
    }
}

/// What the processes that share a key have spent, each by itself. Bounded, and nothing is forgotten: at the limit new
/// processes are refused, since a copy of what a forgotten one said would be taken again.
struct InstanceFloors {
    /// Four times the most uses that an invitation has.
    static let maximum = 4096
    private var floors: [UInt64: UInt64]

    /// `spent`: the largest counter of each process that was taken before.
    init(spent: [UInt64: UInt64] = [:]) {
        floors = spent
    }

    /// Whether a first message with this number is new; it is not from now on.
    mutating func take(_ counter: UInt64, of instance: UInt64) -> Bool {
        if let floor = floors[instance] {
            guard counter > floor else { return false }
        } else {
            guard floors.count < Self.maximum else { return false }
        }
        floors[instance] = counter
        return true
    }
}
