import GatewayCore
import NIOCore
import OverlayNIO
import PosternModel

/// One service that peers may reach, and what each of them uses of it.
final class Exposure {
    /// What one peer uses.
    struct Use {
        /// Streams that are open.
        var streams = 0
        /// What is left of its requests; nil: any number.
        let budget: RequestBudget?
    }

    /// Where an agent listens.
    struct Upstream {
        let place: HostPort
        /// Where it is named by an address: no look-up is needed then.
        let address: SocketAddress?
        /// Nil where it is reached without TLS.
        let tls: SecuredUpstream?

        init(_ place: HostPort, tls: SecuredUpstream? = nil) {
            self.place = place
            self.tls = tls
            address = place.address.flatMap { try? SocketAddress(ipAddress: $0, port: Int(place.port)) }
        }
    }

    let service: ExposedService
    private let upstream: Upstream
    private let grpc: Upstream?
    private(set) var activeStreams = 0
    /// What offers its program over HTTP, where that is wanted.
    var bridge: BridgeHost?
    /// Why the agent could not be reached the last time, and since when; nil: it could, or nobody tried.
    private var failure: (message: String, since: Timestamp)?
    private var uses: [NodeKey: Use] = [:]

    init(_ service: ExposedService, eventLoop: any EventLoop) {
        self.service = service
        let tls = service.tls.map { SecuredUpstream($0, host: service.upstream.host, eventLoop: eventLoop) }
        upstream = Upstream(service.upstream, tls: tls)
        grpc = service.grpc.map { Upstream($0) }
    }

    /// Why the agent could not be reached the last time, and since when, in words; nil: it could, or nobody tried.
    var problem: String? { failure.map { "\($0.message), since \($0.since.inMilliseconds)" } }

    /// The agent was reached, or `message` says why not.
    func note(failure message: String?) {
        guard failure?.message != message else { return }
        failure = message.map { ($0, Clocks.now().wall) }
    }

    /// Where requests to `destination` go.
    func upstream(for destination: ProxyConnection.Destination) -> Upstream {
        switch destination {
        case .service: upstream
        case .grpc: grpc ?? upstream
        }
    }

    /// Counts a stream of `peer`; nil, and nothing counted, at a limit of the service.
    func admit(_ peer: NodeKey, _ programs: ProgramLimits, at now: Instant) -> Use? {
        let limits = service.limits
        let isProgram = service.kind == .stdio
        var use =
            uses[peer]
            ?? Use(budget: limits.requestsPerMinute.map { RequestBudget(requestsPerMinute: $0, at: now) })
        guard use.streams < limits.concurrency ?? (isProgram ? programs.perPeer : .max) else { return nil }
        guard !isProgram || activeStreams < programs.perService else { return nil }
        // Requests are counted where they are read; of what is not HTTP nobody sees more than the stream.
        if !service.kind.isHTTP, use.budget?.take(at: now) == false { return nil }
        use.streams += 1
        uses[peer] = use
        activeStreams += 1
        return use
    }

    /// A stream of `peer` that was counted is gone.
    func release(_ peer: NodeKey) {
        activeStreams -= 1
        uses[peer]?.streams -= 1
        // A budget that is used up is kept: coming again does not fill it.
        if let use = uses[peer], use.streams == 0, use.budget == nil { uses[peer] = nil }
    }
}
