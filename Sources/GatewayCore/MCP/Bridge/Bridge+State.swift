import PosternModel

extension Bridge {
    /// A program, and whom it serves.
    struct Child {
        enum Role {
            case session(Session)
            case shared(Shared)
        }

        let peer: NodeKey
        var role: Role
        /// When something was said by or to it last.
        var lastUse: Instant

        /// Whether somebody waits for it.
        var isBusy: Bool {
            switch role {
            case .session(let session): session.stream != nil || session.calls.values.contains { $0.exchange != nil }
            case .shared(let shared): !shared.calls.isEmpty || !shared.waiting.isEmpty
            }
        }
    }

    /// A session of a client.
    struct Session {
        /// A request that the program has not answered.
        struct Call {
            /// Nil once its client is gone, which does not cancel it.
            var exchange: ExchangeID?
            let progress: BridgeKey?
        }

        let id: String
        /// The id of the `initialize` that is not answered yet: until then nobody knows of the session.
        var beginning: BridgeKey?
        var calls: [BridgeKey: Call] = [:]
        /// The client's GET.
        var stream: ExchangeID?
        /// What the program said to nobody in particular, while there is no GET.
        var waiting: [[UInt8]] = []
    }

    /// What the clients of a peer share in the stateless era.
    struct Shared {
        struct Call {
            let exchange: ExchangeID
            /// As its client knows it.
            let id: BridgeKey
            let progress: BridgeKey?
        }

        /// A request that came before it was known which era the program speaks.
        struct Waiting {
            let exchange: ExchangeID
            let message: BridgeMessage
            let version: String
        }

        /// Whether the program has said that it speaks this era.
        var isKnown = false
        var waiting: [Waiting] = []
        /// By our ids.
        var calls: [Int: Call] = [:]
        /// 0 is the id of our own question for the era.
        var lastID = 0
    }

    /// A request over HTTP that waits for its answer, or for more of it.
    struct Exchange {
        let child: ChildID
        let takesEvents: Bool
        /// Whether events were begun.
        var isOpen = false
    }

    /// Changes the session that `child` serves.
    mutating func withSession<Result>(_ child: ChildID, _ body: (inout Session) -> Result) -> Result? {
        guard var state = children[child], case .session(var session) = state.role else { return nil }
        let result = body(&session)
        state.role = .session(session)
        children[child] = state
        return result
    }

    /// Changes what the clients of a peer share.
    mutating func withShared<Result>(_ child: ChildID, _ body: (inout Shared) -> Result) -> Result? {
        guard var state = children[child], case .shared(var shared) = state.role else { return nil }
        let result = body(&shared)
        state.role = .shared(shared)
        children[child] = state
        return result
    }
}
