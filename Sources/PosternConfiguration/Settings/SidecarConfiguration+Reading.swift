import PosternModel

extension SidecarConfiguration {
    /// Where the control API listens when nothing is said and the port is free.
    static let usualControl = HostPort.loopback(7600)

    /// The settings in a validated document.
    init(_ document: DocumentValue, surroundings: Surroundings, directory: String) {
        name = document["name"]?.text ?? surroundings.nodeName
        state = surroundings.absolute(document.required("state"), from: directory)
        sharesKeyWithGroup = document.required("keyFileMode") == "group"
        hubs = document["hubs"]?.elements.map { checked($0.value?.hub) } ?? []
        control =
            switch (document["control"]?["listen"] ?? document["control"])?.value {
            case nil: .preferably(Self.usualControl)
            case .off: .off
            case let value?: .at(checked(value.place))
            }
        hasOpenMetrics = document["control"]?["metrics"]?.text == "open"
        proxy = document["proxy"].flatMap(ProxyConfiguration.init)
        autoReach = checked(document["autoReach"]?.flag)
        let underlay = checked(document["underlay"])
        self.underlay = UnderlayConfiguration(
            listen: underlay.place("listen"),
            relay: checked(UnderlayConfiguration.RelayUse(rawValue: underlay.required("relay"))),
            mapsPort: checked(underlay["portMapping"]?.flag),
            guessesPorts: checked(underlay["guessPorts"]?.flag),
            padsPackets: underlay.required("padding") == "buckets",
            usesWebSocket: checked(underlay["websocket"]?.flag),
            authoritiesPath: underlay["ca"]?.text.map { surroundings.absolute($0, from: directory) }
        )
        expose =
            document["expose"]?.elements.map { entry in
                ExposeConfiguration(entry) { surroundings.absolute($0, from: directory) }
            } ?? []
        reach = document["reach"]?.elements.map(ReachConfiguration.init) ?? []
        accept = document["trust"]?["accept"]?.elements.map(AcceptanceRule.init) ?? []
        networks = document["networks"].map { Set($0.elements.compactMap(\.text)) }
        limits = LimitsConfiguration(checked(document["limits"]))
        log = LogConfiguration(checked(document["log"]))
        let may = document["agent"]?["may"]?.elements.compactMap(\.text)
        agentMay = may.map { Set($0.compactMap(AgentPermission.init)) } ?? AgentPermission.usual
    }
}

extension ProxyConfiguration {
    /// What `proxy` says; nil when it is off.
    init?(_ document: DocumentValue) {
        guard case .place(let listen)? = (document["listen"] ?? document).value else { return nil }
        self.listen = listen
        others = document["others"]?.text.map { checked(Others(rawValue: $0)) } ?? .refuse
        origins = document["origins"]?.elements.map { checked($0.value?.origin) } ?? []
    }
}

extension LimitsConfiguration {
    init(_ document: DocumentValue) {
        connections = document["connections"]?.integer
        connectionsPerPeer = document["connectionsPerPeer"]?.integer ?? 2048
        memory = (document["memoryMiB"]?.integer ?? 512) << 20
    }
}

