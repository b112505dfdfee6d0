import Foundation
import PosternModel
import TestSupport
import Testing

@testable import PosternConfiguration

@Suite struct ConfigurationFileTests {
    @Test func `an empty file means the defaults`() throws {
        for text in ["", "# nothing\n", "expose:\nhubs: ~\nlog:\n"] {
            let settings = try ConfigurationFile<SidecarConfiguration>(
                text: text,
                path: nil,
                surroundings: surroundings
            ).settings
            #expect(settings.name == "ann-laptop")
            #expect(settings.state == "/home/ann/.local/state/postern")
            #expect(settings.hubs.isEmpty && settings.expose.isEmpty && settings.reach.isEmpty)
            #expect(settings.control == .preferably("127.0.0.1:7600"))
            #expect(settings.underlay.listen == "0.0.0.0:0")
            #expect(settings.underlay.relay == .auto)
            #expect(settings.log == LogConfiguration(level: "info", format: .text))
        }
    }

    @Test func `every key arrives in the settings`() throws {
        let text = """
            name: planner
            state: data
            hubs: [postern://hub.example.net:4600/\(did)]
            control: off
            underlay: {listen: "[::1]:4601", relay: only}
            expose:
              - service: planner
                port: 80
                kind: a2a
                upstream: "http://LOCALHOST:9999/"
                allow: [trusted, bob, "\(did)"]
                host: preserve
                grpc: 50051
                signedCards: reject
              - {service: tools, port: 81, kind: mcp, upstream: "https://h:1", resourceMetadata: keep,
                 tls: {serverName: x}}
              - {service: shell, port: 22, kind: tcp, upstream: "tcp://[::1]:22"}
            reach:
              - {peer: agent://research.acme/, service: planner, listen: "127.0.0.1:7701"}
              - {peer: "fd12:3456:789a::1", port: 80}
            log: {level: debug, format: json}
            """
        let settings = try ConfigurationFile<SidecarConfiguration>(
            text: text,
            path: "/etc/postern/postern.yaml",
            surroundings: surroundings
        ).settings
        #expect(settings.name == "planner")
        #expect(settings.state == "/etc/postern/data")
        #expect(settings.hubs.map(\.description) == ["postern://hub.example.net:4600/\(did)"])
        #expect(settings.control == .off)
        #expect(settings.underlay.listen.description == "[::1]:4601")
        #expect(settings.underlay.relay == .only)
        let services = [
            Service(name: "planner", port: VirtualPort(80), kind: .a2a),
            Service(name: "tools", port: VirtualPort(81), kind: .mcp),
            Service(name: "shell", port: VirtualPort(22), kind: .tcp),
        ]
        #expect(settings.expose.map(\.service) == services)
        #expect(settings.expose.map { $0.upstream?.place.description } == ["localhost:9999", "h:1", "[::1]:22"])
        #expect(settings.expose.map(\.allow) == [[.trusted, .peer("bob"), .peer(PeerName(did)!)], [], []])
        #expect(settings.expose.map(\.host) == [.preserve, .upstream, .upstream])
        #expect(settings.expose.map(\.tls) == [nil, UpstreamTLSConfiguration(serverName: "x"), nil])
        #expect(settings.expose.map(\.hasOpenLeg) == [false, false, false])
        #expect(settings.expose.map(\.grpc) == ["127.0.0.1:50051", nil, nil])
        #expect(settings.expose.map(\.signedCards) == [.reject, .strip, .strip])
        #expect(settings.expose.map(\.rewritesResourceMetadata) == [true, false, true])
        #expect(settings.reach.map(\.peer.description) == ["agent://research.acme/", "fd12:3456:789a::1"])
        #expect(settings.reach.map(\.target) == [.name("planner"), .port(VirtualPort(80))])
        #expect(settings.reach.map(\.listen) == ["127.0.0.1:7701", nil])
        #expect(settings.log == LogConfiguration(level: "debug", format: .json))
    }

