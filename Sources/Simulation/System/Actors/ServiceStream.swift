import PosternModel

/// A stream from a client's sidecar to a service of another, as both ends see it.
struct ServiceStream {
    /// How far one end is.
    enum End: Hashable {
        case waiting
        case open
        case ended
    }

    let client: Int
    let server: Int
    let service: Int
    let session: SessionNumber
    let isProbe: Bool
    var atClient = End.waiting
    var atServer = End.waiting
    /// When the first of its ends ended.
    private(set) var ended: Instant?

    init(_ call: ServiceCall, session: SessionNumber) {
        client = call.client
        server = call.server
        service = call.service
        isProbe = call.isProbe
        self.session = session
    }

    /// Whether one end has been over since `time`, and the other still is not.
    func isHalfOpen(since time: Instant) -> Bool {
        guard let ended, ended < time else { return false }
        return atClient != .ended || atServer == .open
    }

    /// It ends at the end that `program` has, if it has one.
    mutating func end(at program: ProgramID, _ now: Instant) {
        if program == .sidecar(client), atClient != .ended {
            atClient = .ended
            ended = ended ?? now
        }
        if program == .sidecar(server), atServer != .ended {
            atServer = .ended
            ended = ended ?? now
        }
    }
}
