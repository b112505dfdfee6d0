import PosternModel
import SidecarCore

// What widens trust or takes it away: not the agent's unless the configuration says so.
extension AgentTools {
    static let deciding: [AgentTool] = [
        AgentTool(
            ApproveRequest.self,
            "approve_request",
            "Approve a request",
            .approve,
            .adds,
            isSlow: true,
            """
            Says yes to a request for our trust: from then on that peer can use the named services of ours. The \
            operator finds your name beside it in the audit trail. Take it back with revoke_trust.\(foreign)
            """
        ),
        AgentTool(
            RejectRequest.self,
            "reject_request",
            "Reject a request",
            .approve,
            .ends,
            """
            Says no to a request for our trust. The asker is told no more than that, and may ask again.
            """
        ),
        AgentTool(
            NamePeer.self,
            "name_peer",
            "Name a peer",
            .approve,
            .ends,
            """
            Binds a name to a peer's key: everything in the configuration that uses the name means this peer \
            from then on, so that requests and credentials for the name go to it.
            """
        ),
        AgentTool(
            RevokeTrust.self,
            "revoke_trust",
            "End a trust",
            .revoke,
            .ends,
            isSlow: true,
            """
            Ends the trust with a peer: its connections and ours to it are cut at once, and both sides have to \
            agree again before they can talk.
            """
        ),
        AgentTool(
            BlockPeer.self,
            "block_peer",
            "Shut a peer out",
            .revoke,
            .ends,
            """
            Shuts a peer out here, whatever trust or membership it has, or lets it in again; its connections are \
            cut at once, and nobody is told.
            """
        ),
        AgentTool(
            CutStream.self,
            "cut_stream",
            "Cut a connection",
            .revoke,
            .ends,
            """
            Cuts one connection that `streams` shows: the request that runs over it fails. Trust stays as it is.
            """
        ),
    ]

    static let inviting: [AgentTool] = [
        AgentTool(
            CreateInvitation.self,
            "create_invitation",
            "Invite",
            .invite,
            .adds,
            """
            Makes an invitation: whoever holds the text becomes trusted and can use the named services of ours. \
            It is a secret; hand it over only to whom it is meant for, and name services.
            """
        ),
        AgentTool(
            ListInvitations.self,
            "invitations",
            "Invitations",
            .invite,
            .looks,
            """
            Our invitations and who redeemed them. Changes nothing.
            """
        ),
        AgentTool(
            RevokeInvitation.self,
            "revoke_invitation",
            "Withdraw an invitation",
            .invite,
            .ends,
            """
            Withdraws an invitation: nobody can redeem it any more. Whoever did keeps the trust.
            """
        ),
        AgentTool(
            JoinInvitation.self,
            "join_invitation",
            "Redeem an invitation",
            .invite,
            .adds,
            isSlow: true,
            """
            Redeems an invitation: both sides trust each other afterwards, and the inviter can use what `allow` \
            lets trusted peers use here.
            """
        ),
        AgentTool(
            CreateContact.self,
            "create_contact",
            "Make a contact card",
            .invite,
            .adds,
            """
            Makes a contact card: strangers who hold it can ask for trust. It gives none.
            """
        ),
        AgentTool(
            ListContacts.self,
            "contacts",
            "Contact cards",
            .invite,
            .looks,
            """
            Our contact cards. Changes nothing.
            """
        ),
        AgentTool(
            RevokeContact.self,
            "revoke_contact",
            "Take a contact card back",
            .invite,
            .ends,
            """
            Takes a contact card back: it lets nobody ask any more.
            """
        ),
    ]

    static let networking: [AgentTool] = [
        AgentTool(
            CreateNetwork.self,
            "network_create",
            "Found a network",
            .network,
            .adds,
            isSlow: true,
            """
            Founds a network, which this node owns.
            """
        ),
        AgentTool(
            InviteToNetwork.self,
            "network_invite",
            "Invite to a network",
            .network,
            .adds,
            isSlow: true,
            """
            Makes a link by which its holder becomes a member of the network, with whatever its policy gives \
            members.
            """
        ),
        AgentTool(
            JoinNetwork.self,
            "network_join",
            "Join a network",
            .network,
            .adds,
            isSlow: true,
            """
            Joins a network by a link: its members see this node, and its policy may let them use our services.
            """
        ),
        AgentTool(
            LeaveNetwork.self,
            "network_leave",
            "Leave a network",
            .network,
            .ends,
            isSlow: true,
            """
            Leaves a network: what was reached by membership alone is cut.
            """
        ),
        AgentTool(
            RemoveMember.self,
            "network_remove",
            "Remove a member",
            .network,
            .ends,
            isSlow: true,
            """
            Removes a member from a network: it is cut off from all members there.
            """
        ),
        AgentTool(
            SetRole.self,
            "network_role",
            "Change a role",
            .network,
            .ends,
            isSlow: true,
            """
            Gives a member another role; an admin can add and remove members, an owner can do everything.
            """
        ),
        AgentTool(
            TransferNetwork.self,
            "network_transfer",
            "Hand a network over",
            .network,
            .ends,
            isSlow: true,
            """
            Makes a member the owner in our place. We cannot take it back.
            """
        ),
        AgentTool(
            SetGroup.self,
            "network_group",
            "Change a group",
            .network,
            .ends,
            isSlow: true,
            """
            Puts a member into a group, or takes it out: the policy decides what the group may use.
            """
        ),
        AgentTool(
            NameMember.self,
            "network_name",
            "Name a member",
            .network,
            .ends,
            isSlow: true,
            """
            Gives a member another name in the network: requests for the name go to it.
            """
        ),
        AgentTool(
            SetPolicy.self,
            "network_policy",
            "Set a policy",
            .network,
            .ends,
            isSlow: true,
            """
            Replaces the policy of a network: which groups may use which services of whom.
            """
        ),
    ]
}
