#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Notices when a file is written again.
struct FileWatch {
    /// How often the file is looked at.
    private static let interval = Duration.seconds(2)

    let path: String

    /// Sends this process SIGHUP whenever the file differs from what it was, until the task is cancelled. A file that
    /// is away for a moment, as when an editor replaces it, is waited for.
    func run() async {
        var last = FileFingerprint(of: path)
        while !Task.isCancelled {
            try? await Task.sleep(for: Self.interval)
            let next = FileFingerprint(of: path)
            guard next != last, next != nil else { continue }
            last = next
            kill(getpid(), SIGHUP)
        }
    }
}

/// What the system says of a file that differs when it was written again.
struct FileFingerprint: Equatable {
    private let changedSeconds: Int
    private let changedNanoseconds: Int
    private let byteCount: Int
    private let number: UInt64

    /// The fingerprint of the file at `path`; nil when there is none.
    init?(of path: String) {
        // Asked of the system itself: Foundation would come back into memory every time.
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        #if canImport(Darwin)
        let changed = status.st_mtimespec
        #else
        let changed = status.st_mtim
        #endif
        changedSeconds = Int(changed.tv_sec)
        changedNanoseconds = Int(changed.tv_nsec)
        byteCount = Int(status.st_size)
        number = UInt64(status.st_ino)
    }
}
