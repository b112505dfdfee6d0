import ArgumentParser
import OverlayCore

/// Congestion controllers, one a flow: `cubic,cubic`.
struct FlowList: ExpressibleByArgument {
    let algorithms: [CongestionAlgorithm]

    init(_ algorithms: [CongestionAlgorithm]) {
        self.algorithms = algorithms
    }

    init?(argument: String) {
        let names = argument.split(separator: ",", omittingEmptySubsequences: false)
        let known = names.compactMap { CongestionAlgorithm(rawValue: String($0)) }
        guard known.count == names.count else { return nil }
        algorithms = known
    }

    var text: String { algorithms.map(\.rawValue).joined(separator: ", ") }
}

/// Numbers separated by commas.
struct NumberList: ExpressibleByArgument {
    let values: [Double]

    init(_ values: [Double]) {
        self.values = values
    }

    init?(argument: String) {
        let parts = argument.split(separator: ",", omittingEmptySubsequences: false)
        let numbers = parts.compactMap { Double($0) }.filter(\.isFinite)
        guard numbers.count == parts.count else { return nil }
        values = numbers
    }

    var defaultValueDescription: String { values.map { $0.text(places: 2) }.joined(separator: ",") }
}

extension Double {
    /// The nearest number of so many decimal places.
    func rounded(places: Int) -> Double {
        let scale = (0..<places).reduce(1.0) { scale, _ in scale * 10 }
        return (self * scale).rounded() / scale
    }

    /// That number as text, without a fraction of zero.
    func text(places: Int) -> String {
        let value = rounded(places: places)
        return value == value.rounded() && abs(value) < 1e15 ? "\(Int(value))" : "\(value)"
    }
}