    @Test func `every key of a hub arrives in its settings`() throws {
        let text =
            "listen: 0.0.0.0:4700\nstate: /var/hub\npublic: [hub.example.net, \"[2001:db8::1]:99\", 192.0.2.1]\n"
            + "limits: {nodes: 7, newNodesPerHour: 6, strangerMailPerHour: 5, strangerMailMiB: 4, relayMbitPerPair: 3, "
            + "relayMbitPerNode: 2}\n"
        let settings = try ConfigurationFile<HubConfiguration>(text: text, path: nil, surroundings: surroundings)
            .settings
        #expect(settings.listen.description == "0.0.0.0:4700")
        #expect(settings.state == "/var/hub")
        let places: [HostPort] = ["hub.example.net:4700", "[2001:db8::1]:99", "192.0.2.1:4700"]
        #expect(settings.publicHosts.map { $0.place(listeningOn: 4_700) } == places)
        let limits = settings.limits
        #expect([limits.nodes, limits.newNodesPerHour, limits.strangerMailPerHour] == [7, 6, 5])
        #expect([limits.strangerMailMiB, limits.relayMbitPerPair, limits.relayMbitPerNode] == [4, 3, 2])
    }

    @Test func `a program has a command, an environment, and for a bridge the kind that peers see`() throws {
        let text = """
            expose:
              - {service: a, port: 1, kind: stdio, command: [uvx, mcp-server-time], environment: {TZ: UTC}}
              - {service: b, port: 2, kind: stdio, command: [x], bridge: true, methods: {deny: [ping]}}
            """
        let file: ConfigurationFile<SidecarConfiguration> = try ConfigurationFile(
            text: text,
            path: "p.yaml",
            surroundings: surroundings
        )
        let expose = file.settings.expose
        #expect(expose.map(\.service.kind) == [.stdio, .mcp])
        let program = ProgramConfiguration(
            command: ["uvx", "mcp-server-time"],
            environment: ["TZ": "UTC"],
            isBridged: false
        )
        #expect(expose.first?.program == program)
        #expect(expose.map(\.targetText) == ["uvx mcp-server-time", "x"])
        #expect(expose.map(\.hasOpenLeg) == [false, false])
    }

    @Test func `control is an address, or a section that says more`() throws {
        func settings(_ text: String) throws -> SidecarConfiguration {
            try ConfigurationFile(text: text, path: "p.yaml", surroundings: surroundings).settings
        }
        let short = try settings("control: 127.0.0.1:1\n")
        #expect(short.control == .at("127.0.0.1:1") && !short.hasOpenMetrics)
        let open = try settings("control: {listen: off, metrics: open}\n")
        #expect(open.control == .off && open.hasOpenMetrics)
        let usual = try settings("control: {metrics: token}\n")
        #expect(usual.control == .preferably("127.0.0.1:7600") && !usual.hasOpenMetrics)
    }

