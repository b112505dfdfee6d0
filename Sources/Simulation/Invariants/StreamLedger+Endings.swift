import OverlayCore
import OverlayWire
import PosternModel

/// Which endings a plan allows, and what must have ended at last.
extension StreamLedger {
    /// How long before a stream was opened a fault can still be the cause of its end.
    private static let causeReach = Interval.seconds(120)

    /// What is wrong with `end` at `side`, or nil.
    func complaint(about end: StreamEnd, _ record: Record, _ side: Side) -> String? {
        let pair = HostPair(record.plan.opener, record.plan.acceptor)
        let start = (record.openedAt ?? record.plan.opensAt) - Self.causeReach
        switch end {
        case .finished:
            return complaintAboutFinish(record, side)
        case .reset(let code):
            if isAgreedCode(code, record.plan.conduct, side) || history.mayBreak(pair, since: start) { return nil }
            return "reset with code \(code.rawValue), which nobody sent"
        case .sessionLost(let code):
            if history.mayBreak(pair, since: start) { return nil }
            // What the peer forgot long ago takes the streams with it that were opened since.
            let (host, peer) = (record.plan.host(side), record.plan.host(side.other))
            if code == .restarted, let began = sessions.beginning(of: host, with: peer),
                history.mayBreak(pair, since: began)
            {
                return nil
            }
            // Who was never heard may never have had the keys: such a session is given up soon.
            let isUnheard = sessions.isUnheard(host, peer)
            let mayGiveUp = isUnheard && history.mayHinder(pair, since: findings.now - Self.causeReach)
            if code == .aborted, mayGiveUp { return nil }
            return "its session was lost (\(code.rawValue)) without a cause"
        case .unreachable:
            return history.mayHinder(pair, since: start) ? nil : "the peer was called unreachable without a cause"
        }
    }

    private func complaintAboutFinish(_ record: Record, _ side: Side) -> String? {
        let incoming = record.flow(side.incoming)
        let outgoing = record.flow(side.outgoing)
        // An end that stopped reading does not see the end of what it does not read.
        let hasStopped = if case .stop(let by, _, _) = record.plan.conduct { by == side } else { false }
        if !incoming.isEndRead, !hasStopped { return "finished before its end was read (\(incoming.read) bytes were)" }
        if !outgoing.isFinished, !outgoing.isStopped {
            return "finished before it finished (\(outgoing.written) bytes were written)"
        }
        return nil
    }

    func isAgreedCode(_ code: ErrorCode, _ conduct: StreamPlan.Conduct, _ side: Side) -> Bool {
        switch conduct {
        case .complete, .stall: false
        case .reset(let by, _, let agreed): by != side && code == agreed
        // The one who is stopped hears it as a stop, the one who stopped hears of the other's reset.
        case .stop(_, _, let agreed): code == agreed
        }
    }

    /// Ends that are still open, as text for a report; empty when none is.
    package func stragglers(limit: Int = 5) -> [String] {
        let open = records.filter { record in
            if case .open = record.opener { return true }
            if case .open = record.acceptor { return true }
            return false
        }
        return open.prefix(limit).map(Self.describe) + (open.count > limit ? ["and \(open.count - limit) more"] : [])
    }

    /// Streams that had no cause to fail and are not complete, as text for a report.
    package func unfinished(limit: Int = 5) -> [String] {
        let failed = records.filter { record in
            guard !record.isComplete, record.openedAt != nil else { return false }
            switch record.plan.conduct {
            case .complete, .stall: break
            case .reset, .stop: return false
            }
            let pair = HostPair(record.plan.opener, record.plan.acceptor)
            let start = (record.openedAt ?? record.plan.opensAt) - Self.causeReach
            return !history.mayBreak(pair, since: start) && !history.mayHinder(pair, since: start)
        }
        return failed.prefix(limit).map(Self.describe)
    }

    static func describe(_ record: Record) -> String {
        let plan = record.plan
        func text(_ flow: Flow, _ direction: Direction) -> String {
            let read = "\(flow.read)\(flow.isEndRead ? "." : "")"
            let written = "\(flow.written)\(flow.isFinished ? "." : "")"
            return "\(read)/\(written)/\(plan.total(direction))"
        }
        return "stream \(plan.tag) \(plan.opener)->\(plan.acceptor):\(plan.port.rawValue) up \(text(record.up, .up)) "
            + "down \(text(record.down, .down)) opener \(record.opener) acceptor \(record.acceptor) "
            + "conduct \(plan.conduct)"
    }
}
