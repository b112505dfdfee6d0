import PosternModel

/// Finds a small part of a failing scenario that still violates the same invariant: delta debugging (Zeller and
/// Hildebrandt, 2002), one kind of part after the other until nothing more can go.
package struct Minimiser {
    private let scenario: Scenario
    /// The most runs that may be spent.
    private let budget: Int
    /// What is left out by now, and what the run with that violates.
    package private(set) var reduction = Reduction()
    package private(set) var violation: Violation
    /// How many runs it took.
    package private(set) var runCount = 0
    /// Called with what is left out whenever that becomes more.
    private let progress: (Reduction) -> Void

    /// A minimiser of `scenario`, which has violated `violation`, that spends at most `budget` runs.
    package init(
        _ scenario: Scenario,
        violation: Violation,
        budget: Int = 400,
        progress: @escaping (Reduction) -> Void = { _ in }
    ) {
        self.scenario = scenario
        self.violation = violation
        self.budget = budget
        self.progress = progress
    }

    /// Leaves out what can be left out.
    package mutating func run() throws {
        var before: Reduction
        repeat {
            before = reduction
            for part in Reduction.Part.allCases { try reduce(part) }
            try shorten()
        } while reduction != before && runCount < budget
    }

    /// Tries to leave out all of `part`, then halves, quarters and so on.
    private mutating func reduce(_ part: Reduction.Part) throws {
        var remaining = (0..<scenario.count(of: part)).filter { !reduction.omits(part, $0) }
        var size = remaining.count
        while size > 0 {
            var start = 0
            while start < remaining.count {
                let chunk = remaining[start..<min(start + size, remaining.count)]
                var candidate = reduction
                candidate.omit(part, chunk)
                if try attempt(candidate) {
                    remaining.removeSubrange(chunk.startIndex..<chunk.endIndex)
                } else {
                    start += size
                }
                if runCount >= budget { return }
            }
            size = size == 1 ? 0 : (size + 1) / 2
        }
    }

    /// Tries to end the faults at the instant of the violation, or at the last thing that is to happen.
    private mutating func shorten() throws {
        let smaller = scenario.reduced(by: reduction)
        let planned = smaller.faults.map(\.at) + smaller.streams.map(\.opensAt) + smaller.attacks.map(\.at)
        let last = (planned.max() ?? Instant(nanoseconds: 0)) + .seconds(1)
        for end in Set([last, violation.at]) where end.nanoseconds < smaller.safetySpan.nanoseconds {
            guard runCount < budget else { return }
            var candidate = reduction
            candidate.span = .milliseconds(end.nanoseconds / 1_000_000 + 1)
            if try attempt(candidate) { return }
        }
    }

    /// Runs with `candidate` left out and keeps to it when the same invariant is violated.
    private mutating func attempt(_ candidate: Reduction) throws -> Bool {
        runCount += 1
        do {
            _ = try World(scenario.reduced(by: candidate)).runToEnd()
            return false
        } catch let found as Violation {
            guard found.invariant == violation.invariant else { return false }
            violation = found
            reduction = candidate
            progress(candidate)
            return true
        }
    }
}

extension Scenario {
    /// What happens in it, a line each: for the reader of a reduced one.
    package var summaryLines: [String] {
        var lines = ["\(hostCount) hosts\(hub.map { ", hub \($0)" } ?? ""), \(safetySpan.seconds) s"]
        lines += links.map { "link \($0.pair.low)-\($0.pair.high): \($0.profile)" }
        lines += firewalls.map { "firewall \($0.low)-\($0.high)" }
        lines += nats.map { "translator in front of \($0.hosts): \($0.settings)" }
        lines += attachments.map { "\($0.host) also in segment \($0.segment)" }
        lines += streams.map { plan in
            "\(Self.text(plan.opensAt)) stream \(plan.tag) \(plan.opener)->\(plan.acceptor) \(plan.service), "
                + "\(plan.byteCount) bytes, \(plan.conduct)"
        }
        lines += datagrams.map { "\(Self.text($0.sendsAt)) datagram \($0.tag) \($0.sender)->\($0.receiver)" }
        lines += faults.map { "\(Self.text($0.at)) \($0.fault)" }
        lines += attacks.map { "\(Self.text($0.at)) attack: \($0.act)" }
        return lines
    }

    private static func text(_ instant: Instant) -> String {
        "\(Double(instant.nanoseconds / 1_000_000) / 1000) s"
    }
}
