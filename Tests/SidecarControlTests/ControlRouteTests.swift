import NIOCore
import PosternModel
import SidecarCore
import StateStore
import TestSupport
import Testing
import TrustCore

@testable import SidecarControl

@Suite struct ControlRouteTests {
    /// Operations with every kind of parameter, as programs make them.
    static let operations: [any Operation] = [
        ShowStatus(), ListPeers(), ListTrust(), ListServices(peer: "bob.acme"), ListAudit(),
        ListAudit(since: Timestamp("2026-01-31T12:00:00Z")),
        RequestTrust(peer: .peer("bob"), services: .names(["a", "b"]), note: "hello \"you\" +ä &?"),
        RequestTrust(peer: .peer("agent://bob/")), ApproveRequest(id: "1"),
        ApproveRequest(id: "1", services: .names(["a"])), RejectRequest(id: "1"), RevokeTrust(peer: "bob"),
        NamePeer(peer: "bob", name: "robert"), ApproveRequest(id: "1", name: "bob"),
        RequestTrust(peer: .peer("bob"), name: "bob"), CreateInvitation(name: "bob"),
        CreateContact(), ListContacts(), RevokeContact(id: "1"), BlockPeer(peer: "bob"),
        BlockPeer(peer: "bob", remove: true), ExplainAccess(peer: "bob", service: .name("a")),
        ListInvitations(), RevokeInvitation(id: "1"), RevokeTrust(peer: "bob", invitations: true),
        CreateInvitation(uses: 3, expiresMs: 3_600_000, services: .names(["a"])), CreateInvitation(),
        PingPeer(peer: "bob", count: 7), ConnectPeer(peer: "bob"),
        OpenLocalPort(peer: "bob", service: .port(VirtualPort(80))),
        OpenLocalPort(peer: "bob", service: .name("tools")), CloseLocalPort(listen: .loopback(7)), ListStreams(),
        CutStream(id: 7), ShowTraffic(), ShowLog(), RequestTrust(peer: .peer("bob")).givingNothing,
    ]

    @Test(arguments: operations.indices)
    func `the server reads every operation as the client writes it`(position: Int) throws {
        let operation = Self.operations[position]
        let request = ControlRoute.request(for: operation)
        let route = try ControlRoute(method: request.method, target: request.target, body: request.body)
        #expect(Self.operation(of: route).map { AnyHashable($0) } == AnyHashable(operation))
        #expect((request.method == "POST") == (route.need == .change))
    }

    @Test func `the table has each operation once, under a path of its own`() {
        let paths = Operations.all.map { $0.outline.path }
        #expect(Set(paths).count == paths.count)
        for operation in Self.operations {
            #expect(Operations.all.contains { $0 == type(of: operation) }, "\(type(of: operation))")
        }
    }

    @Test func `the description has every operation with its parameters and answer`() throws {
        let document = OpenAPI.document(version: "1")
        let paths = try #require(document["paths"]?.object)
        #expect(paths.members.count == Operations.all.count + 3)
        let invite = paths["/api/v1/invite"]?["post"]
        let content = invite?["requestBody"]?["content"]?["application/json"]?["schema"]
        #expect(content?["properties"]?["uses"]?["anyOf"]?.array?.first == ["type": "integer"])
        let audit = paths["/api/v1/audit"]?["get"]?["parameters"]?.array
        #expect(audit?.first?["name"] == "since" && audit?.first?["required"] == false)
        let services = paths["/api/v1/services"]?["get"]?["responses"]?["200"]?["content"]?["application/json"]
        #expect(services?["schema"]?["items"]?["required"] == ["service", "port", "kind"])
    }

    @Test(arguments: ["/", "/healthz", "/readyz", "/metrics?x", "/api/v1/openapi.json", "/api/v1/events"])
    func `the pages for people and monitors are read only`(path: String) throws {
        let route = try ControlRoute(method: "GET", target: path, body: [])
        #expect(Self.operation(of: route) == nil && route.need != .change)
        #expect(error("POST", path) == .wrongMethod(allowed: "GET"))
    }

