import PosternModel
import SidecarCore
import TrustCore

// The network that hubs lie about: what its operators do, and what has to hold (RULES N4-N6; R8-R10).
extension SystemWorld {
    private static let label = NetworkLedger.name
    /// How old the word of an owner may be there, how often it is given, and how long it takes to search what it names.
    private static let warn = Interval.seconds(60)
    private static let beatInterval = Interval.seconds(20)
    private static let searchPatience = Interval.seconds(40)

    /// Rules for sidecars that are members: each service is for the network, for a peer, for trusted ones, or nobody.
    mutating func randomRulesOfMembers() -> [ExposedRule] {
        Self.services.map { service in
            let allow: [AllowRule]
            switch operators.below(6) {
            case 0: allow = []
            case 1: allow = [.peer(PeerName(sidecars[operators.below(sidecars.count)].key))]
            case 2: allow = [.trusted]
            case _: allow = [.network(Self.label)]
            }
            return ExposedRule(service: service, allow: allow)
        }
    }

    /// Sidecars whose owners give their word often, so that a run is long enough for what follows from it.
    mutating func quickenBeats() {
        for number in sidecars.indices {
            sidecars[number].settings.beatInterval = Self.beatInterval
        }
    }

    /// The operator of a sidecar does something in the network. The last of them is never invited.
    mutating func operateNetwork(_ number: Int) {
        let founder = NetworkLedger.founder
        guard sidecars[founder].life != nil else { return }
        // A founder whose command was answered by a lie has founded it all the same.
        if network.id == nil, let view = show(founder) { founded(view) }
        guard network.id != nil else {
            return perform(CreateNetwork(name: Self.label), .networks(.founds), at: founder)
        }
        guard number < sidecars.count - 1 else { return }
        let isMember = show(number)?.role != nil
        guard isMember else {
            guard number != founder, let link = network.link?.invitation else { return invite() }
            network.hand(to: number)
            return perform(JoinNetwork(invitation: link, name: Self.label), .networks(.joins), at: number)
        }
        if network.link == nil { return invite() }
        let peer = operators.below(sidecars.count - 1)
        let name = PeerName(sidecars[peer].key)
        switch operators.below(10) {
        case 0: invite()
        case 1, 2:
            guard peer != number else { return }
            let deed = number == founder ? NetworkDeed.removes(peer) : .changes("removes s\(peer)")
            perform(RemoveMember(name: Self.label, peer: name), .networks(deed), at: number)
        case 3 where plan.seed % 2 == 0 && peer != founder:
            network.hasAdministrators = true
            let role = operators.happens(0.6) ? "admin" : "member"
            change(SetRole(name: Self.label, peer: name, role: role), "makes s\(peer) \(role)", number)
        case 4:
            let label = "x\(operators.below(9))"
            change(NameMember(name: Self.label, peer: name, label: label), "calls s\(peer) \(label)", number)
        case 5 where show(founder)?.forked == true:
            perform(HealNetwork(name: Self.label), .networks(.heals), at: founder)
        case _:
            let isOut = operators.happens(0.3)
            let group = SetGroup(name: Self.label, group: "ops", peer: name, remove: isOut)
            change(group, "puts s\(peer) \(isOut ? "out of" : "into") ops", number)
        }
    }

    private mutating func founded(_ view: NetworkDocument) {
        guard network.id == nil, let id = NetworkID(view.id) else { return }
        network.found(id)
        let policy: JSONValue = ["freshness": ["warn": .string("60s"), "refuse": "never"]]
        perform(SetPolicy(name: Self.label, policy: policy), .networks(.limits), at: NetworkLedger.founder)
    }

    private mutating func invite() {
        let uses = operators.number(in: 1...4)
        perform(InviteToNetwork(name: Self.label, uses: uses), .networks(.invites), at: NetworkLedger.founder)
    }

    private mutating func change(_ operation: some SidecarCore.Operation, _ what: String, _ number: Int) {
        perform(operation, .networks(.changes(what)), at: number)
    }

    /// An operator is told that something in the network is done.
    mutating func done(_ deed: NetworkDeed, _ answer: CommandAnswer, by number: Int, order: Int) {
        switch deed {
        case .founds:
            answer.as(NetworkDocument.self).map { founded($0) }
        case .invites:
            guard let given = answer.as(InviteToNetwork.Answer.self) else { return }
            network.offer(given.invitation, order: order)
        case .removes(let peer):
            network.remove(peer, order: order)
            guard sidecars[number].life?.admitted[sidecars[peer].key] != nil, !isAllowed(number, peer) else { return }
            violate(.cut, "s\(number) has removed s\(peer) and keeps it")
        case .limits, .joins, .changes, .heals: break
        }
    }

