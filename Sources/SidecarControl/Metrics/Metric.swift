/// One number of `/metrics`, or one histogram.
package struct Metric: Sendable {
    /// What the number is to Prometheus.
    package enum Kind: String, Hashable, Sendable {
        /// Only grows, until the process restarts.
        case counter
        /// Goes up and down.
        case gauge
        /// How many were how large.
        case histogram
    }

    /// What was counted.
    package enum Value: Hashable, Sendable {
        case number(Double)
        /// Counts below each of `bounds`, and one for what is above all of them; `sum` is that of everything counted.
        case distribution(bounds: [Double], counts: [UInt32], sum: Double)
    }

    /// A label's name and value.
    package typealias Label = (name: String, value: String)

    /// Without the `postern_` in front.
    package let name: String
    /// What is counted, in one sentence.
    package let explanation: String
    package let kind: Kind
    package let value: Value
    /// What tells the numbers of one family apart; adjacent metrics of one name are one family.
    package let labels: [Label]

    /// One number.
    package init(
        _ name: String,
        _ kind: Kind,
        _ value: Double,
        labels: [Label] = [],
        explanation: String
    ) {
        self.init(name, kind, .number(value), labels: labels, explanation: explanation)
    }

    /// One number or histogram.
    package init(
        _ name: String,
        _ kind: Kind,
        _ value: Value,
        labels: [Label] = [],
        explanation: String
    ) {
        self.name = name
        self.explanation = explanation
        self.kind = kind
        self.value = value
        self.labels = labels
    }
}
