import Testing

@testable import SidecarControl

@Suite struct MetricTextTests {
    private let metrics = [
        Metric("calls_total", .counter, 2, labels: [("peer", "a\"b\\c\nd")], explanation: "Calls."),
        Metric("calls_total", .counter, 3, labels: [("peer", "e")], explanation: "Calls."),
        Metric(
            "call_seconds",
            .histogram,
            .distribution(bounds: [0.5, 1], counts: [1, 2, 4], sum: 9.5),
            explanation: "How long."
        ),
    ]

    @Test func `the text of Prometheus has a head for each family, and counts that add up`() {
        let expected = """
            # HELP postern_calls_total Calls.
            # TYPE postern_calls_total counter
            postern_calls_total{peer="a\\"b\\\\c\\nd"} 2
            postern_calls_total{peer="e"} 3
            # HELP postern_call_seconds How long.
            # TYPE postern_call_seconds histogram
            postern_call_seconds_bucket{le="0.5"} 1
            postern_call_seconds_bucket{le="1"} 3
            postern_call_seconds_bucket{le="+Inf"} 7
            postern_call_seconds_sum 9.5
            postern_call_seconds_count 7

            """
        #expect(MetricText.write(metrics, as: .prometheus) == expected)
    }

    @Test func `OpenMetrics names a counter without its suffix and says where it ends`() {
        let text = MetricText.write(metrics, as: .openMetrics)
        #expect(text.hasPrefix("# HELP postern_calls Calls.\n# TYPE postern_calls counter\npostern_calls_total{"))
        #expect(text.hasSuffix("# EOF\n"))
        let accepted = ["application/openmetrics-text;version=1.0.0,text/plain;q=0.5"]
        #expect(MetricText.Format(accepting: accepted) == .openMetrics)
        #expect(MetricText.Format(accepting: ["*/*"]) == .prometheus)
    }
}
