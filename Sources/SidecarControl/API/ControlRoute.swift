import PosternModel
package import SidecarCore

/// Which request asks for what.
package enum ControlRoute: Sendable {
    /// The status page.
    case page
    /// Whether the process answers.
    case health
    /// Whether hub and underlay are there.
    case readiness
    /// The public keys of this node.
    case keys
    /// Counters as Prometheus text.
    case metrics
    /// The description of the API.
    case description
    /// A browser comes by a link with this secret.
    case entry(String)
    /// A link for a browser is wanted.
    case link
    /// What the page shows, as events while it changes.
    case events
    /// A message of the agent.
    case agent([UInt8])
    /// One of the table of operations.
    case operation(any Operation)
    /// What is no operation of a sidecar: a hub's, and what the page is helped with.
    case other(ControlCall)

    /// What who asks for it has to show over loopback TCP.
    enum Need {
        case nothing
        case metrics
        case reading
        case change
        /// The token itself, which no page has.
        case token
    }

    /// Whether a link in any page may lead there: it shows something to a person, or takes the secret of a link.
    var isForPersons: Bool {
        switch self {
        case .page, .entry, .health, .readiness: true
        case .keys, .metrics, .description, .link, .events, .agent, .operation, .other: false
        }
    }

    var need: Need {
        switch self {
        // The secret of an entry is looked at when it is used. A public key is for agents that are to hold no token.
        case .health, .readiness, .entry, .keys: .nothing
        case .metrics: .metrics
        case .page, .description, .events: .reading
        case .link, .agent: .token
        case .other(let call): call.changesState ? .change : .reading
        case .operation(let operation): type(of: operation).outline.changesState ? .change : .reading
        }
    }
}

/// Why a request is not one of the control API.
enum RouteError: Error, Hashable {
    /// No such path.
    case unknownPath
    /// The path exists, with this method.
    case wrongMethod(allowed: String)
    /// The body or query lacks something or has something wrong.
    case badArguments(Problem)
}

extension ControlRoute {
    /// Where operations begin.
    static let api = "/api/v1/"
    /// Where what only hubs answer begins.
    private static let hub = api + "hub/"
    /// What the page is helped with: the doctor's findings, and a text as a code for cameras.
    private static let help: Set = [api + "doctor", api + "code"]
    /// Where a link for a browser is made, and where it leads.
    static let linkPath = api + "open"
    static let entryPath = "/open"
    /// Where the page hears of changes.
    static let eventsPath = api + "events"
    /// The agent's MCP endpoint.
    static let agentPath = "/mcp"

    private static let plain: [String: ControlRoute] = [
        "/": .page, "/healthz": .health, "/readyz": .readiness, "/metrics": .metrics,
        api + "openapi.json": .description, eventsPath: .events, "/.well-known/jwks.json": .keys,
    ]

    private static let operations = Dictionary(
        uniqueKeysWithValues: Operations.all.map { (api + $0.outline.path, $0) }
    )

    /// The route of a request, `target` being its path and query.
    init(method: String, target: String, body: [UInt8]) throws(RouteError) {
        let parts = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        let path = String(parts.first ?? "")
        if let route = Self.plain[path] {
            guard method == "GET" || method == "HEAD" else { throw .wrongMethod(allowed: "GET") }
            self = route
            return
        }
        if path == Self.entryPath {
            guard method == "GET" else { throw .wrongMethod(allowed: "GET") }
            let query = Query(parts.count == 2 ? parts[1] : "").object
            self = .entry(query["once"]?.string ?? "")
            return
        }
        if path == Self.linkPath {
            guard method == "POST" else { throw .wrongMethod(allowed: "POST") }
            self = .link
            return
        }
        if path == Self.agentPath {
            guard method == "POST" else { throw .wrongMethod(allowed: "POST") }
            self = .agent(body)
            return
        }
        guard let operation = Self.operations[path] else {
            guard path.hasPrefix(Self.hub) || Self.help.contains(path) else { throw .unknownPath }
            let changesState = method == "POST"
            let query = Query(parts.count == 2 ? parts[1] : "").object
            self = .other(
                ControlCall(
                    path: String(path.dropFirst(Self.api.count)),
                    changesState: changesState,
                    parameters: changesState ? try Self.document(body) : .object(query)
                )
            )
            return
        }
        let document: JSONValue
        if operation.outline.changesState {
            guard method == "POST" else { throw .wrongMethod(allowed: "POST") }
            document = try Self.document(body)
        } else {
            guard method == "GET" || method == "HEAD" else { throw .wrongMethod(allowed: "GET") }
            document = .object(Query(parts.count == 2 ? parts[1] : "").object)
        }
        do {
            self = .operation(try operation.init(decoding: document))
        } catch {
            throw .badArguments(error)
        }
    }

    /// The request that asks for `operation`.
    package static func request(
        for operation: some Operation
    ) -> (method: String, target: String, body: [UInt8]) {
        let outline = type(of: operation).outline
        let parameters = JSONValue(encoding: operation)
        guard !outline.changesState else { return ("POST", api + outline.path, parameters.compactBytes) }
        let query = Query(parameters.object ?? JSONObject()).text
        return ("GET", api + outline.path + (query.isEmpty ? "" : "?" + query), [])
    }

    private static func document(_ body: [UInt8]) throws(RouteError) -> JSONValue {
        if body.isEmpty { return [:] }
        guard let document = try? JSONValue(parsing: body), document.object != nil else {
            let hint = "send a JSON object, or no body at all"
            throw .badArguments(Problem(code: "bad-arguments", message: "the body is not a JSON object", hint: hint))
        }
        return document
    }
}
