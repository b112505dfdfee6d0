package import PosternModel
package import TrustCore

/// Goes on with a state directory that is older than the node, once the revocations that it has missed are known.
package struct RecoverTrust: Operation {
    /// Whether to go on also when no hub knows of all of them; nil: no.
    package let confirm: Bool?

    package init(confirm: Bool? = nil) {
        self.confirm = confirm
    }

    /// What has come of it.
    package struct Answer: Codable, Hashable, Sendable {
        /// How it came.
        package enum State: String, Codable, WordList, Sendable {
            /// Nothing says that the state is older than the node.
            case current
            /// A hub knew of all revocations.
            case recovered
            /// No hub did; the operator has answered for it.
            case confirmed
        }

        package let state: State
        /// Peers whose trust had been ended.
        package let revoked: [NodeKey]
        /// Invitations that were open in this state, which nobody can redeem any more.
        package let withdrawn: [RecordID]
        /// The hubs that have answered.
        package let hubs: [HubURL]
    }

    package static let outline = OperationOutline.changing(
        "trust/recover",
        "Fetch the revocations that an old copy of the state directory has missed, and go on with it."
    )

    package func perform(
        on sidecar: inout Sidecar,
        id: CommandID,
        at now: Clocks,
        seeing view: any SidecarView
    ) throws(Problem) -> [SidecarAction] {
        try sidecar.recover(isConfirmed: confirm ?? false, id: id, at: now)
    }
}
