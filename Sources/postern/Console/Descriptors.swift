#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The file descriptors of this process.
enum Descriptors {
    /// Raises the number that this process may have open to the most that it is allowed to ask for, and returns what it
    /// is then. Many systems give 1024, which is meant for programs that use select(2).
    static func raiseLimit() -> Int {
        #if canImport(Glibc)
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        #else
        let resource = RLIMIT_NOFILE
        #endif
        var limit = rlimit()
        guard getrlimit(resource, &limit) == 0 else { return fallback }
        let former = limit.rlim_cur
        limit.rlim_cur = limit.rlim_max
        if setrlimit(resource, &limit) != 0 { limit.rlim_cur = former }
        return Int(clamping: limit.rlim_cur)
    }

    /// What every system gives.
    private static let fallback = 256
}
