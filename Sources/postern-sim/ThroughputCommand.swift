import ArgumentParser
import OverlayCore
import PosternModel
import Simulation

/// Measures in virtual time, and holds the figures against those of before.
struct ThroughputCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "throughput",
        abstract: "Measures goodput by rate, round trip and loss, latencies, and the way back from a dead path.",
        discussion: """
            Bulk streams run 10 s of virtual time, their start included; where random decides, a figure is the mean of \
            eight seeds (of two at 1 Gbit/s) with its standard error. The figures depend on nothing but the code, so \
            they can be compared with those of a snapshot: one that is worse by more than 5 %, and by more than twice \
            its standard error, is a failure (exit code 1).
            """
    )

    @Option(help: "Only these congestion controllers, separated by commas; all of them if left out.")
    var algorithm: FlowList?

    @Option(help: "Only what has this text in its name. Repeatable.")
    var only: [String] = []

    @Flag(help: "Only what takes little time.")
    var fast = false

    @Option(help: "Write the figures into this file; figures in it that were not measured now stay.")
    var snapshot: String?

    @Option(help: "Hold the figures against those of this file.")
    var check: String?

    @Option(help: "How many measurements run at a time.")
    var jobs = 2

    func validate() throws {
        guard jobs >= 1 else { throw ValidationError("--jobs is \(jobs); at least 1 is needed.") }
        guard snapshot == nil || check == nil else {
            throw ValidationError("--snapshot overwrites what --check compares with: one at a time.")
        }
    }

    func run() async throws {
        let everything = Measurement.all(algorithm?.algorithms ?? CongestionAlgorithm.allCases)
        let chosen = everything.filter { measurement in
            (!fast || measurement.isFast) && (only.isEmpty || only.contains { measurement.name.contains($0) })
        }
        guard !chosen.isEmpty else { throw ValidationError("Nothing that is measured has such a name.") }
        let past = try check.map { try Self.read($0) }
        let figures = try await measure(chosen)
        if let past, let check {
            try compare(figures, with: past, in: check)
        } else if let snapshot {
            try write(figures, to: snapshot)
        } else {
            for line in ThroughputTable(figures).lines { print(line) }
        }
    }

    /// The figures of all, in the order of `measurements`.
    private func measure(_ measurements: [Measurement]) async throws -> [Figure] {
        var results: [[Figure]] = Array(repeating: [], count: measurements.count)
        try await withThrowingTaskGroup(of: (Int, [Figure]).self) { group in
            var next = 0
            func launch() {
                guard next < measurements.count else { return }
                let (index, measurement) = (next, measurements[next])
                next += 1
                group.addTask { (index, try measurement.figures()) }
            }
            for _ in 0..<jobs { launch() }
            while let (index, figures) = try await group.next() {
                results[index] = figures
                launch()
            }
        }
        return results.flatMap { $0 }
    }

    // MARK: snapshots

    private static func read(_ path: String) throws -> Snapshot {
        do {
            return try Snapshot(text: try TextFile.read(path))
        } catch let error as SnapshotError {
            throw ValidationError("\(path), \(error)")
        }
    }

    private func write(_ figures: [Figure], to path: String) throws {
        var snapshot = TextFile.exists(path) ? try Self.read(path) : Snapshot()
        for figure in figures { snapshot.keep(figure) }
        let known = Measurement.all(CongestionAlgorithm.allCases).map(\.name)
        for name in snapshot.names where !known.contains(where: { name.hasPrefix($0) }) { snapshot.forget(name) }
        try TextFile.write(snapshot.text, to: path)
        print("\(figures.count) figures measured, \(snapshot.names.count) in \(path)")
    }

    private func compare(_ figures: [Figure], with past: Snapshot, in path: String) throws {
        var (worse, better, unknown) = (0, 0, 0)
        for figure in figures {
            switch past.verdict(on: figure) {
            case .kept:
                break
            case .unknown:
                unknown += 1
                print("NEW    \(figure.line)")
            case .better(let before):
                better += 1
                print("better \(figure.line), was \(before.text)")
            case .worse(let before):
                worse += 1
                print("WORSE  \(figure.line), was \(before.text)")
            }
        }
        print("\(figures.count) figures: \(worse) worse, \(better) better, \(unknown) not in \(path)")
        guard worse > 0 || unknown > 0 else { return }
        print("  if that is meant: postern-sim throughput --snapshot \(path)")
        throw ExitCode.failure
    }
}

/// The figures as Markdown: bulk streams in a table by rate, round trip and loss, everything else in a list.
private struct ThroughputTable {
    private let figures: [Figure]

    init(_ figures: [Figure]) {
        self.figures = figures
    }

    var lines: [String] {
        var rest = figures
        let tables = CongestionAlgorithm.allCases.flatMap { table($0, &rest) }
        return tables + ["| measured | figure |", "| --- | --- |"]
            + rest.map { "| \($0.name) | \($0.text) |" }
    }

    /// The table of one controller, whose figures are taken out of `rest`; nothing when none was measured.
    private func table(_ algorithm: CongestionAlgorithm, _ rest: inout [Figure]) -> [String] {
        let losses = Measurement.lossPercents.map { "\($0.text(places: 1)) % loss" }
        var rows: [String] = []
        for rate in Measurement.rates {
            for roundTrip in Measurement.roundTrips {
                var cells: [String] = []
                for loss in Measurement.lossPercents {
                    let cell = Measurement.Cell(megabitsPerSecond: rate, roundTrip: roundTrip, lossPercent: loss)
                    guard let index = rest.firstIndex(where: { $0.name == cell.name(algorithm) }) else {
                        cells.append("")
                        continue
                    }
                    let value = rest.remove(at: index).value
                    cells.append("\(value.text(places: 1)) (\((value / rate * 100).text(places: 0)) %)")
                }
                guard cells.contains(where: { !$0.isEmpty }) else { continue }
                let head = ["\(Int(rate)) Mbit/s", "\(Int(roundTrip.milliseconds)) ms"]
                rows.append("| " + (head + cells).joined(separator: " | ") + " |")
            }
        }
        guard !rows.isEmpty else { return [] }
        let head = "| \(algorithm.rawValue) | round trip | " + losses.joined(separator: " | ") + " |"
        return [head, "| --- | --- |" + losses.map { _ in " --- |" }.joined()] + rows + [""]
    }
}
