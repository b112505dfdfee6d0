package import PosternModel

/// How many connections a gateway holds at a time. A client's connection and a peer's stream cost a descriptor each.
package struct ConnectionLimits: Hashable, Sendable {
    /// Connections of clients and streams of peers together, at least 4.
    package var total: Int
    /// Streams of one peer. It gets fewer while other peers hold many.
    package var perPeer: Int

    /// What fits `descriptors` file descriptors, of which some are kept aside: for files, sockets of the overlay, and
    /// those who want to see or end what goes on.
    ///
    /// - Parameters:
    ///   - total: how many there should be at most; more would be a matter of memory.
    ///   - perPeer: how many of them one peer may have.
    package init(descriptors: Int, total: Int = usualTotal, perPeer: Int = 2048) {
        let reserve = min(Self.largestReserve, descriptors / 4)
        self.total = max(min(descriptors - reserve, total), 4)
        self.perPeer = perPeer
    }

    private static let largestReserve = 256
    /// How many there are at most when nothing is said.
    package static let usualTotal = 16_384

    /// The most that clients take together, and the most that peers take together: a quarter is always left to the
    /// others.
    var share: Int { total - total / 4 }
}

/// Counts what is open, and decides whether one more may be.
package struct Admissions {
    /// Whether a client's connection is served.
    package enum ClientAdmission: Hashable, Sendable {
        case admitted
        /// It is told that there is no room.
        case overLimit
        /// There is not even room to tell it so.
        case refused
    }

    /// What holds from now on. What is open stays.
    package var limits: ConnectionLimits
    private var clients = 0
    private var streams = 0
    private var streamsOfPeer: [NodeKey: Int] = [:]

    /// Clients that are told at a time that there is no room.
    private static let toldAtATime = 64

    /// Nothing is open yet.
    package init(limits: ConnectionLimits) {
        self.limits = limits
    }

    /// Counts a client's connection, unless it is refused.
    package mutating func admitClient() -> ClientAdmission {
        guard clientRoom > -Self.toldAtATime else { return .refused }
        defer { clients += 1 }
        return hasRoomForClient ? .admitted : .overLimit
    }

    /// Whether a client's connection would be admitted.
    package var hasRoomForClient: Bool { clientRoom > 0 }

    private var clientRoom: Int { min(limits.share, limits.total - min(streams, limits.total)) - clients }

    /// A client's connection that was counted is gone.
    package mutating func releaseClient() {
        clients -= 1
    }

    /// Counts a stream of `peer`; false, and not counted, at a limit. No peer gets more than it leaves to others, so
    /// that however many are taken there is room for who comes next.
    package mutating func admitStream(of peer: NodeKey) -> Bool {
        let own = streamsOfPeer[peer, default: 0]
        let free = min(limits.share - streams, limits.total - streams - clients)
        guard own < min(limits.perPeer, free) else { return false }
        streams += 1
        streamsOfPeer[peer] = own + 1
        return true
    }

    /// A stream of `peer` that was counted is gone.
    package mutating func releaseStream(of peer: NodeKey) {
        streams -= 1
        guard let own = streamsOfPeer[peer], own > 1 else {
            streamsOfPeer[peer] = nil
            return
        }
        streamsOfPeer[peer] = own - 1
    }
}
