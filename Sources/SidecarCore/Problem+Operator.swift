package import PosternModel
package import TrustCore

extension Problem {
    /// Nobody is known by this name.
    static func unknownPeer(_ name: PeerName, hint: String) -> Problem {
        Problem(code: "unknown-peer", message: "no peer is known as \"\(name)\"", hint: hint)
    }

    /// Several peers are meant by this name.
    package static func ambiguousPeer(_ name: PeerName, _ candidates: [String]) -> Problem {
        Problem(
            code: "ambiguous-peer",
            message: "\"\(name)\" can mean \(candidates.joined(separator: " or "))",
            hint: "name the peer by its did:key"
        )
    }

    /// This state is older than the node.
    static let outdated = Problem(
        code: "state-outdated",
        message: "this state directory is older than the node: trust in it may have been revoked since",
        hint: "fetch what it has missed: `postern trust recover`, or bring back the latest copy of the directory"
    )

    static let recovering = Problem(
        code: "busy",
        message: "another `postern trust recover` asks the hubs already",
        hint: "wait for it"
    )

    /// `trust recover` has not learned all that it needs to.
    static func notRecovered(hubsAnswered count: Int) -> Problem {
        let message =
            count == 0
            ? "no hub of ours has answered, so the revocations that this state has missed are not known"
            : "no hub that has answered knows of all that was done since, so some revocations may be missing"
        return Problem(
            code: "not-recovered",
            message: message,
            hint:
                "try again when our hub is there; or see `postern trust list`, revoke whom you do not trust any more, "
                + "and go on with `postern trust recover --confirm`"
        )
    }

    static func notTrusted(_ name: String) -> Problem {
        Problem(
            code: "not-trusted",
            message: "there is no trust with \(name)",
            hint: "see `postern trust list`"
        )
    }

    static func noSuchRequest(_ id: String) -> Problem {
        Problem(
            code: "no-such-request",
            message: "no request with the id \"\(PlainText.clean(id, limit: 80))\" waits for a decision",
            hint: "see `postern trust list` for what waits"
        )
    }

    static func noSuchInvitation(_ id: String) -> Problem {
        Problem(
            code: "no-such-invitation",
            message: "there is no invitation with the id \"\(PlainText.clean(id, limit: 80))\"",
            hint: "see `postern invite list`"
        )
    }

    /// Something was taken away in memory and not on the disk.
    static func cutUnstored(_ failure: Problem) -> Problem {
        Problem(
            code: "cut-not-stored",
            message: "it holds now, and what it ends is cut, but that is not stored: a restart would restore it "
                + "(\(failure.message))",
            hint:
                "make room on the disk: it is tried again every second, and `postern status` shows it until it is done"
        )
    }

    static let noHub = Problem(
        code: "no-hub",
        message: "the request cannot be delivered: no hub is configured",
        hint: "add a hub to `hubs:` in postern.yaml, or use an invitation (`postern invite` on the other side)"
    )

    static func overLimit(_ what: String) -> Problem {
        Problem(
            code: "over-limit",
            message: "there are too many \(what)",
            hint: "decide or revoke some of them first: `postern trust list`"
        )
    }

    /// The invitation cannot be used; `why` says the reason.
    package static func badInvitation(_ why: String) -> Problem {
        Problem(
            code: "bad-invitation",
            message: "the invitation cannot be used: \(why)",
            hint: "ask for a new one: `postern invite` on the other side"
        )
    }

    /// The inviter refused the invitation.
    package static func refusedInvitation(_ reason: TrustRejection.Reason?) -> Problem {
        switch reason {
        case .usedUp: badInvitation("it was used as often as it may be")
        case .expired: badInvitation("it has expired by the inviter's clock")
        case .withdrawn: badInvitation("the inviter has ended the trust that it gave")
        case .revoked: badInvitation("the inviter has withdrawn it")
        case nil: badInvitation("the inviter refuses it")
        }
    }

    static let noAnswer = Problem(
        code: "no-answer",
        message: "the inviter has not answered yet",
        hint: "this sidecar goes on trying until the invitation expires; see `postern trust list`"
    )

    static func unreachable(hub: HubURL) -> Problem {
        Problem(
            code: "hub-unreachable",
            message: "the hub \(hub) was not reached over UDP, and no inviter without it",
            hint: "is it running, and does a firewall here let UDP out to \(hub.place)? This sidecar goes on trying"
        )
    }

    static func isBlocked(_ peer: NodeKey) -> Problem {
        Problem(
            code: "blocked",
            message: "\(peer.did) is shut out here",
            hint: "let it in again first: `postern block --remove \(peer.did)`"
        )
    }

    static let isHub = Problem(
        code: "unknown-peer",
        message: "that is a hub of this sidecar",
        hint: "hubs carry what peers say to each other and are no peers themselves"
    )

    static let itself = Problem(
        code: "unknown-peer",
        message: "that is this sidecar itself",
        hint: "name another peer"
    )

    static func invalidName(_ name: String) -> Problem {
        Problem(
            code: "invalid-name",
            message: "\"\(PlainText.clean(name, limit: 100))\" cannot be the name of a peer",
            hint: "use lower-case letters, digits and hyphens; \"trusted\" means every trusted peer"
        )
    }

    static func nameTaken(_ name: String, by owner: NodeKey) -> Problem {
        Problem(
            code: "invalid-name",
            message: "\"\(name)\" is the name of \(owner.did)",
            hint: "choose another name, or give that peer another one first: `postern name \(owner.did) NAME`"
        )
    }

    /// More waits for the disk than may.
    static let diskBehind = Problem(
        code: "over-limit",
        message: "too much waits for the disk",
        hint: "check the disk of the state directory, then try again"
    )
}
