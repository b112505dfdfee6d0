package import PosternModel

/// Checks that a datagram arrives at most once, whole, at its receiver's port, from its sender.
package final class DatagramLedger {
    private struct Record {
        let plan: DatagramPlan
        var isSent = false
        var arrivals = 0
    }

    private let seed: UInt64
    private let findings: Findings
    private var records: [Record] = []
    private var indices: [ContentTag: Int] = [:]
    /// How many arrived.
    package private(set) var arrivedCount = 0

    package init(seed: UInt64, findings: Findings) {
        self.seed = seed
        self.findings = findings
    }

    /// Adds a datagram that will be sent.
    package func add(_ plan: DatagramPlan) {
        indices[plan.tag] = records.count
        records.append(Record(plan: plan))
    }

    /// The bytes of the datagram `tag`, which is marked as sent.
    package func send(_ tag: ContentTag) -> [UInt8] {
        guard let index = indices[tag] else { return [] }
        records[index].isSent = true
        return bytes(of: records[index].plan)
    }

    /// `host` got `bytes` from `peer` on `port`.
    package func received(_ bytes: [UInt8], at host: HostID, from peer: HostID, port: VirtualPort) {
        let header = Array(bytes.prefix(ContentTag.headerByteCount))
        guard let tag = ContentTag(header: header), let index = indices[tag] else {
            return findings.report(.content, "\(host) got a datagram of \(bytes.count) bytes that nobody sent")
        }
        let plan = records[index].plan
        if plan.receiver != host || plan.sender != peer || port != StreamPlan.datagramPort {
            findings.report(
                .place,
                "datagram \(tag) of \(plan.sender) to \(plan.receiver) reached \(host) from \(peer)"
            )
        }
        if !records[index].isSent || bytes != self.bytes(of: plan) {
            findings.report(.content, "datagram \(tag) differs from what was sent")
        }
        records[index].arrivals += 1
        arrivedCount += 1
        if records[index].arrivals > 1 {
            findings.report(.content, "datagram \(tag) arrived twice")
        }
    }

    private func bytes(of plan: DatagramPlan) -> [UInt8] {
        plan.tag.header + Content(seed: seed, tag: plan.tag, direction: .up).bytes(0..<plan.byteCount)
    }
}
