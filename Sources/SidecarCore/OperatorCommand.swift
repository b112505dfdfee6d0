package import OverlayWire
package import TrustCore

/// What the operator, or a program that acts for it, tells the sidecar to do.
package enum OperatorCommand: Hashable, Sendable {
    /// Ask `peer` (did, address, name, or invitation) for its trust.
    case request(peer: String, services: ServiceSet, note: String)
    /// Say yes to the request `id`; nil: for the services that were asked for.
    case approve(id: String, services: ServiceSet?)
    /// Say no to the request `id`.
    case reject(id: String)
    /// End the trust with `peer`.
    case revoke(peer: String)
    /// Make an invitation for `uses` others, open for `lifetime`.
    case invite(uses: Int, lifetime: Interval, services: ServiceSet)
    /// Redeem an invitation.
    case join(invitation: String)
    /// Call `peer` by another local name.
    case rename(peer: String, name: String)
    /// Tell who is trusted and what waits.
    case list
}

/// Why a command was not done.
package struct OperatorError: Error, Hashable, Sendable {
    /// For programs; never changes its meaning.
    package let code: String
    /// One line: what happened.
    package let message: String
    /// One line: what to do.
    package let hint: String

    package init(code: String, message: String, hint: String) {
        self.code = code
        self.message = message
        self.hint = hint
    }
}

/// One command that waits for its answer, as the shell counts them.
package struct CommandID: Hashable, Sendable {
    package let rawValue: UInt64

    package init(_ rawValue: UInt64) {
        self.rawValue = rawValue
    }
}

extension OperatorError {
    /// Nobody is known by this name.
    package static func unknownPeer(_ text: String) -> OperatorError {
        OperatorError(
            code: "unknown-peer",
            message: "no peer is known as \"\(PlainText.clean(text, limit: 200))\"",
            hint: "name it by its did:key, or see `postern peers` for the names in use"
        )
    }

    /// Several peers are meant by this name.
    package static func ambiguousPeer(_ text: String, _ candidates: [String]) -> OperatorError {
        OperatorError(
            code: "ambiguous-peer",
            message: "\"\(PlainText.clean(text, limit: 200))\" can mean \(candidates.joined(separator: " or "))",
            hint: "name the peer by its did:key"
        )
    }

    static func notTrusted(_ name: String) -> OperatorError {
        OperatorError(
            code: "not-trusted",
            message: "there is no trust with \(name)",
            hint: "see `postern trust list`"
        )
    }

    static func noSuchRequest(_ id: String) -> OperatorError {
        OperatorError(
            code: "no-such-request",
            message: "no request with the id \"\(PlainText.clean(id, limit: 80))\" waits for a decision",
            hint: "see `postern trust list` for what waits"
        )
    }

    static let noHub = OperatorError(
        code: "no-hub",
        message: "the request cannot be delivered: no hub is configured",
        hint: "add a hub to `hubs:` in postern.yaml, or use an invitation (`postern invite` on the other side)"
    )

    static func overLimit(_ what: String) -> OperatorError {
        OperatorError(
            code: "over-limit",
            message: "there are too many \(what)",
            hint: "decide or revoke some of them first: `postern trust list`"
        )
    }

    static func badInvitation(_ why: String) -> OperatorError {
        OperatorError(
            code: "bad-invitation",
            message: "the invitation cannot be used: \(why)",
            hint: "ask for a new one: `postern invite` on the other side"
        )
    }

    static func refusedInvitation(_ reason: TrustRejection.Reason?) -> OperatorError {
        switch reason {
        case .usedUp: badInvitation("it was used as often as it may be")
        case .expired: badInvitation("it has expired by the inviter's clock")
        case .withdrawn: badInvitation("the inviter has ended the trust that it gave")
        case nil: badInvitation("the inviter refuses it")
        }
    }

    static let noAnswer = OperatorError(
        code: "no-answer",
        message: "the inviter has not answered yet",
        hint: "this sidecar goes on trying until the invitation expires; see `postern trust list`"
    )

    static let itself = OperatorError(
        code: "unknown-peer",
        message: "that is this sidecar itself",
        hint: "name another peer"
    )

    static func invalidName(_ name: String) -> OperatorError {
        OperatorError(
            code: "invalid-name",
            message: "\"\(PlainText.clean(name, limit: 100))\" cannot be the name of a peer, or is in use",
            hint: "use lower-case letters, digits and hyphens, and a name that no other peer has"
        )
    }
}