extension ExposeConfiguration {
    /// - Parameter absolute: makes a path of the file an absolute one.
    init(_ document: DocumentValue, absolute: (String) -> String) {
        let kind = checked(ServiceKind(rawValue: document.required("kind")))
        program = kind == .stdio ? ProgramConfiguration(document) : nil
        service = Service(
            name: checked(document["service"]?.value?.service),
            port: document.port,
            // Peers speak HTTP to a bridge.
            kind: program?.isBridged == true ? .mcp : kind
        )
        upstream = document["upstream"]?.value?.upstream
        tls =
            upstream?.isSecured == true
            ? UpstreamTLSConfiguration(
                authoritiesPath: document["tls"]?["ca"]?.text.map(absolute),
                serverName: document["tls"]?["serverName"]?.value?.hostName
            ) : nil
        isInsecure = checked(document["insecure"]?.flag)
        allow = document["allow"]?.elements.map { checked($0.value?.allowance) } ?? []
        publish = document["publish"]?.elements.map { checked($0.value?.allowance) } ?? []
        host = checked(HostHeader(rawValue: document.required("host")))
        grpc = document["grpc"]?.value?.place
        signedCards = checked(SignedCards(rawValue: document.required("signedCards")))
        cardKeysPath = document["cardKeys"]?.text.map(absolute)
        push = checked(document["push"]?.flag)
        let identity = checked(document["identity"])
        peerHeader = identity.required("Postern-Peer")
        peerNameHeader = identity.required("Postern-Peer-Name")
        networkHeader = identity.required("Postern-Network")
        assertsIdentity = checked(identity["assertion"]?.flag)
        let methods = document["methods"]
        allowedMethods = methods?["allow"].map { $0.elements.map { checked($0.value?.methodPattern) } }
        deniedMethods = methods?["deny"]?.elements.map { checked($0.value?.methodPattern) } ?? []
        rewritesResourceMetadata = document.required("resourceMetadata") == "rewrite"
        concurrency = document["limits"]?["concurrency"]?.integer
        requestsPerMinute = document["limits"]?["requestsPerMinute"]?.integer
    }
}

extension ProgramConfiguration {
    init(_ document: DocumentValue) {
        command = document["command"]?.elements.map { checked($0.text) } ?? []
        environment = document["environment"]?.texts ?? [:]
        isBridged = checked(document["bridge"]?.flag)
    }
}

extension ReachConfiguration {
    init(_ document: DocumentValue) {
        let name = checked(document["peer"]?.value?.peer)
        peer = document["key"]?.value?.key.map { PeerName($0, shownAs: name) } ?? name
        target = document["service"]?.value?.service.map { .name($0) } ?? .port(document.port)
        listen = document["listen"]?.value?.place
        push = checked(PushScope(rawValue: document.required("push")))
        origins = document["origins"]?.elements.map { checked($0.value?.origin) } ?? []
        eventSilence = checked(document["sseKeepalive"]?.value?.duration)
        exposesToNetwork = checked(document["exposeToNetwork"]?.flag)
        isInsecure = checked(document["insecure"]?.flag)
        hosts = document["hosts"]?.elements.map { checked($0.value?.hostName) } ?? []
        clients = document["clients"]?.elements.map { checked($0.value?.addressRange) } ?? []
    }
}

extension AcceptanceRule {
    init(_ document: DocumentValue) {
        self.init(
            from: document["from"]?.elements.map { checked($0.value?.asker) } ?? [],
            services: Set(document["services"]?.elements.map { checked($0.value?.service) } ?? []),
            perDay: document["perDay"]?.integer ?? 10
        )
    }
}

extension LogConfiguration {
    init(_ document: DocumentValue) {
        level = document.required("level")
        format = checked(Format(rawValue: document.required("format")))
        hasAccess = document["access"]?.flag ?? false
    }
}

extension HubConfiguration {
    /// The settings in a validated document.
    init(_ document: DocumentValue, surroundings: Surroundings, directory: String) {
        listen = document.place("listen")
        state = surroundings.absolute(document.required("state"), from: directory)
        sharesKeyWithGroup = document.required("keyFileMode") == "group"
        publicHosts = document["public"]?.elements.map { checked($0.value?.host) } ?? []
        websocket = HubWebSocketConfiguration(document["websocket"]) { surroundings.absolute($0, from: directory) }
        database = document["database"].map { database in
            var settings = HubDatabaseConfiguration(url: checked((database["url"] ?? database).text))
            settings.isInsecure = database["insecure"]?.flag ?? false
            settings.secret = database["secret"]?.text.map { surroundings.absolute($0, from: directory) }
            return settings
        }
        control = (document["control"]?["listen"] ?? document["control"])?.value?.place.map { .at($0) } ?? .off
        hasOpenMetrics = document["control"]?["metrics"]?.text == "open"
        let admission: DocumentValue = checked(document["admission"])
        let allow = admission["allow"]?.elements.compactMap { $0.value?.key } ?? []
        allowed = admission["closed"]?.flag == true ? Set(allow) : nil
        admins = Set(document["admins"]?.elements.compactMap { $0.value?.key } ?? [])
        limits = HubLimitsConfiguration(checked(document["limits"]))
        log = LogConfiguration(checked(document["log"]))
    }
}

