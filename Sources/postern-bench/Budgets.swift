import ArgumentParser
import Foundation

/// What a bench may cost, as committed in `Fixtures/Budgets`.
struct CostBudgets: Codable {
    /// The bench that measures it.
    var bench: String
    /// Why the tolerances are what they are.
    var about: String
    var budgets: [Entry]

    struct Entry: Codable {
        /// As the bench names it.
        var what: String
        /// The median when the budget was set.
        var value: Double
        /// The share of ``value`` by which a run may be worse.
        var tolerance: Double
        /// What a run may be worse by besides, where ``value`` is about nothing.
        var slack: Double

        var largest: Double { value * (1 + tolerance) + slack }
        /// Better than this is no chance: the budget should follow.
        var clearlyBetter: Double { value * (1 - tolerance) - slack }
    }

    init(file: URL) throws {
        do {
            self = try JSONDecoder().decode(Self.self, from: Data(contentsOf: file))
        } catch {
            throw BenchError("\(file.path) is no file of budgets: \(error)")
        }
    }

    func write(to file: URL) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        try (encoder.encode(self) + Data("\n".utf8)).write(to: file)
    }
}

/// `postern-bench budgets FOLDER`
struct BudgetsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "budgets",
        abstract: "Measure what has a budget and fail when it costs more.",
        discussion: "Every *.json of the folder names a bench and what its figures may be."
    )

    @Argument(help: "The folder with the budgets.", completion: .directory)
    var folder: String

    @Flag(help: "Write what was measured into the files instead.")
    var update = false

    @Option(help: "About how long to measure for each file, in seconds.")
    var seconds: Double = 5

    func run() throws {
        let files = try FileManager.default.contentsOfDirectory(
            at: URL(fileURLWithPath: folder),
            includingPropertiesForKeys: nil
        ).filter { $0.pathExtension == "json" }.sorted { $0.path < $1.path }
        guard !files.isEmpty else { throw BenchError("there are no budgets in \(folder)") }
        var isExceeded = false
        for file in files where try check(file) { isExceeded = true }
        guard !isExceeded else { throw ExitCode.failure }
    }

    /// Measures what one file is about; whether any of it costs too much.
    private func check(_ file: URL) throws -> Bool {
        var budgets = try CostBudgets(file: file)
        guard let bench = Bench.all.first(where: { $0.name == budgets.bench }) else {
            throw BenchError("\(file.path): there is no bench \"\(budgets.bench)\"")
        }
        let measurements = try bench.run(Budget(seconds: seconds))
        var isExceeded = false
        for index in budgets.budgets.indices {
            let entry = budgets.budgets[index]
            guard let measurement = measurements.first(where: { $0.what == entry.what }) else {
                throw BenchError("\(file.path): the bench does not measure \"\(entry.what)\"")
            }
            let measured = "\(budgets.bench): \(entry.what): \(measurement.text)"
            if update {
                budgets.budgets[index].value = (measurement.median * 1000).rounded() / 1000
                print("\(measured), which was \(entry.value)")
            } else {
                let verdict = Verdict(measurement.median, of: entry)
                if case .worse = verdict { isExceeded = true }
                print("\(measured), \(verdict.text(entry))")
            }
        }
        if update { try budgets.write(to: file) }
        return isExceeded
    }
}

/// How a measurement stands to its budget.
private enum Verdict {
    case worse
    case within
    case better

    init(_ median: Double, of entry: CostBudgets.Entry) {
        self = median > entry.largest ? .worse : median < entry.clearlyBetter ? .better : .within
    }

    func text(_ entry: CostBudgets.Entry) -> String {
        let limit = "budget \(entry.value), at most \((entry.largest * 1000).rounded() / 1000)"
        switch self {
        case .worse: return "OVER THE BUDGET: \(limit)"
        case .within: return limit
        case .better: return "clearly better than the budget, run `budgets --update`: \(limit)"
        }
    }
}
