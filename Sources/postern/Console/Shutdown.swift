import Foundation
import Logging
import UnixSignals

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Waits for the signals that a service obeys.
enum Shutdown {
    /// How long running work may take to finish after the first SIGTERM or SIGINT.
    static let drainSeconds: Int64 = 5

    /// Returns at the first SIGTERM or SIGINT, after which a second one ends the process at once. Each SIGHUP before
    /// that calls `reload`.
    static func wait(logger: Logger, reload: () async -> Void) async {
        let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint, .sighup)
        for await signal in signals {
            if signal == .sighup {
                await reload()
                continue
            }
            logger.info("stopping", metadata: ["signal": "\(signal)"])
            break
        }
        endAtNextSignal()
    }

    /// Sends this process SIGTERM when its standard input ends: so it never outlives the program that holds the other
    /// end.
    static func whenInputEnds() {
        Thread.detachNewThread {
            while FileHandle.standardInput.availableData.isEmpty == false {}
            kill(getpid(), SIGTERM)
        }
    }

    /// The next SIGTERM or SIGINT ends the process without further ado.
    private static func endAtNextSignal() {
        signal(SIGTERM, SIG_DFL)
        signal(SIGINT, SIG_DFL)
    }
}
