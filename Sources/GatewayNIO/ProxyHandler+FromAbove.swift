import GatewayCore
import NIOCore
import OverlayNIO
import PosternModel

// What the gateway wants of a connection.
extension ProxyHandler {
    /// When the client's bytes came last, if it has no request under way and may make room for another's; nil if not.
    var idleSince: Instant? { connection.isReclaimable ? connection.lastRequest : nil }

    /// No further request is taken; ends as soon as nothing is under way.
    func drain() {
        connection.drain()
        settle()
    }

    /// Time is up.
    func cut() {
        connection.cut()
        settle()
    }

    /// Trust in the peer ended.
    func cutForTrust() {
        connection.cutForTrust()
        settle()
    }

    /// The peer fell silent.
    func giveUp(requestsSince start: NIODeadline) {
        connection.giveUp(requestsSince: Instant(start))
        settle()
    }

    /// The client gets nothing but `error`.
    func unavailable(_ error: GatewayError) {
        let policy = ReachPolicy(names: OwnNames(), offersUpgrade: false)
        connection.resolved(.unavailable(error, .reach(policy)))
        settle()
    }
}
