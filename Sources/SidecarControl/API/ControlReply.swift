import NIOHTTP1
import PosternModel

/// A response of the control API, before it is written.
struct ControlReply: Hashable, Sendable {
    var status: HTTPResponseStatus
    var contentType: String
    var body: [UInt8]
    /// Fields beside those that every response has.
    var fields: [String: String] = [:]

    init(status: HTTPResponseStatus, contentType: String, body: String) {
        self.status = status
        self.contentType = contentType
        self.body = Array(body.utf8)
    }

    /// A JSON document.
    init(_ document: JSONValue, status: HTTPResponseStatus = .ok) {
        self.init(status: status, contentType: "application/json", body: document.compactText + "\n")
    }

    /// A failure as a document, which is one of RFC 9457 as well.
    init(_ failure: Problem, status: HTTPResponseStatus) {
        var document = JSONObject()
        document["type"] = "about:blank"
        document["title"] = .string(failure.code)
        document["status"] = .integer(Int64(status.code))
        document["detail"] = .string(failure.description)
        for member in failure.document.object?.members ?? [] { document[member.key] = member.value }
        self.init(.object(document), status: status)
        contentType = "application/problem+json"
    }

    /// Nothing but a status.
    init(status: HTTPResponseStatus, fields: [String: String] = [:]) {
        self.init(status: status, contentType: "", body: "")
        self.fields = fields
    }

    /// The failure of a call.
    init(_ failure: Problem) {
        let status: HTTPResponseStatus =
            switch failure.code {
            case "unknown-peer", "no-such-request", "no-such-stream", "no-such-port": .notFound
            case "bad-invitation", "invalid-name", "bad-arguments": .badRequest
            case "over-limit": .tooManyRequests
            case "no-answer": .gatewayTimeout
            case "stopped": .serviceUnavailable
            case "internal": .internalServerError
            case _: .conflict
            }
        self.init(failure, status: status)
    }

    init(_ refusal: DoorRefusal) {
        switch refusal {
        case .foreignHost:
            let failure = Problem(
                code: "foreign-host",
                message: "the control API answers only to loopback names",
                hint: "use http://127.0.0.1:PORT or http://localhost:PORT"
            )
            self.init(failure, status: .misdirectedRequest)
        case .foreignOrigin:
            let failure = Problem(
                code: "foreign-origin",
                message: "web pages of other origins may not use the control API",
                hint: "call it from a program, or from its own status page"
            )
            self.init(failure, status: .forbidden)
        case .noToken:
            let failure = Problem(
                code: "no-token",
                message: "this needs the token; other users of this machine may not read it",
                hint:
                    "run `postern open` for the page, or send \"Authorization: Bearer\" with the line in control.token"
            )
            self.init(failure, status: .unauthorized)
            fields["WWW-Authenticate"] = "Bearer"
        }
    }

    init(_ error: RouteError) {
        switch error {
        case .unknownPath:
            let failure = Problem(
                code: "unknown-path",
                message: "the control API has no such path",
                hint: "see /api/v1/openapi.json"
            )
            self.init(failure, status: .notFound)
        case .wrongMethod(let allowed):
            let failure = Problem(
                code: "wrong-method",
                message: "this path takes another method",
                hint: "use \(allowed)"
            )
            self.init(failure, status: .methodNotAllowed)
            fields["Allow"] = allowed
        case .badArguments(let problem):
            self.init(problem, status: .badRequest)
        }
    }

    /// Takes a browser to the status page, with the cookie by which it may read from then on.
    static func entered(cookie: String) -> ControlReply {
        var reply = ControlReply(status: .seeOther, contentType: "text/plain; charset=utf-8", body: "see /\n")
        reply.fields["Location"] = "/"
        reply.fields["Set-Cookie"] = "\(ControlCookie.name)=\(cookie); Path=/; HttpOnly; SameSite=Strict"
        return reply
    }

    static let usedLink = ControlReply(
        Problem(
            code: "used-link",
            message: "this link was used already, or is older than a minute",
            hint: "run `postern open` again"
        ),
        status: .forbidden
    )

    static let noPage = ControlReply(
        Problem(
            code: "control-off",
            message: "the sidecar serves no status page",
            hint: "set `control: 127.0.0.1:7600` in the configuration and start it again"
        )
    )

    /// The body has more than `limit` bytes.
    static func tooLarge(limit: Int) -> ControlReply {
        let hint = "send at most \(limit >> 10) KiB"
        return ControlReply(
            Problem(code: "too-large", message: "the request's body is too large", hint: hint),
            status: .payloadTooLarge
        )
    }
}
