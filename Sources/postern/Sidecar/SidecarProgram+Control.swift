import GatewayCore
import GatewayNIO
import NIOCore
import OverlayCrypto
import OverlayNIO
import OverlayWire
import PosternConfiguration
import PosternModel
import SidecarControl
import SidecarCore
import SidecarNIO
import TrustCore

/// Lets the control API reach the program on its own loop.
struct SidecarBackend: ControlBackend {
    let program: NIOLoopBound<SidecarProgram>
    let eventLoop: any EventLoop

    func answer(_ call: ControlCall) -> EventLoopFuture<JSONValue> {
        eventLoop.flatSubmit { program.value.answer(call) }
    }

    func readiness() -> EventLoopFuture<Readiness> {
        eventLoop.submit { program.value.readiness }
    }

    func metrics() -> EventLoopFuture<[Metric]> {
        eventLoop.submit { program.value.metrics }
    }
}

extension SidecarProgram {
    /// Does what `call` asks. Fails with `Problem` or `Problem`.
    func answer(_ call: ControlCall) -> EventLoopFuture<JSONValue> {
        let loop = node.eventLoop
        switch call {
        case .status: return loop.makeSucceededFuture(status)
        case .peers: return loop.makeSucceededFuture(runtime.peersDocument())
        case .trust: return runtime.perform(.list)
        case .services(let peer): return withPeer(peer) { self.runtime.services(of: $0) }
        case .audit(let since): return audit(since: since)
        case .request(let peer, let services, let note):
            if Invitation.isInvitation(peer) { return runtime.perform(.join(invitation: peer)) }
            return withServices(services) { services in
                self.withPeer(peer) { self.runtime.perform(.request(peer: $0, services: services, note: note)) }
            }
        case .approve(let id, let services):
            guard let services else { return runtime.perform(.approve(id: id, services: nil)) }
            return withServices(services) { self.runtime.perform(.approve(id: id, services: $0)) }
        case .reject(let id): return runtime.perform(.reject(id: id))
        case .revoke(let peer): return withPeer(peer) { self.runtime.perform(.revoke(peer: $0)) }
        case .invite(let uses, let lifetime, let services):
            return withServices(services) {
                self.runtime.perform(.invite(uses: uses, lifetime: lifetime, services: $0))
            }
        case .join(let invitation): return runtime.perform(.join(invitation: invitation))
        case .ping(let peer, let count): return withPeer(peer) { self.runtime.ping($0, count: count) }
        case .connect(let peer): return withPeer(peer) { self.connect(to: $0) }
        case .door(let peer, let service):
            guard let target = ServiceTarget(service) else {
                return badArguments("\(service) is neither a service nor a port")
            }
            return withPeer(peer) { peer in
                self.door(peer: peer, target: target).map { ["listen": .string($0.description)] }
            }
        }
    }

    /// Whether the underlay is bound and, where hubs are configured, one of them answers.
    var readiness: Readiness {
        let hubs = runtime.hubsDocument().array ?? []
        let isConnected = hubs.contains { $0["connected"]?.bool == true }
        let hub: JSONValue = configuration.hubs.isEmpty ? .null : .bool(isConnected)
        return Readiness(
            isReady: !udp.isEmpty && (configuration.hubs.isEmpty || isConnected),
            document: ["underlay": .bool(!udp.isEmpty), "hub": hub]
        )
    }

    /// The document of the READY line.
    func readyDocument(control: HostPort?) -> JSONValue {
        [
            "did": .string(identity.key.did), "address": .string(identity.key.personalAddress.description),
            "control": control.map { .string($0.description) } ?? "off", "proxy": nil,
            "udp": .array(udp.compactMap { Endpoint($0).map { .string($0.description) } }),
            "reach": .array(
                reaches.map { reach in
                    var object = JSONObject()
                    object["peer"] = .string(reach.service.peer.description)
                    object["service"] = Self.service(of: reach.service.target)
                    object["port"] = Self.port(of: reach.service.target)
                    object["listen"] = .string(reach.listen.description)
                    return .object(object)
                }
            ),
        ]
    }

