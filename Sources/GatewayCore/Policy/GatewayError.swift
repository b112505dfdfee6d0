import PosternModel

/// An error of ours, as a client sees it: never a 404, and always a sentence that names what happened and what to do.
package struct GatewayError: Error, Hashable, Sendable {
    /// The stable name of what happened; the value of the `Postern-Error` field.
    package enum Code: String, Hashable, Sendable, CaseIterable {
        case badRequest = "bad-request"
        case foreignHost = "foreign-host"
        case foreignOrigin = "foreign-origin"
        /// The forward proxy does not take this request.
        case notProxied = "not-proxied"
        case headersTooLarge = "headers-too-large"
        case peerUnknown = "peer-unknown"
        case notTrusted = "not-trusted"
        case peerAway = "peer-away"
        case noSuchService = "no-such-service"
        case upstreamRefused = "upstream-refused"
        case upstreamTimeout = "upstream-timeout"
        case upstreamBroken = "upstream-broken"
        /// The certificate of an agent does not stand the test.
        case upstreamUntrusted = "upstream-untrusted"
        case badResponse = "bad-response"
        case overLimit = "over-limit"
        case requestTimeout = "request-timeout"
        case shuttingDown = "shutting-down"
        /// A JSON-RPC call that the rules of the service refuse.
        case methodRefused = "method-refused"

        /// The HTTP status that goes with it.
        package var status: Int {
            switch self {
            case .methodRefused: 200
            case .badRequest: 400
            case .foreignOrigin, .notProxied: 403
            case .requestTimeout: 408
            case .foreignHost: 421
            case .headersTooLarge: 431
            case .noSuchService, .upstreamRefused, .upstreamBroken, .upstreamUntrusted, .badResponse: 502
            case .peerUnknown, .notTrusted, .peerAway, .overLimit, .shuttingDown: 503
            case .upstreamTimeout: 504
            }
        }

        /// Whether the exposing end says it of the agent behind it, rather than the reaching end of the peer.
        var isToldByPeers: Bool {
            switch self {
            case .badRequest, .headersTooLarge, .upstreamRefused, .upstreamTimeout, .upstreamBroken,
                .upstreamUntrusted, .badResponse, .overLimit, .shuttingDown, .methodRefused:
                true
            case .foreignHost, .foreignOrigin, .notProxied, .requestTimeout, .peerUnknown, .notTrusted, .peerAway,
                .noSuchService:
                false
            }
        }

        /// The code that stands in `range`.
        init?(_ bytes: Span<UInt8>, _ range: Range<Int>) {
            self.init(rawValue: String(decoding: bytes.copy(range), as: UTF8.self))
        }
    }

    /// The calls that were refused, and what is to be said about each.
    package struct RefusedCall: Hashable, Sendable {
        /// As they are written in JSON.
        var ids: [String] = []
        /// Whether they came in a list.
        var isBatch = false
        /// Nobody reads a JSON-RPC answer: it was a notification, or called by its path.
        var isToldByStatus = false
        /// Which method was refused; nil when it is unknown.
        package internal(set) var method: String?
    }

    /// What happened, for programs.
    package var code: Code
    /// What was called, when a call was refused.
    package internal(set) var call: RefusedCall?
    /// What happened, in one sentence.
    package var message: String
    /// Whom it concerns, as the client or its configuration names it.
    package var peer: String?
    /// The service that it concerns, where it is said by the end that exposes it.
    package var service: String?
    /// What to do about it.
    package var hint: String

    package init(_ code: Code, _ message: String, peer: String? = nil, service: String? = nil, hint: String) {
        self.code = code
        self.message = message
        self.peer = peer
        self.service = service
        self.hint = hint
    }

    /// The HTTP status of the response.
    package var status: Int { call?.isToldByStatus == true ? 403 : code.status }

    /// The whole HTTP/1.1 response, after which the connection closes. A response to HEAD tells the body's length and
    /// leaves it out.
    package func response(toHead isHead: Bool) -> [UInt8] {
        let body = Array(json.utf8)
        var text = "HTTP/1.1 \(status) \(reason)\r\n"
        text += "content-type: application/json\r\n"
        text += "content-length: \(body.count)\r\n"
        text += "cache-control: no-store\r\n"
        text += "Postern-Error: \(code.rawValue)\r\n"
        text += "connection: close\r\n\r\n"
        return Array(text.utf8) + (isHead ? [] : body)
    }

    /// The JSON-RPC error that MCP clients show (codes -32010 and -32011: free for implementations).
    package var json: String {
        var data = "{\"code\":\(quoted(code.rawValue))"
        if peer != nil || service != nil { data += ",\"peer\":\(peer.map(quoted) ?? "null")" }
        if let service { data += ",\"service\":\(quoted(service))" }
        data += ",\"hint\":\(quoted(hint))}"
        let number = code == .methodRefused ? -32_011 : -32_010
        let error = "{\"code\":\(number),\"message\":\(quoted(message)),\"data\":\(data)}"
        let ids = call.map { $0.ids.isEmpty ? ["null"] : $0.ids } ?? ["null"]
        let answers = ids.map { "{\"jsonrpc\":\"2.0\",\"id\":\($0),\"error\":\(error)}" }
        return call?.isBatch == true ? "[\(answers.joined(separator: ","))]" : answers[0]
    }

    // RFC 9110 §15: the registered phrases.
    private var reason: String {
        switch status {
        case 200: "OK"
        case 400: "Bad Request"
        case 403: "Forbidden"
        case 408: "Request Timeout"
        case 421: "Misdirected Request"
        case 431: "Request Header Fields Too Large"
        case 502: "Bad Gateway"
        case 503: "Service Unavailable"
        case _: "Gateway Timeout"
        }
    }

    // RFC 8259 §7: quotation marks, reverse solidus and control characters are escaped.
    private func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            case _: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
