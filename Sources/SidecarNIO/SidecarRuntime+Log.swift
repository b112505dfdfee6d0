import Logging
import OverlayCrypto
import OverlayNIO
import PosternModel
import TrustCore

// What an operator reads in the log, with the command that answers it.
extension SidecarRuntime {
    /// Says what was decided, here or elsewhere.
    func tell(_ event: AuditEvent) {
        let isOwn = event.actor == identity.key
        switch event.action {
        case .outdated: tellOutdated(event)
        case .trustAsked where isOwn: note("this node asks for trust", event)
        case .trustAsked: note("a peer asks for trust: decide with `postern trust approve` or `reject`", event)
        case .trustGiven: note(isOwn ? "a peer is trusted" : "a peer trusts this node", event)
        case .trustRefused: note(isOwn ? "a request was refused" : "a peer refuses our request", event)
        case .trustRevoked: note(isOwn ? "the trust with a peer was ended" : "a peer has ended its trust", event)
        case .trustExpired: note("the trust with a peer has expired", event)
        case .invited: note("an invitation was made", event)
        case .uninvited: note("an invitation was withdrawn", event)
        case .redeemed: note("an invitation was redeemed", event)
        case .blocked: note("a peer is shut out", event)
        case .unblocked: note("a peer is shut out no longer", event)
        case .keyCommitted: note("a peer has said which key comes after its own", event)
        case .keyChanged: note(isOwn ? "this node has another key" : "a peer has another key", event)
        case .keyContradicted: tellContradicted(event)
        case .keyRefused: tellRefused(event)
        case .renamed: note("a name was bound to a peer", event)
        case .networkOffered: note("a peer has added this node to a network: see `postern network list`", event)
        case .memberCertified: note("a network's authority has made a member by certificate", event)
        case .membershipExpired: note("a membership has ended", event)
        case .networkForked: note("two histories of a network are known: its owner ends that by `network heal`", event)
        case .networkFreshness: note("what is known of a network is fresh, or is stale", event)
        case .networkWithheld: note("a hub withholds what an administrator has signed", event)
        case .networkRolledBack: note("a hub shows less of a network than it has signed", event)
        case .agentAsked: note("the agent asked for something", event)
        case .agentRefused: note("the agent asked for what `agent: {may}` does not let it do", event)
        case .started, .stopped, .registered, .deregistered, .carded, .uncarded, .accessRefused, .identityShared,
            .networkChanged, .receiverRegistered, .receiversEnded, .reconfigured, .recovered,
            .continued, .restarted, .lost, .administered:
            break
        }
    }

    private func note(_ message: Logger.Message, _ event: AuditEvent) {
        var metadata: Logger.Metadata = ["by": "\(event.actor.did)", "subject": "\(event.subject)"]
        if event.old != .null { metadata["old"] = "\(event.old.compactText)" }
        if event.new != .null { metadata["new"] = "\(event.new.compactText)" }
        if let via = event.via { metadata["via"] = "\(via)" }
        log.info(message, metadata: metadata)
    }

    /// Says at once what nobody may miss.
    private func tellOutdated(_ event: AuditEvent) {
        log.critical(
            "this state directory is older than the node; nobody is trusted until `postern trust recover`",
            metadata: [
                "journal": "\(event.old["sequence"]?.integer ?? 0)", "known": "\(event.new["sequence"]?.integer ?? 0)",
                "told by": "\(event.actor.did)",
            ]
        )
    }

    /// Says that this state directory has a key which the node has changed.
    private func tellRefused(_ event: AuditEvent) {
        log.critical(
            "a hub knows another key of this node than the one here, or another history of keys: is this an old copy?",
            metadata: ["hub": "\(event.actor.did)"]
        )
    }

    /// Says that somebody may use a peer's key who is not that peer.
    private func tellContradicted(_ event: AuditEvent) {
        log.warning(
            "a peer names another next key than it did first, as a thief of its key would: see `postern status`",
            metadata: [
                "peer": "\(event.subject)", "first": "\(event.old.compactText)", "now": "\(event.new.compactText)",
            ]
        )
    }

    /// Says who has come and gone.
    func tell(_ change: SessionChange, of peer: NodeKey) {
        let isHub = life?.hubs[peer] != nil
        switch change {
        case .established: log.info(isHub ? "a hub is there" : "a peer is there", metadata: ["peer": "\(peer)"])
        case .lost(_, let reason):
            let words = isHub ? "a hub is lost: `postern doctor` looks for it" : "a peer has gone"
            log.info("\(words)", metadata: ["peer": "\(peer)", "reason": "\(reason)"])
        case .unreachable, .unresponsive, .responsive, .pathChanged, .pathBelowBase:
            log.debug("session", metadata: ["peer": "\(peer)", "change": "\(change)"])
        }
    }
}
