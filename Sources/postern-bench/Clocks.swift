#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// Seconds of monotonic time.
func monotonicSeconds() -> Double {
    seconds(of: CLOCK_MONOTONIC)
}

/// Seconds that this process has spent on processors, in user and system mode, over all threads.
func processorSeconds() -> Double {
    seconds(of: CLOCK_PROCESS_CPUTIME_ID)
}

/// Seconds that the calling thread has spent on processors.
func threadSeconds() -> Double {
    seconds(of: CLOCK_THREAD_CPUTIME_ID)
}

private func seconds(of clock: clockid_t) -> Double {
    var time = timespec()
    guard clock_gettime(clock, &time) == 0 else {
        preconditionFailure("every system of ours has these clocks")
    }
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}

/// Waits; benches look on from the main thread while event loops work.
func sleepSeconds(_ seconds: Double) {
    var time = timespec(tv_sec: Int(seconds), tv_nsec: Int((seconds - seconds.rounded(.down)) * 1e9))
    var left = timespec()
    while nanosleep(&time, &left) != 0, errno == EINTR { time = left }
}
