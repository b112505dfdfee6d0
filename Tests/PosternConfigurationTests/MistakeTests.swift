import PosternModel
import Testing

@testable import PosternConfiguration

/// One text with a mistake, and the whole message about it.
struct Mistake: Sendable, CustomTestStringConvertible {
    let text: String
    let message: String

    init(_ text: String, _ message: String) {
        self.text = text
        self.message = message
    }

    var testDescription: String { message }
}

let surroundings = Surroundings(home: "/home/ann", workingDirectory: "/work", hostName: "Ann-Laptop.local")
let did = "did:key:z6MkmM42vxfqZQsv4ehtTjFFxQ4sQKS2w6WR7emozFAn5cxu"

/// An `expose` entry without mistakes but for what is given: the lines that follow `service: planner`.
func expose(_ lines: String) -> String { "expose:\n  - service: planner\n" + lines }

/// The messages about `text` as a sidecar's file.
func problems(_ text: String) -> [String] {
    do throws(ConfigurationFailure) {
        _ = try ConfigurationFile<SidecarConfiguration>(text: text, path: "p.yaml", surroundings: surroundings)
        return []
    } catch {
        return error.problems.map(\.line)
    }
}

/// The messages about `text` as a hub's file.
func hubProblems(_ text: String) -> [String] {
    do throws(ConfigurationFailure) {
        _ = try ConfigurationFile<HubConfiguration>(text: text, path: "h.yaml", surroundings: surroundings)
        return []
    } catch {
        return error.problems.map(\.line)
    }
}

@Suite struct MistakeTests {
    static let keys =
        "name, state, keyFileMode, hubs, control, proxy, underlay, expose, reach, autoReach, "
        + "networks, limits, agent, trust, log"
    static let exposeKeys =
        "service, port, kind, upstream, command, environment, bridge, tls, insecure, allow, host, grpc, signedCards, "
        + "push, resourceMetadata, methods, identity, limits"

    @Test(arguments: [
        Mistake("exposes: []", "p.yaml:1: exposes: an unknown key, expected one of \(keys); did you mean expose?"),
        Mistake("wallpaper: 1", "p.yaml:1: wallpaper: an unknown key, expected one of \(keys)"),
        Mistake("\"a\\nb\": 1", "p.yaml:1: \"a\\u{a}b\": an unknown key, expected one of \(keys)"),
        Mistake("[a]: 1", "p.yaml:1: a list as a key, expected a word"),
        Mistake(
            "log:\n  levle: info",
            "p.yaml:2: log.levle: an unknown key, expected one of level, format, access; did you mean level?"
        ),
        Mistake("- a", "p.yaml:1: a list, expected keys with values: \(keys)"),
        Mistake("hello", "p.yaml:1: \"hello\", expected keys with values: \(keys)"),
        Mistake("log: info", "p.yaml:1: log: \"info\", expected keys with values: level, format, access"),
    ])
    func `a key that does not exist is named with what it may have meant`(mistake: Mistake) {
        #expect(problems(mistake.text) == [mistake.message])
    }

    @Test func `a rule of unattended acceptance says who is accepted and for what, or it is none`() {
        #expect(problems("trust: {accept: []}").isEmpty)
        #expect(problems("trust: {accept: [{from: [anyone, 'network:acme'], services: [tools]}]}").isEmpty)
        #expect(problems("trust: {accept: [bob]}").count == 1)
        #expect(problems("trust: {accept: [{from: [anyone]}]}").count == 1)
        #expect(problems("trust: {accept: [{services: [tools]}]}").count == 1)
        for (text, key) in [("{from: [], services: [tools]}", "from"), ("{from: [a], services: []}", "services")] {
            let problem = problems("trust: {accept: [\(text)]}").first
            #expect(problem?.contains("accept[0].\(key): nothing") == true)
        }
        #expect(problems("trust: {accept: [{from: [anyone], services: [tools], perDay: 0}]}").count == 1)
    }

    @Test func `a plain off is the word where off is one of the words`() {
        let reach = "reach:\n  - peer: bob\n    service: tools\n    push: "
        #expect(problems(reach + "off").isEmpty && problems(reach + "\"off\"").isEmpty)
        #expect(problems(reach + "on").count == 1)
    }

