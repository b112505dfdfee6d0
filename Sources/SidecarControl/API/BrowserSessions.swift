import NIOCore
import PosternModel
import StateStore
import Synchronization

/// The browsers that may read: each came by a link that is good once and for a minute.
final class BrowserSessions: Sendable {
    /// A secret, and until when it is good.
    private struct Secret {
        let token: ControlToken
        let end: NIODeadline
    }

    private struct State {
        var links: [Secret] = []
        var sessions: [Secret] = []
    }

    private static let linkLife = TimeAmount.seconds(60)
    private static let sessionLife = TimeAmount.hours(12)
    /// Of each kind at a time; the oldest go.
    private static let limit = 16

    private let state = Mutex(State())

    /// The secret of a new link.
    func makeLink(at now: NIODeadline) -> String {
        let (token, text) = ControlToken.random()
        state.withLock { Self.add(Secret(token: token, end: now + Self.linkLife), to: &$0.links) }
        return text
    }

    /// The cookie's value for the browser that comes by the link with `secret`; nil when there is no such link now.
    func enter(_ secret: String, at now: NIODeadline) -> String? {
        state.withLock { state in
            guard let position = state.links.firstIndex(where: { $0.end > now && $0.token.matches(secret) }) else {
                return nil
            }
            state.links.remove(at: position)
            let (token, text) = ControlToken.random()
            Self.add(Secret(token: token, end: now + Self.sessionLife), to: &state.sessions)
            return text
        }
    }

    /// Whether one of the `Cookie` fields (RFC 6265 §4.2) is that of a session.
    func admit(cookies: [String], at now: NIODeadline) -> Bool {
        let values = cookies.flatMap { $0.split(separator: ";") }.compactMap { pair in
            let parts = pair.split(separator: "=", maxSplits: 1)
            return parts.count == 2 && parts[0].drop { $0 == " " } == ControlCookie.name ? parts[1] : nil
        }
        return state.withLock { state in
            values.contains { value in state.sessions.contains { $0.end > now && $0.token.matches(value) } }
        }
    }

    private static func add(_ secret: Secret, to secrets: inout [Secret]) {
        secrets = secrets.suffix(limit - 1) + [secret]
    }
}
