package import PosternModel

/// Where the one callback of a connection leads, once its request was read. Confined to the connection's loop.
package final class CallbackRoute {
    /// Whose receiver is meant, at the agent's end.
    package internal(set) var peer: NodeKey?
    /// Which receiver, at the client's end.
    package internal(set) var receiver: HostPort?

    package init() {}
}

/// The end beside the agent: a callback to `/PEER/ID` goes to that peer.
struct CallbackForwarding: BodyPolicy, @unchecked Sendable {  // confined to the connection's loop
    let route: CallbackRoute

    func exchange(_ head: MessageHead, _ bytes: Span<UInt8>, host: Range<Int>) -> (any Exchange)? {
        guard bytes.hasPrefix(0..<5, "post "),
            let path = CallbackPath(String(decoding: bytes.copy(head.target), as: UTF8.self))
        else { return CallbackExchange(refusal: .noSuchCallback) }
        route.peer = path.peer
        return CallbackExchange(target: Array("/\(path.id.text)".utf8))
    }
}

/// The end beside the client: a callback to `/ID` goes to the receiver that was registered with this peer's agent.
struct CallbackDelivery: BodyPolicy, @unchecked Sendable {  // confined to the connection's loop
    let route: CallbackRoute
    let find: (CallbackID) -> String?

    func exchange(_ head: MessageHead, _ bytes: Span<UInt8>, host: Range<Int>) -> (any Exchange)? {
        let target = String(decoding: bytes.copy(head.target), as: UTF8.self)
        guard bytes.hasPrefix(0..<5, "post "), target.hasPrefix("/"), let id = CallbackID(target.dropFirst()),
            let url = find(id), let address = WebAddress(url),
            let place = HostPort(host: address.host, port: address.port ?? 80)
        else { return CallbackExchange(refusal: .noSuchCallback) }
        route.receiver = place
        let path = address.rest.prefix { $0 != "#" }
        return CallbackExchange(
            target: Array(((path.hasPrefix("/") ? "" : "/") + path).utf8),
            host: Array(address.authority.utf8)
        )
    }
}

/// One callback. It is the last of its connection, since the next may have another receiver.
final class CallbackExchange: Exchange {
    let refusal: GatewayError?
    let newTarget: [UInt8]?
    let newHost: [UInt8]?
    var isLast: Bool { true }

    init(refusal: GatewayError) {
        self.refusal = refusal
        newTarget = nil
        newHost = nil
    }

    init(target: [UInt8], host: [UInt8]? = nil) {
        refusal = nil
        newTarget = target
        newHost = host
    }
}
