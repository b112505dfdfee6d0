import HubCore
import Logging
import NIOCore

// What the other hubs of the same registry tell.
extension HubService {
    /// How many notices may wait for the store. Beyond it the nodes that are here fetch all that is theirs anew.
    private static let waitingNotices = 20_000

    func heard(_ news: HubFeed.News) {
        switch news {
        case .notices(let notices):
            take(notices)
        case .cluster(let cluster):
            join(cluster)
        case .missed:
            log.warning("what other hubs told while the database was out of reach is lost: nodes come anew")
            endWatches()
        case .ownKeyTaken:
            warnOfOwnKey()
        case .connection(nil):
            log.notice("the database is there again")
        case .connection(let failure?):
            log.error("the database cannot be used", metadata: ["error": "\(failure)"])
        }
    }

    /// Takes what other hubs told; it may come a second time.
    func take(_ notices: [HubNotice]) {
        guard notices.count < Self.waitingNotices else { return endWatches() }
        for notice in notices { take(.input(.told(notice))) }
    }
}
