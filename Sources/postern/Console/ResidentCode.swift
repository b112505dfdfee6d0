import CRuntime

/// The machine code of this program and its libraries, as far as it is mapped into memory.
///
/// Configuration, keys, trust, and what operators ask for bring some 25 MB of code into a process whose daily work
/// needs a third of it. None of it is memory of our own: what is taken out of the process stays in the page cache and
/// is mapped again at its next use.
enum ResidentCode {
    /// File-backed memory above which code is taken out, in bytes. Carrying requests needs 14 MB.
    private static let limit = 15 << 20
    /// How often the size is looked at.
    private static let interval = Duration.seconds(3)
    /// The least time from one removal to the next: what is needed comes back at the price of some hundred page faults.
    private static let pause = Duration.seconds(10)

    /// Keeps code that is not in use out of memory until the task is cancelled. Does nothing but on Linux.
    static func keepSmall() async {
        while !Task.isCancelled {
            let isLarge = file_backed_resident_bytes() > limit
            if isLarge { release_code_pages() }
            try? await Task.sleep(for: isLarge ? pause : interval)
        }
    }
}
