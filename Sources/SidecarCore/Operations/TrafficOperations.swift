package import PosternModel

/// What the program around the sidecar does for a command.
package enum LocalTask: Hashable, Sendable {
    /// No longer offer what listens at this local address. Only what a program has opened can be closed so.
    case closeLocalPort(HostPort)
    /// Cut the connection with this number.
    case cutStream(Int64)
}

/// On which side of a service we are.
package enum TrafficDirection: String, Codable, Hashable, WordList, Sendable {
    /// Peers use a service of ours.
    case exposed
    /// Programs here use a service of a peer.
    case reached
}

/// Closes a local port that was opened by ``OpenLocalPort``; what runs over it goes on.
package struct CloseLocalPort: Operation {
    package let listen: HostPort

    package init(listen: HostPort) {
        self.listen = listen
    }

    /// The port that is gone.
    package struct Answer: Codable, Hashable, Sendable {
        package let listen: HostPort

        package init(listen: HostPort) {
            self.listen = listen
        }
    }

    package static let outline = OperationOutline.acting(
        "local-ports/close",
        "Close a local port that was opened for a program; the ports of the configuration stay."
    )

    package func perform(
        on sidecar: inout Sidecar,
        id: CommandID,
        at now: Clocks,
        seeing view: any SidecarView
    ) throws(Problem) -> [SidecarAction] {
        [.local(id, .closeLocalPort(listen))]
    }
}

/// A connection through the gateway that is open now.
package struct StreamDocument: Codable, Hashable, Sendable {
    /// By which it can be cut.
    package let id: Int64
    package let direction: TrafficDirection
    /// Whose service, or who uses ours: as it is called here, else its did.
    package let peer: String
    package let service: String
    package let ageMs: Int64
    /// Requests that are not answered yet; a connection without HTTP counts as one.
    package let inFlight: Int
    /// Bytes of requests, and of responses.
    package let bytesIn: UInt64
    package let bytesOut: UInt64

    package init(
        id: Int64,
        direction: TrafficDirection,
        peer: String,
        service: String,
        ageMs: Int64,
        inFlight: Int,
        bytesIn: UInt64,
        bytesOut: UInt64
    ) {
        self.id = id
        self.direction = direction
        self.peer = peer
        self.service = service
        self.ageMs = ageMs
        self.inFlight = inFlight
        self.bytesIn = bytesIn
        self.bytesOut = bytesOut
    }
}

/// Lists the connections that are open.
package struct ListStreams: Operation {
    package init() {}

    package typealias Answer = [StreamDocument]
    package static let outline = OperationOutline.reporting(
        "streams",
        "The connections of peers and of local programs that are open now, the oldest first; at most 256."
    )

    package func perform(
        on sidecar: inout Sidecar,
        id: CommandID,
        at now: Clocks,
        seeing view: any SidecarView
    ) -> [SidecarAction] {
        [.answer(id, view.streams)]
    }
}

/// Cuts one connection: both its ends see it break.
package struct CutStream: Operation {
    /// As ``ListStreams`` tells it.
    package let id: Int64

    package init(id: Int64) {
        self.id = id
    }

    /// The connection that is gone.
    package struct Answer: Codable, Hashable, Sendable {
        package let id: Int64

        package init(id: Int64) {
            self.id = id
        }
    }

    package static let outline = OperationOutline.acting(
        "streams/cut",
        "Cut one connection at once: a request that runs over it fails, and trust stays as it is."
    )

    package func perform(
        on sidecar: inout Sidecar,
        id command: CommandID,
        at now: Clocks,
        seeing view: any SidecarView
    ) throws(Problem) -> [SidecarAction] {
        [.local(command, .cutStream(id))]
    }
}

/// What a service carried in the last hour.
package struct TrafficDocument: Codable, Hashable, Sendable {
    package let direction: TrafficDirection
    package let service: String
    /// Whose service it is; nil: ours.
    package let peer: String?
    /// Since the sidecar started.
    package let requests: UInt64
    package let errors: UInt64
    package let bytesIn: UInt64
    package let bytesOut: UInt64
    /// Now.
    package let inFlight: Int
    /// Minutes, the oldest first, the last one still running.
    package let minutes: [Minute]

    /// What happened in one minute.
    package struct Minute: Codable, Hashable, Sendable {
        package let requests: UInt64
        package let errors: UInt64
        /// Half, and 95 of 100, of the requests took no longer; nil where there was none.
        package let medianMs: Double?
        package let p95Ms: Double?

        package init(requests: UInt64, errors: UInt64, medianMs: Double?, p95Ms: Double?) {
            self.requests = requests
            self.errors = errors
            self.medianMs = medianMs
            self.p95Ms = p95Ms
        }
    }

    package init(
        direction: TrafficDirection,
        service: String,
        peer: String?,
        requests: UInt64,
        errors: UInt64,
        bytesIn: UInt64,
        bytesOut: UInt64,
        inFlight: Int,
        minutes: [Minute]
    ) {
        self.direction = direction
        self.service = service
        self.peer = peer
        self.requests = requests
        self.errors = errors
        self.bytesIn = bytesIn
        self.bytesOut = bytesOut
        self.inFlight = inFlight
        self.minutes = minutes
    }
}

/// Tells what services carried in the last hour.
package struct ShowTraffic: Operation {
    package init() {}

    package typealias Answer = [TrafficDocument]
    package static let outline = OperationOutline.reporting(
        "traffic",
        "What each service carried in the last hour, minute by minute: requests, errors and how long they took."
    )

    package func perform(
        on sidecar: inout Sidecar,
        id: CommandID,
        at now: Clocks,
        seeing view: any SidecarView
    ) -> [SidecarAction] {
        [.answer(id, view.traffic)]
    }
}

/// Reads the end of the log.
package struct ShowLog: Operation {
    package init() {}

    /// Lines as they were written, the oldest first.
    package typealias Answer = [String]
    package static let outline = OperationOutline.reporting("log", "The last lines of the log, at most 200.")

    package func perform(
        on sidecar: inout Sidecar,
        id: CommandID,
        at now: Clocks,
        seeing view: any SidecarView
    ) -> [SidecarAction] {
        [.answer(id, view.logTail)]
    }
}
