import ArgumentParser
import OverlaySimulation
import OverlayWire

/// Prints the throughput table.
struct ThroughputCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "throughput",
        abstract: "Prints the goodput of one bulk stream by rate, round trip and loss of the link.",
        discussion: "Each stream runs 10 s of virtual time, its start included; loss is random and the same each way."
    )

    @Option(help: "The seed of the losses.")
    var seed: UInt64 = 1

    @Option(help: "The highest rate of the table, in Mbit/s.")
    var maxRate = 100.0

    func run() throws {
        let losses = Throughput.losses.map { "\(Self.round($0 * 100)) % loss" }
        print("| rate | round trip | " + losses.joined(separator: " | ") + " |")
        print("| --- | --- |" + losses.map { _ in " --- |" }.joined())
        for rate in Throughput.rates where rate <= maxRate {
            for roundTrip in Throughput.roundTrips {
                let cells = try Throughput.losses.map { loss in
                    try Throughput.measure(megabitsPerSecond: rate, roundTrip: roundTrip, loss: loss, seed: seed)
                }
                let texts = cells.map { "\(Self.round($0.goodput)) (\(Int(($0.share * 100).rounded())) %)" }
                print(
                    "| \(Int(rate)) Mbit/s | \(Self.round(roundTrip.milliseconds)) ms | "
                        + texts.joined(separator: " | ") + " |"
                )
            }
        }
    }

    /// One decimal place, none when it is zero.
    private static func round(_ value: Double) -> String {
        let tenths = Int((value * 10).rounded())
        return tenths % 10 == 0 ? "\(tenths / 10)" : "\(tenths / 10).\(tenths % 10)"
    }
}
