package import NIOCore

/// Where the files of a state directory are written and brought to the disk: one thing after another, in the order in
/// which they were handed in, and never on a loop that carries packets.
///
/// The queue is an event loop of its own, because one runs its work in order, has timers for what may wait a second,
/// and is driven by hand in tests. Whoever made the loop ends it, after ``drain()``.
package struct StateQueue: Sendable {
    let eventLoop: any EventLoop

    /// The queue that runs on `eventLoop`, which serves nothing else.
    package init(_ eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
    }

    /// Does `work` after everything handed in before.
    package func run(_ work: @escaping @Sendable () -> Void) {
        eventLoop.execute(work)
    }

    /// Does `work` after everything handed in before, and tells its result on `loop`.
    package func run<Value: Sendable>(
        on loop: any EventLoop,
        _ work: @escaping @Sendable () throws -> Value
    ) -> EventLoopFuture<Value> {
        eventLoop.submit(work).hop(to: loop)
    }

    /// Returns when everything handed in before is done.
    package func drain() async throws {
        try await eventLoop.submit {}.get()
    }
}