    @Test(arguments: [
        Mistake(
            "name: 12",
            "p.yaml:1: name: the number 12, expected \(TextForm.label.expected); put the text in quotes: \"12\""
        ),
        Mistake(
            "name: no",
            "p.yaml:1: name: the boolean no, expected \(TextForm.label.expected); put the text in quotes: \"no\""
        ),
        Mistake("name: 1.5", "p.yaml:1: name: the number 1.5, expected \(TextForm.label.expected)"),
        Mistake(
            "name:",
            "p.yaml:1: name: nothing, expected \(TextForm.label.expected); remove the key for its default"
        ),
        Mistake("name: [a]", "p.yaml:1: name: a list, expected \(TextForm.label.expected)"),
        Mistake("name: {a: b}", "p.yaml:1: name: a section, expected \(TextForm.label.expected)"),
        Mistake("hubs: postern://x", "p.yaml:1: hubs: \"postern://x\", expected a list; write [postern://x]"),
        Mistake("expose: {}", "p.yaml:1: expose: a section, expected a list"),
        Mistake(
            "log: {level: 3}",
            "p.yaml:1: log.level: the number 3, expected one of trace, debug, info, notice, warning, error"
        ),
        Mistake(
            "control: true",
            "p.yaml:1: control: the boolean true, expected \(TextForm.loopbackOrOff.expected)"
        ),
    ])
    func `a value of the wrong type is named with the right one`(mistake: Mistake) {
        #expect(problems(mistake.text) == [mistake.message])
    }

    @Test(arguments: [
        Mistake("name: Planner", "p.yaml:1: name: \"Planner\", expected \(TextForm.label.expected); write planner"),
        Mistake("name: a b", "p.yaml:1: name: \"a b\", expected \(TextForm.label.expected)"),
        Mistake("hubs: [hub.example.net]", "p.yaml:1: hubs[0]: \"hub.example.net\", expected \(TextForm.hub.expected)"),
        Mistake(
            "control: 7600",
            "p.yaml:1: control: the number 7600, expected \(TextForm.loopbackOrOff.expected); write 127.0.0.1:7600"
        ),
        Mistake(
            "control: 0.0.0.0:7600",
            "p.yaml:1: control: \"0.0.0.0:7600\", expected \(TextForm.loopbackOrOff.expected); only loopback is "
                + "allowed: write 127.0.0.1:7600"
        ),
        Mistake(
            "underlay: {listen: host.example:1}",
            "p.yaml:1: underlay.listen: \"host.example:1\", expected \(TextForm.listen.expected); names are not "
                + "looked up here; write an IP address"
        ),
        Mistake(
            "underlay: {listen: \"::1\"}",
            "p.yaml:1: underlay.listen: \"::1\", expected \(TextForm.listen.expected); an IPv6 address stands in "
                + "brackets and has a port: [::1]:0"
        ),
        Mistake(
            "underlay: {listen: \"127.0.0.1:70000\"}",
            "p.yaml:1: underlay.listen: \"127.0.0.1:70000\", expected \(TextForm.listen.expected)"
        ),
        Mistake(
            "underlay: {listen: 127.0.0.1}",
            "p.yaml:1: underlay.listen: \"127.0.0.1\", expected \(TextForm.listen.expected); the port is missing"
        ),
        Mistake("underlay: {relay: alwyas}", "p.yaml:1: underlay.relay: \"alwyas\", expected one of auto, only, never"),
        Mistake(
            "underlay: {relay: atuo}",
            "p.yaml:1: underlay.relay: \"atuo\", expected one of auto, only, never; did you mean auto?"
        ),
        Mistake("log: {format: xml}", "p.yaml:1: log.format: \"xml\", expected one of text, json"),
    ])
    func `a value out of its range or form is named with a good one`(mistake: Mistake) {
        #expect(problems(mistake.text) == [mistake.message])
    }

