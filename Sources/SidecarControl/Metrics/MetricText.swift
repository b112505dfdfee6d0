import PosternModel

/// How metrics are written down.
enum MetricText {
    /// The format that a scraper gets.
    enum Format {
        /// The text format 0.0.4 of Prometheus.
        case prometheus
        /// OpenMetrics 1.0.
        case openMetrics

        /// What a scraper that accepts `types` gets.
        init(accepting types: [String]) {
            let isWanted = types.contains { $0.lowercased().contains("application/openmetrics-text") }
            self = isWanted ? .openMetrics : .prometheus
        }

        var contentType: String {
            switch self {
            case .prometheus: "text/plain; version=0.0.4; charset=utf-8"
            case .openMetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8"
            }
        }
    }

    static func write(_ metrics: [Metric], as format: Format) -> String {
        var text = ""
        var family = ""
        for metric in metrics {
            if metric.name != family {
                let name = "postern_" + Self.family(of: metric, format)
                text += "# HELP \(name) \(metric.explanation)\n# TYPE \(name) \(metric.kind.rawValue)\n"
                family = metric.name
            }
            text += lines(of: metric)
        }
        switch format {
        case .prometheus: return text
        case .openMetrics: return text + "# EOF\n"
        }
    }

    /// OpenMetrics §5.1: the suffix of a counter belongs to its sample, not to its family.
    private static func family(of metric: Metric, _ format: Format) -> String {
        switch (format, metric.kind) {
        case (.openMetrics, .counter) where metric.name.hasSuffix("_total"): String(metric.name.dropLast(6))
        case (.openMetrics, _), (.prometheus, _): metric.name
        }
    }

    private static func lines(of metric: Metric) -> String {
        switch metric.value {
        case .number(let value): return line(metric.name, metric.labels, value)
        case .distribution(let bounds, let counts, let sum):
            var text = ""
            var total = 0.0
            for (position, count) in counts.enumerated() {
                total += Double(count)
                let bound = position < bounds.count ? number(bounds[position]) : "+Inf"
                text += line("\(metric.name)_bucket", metric.labels + [("le", bound)], total)
            }
            return text + line("\(metric.name)_sum", metric.labels, sum)
                + line("\(metric.name)_count", metric.labels, total)
        }
    }

    private static func line(_ name: String, _ labels: [Metric.Label], _ value: Double) -> String {
        let pairs = labels.map { "\($0.name)=\"\(escape($0.value))\"" }.joined(separator: ",")
        return "postern_\(name)" + (pairs.isEmpty ? "" : "{\(pairs)}") + " \(number(value))\n"
    }

    private static func number(_ value: Double) -> String { JSONValue.double(value).compactText }

    private static func escape(_ text: String) -> String {
        text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
    }
}
