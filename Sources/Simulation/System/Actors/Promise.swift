import HubProtocol
import SidecarCore

/// An action that tells somebody what must be true after a crash, or opens what facts allow.
struct Promise {
    let action: SidecarAction
    /// How many facts of the journal it may rely on.
    let factCount: Int
}

extension SidecarAction {
    /// Whether it is a promise, other than the answer of a command that only reports what somebody else said.
    var isPromise: Bool {
        switch self {
        case .answer, .answerPeer(_, .redeemed), .admit, .redeem: true
        case .hubRequest(_, _, let request):
            switch request {
            case .deposit, .acknowledge, .revoke, .append: true
            case .register, .visit, .deregister, .resolve, .meet, .read, .release, .mark, .recall, .beat, .show,
                .box:
                false
            }
        case .answerPeer(_, .services), .answerPeer(_, .marked), .answerPeer(_, .entries), .answerPeer(_, .refused),
            .answerPeer(_, .done),
            .persist, .audit, .remember, .expel, .connect, .setRelay, .clearRelay, .admitHub, .dropHub, .trustEnded,
            .reviewAccess, .work, .openWatch, .peerRequest, .ping, .openLocalPort, .readConfiguration, .local,
            .readAudit,
            .routed, .endRedemption, .fail:
            false
        }
    }
}
