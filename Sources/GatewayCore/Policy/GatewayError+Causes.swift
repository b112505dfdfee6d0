/// The errors of the gateway by their cause. Those that an access authority knows, it makes itself.
extension GatewayError {
    /// A request that no agent shall see.
    static func badRequest(_ fault: String) -> GatewayError {
        GatewayError(
            .badRequest,
            "the request is not valid HTTP/1.1: \(fault)",
            hint: "fix the client that sent it; a service that does not speak HTTP needs kind tcp"
        )
    }

    /// A response that no client shall see.
    static func badResponse(_ fault: String) -> GatewayError {
        GatewayError(
            .badResponse,
            "the agent's response is not valid HTTP/1.1: \(fault)",
            hint: "see the agent's log; if it does not speak HTTP/1.1, expose it with kind tcp"
        )
    }

    /// The agent closed its connection before its response was complete.
    static var incompleteResponse: GatewayError {
        GatewayError(
            .upstreamBroken,
            "the agent closed the connection before its response was complete",
            hint: "see the agent's log for the reason"
        )
    }

    /// A call that the rules of the service do not allow.
    static func deniedCall(_ method: String, name: String?, _ call: RefusedCall) -> GatewayError {
        let what = name.map { "\(method) of '\($0)'" } ?? method
        return refusedCall("the owner of the service does not allow \(what)", call, method: method)
    }

    /// A body that two readers could take for different calls, where a service has rules about methods.
    static func malformedCall(_ call: RefusedCall) -> GatewayError {
        refusedCall("the request is not one JSON-RPC call that every parser reads alike", call)
    }

    /// A call of which it is not known early enough what it calls.
    static func undeterminedCall(_ call: RefusedCall) -> GatewayError {
        refusedCall("the method does not stand in the first \(MethodGate.limit >> 10) KiB of the request", call)
    }

    /// A call that does not name what it calls, where a rule of the service asks for the name.
    static func unnamedCall(_ method: String, _ call: RefusedCall) -> GatewayError {
        let message = "the call of \(method) has no `params.name`, which a rule of the service asks for"
        return refusedCall(message, call, method: method)
    }

    private static func refusedCall(_ message: String, _ call: RefusedCall, method: String? = nil) -> GatewayError {
        var error = GatewayError(
            .methodRefused,
            message,
            hint: "ask the owner of the service, who decides by its `methods`"
        )
        error.call = call
        error.call?.method = method
        return error
    }

    /// The agent's list of tools is too large to be read.
    static var toolListTooLarge: GatewayError {
        GatewayError(
            .badResponse,
            "the list of tools has more than \(ToolList.limit) bytes",
            hint: "make it smaller: a service with `methods` removes the tools that are denied"
        )
    }

    /// A callback that nobody registered, or not with this agent.
    static var noSuchCallback: GatewayError {
        GatewayError(
            .noSuchService,
            "no receiver of push notifications is registered under this address",
            hint: "register it again: receivers end with the trust, and when they are not used for 7 days"
        )
    }

    /// The receiver that a client registered does not accept connections.
    package static func receiverAway(_ receiver: String) -> GatewayError {
        GatewayError(
            .peerAway,
            "the receiver of push notifications at \(receiver) does not accept connections",
            hint: "try again later; its owner has to start it"
        )
    }

    /// The agent's card is larger than a card that the gateway changes may be.
    static var cardTooLarge: GatewayError {
        GatewayError(
            .badResponse,
            "the agent card has more than \(DocumentExchange.limit) bytes",
            hint: "make the card smaller: what is longer is not changed to lead through the overlay"
        )
    }

    /// The agent's card cannot be read, and the service takes only what was.
    static var cardUnreadable: GatewayError {
        GatewayError(
            .badResponse,
            "the agent card cannot be read: it is no JSON object in UTF-8, as it is or as gzip or deflate",
            hint: "its owner mends the card; a service with `cardKeys` or `signedCards: reject` passes on no other"
        )
    }

    /// The agent's card is signed and the service wants none that is.
    static var cardIsSigned: GatewayError {
        GatewayError(
            .badResponse,
            "the agent card is signed, and its signatures would not survive the change of its addresses",
            hint: "its owner decides by `signedCards` of the service: strip, passthrough, resign or reject"
        )
    }

    /// No pinned key has signed the agent's card.
    static var cardIsNotByPinnedKey: GatewayError {
        GatewayError(
            .badResponse,
            "the agent card is not signed by a key that its owner's `cardKeys` names",
            hint: "its owner finds out who changed the card, or puts the key that signs it now into that file"
        )
    }

    /// The agent's description of itself as a protected resource is too large to be changed.
    static var documentTooLarge: GatewayError {
        GatewayError(
            .badResponse,
            "the protected-resource document has more than \(DocumentExchange.limit) bytes",
            hint: "make it smaller, or set `resourceMetadata: keep` for the service"
        )
    }

    /// The agent behind `service` reset its connection.
    package static func agentBroke(_ service: String) -> GatewayError {
        GatewayError(
            .upstreamBroken,
            "the agent reset the connection before it answered",
            service: service,
            hint: "see the agent's log for the reason"
        )
    }

    /// The agent behind `service` does not accept connections.
    package static func agentRefused(_ service: String) -> GatewayError {
        GatewayError(
            .upstreamRefused,
            "the agent behind service '\(service)' does not accept connections",
            service: service,
            hint: "start the agent, or correct the `upstream` of the service"
        )
    }

