import PosternModel

/// Decides which path a session uses (DESIGN §7): any path rather than one that fails, which is silent or carries less
/// than its base, a direct one rather than a detour, which is a relay or a connection, and of two direct ones the one
/// with the clearly shorter round trip.
///
/// | in use | the peer migrates | a direct path was validated | a detour was validated |
/// | --- | --- | --- | --- |
/// | none | – | is used | is used |
/// | failing | is followed | is used | is used |
/// | a detour | is followed | is used | is used |
/// | direct | to a detour: after ``directPatience``; else unless this node leads | if ``improvement`` shorter | – |
///
/// A path that the peer migrated to is used once it is validated. A value made of what is known at the moment of the
/// choice.
struct PathSelector {
    /// Silence after which a direct path no longer holds against the detour that the peer uses.
    static let directPatience = Interval.milliseconds(1500)
    /// How much shorter a round trip has to be for another direct path to be worth a change.
    static let improvement = Interval.milliseconds(5)
    /// Probe time-outs in a row after which the path in use counts as silent.
    static let silentTimeouts = 2

    /// What is known of the path in use.
    struct PathInUse {
        var isDetour: Bool
        /// Since when nothing authentic came from there; nil if the peer never used it.
        var silence: Interval?
        var roundTrip: Interval
        /// The probe time-out of RFC 9002 §6.2.1.
        var probeTimeout: Interval
        /// Probe time-outs in a row.
        var timeouts: Int
        /// Whether packets of the base's size arrive (RFC 8899 §5.2).
        var carriesBase = true

        /// Whether any other path is better.
        var isFailing: Bool { timeouts >= PathSelector.silentTimeouts || !carriesBase }
    }

    /// The peer sends from another address than that of the path in use (RFC 9000 §9).
    struct Migration {
        var isDetour: Bool
        /// Whether it was known to be the peer's before.
        var isKnown: Bool
        /// Whether this node has the say between two known addresses of one kind. If neither had, both would change
        /// places for ever.
        var isLeading: Bool
    }

    /// Nil before the first path.
    var inUse: PathInUse?
    /// Whether direct paths may be used.
    var usesDirectPaths: Bool

    /// Whether keys that arrived on another path make that one the path in use: one on which the peer was never heard
    /// has no claim to stay.
    var takesPathOfKeys: Bool { inUse.map { $0.isFailing || $0.silence == nil } ?? true }

    /// Whether a detour that is offered is probed at once.
    var wantsDetour: Bool { inUse.map { $0.isDetour || $0.isFailing } ?? false }

    /// Whether another direct path is looked for.
    var wantsDirectPath: Bool { usesDirectPaths && inUse?.isDetour ?? true }

    /// Whether a path is validated because the peer moved there.
    func follows(_ migration: Migration) -> Bool {
        guard let inUse, migration.isDetour || usesDirectPaths else { return false }
        guard let silence = inUse.silence else { return true }
        if migration.isDetour, !inUse.isDetour, silence < Self.directPatience { return false }
        let holds = migration.isLeading && migration.isKnown && migration.isDetour == inUse.isDetour
        return !holds || silence >= min(inUse.probeTimeout * 2, Self.directPatience)
    }

    /// Whether a path that was validated with this round trip, for this reason, becomes the path in use.
    func prefers(_ reason: PathProbe.Reason, isDetour: Bool, roundTrip: Interval) -> Bool {
        guard let inUse else { return true }
        switch reason {
        case .followed: return true
        case .silence: return inUse.isFailing
        case .candidate, .opening:
            if inUse.isDetour || inUse.isFailing { return true }
            return !isDetour && roundTrip + Self.improvement < inUse.roundTrip
        case .ping, .previous, .proof: return false
        }
    }
}
