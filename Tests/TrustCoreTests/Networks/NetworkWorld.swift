import OverlayCrypto
import PosternModel
import TestSupport
import TrustCore

let people: [NodeIdentity] = (20..<26).map { identity($0) }

/// A network of `people` in the hands of somebody who sees everything: writes entries of anybody, valid or not.
struct NetworkWorld {
    private(set) var log: NetworkLog
    private(set) var keys = NetworkKeyring()
    let random: RandomSource
    private(set) var written: [NetworkEntry]
    private var guests: [NodeIdentity] = []

    init(seed: UInt8 = 1) {
        random = RandomSource(seed: Array(repeating: seed, count: 32))
        let (genesis, key) = NetworkAuthor.found(
            by: people[0],
            name: "acme",
            label: "founder",
            hubs: [hub],
            at: time(0),
            using: random
        )
        written = [genesis]
        log = try! NetworkLog(genesis)
        keys.add(key)
    }

    var id: NetworkID { log.id }
    var content: NetworkContent { NetworkContent(of: log, keys: keys) }

    /// An entry of `author` behind the head, as whoever holds every key writes it.
    mutating func entry(
        by author: NodeIdentity,
        _ change: NetworkChange,
        _ content: JSONValue? = nil,
        keyFor guests: [NodeKey] = [],
        at seconds: Int64 = 10,
        after state: NetworkState? = nil
    ) -> NetworkEntry {
        let state = state ?? log.state
        var writer = NetworkAuthor(author, after: state, key: keys[state.key]!, at: time(seconds))
        return writer.write(change, content, keyFor: guests, using: random)
    }

    mutating func take(_ entry: NetworkEntry) throws(NetworkFault) {
        try log.insert(entry)
        written.append(entry)
        _ = keys.learn(from: [entry], as: people)
    }

    mutating func write(
        by author: NodeIdentity,
        _ change: NetworkChange,
        _ content: JSONValue? = nil,
        at seconds: Int64 = 10
    ) throws(NetworkFault) {
        try take(entry(by: author, change, content, at: seconds))
    }

    mutating func open(
        by author: NodeIdentity,
        uses: Int64 = 1,
        expires: Int64 = 1_000,
        membership: Int64? = nil
    ) throws(NetworkFault)
        -> NodeIdentity
    {
        let guest = try! NodeIdentity(seed: random.bytes(32))
        let change = NetworkChange.open(guest: guest.key, uses: uses, expires: time(expires), membership: membership)
        try take(entry(by: author, change, keyFor: [guest.key]))
        guests.append(guest)
        return guest
    }

    func joining(_ joiner: NodeIdentity, by guest: NodeIdentity) -> NetworkChange {
        let proof = NetworkProof(of: guest, for: joiner.key, joining: id)
        return .join(guest: guest.key, proof: proof.signature)
    }

    mutating func join(
        _ joiner: NodeIdentity,
        by guest: NodeIdentity,
        label: String? = nil,
        at seconds: Int64 = 10
    )
        throws(NetworkFault)
    {
        let label: JSONValue = label.map { .string($0) } ?? .null
        try write(by: joiner, joining(joiner, by: guest), ["label": label], at: seconds)
    }

    /// A founder, an administrator and two members.
    static func team() throws -> NetworkWorld {
        var world = NetworkWorld()
        let guest = try world.open(by: people[0], uses: 3)
        for (number, name) in [(1, "admin"), (2, "planner"), (3, "research")] {
            try world.join(people[number], by: guest, label: name)
        }
        try world.write(by: people[0], .role(people[1].key, from: .member, to: .admin))
        return world
    }

    /// Any change that one of `people` might write, most of them such as are not allowed.
    mutating func anyEntry(using generator: inout SplitMix, after state: NetworkState? = nil) -> NetworkEntry {
        func person() -> NodeIdentity { people.randomElement(using: &generator)! }
        func role() -> NetworkRole { NetworkRole.allCases.randomElement(using: &generator)! }
        let (author, subject) = (person(), person())
        let known = (state ?? log.state).role(of: subject.key) ?? role()
        switch Int.random(in: 0..<19, using: &generator) {
        case 16: return entry(by: author, .authorize(people[5].key, lifetime: 1_000), ["groups": []], after: state)
        case 17: return entry(by: author, .unauthorize(people[5].key), after: state)
        case 18: return entry(by: author, .void(subject.key, from: time(20)), after: state)
        case 12: return entry(by: author, .add(subject.key, expires: nil), ["label": nil], after: state)
        case 13: return entry(by: author, .expiry(subject.key, from: nil, to: time(500)), after: state)
        case 15: return entry(by: author, .publish, ["services": []], after: state)
        case 14: return entry(by: author, .freshness, ["warn": 60_000], after: state)
        case 0: return entry(by: author, .leave, after: state)
        case 1, 2: return entry(by: author, .remove(subject.key, from: known), after: state)
        case 3, 4: return entry(by: author, .role(subject.key, from: known, to: role()), after: state)
        case 5:
            let guest = try! NodeIdentity(seed: random.bytes(32))
            guests.append(guest)
            let uses = Int64.random(in: 0...2, using: &generator)
            return entry(by: author, .open(guest: guest.key, uses: uses, expires: time(1_000)), after: state)
        case 6:
            return entry(
                by: author,
                .close(guest: (guests.randomElement(using: &generator) ?? author).key),
                after: state
            )
        case 7: return entry(by: author, .name(subject.key), ["label": "someone"], after: state)
        case 8: return entry(by: author, .group(subject.key), ["group": "ops", "member": true], after: state)
        case 9: return entry(by: author, .hubs, ["hubs": []], after: state)
        case 10: return entry(by: author, .policy(critical: []), ["services": [:]], after: state)
        case _:
            let guest = guests.randomElement(using: &generator) ?? author
            return entry(by: author, joining(author, by: guest), ["label": nil], after: state)
        }
    }
}
