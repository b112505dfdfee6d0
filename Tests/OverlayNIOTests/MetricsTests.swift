import Testing

@testable import OverlayCore
@testable import OverlayNIO

/// What is counted is exported: as a metric of its own, under a name of its own.
@Suite struct MetricsTests {
    @Test func `every field of the node's statistics is exported`() {
        expectComplete(NodeStatistics.metrics, of: NodeStatistics())
    }

    @Test func `every field of the underlay's failures is exported`() {
        expectComplete(UnderlayFailures.metrics, of: UnderlayFailures())
    }

    @Test func `names follow the conventions of Prometheus, and a family is told once`() {
        let all =
            NodeStatistics.metrics.map { ($0.name, $0.kind == .counter, $0.label?.value) }
            + UnderlayFailures.metrics.map { ($0.name, $0.kind == .counter, $0.label?.value) }
        for (name, isCounter, _) in all {
            #expect(name.hasSuffix("_total") == isCounter, "\(name)")
            #expect(name.allSatisfy { $0.isLowercase || $0 == "_" }, "\(name)")
        }
        let identities = all.map { "\($0.0) \($0.2 ?? "")" }
        #expect(Set(identities).count == identities.count)
        let names = all.map(\.0)
        let families = names.enumerated().filter { $0.offset == 0 || names[$0.offset - 1] != $0.element }
        #expect(families.count == Set(names).count, "metrics of one family are neighbours")
    }

    /// Gives each exported field a number of its own and looks for all of them in the statistics.
    private func expectComplete<Statistics>(_ metrics: [StatisticsMetric<Statistics>], of empty: Statistics) {
        var statistics = empty
        for (position, metric) in metrics.enumerated() { statistics[keyPath: metric.field] = UInt64(position + 1) }
        let leaves = leaves(of: statistics)
        for (path, value) in leaves { #expect(value != 0, "\(path) is not exported") }
        let expected = (1...metrics.count).map(UInt64.init)
        #expect(leaves.map(\.value).sorted() == expected)
    }

    /// The numbers in `value`, with their names.
    private func leaves(of value: Any) -> [(path: String, value: UInt64)] {
        Mirror(reflecting: value).children.flatMap { child -> [(path: String, value: UInt64)] in
            let name = child.label ?? "?"
            if let number = child.value as? UInt64 { return [(name, number)] }
            let inner = leaves(of: child.value)
            // A field of another type would be missed otherwise.
            guard !inner.isEmpty else { return [(name, 0)] }
            return inner.map { ("\(name).\($0.path)", $0.value) }
        }
    }
}