    /// What a sidecar says of the network; nil: it does not run, or knows none.
    func show(_ number: Int) -> NetworkDocument? {
        guard var sidecar = sidecars[number].life?.sidecar else { return nil }
        let clocks = sidecars[number].clocks(at: now)
        let id = CommandID(.max)
        for case .answer(id, let answer) in sidecar.perform(
            ShowNetwork(name: Self.label),
            id: id,
            at: clocks,
            seeing: SilentView()
        ) {
            return answer.as(NetworkDocument.self)
        }
        return nil
    }

    /// Whether the network lets `peer` use `service` of `number`, by the words of operators.
    func isAllowedByNetwork(_ peer: Int, _ service: ServiceName, at number: Int) -> Bool {
        guard network.mayAdmit(number, peer) else { return false }
        let rules = sidecars[number].profile.exposed.filter { $0.service.name == service }
        return rules.contains { rule in
            rule.allow.contains { allowed in
                switch allowed {
                case .network: true
                case .peer(let name): name.meaning == .key(sidecars[peer].key)
                case .trusted, .group: false
                }
            }
        }
    }

    /// Where the founder alone gives its word, nobody who has missed entries for long takes the network for fresh.
    mutating func inspectFreshness() {
        guard plan.scenario == .deceit, let truth = show(NetworkLedger.founder), !truth.forked else { return }
        if let sequence = truth.sequence { network.extend(to: sequence, at: now) }
        let bound = Self.warn + Self.beatInterval + Self.searchPatience
        guard !network.hasAdministrators, now.nanoseconds > bound.nanoseconds,
            let due = network.sequence(at: now + (.zero - bound))
        else { return }
        for number in sidecars.indices where number != NetworkLedger.founder {
            guard let view = show(number), view.role != nil, view.fresh, let known = view.sequence, known < due else {
                continue
            }
            violate(.deceit, "s\(number) takes its network for fresh at entry \(known), where \(due) is long there")
        }
    }

    /// Members meet at hubs that are honest again, and the founder heals what was forked.
    mutating func settleNetwork() {
        guard report.violation == nil, network.id != nil else { return }
        meet()
        inspectForks()
        for _ in 0..<6 where report.violation == nil && show(NetworkLedger.founder)?.forked == true {
            perform(HealNetwork(name: Self.label), .networks(.heals), at: NetworkLedger.founder)
            run(for: .seconds(20))
            meet()
        }
        inspectNetwork()
    }

    private mutating func meet() {
        for number in sidecars.indices {
            for other in sidecars.indices where other != number {
                let key = sidecars[other].key
                feed(number) { $0.want(key, at: $1) }
            }
        }
        run(for: .seconds(60))
    }

    /// Who sees two histories has it in its trail, and says so.
    private mutating func inspectForks() {
        for number in sidecars.indices {
            guard let view = show(number), view.role != nil, view.forked else { continue }
            let isRecorded = String(decoding: sidecars[number].audit.text, as: UTF8.self).contains("network.fork")
            guard isRecorded, !view.fresh, view.problem != nil else {
                return violate(.deceit, "s\(number) knows two histories and does not tell")
            }
        }
    }

    /// Everybody who is in the network by the founder's log says the same, and who was removed is not in it.
    private mutating func inspectNetwork() {
        guard report.violation == nil, let truth = show(NetworkLedger.founder) else { return }
        guard !truth.forked else { return violate(.deceit, "the network stays forked") }
        let members = Set(truth.members.map(\.did))
        for outcast in network.outcasts where members.contains(sidecars[outcast].key) {
            return violate(.deceit, "s\(outcast) was removed and is a member again")
        }
        for number in sidecars.indices where members.contains(sidecars[number].key) {
            guard let view = show(number) else {
                // It may have been let in without having heard of it.
                continue
            }
            guard view.head == truth.head, view.members == truth.members else {
                return violate(
                    .deceit,
                    "s\(number) is at entry \(view.sequence ?? -1) of the network, and the founder at "
                        + "\(truth.sequence ?? -1)"
                )
            }
        }
    }
}
