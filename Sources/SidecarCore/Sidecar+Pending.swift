import HubProtocol
import PosternModel
import TrustCore

// Room for requests: strangers share a part of it, in which no network crowds out the others (RULES M).
extension Sidecar {
    /// What has to go so that a request of `mailClass` finds a place; nil: there is none.
    func place(for mailClass: MailClass) -> [RecordID]? {
        let strangers = book.pending.filter { $0.value.stranger != nil }
        guard let origin = mailClass.strangerOrigin else {
            // Strangers have no more than their part, so the rest is for others.
            return book.pending.count < settings.pendingCount ? [] : nil
        }
        let byOrigin = Dictionary(grouping: strangers.values) { $0.stranger ?? origin }
        let own = byOrigin[origin]?.count ?? 0
        guard own < settings.originCount else { return nil }
        guard strangers.count >= min(settings.strangerCount, settings.pendingCount) else { return [] }
        // The oldest of the most frequent source goes, unless that would only turn the tables.
        let frequent = byOrigin.values.max { ($0.count, $1.oldest) < ($1.count, $0.oldest) }
        guard let frequent, frequent.count > own + 1 else { return nil }
        let oldest = frequent.min {
            ($0.received, $0.request.id.description) < ($1.received, $1.request.id.description)
        }
        return oldest.map { [$0.request.id] }
    }

    /// Asks hubs again for what found no place, once there is more room.
    mutating func fetchWithheld() -> [SidecarAction] {
        guard book.outdated == nil else { return [] }
        let hubs = hubs.watched.filter { hub in self.hubs[hub]?.withheld.map { book.pending.count < $0 } ?? false }
        for hub in hubs { self.hubs[hub]?.withheld = nil }
        return hubs.map { .openWatch($0) }
    }

    /// Asks hubs again for all that waits there.
    mutating func fetchAllWithheld() -> [SidecarAction] {
        let hubs = hubs.watched.filter { self.hubs[$0]?.withheld != nil }
        for hub in hubs { self.hubs[hub]?.withheld = nil }
        return hubs.map { .openWatch($0) }
    }
}

extension [TrustBook.Pending] {
    /// When the one that has waited longest came.
    fileprivate var oldest: Timestamp { map(\.received).min() ?? Timestamp(seconds: 0) }
}

extension MailClass {
    /// The network of a stranger; nil for whoever is known or was given a card.
    var strangerOrigin: MailOrigin? {
        switch self {
        case .known, .contact: nil
        case .stranger(let origin): origin
        }
    }
}