    @Test(arguments: ["/nowhere", "", "/api/v1/", "/api/v2/status", "/api/v1/trust/", "//", "/api/v1/trust/approve/x"])
    func `other paths do not exist`(path: String) {
        #expect(error("GET", path) == .unknownPath)
    }

    @Test func `what only hubs answer is passed on, and changes by POST alone`() throws {
        guard case .other(let call) = try ControlRoute(method: "GET", target: "/api/v1/hub/nodes?limit=3", body: [])
        else { return #expect(Bool(false)) }
        #expect(call == ControlCall(path: "hub/nodes", changesState: false, parameters: ["limit": "3"]))
        let body = Array(#"{"did":"x"}"#.utf8)
        let route = try ControlRoute(method: "POST", target: "/api/v1/hub/ban", body: body)
        #expect(route.need == .change)
    }

    @Test func `what changes takes POST alone, and what reads takes GET`() {
        for operation in Operations.all {
            let changes = operation.outline.changesState
            let path = "/api/v1/\(operation.outline.path)"
            #expect(error(changes ? "GET" : "POST", path) == .wrongMethod(allowed: changes ? "POST" : "GET"), "\(path)")
        }
    }

    @Test(arguments: [
        ("join", "", "\"invitation\" is missing"), ("join", "{\"invitation\":7}", "\"invitation\" must be a string"),
        ("join", "{\"invitation\":\"\"}", "the invitation cannot be used: the text holds none"),
        ("join", "[]", "the body is not a JSON object"), ("join", "{", "the body is not a JSON object"),
        ("invite", "{\"uses\":1.5}", "\"uses\" must be a whole number"),
        ("invite", "{\"services\":\"a\"}", "\"services\" must be an array"),
        ("invite", "{\"services\":[1]}", "\"services[0]\" must be a string"),
        ("invite", "{\"services\":[\"a b\"]}", "a b is not a list of services"),
        ("ping", "{\"peer\":\"a b\"}", "\"a b\" is not \(PeerName.textMeaning)"),
        ("trust/request", "{\"peer\":\"b\",\"note\":[]}", "\"note\" must be a string"),
    ])
    func `a body with a mistake is refused with what was expected`(name: String, body: String, message: String) {
        guard case .badArguments(let problem) = error("POST", "/api/v1/\(name)", body) else {
            Issue.record("\(name) \(body) is read")
            return
        }
        #expect(problem.message == message)
    }

    @Test func `a query with a mistake is refused with what was expected`() {
        for target in ["services", "services?peer=%zz", "services?peer=", "audit?since=yesterday"] {
            guard case .badArguments = error("GET", "/api/v1/\(target)") else {
                Issue.record("\(target) is read")
                continue
            }
        }
    }

    private static func operation(of route: ControlRoute) -> (any Operation)? {
        switch route {
        case .page, .health, .readiness, .keys, .metrics, .description, .entry, .link, .events, .agent,
            .other:
            nil
        case .operation(let operation): operation
        }
    }

    private func error(_ method: String, _ target: String, _ body: String = "") -> RouteError? {
        do throws(RouteError) {
            _ = try ControlRoute(method: method, target: target, body: Array(body.utf8))
            return nil
        } catch {
            return error
        }
    }
}

@Suite struct ControlDoorTests {
    private let door = ControlDoor.loopback(
        ControlAccess(token: ControlToken("secret"), sessions: BrowserSessions(), hasOpenMetrics: false)
    )
    private let change = ControlRoute.operation(RejectRequest(id: "1"))

    @Test(arguments: [
        "127.0.0.1:7600", "127.0.0.1", "127.9.9.9:1", "localhost:7600", "LOCALHOST", "[::1]:7600", "[::1]",
    ])
    func `loopback names are let in`(host: String) {
        #expect(refusal(hosts: [host]) == nil)
    }

    @Test(arguments: [
        ["evil.example"], ["127.0.0.1.evil.example"], ["10.0.0.1:7600"], ["127.0.0.1:x"], ["127.0.0.1:99999"], [""], [],
        ["localhost", "localhost"], ["localhost.evil.example:80"], ["[::2]:80"], ["127.0.0"],
    ])
    func `S5: other hosts are turned away`(hosts: [String]) {
        #expect(refusal(hosts: hosts) == .foreignHost)
    }

    @Test func `S5: a foreign origin is turned away, and our own page's is not`() {
        #expect(refusal(origins: ["http://evil.example"]) == .foreignOrigin)
        #expect(refusal(origins: ["http://127.0.0.1:9"]) == .foreignOrigin)
        #expect(refusal(origins: ["null"]) == .foreignOrigin)
        #expect(refusal(origins: ["https://127.0.0.1:7600"]) == .foreignOrigin)
        #expect(refusal(origins: ["http://127.0.0.1:7600"]) == nil)
    }

    @Test(arguments: [
        nil, "", "Bearer", "Bearer ", "Bearer secre", "Bearer secrets", "Basic secret", "secret", "Bearer  secret",
    ])
    func `S5: a change without the token is turned away`(authorization: String?) {
        #expect(refusal(authorization: authorization, route: change) == .noToken)
        #expect(refusal(authorization: authorization, route: .operation(ShowStatus())) == .noToken)
        #expect(refusal(authorization: authorization, route: .health) == nil)
    }

    @Test func `the metrics are open where that was said`() throws {
        let open = ControlAccess(token: ControlToken("secret"), sessions: BrowserSessions(), hasOpenMetrics: true)
        let caller = ControlCaller(hosts: ["127.0.0.1"])
        try ControlDoor.loopback(open).check(caller, route: .metrics, at: .now())
        #expect(throws: DoorRefusal.noToken) {
            try ControlDoor.loopback(open).check(caller, route: .page, at: .now())
        }
        #expect(refusal(route: .metrics) == .noToken)
    }

    @Test func `a link is good for a minute, and its session for hours`() throws {
        let sessions = BrowserSessions()
        let start = NIODeadline.now()
        let late = sessions.makeLink(at: start)
        #expect(sessions.enter(late, at: start + .seconds(60)) == nil)
        let cookie = try #require(sessions.enter(sessions.makeLink(at: start), at: start + .seconds(59)))
        #expect(sessions.admit(cookies: ["a=b", "postern-control=\(cookie)"], at: start + .hours(11)))
        #expect(!sessions.admit(cookies: ["postern-control=\(cookie)"], at: start + .hours(13)))
        #expect(!sessions.admit(cookies: ["postern-control=\(cookie)0", cookie], at: start + .hours(1)))
    }

    @Test(arguments: ["Bearer secret", "bearer secret"])
    func `a change with the token is let in`(authorization: String) {
        #expect(refusal(authorization: authorization, route: change) == nil)
    }

    @Test(arguments: ["cross-site", "same-site", "same-origin, cross-site"])
    func `a page of another site or port has nothing, with the token as well`(site: String) throws {
        let reading = try ControlRoute(method: "GET", target: "/api/v1/status", body: [])
        for route in [reading, change, .metrics, .events] {
            #expect(refusal(sites: [site], authorization: "Bearer secret", route: route) == .foreignOrigin)
        }
        #expect(refusal(sites: [site], authorization: "Bearer secret", route: .page) == nil, "a link leads there")
        #expect(refusal(sites: ["same-origin"], authorization: "Bearer secret", route: reading) == nil)
        #expect(refusal(sites: ["none"], authorization: "Bearer secret", route: reading) == nil)
    }

    @Test func `who can open the socket is the owner`() throws {
        let caller = ControlCaller(hosts: ["x"], origins: ["http://y"])
        try ControlDoor.socket.check(caller, route: change, at: .now())
    }

    private func refusal(
        hosts: [String] = ["127.0.0.1:7600"],
        origins: [String] = [],
        sites: [String] = [],
        authorization: String? = nil,
        route: ControlRoute = .health
    ) -> DoorRefusal? {
        do throws(DoorRefusal) {
            let caller = ControlCaller(hosts: hosts, origins: origins, sites: sites, authorization: authorization)
            try door.check(caller, route: route, at: .now())
            return nil
        } catch {
            return error
        }
    }
}
