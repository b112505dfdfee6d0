import Foundation
import Logging
import ServiceLifecycle
import UnixSignals

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// How a program that serves obeys signals, from its READY line to its end.
enum Shutdown {
    /// How long running work may take to finish after the first SIGTERM or SIGINT.
    static let drainSeconds: Int64 = 5

    /// Runs `services` until the first SIGTERM or SIGINT, after which they end one after another, the last first. A
    /// second one ends the process at once. Each SIGHUP before that calls `reload`.
    ///
    /// The handlers stand before the first service runs, so a program that says READY in a service can be told to
    /// reload or to stop from then on.
    static func run(
        _ services: [any Service],
        logger: Logger,
        reload: @escaping @Sendable () async -> Void
    ) async throws {
        let hangups = await UnixSignalsSequence(trapping: .sighup)
        let signals = SignalService(hangups: hangups, logger: logger, reload: reload)
        let group = ServiceGroup(
            services: services + [signals],
            gracefulShutdownSignals: [.sigterm, .sigint],
            logger: logger
        )
        try await group.run()
    }

    /// Sends this process SIGTERM when its standard input ends: so it never outlives the program that holds the other
    /// end.
    static func whenInputEnds() {
        Thread.detachNewThread {
            while FileHandle.standardInput.availableData.isEmpty == false {}
            kill(getpid(), SIGTERM)
        }
    }
}

/// Serves from its start until the shutdown, and drains then.
struct ServingService: Service {
    /// What is done when the signal handlers stand.
    let begin: @Sendable () async throws -> Void
    /// Takes no more work and lets what runs finish.
    let drain: @Sendable () async throws -> Void

    func run() async throws {
        try await begin()
        // The failure of another service ends the waiting as well, and is no reason not to drain.
        try? await gracefulShutdown()
        try await drain()
    }
}

/// Does something until the shutdown that needs no end of its own.
struct BackgroundService: Service {
    let work: @Sendable () async -> Void

    func run() async {
        await cancelWhenGracefulShutdown(work)
    }
}

/// Obeys SIGHUP until the shutdown, and lets the next SIGTERM or SIGINT end the process from then on.
private struct SignalService: Service {
    let hangups: UnixSignalsSequence
    let logger: Logger
    let reload: @Sendable () async -> Void

    func run() async {
        for await _ in hangups.cancelOnGracefulShutdown() { await reload() }
        logger.info("stopping")
        signal(SIGTERM, SIG_DFL)
        signal(SIGINT, SIG_DFL)
    }
}
