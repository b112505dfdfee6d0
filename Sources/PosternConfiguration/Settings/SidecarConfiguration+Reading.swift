import OverlayWire

extension SidecarConfiguration {
    /// Where the control API listens when nothing is said and the port is free.
    static let usualControl = HostPort(host: "127.0.0.1", port: 7600)

    /// The settings in a validated document.
    init(_ document: DocumentValue, surroundings: Surroundings, directory: String) {
        name = document["name"]?.text ?? Name.label(from: surroundings.hostName)
        state = surroundings.absolute(document.required("state"), from: directory)
        hubs = document["hubs"]?.texts.compactMap { HubAddress($0) } ?? []
        control =
            switch document["control"]?.text {
            case nil: .preferably(Self.usualControl)
            case "off": .off
            case let text?: .at(checked(HostPort(text)))
            }
        let underlay = checked(document["underlay"])
        self.underlay = UnderlayConfiguration(
            listen: checked(HostPort(underlay.required("listen"))),
            relay: checked(UnderlayConfiguration.RelayUse(rawValue: underlay.required("relay")))
        )
        expose = document["expose"]?.elements.map(ExposeConfiguration.init) ?? []
        reach = document["reach"]?.elements.map(ReachConfiguration.init) ?? []
        log = LogConfiguration(checked(document["log"]))
    }
}

extension ExposeConfiguration {
    init(_ document: DocumentValue) {
        let text = document.required("upstream")
        service = document.required("service")
        port = document.port
        kind = checked(Kind(rawValue: document.required("kind")))
        upstream =
            switch kind {
            case .mcp, .a2a, .http: checked(Upstream(http: text))
            case .tcp: checked(Upstream(tcp: text))
            }
        allow = document["allow"]?.texts ?? []
        host = checked(HostHeader(rawValue: document.required("host")))
    }
}

extension ReachConfiguration {
    init(_ document: DocumentValue) {
        peer = document.required("peer")
        target = document["service"]?.text.map { .service($0) } ?? .port(document.port)
        listen = document["listen"]?.text.map { checked(HostPort($0)) }
    }
}

extension LogConfiguration {
    init(_ document: DocumentValue) {
        level = document.required("level")
        format = checked(Format(rawValue: document.required("format")))
    }
}

extension HubConfiguration {
    /// The settings in a validated document.
    init(_ document: DocumentValue, surroundings: Surroundings, directory: String) {
        listen = checked(HostPort(document.required("listen")))
        state = surroundings.absolute(document.required("state"), from: directory)
        publicHosts = document["public"]?.texts.compactMap { PublicHost($0) } ?? []
        log = LogConfiguration(checked(document["log"]))
    }
}

extension DocumentValue {
    /// The text behind a key that the table requires or gives a default.
    fileprivate func required(_ key: String) -> String { checked(self[key]?.text) }

    /// The virtual port behind `port`.
    fileprivate var port: VirtualPort {
        checked(self["port"]?.integer.flatMap { UInt16(exactly: $0) }.map(VirtualPort.init))
    }
}

/// What the table has made sure of. Anything else is a bug in the table.
private func checked<Value>(_ value: Value?) -> Value {
    guard let value else { preconditionFailure("a document is read only after the table found no mistake in it") }
    return value
}
