import Logging
import NIOCore
import OverlayCore
import OverlayCrypto
import OverlayNIO
import OverlayWire
import PosternModel
import SidecarCore
import TrustCore

/// The redemption of an invitation without a hub: a node of its own, with the guest's key, that meets the inviter at
/// the addresses in the invitation, asks once, and is gone.
final class InvitationRedemption {
    private let invitation: Invitation
    private let host: OverlayNode
    private let log: Logger
    private var told: ((PeerAnswer?) -> Void)?
    private var guest: OverlayNode?

    /// `told` is called once, with the inviter's answer or nil.
    init(invitation: Invitation, node host: OverlayNode, logger: Logger, told: @escaping (PeerAnswer?) -> Void) {
        self.invitation = invitation
        self.host = host
        log = logger
        self.told = told
    }

    func begin(claim: [UInt8]) {
        guard let identity = try? NodeIdentity(seed: invitation.secret.guestSeed) else { return end(nil) }
        var settings = host.settings
        settings.listen = Self.anyAddresses(for: invitation.candidates)
        settings.node.acceptsUnknownPeers = false
        let guest = OverlayNode(eventLoop: host.eventLoop, identity: identity, settings: settings, logger: log)
        self.guest = guest
        guest.start().assumeIsolated().whenComplete { result in
            switch result {
            case .success: self.ask(.redeem(claim: claim), through: guest)
            case .failure(let error):
                self.log.info("an invitation cannot be redeemed directly", metadata: ["error": "\(error)"])
                self.end(nil)
            }
        }
    }

    /// Ends the attempt without an answer.
    func end() { end(nil) }

    private func ask(_ request: PeerRequest, through guest: OverlayNode) {
        guard told != nil else { return end(nil) }
        let inviter = PeerConfiguration(
            key: invitation.inviter,
            preSharedKey: invitation.secret.guestSecret,
            candidates: Candidate.hosts(invitation.candidates)
        )
        guard guest.admit(inviter) else { return end(nil) }
        do {
            let document = request.document
            try RPCClientStream.ask(document, of: invitation.inviter, port: SidecarPort.control, on: guest) {
                self.end($0.flatMap { try? PeerAnswer($0) })
            }
        } catch {
            end(nil)
        }
    }

    private func end(_ answer: PeerAnswer?) {
        guard let told = told.take() else { return }
        if let guest = guest.take() { _ = guest.stop() }
        told(answer)
    }

    /// Any local port, of the families that the inviter's addresses have.
    private static func anyAddresses(for candidates: [Endpoint]) -> [SocketAddress] {
        let isIPv6 = candidates.contains { if case .ipv6 = $0 { true } else { false } }
        let hosts = isIPv6 ? ["0.0.0.0", "::"] : ["0.0.0.0"]
        return hosts.compactMap { try? SocketAddress(ipAddress: $0, port: 0) }
    }
}
