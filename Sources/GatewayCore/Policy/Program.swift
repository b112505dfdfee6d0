/// A program that serves peers over its standard input and output. It comes from the configuration, never from the
/// wire.
package struct Program: Hashable, Sendable {
    /// What is started, and its arguments.
    package var command: [String]
    /// What it finds in its environment beside the few variables that every program needs.
    package var environment: [String: String]
    /// Whether it is an MCP server that is offered over HTTP; otherwise each stream has a program of its own.
    package var isBridged: Bool

    package init(command: [String], environment: [String: String] = [:], isBridged: Bool = false) {
        self.command = command
        self.environment = environment
        self.isBridged = isBridged
    }
}

/// How many programs run, and how long (RULES S).
package struct ProgramLimits: Hashable, Sendable {
    /// Programs of one service that run for one peer. Default 8.
    package var perPeer = 8
    /// Programs of one service that run for all peers. Default 32.
    package var perService = 32
    /// How often one peer may have a bridged program started in a minute. Default 5.
    package var startsPerMinute = 5
    /// Messages of a bridged program that wait for a client to fetch them. What comes beyond is dropped. Default 256.
    package var waitingMessages = 256
    /// Requests of a session that the program has not answered, those included whose clients are gone. Default 1024.
    package var openCalls = 1024
    /// Bytes of one message of a bridged program, either way. Default 16 MiB.
    package var messageBytes = 16 << 20

    package static let defaults = ProgramLimits()
}

/// How a program ended.
package enum ProgramExit: Hashable, Sendable, CustomStringConvertible {
    case status(Int32)
    case signal(Int32)

    /// Whether it says that it has done its work.
    package var isSuccess: Bool { self == .status(0) }

    package var description: String {
        switch self {
        case .status(let status): "exit status \(status)"
        case .signal(let signal): "signal \(signal)"
        }
    }
}

extension GatewayError {
    /// The program of `service` cannot be started, for this reason of the system.
    package static func programNotStarted(_ service: String, _ reason: String) -> GatewayError {
        GatewayError(
            .upstreamRefused,
            "the program of service '\(service)' cannot be started: \(reason)",
            service: service,
            hint: "its owner corrects the `command` of the service"
        )
    }

    /// The program of `service` ended in the middle.
    package static func programEnded(_ service: String, _ exit: ProgramExit?) -> GatewayError {
        GatewayError(
            .upstreamBroken,
            "the program of service '\(service)' ended" + (exit.map { " with \($0)" } ?? ""),
            service: service,
            hint: "what it wrote to standard error is in the log of the sidecar that runs it"
        )
    }
}
