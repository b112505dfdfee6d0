import PosternModel
import TrustCore

extension Problem {
    static func noNetwork(_ name: String) -> Problem {
        Problem(
            code: "no-such-network",
            message: "no network is called \"\(PlainText.clean(name, limit: 80))\" here",
            hint: "see `postern network list`"
        )
    }

    static func noNetworkOffer(_ name: String) -> Problem {
        Problem(
            code: "no-such-network",
            message: "nobody has added this sidecar to \"\(PlainText.clean(name, limit: 80))\"",
            hint: "see `postern network list`, or ask for a link: `postern network invite` on a member's side"
        )
    }

    static func ambiguousOffer(_ name: String, _ ids: [String]) -> Problem {
        Problem(
            code: "ambiguous-network",
            message: "\"\(name)\" can mean \(ids.joined(separator: " or "))",
            hint: "name it by its id, and call it as you like: `postern network join ID --as NAME`"
        )
    }

    static func networkNameTaken(_ name: String) -> Problem {
        Problem(
            code: "invalid-name",
            message: "another network is called \"\(name)\" here",
            hint: "call this one otherwise: `--as NAME`"
        )
    }

    static func invalidNetworkName(_ name: String) -> Problem {
        Problem(
            code: "invalid-name",
            message: "\"\(PlainText.clean(name, limit: 100))\" cannot be a name in a network",
            hint: "use lower-case letters, digits and inner hyphens, at most 63, and no word of the rules such as "
                + "trusted"
        )
    }

    static func noMember(_ name: String, _ network: String) -> Problem {
        Problem(
            code: "no-such-member",
            message: "\(name) is no member of \(network)",
            hint: "see `postern network show \(network)`"
        )
    }

    static func notMember(_ network: String) -> Problem {
        Problem(
            code: "not-a-member",
            message: "this sidecar is no member of \(network)",
            hint: "join it by an invitation: `postern network join LINK`"
        )
    }

    static func networkAway(_ network: String) -> Problem {
        Problem(
            code: "network-away",
            message: "no hub of \(network) has answered, so nothing in it can be changed now",
            hint: "see `postern status` for the hubs, and try again"
        )
    }

    static func networkKeyMissing(_ network: String) -> Problem {
        Problem(
            code: "network-key-missing",
            message: "the key that seals the contents of \(network) is not known here",
            hint: "an owner or admin can hand it out anew: `postern network remove` and a new invitation"
        )
    }

    static func notAllowed(in network: String, _ fault: NetworkFault) -> Problem {
        let message =
            switch fault {
            case .notAllowed: "your role in \(network) does not allow this"
            case .lastOwner: "\(network) would be left without an owner"
            case .noInvitation: "the invitation into \(network) is used up, over or withdrawn"
            case .outdated: "it is so already"
            case .full: "\(network) has as many members and open invitations as it can have"
            case .otherNetwork, .notNext, .incomplete: "the entry does not fit the log of \(network)"
            }
        return Problem(code: "not-allowed", message: message, hint: "see `postern network show \(network)`")
    }

    static func forked(_ network: String) -> Problem {
        Problem(
            code: "forked",
            message: "two histories of \(network) are known, so nothing in it can be changed",
            hint: "an owner ends that: `postern network heal \(network)`"
        )
    }

    static func notForked(_ network: String) -> Problem {
        Problem(
            code: "not-forked",
            message: "there is one history of \(network): nothing is to be healed",
            hint: "see `postern network show \(network)`"
        )
    }

    static func stillForked(_ network: String) -> Problem {
        Problem(
            code: "forked",
            message: "while \(network) was healed another history of it has come",
            hint: "see `postern network show \(network)`, and heal it again"
        )
    }

    static func cannotAdd(_ peer: String, to network: String) -> Problem {
        Problem(
            code: "not-trusted",
            message: "there is no trust with \(peer), so it cannot be told that it is a member",
            hint: "send it a link instead: `postern network invite \(network)`"
        )
    }

    static func memberAlready(_ peer: String, _ network: String) -> Problem {
        Problem(
            code: "already-a-member",
            message: "\(peer) is a member of \(network) already",
            hint: "`--expires TIME` changes when its membership ends, `--expires never` keeps it"
        )
    }

    static func lostRace(_ network: String) -> Problem {
        Problem(
            code: "busy",
            message: "others have changed \(network) each time that this was tried",
            hint: "see `postern network show \(network)`, and try again"
        )
    }

    static func networkRefused(_ network: String, _ message: String) -> Problem {
        Problem(
            code: "hub-refused",
            message: "the hub does not take this for \(network): \(message)",
            hint: "see `postern network show \(network)`"
        )
    }

    static let badFreshness = Problem(
        code: "bad-policy",
        message: "the policy cannot be used: its freshness cannot be read",
        hint: "it is such as {\"warn\": \"24h\", \"refuse\": \"never\"}: a number with s, m, h or d, or never"
    )

    static func badPolicy(_ why: String) -> Problem {
        Problem(
            code: "bad-policy",
            message: "the policy cannot be used: \(why)",
            hint: "it is an object with `services`, such as {\"services\": {\"*\": [\"clock\"], \"ops\": [\"*\"]}}"
        )
    }
}
