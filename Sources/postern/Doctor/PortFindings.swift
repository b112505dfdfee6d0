import PosternConfiguration
import PosternModel
import SidecarCore

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The addresses on which a sidecar listens, or would.
enum PortFindings {
    static func all(of settings: SidecarConfiguration, running: StatusDocument?) -> [Finding] {
        guard let running else { return taken(settings) }
        return running.reach.filter { $0.state.hasPrefix("not offered") }.map { entry in
            .broken(
                "ports",
                "\(entry.listen) for a service of \(entry.peer): \(entry.state)",
                why: "clients that call there reach somebody else, or nobody",
                hint: "see who has it with `ss -lntp`; the sidecar tries again by itself"
            )
        }
    }

    /// What cannot be opened while no sidecar has it.
    private static func taken(_ settings: SidecarConfiguration) -> [Finding] {
        var places: [(key: String, place: HostPort, isDatagram: Bool)] = []
        if case .at(let place) = settings.control { places.append(("control", place, false)) }
        if let proxy = settings.proxy { places.append(("proxy", proxy.listen, false)) }
        places.append(("underlay.listen", settings.underlay.listen, true))
        for (position, entry) in settings.reach.enumerated() {
            if let listen = entry.listen { places.append(("reach[\(position)].listen", listen, false)) }
        }
        let faults = places.compactMap { key, place, isDatagram -> Finding? in
            guard place.port != 0 else { return nil }
            return LocalListener.failure(at: place, isDatagram: isDatagram).map { number in
                .broken(
                    "ports",
                    "\(place) (\(key)): " + (number == EADDRINUSE ? "in use" : String(cString: strerror(number))),
                    why: "no sidecar starts that is to listen there",
                    hint: number == EADDRINUSE
                        ? "see who has it with `ss -lntup`, or choose another port" : "choose an address of this host"
                )
            }
        }
        return faults.isEmpty ? [.ok("ports", "every address of the configuration is free")] : faults
    }
}