    @Test(arguments: [
        Mistake(
            "    port: 0\n    kind: a2a\n    upstream: http://h:1",
            "p.yaml:3: expose[0].port: the number 0, expected a whole number from 1 to 65279"
        ),
        Mistake(
            "    port: 65281\n    kind: a2a\n    upstream: http://h:1",
            "p.yaml:3: expose[0].port: the number 65281, expected a whole number from 1 to 65279"
        ),
        Mistake(
            "    port: \"80\"\n    kind: a2a\n    upstream: http://h:1",
            "p.yaml:3: expose[0].port: \"80\", expected a whole number from 1 to 65279; remove the quotes"
        ),
        Mistake(
            "    kind: a2a\n    upstream: http://h:1",
            "p.yaml:2: expose[0].port: nothing, expected a whole number from 1 to 65279"
        ),
        Mistake(
            "    port: 80\n    upstream: http://h:1",
            "p.yaml:2: expose[0].kind: nothing, expected one of mcp, a2a, http, tcp, udp, stdio"
        ),
        Mistake(
            "    port: 80\n    kind: a2a",
            "p.yaml:2: expose[0].upstream: nothing, expected \(TextForm.upstream.expected)"
        ),
        Mistake(
            "    port: 80\n    kind: a2a\n    upstream: h:1",
            "p.yaml:5: expose[0].upstream: \"h:1\" for kind a2a, expected \(TextForm.httpUpstream.expected); "
                + "write http://h:1"
        ),
        Mistake(
            "    port: 80\n    kind: mcp\n    upstream: http://h:1/mcp",
            "p.yaml:5: expose[0].upstream: \"http://h:1/mcp\", expected \(TextForm.upstream.expected); omit the "
                + "path (http://h:1); clients put it into their own URL"
        ),
        Mistake(
            "    port: 80\n    kind: mcp\n    upstream: https://h:1/mcp",
            "p.yaml:5: expose[0].upstream: \"https://h:1/mcp\", expected \(TextForm.upstream.expected); omit the "
                + "path (https://h:1); clients put it into their own URL"
        ),
        Mistake(
            "    port: 80\n    kind: tcp\n    upstream: http://h:1",
            "p.yaml:5: expose[0].upstream: \"http://h:1\" for kind tcp, expected "
                + "\(TextForm.tcpUpstream.expected); kind tcp takes HOST:PORT; for HTTP use kind http, mcp or a2a"
        ),
        Mistake(
            "    port: 80\n    kind: mcp\n    upstream: http://h:1",
            "p.yaml:5: expose[0].upstream: http://h:1, which leads off this host without TLS, expected https://, or a "
                + "loopback address; set insecure: true if whoever is on the way there may read and change it"
        ),
        Mistake(
            "    port: 80\n    kind: tcp\n    upstream: 10.0.0.1:1",
            "p.yaml:5: expose[0].upstream: 10.0.0.1:1, which leads off this host without TLS, expected a loopback "
                + "address; set insecure: true if whoever is on the way there may read and change it"
        ),
        Mistake(
            "    port: 80\n    kind: a2a\n    upstream: https://h:1\n    grpc: h:2",
            "p.yaml:6: expose[0].grpc: h:2, which leads off this host without TLS, expected a loopback address; set "
                + "insecure: true if whoever is on the way there may read and change it"
        ),
        Mistake(
            "    port: 80\n    kind: mcp\n    upstream: http://127.0.0.1:1\n    tls: {serverName: h}",
            "p.yaml:6: expose[0].tls: tls beside an upstream without it, expected https:// in upstream; write https:// "
                + "there, or remove tls"
        ),
        Mistake(
            "    port: 80\n    kind: mcp\n    upstream: https://h:1\n    tls: {ca: /nowhere/ca.pem}",
            "p.yaml:6: expose[0].tls.ca: /nowhere/ca.pem, which cannot be read, expected a readable file; it is the "
                + "certificate of who issued the agent's, not the agent's key"
        ),
        Mistake(
            "    port: 80\n    kind: mcp\n    upstream: https://h:1\n    tls: {ca: /etc/passwd}",
            "p.yaml:6: expose[0].tls.ca: /etc/passwd, which holds no certificate, expected certificates in PEM; it is "
                + "the certificate of who issued the agent's, not the agent's key"
        ),
        Mistake(
            "    port: 80\n    kind: stdio",
            "p.yaml:2: expose[0].command: nothing, expected a list"
        ),
        Mistake(
            "    port: 80\n    kind: stdio\n    command: []",
            "p.yaml:5: expose[0].command: nothing to start, expected a program, first"
        ),
        Mistake(
            "    port: 80\n    kind: stdio\n    command: [x, 1]",
            "p.yaml:5: expose[0].command[1]: the number 1, expected a text; put the text in quotes: \"1\""
        ),
        Mistake(
            "    port: 80\n    kind: stdio\n    command: [x]\n    environment: {1A: b}",
            "p.yaml:6: expose[0].environment: \"1A\", expected \(TextForm.variable.expected)"
        ),
        Mistake(
            "    port: 80\n    kind: stdio\n    command: [x]\n    environment: [a]",
            "p.yaml:6: expose[0].environment: a list, expected names with texts"
        ),
        Mistake(
            "    port: 80\n    kind: stdio\n    command: [x]\n    environment: {POSTERN_PEER: b}",
            "p.yaml:6: expose[0].environment: \"POSTERN_PEER\", expected \(TextForm.variable.expected)"
        ),
        Mistake(
            "    port: 80\n    kind: stdio\n    command: [x]\n    upstream: http://127.0.0.1:1",
            "p.yaml:6: expose[0].upstream: a key that has no meaning for kind stdio, expected none; remove it"
        ),
        Mistake(
            "    port: 80\n    kind: mcp\n    upstream: http://127.0.0.1:1\n    bridge: true",
            "p.yaml:6: expose[0].bridge: a key that has no meaning for kind mcp, expected none; remove it"
        ),
        Mistake(
            "    port: 80\n    kind: stdio\n    command: [x]\n    methods: {deny: [ping]}",
            "p.yaml:6: expose[0].methods: methods of a program whose bytes nobody reads, expected bridge: true beside "
                + "it; rules about methods hold for what comes over HTTP"
        ),
        Mistake(
            "    port: 80\n    kind: tcp\n    upstream: h:1\n    host: preserve",
            "p.yaml:6: expose[0].host: a key that has no meaning for kind tcp, expected none; remove it"
        ),
        Mistake(
            "    port: 80\n    kind: tcp\n    upstream: h:1\n    allow: [\"group:acme\"]",
            "p.yaml:6: expose[0].allow[0]: \"group:acme\", expected \(TextForm.allowance.expected); write network:NAME "
                + "or group:NAME/GROUP, in lower case"
        ),
        Mistake(
            "    port: 80\n    kind: tcp\n    upstream: h:1\n    allow: trusted",
            "p.yaml:6: expose[0].allow: \"trusted\", expected a list; write [trusted]"
        ),
    ])
    func `a mistake in an exposed service is named with its line`(mistake: Mistake) {
        #expect(problems(expose(mistake.text)) == [mistake.message])
    }

