import ArgumentParser
import OverlayCore
import PosternModel
import Simulation

/// Lets flows compete for one wire.
struct FairnessCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fairness",
        abstract: "Prints what flows that share one wire get of it, and what they do to its queue.",
        discussion: """
            Each flow is one bulk stream between two hosts of its own. Without --flows every pair of congestion \
            controllers meets, each also its like. Jain's index is 1 when all get the same and 1/n when one gets all.
            """
    )

    @Option(help: "The congestion controllers of the flows, separated by commas: \(Self.algorithmNames). Repeatable.")
    var flows: [FlowList] = []

    @Option(help: "The rate of the wire, in Mbit/s.")
    var rate = 50.0

    @Option(
        help: "The round trip of every flow without a queue, in milliseconds; several, separated by commas, go around."
    )
    var roundTrip = NumberList([40])

    @Option(help: "The queue, in bandwidth-delay products of the first round trip; several make a table.")
    var queue = NumberList([0.5, 1, 2])

    @Option(help: "Marks packets when the queue is longer than this share of its size; packets must be ECN-capable.")
    var markAbove: Double?

    @Option(help: "Random loss behind the wire, in percent.")
    var loss = 0.0

    @Option(help: "Seconds between the starts of the flows.")
    var stagger = 0.0

    @Option(help: "Traffic that heeds nothing, in Mbit/s.")
    var cross = 0.0

    @Option(help: "Seconds for which the cross traffic is on and off in turn; 0 never pauses.")
    var crossPeriod = 0.0

    @Option(help: "Seconds of virtual time that an experiment takes.")
    var span = 30.0

    @Option(help: "Seconds at its start that are not counted.")
    var settling = 5.0

    @Option(help: "The seed of everything random.")
    var seed: UInt64 = 1

    @Flag(help: "Print one JSON array instead of a table.")
    var json = false

    private static var algorithmNames: String {
        CongestionAlgorithm.allCases.map(\.rawValue).joined(separator: ", ")
    }

    func validate() throws {
        guard rate > 0 else { throw ValidationError("--rate is \(rate); a wire needs a positive one.") }
        guard span > settling, settling >= 0 else {
            throw ValidationError("--span \(span) leaves nothing to count behind --settling \(settling).")
        }
        guard roundTrip.values.allSatisfy({ $0 > 0 }), queue.values.allSatisfy({ $0 > 0 }) else {
            throw ValidationError("--round-trip and --queue need positive numbers.")
        }
        guard (0...100).contains(loss) else { throw ValidationError("--loss is \(loss); percent are 0 to 100.") }
        guard cross >= 0, crossPeriod >= 0, stagger >= 0 else {
            throw ValidationError("--cross, --cross-period and --stagger are at least 0.")
        }
    }

    func run() throws {
        let lists = flows.isEmpty ? Self.everyPair : flows
        var rows: [JSONValue] = []
        if !json { printHeader() }
        for list in lists {
            for size in queue.values {
                let outcome = try experiment(list, queue: size).play(seed: seed)
                if json { rows.append(row(list, queue: size, outcome)) } else { printRow(list, queue: size, outcome) }
            }
        }
        if json { print(JSONValue.array(rows).compactText) }
    }

    private static var everyPair: [FlowList] {
        let all = CongestionAlgorithm.allCases
        return all.indices.flatMap { one in all[one...].map { FlowList([all[one], $0]) } }
    }

    private func experiment(_ list: FlowList, queue size: Double) -> FairnessExperiment {
        let flows = list.algorithms.enumerated().map { index, algorithm in
            var flow = FairnessExperiment.Flow(
                algorithm,
                roundTrip: .microseconds(Int64(roundTrip.values[index % roundTrip.values.count] * 1000))
            )
            flow.startsAt = .microseconds(Int64(Double(index) * stagger * 1_000_000))
            return flow
        }
        let product = rate * 125 * roundTrip.values[0]
        var wire = Bottleneck.Settings(megabitsPerSecond: rate, queueByteCount: max(5000, Int(product * size)))
        wire.marksAbove = markAbove.map { Int($0 * Double(wire.queueByteCount)) }
        if cross > 0 {
            var traffic = CrossTraffic(megabitsPerSecond: cross)
            traffic.on = .microseconds(Int64(crossPeriod * 1_000_000))
            traffic.off = traffic.on
            wire.crossTraffic = [traffic]
        }
        var experiment = FairnessExperiment(flows, wire: wire)
        experiment.loss = loss / 100
        experiment.span = .microseconds(Int64(span * 1_000_000))
        experiment.settling = .microseconds(Int64(settling * 1_000_000))
        return experiment
    }

    private func printHeader() {
        let trips = roundTrip.values.map { $0.text(places: 1) }.joined(separator: ", ")
        print(
            "wire of \(rate.text(places: 1)) Mbit/s, round trip \(trips) ms, "
                + "\((span - settling).text(places: 1)) s counted, seed \(seed)"
        )
        let columns = [
            "flows", "queue BDP", "Mbit/s", "of an equal part %", "Jain", "used %", "queue ms mean, p95", "dropped %",
            "marked %",
        ]
        print("| " + columns.joined(separator: " | ") + " |")
        print("|" + columns.map { _ in " --- |" }.joined())
    }

    private func printRow(_ list: FlowList, queue size: Double, _ outcome: FairnessExperiment.Outcome) {
        let cells = [
            list.text,
            size.text(places: 2),
            outcome.goodputs.map { $0.text(places: 1) }.joined(separator: ", "),
            outcome.shares.map { ($0 * 100).text(places: 0) }.joined(separator: ", "),
            outcome.fairness.text(places: 3),
            (outcome.utilisation * 100).text(places: 1),
            outcome.queue.meanDelay.milliseconds.text(places: 1) + ", "
                + outcome.queue.delay(atQuantile: 0.95).milliseconds.text(places: 1),
            (outcome.queue.lossFraction * 100).text(places: 2),
            (outcome.queue.markFraction * 100).text(places: 2),
        ]
        printNow("| " + cells.joined(separator: " | ") + " |")
    }

    private func row(_ list: FlowList, queue size: Double, _ outcome: FairnessExperiment.Outcome) -> JSONValue {
        [
            "flows": .array(list.algorithms.map { .string($0.rawValue) }),
            "megabits_per_second": .double(rate),
            "queue_bdp": .double(size),
            "goodput_megabits_per_second": .array(outcome.goodputs.map { .double($0.rounded(places: 2)) }),
            "share": .array(outcome.shares.map { .double($0.rounded(places: 3)) }),
            "jain": .double(outcome.fairness.rounded(places: 4)),
            "utilisation": .double(outcome.utilisation.rounded(places: 4)),
            "queue_mean_ms": .double(outcome.queue.meanDelay.milliseconds.rounded(places: 2)),
            "queue_p95_ms": .double(outcome.queue.delay(atQuantile: 0.95).milliseconds.rounded(places: 2)),
            "loss": .double(outcome.queue.lossFraction.rounded(places: 5)),
            "marked": .double(outcome.queue.markFraction.rounded(places: 5)),
        ]
    }
}