    private var status: JSONValue {
        [
            "did": .string(identity.key.did), "address": .string(identity.key.personalAddress.description),
            "name": .string(configuration.name), "version": .string(Postern.version),
            "uptimeMs": .integer((NIODeadline.now() - startedAt).nanoseconds / 1_000_000),
            "hubs": runtime.hubsDocument(),
            // What the mapping is like is not measured yet.
            "nat": ["mapping": nil, "filtering": nil, "portMapping": nil],
            "udp": .array(udp.compactMap { Endpoint($0).map { .string($0.description) } }),
            "reach": .array(reaches.map { reachDocument($0) }),
            "expose": .array(configuration.expose.map { exposeDocument($0) }),
            "pending": .integer(Int64(runtime.pendingCount)),
        ]
    }

    private func reachDocument(_ reach: Reach) -> JSONValue {
        let state =
            switch runtime.find(reach.service.peer) {
            case .trusted(let key): runtime.isConnected(key) ? "connected" : "idle"
            case .notTrusted: "not trusted"
            case .ambiguous: "ambiguous"
            case .unknown: "unknown peer"
            }
        return [
            "peer": .string(reach.service.peer.description), "service": Self.service(of: reach.service.target),
            "port": Self.port(of: reach.service.target), "listen": .string(reach.listen.description),
            "state": .string(state),
        ]
    }

    private func exposeDocument(_ entry: ExposeConfiguration) -> JSONValue {
        [
            "service": .string(entry.service.name.description), "port": .integer(Int64(entry.service.port.rawValue)),
            "kind": .string(entry.service.kind.rawValue), "upstream": .string(entry.upstream.text),
            "allow": .texts(entry.allow),
            "activeStreams": .integer(Int64(gateway.activeStreams(of: entry.service.name.description))),
        ]
    }

    private static func service(of target: ServiceTarget) -> JSONValue {
        switch target {
        case .name(let name): .string(name.description)
        case .port: .null
        }
    }

    private static func port(of target: ServiceTarget) -> JSONValue {
        switch target {
        case .name: .null
        case .port(let port): .integer(Int64(port.rawValue))
        }
    }

    private func badArguments(_ message: String) -> EventLoopFuture<JSONValue> {
        node.eventLoop.makeFailedFuture(Problem(code: "bad-arguments", message: message, hint: "see `postern --help`"))
    }

    private func withPeer(
        _ text: String,
        _ body: (PeerName) -> EventLoopFuture<JSONValue>
    ) -> EventLoopFuture<JSONValue> {
        PeerName(text).map(body) ?? badArguments("\"\(PlainText.clean(text, limit: 200))\" does not name a peer")
    }

    private func withServices(
        _ list: [String],
        _ body: (ServiceSet) -> EventLoopFuture<JSONValue>
    ) -> EventLoopFuture<JSONValue> {
        guard let services = ServiceSet(list: list) else {
            return node.eventLoop.makeFailedFuture(
                Problem(
                    code: "bad-arguments",
                    message: "\(list.joined(separator: ",")) is not a list of services",
                    hint: "service names have letters, digits, '-', '_' and '.', at most 63; at most 64 of them"
                )
            )
        }
        return body(services)
    }

    private func connect(to peer: PeerName) -> EventLoopFuture<JSONValue> {
        switch runtime.find(peer) {
        case .trusted(let key):
            runtime.want(key)
            node.connect(key)
            return node.eventLoop.makeSucceededFuture([
                "did": .string(key.did), "connected": .bool(runtime.isConnected(key)),
            ])
        case .notTrusted, .ambiguous, .unknown:
            // The runtime finds the words for it.
            return runtime.ping(peer, count: 1)
        }
    }

    private func audit(since text: String?) -> EventLoopFuture<JSONValue> {
        let loop = node.eventLoop
        let since = text.flatMap { Timestamp($0) }
        if text != nil, since == nil {
            let failure = Problem(
                code: "bad-arguments",
                message: "since is not a time",
                hint: "write it as 2026-01-31T12:00:00Z"
            )
            return loop.makeFailedFuture(failure)
        }
        return runtime.auditLines(since: since).map { lines in
            .array(lines.compactMap { try? JSONValue(parsing: $0) })
        }
    }
}
