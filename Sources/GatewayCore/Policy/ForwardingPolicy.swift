import PosternModel

/// What an end does to the messages that pass through it.
package enum ForwardingPolicy: Sendable {
    /// The end that clients talk to.
    case reach(ReachPolicy)
    /// The end that talks to the agent: the trust boundary.
    case expose(ExposePolicy)
    /// Bytes as they are (`tcp` services).
    case passthrough

    /// Who decides about bodies; nil passes all of them.
    var bodies: (any BodyPolicy)? {
        switch self {
        case .reach(let policy): policy.bodies
        case .expose(let policy): policy.bodies
        case .passthrough: nil
        }
    }

    /// Whether it is that of the end that clients talk to.
    var isReach: Bool {
        switch self {
        case .reach: true
        case .expose, .passthrough: false
        }
    }

    /// Whether a client may speak HTTP/2, which passes as it is.
    var carriesHTTP2: Bool {
        switch self {
        case .reach(let policy): policy.carriesHTTP2
        case .expose(let policy): policy.carriesHTTP2
        case .passthrough: false
        }
    }

    var offersUpgrade: Bool {
        switch self {
        case .reach(let policy): policy.offersUpgrade
        case .expose(let policy): policy.offersUpgrade
        case .passthrough: false
        }
    }
}

/// The policy of the end that clients talk to. Many connections share it, so it is held by reference.
package final class ReachPolicy: Sendable {
    /// Whom a `Host` and an `Origin` may name.
    let names: OwnNames
    /// Which other origins may call.
    let origins: OriginRules
    let offersUpgrade: Bool
    /// gRPC comes to the same port as everything else of an A2A service.
    let carriesHTTP2: Bool
    /// False while nobody knows what the service speaks: then a client that does not speak HTTP is not answered in it.
    let isKnownToBeHTTP: Bool
    /// Whether comments are put into streams of events that are silent.
    let keepsEventsAlive: Bool
    /// False for targets outside the overlay, which decide for themselves who may call.
    let checksOrigins: Bool
    let bodies: (any BodyPolicy)?

    /// The policy for services of which `names` are ours, and whose bodies nobody looks at.
    package convenience init(
        names: OwnNames,
        origins: OriginRules = OriginRules(),
        offersUpgrade: Bool,
        carriesHTTP2: Bool = false,
        isKnownToBeHTTP: Bool = true,
        keepsEventsAlive: Bool = false,
        callbacks: (any CallbackMapping)? = nil
    ) {
        self.init(
            names: names,
            origins: origins,
            offersUpgrade: offersUpgrade,
            carriesHTTP2: carriesHTTP2,
            isKnownToBeHTTP: isKnownToBeHTTP,
            keepsEventsAlive: keepsEventsAlive,
            bodies: callbacks.map(CallbackRules.init)
        )
    }

    /// The policy for callbacks of agents on this host, whose requests tell `route`.
    package convenience init(forwardingCallbacksTo route: CallbackRoute) {
        self.init(names: OwnNames(), offersUpgrade: false, bodies: CallbackForwarding(route: route))
    }

    /// The policy for what a client asks of `host`, which is outside the overlay.
    package convenience init(passingOnTo host: String) {
        self.init(names: OwnNames(only: host), offersUpgrade: true, checksOrigins: false, bodies: nil)
    }

    init(
        names: OwnNames,
        origins: OriginRules = OriginRules(),
        offersUpgrade: Bool,
        carriesHTTP2: Bool = false,
        isKnownToBeHTTP: Bool = true,
        keepsEventsAlive: Bool = false,
        checksOrigins: Bool = true,
        bodies: (any BodyPolicy)?
    ) {
        self.names = names
        self.origins = origins
        self.offersUpgrade = offersUpgrade
        self.carriesHTTP2 = carriesHTTP2
        self.isKnownToBeHTTP = isKnownToBeHTTP
        self.keepsEventsAlive = keepsEventsAlive
        self.checksOrigins = checksOrigins
        self.bodies = bodies
    }
}

