/// The states, and what is known of each side beside them.
extension ProxyConnection {
    /// How far the life of the connection is.
    enum State {
        case resolving
        case open(Open)
        case draining(Draining)
        case closing(Closing)
        case closed
    }

    struct Open {
        /// Requests wait for a response.
        var holdsRequests = false
    }

    struct Draining {
        enum Reason {
            /// The gateway stops: a request that has begun is still taken to its end.
            case stopping
            /// A request was rejected behind others that are not answered yet: nothing more is read.
            case rejected
        }

        let reason: Reason
        var holdsRequests = false
    }

    struct Closing {
        /// The last byte was sent and the time for its reader runs.
        var isLingering = false
    }

    /// One side, as far as the connection knows of it.
    struct End {
        enum Presence {
            /// Nothing has been asked of it.
            case absent
            case opening
            case open
            /// It is over, or was reset by us.
            case gone
        }

        enum Output {
            case open
            /// It takes no more before what it has is sent.
            case blocked
            /// Its end was sent, or will be behind what was sent before.
            case finished
            /// Everything was sent, the end with it.
            case sent
            /// It reads no more.
            case stopped
        }

        var presence: Presence
        var output = Output.open
        /// It sends no more.
        var hasEnded = false

        var isFinished: Bool {
            switch output {
            case .open, .blocked: false
            case .finished, .sent, .stopped: true
            }
        }

        /// Whether more can be sent to it now.
        var hasRoom: Bool {
            switch presence {
            case .absent, .gone: true
            case .opening: false
            case .open: output != .blocked
            }
        }
    }

    /// Whether bytes flow, or may still.
    var isLive: Bool {
        switch state {
        case .open, .draining: true
        case .resolving, .closing, .closed: false
        }
    }

    /// Whether what the client sends is taken for requests.
    var takesRequests: Bool {
        switch state {
        case .open: true
        case .draining(let draining): draining.reason == .stopping
        case .resolving, .closing, .closed: false
        }
    }

    /// Whether requests wait for a response, as the client was last told.
    var holdsRequests: Bool {
        get {
            switch state {
            case .open(let open): open.holdsRequests
            case .draining(let draining): draining.holdsRequests
            case .resolving, .closing, .closed: false
            }
        }
        set {
            switch state {
            case .open: state = .open(Open(holdsRequests: newValue))
            case .draining(var draining):
                draining.holdsRequests = newValue
                state = .draining(draining)
            case .resolving, .closing, .closed: break
            }
        }
    }
}

/// Actions in their order. Its storage is reused; in the steady state of a connection there are none.
struct ActionQueue {
    private var actions: [ProxyConnection.Action] = []
    private var taken = 0

    mutating func append(_ action: ProxyConnection.Action) { actions.append(action) }

    mutating func next() -> ProxyConnection.Action? {
        guard taken < actions.count else { return nil }
        let action = actions[taken]
        taken += 1
        if taken == actions.count {
            actions.removeAll(keepingCapacity: true)
            taken = 0
        }
        return action
    }
}
