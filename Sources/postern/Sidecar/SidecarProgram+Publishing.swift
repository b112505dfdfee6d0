import NIOCore
import OverlayNIO
import PosternConfiguration
import PosternModel
import SidecarCore
import SidecarNIO

// What fellow members may find: the services that the configuration publishes, with the skills of the agent cards.
extension SidecarProgram {
    /// How often agent cards are read again.
    private static let cardInterval = TimeAmount.minutes(10)
    /// How soon after the start, when agents may be starting too, and until the second attempt.
    private static let firstDelay = TimeAmount.seconds(1)

    /// Publishes now and then, since agents change what they can do.
    func publishRegularly() {
        let program = NIOLoopBound(self, eventLoop: node.eventLoop)
        publishing = node.eventLoop.scheduleRepeatedTask(
            initialDelay: Self.firstDelay,
            delay: Self.cardInterval
        ) { _ in program.value.publish() }
    }

    /// Reads the agent cards of what is published, and tells the sidecar.
    func publish() {
        let published = configuration.expose.filter { !$0.publish.isEmpty }
        let ports = published.map { entry -> (name: ServiceName, port: Int?) in
            guard entry.service.kind == .a2a, entry.tls == nil, let place = entry.upstream?.place, place.isLoopback
            else {
                return (entry.service.name, nil)
            }
            return (entry.service.name, Int(place.port))
        }
        let group = node.eventLoop
        let cards = node.eventLoop.makeFutureWithTask { () -> [ServiceName: [JSONValue]] in
            var skills: [ServiceName: [JSONValue]] = [:]
            for (name, port) in ports {
                guard let port else { continue }
                skills[name] = await Self.skills(ofAgentAt: port, group: group)
            }
            return skills
        }
        cards.assumeIsolated().whenSuccess { skills in
            let services = published.map { entry in
                PublishServices.Publication(
                    service: entry.service.name,
                    to: entry.publish,
                    skills: skills[entry.service.name] ?? []
                )
            }
            _ = self.runtime.perform(PublishServices(services: services))
        }
    }

    /// What the agent's card says that it can do; nothing when it has none, or does not answer.
    private static func skills(ofAgentAt port: Int, group: any EventLoopGroup) async -> [JSONValue] {
        for path in ["/.well-known/agent-card.json", "/.well-known/agent.json"] {
            guard let (status, card) = try? await JSONRPCCall.get(path, port: port, group: group), status == 200 else {
                continue
            }
            return card?["skills"]?.array ?? []
        }
        return []
    }
}