    @Test(arguments: [
        Mistake("reach:\n  - peer: bob", "p.yaml:2: reach[0].service: nothing, expected exactly one of service, port"),
        Mistake(
            "reach:\n  - peer: bob\n    service: a\n    port: 80",
            "p.yaml:4: reach[0].port: service and port, expected exactly one of service, port"
        ),
        Mistake("reach:\n  - service: a", "p.yaml:2: reach[0].peer: nothing, expected \(TextForm.peer.expected)"),
        Mistake(
            "reach:\n  - peer: \"did:key:zzz\"\n    port: 1",
            "p.yaml:2: reach[0].peer: \"did:key:zzz\", expected \(TextForm.peer.expected)"
        ),
        Mistake(
            "reach:\n  - peer: \"2001:db8::1\"\n    port: 1",
            "p.yaml:2: reach[0].peer: \"2001:db8::1\", expected \(TextForm.peer.expected)"
        ),
        Mistake(
            "reach:\n  - peer: bob\n    port: 1\n    listen: 10.0.0.1:1",
            "p.yaml:4: reach[0].listen: \"10.0.0.1:1\", expected \(TextForm.loopback.expected); only loopback is "
                + "allowed: write 127.0.0.1:1, or set exposeToNetwork"
        ),
        Mistake(
            "reach:\n  - peer: bob\n    port: 1\n    exposeToNetwork: true\n    hosts: [h]\n    clients: [10.0.0.0/8]",
            "p.yaml:4: reach[0].exposeToNetwork: true, which serves other machines without TLS, expected insecure: "
                + "true beside it; set it if whoever is on the way there may read and change what they call"
        ),
        Mistake(
            "control: 127.0.0.1:7700\nreach:\n  - peer: bob\n    port: 1\n    listen: 127.0.0.1:7700",
            "p.yaml:5: reach[0].listen: 127.0.0.1:7700, which control listens on, expected a port of its own"
        ),
    ])
    func `a mistake in a reached service is named with its line`(mistake: Mistake) {
        #expect(problems(mistake.text) == [mistake.message])
    }
}
