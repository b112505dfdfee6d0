import HubCore
import HubProtocol
import OverlayCrypto
import PosternModel
import Testing
import TrustCore

/// The same floods against three hubs that share one store: what one hub bounds in memory may come three times, and
/// what waits in the store is bounded once.
extension HubFloodTests {
    /// Three hubs over one store.
    struct Three {
        private var worlds: [HubWorld]
        static let count = 3

        init(_ settings: HubSettings) {
            let tags = HubTags(secret: [1])
            worlds = (0..<Self.count).map { number in
                var world = HubWorld(settings)
                world.hub = Hub(identity: Self.hub(number), tags: tags, settings: settings)
                return world
            }
        }

        static func hub(_ number: Int) -> NodeIdentity { identity(UInt8(90 + number)) }

        /// Does `body` at hub `number`, over the store as the others left it.
        mutating func at<Result>(_ number: Int, _ body: (inout HubWorld) -> Result) -> Result {
            let result = body(&worlds[number])
            for other in worlds.indices where other != number { worlds[other].store = worlds[number].store }
            return result
        }
    }

    @Test func `strangers who go from hub to hub find no more room than at one`() {
        var hubs = Three(.cheap)
        hubs.at(0) { world in
            world.join(bob)
            _ = world.leave(bob)
        }
        var taken = 0
        for number in 0..<900 {
            let hub = number % Three.count
            let answer = hubs.at(hub) { world in
                let source = network(number / 3 % 3)
                return world.deposit(box(number), from: newcomer(number), in: source, at: Three.hub(hub).key).answer
            }
            if answer == .done { taken += 1 } else { #expect(answer == .refused(.overLimit)) }
        }
        #expect(taken == 3 * 60, "twenty an hour, network and hub")
        #expect(hubs.at(0) { $0.mail(of: bob).count } == 6, "two of each network wait, however many hubs there are")
        // The real request arrives, by whichever hub, and so does a stranger's from a quiet network.
        let grant = DepositEvidence.grant(bobsGrant)
        hubs.at(1) { world in
            _ = world.ask(.deposit(target: bob.key, sealed: box(9_001), evidence: grant), from: alice, in: network(0))
        }
        _ = hubs.at(2) { $0.deposit(box(9_002), from: carol, in: network(9), at: Three.hub(2).key) }
        let events = hubs.at(0) { pushes($0.watch(bob), to: bob) }
        let arrived = events.compactMap { event -> [UInt8]? in
            if case .mail(_, let sealed, _) = event { sealed } else { nil }
        }
        #expect(arrived.contains(box(9_001)) && arrived.contains(box(9_002)))
    }

    @Test func `keys without end fill no more than the registry has room for, and who is known stays`() {
        var settings = HubSettings.defaults
        settings.nodeCount = 20
        settings.registrations = RateLimit(burst: 5, perHour: 60)
        var hubs = Three(settings)
        hubs.at(0) { $0.join(bob) }
        var answers: [HubAnswer] = []
        for number in 0..<60 {
            answers.append(
                hubs.at(number % Three.count) { world in
                    world.ask(.register(contacts: []), from: newcomer(number), in: network(1)).answer
                }
            )
        }
        #expect(answers.count(where: \.isGood) == 3 * 5, "five of a network and hub")
        // Another network's node finds room, until there is none; every hub says so then, and to newcomers alone.
        for number in 0..<3 {
            let answer = hubs.at(number) { world in
                world.ask(.register(contacts: []), from: newcomer(1_000 + number), in: network(7)).answer
            }
            #expect(answer.isGood)
        }
        for number in 0..<3 {
            let more = hubs.at(number) { world in
                (0..<4).map { next in
                    let node = newcomer(2_000 + 10 * number + next)
                    return world.ask(.register(contacts: []), from: node, in: network(20 + number)).answer
                }
            }
            #expect(more.last == .refused(.full))
            #expect(hubs.at(number) { $0.ask(.register(contacts: []), from: bob).answer.isGood })
        }
    }
}
