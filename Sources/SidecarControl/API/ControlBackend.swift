package import NIOCore
package import PosternModel

/// The sidecar behind the control API. Calls come from the control loop; answers may come on any loop.
package protocol ControlBackend: Sendable {
    /// Does what `call` asks. Fails with ``Problem``.
    func answer(_ call: ControlCall) -> EventLoopFuture<JSONValue>

    /// Whether the sidecar can do its work, and a document that says what is missing.
    func readiness() -> EventLoopFuture<Readiness>

    /// The counters of `/metrics`.
    func metrics() -> EventLoopFuture<[Metric]>
}

/// Whether the sidecar can do its work.
package struct Readiness: Hashable, Sendable {
    /// Whether underlay and, where one is configured, a hub are there.
    package var isReady: Bool
    /// What each part says.
    package var document: JSONValue

    package init(isReady: Bool, document: JSONValue) {
        self.isReady = isReady
        self.document = document
    }
}

/// One number of `/metrics`.
package struct Metric: Hashable, Sendable {
    /// What the number is to Prometheus.
    package enum Kind: String, Hashable, Sendable {
        /// Only grows, until the process restarts.
        case counter
        /// Goes up and down.
        case gauge
    }

    /// Without the `postern_` in front.
    package var name: String
    /// What is counted, in one sentence.
    package var explanation: String
    package var kind: Kind
    package var value: Double
    /// A label's name and value, for families of numbers; adjacent metrics of one name are one family.
    package var label: (name: String, value: String)?

    package init(
        _ name: String,
        _ kind: Kind,
        _ value: Double,
        label: (name: String, value: String)? = nil,
        explanation: String
    ) {
        self.name = name
        self.explanation = explanation
        self.kind = kind
        self.value = value
        self.label = label
    }

    package static func == (first: Metric, second: Metric) -> Bool {
        first.line == second.line && first.kind == second.kind && first.explanation == second.explanation
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(line)
    }

    private var line: String {
        let labels = label.map { "{\($0.name)=\"\($0.value)\"}" } ?? ""
        return "postern_\(name)\(labels) \(JSONValue.double(value).compactText)\n"
    }

    /// The Prometheus text format 0.0.4 of `metrics`.
    static func text(of metrics: [Metric]) -> String {
        var text = ""
        var family = ""
        for metric in metrics {
            if metric.name != family {
                text += "# HELP postern_\(metric.name) \(metric.explanation)\n"
                text += "# TYPE postern_\(metric.name) \(metric.kind.rawValue)\n"
                family = metric.name
            }
            text += metric.line
        }
        return text
    }
}
