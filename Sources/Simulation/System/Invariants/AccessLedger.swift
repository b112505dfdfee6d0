import PosternModel
import TrustCore

/// Who may reach whom, as the operators' words have it: kept apart from the cores, which it checks.
///
/// A yes counts from the moment an operator says it, a no once it was acknowledged; what a crash leaves undecided may
/// go either way.
struct AccessLedger {
    private struct Direction: Hashable {
        let owner: Int
        let peer: Int
    }

    private struct Consent {
        let services: ServiceSet
        let order: Int
    }

    /// An invitation, who holds its text, and who has redeemed it.
    private struct Offer {
        let owner: Int
        let services: ServiceSet
        let uses: Int
        var holders: Set<Int> = []
        var redeemers: Set<Int> = []
    }

    private var consents: [Direction: [Consent]] = [:]
    private var offers: [RecordID: Offer] = [:]
    private var lastOrder = 0

    /// The place of the next word.
    mutating func nextOrder() -> Int {
        lastOrder += 1
        return lastOrder
    }

    /// The operator of `owner` lets `peer` use `services`.
    mutating func allow(_ owner: Int, _ peer: Int, _ services: ServiceSet) {
        let consent = Consent(services: services, order: nextOrder())
        consents[Direction(owner: owner, peer: peer), default: []].append(consent)
    }

    /// The operator of `owner` has ended the trust with `peer`, by a command that was given at `order`.
    mutating func revoke(_ owner: Int, _ peer: Int, order: Int) {
        consents[Direction(owner: owner, peer: peer)]?.removeAll { $0.order <= order }
    }

    mutating func offer(_ id: RecordID, by owner: Int, services: ServiceSet, uses: Int) {
        offers[id] = Offer(owner: owner, services: services, uses: uses)
    }

    /// `holder` has the text of an invitation.
    mutating func hand(_ id: RecordID, to holder: Int) { offers[id]?.holders.insert(holder) }

    /// An invitation is redeemed. Returns what is wrong with that.
    mutating func redeem(_ id: RecordID, by peer: Int) -> String? {
        guard var offer = offers[id] else { return "an invitation that nobody made was redeemed" }
        guard offer.holders.contains(peer) else { return "s\(peer) redeemed an invitation that it does not have" }
        let isNew = offer.redeemers.insert(peer).inserted
        guard offer.redeemers.count <= offer.uses else { return "an invitation was redeemed too often" }
        offers[id] = offer
        if isNew { allow(offer.owner, peer, offer.services) }
        return nil
    }

    /// A crash leaves the redemptions `kept`: one that it has taken back costs no use, and one that it has left counts
    /// although it was not recorded any more.
    mutating func keepRedemptions(of owner: Int, _ kept: [RecordID: Set<Int>]) {
        for (id, offer) in offers where offer.owner == owner {
            let left = kept[id] ?? []
            offers[id]?.redeemers = left
            for peer in left.subtracting(offer.redeemers) where offer.holders.contains(peer) {
                allow(owner, peer, offer.services)
            }
        }
    }

    /// Whether any word lets `peer` reach `owner` at all.
    func isAllowed(_ owner: Int, _ peer: Int) -> Bool {
        consents[Direction(owner: owner, peer: peer)]?.isEmpty == false
    }

    /// Whether a word lets `peer` use `service` of `owner`.
    func isAllowed(_ owner: Int, _ peer: Int, service: ServiceName) -> Bool {
        consents[Direction(owner: owner, peer: peer)]?.contains { $0.services.contains(service) } ?? false
    }
}
