import PosternModel
import StateStore
import Testing

@testable import SidecarControl

@Suite struct ControlRouteTests {
    /// Every call, as programs make it.
    static let calls: [ControlCall] = [
        .status, .peers, .trust, .services(peer: "did:key:z6Mk/+ä &?"), .audit(since: nil),
        .audit(since: "2026-01-31T12:00:00Z"), .request(peer: "bob", services: ["a", "b"], note: "hello \"you\""),
        .approve(id: "1", services: nil), .approve(id: "1", services: ["a"]), .reject(id: "1"), .revoke(peer: "bob"),
        .invite(uses: 3, lifetime: .seconds(3_600), services: ["a"]), .join(invitation: "postern:x"),
        .ping(peer: "bob", count: 7), .connect(peer: "bob"), .door(peer: "bob", service: "tools"),
    ]

    @Test(arguments: calls)
    func `the server reads every call as the client writes it`(call: ControlCall) throws {
        let request = call.request
        let route = try ControlRoute(
            method: request.method,
            target: request.target,
            body: request.body?.compactBytes ?? []
        )
        #expect(route == .call(call))
        #expect((request.method == "POST") == call.changesState)
    }

    @Test(arguments: [
        ("/", ControlRoute.page), ("/healthz", .health), ("/readyz", .readiness), ("/metrics?x", .metrics),
    ])
    func `the pages for people and monitors are read only`(path: String, route: ControlRoute) throws {
        #expect(try ControlRoute(method: "GET", target: path, body: []) == route)
        #expect(try ControlRoute(method: "HEAD", target: path, body: []) == route)
        #expect(!route.changesState)
        #expect(error("POST", path) == .wrongMethod(allowed: "GET"))
    }

    @Test(arguments: ["/nowhere", "", "/api/v1/", "/api/v2/status", "/api/v1/trust/", "//", "/api/v1/trust/approve/x"])
    func `other paths do not exist`(path: String) {
        #expect(error("GET", path) == .unknownPath)
    }

    @Test(arguments: [
        "trust/request", "trust/approve", "trust/reject", "trust/revoke", "invite", "join", "ping", "door",
    ])
    func `changes take POST alone`(name: String) {
        #expect(error("GET", "/api/v1/\(name)") == .wrongMethod(allowed: "POST"))
    }

    @Test(arguments: [
        ("join", "", "\"invitation\" is not a text"), ("join", "{\"invitation\":\"\"}", "\"invitation\" is not a text"),
        ("join", "{\"invitation\":7}", "\"invitation\" is not a text"), ("join", "[]", "the body is not a JSON object"),
        ("join", "{", "the body is not a JSON object"),
        ("invite", "{\"uses\":0}", "\"uses\" is not a whole number from 1 to 1000"),
        ("invite", "{\"uses\":1.5}", "\"uses\" is not a whole number from 1 to 1000"),
        ("invite", "{\"services\":\"a\"}", "\"services\" is not a list of texts"),
        ("invite", "{\"services\":[1]}", "\"services\" is not a list of texts"),
        ("ping", "{\"peer\":\"b\",\"count\":101}", "\"count\" is not a whole number from 1 to 100"),
        ("trust/request", "{\"peer\":\"b\",\"note\":[]}", "\"note\" is not a text"),
    ])
    func `a body with a mistake is refused with what was expected`(name: String, body: String, message: String) {
        #expect(error("POST", "/api/v1/\(name)", body) == .badArguments(message))
    }

    @Test func `what is left out has its default`() throws {
        let route = try ControlRoute(method: "POST", target: "/api/v1/invite", body: [])
        #expect(route == .call(.invite(uses: 1, lifetime: .seconds(86_400), services: [])))
        #expect(error("GET", "/api/v1/services") == .badArguments("?peer=PEER is missing"))
        #expect(error("GET", "/api/v1/services?peer=%zz") == .badArguments("?peer=PEER is missing"))
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
    private let door = ControlDoor.loopback(ControlToken("secret"))
    private let change = ControlRoute.call(.reject(id: "1"))

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
        #expect(refusal(authorization: authorization, route: .call(.status)) == nil)
    }

    @Test(arguments: ["Bearer secret", "bearer secret"])
    func `a change with the token is let in`(authorization: String) {
        #expect(refusal(authorization: authorization, route: change) == nil)
    }

    @Test func `who can open the socket is the owner`() throws {
        try ControlDoor.socket.check(hosts: ["x"], origins: ["http://y"], authorization: nil, route: change)
    }

    private func refusal(
        hosts: [String] = ["127.0.0.1:7600"],
        origins: [String] = [],
        authorization: String? = nil,
        route: ControlRoute = .page
    ) -> DoorRefusal? {
        do throws(DoorRefusal) {
            try door.check(hosts: hosts, origins: origins, authorization: authorization, route: route)
            return nil
        } catch {
            return error
        }
    }
}
