import Foundation

/// Writes to a socket on a thread of its own, so that the test can read what comes of it.
// One thread writes to the socket and another reads, which the kernel allows; nothing else is shared.
final class BackgroundWriter: @unchecked Sendable {
    private let done = DispatchSemaphore(value: 0)
    private let socket: Socket
    private let bytes: [UInt8]

    /// - Parameter closes: closes the socket right behind the last byte.
    init(_ socket: Socket, _ bytes: [UInt8], closes: Bool = false) {
        self.socket = socket
        self.bytes = bytes
        Thread.detachNewThread {
            self.socket.write(self.bytes)
            if closes { self.socket.close() }
            self.done.signal()
        }
    }

    func wait() { done.wait() }
}
