package import GatewayCore
import OverlayNIO
package import PosternModel

/// What keeps clients from a service, as the last of them was told.
package struct ServiceTrouble: Hashable, Sendable {
    /// The error that clients get.
    package let code: GatewayError.Code
    /// When the first of them got it.
    package let since: Timestamp

    /// What `code` says of a service that was in trouble as `former` tells; nil: it says something of a request.
    init?(_ code: GatewayError.Code, after former: ServiceTrouble?) {
        switch code {
        case .peerAway, .upstreamRefused, .upstreamTimeout, .upstreamBroken, .upstreamUntrusted, .badResponse: break
        case .badRequest, .foreignHost, .foreignOrigin, .notProxied, .headersTooLarge, .peerUnknown, .notTrusted,
            .noSuchService, .overLimit, .requestTimeout, .shuttingDown, .methodRefused:
            return nil
        }
        self.code = code
        since = former?.code == code ? former?.since ?? Clocks.now().wall : Clocks.now().wall
    }
}

extension Gateway {
    /// What keeps clients from `service`; nil: nothing does, as far as the last of them saw.
    package func trouble(of service: ReachedService) -> ServiceTrouble? {
        listeners[service]?.port.trouble
    }
}

extension ReachPort {
    /// A client got an answer of the service, or `failure` in its place.
    func note(_ failure: GatewayError.Code?) {
        if let failure {
            trouble = ServiceTrouble(failure, after: trouble) ?? trouble
        } else if trouble != nil {
            trouble = nil
        }
    }
}
