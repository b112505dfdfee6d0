import Foundation

/// Notices when a file is written again.
struct FileWatch {
    /// How often the file is looked at.
    private static let interval = Duration.seconds(2)

    private struct Fingerprint: Equatable {
        let changed: Date?
        let byteCount: Int?
        let number: Int?
    }

    let path: String

    /// Sends this process SIGHUP whenever the file differs from what it was, until the task is cancelled. A file that
    /// is away for a moment, as when an editor replaces it, is waited for.
    func run() async {
        var last = fingerprint
        while !Task.isCancelled {
            try? await Task.sleep(for: Self.interval)
            let next = fingerprint
            guard next != last, next != nil else { continue }
            last = next
            kill(getpid(), SIGHUP)
        }
    }

    private var fingerprint: Fingerprint? {
        guard let attributes = try? FileManager.default.attributesOfItem(atPath: path) else { return nil }
        return Fingerprint(
            changed: attributes[.modificationDate] as? Date,
            byteCount: attributes[.size] as? Int,
            number: attributes[.systemFileNumber] as? Int
        )
    }
}
