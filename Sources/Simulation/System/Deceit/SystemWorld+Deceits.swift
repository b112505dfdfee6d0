import HubProtocol
import OverlayCrypto
import OverlayWire
import PosternModel
import SidecarCore
import TrustCore

// Hubs that lie.
extension SystemWorld {
    /// A hub does what it must not, for a while.
    mutating func deceive(_ hub: Int, for span: Interval) {
        guard hubs[hub].life != nil else { return }
        let deceit = faults.pick([.forks, .forks, .restores] + HubDeceit.allCases)
        note("h\(hub) \(deceit)")
        let nodes = Set(sidecars.map(\.key).filter { _ in faults.happens(0.5) })
        // Long enough that who relies on it has to notice.
        let span = span * 4
        hubs[hub].lies.active.insert(deceit)
        hubs[hub].copyStore()
        switch deceit {
        case .forks: hubs[hub].fork(for: nodes)
        case .withholds: hubs[hub].lies.withheldFrom = nodes
        case .restores:
            hubs[hub].bringBack(faults.below(hubs[hub].lies.copies.count))
            restart(hub)
        case .replays: schedule(.replay(hub: hub, count: 40))
        case .floods: schedule(.flood(hub: hub, count: 40))
        case .delays, .answersForOthers, .swapsKeys: break
        }
        schedule(.mend(.deceit(deceit, hub: hub)), in: span)
    }

    mutating func endDeceit(_ deceit: HubDeceit, at hub: Int) {
        guard hubs[hub].lies.active.remove(deceit) != nil else { return }
        note("h\(hub) no longer \(deceit)")
        guard deceit == .forks else { return }
        hubs[hub].lies.unify()
        restart(hub)
    }

    /// A hub begins anew, with the store that it has now.
    private mutating func restart(_ hub: Int) {
        crash(.hub(hub), .process)
        startHub(hub)
    }

    /// A hub tells events again, whoever they were for.
    mutating func replay(_ hub: Int, _ count: Int) {
        guard count > 0, hubs[hub].life != nil, hubs[hub].lies.active.contains(.replays) else { return }
        if !hubs[hub].lies.seen.isEmpty {
            push(faults.pick(hubs[hub].lies.seen), to: faults.pick(sidecars.map(\.key)), from: hub)
        }
        schedule(.replay(hub: hub, count: count - 1), in: .milliseconds(100))
    }

    /// A hub tells what it has made up.
    mutating func flood(_ hub: Int, _ count: Int) {
        guard count > 0, hubs[hub].life != nil, hubs[hub].lies.active.contains(.floods) else { return }
        for node in sidecars.map(\.key) {
            for _ in 0..<8 {
                guard let event = madeUp(by: hubs[hub].identity) else { continue }
                push(event, to: node, from: hub)
            }
        }
        schedule(.flood(hub: hub, count: count - 1), in: .milliseconds(200))
    }

    /// What somebody can make up who has no key but its own.
    private mutating func madeUp(by identity: NodeIdentity) -> HubEvent? {
        let random = RandomSource(seed: faults.bytes(32))
        guard let hash = NetworkHash(bytes: faults.bytes(32)), let key = ContentKey(bytes: faults.bytes(32)) else {
            return nil
        }
        let id = network.id ?? NetworkID(hash)
        let head = NetworkHead(sequence: Int64(faults.below(1_000)), hash: hash)
        let wall = hubClocks.wall
        switch faults.below(5) {
        case 0: return .network(id, head)
        case 1: return .beat(NetworkBeat(of: identity, for: id, at: head, time: wall))
        case 2:
            let sealed = faults.bytes(200)
            return .mail(id: RecordID(ofBytes: sealed), sealed: sealed, as: .known)
        case 3: return .channel(RelayChannel(UInt32(faults.below(9))), peer: faults.pick(sidecars.map(\.key)))
        case _:
            let authority = NetworkAuthority(
                network: id,
                name: NetworkLedger.name,
                hubs: [],
                head: head,
                groups: ["ops"],
                lifetime: .seconds(3_600),
                seed: faults.bytes(32),
                key: key
            )
            let subject = faults.pick(sidecars.map(\.key))
            let link = authority.certify(subject, groups: ["ops"], lifetime: .seconds(3_600), at: wall, using: random)
            return link.map { .credential($0.credential) }
        }
    }
}
