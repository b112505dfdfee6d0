import Logging
import NIOCore
import OverlayNIO
import StateStore

extension HandshakeCounterFile {
    /// The counters in `state`. The first key of a node begins with the time of the host's clock, which is never asked
    /// again.
    init(state: StateDirectory) throws(StateFileError) {
        try self.init(path: state.counterPath, first: wallClockNanoseconds())
    }

    /// The program ends.
    func close(after last: UInt64, logger: Logger) {
        do throws(StateFileError) {
            try close(after: last)
        } catch {
            logger.warning("the handshake counter cannot be written", metadata: ["error": "\(error)"])
        }
    }
}

extension HandshakeCounters {
    /// Numbers out of `file`, the first of which are reserved now and further ones on `queue`.
    init(_ file: HandshakeCounterFile, queue: StateQueue, on eventLoop: any EventLoop) throws(StateFileError) {
        self.init(reserved: try file.begin()) { number in
            queue.run(on: eventLoop) { try file.reserve(above: number) }
        }
    }
}
