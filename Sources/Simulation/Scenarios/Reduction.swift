package import PosternModel

/// What is left out of a scenario: what remains of a failing run when all that does not matter is gone.
///
/// As text, for a command line: `fault:0-2+7,stream:3,span:12.5`.
package struct Reduction: Hashable, Sendable {
    /// The parts of a scenario that can be left out, each by its place in the scenario.
    package enum Part: String, Sendable, CaseIterable {
        /// A host has nothing to do with the others, and everything that names it is gone.
        case host
        case attack
        case datagram
        case fault
        case stream
        case firewall
        case nat
        case attachment
        /// A link becomes what links are by default.
        case link
    }

    /// The places that are left out.
    package private(set) var omitted: [Part: Set<Int>] = [:]
    /// How long faults may happen, when that is less than the scenario says.
    package var span: Interval?

    /// Leaves out nothing.
    package init() {}

    /// Whether nothing is left out.
    package var isEmpty: Bool { span == nil && omitted.values.allSatisfy(\.isEmpty) }

    /// Whether the part at `index` is left out.
    package func omits(_ part: Part, _ index: Int) -> Bool { omitted[part]?.contains(index) ?? false }

    /// Leaves out more.
    package mutating func omit(_ part: Part, _ indices: some Sequence<Int>) {
        omitted[part, default: []].formUnion(indices)
    }
}

extension Reduction: CustomStringConvertible {
    package var description: String {
        var texts = Part.allCases.compactMap { part -> String? in
            guard let indices = omitted[part], !indices.isEmpty else { return nil }
            return "\(part.rawValue):" + Self.ranges(indices).joined(separator: "+")
        }
        if let span { texts.append("span:\(span.seconds)") }
        return texts.joined(separator: ",")
    }

    private static func ranges(_ indices: Set<Int>) -> [String] {
        var ranges: [ClosedRange<Int>] = []
        for index in indices.sorted() {
            if let last = ranges.last, last.upperBound == index - 1 {
                ranges[ranges.count - 1] = last.lowerBound...index
            } else {
                ranges.append(index...index)
            }
        }
        return ranges.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)" }
    }

    /// The reduction of a ``description``, or nil when it is none.
    package init?(_ text: String) {
        self.init()
        for item in text.split(separator: ",") {
            let halves = item.split(separator: ":")
            guard halves.count == 2 else { return nil }
            if halves[0] == "span" {
                guard let seconds = Double(halves[1]), (0...1e6).contains(seconds) else { return nil }
                span = .microseconds(Int64(seconds * 1_000_000))
                continue
            }
            guard let part = Part(rawValue: String(halves[0])) else { return nil }
            for range in halves[1].split(separator: "+") {
                let bounds = range.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
                guard (1...2).contains(bounds.count), let first = bounds[0], let last = bounds[bounds.count - 1],
                    0 <= first, first <= last, last < 1_000_000
                else { return nil }
                omit(part, first...last)
            }
        }
    }
}

extension Scenario {
    /// How many of `part` there are.
    package func count(of part: Reduction.Part) -> Int {
        switch part {
        case .host: hostCount
        case .attack: attacks.count
        case .datagram: datagrams.count
        case .fault: faults.count
        case .stream: streams.count
        case .firewall: firewalls.count
        case .nat: nats.count
        case .attachment: attachments.count
        case .link: links.count
        }
    }

    /// This scenario without what `reduction` leaves out. What stays keeps its name, its time and its random numbers.
    package func reduced(by reduction: Reduction) -> Scenario {
        func kept<Item>(_ part: Reduction.Part, _ items: [Item]) -> [Item] {
            items.enumerated().filter { !reduction.omits(part, $0.offset) }.map(\.element)
        }
        var smaller = self
        smaller.attacks = kept(.attack, attacks)
        smaller.datagrams = kept(.datagram, datagrams)
        smaller.faults = kept(.fault, faults)
        smaller.streams = kept(.stream, streams)
        smaller.firewalls = kept(.firewall, firewalls)
        smaller.nats = kept(.nat, nats)
        smaller.attachments = kept(.attachment, attachments)
        smaller.links = kept(.link, links)
        for host in HostID.all(hostCount) where reduction.omits(.host, host.index) { smaller.isolate(host) }
        smaller.safetySpan = min(safetySpan, reduction.span ?? safetySpan)
        return smaller
    }

    /// Takes `host` out of everything but the count of hosts, on which the numbers of the others depend.
    private mutating func isolate(_ host: HostID) {
        streams.removeAll { $0.opener == host || $0.acceptor == host }
        datagrams.removeAll { $0.sender == host || $0.receiver == host }
        faults.removeAll { $0.fault.names(host) }
        unacquainted += HostID.all(hostCount).filter { $0 != host }.map { HostPair(host, $0) }
        if hub == host { hub = nil }
    }
}

extension Fault {
    /// Whether it happens to `host` and could not happen without it.
    fileprivate func names(_ host: HostID) -> Bool {
        switch self {
        // The others are parted all the same.
        case .partition: false
        case .crash(let named, _), .roam(let named, _), .rebind(let named), .sleep(let named, _, _),
            .restore(let named):
            named == host
        case .expel(let named, let peer, _), .admit(let named, let peer): named == host || peer == host
        case .relink(let pair, _), .firewall(let pair, _): pair.contains(host)
        }
    }
}
