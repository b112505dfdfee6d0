import PosternModel
import Testing

@testable import OverlayCore

@Suite struct PathSelectorTests {
    typealias InUse = PathSelector.PathInUse
    typealias Migration = PathSelector.Migration

    private static func direct(
        silence: Int64? = 0,
        roundTrip: Int64 = 40,
        timeouts: Int = 0
    ) -> InUse {
        InUse(
            isDetour: false,
            silence: silence.map { .milliseconds($0) },
            roundTrip: .milliseconds(roundTrip),
            probeTimeout: .milliseconds(100),
            timeouts: timeouts
        )
    }

    /// A path that carries less than its base.
    private static func belowBase() -> InUse {
        var path = direct()
        path.carriesBase = false
        return path
    }

    private static func relayed(silence: Int64? = 0, timeouts: Int = 0) -> InUse {
        var path = direct(silence: silence, timeouts: timeouts)
        path.isDetour = true
        return path
    }

    private func selector(_ inUse: InUse?, usesDirectPaths: Bool = true) -> PathSelector {
        PathSelector(inUse: inUse, usesDirectPaths: usesDirectPaths)
    }

    @Test(
        arguments: [
            // A direct path gives way to one that is clearly shorter.
            (direct(roundTrip: 40), 34, true), (direct(roundTrip: 40), 35, false), (direct(roundTrip: 40), 60, false),
            // Silence outweighs any round trip, after two time-outs.
            (direct(timeouts: 1), 500, false), (direct(timeouts: 2), 500, true),
            // A relay gives way to any direct path.
            (relayed(), 500, true), (relayed(timeouts: 2), 500, true),
            (nil, 500, true),
        ] as [(InUse?, Int64, Bool)]
    )
    func `a candidate is used when it is clearly better`(inUse: InUse?, roundTrip: Int64, isUsed: Bool) {
        #expect(selector(inUse).prefers(.candidate, isDetour: false, roundTrip: .milliseconds(roundTrip)) == isUsed)
    }

    @Test(
        arguments: [
            (.followed, direct(), true), (.followed, relayed(), true),
            (.silence, direct(timeouts: 1), false), (.silence, direct(timeouts: 2), true),
            (.silence, belowBase(), true),
            (.silence, relayed(timeouts: 1), false), (.silence, relayed(timeouts: 2), true),
            (.ping, direct(timeouts: 9), false),
            (.silence, nil, true),
        ] as [(PathProbe.Reason, InUse?, Bool)]
    )
    func `what was probed for another reason than its round trip is judged by that reason`(
        reason: PathProbe.Reason,
        inUse: InUse?,
        isUsed: Bool
    ) {
        #expect(selector(inUse).prefers(reason, isDetour: false, roundTrip: .milliseconds(1)) == isUsed)
    }

    private static let toRelay = Migration(isDetour: true, isKnown: true, isLeading: false)
    private static let toKnown = Migration(isDetour: false, isKnown: true, isLeading: false)
    private static let toKnownLeading = Migration(isDetour: false, isKnown: true, isLeading: true)
    private static let toNewLeading = Migration(isDetour: false, isKnown: false, isLeading: true)

    @Test(
        arguments: [
            // From a direct path to the relay only after silence.
            (direct(silence: 1499), toRelay, false), (direct(silence: 1500), toRelay, true),
            (relayed(), toRelay, true),
            // Between known addresses one of both sides leads, while its path lives: for two probe time-outs here.
            (direct(silence: 0), toKnown, true),
            (direct(silence: 199), toKnownLeading, false), (direct(silence: 200), toKnownLeading, true),
            (relayed(silence: 0), toKnownLeading, true),
            // A new address means that the peer has moved.
            (direct(silence: 0), toNewLeading, true),
            // A path that the peer never used holds against nothing.
            (direct(silence: nil), toRelay, true), (direct(silence: nil), toKnownLeading, true),
            (nil, toKnown, false),
        ] as [(InUse?, Migration, Bool)]
    )
    func `the peer is followed unless the path in use holds`(inUse: InUse?, migration: Migration, isFollowed: Bool) {
        #expect(selector(inUse).follows(migration) == isFollowed)
    }

    @Test func `a slow path holds for no longer than the direct patience`() {
        var inUse = Self.direct(silence: 1499)
        inUse.probeTimeout = .seconds(2)
        #expect(!selector(inUse).follows(Self.toKnownLeading))
        inUse.silence = PathSelector.directPatience
        #expect(selector(inUse).follows(Self.toKnownLeading))
    }

    @Test func `without direct paths only relays are followed, and none is looked for`() {
        let without = selector(Self.relayed(), usesDirectPaths: false)
        #expect(!without.follows(Self.toKnown))
        #expect(without.follows(Self.toRelay))
        #expect(!without.wantsDirectPath)
        #expect(!selector(nil, usesDirectPaths: false).wantsDirectPath)
    }

    @Test(
        arguments: [
            (nil, true, false, true),
            (direct(), false, false, false), (direct(timeouts: 2), true, true, false),
            // On a path that has not proven itself the peer was never heard.
            (direct(silence: nil), true, false, false),
            (belowBase(), true, true, false),
            (relayed(), false, true, true), (relayed(timeouts: 2), true, true, true),
        ] as [(InUse?, Bool, Bool, Bool)]
    )
    func `what is looked for depends on the path in use`(
        inUse: InUse?,
        takesPathOfKeys: Bool,
        wantsDetour: Bool,
        wantsDirectPath: Bool
    ) {
        let selector = selector(inUse)
        #expect(selector.takesPathOfKeys == takesPathOfKeys)
        #expect(selector.wantsDetour == wantsDetour)
        #expect(selector.wantsDirectPath == wantsDirectPath)
    }
}
