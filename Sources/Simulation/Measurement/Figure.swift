/// One number that simulated worlds gave: the same on every machine, as long as nothing changes that it measures.
package struct Figure: Hashable, Sendable {
    /// What a number counts, which also says which way is better.
    package enum Unit: String, Sendable, CaseIterable {
        /// Application bytes that the reader took.
        case megabitsPerSecond = "Mbit/s"
        /// What was waited for.
        case milliseconds = "ms"
        /// How many of all succeeded.
        case percent = "%"

        /// Whether more is better.
        package var isGoodness: Bool {
            switch self {
            case .megabitsPerSecond, .percent: true
            case .milliseconds: false
            }
        }
    }

    /// What was measured, in words that no other figure has.
    package let name: String
    /// The mean of all runs, one decimal place.
    package let value: Double
    /// The standard error of the mean: 0 where no chance is.
    package let error: Double
    package let unit: Unit

    /// The figure of runs that gave `values`, at least one.
    package init(_ name: String, _ values: [Double], _ unit: Unit) {
        precondition(!values.isEmpty, "a figure needs a run")
        let count = Double(values.count)
        let mean = values.reduce(0, +) / count
        let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
        let error = count > 1 ? (squares / (count - 1) / count).squareRoot() : 0
        self.init(name: name, value: mean, error: error, unit: unit)
    }

    private init(name: String, value: Double, error: Double, unit: Unit) {
        self.name = name
        self.value = (value * 10).rounded() / 10
        self.error = (error * 10).rounded() / 10
        self.unit = unit
    }

    /// `value unit` or `value ± error unit`.
    package var text: String { error > 0 ? "\(value) ± \(error) \(unit.rawValue)" : "\(value) \(unit.rawValue)" }

    /// `name: text`.
    package var line: String { "\(name): \(text)" }

    /// The figure of a ``line``, or nil when it is none.
    package init?(line: some StringProtocol) {
        guard let colon = line.lastIndex(of: ":") else { return nil }
        let words = line[line.index(after: colon)...].split(separator: " ")
        guard words.count == 2 || words.count == 4 && words[1] == "±" else { return nil }
        guard let value = Double(words[0]), let unit = words.last.flatMap({ Unit(rawValue: String($0)) }),
            let error = words.count == 2 ? 0 : Double(words[2])
        else { return nil }
        self.init(name: String(line[..<colon]), value: value, error: error, unit: unit)
    }

    /// How much worse this figure is than `past` may explain by chance, as a share of that one; negative when it is
    /// better.
    package func worsening(since past: Figure) -> Double {
        let difference = unit.isGoodness ? past.value - value : value - past.value
        let random = max(Self.granularity, 2 * past.error)
        guard abs(difference) > random else { return 0 }
        return difference / max(abs(past.value), Self.granularity)
    }

    /// Two figures that differ by no more may be the same.
    private static let granularity = 0.2
}

/// What figures were once, for what they are now to be held against.
package struct Snapshot: Sendable {
    private var figures: [String: Figure] = [:]

    /// How much worse a figure may become.
    package static let tolerance = 0.05

    package init() {}

    /// The snapshot in a text of ``text``; lines that begin with `#` and empty ones are skipped. Throws the first line
    /// that is no figure.
    package init(text: String) throws(SnapshotError) {
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            if line.isEmpty || line.hasPrefix("#") { continue }
            guard let figure = Figure(line: line) else { throw SnapshotError(line: index + 1, text: String(line)) }
            figures[figure.name] = figure
        }
    }

    /// One figure a line, sorted by name.
    package var text: String {
        let head = """
            # What simulated worlds measured: the same on every machine.
            # A figure that is worse by more than \(Int(Self.tolerance * 100)) % and twice its standard error fails:
            #   swift run -c release postern-sim throughput --check FILE
            # When the change is meant, or is for the better:
            #   swift run -c release postern-sim throughput --snapshot FILE

            """
        return head + figures.values.sorted { $0.name < $1.name }.map { $0.line + "\n" }.joined()
    }

    /// The names of all figures.
    package var names: Set<String> { Set(figures.keys) }

    /// Puts `figure` in the place of the one of that name.
    package mutating func keep(_ figure: Figure) {
        figures[figure.name] = figure
    }

    /// Takes a figure out.
    package mutating func forget(_ name: String) {
        figures[name] = nil
    }

    /// How a figure compares.
    package enum Verdict: Sendable {
        case unknown
        case kept
        case better(than: Figure)
        case worse(than: Figure)
    }

    /// How `figure` compares with the one of that name.
    package func verdict(on figure: Figure) -> Verdict {
        guard let past = figures[figure.name], past.unit == figure.unit else { return .unknown }
        let worsening = figure.worsening(since: past)
        if worsening > Self.tolerance { return .worse(than: past) }
        return worsening < -Self.tolerance ? .better(than: past) : .kept
    }
}

/// A line of a snapshot that is no figure.
package struct SnapshotError: Error, Hashable, Sendable, CustomStringConvertible {
    /// From 1.
    package let line: Int
    /// What was read.
    package let text: String

    package var description: String { "line \(line): expected 'name: number unit', read '\(text)'" }
}
