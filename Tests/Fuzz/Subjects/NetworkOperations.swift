import OverlayCrypto
import PosternModel
import TrustCore

/// The log of a network under what five people write into it, in one branch or several: what is not allowed changes
/// nothing, an owner is left, and whoever takes the same entries in another order has the same state.
enum NetworkOperations {
    static func receive(_ bytes: [UInt8]) {
        var choices = Choices(bytes)
        guard var network = NetworkUnderFire() else { return }
        // Each step costs a signature.
        for _ in 0..<48 where !choices.isEmpty { network.step(&choices) }
        network.compare()
    }
}

private struct NetworkUnderFire {
    private var log: NetworkLog
    private var taken: [NetworkEntry]
    private var states: [NetworkState]
    private let random = RandomSource(seed: Array(repeating: 1, count: 32))
    private var guests: [NodeIdentity] = []
    private let key: ContentKey
    private let stranger: NodeKey
    private let people: [NodeIdentity] = (1...5 as ClosedRange<UInt8>).compactMap {
        try? NodeIdentity(seed: Array(repeating: $0, count: 32))
    }

    init?() {
        let now = Timestamp(seconds: 1_795_000_000)
        let (genesis, key) = NetworkAuthor.found(
            by: people[0],
            name: "acme",
            label: nil,
            hubs: [],
            at: now,
            using: random
        )
        guard let log = try? NetworkLog(genesis), let state = try? NetworkState(genesis),
            let stranger = try? NodeIdentity(seed: Array(repeating: 9, count: 32)).key
        else { return nil }
        self.log = log
        self.key = key
        self.stranger = stranger
        taken = [genesis]
        states = [state]
    }

    mutating func step(_ choices: inout Choices) {
        // Now and then somebody writes behind an entry that others have gone on from.
        let position = choices.byte() % 8 == 0 ? choices.number(below: states.count) : states.count - 1
        var state = states[position]
        var author = NetworkAuthor(choices.pick(people), after: state, key: key, at: Timestamp(seconds: 1_795_000_000))
        let entry = write(by: &author, over: state, &choices)
        let before = log.state
        guard (try? log.insert(entry)) != nil else {
            precondition(log.state == before, "what is not taken changes nothing")
            return
        }
        precondition(log.state.members.values.contains { $0.role == .owner }, "an owner is left")
        precondition((try? state.apply(entry)) != nil, "what a log takes is valid where it stands")
        if !taken.contains(entry) {
            taken.append(entry)
            states.append(state)
        }
    }

    private mutating func write(
        by author: inout NetworkAuthor,
        over state: NetworkState,
        _ choices: inout Choices
    ) -> NetworkEntry {
        let subject = choices.pick(people)
        let role = state.role(of: subject.key) ?? .member
        // Some are nobody's key, some are a member's.
        let authority = choices.byte() % 4 == 0 ? choices.pick(people).key : stranger
        switch choices.byte() % 12 {
        case 9:
            let lifetime = Int64(choices.byte()) * 1_000
            return author.write(.authorize(authority, lifetime: lifetime), ["groups": []], using: random)
        case 10: return author.write(.unauthorize(authority), using: random)
        case 11:
            let from = Timestamp(seconds: 1_795_000_000 + Int64(choices.byte() % 4))
            return author.write(.void(subject.key, from: from), using: random)
        case 7: return author.write(.add(subject.key, expires: nil), ["label": nil], using: random)
        case 8: return author.write(.heal([choices.pick(states).head.hash]), using: random)
        case 0: return author.write(.leave, using: random)
        case 1: return author.write(.remove(subject.key, from: role), using: random)
        case 2:
            return author.write(.role(subject.key, from: role, to: choices.pick(NetworkRole.allCases)), using: random)
        case 3:
            guard let guest = try? NodeIdentity(seed: random.bytes(32)) else {
                preconditionFailure("a seed has 32 bytes")
            }
            guests.append(guest)
            let change = NetworkChange.open(
                guest: guest.key,
                uses: Int64(choices.byte() % 4),
                expires: Timestamp(seconds: 1_795_000_000 + Int64(choices.byte() % 2))
            )
            return author.write(change, using: random)
        case 4: return author.write(.close(guest: (guests.last ?? subject).key), using: random)
        case 5: return author.rekey(for: [], using: random)
        default:
            let guest = guests.isEmpty ? subject : choices.pick(guests)
            let joiner = choices.pick(people)
            var writer = NetworkAuthor(joiner, after: state, key: key, at: Timestamp(seconds: 1_795_000_000))
            let proof = NetworkProof(of: guest, for: joiner.key, joining: state.id)
            return writer.write(.join(guest: guest.key, proof: proof.signature), ["label": nil], using: random)
        }
    }

    /// Takes the same entries, latest branch first, into a second log.
    func compare() {
        guard var other = try? NetworkLog(taken[0]) else { return }
        var waiting = Array(taken.dropFirst().reversed())
        while !waiting.isEmpty {
            let left = waiting.filter { (try? other.insert($0)) == nil }
            precondition(left.count < waiting.count, "each entry follows another one")
            waiting = left
        }
        precondition(other.state == log.state, "the same entries are the same state")
        precondition((try? NetworkState(log.state.document)) == log.state, "a state survives its document")
    }
}
