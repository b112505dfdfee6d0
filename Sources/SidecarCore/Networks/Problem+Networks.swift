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

    static func badNetworkLink(_ why: String) -> Problem {
        Problem(
            code: "bad-invitation",
            message: "the invitation cannot be used: \(why)",
            hint: "an owner or administrator makes another: `postern network invite`"
        )
    }

    /// `isFounding`: the name is the network's own, for all who come.
    static func networkNameTaken(_ name: String, isFounding: Bool) -> Problem {
        Problem(
            code: "invalid-name",
            message: "another network is called \"\(name)\" here",
            hint: isFounding
                ? "found it under another name; `postern network list` shows those that are here"
                : "call this one otherwise: `--as NAME`"
        )
    }

    static func labelTaken(_ label: String, _ network: String, by holder: NodeKey) -> Problem {
        Problem(
            code: "invalid-name",
            message: "\"\(label)\" is the name of \(holder.did) in \(network)",
            hint: "choose another name, or give that member another one first: "
                + "`postern network name \(network) \(holder.did) NAME`"
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

    static func networkAway(_ network: String, _ work: NetworkWork) -> Problem {
        let consequence =
            switch work {
            case .restore: "so it was not founded"
            case .join, .enter: "so this sidecar was not let in"
            case .leave, .add, .expire, .authorize, .unauthorize, .heal, .remove, .role, .transfer, .name, .group,
                .policy, .publish, .invite:
                "so nothing in it can be changed now"
            }
        return Problem(
            code: "network-away",
            message: "no hub of \(network) has answered, \(consequence)",
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

    static func tooLarge(for network: String, byteCount: Int) -> Problem {
        Problem(
            code: "too-large",
            message: "an entry of \(network) holds at most \(NetworkLimits.body) bytes, and this has \(byteCount)",
            hint: "say it with fewer words, groups or services"
        )
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
            hint: "`postern status` shows the hubs and how their clocks differ from ours; the hub's log says more"
        )
    }

    static let badFreshness = Problem(
        code: "bad-policy",
        message: "the policy cannot be used: its freshness cannot be read",
        hint: "it is such as {\"warn\": \"24h\", \"refuse\": \"never\"}: a number with s, m, h or d of a "
            + "minute at least, or never"
    )

    static func badPolicy(_ why: String) -> Problem {
        Problem(
            code: "bad-policy",
            message: "the policy cannot be used: \(why)",
            hint: "it is an object with `services`, such as {\"services\": {\"*\": [\"clock\"], \"ops\": [\"*\"]}}"
        )
    }
}
