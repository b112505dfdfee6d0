import CRuntime

/// Memory of this program that nothing needs at the moment.
///
/// Configuration, keys, trust, and what operators ask for bring some 25 MB of code into a process whose daily work
/// needs a third of it. None of it is memory of our own: what is taken out of the process stays in the page cache and
/// is mapped again at its next use. And what a burst of calls used and freed lies in the heap between what is in use.
enum ResidentMemory {
    /// File-backed memory above which code is taken out, in bytes. Carrying requests needs 14 MB.
    private static let codeLimit = 15 << 20
    /// Free memory in the heap from which on it goes back to the system, in bytes: less is soon used again.
    private static let heapLimit = 32 << 20
    /// How often the sizes are looked at.
    private static let interval = Duration.seconds(3)
    /// The least time from one removal of code to the next: what is needed comes back at the price of some hundred page
    /// faults.
    private static let pause = Duration.seconds(10)

    /// Keeps what is not in use out of memory until the task is cancelled. Does nothing but on Linux.
    static func keepSmall() async {
        while !Task.isCancelled {
            return_free_memory(heapLimit)
            let isLarge = file_backed_resident_bytes() > codeLimit
            if isLarge { release_code_pages() }
            try? await Task.sleep(for: isLarge ? pause : interval)
        }
    }
}
