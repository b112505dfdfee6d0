import NIOCore
import OverlayCrypto
import OverlayWire
import PosternModel
import SidecarControl
import SidecarCore
import SidecarNIO
import Synchronization

/// Lets the control API reach the program on its own loop.
struct SidecarBackend: ControlBackend {
    let program: NIOLoopBound<SidecarProgram>
    let key: NodeKey
    let permissions: AgentPermissions
    let help: PageHelp

    private var eventLoop: any EventLoop { program.eventLoop }

    var version: String { Postern.version }

    var agentMay: Set<AgentPermission> { permissions.current }

    func perform<Asked: Operation>(_ operation: Asked, by requester: Requester) -> EventLoopFuture<Asked.Answer> {
        eventLoop.flatSubmit { program.value.runtime.perform(operation, by: requester) }
    }

    func noteAgentRefused(_ tool: String, by requester: Requester) {
        eventLoop.execute { program.value.runtime.noteAgentRefused(tool, by: requester) }
    }

    func answer(_ call: ControlCall) -> EventLoopFuture<JSONValue>? {
        switch (call.path, call.changesState) {
        case ("doctor", false): help.findings(on: eventLoop)
        case ("code", true): help.code(of: call.parameters["text"]?.string ?? "", on: eventLoop)
        case let (path, _) where path.hasPrefix("hub/"): eventLoop.flatSubmit { program.value.administer(call) }
        case _: nil
        }
    }

    func readiness() -> EventLoopFuture<Readiness> {
        eventLoop.submit { program.value.readiness }
    }

    func metrics() -> EventLoopFuture<[Metric]> {
        eventLoop.submit { program.value.metrics }
    }
}

/// What the agent may ask for, which a changed configuration changes.
final class AgentPermissions: Sendable {
    private let permissions: Mutex<Set<AgentPermission>>

    init(_ permissions: Set<AgentPermission>) {
        self.permissions = Mutex(permissions)
    }

    /// As the configuration has it now.
    var current: Set<AgentPermission> {
        get { permissions.withLock { $0 } }
        set { permissions.withLock { $0 = newValue } }
    }
}

/// The READY line (INTERFACE).
struct ReadyDocument: Codable {
    let did: NodeKey
    let address: OverlayAddress
    /// `off` when the control API has only its socket.
    let control: String
    let proxy: HostPort?
    let udp: [HostPort]
    let reach: [Reach]

    /// A reached service.
    struct Reach: Codable {
        let peer: PeerName
        let service: ServiceName?
        let port: VirtualPort?
        let listen: HostPort
    }
}

extension SidecarProgram {
    /// Whether the underlay is bound and, where hubs are configured, one of them answers.
    var readiness: Readiness { Readiness(underlay: !udp.isEmpty, hub: runtime.isAtOwnHub) }

    /// The document of the READY line.
    func readyDocument(control: HostPort?) -> ReadyDocument {
        ReadyDocument(
            did: identity.key,
            address: identity.key.personalAddress,
            control: control?.description ?? "off",
            proxy: proxyPlace,
            udp: boundAddresses.compactMap { HostPort($0.description) },
            reach: localPorts.map {
                ReadyDocument.Reach(peer: $0.peer, service: $0.target.name, port: $0.target.port, listen: $0.listen)
            }
        )
    }
}
