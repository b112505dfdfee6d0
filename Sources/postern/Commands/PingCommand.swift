import ArgumentParser
import NIOCore
import PosternModel
import SidecarControl
import SidecarCore

/// `postern ping`
struct PingCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ping",
        abstract: "Round trips through the overlay, and the path they took.",
        discussion: """
            One line for each. With -c all of them are tried; without it a peer that is away ends it after the first. \
            Exit status 1 when none came back.
            """
    )

    @Argument(help: ArgumentHelp("A did, address, name or agent:// URI.", valueName: "peer"))
    var peer: PeerName

    @Option(
        name: .customShort("c"),
        help: ArgumentHelp("How many round trips, 1 to 100. Default: 4.", valueName: "n")
    )
    var count: Int?

    @Option(name: .long, help: ArgumentHelp("How long to wait for each. Default: 4s.", valueName: "time"))
    var timeout = Lifetime.seconds(4)

    @Flag(name: .long, help: "Go on until the path is direct, one a second; at most -c times, 30 unless given.")
    var untilDirect = false

    @OptionGroup var sidecar: SidecarOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard count.map((1...100).contains) ?? true else { throw ValidationError("-c takes a number from 1 to 100") }
    }

    func run() async throws {
        let limit = count ?? (untilDirect ? 30 : 4)
        var times: [Double] = []
        var sent = 0
        var path: PathDocument?
        while sent < limit {
            let began = ContinuousClock.now
            sent += 1
            let answer = try await roundTrip()
            path = answer?.path ?? path
            if let time = answer?.rttMs?.median {
                times.append(time)
                tell("\(sent): \(Shown.milliseconds(time)), path \(Shown.path(path))")
                guard untilDirect else { continue }
                if path?.kind == .direct { break }
            } else {
                tell("\(sent): \(reason(answer))")
                if count == nil, times.isEmpty { break }
            }
            // A way that is missing now may be there a second later.
            if sent < limit { try await Task.sleep(until: began + .seconds(1), clock: .continuous) }
        }
        try end(PingPeer.Answer(sent: sent, milliseconds: times, path: path))
    }

    /// Why a try brought nothing.
    private func reason(_ answer: PingPeer.Answer?) -> String {
        guard let answer else { return "no answer within \(timeout.defaultValueDescription)" }
        return answer.path == nil ? "no answer: there is no path to it" : "no answer, path \(Shown.path(answer.path))"
    }

    private func end(_ answer: PingPeer.Answer) throws {
        output.console.show(answer) { answer in
            let times = answer.rttMs
            return """
                \(peer): \(answer.received) of \(answer.sent) came back, path \(Shown.path(answer.path))
                round trip min \(Shown.milliseconds(times?.min)), median \(Shown.milliseconds(times?.median)), \
                max \(Shown.milliseconds(times?.max))
                """
        }
        if answer.received == 0 {
            if !output.json { Console.complain("hint: `postern doctor \(peer)` looks at each step of the way to it") }
            throw ExitCode(1)
        }
        if untilDirect, answer.path?.kind != .direct { throw ExitCode(1) }
    }

    /// One round trip; nil: nothing came in time.
    private func roundTrip() async throws -> PingPeer.Answer? {
        do {
            return try await sidecar.withClient {
                try await $0.answer(
                    to: PingPeer(peer: peer, count: 1),
                    within: .nanoseconds(timeout.interval.nanoseconds)
                )
            }
        } catch let failure as CommandFailure where failure.code == "timeout" {
            return nil
        }
    }

    private func tell(_ line: String) {
        if !output.json { Console.print(line) }
    }
}
