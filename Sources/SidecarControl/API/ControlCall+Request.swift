import PosternModel

extension ControlCall {
    /// The HTTP request by which a client makes the call.
    var request: (method: String, target: String, body: JSONValue?) {
        let api = "/api/v1/"
        switch self {
        case .status: return ("GET", api + "status", nil)
        case .peers: return ("GET", api + "peers", nil)
        case .trust: return ("GET", api + "trust", nil)
        case .services(let peer): return ("GET", api + "services?peer=" + Query.encode(peer), nil)
        case .audit(let since):
            return ("GET", api + "audit" + (since.map { "?since=" + Query.encode($0) } ?? ""), nil)
        case .request(let peer, let services, let note):
            let body: JSONValue = [
                "peer": .string(peer), "services": Self.list(services), "note": .string(note),
            ]
            return ("POST", api + "trust/request", body)
        case .approve(let id, let services):
            return ("POST", api + "trust/approve", ["id": .string(id), "services": services.map(Self.list) ?? .null])
        case .reject(let id): return ("POST", api + "trust/reject", ["id": .string(id)])
        case .revoke(let peer): return ("POST", api + "trust/revoke", ["peer": .string(peer)])
        case .invite(let uses, let lifetime, let services):
            let body: JSONValue = [
                "uses": .integer(Int64(uses)), "expiresMs": .integer(lifetime.nanoseconds / 1_000_000),
                "services": Self.list(services),
            ]
            return ("POST", api + "invite", body)
        case .join(let invitation): return ("POST", api + "join", ["invitation": .string(invitation)])
        case .ping(let peer, let count):
            return ("POST", api + "ping", ["peer": .string(peer), "count": .integer(Int64(count))])
        case .connect(let peer): return ("POST", api + "connect", ["peer": .string(peer)])
        case .door(let peer, let service):
            return ("POST", api + "door", ["peer": .string(peer), "service": .string(service)])
        }
    }

    private static func list(_ texts: [String]) -> JSONValue { .array(texts.map { .string($0) }) }
}
