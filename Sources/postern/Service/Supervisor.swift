import NIOCore
import ServiceLifecycle

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The service manager that started this process with `Type=notify`, if one did (sd_notify(3)): it is told by
/// datagrams when the program serves, lives, and stops.
struct Supervisor {
    /// The socket's address, a path or (with an at sign) an abstract name.
    private let address: String
    /// How often it wants to hear that the program lives; nil: never.
    let watchdogInterval: Duration?

    /// The one that `environment` names; nil: there is none.
    init?(environment: (String) -> String? = { name in getenv(name).map { String(cString: $0) } }) {
        guard let address = environment("NOTIFY_SOCKET"), address.hasPrefix("/") || address.hasPrefix("@") else {
            return nil
        }
        self.address = address
        let isOurs = environment("WATCHDOG_PID").map { $0 == String(getpid()) } ?? true
        let microseconds = environment("WATCHDOG_USEC").flatMap { Int64($0) } ?? 0
        // Twice in the time that it waits (sd_watchdog_enabled(3)).
        watchdogInterval = isOurs && microseconds > 0 ? .microseconds(microseconds / 2) : nil
    }

    /// What it is told.
    enum State: String {
        case ready = "READY=1"
        case alive = "WATCHDOG=1"
        case stopping = "STOPPING=1"
    }

    /// Tells it. Nothing depends on its hearing.
    func tell(_ state: State) {
        var place = sockaddr_un()
        place.sun_family = sa_family_t(AF_UNIX)
        var name = Array(address.utf8)
        guard name.count < MemoryLayout.size(ofValue: place.sun_path) else { return }
        // An abstract name begins with a zero byte (unix(7)).
        if name[0] == UInt8(ascii: "@") { name[0] = 0 }
        withUnsafeMutableBytes(of: &place.sun_path) { $0.copyBytes(from: name) }
        #if canImport(Glibc)
        let kind = CInt(SOCK_DGRAM.rawValue)
        #else
        let kind = SOCK_DGRAM
        #endif
        let descriptor = socket(AF_UNIX, kind, 0)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        let length = socklen_t(MemoryLayout<sa_family_t>.size + name.count)
        let text = Array(state.rawValue.utf8)
        withUnsafePointer(to: &place) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                _ = sendto(descriptor, text, text.count, 0, address, length)
            }
        }
    }

    /// What says as often as it is asked to that the program lives, each time that `loop` has turned: a program whose
    /// loop stands still is silent, and is started again.
    func watchdogs(of loop: any EventLoop) -> [any Service] {
        guard let watchdogInterval else { return [] }
        return [
            BackgroundService {
                while !Task.isCancelled {
                    try? await Task.sleep(for: watchdogInterval)
                    guard (try? await loop.submit {}.get()) != nil, !Task.isCancelled else { continue }
                    tell(.alive)
                }
            }
        ]
    }
}