extension HubWebSocketConfiguration {
    /// What `websocket` says; nil when it is off. `absolute` makes a path of the file an absolute one.
    init?(_ document: DocumentValue?, absolute: (String) -> String) {
        let listen = (document?["listen"] ?? document)?.value
        if case .off? = listen { return nil }
        self.listen = listen?.place
        certificatePath = document?["certificate"]?.text.map(absolute)
        keyPath = document?["key"]?.text.map(absolute)
        url = document?["url"]?.value?.websocket
    }
}

extension HubLimitsConfiguration {
    init(_ document: DocumentValue) {
        nodes = document["nodes"]?.integer
        newNodesPerHour = document["newNodesPerHour"]?.integer
        strangerMailPerHour = document["strangerMailPerHour"]?.integer
        strangerMailMiB = document["strangerMailMiB"]?.integer
        requestsPerMinute = document["requestsPerMinute"]?.integer
        sourceRequestsPerMinute = document["sourceRequestsPerMinute"]?.integer
        entriesPerMinute = document["entriesPerMinute"]?.integer
        questionsPerMinute = document["questionsPerMinute"]?.integer
        relayMbitPerPair = document["relayMbitPerPair"]?.integer
        relayMbitPerNode = document["relayMbitPerNode"]?.integer
    }
}

extension DocumentValue {
    /// The text behind a key that the table requires or gives a default.
    fileprivate func required(_ key: String) -> String { checked(self[key]?.text) }

    /// The address behind a key that the table requires or gives a default.
    fileprivate func place(_ key: String) -> HostPort { checked(self[key]?.value?.place) }

    /// The virtual port behind `port`.
    fileprivate var port: VirtualPort {
        checked(self["port"]?.integer.flatMap { UInt16(exactly: $0) }.map(VirtualPort.init))
    }
}

extension FormValue {
    fileprivate var hub: HubURL? { if case .hub(let hub) = self { hub } else { nil } }
    fileprivate var place: HostPort? { if case .place(let place) = self { place } else { nil } }
    fileprivate var service: ServiceName? { if case .service(let name) = self { name } else { nil } }
    fileprivate var host: PublicHost? { if case .host(let host) = self { host } else { nil } }
    fileprivate var upstream: Upstream? { if case .upstream(let upstream) = self { upstream } else { nil } }
    fileprivate var peer: PeerName? { if case .peer(let peer) = self { peer } else { nil } }
    fileprivate var websocket: WebSocketURL? { if case .websocket(let url) = self { url } else { nil } }
    fileprivate var key: NodeKey? { if case .key(let key) = self { key } else { nil } }
    fileprivate var origin: String? { if case .origin(let origin) = self { origin } else { nil } }
    fileprivate var duration: Int? { if case .duration(let milliseconds) = self { milliseconds } else { nil } }
    fileprivate var hostName: String? { if case .hostName(let name) = self { name } else { nil } }
    fileprivate var addressRange: AddressRange? { if case .addressRange(let range) = self { range } else { nil } }
    fileprivate var methodPattern: MethodPattern? {
        if case .methodPattern(let pattern) = self { pattern } else { nil }
    }
    fileprivate var asker: AcceptanceRule.Asker? { if case .asker(let asker) = self { asker } else { nil } }
    fileprivate var allowance: AllowRule? { if case .allowance(let rule) = self { rule } else { nil } }
}

/// What the table has made sure of. Anything else is a bug in the table.
private func checked<Value>(_ value: Value?) -> Value {
    guard let value else { preconditionFailure("a document is read only after the table found no mistake in it") }
    return value
}