/// The policy of the end that talks to the agent, for one peer.
package final class ExposePolicy: Sendable {
    /// What the agent gets as `Host`; nil leaves the client's.
    let host: [UInt8]?
    /// The authorities by which the agent may mean itself in a `Location`.
    let upstreamAuthorities: [[UInt8]]
    /// The port of an authority that names none.
    let defaultPort: UInt16
    /// `Postern-Peer` and its like, as whole lines.
    let identity: [UInt8]
    /// What is signed of the caller; nil: nothing.
    let assertion: CallerAssertion?
    /// Names of such lines that do not begin like ours, folded; a client's own are removed.
    let identityNames: [[UInt8]]
    let offersUpgrade: Bool
    /// It is the gateway itself that answers, for a program.
    let isBridge: Bool
    /// The agent speaks gRPC somewhere.
    let carriesHTTP2: Bool
    let bodies: (any BodyPolicy)?
    /// How challenges for authorization are changed; nil leaves them.
    let challenges: ChallengeRules?

    /// What `service` does for one peer.
    ///
    /// - Parameters:
    ///   - did: the peer's authenticated key in text.
    ///   - peerName: how we call the peer.
    ///   - network: the network in which we know it.
    ///   - callbackPort: where agents on this host find the receivers of peers; nil leaves receivers alone.
    ///   - signer: signs who calls and agent cards, and verifies cards, where the service wants that.
    package init(
        _ service: ExposedService,
        did: String,
        peerName: String?,
        network: String?,
        callbackPort: UInt16? = nil,
        signer: (any GatewaySignatures)? = nil
    ) {
        let authority = Array(service.upstreamAuthority.utf8)
        defaultPort = service.defaultPort
        switch service.hostPolicy {
        case .upstream:
            host = authority
            upstreamAuthorities = [authority]
        case .preserve:
            host = nil
            upstreamAuthorities = [authority]
        case .literal(let value):
            let literal = Self.fieldValue(value)
            host = literal
            upstreamAuthorities = [authority, literal]
        }
        var lines = Self.line(service.identity.peer, did)
        if let peerName { lines += Self.line(service.identity.peerName, peerName) }
        if let network { lines += Self.line(service.identity.network, network) }
        identity = lines
        identityNames = service.identity.foreign
        let asserting = service.identity.areAsserted ? signer : nil
        assertion = asserting.map {
            CallerAssertion(signer: $0, service: service.name, did: did, name: peerName, network: network)
        }
        isBridge = service.program?.isBridged ?? false
        offersUpgrade = service.kind.offersUpgrade
        carriesHTTP2 = service.grpc != nil
        let callbacks = service.push ? callbackPort.map { ExposedCallbacks(did: did, port: $0) } : nil
        let rules = AgentRules(service, callbacks: callbacks, signatures: signer)
        bodies = rules
        challenges = rules?.resource.map { ChallengeRules(agent: $0.agent) }
    }

    /// Takes callbacks of a peer's agents to the receivers that `find` knows; `route` tells where each leads.
    package init(deliveringCallbacksTo route: CallbackRoute, find: @escaping (CallbackID) -> String?) {
        host = nil
        upstreamAuthorities = []
        defaultPort = 80
        identity = []
        identityNames = []
        assertion = nil
        isBridge = false
        offersUpgrade = false
        carriesHTTP2 = false
        bodies = CallbackDelivery(route: route, find: find)
        challenges = nil
    }

    /// Whether the agent means itself by `origin`: its upstream, or the same port of a host that is always one's own.
    func isOwn(_ origin: Origin, in bytes: Span<UInt8>) -> Bool {
        let port = origin.authority.port ?? origin.defaultPort
        let host = origin.authority.host
        let meansItself = origin.authority.isLoopback(bytes) || Self.unspecified.contains { bytes.matches(host, $0) }
        return upstreamAuthorities.contains { known in
            guard let authority = Authority(known.span, known.indices), (authority.port ?? defaultPort) == port else {
                return false
            }
            return meansItself || bytes.matches(host, Array(known[authority.host]))
        }
    }

    private static let unspecified = ["0.0.0.0", "[::]"].map { Array($0.utf8) }

    private static func line(_ name: String, _ value: String) -> [UInt8] {
        Array("\(name): ".utf8) + fieldValue(value) + [ASCII.carriageReturn, ASCII.lineFeed]
    }

    // Names come from people and peers: what is not visible ASCII is percent-encoded, so that no value ends its line.
    private static func fieldValue(_ text: String) -> [UInt8] {
        var result: [UInt8] = []
        for octet in text.utf8 {
            if octet > ASCII.space && octet < ASCII.delete && octet != UInt8(ascii: "%") {
                result.append(octet)
            } else {
                let digits = String(octet, radix: 16, uppercase: true)
                result += Array(("%" + (digits.count == 1 ? "0" : "") + digits).utf8)
            }
        }
        return result
    }
}

/// What a response must know of the request that it answers.
struct PendingRequest {
    /// HEAD: the response has no body.
    let isHead: Bool
    /// The client asked for a WebSocket, and may get one.
    let asksUpgrade: Bool
    /// The `Host` by which the client knows us.
    let clientAuthority: [UInt8]
    /// What the gateway does about it beyond passing it on; nil for nearly all.
    let exchange: (any Exchange)?
}

/// One or several `Connection` fields, taken together (RFC 9110 §7.6.1).
struct ConnectionOptions: OptionSet {
    let rawValue: UInt8
    static let close = ConnectionOptions(rawValue: 1)
    static let keepAlive = ConnectionOptions(rawValue: 2)
    static let upgrade = ConnectionOptions(rawValue: 4)
    /// Names of fields that are for the next hop only.
    static let nominations = ConnectionOptions(rawValue: 8)

    /// What the list in `range` of `bytes` says.
    init(_ bytes: Span<UInt8>, _ range: Range<Int>) {
        var options: ConnectionOptions = []
        var position = range.lowerBound
        while let token = Self.nextToken(bytes, range, &position) {
            options.formUnion(Self.option(bytes, token))
        }
        self = options
    }

    init(rawValue: UInt8) { self.rawValue = rawValue }

    private static func option(_ bytes: Span<UInt8>, _ token: Range<Int>) -> ConnectionOptions {
        if bytes.matches(token, "keep-alive") { return .keepAlive }
        if bytes.matches(token, "close") { return .close }
        return bytes.matches(token, "upgrade") ? .upgrade : .nominations
    }

    /// The list without what it names for this hop only; `keeping` tells whether `upgrade` stays.
    static func append(
        _ bytes: Span<UInt8>,
        _ range: Range<Int>,
        keeping kept: ConnectionOptions,
        to output: inout [UInt8]
    ) {
        var position = range.lowerBound
        var isFirst = true
        while let token = nextToken(bytes, range, &position) {
            guard kept.contains(option(bytes, token)) else { continue }
            if !isFirst { output.append(", ") }
            output.append(contentsOf: bytes, token)
            isFirst = false
        }
    }

    /// The next element of a comma-separated list at `position`, which moves behind it.
    static func nextToken(_ bytes: Span<UInt8>, _ range: Range<Int>, _ position: inout Int) -> Range<Int>? {
        while position < range.upperBound {
            var end = position
            while end < range.upperBound, bytes[end] != UInt8(ascii: ",") { end += 1 }
            let token = bytes.trimmed(position..<end)
            position = end + 1
            if !token.isEmpty { return token }
        }
        return nil
    }
}
