import NIOCore
import PosternModel
import SidecarCore

/// What an open page shows, told again whenever it has changed. Nothing of it runs while no page is open.
final class PageFeed {
    /// Fast enough to watch, and cheap enough to be left open.
    private static let interval = TimeAmount.seconds(2)

    private let backend: any ControlBackend
    private let loop: any EventLoop
    /// What was told last, by the name of the event.
    private var told: [String: String] = [:]

    init(backend: any ControlBackend, loop: any EventLoop) {
        self.backend = backend
        self.loop = loop
    }

    /// Tells everything now and what changes from then on, until the reader is gone.
    func run(into sink: EventSink) {
        let feed = NIOLoopBound(self, eventLoop: loop)
        let task = loop.scheduleRepeatedAsyncTask(initialDelay: .zero, delay: Self.interval) { _ in
            feed.value.tell(sink)
        }
        sink.closed.whenComplete { _ in task.cancel() }
    }

    private func tell(_ sink: EventSink) -> EventLoopFuture<Void> {
        // Who does not read gets the next state instead of this one.
        guard sink.isWritable else { return loop.makeSucceededVoidFuture() }
        let parts = [
            tell("status", ShowStatus(), sink), tell("peers", ListPeers(), sink), tell("trust", ListTrust(), sink),
            tell("streams", ListStreams(), sink), tell("traffic", ShowTraffic(), sink),
            tell("invitations", ListInvitations(), sink), tellNetworks(sink), tell("log", ShowLog(), sink),
        ]
        return EventLoopFuture.andAllComplete(parts, on: loop)
    }

    private func tell(
        _ name: String,
        _ operation: some SidecarCore.Operation,
        _ sink: EventSink
    ) -> EventLoopFuture<Void> {
        let feed = NIOLoopBound(self, eventLoop: loop)
        return backend.perform(operation, by: .owner).map { JSONValue(encoding: $0) }.hop(to: loop).map { document in
            feed.value.tell(name, document, sink)
        }
    }

    /// Every network with its members.
    private func tellNetworks(_ sink: EventSink) -> EventLoopFuture<Void> {
        let (feed, backend, loop) = (NIOLoopBound(self, eventLoop: loop), backend, loop)
        return backend.perform(ListNetworks(), by: .owner).flatMap { networks in
            let shown = networks.map { backend.perform(ShowNetwork(name: $0.name), by: .owner) }
            return EventLoopFuture.whenAllSucceed(shown, on: loop)
        }.hop(to: loop).map { networks in
            feed.value.tell("networks", JSONValue(encoding: networks), sink)
        }
    }

    private func tell(_ name: String, _ document: JSONValue, _ sink: EventSink) {
        let text = document.compactText
        guard told[name] != text else { return }
        told[name] = text
        sink.send(name, text)
    }
}
