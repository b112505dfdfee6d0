package import PosternModel

/// Whom a request to a forward proxy is for: the authority of an absolute `http` target (RFC 9112 §3.2.2), or the
/// target of a CONNECT (RFC 9112 §3.2.3).
package struct ProxyTarget: Hashable, Sendable {
    /// In lower case; an IPv6 address stands in brackets.
    package let host: String
    /// In the overlay, a virtual port.
    package let port: UInt16
    /// Whether the connection becomes a tunnel (CONNECT).
    package let isTunnel: Bool

    /// The target of the request whose `head` was parsed from `bytes`.
    init(_ bytes: Span<UInt8>, _ head: MessageHead) throws(GatewayError) {
        let target = head.target
        let authority: Authority
        if head.isConnectRequest {
            guard RequestReview.isLine(bytes, head) else { throw HeadFault.startLine.requestError }
            guard let named = Authority(bytes, target), let port = named.port, port > 0 else {
                throw HeadFault.target.requestError
            }
            do throws(HeadFault) { try Self.checkTunnel(bytes, head, named) } catch { throw error.requestError }
            (authority, self.port, isTunnel) = (named, port, true)
        } else {
            guard let origin = Origin(bytes, prefixOf: target), origin.defaultPort == 80 else {
                throw .notForProxy
            }
            (authority, self.port, isTunnel) = (origin.authority, origin.authority.port ?? 80, false)
            guard self.port > 0 else { throw HeadFault.target.requestError }
        }
        let name = String(decoding: bytes.copy(authority.host).map(ASCII.lowercase), as: UTF8.self)
        // A dot behind a name says that it is whole (RFC 3986 §3.2.2).
        host = name.hasSuffix(".") ? String(name.dropLast()) : name
    }

    // RFC 9110 §9.3.6: a CONNECT has no content. Old clients send no Host with it.
    private static func checkTunnel(
        _ bytes: Span<UInt8>,
        _ head: MessageHead,
        _ target: Authority
    ) throws(HeadFault) {
        let review = try HeadReview(bytes, head, to: .agent)
        guard (review.contentLength ?? 0) == 0, review.encodingCount == 0 else { throw .contentLength }
        guard let host = review.host else { return }
        guard review.hostCount == 1, let named = Authority(bytes, host),
            bytes.matches(named.host, bytes.copy(target.host).map(ASCII.lowercase))
        else { throw .host }
    }

    /// What the host names in the overlay: an overlay name or address. Nil for every other host.
    package var peer: PeerName? {
        if host.hasPrefix("[") {
            let address = OverlayAddress(host.dropFirst().dropLast())
            return address.flatMap { PeerName($0.description) }
        }
        return PeerName(overlayHost: host)
    }

    /// The service and the peer that the host may name together, as in `SERVICE.PEER.postern.alt`.
    package var serviceOfPeer: (service: ServiceName, peer: PeerName)? {
        let parts = host.split(separator: ".", maxSplits: 1)
        guard parts.count == 2, let service = ServiceName(parts[0]), let peer = PeerName(overlayHost: parts[1]) else {
            return nil
        }
        return (service, peer)
    }
}

/// How requests name their target.
enum Addressing {
    /// By a path, for whom the connection is.
    case origin
    /// By an absolute target, since the connection is to a forward proxy; with nobody it is for nobody yet.
    case proxy(ProxyTarget?)
}

/// A request to a forward proxy that is for another target than those before.
struct Turn {
    let target: ProxyTarget
    /// Its head, to be offered again once it is known where it leads; a tunnel's is answered instead.
    let head: [UInt8]
    /// HEAD: the response has no body.
    let isHead: Bool
}
