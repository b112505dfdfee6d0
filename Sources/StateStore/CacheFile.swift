import Synchronization

/// A file that keeps the latest of something that is cheap to lose: what a crash takes is learned again.
///
/// While one version waits to be written, newer ones take its place, so that a slow disk costs no memory.
package final class CacheFile: Sendable {
    private let path: String
    private let queue: StateQueue
    private let failed: @Sendable (StateFileError) -> Void
    /// What is to be written next; nil: the file is up to date or being written.
    private let waiting = Mutex<[UInt8]?>(nil)

    /// The cache at `path`. `failed` hears, on the queue, when it could not be written.
    package init(path: String, queue: StateQueue, failed: @escaping @Sendable (StateFileError) -> Void) {
        self.path = path
        self.queue = queue
        self.failed = failed
    }

    /// What the file holds; nothing when it is not there or cannot be read.
    package func load() -> [UInt8] {
        guard let file = try? StateFile(reading: path) else { return [] }
        return (try? file.readAll()) ?? []
    }

    /// Replaces the content, soon.
    package func save(_ content: [UInt8]) {
        let isFirst = waiting.withLock { waiting in
            defer { waiting = content }
            return waiting == nil
        }
        if isFirst { queue.run { self.write() } }
    }

    private func write() {
        guard let content = waiting.withLock({ $0.take() }) else { return }
        do throws(StateFileError) {
            try StateFile.replace(path, with: content, isDurable: false)
        } catch {
            failed(error)
        }
    }
}