    @Test func `proxy is an address, or a section that says more`() throws {
        func proxy(_ text: String) throws -> ProxyConfiguration? {
            let file = try ConfigurationFile<SidecarConfiguration>(
                text: text,
                path: "p.yaml",
                surroundings: surroundings
            )
            return file.settings.proxy
        }
        #expect(try proxy("name: a\n") == nil)
        #expect(try proxy("proxy: off\n") == nil)
        #expect(
            try proxy("proxy: 127.0.0.1:7680\n")
                == ProxyConfiguration(listen: "127.0.0.1:7680", others: .refuse, origins: [])
        )
        #expect(
            try proxy("proxy: {listen: 127.0.0.1:1, others: direct, origins: [\"null\"]}\n")
                == ProxyConfiguration(listen: "127.0.0.1:1", others: .direct, origins: ["null"])
        )
    }

    @Test(arguments: [
        ("control: 127.0.0.1:1\nproxy: 127.0.0.1:1\n", "p.yaml:2: proxy: 127.0.0.1:1, which control listens on"),
        (
            "proxy: 127.0.0.1:2\nreach: [{peer: bob, service: x, listen: 127.0.0.1:2}]\n",
            "p.yaml:2: reach[0].listen: 127.0.0.1:2, which proxy listens on"
        ),
    ])
    func `two listeners do not share an address`(text: String, message: String) throws {
        do {
            let file = try ConfigurationFile<SidecarConfiguration>(
                text: text,
                path: "p.yaml",
                surroundings: surroundings
            )
            Issue.record("\(file.settings.reach) were accepted")
        } catch {
            #expect(error.problems.map(\.description) == [message + ", expected a port of its own"])
        }
    }

    @Test(arguments: [("3s", 3000), ("1500ms", 1500), ("2m", 120_000), ("1h", 3_600_000), ("0s", 0)])
    func `a time has a unit`(text: String, milliseconds: Int) throws {
        let entry = "reach: [{peer: bob, service: x, sseKeepalive: \(text)}]\n"
        let file = try ConfigurationFile<SidecarConfiguration>(
            text: entry,
            path: "p.yaml",
            surroundings: surroundings
        )
        #expect(file.settings.reach.first?.eventSilence == milliseconds)
    }

    @Test(arguments: ["3", "999ms", "61m", "-1s", "1.5s", "s", "3 s", "99999999s"])
    func `what is no time, or out of range, is none`(text: String) {
        #expect(!TextForm.duration.accepts(text))
    }

    @Test func `a reach entry that is open to the network says to whom`() throws {
        let entry = "reach:\n  - peer: bob\n    service: x\n    listen: 172.17.0.1:7701\n    exposeToNetwork: true\n"
        let more = "    insecure: true\n    hosts: [host.docker.internal]\n    clients: [172.17.0.0/16]\n"
        let file: ConfigurationFile<SidecarConfiguration> = try ConfigurationFile(
            text: entry + more,
            path: "p.yaml",
            surroundings: surroundings
        )
        #expect(file.settings.reach.first?.hosts == ["host.docker.internal"])
        #expect(file.settings.reach.first?.clients.first?.contains("172.17.3.4") == true)
        #expect(throws: ConfigurationFailure.self) {
            let bare: ConfigurationFile<SidecarConfiguration> = try ConfigurationFile(
                text: entry,
                path: "p.yaml",
                surroundings: surroundings
            )
            _ = bare
        }
    }

    @Test func `a problem found later names the line of its key`() throws {
        let file = try ConfigurationFile<SidecarConfiguration>(
            text: "name: a\ncontrol: 127.0.0.1:1\n",
            path: "p.yaml",
            surroundings: surroundings
        )
        let problem = file.problem(at: "control", read: "127.0.0.1:1, which is taken", expected: "a free port")
        #expect(problem.description == "p.yaml:2: control: 127.0.0.1:1, which is taken, expected a free port")
    }

    @Test func `the first file of the search order wins`() throws {
        let root = NSTemporaryDirectory() + "postern-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: root) }
        let place = Surroundings(home: root + "/home", workingDirectory: root + "/work", hostName: "h")
        func write(_ path: String, name: String) throws {
            let directory = URL(fileURLWithPath: root + path).deletingLastPathComponent()
            try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
            try "name: \(name)".write(toFile: root + path, atomically: true, encoding: .utf8)
        }
        func found(named: String? = nil, state: String? = nil) throws -> SidecarConfiguration {
            try ConfigurationFile<SidecarConfiguration>.find(named: named, state: state, surroundings: place).settings
        }
        #expect(try found().name == "h")
        try write("/home/.config/postern/postern.yaml", name: "in-home")
        #expect(try found().name == "in-home")
        try write("/work/postern.yaml", name: "in-work")
        #expect(try found().name == "in-work")
        try write("/home/.local/state/postern/postern.yaml", name: "in-state")
        #expect(try found().name == "in-state")
        try write("/work/here/postern.yaml", name: "in-named-state")
        #expect(try found(state: "here").name == "in-named-state")
        #expect(try found(state: "here").state == root + "/work/here")
        #expect(try found(named: "postern.yaml", state: "here").name == "in-work")
    }

    @Test(arguments: [
        ("Ann's Laptop", "ann-s-laptop"), ("host.example.net", "host"), ("---", "postern"), ("", "postern"),
        (String(repeating: "x", count: 80), String(repeating: "x", count: 63)),
    ])
    func `a host's name becomes a label`(host: String, label: String) {
        let surroundings = Surroundings(home: "/", workingDirectory: "/", hostName: host)
        #expect(surroundings.nodeName == label)
        #expect(HostName.isLowercaseLabel(label))
    }
}
