import OverlayCore
import OverlayWire
package import PosternModel

/// What a run came to.
package struct Summary: Sendable {
    package var scenario: String
    package var seed: UInt64
    /// Virtual time that passed.
    package var span: Interval
    package var packetCount: Int
    package var droppedCount: Int
    /// Bytes that readers took.
    package var byteCount: Int
    package var streamCount: Int
    package var completeCount: Int
    package var datagramCount: Int
    package var sessionCount: Int
    /// Equal for two runs exactly when every packet was.
    package var digest: UInt64
}

/// A run in its phases: first anything may happen and must be safe, then everything heals and must converge, then
/// nothing happens and must be quiet.
extension World {
    private static let reviewInterval = Interval.milliseconds(200)
    private static let settlingSpan = Interval.seconds(10)
    private static let firstProbeTag: UInt64 = 2_000_000

    /// Runs all phases.
    package func runToEnd() throws(Violation) -> Summary {
        try run(until: Instant(nanoseconds: scenario.safetySpan.nanoseconds))
        heal()
        try converge()
        try meet()
        if scenario.quietSpan > .zero { try rest() }
        if let violation = findings.first { throw violation }
        return summary
    }

    /// What the run came to so far.
    package var summary: Summary {
        Summary(
            scenario: scenario.name,
            seed: scenario.seed,
            span: Interval(nanoseconds: now.nanoseconds),
            packetCount: trace.sentCount,
            droppedCount: trace.droppedCount,
            byteCount: streams.readByteCount,
            streamCount: streams.records.count,
            completeCount: streams.records.count(where: \.isComplete),
            datagramCount: datagrams.arrivedCount,
            sessionCount: sessions.count,
            digest: trace.digest
        )
    }

    /// Every pair that admits each other must complete a new stream in both directions, and every old one must end.
    private func converge() throws(Violation) {
        var probes = HostPair.all(scenario.hostCount)
            .filter { isMutual($0.low, $0.high) }
            .flatMap { [($0.low, $0.high), ($0.high, $0.low)] }
            .map { openProbe(from: $0.0, to: $0.1) }
        let deadline = now + scenario.livenessSpan
        while true {
            try run(until: now + Self.reviewInterval)
            let isProven = review(&probes)
            let stragglers = streams.stragglers()
            if isProven, stragglers.isEmpty { break }
            if now >= deadline {
                let missing = probes.compactMap { streams.record($0) }.filter { !$0.isComplete }
                let reports = missing.prefix(3).map { "probe " + StreamLedger.describe($0) } + stragglers
                findings.report(
                    .liveness,
                    "after \(scenario.livenessSpan.seconds) s: " + reports.joined(separator: "; ")
                )
            }
            if let violation = findings.first { throw violation }
        }
        let unfinished = streams.unfinished()
        if !unfinished.isEmpty {
            findings.report(.liveness, "failed without a cause: " + unfinished.joined(separator: "; "))
        }
        if let violation = findings.first { throw violation }
    }

    /// How long pairs that can have one are given for a direct path: two rounds of ``NodeSettings/upgradeInterval``.
    private static let meetingSpan = Interval.seconds(200)
    /// How often they have something to say meanwhile.
    private static let meetingPace = Interval.seconds(3)

    /// Every pair that translators let meet ends on a direct path, at both ends.
    private func meet() throws(Violation) {
        let deadline = now + Self.meetingSpan
        var nextProbe = now
        while let apart = scenario.directPairs.first(where: { !isDirect($0.low, $0.high) || !isDirect($0.high, $0.low) }
        ) {
            guard now < deadline else {
                findings.report(.liveness, "\(apart.low) and \(apart.high) could meet and stay on the relay")
                break
            }
            if nextProbe <= now {
                _ = openProbe(from: apart.low, to: apart.high)
                nextProbe = now + Self.meetingPace
            }
            try run(until: now + Self.reviewInterval)
        }
        if let violation = findings.first { throw violation }
    }

    private func isDirect(_ host: HostID, _ other: HostID) -> Bool {
        let node = hosts[host.index]
        guard let peer = node.node.peer(with: hosts[other.index].key) else { return false }
        return node.node.status(of: peer)?.path?.isRelay == false
    }

    /// Opens another probe for each that came to its end incomplete; whether all are complete.
    private func review(_ probes: inout [ContentTag]) -> Bool {
        var isProven = true
        for index in probes.indices {
            guard let record = streams.record(probes[index]), !record.isComplete else { continue }
            isProven = false
            if record.opener.isOver { probes[index] = openProbe(from: record.plan.opener, to: record.plan.acceptor) }
        }
        return isProven
    }

    private func openProbe(from opener: HostID, to acceptor: HostID) -> ContentTag {
        let tag = ContentTag(Self.firstProbeTag + UInt64(streams.records.count))
        var plan = StreamPlan(tag: tag, from: opener, to: acceptor, at: now, .echo, byteCount: 3000)
        plan.isProbe = true
        streams.add(plan)
        queue.add(.open(tag), at: now)
        return tag
    }

    /// Every stream has ended at both ends: nodes must have forgotten them all.
    private func checkNothingIsLeft() {
        for host in hosts {
            for acquaintance in host.acquaintances {
                guard let peer = host.node.peer(with: acquaintance.key) else { continue }
                guard let status = host.node.status(of: peer), status.activeStreams > 0 else { continue }
                findings.report(
                    .bounds,
                    "\(host.id) keeps \(status.activeStreams) streams with \(acquaintance.host) that ended"
                )
            }
            let held = host.node.statistics.memoryInUse
            if held > 0 { findings.report(.bounds, "\(host.id) holds \(held) bytes of memory with nothing to do") }
        }
    }

    /// How many conversations a host keeps alive: its own, and on the hub those that it may carry.
    func conversationCount(of host: Host) -> Int {
        host.acquaintances.count + (host.id == scenario.hub ? HostPair.all(scenario.hostCount - 1).count : 0)
    }

    /// Watches the world with nothing to do.
    private func rest() throws(Violation) {
        try run(until: now + Self.settlingSpan)
        checkNothingIsLeft()
        quiet = QuietChecker(hostCount: hosts.count, at: now)
        try run(until: now + scenario.quietSpan)
        quiet?.finish(
            at: now,
            peerCounts: hosts.map(conversationCount),
            period: min(scenario.settings.keepAlive, scenario.settings.rekeyAfter),
            findings: findings
        )
        quiet = nil
    }
}
