import HubServer
import NIOCore
import OverlayCore
import OverlayNIO
import PosternModel
import SidecarControl
import SidecarCore

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Lets the control API reach the hub on its own loop.
struct HubBackend: ControlBackend {
    let parts: NIOLoopBound<HubProgram.Parts>
    let eventLoop: any EventLoop
    let key: NodeKey

    /// The longest list of nodes.
    private static let listLimit = 10_000
    /// The call that ends the hub.
    private static let drain = "hub/drain"

    var version: String { Postern.version }

    var isSidecar: Bool { false }
    var agentMay: Set<AgentPermission> { [] }

    func noteAgentRefused(_ tool: String, by requester: Requester) {}

    /// A hub has no peers, services or trust.
    func perform<Asked: Operation>(_ operation: Asked, by requester: Requester) -> EventLoopFuture<Asked.Answer> {
        eventLoop.makeFailedFuture(
            Problem(
                code: "not-a-sidecar",
                message: "this state directory is a hub's, which has no sidecar's commands",
                hint: "see `postern hub admin --help`"
            )
        )
    }

    func readiness() -> EventLoopFuture<Readiness> {
        status { Readiness(underlay: true, hub: $0.storeProblem == nil) }
    }

    func metrics() -> EventLoopFuture<[Metric]> {
        status { Self.metrics(of: $0) }.and(eventLoop.submit { parts.value.node.statistics }).map { metrics, overlay in
            metrics + NodeStatistics.metrics.map { Metric($0, of: overlay) }
        }
    }

    func answer(_ call: ControlCall) -> EventLoopFuture<JSONValue>? { answer(call, to: key) }

    /// Answers a call of an operator: `caller` is the hub's own key for who calls on this machine.
    func answer(_ call: ControlCall, to caller: NodeKey) -> EventLoopFuture<JSONValue>? {
        let answer = answerUnrecorded(call, to: caller)
        guard call.changesState, call.path != Self.drain, let answer else { return answer }
        return answer.flatMap { value in
            eventLoop.submit {
                parts.value.service.noteAdministration(of: call.path, by: caller, call.parameters)
                return value
            }
        }
    }

    /// Answers the document of a call that came over the overlay.
    func answer(_ document: JSONValue, of caller: NodeKey) -> EventLoopFuture<JSONValue> {
        let call = ControlCall(
            path: document["path"]?.string ?? "",
            changesState: document["change"]?.bool ?? false,
            parameters: document["with"] ?? [:]
        )
        return answer(call, to: caller)
            ?? eventLoop.makeFailedFuture(Problem.unknownCall)
    }

    private func answerUnrecorded(_ call: ControlCall, to caller: NodeKey) -> EventLoopFuture<JSONValue>? {
        switch (call.path, call.changesState) {
        case ("hub/status", false):
            return status { JSONValue(encoding: $0) }
        case ("hub/nodes", false):
            let limit = call.parameters["limit"]?.string.flatMap(Int.init) ?? 100
            return eventLoop.flatSubmit {
                parts.value.service.nodes(limit: max(1, min(limit, Self.listLimit))).map { JSONValue(encoding: $0) }
            }
        case (Self.drain, true):
            // As a signal from outside would: what follows is the same.
            return eventLoop.submit {
                parts.value.service.noteAdministration(of: Self.drain, by: caller, call.parameters)
                kill(getpid(), SIGTERM)
                return ["draining": true]
            }
        case ("hub/quota", false):
            return eventLoop.submit { parts.value.quotas }
        case ("hub/quota", true):
            return eventLoop.flatSubmit { parts.value.limit(call.parameters) }
        case ("hub/ban", true):
            return eventLoop.flatSubmit { parts.value.ban(call.parameters) }
        case _: return nil
        }
    }

    func page() -> EventLoopFuture<ProgramPage>? {
        let rates = eventLoop.submit {
            let rates = parts.value.rates
            return [\HubRates.Counts.requests, \.refused, \.relayedPackets].map { Self.shown(rates.rate($0)) }
        }
        return status { $0 }.and(rates).map { status, rates in
            ProgramPage(
                title: "hub " + (status.url?.description ?? status.did.did),
                facts: [
                    ("nodes online", "\(status.online)"),
                    ("registered", status.registeredText), ("relayed pairs", "\(status.relayed)"),
                    ("requests", "\(status.requests), \(rates[0])"), ("refused", "\(status.refused), \(rates[1])"),
                    ("relayed packets", "\(status.relayedPackets), \(rates[2])"),
                    ("waiting mail", "\(status.mailBytes) bytes"), ("store", status.storeText),
                    ("other hubs", status.hubs.map(\.description).joined(separator: ", ")),
                    ("changed quotas", status.quotasText), ("state", status.state),
                ]
            )
        }
    }

    private static func shown(_ rate: Double?) -> String {
        rate.map { "\($0) a second in the last minute" } ?? "no rate known yet"
    }

    private func status<Result: Sendable>(
        _ make: @escaping @Sendable (HubStatus) -> Result
    ) -> EventLoopFuture<Result> {
        eventLoop.flatSubmit { parts.value.service.status().map(make) }
    }

    private static func metrics(of status: HubStatus) -> [Metric] {
        func gauge(_ name: String, _ value: Int, _ explanation: String) -> Metric {
            Metric("hub_" + name, .gauge, Double(value), explanation: explanation)
        }
        func counter(_ name: String, _ value: UInt64, _ explanation: String) -> Metric {
            Metric("hub_" + name, .counter, Double(value), explanation: explanation)
        }
        let registered = status.registered.map { [gauge("nodes_registered", $0, "Nodes that are registered.")] } ?? []
        return registered + [
            gauge("nodes_online", status.online, "Nodes that are present."),
            gauge("relayed_pairs", status.relayed, "Pairs of nodes that are relayed."),
            gauge("mail_bytes", status.mailBytes, "What mail that waits takes of its pools."),
            gauge("hubs", status.hubs.count, "Other hubs that share the registry and serve."),
            gauge("store_up", status.storeProblem == nil ? 1 : 0, "Whether the store can be asked."),
            counter("requests_total", status.requests, "Requests of nodes."),
            counter("refusals_total", status.refused, "Requests of nodes that were refused."),
            counter("store_failures_total", status.storeFailures, "Batches of requests that the store did not take."),
        ]
    }
}

extension HubStatus {
    /// The store, and what is the matter with it.
    var storeText: String {
        guard storeProblem == nil else { return "\(store), out of reach: \(storeProblem ?? "")" }
        guard let storeFailedAt, let storeFailure else { return store }
        return "\(store); last failed at \(storeFailedAt), \(storeFailures) times since the start: \(storeFailure)"
    }

    /// The quotas that are not those of hub.yaml.
    var quotasText: String {
        let changed = (quotas ?? [:]).sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
        return changed.isEmpty ? "none" : changed.joined(separator: ", ")
    }

    /// How many nodes are registered, where that can be told.
    var registeredText: String { registered.map { "\($0)" } ?? "an unknown number" }

    /// Whom the hub takes, and whether it is about to end.
    var state: String {
        [
            closed ? "closed: only named nodes may register" : "open", banned > 0 ? "\(banned) banned" : nil,
            draining ? "draining" : nil,
        ].compactMap(\.self).joined(separator: "; ")
    }
}

extension Problem {
    fileprivate static let unknownCall = Problem(
        code: "bad-arguments",
        message: "this hub knows no such call",
        hint: "bring hub and sidecar to one version"
    )
}