    /// The agent behind `service` did not accept a connection in time.
    package static func agentTimedOut(_ service: String) -> GatewayError {
        GatewayError(
            .upstreamTimeout,
            "the agent behind service '\(service)' did not accept a connection in time",
            service: service,
            hint: "check the agent's load and the `upstream` of the service"
        )
    }

    /// A request to the forward proxy that names no target it could have.
    static var notForProxy: GatewayError {
        GatewayError(
            .notProxied,
            "this is a forward proxy: it takes http:// URLs and CONNECT, and no other request",
            hint: "set it as HTTP_PROXY and call http://NAME.postern.alt/; https:// needs HTTPS_PROXY as well"
        )
    }

    /// A target of the forward proxy that is not in the overlay.
    package static func notInOverlay(_ host: String) -> GatewayError {
        GatewayError(
            .notProxied,
            "'\(host)' is no overlay name, and this proxy passes nothing on to other hosts",
            peer: host,
            hint: "overlay names end in .postern.alt; list others in NO_PROXY, or set `proxy: {others: direct, …}`"
        )
    }

    /// The forward proxy was asked for itself.
    package static var proxyLoop: GatewayError {
        GatewayError(.notProxied, "the proxy was asked to call itself", hint: "name the host that is meant")
    }

    /// A service of kind tcp, of which HTTP was asked.
    package static func needsTunnel(_ host: String) -> GatewayError {
        GatewayError(
            .notProxied,
            "the service at '\(host)' does not speak HTTP: its kind is tcp",
            peer: host,
            hint: "open a tunnel to it (CONNECT), or reach it by a port of its own"
        )
    }

    /// A service of kind udp, to which a client connected.
    package static func datagramsOnly(_ peer: String) -> GatewayError {
        GatewayError(
            .noSuchService,
            "the service of peer '\(peer)' takes datagrams only: its kind is udp",
            peer: peer,
            hint: "send them to the UDP port of the same number"
        )
    }

    /// A host outside the overlay to which the proxy gets no connection.
    package static func hostRefused(_ host: String) -> GatewayError {
        GatewayError(
            .upstreamRefused,
            "'\(host)' does not accept connections, or has no address",
            peer: host,
            hint: "check the name; it is outside the overlay"
        )
    }

    /// There is no path to `peer` now.
    package static func peerAway(_ peer: String) -> GatewayError {
        GatewayError(
            .peerAway,
            "peer '\(peer)' cannot be reached now",
            peer: peer,
            hint: "check that its sidecar is running and online; `postern ping \(peer)` shows when it is back"
        )
    }

    /// `peer` stopped or restarted while the call was under way.
    package static func peerRestarted(_ peer: String) -> GatewayError {
        GatewayError(.peerAway, "peer '\(peer)' stopped or restarted during the call", peer: peer, hint: "try again")
    }

    /// `peer` is not trusted, or not any more.
    package static func notTrusted(_ peer: String) -> GatewayError {
        GatewayError(
            .notTrusted,
            "peer '\(peer)' and this node do not trust each other",
            peer: peer,
            hint: "ask for trust with `postern trust request \(peer)`"
        )
    }

    /// `peer` has no such service, or not for us.
    package static func noSuchService(_ peer: String) -> GatewayError {
        GatewayError(
            .noSuchService,
            "peer '\(peer)' offers us no such service",
            peer: peer,
            hint: "`postern services \(peer)` lists what it offers; ask its owner for access"
        )
    }

    /// `peer` takes no more calls at a time.
    package static func peerOverLimit(_ peer: String) -> GatewayError {
        GatewayError(.overLimit, "peer '\(peer)' is at its limits", peer: peer, hint: "try again later")
    }

    /// The peer asked more often than it may.
    static var tooManyRequests: GatewayError {
        GatewayError(
            .overLimit,
            "the service takes no more requests of this peer in this minute",
            hint: "try again in a few seconds; its owner sets the rate by `limits.requestsPerMinute`"
        )
    }

    /// This node has no room for another connection with `peer`, or to the agent behind the service of that name.
    package static func noRoom(_ peer: String) -> GatewayError {
        GatewayError(
            .overLimit,
            "this node has no room for another connection",
            peer: peer,
            hint: "try again when others have finished; `limits.connections` and the open-file limit (ulimit -n) set it"
        )
    }

    /// A client began a request and did not complete its head.
    static var headTooSlow: GatewayError {
        GatewayError(
            .requestTimeout,
            "the head of the request did not come in time",
            hint: "send it at once; a service that does not speak HTTP needs kind tcp"
        )
    }

    /// No further stream to `peer` can be opened.
    package static func tooManyStreams(_ peer: String) -> GatewayError {
        GatewayError(
            .overLimit,
            "no more calls to peer '\(peer)' can be made at the same time",
            peer: peer,
            hint: "try again when other calls have finished"
        )
    }

    /// The stream to `peer` broke for a reason of the peer's service.
    package static func streamBroke(_ peer: String) -> GatewayError {
        GatewayError(
            .upstreamBroken,
            "the connection to the service of peer '\(peer)' broke before its response began",
            peer: peer,
            hint: "see the log of the agent behind that peer"
        )
    }

    /// This sidecar stops.
    package static func shuttingDown(_ peer: String) -> GatewayError {
        GatewayError(.shuttingDown, "this sidecar is shutting down", peer: peer, hint: "try again when it is running")
    }
}
