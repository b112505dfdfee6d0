import PosternModel

/// One figure, measured several times.
struct Measurement: Sendable {
    /// What was measured, complete with sizes and numbers of parties.
    let what: String
    let unit: String
    let samples: [Double]
    /// The largest median that passes; nil when there is no limit.
    var limit: Double?

    var sorted: [Double] { samples.sorted() }
    var median: Double {
        let sorted = sorted
        guard !sorted.isEmpty else { return .nan }
        let middle = sorted.count / 2
        return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
    }
    var minimum: Double { sorted.first ?? .nan }
    var maximum: Double { sorted.last ?? .nan }
    var isWithinLimit: Bool { limit.map { median <= $0 } ?? true }

    /// Median, spread and number of rounds.
    var text: String {
        "\(format(median)) \(unit) (\(format(minimum))..\(format(maximum))), n=\(samples.count)"
    }

    /// How ``text`` stands to the limit; empty where there is none.
    var limitText: String {
        guard let limit else { return "" }
        return isWithinLimit ? ", within \(format(limit))" : ", OVER THE LIMIT of \(format(limit))"
    }

    var json: JSONValue {
        let limit: JSONValue = limit.map { .double($0) } ?? .null
        return [
            "what": .string(what),
            "unit": .string(unit),
            "runs": .integer(Int64(samples.count)),
            "median": .double(median),
            "min": .double(minimum),
            "max": .double(maximum),
            "limit": limit,
            "passed": .bool(isWithinLimit),
        ]
    }

    /// Four significant digits, without an exponent.
    private func format(_ value: Double) -> String {
        guard value.isFinite else { return "-" }
        let magnitude = value.magnitude
        let places = magnitude >= 1000 ? 0 : magnitude >= 100 ? 1 : magnitude >= 10 ? 2 : magnitude >= 1 ? 3 : 4
        var scale = 1.0
        for _ in 0..<places { scale *= 10 }
        let rounded = (value * scale).rounded()
        let whole = Int64(rounded / scale)
        guard places > 0 else { return String(whole) }
        let fraction = String(Int64(rounded.magnitude) % Int64(scale))
        return "\(whole).\(String(repeating: "0", count: places - fraction.count))\(fraction)"
    }
}

/// The results of one bench, as a table or as JSON.
struct Report {
    let bench: Bench
    let measurements: [Measurement]

    var text: String {
        var lines = ["\(bench.name): \(bench.summary)"]
        let width = measurements.map(\.what.count).max() ?? 0
        for measurement in measurements {
            let label = measurement.what + String(repeating: " ", count: width - measurement.what.count)
            lines.append("  \(label)  \(measurement.text)\(measurement.limitText)")
        }
        return lines.joined(separator: "\n")
    }

    var json: JSONValue {
        [
            "bench": .string(bench.name),
            "summary": .string(bench.summary),
            "results": .array(measurements.map(\.json)),
        ]
    }
}
