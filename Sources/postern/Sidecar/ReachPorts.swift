import OverlayCrypto
import PosternConfiguration
import PosternModel
import StateStore

/// The local ports of reached services that the configuration gives none: the same after every start.
///
/// They are kept in the state directory as a JSON object from `PEER SERVICE` to the port, mode 0600.
struct ReachPorts {
    /// Below the ports that systems hand out by themselves (RFC 6335 §6, and Linux's default range).
    private static let range: ClosedRange<UInt16> = 20_000...29_999

    private let file: CacheFile
    private var ports: [String: UInt16] = [:]

    /// What is remembered in `file`; one that is not there or not readable remembers nothing.
    init(file: CacheFile) {
        self.file = file
        for member in (try? JSONValue(parsing: file.load()))?.object?.members ?? [] {
            ports[member.key] = member.value.integer.flatMap { UInt16(exactly: $0) }
        }
    }

    /// Ports to try for `service`, best first.
    func candidates(for service: ReachConfiguration) -> [UInt16] { candidates(named: Self.name(of: service)) }

    /// Ports to try for what is called `name`: the remembered one, then some that follow from the name.
    func candidates(named name: String) -> [UInt16] {
        let taken = Set(ports.filter { $0.key != name }.values)
        let followers = Self.followers(of: name).filter { !taken.contains($0) && $0 != ports[name] }
        return (ports[name].map { [$0] } ?? []) + followers
    }

    /// Ports that follow from the name alone.
    static func followers(of name: String) -> [UInt16] {
        let hash = Hash.blake2b(Array(name.utf8)).prefix(4).reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        return (UInt32(0)..<16).map { step in
            range.lowerBound + UInt16((hash &+ step &* 613) % UInt32(range.count))
        }
    }

    /// `service` is offered at `port` from now on.
    mutating func remember(_ port: UInt16, for service: ReachConfiguration) {
        remember(port, named: Self.name(of: service))
    }

    /// What is called `name` is offered at `port` from now on.
    mutating func remember(_ port: UInt16, named name: String) {
        guard ports[name] != port else { return }
        ports[name] = port
        var object = JSONObject()
        for (name, port) in ports.sorted(by: { $0.key < $1.key }) { object[name] = .integer(Int64(port)) }
        file.save(JSONValue.object(object).compactBytes + [UInt8(ascii: "\n")])
    }

    private static func name(of service: ReachConfiguration) -> String {
        switch service.target {
        case .name(let name): "\(service.peer) \(name)"
        case .port(let port): "\(service.peer) \(port.rawValue)"
        }
    }
}
