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

/// The agents behind exposed services.
enum UpstreamFindings {
    static func all(of services: [ExposeConfiguration], running: StatusDocument?) -> [Finding] {
        services.map { finding(of: $0) }
            + (running?.expose ?? []).compactMap { entry in
                guard let problem = entry.problem else { return nil }
                return .warning(
                    "upstream \(entry.service)",
                    problem,
                    why: "the last call of a peer failed for it",
                    hint: "see the agent's log; a call that passes clears this"
                )
            }
    }

    private static func finding(of service: ExposeConfiguration) -> Finding {
        let check = "upstream \(service.service.name)"
        if let program = service.program { return programFinding(check, program.command.first ?? "") }
        guard let place = service.upstream?.place else { return .ok(check, service.targetText) }
        if service.service.kind == .udp {
            return .note(check, "\(service.targetText): a UDP service cannot be asked whether it is there")
        }
        guard service.service.kind.isHTTP, service.tls == nil else {
            guard let failure = Sockets.connectionFailure(at: place) else {
                return .ok(check, "somebody takes connections at \(place)")
            }
            return absent(check, service, failure)
        }
        // What the sidecar would send.
        let host: String =
            switch service.host {
            case .upstream: place.description
            case .preserve: "127.0.0.1:7701"
            }
        do throws(Sockets.Failure) {
            let question = Question(service.service.kind)
            let answer = try HTTPAnswer(Sockets.exchange(question.text(host: host), with: place))
            end(answer?.field("mcp-session-id"), at: place, host: host)
            return judged(check, answer, kind: service.service.kind, host: host, place: place)
        } catch {
            return absent(check, service, error)
        }
    }

    /// What an agent's answer to the question for its kind says of it; nil: what came is no HTTP.
    static func judged(
        _ check: String,
        _ answer: HTTPAnswer?,
        kind: ServiceKind,
        host: String,
        place: HostPort
    ) -> Finding {
        guard let answer else {
            return .broken(
                check,
                "what answers at \(place) is not HTTP/1.1",
                why: "a service of kind \(kind.rawValue) is read as HTTP at both ends",
                hint: "check the port, or expose it as kind tcp"
            )
        }
        if answer.refusesHost {
            return .broken(
                check,
                "the agent refuses Host: \(host) (status \(answer.status))",
                why: "every call of a peer is refused the same way",
                hint: "let the agent accept that host (MCP SDK: allowed_hosts), or try `host: preserve`"
            )
        }
        switch kind {
        case .mcp where !answer.speaksJSONRPC && answer.status != 401 && answer.status != 403:
            return .warning(
                check,
                "the agent at \(place) answers \(answer.status) to an MCP request at /mcp",
                why: "clients that are pointed at /mcp will not find it",
                hint: "tell clients the path that the agent serves, or see whether it is an MCP server at all"
            )
        case .a2a where !answer.isAgentCard && answer.status != 401 && answer.status != 403:
            return .broken(
                check,
                "the agent at \(place) has no agent card at /.well-known/agent-card.json (status \(answer.status))",
                why: "A2A clients begin with the card",
                hint: "see whether the port is the A2A agent's, or expose it as kind http"
            )
        case .mcp, .a2a, .http, .tcp, .udp, .stdio:
            return .ok(check, "the agent at \(place) answers as kind \(kind.rawValue) (status \(answer.status))")
        }
    }

    private static func absent(_ check: String, _ service: ExposeConfiguration, _ failure: Sockets.Failure) -> Finding {
        .broken(
            check,
            "\(service.targetText): \(failure.text)",
            why: "peers that call \(service.service.name) get 502",
            hint: "start the agent, or correct `upstream`"
        )
    }

    private static func programFinding(_ check: String, _ program: String) -> Finding {
        let folders =
            program.contains("/")
            ? [""]
            : (getenv("PATH").map { String(cString: $0) } ?? "/usr/bin:/bin").split(separator: ":").map { $0 + "/" }
        guard let path = folders.map({ $0 + program }).first(where: { access($0, X_OK) == 0 }) else {
            return .broken(
                check,
                "there is no program \(program)",
                why: "a peer that calls it gets nothing",
                hint: "install it, or give its whole path in `command`; the sidecar has a PATH of its own under systemd"
            )
        }
        return .ok(check, "\(path) can be started")
    }

    /// Ends the MCP session that the question has begun.
    private static func end(_ session: String?, at place: HostPort, host: String) {
        guard let session else { return }
        let request = "DELETE /mcp HTTP/1.1\r\nhost: \(host)\r\nmcp-session-id: \(session)\r\nconnection: close\r\n\r\n"
        _ = try? Sockets.exchange(request, with: place, milliseconds: 1_000)
    }
}

/// What an agent of a kind is asked.
struct Question {
    private let kind: ServiceKind

    init(_ kind: ServiceKind) {
        self.kind = kind
    }

    /// The request, for an agent that is called `host`.
    func text(host: String) -> String {
        let path: String
        switch kind {
        case .mcp: return initialize(host: host)
        case .a2a: path = "/.well-known/agent-card.json"
        case .http, .tcp, .udp, .stdio: path = "/"
        }
        return "GET \(path) HTTP/1.1\r\nhost: \(host)\r\naccept: */*\r\nconnection: close\r\n\r\n"
    }

    private func initialize(host: String) -> String {
        let body: JSONValue = [
            "jsonrpc": "2.0", "id": 1, "method": "initialize",
            "params": [
                "protocolVersion": "2025-11-25", "capabilities": [:],
                "clientInfo": ["name": "postern-doctor", "version": .string(Postern.version)],
            ],
        ]
        let text = body.compactText
        return "POST /mcp HTTP/1.1\r\nhost: \(host)\r\ncontent-type: application/json\r\n"
            + "accept: application/json, text/event-stream\r\ncontent-length: \(text.utf8.count)\r\n"
            + "connection: close\r\n\r\n\(text)"
    }
}

/// An HTTP/1.1 answer, as far as it came.
struct HTTPAnswer: Hashable, Sendable {
    let status: Int
    private let head: String
    private let body: String

    /// The answer in `bytes`; nil when that is not HTTP/1.
    init?(_ bytes: [UInt8]) {
        let text = String(decoding: bytes, as: UTF8.self)
        guard text.hasPrefix("HTTP/1."), let end = text.firstRange(of: "\r\n\r\n") else { return nil }
        let words = text.prefix { $0 != "\r\n" }.split(separator: " ", maxSplits: 2)
        guard words.count >= 2, let status = Int(words[1]) else { return nil }
        self.status = status
        head = String(text[..<end.lowerBound])
        body = String(text[end.upperBound...])
    }

    /// The value of a header field.
    func field(_ name: String) -> String? {
        let line = head.split(separator: "\r\n").first { $0.lowercased().hasPrefix(name + ":") }
        return line.map { String($0.dropFirst(name.count + 1).drop { $0 == " " }) }
    }

    /// Whether the agent does not take requests for the host that it was called by.
    var refusesHost: Bool {
        switch status {
        case 421: true
        case 400, 403: body.lowercased().contains("host")
        case _: false
        }
    }

    var speaksJSONRPC: Bool { body.contains("\"jsonrpc\"") || body.contains("\"jsonrpc\" ") }

    var isAgentCard: Bool { status == 200 && body.contains("\"name\"") && body.contains("\"skills\"") }
}
