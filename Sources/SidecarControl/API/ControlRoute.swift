import PosternModel

/// Which request asks for what. The sidecar's server and `postern`'s client both use it.
package enum ControlRoute: Hashable, Sendable {
    /// The status page.
    case page
    /// Whether the process answers.
    case health
    /// Whether hub and underlay are there.
    case readiness
    /// Counters as Prometheus text.
    case metrics
    /// A call of the API.
    case call(ControlCall)

    /// Whether it changes anything.
    var changesState: Bool {
        switch self {
        case .page, .health, .readiness, .metrics: false
        case .call(let call): call.changesState
        }
    }
}

/// Why a request is not one of the control API.
enum RouteError: Error, Hashable {
    /// No such path.
    case unknownPath
    /// The path exists, with this method.
    case wrongMethod(allowed: String)
    /// The body or query lacks something or has something wrong; the sentence says what was expected.
    case badArguments(String)
}

extension ControlRoute {
    private static let api = "/api/v1/"

    /// The route of a request, `target` being its path and query.
    init(method: String, target: String, body: [UInt8]) throws(RouteError) {
        let parts = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        let path = String(parts.first ?? "")
        let query = Query(parts.count == 2 ? parts[1] : "")
        if let route = Self.plain[path] {
            guard method == "GET" || method == "HEAD" else { throw .wrongMethod(allowed: "GET") }
            self = route
            return
        }
        guard path.hasPrefix(Self.api) else { throw .unknownPath }
        let name = String(path.dropFirst(Self.api.count))
        if let call = try Self.reading(name, query) {
            guard method == "GET" || method == "HEAD" else { throw .wrongMethod(allowed: "GET") }
            self = .call(call)
            return
        }
        guard Self.changes.contains(name) else { throw .unknownPath }
        guard method == "POST" else { throw .wrongMethod(allowed: "POST") }
        self = .call(try Self.changing(name, Arguments(body)))
    }

    private static let plain: [String: ControlRoute] = [
        "/": .page, "/healthz": .health, "/readyz": .readiness, "/metrics": .metrics,
    ]

    private static let changes: Set<String> = [
        "trust/request", "trust/approve", "trust/reject", "trust/revoke", "invite", "join", "ping", "connect", "door",
    ]

    private static func reading(_ name: String, _ query: Query) throws(RouteError) -> ControlCall? {
        switch name {
        case "status": return .status
        case "peers": return .peers
        case "trust": return .trust
        case "audit": return .audit(since: query["since"])
        case "services":
            guard let peer = query["peer"] else { throw .badArguments("?peer=PEER is missing") }
            return .services(peer: peer)
        case _: return nil
        }
    }

    private static func changing(_ name: String, _ arguments: Arguments) throws(RouteError) -> ControlCall {
        switch name {
        case "trust/request":
            return .request(
                peer: try arguments.text("peer"),
                services: try arguments.optionalTexts("services") ?? [],
                note: try arguments.optionalText("note") ?? ""
            )
        case "trust/approve":
            return .approve(id: try arguments.text("id"), services: try arguments.optionalTexts("services"))
        case "trust/reject": return .reject(id: try arguments.text("id"))
        case "trust/revoke": return .revoke(peer: try arguments.text("peer"))
        case "invite":
            let lifetime = try arguments.integer("expiresMs", in: 1...31_622_400_000, absent: 86_400_000)
            return .invite(
                uses: try arguments.integer("uses", in: 1...1_000, absent: 1),
                lifetime: .milliseconds(Int64(lifetime)),
                services: try arguments.optionalTexts("services") ?? []
            )
        case "join": return .join(invitation: try arguments.text("invitation"))
        case "ping":
            return .ping(
                peer: try arguments.text("peer"),
                count: try arguments.integer("count", in: 1...100, absent: 4)
            )
        case "door": return .door(peer: try arguments.text("peer"), service: try arguments.text("service"))
        case _: return .connect(peer: try arguments.text("peer"))
        }
    }
}

/// The members of a request's JSON body.
private struct Arguments {
    private let object: JSONObject

    init(_ body: [UInt8]) throws(RouteError) {
        if body.isEmpty {
            object = JSONObject()
            return
        }
        guard let parsed = try? JSONValue(parsing: body), let object = parsed.object else {
            throw .badArguments("the body is not a JSON object")
        }
        self.object = object
    }

    func text(_ key: String) throws(RouteError) -> String {
        guard let text = object[key]?.string, !text.isEmpty else { throw .badArguments("\"\(key)\" is not a text") }
        return text
    }

    func optionalText(_ key: String) throws(RouteError) -> String? {
        guard let value = object[key], value != .null else { return nil }
        guard let text = value.string else { throw .badArguments("\"\(key)\" is not a text") }
        return text
    }

    func optionalTexts(_ key: String) throws(RouteError) -> [String]? {
        guard let value = object[key], value != .null else { return nil }
        let texts = value.array?.compactMap(\.string)
        guard let texts, texts.count == value.array?.count else {
            throw .badArguments("\"\(key)\" is not a list of texts")
        }
        return texts
    }

    func integer(_ key: String, in range: ClosedRange<Int>, absent: Int) throws(RouteError) -> Int {
        guard let value = object[key], value != .null else { return absent }
        guard let number = value.integer.flatMap({ Int(exactly: $0) }), range.contains(number) else {
            throw .badArguments("\"\(key)\" is not a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }
}
