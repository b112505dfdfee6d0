import OverlayWire
import PosternModel

/// What an attacker on the way has in hand: first messages that it holds back, and addresses of its own from which it
/// forwards what others send.
struct Interceptor {
    /// The attackers' addresses from this number on are those from which packets are forwarded.
    static let firstForwarder: UInt8 = 40
    private static let forwarderCount = 10

    /// Packets that are forwarded for some time.
    struct Forwarding {
        let victim: HostID
        /// Whether what is sent to the attacker's address goes on, so that challenges there are answered.
        let passesAnswers: Bool
        let until: Instant
        let address: Endpoint
        /// Where the last packet to the victim came from.
        var correspondent: Endpoint?
    }

    private var forwardings: [Forwarding] = []
    /// How long the next first messages that come are held back.
    private var pendingHolds: [Interval] = []
    /// Those that are, by their ephemeral keys, and when they are let go.
    private var held: [[UInt8]: Instant] = [:]
    /// Whose next first message is delivered twice.
    private var pendingSplits = 0
    private var addressCount: UInt8 = 0

    private mutating func newAddress() -> Endpoint {
        defer { addressCount = (addressCount + 1) % UInt8(Self.forwarderCount) }
        return SilenceChecker.endpoint(attacker: Self.firstForwarder + addressCount)
    }

    mutating func hold(for span: Interval) { pendingHolds.append(span) }

    mutating func split() { pendingSplits += 1 }

    mutating func forward(to victim: HostID, passesAnswers: Bool, until: Instant) {
        let address = newAddress()
        forwardings.append(
            Forwarding(victim: victim, passesAnswers: passesAnswers, until: until, address: address)
        )
    }

    /// Everything that was begun is over, but for what is held back already.
    mutating func retire() {
        forwardings = []
        pendingHolds = []
        pendingSplits = 0
    }

    /// What becomes of a packet that reaches its host.
    enum Verdict {
        /// It arrives, behind a copy from each of these addresses.
        case copied(from: [Endpoint])
        /// It does not arrive; nil: and never will, being a copy of one that is held back. Else then.
        case heldBack(until: Instant?)
    }

    /// Decides about `arrival`.
    mutating func judge(_ arrival: Network.Arrival, at now: Instant) -> Verdict {
        var copies: [Endpoint] = []
        if arrival.bytes.first == PacketType.initiation.rawValue, arrival.bytes.count > Self.ephemeral.upperBound {
            let key = Array(arrival.bytes[Self.ephemeral])
            if let until = held[key], now < until { return .heldBack(until: nil) }
            if held[key] == nil, !pendingHolds.isEmpty {
                let until = now + pendingHolds.removeFirst()
                held[key] = until
                return .heldBack(until: until)
            }
            if pendingSplits > 0 {
                pendingSplits -= 1
                copies.append(newAddress())
            }
        }
        for index in forwardings.indices
        where forwardings[index].victim == arrival.host && now < forwardings[index].until {
            forwardings[index].correspondent = arrival.from
            copies.append(forwardings[index].address)
        }
        return .copied(from: copies)
    }

    private static let ephemeral = PacketLayout.Initiation.noise..<PacketLayout.Initiation.noise + 32

    /// Where a packet goes that `sender` has sent to an attacker's `address`: to a host, or (nil) on to the victim's
    /// correspondent.
    enum Onward {
        case victim(HostID)
        case correspondent(Endpoint)
    }

    /// Whether what is sent to `address` is passed on, and where to.
    func onward(from sender: HostID, to address: Endpoint, at now: Instant) -> Onward? {
        let forwarding = forwardings.last { $0.address == address && $0.passesAnswers && now < $0.until }
        guard let forwarding, let correspondent = forwarding.correspondent else { return nil }
        return sender == forwarding.victim ? .correspondent(correspondent) : .victim(forwarding.victim)
    }
}

extension World {
    /// Begins what an attacker on the way or with a key does; false when `act` is none of that.
    func intercept(_ act: AttackerAction) -> Bool {
        switch act {
        case .holdBack(let span):
            interceptor.hold(for: span)
        case .split:
            interceptor.split()
        case .forward(let victim, let passesAnswers, let span):
            interceptor.forward(to: victim, passesAnswers: passesAnswers, until: now + span)
        case .greet(let host, let seed):
            greet(host, seed: seed)
        case .junk, .replay, .misdirect, .truncate, .flip, .replayAllHandshakes:
            return false
        }
        return true
    }

    /// Whether `arrival` goes on to its host; its copies have arrived before.
    func passes(_ arrival: Network.Arrival) -> Bool {
        switch interceptor.judge(arrival, at: now) {
        case .heldBack(let until):
            trace.add(.dropped, arrival.bytes, from: arrival.from, to: arrival.to, at: now, note: "held-back")
            guard let until else { return false }
            var late = arrival
            late.at = until
            queue.add(.release(late), at: until)
            if let sender = network.owner(of: arrival.from) {
                history.recordInterference(with: HostPair(sender, arrival.host), until: until)
            }
            return false
        case .copied(let addresses):
            for address in addresses { arrive(arrival.bytes, at: arrival.host, from: address) }
            return true
        }
    }

    /// A packet that was held back arrives.
    func release(_ arrival: Network.Arrival) {
        guard hosts[arrival.host.index].condition == .running else { return }
        receive(arrival, at: hosts[arrival.host.index])
        settle(hosts[arrival.host.index])
    }

    /// What `sender` has sent to an attacker's address goes on.
    func passOn(_ packet: [UInt8], from sender: HostID, sentTo address: Endpoint) {
        switch interceptor.onward(from: sender, to: address, at: now) {
        case .victim(let victim): queue.add(.passedOn(packet, victim, from: address), at: now + .milliseconds(1))
        case .correspondent(let endpoint):
            guard let owner = network.owner(of: endpoint) else { return }
            queue.add(.passedOn(packet, owner, from: address), at: now + .milliseconds(1))
        case nil: break
        }
    }

    /// A packet arrives from an attacker's address, who has it from somebody else.
    func arrive(_ bytes: [UInt8], at id: HostID, from address: Endpoint) {
        reflections.arrived(bytes.count, from: address)
        inject(Attacker.Forged(bytes: bytes, from: address, to: id))
    }
}
