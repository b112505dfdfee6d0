import Logging
import NIOCore
import OverlayCore
import OverlayWire
import PosternModel

/// Where the node is in the event loop's turn.
struct Turn {
    /// The time of the batch at hand: one reading of the clock serves all its packets and callbacks.
    private(set) var batchTime: Instant?
    /// Whether the end of the turn is already asked for.
    var isWanted = false
    /// Whether it is under way: what is written then leaves with it.
    var isEnding = false
    /// Whether events are being handed out: their handlers' calls must not start that again.
    var isDispatching = false

    /// The time of the batch, which begins now if none is under way.
    mutating func beginBatch() -> Instant {
        if let batchTime { return batchTime }
        let now = Instant(.now())
        batchTime = now
        return now
    }

    mutating func endBatch() {
        batchTime = nil
    }
}

extension OverlayNode {
    /// The time for a call to the core.
    var now: Instant { turn.batchTime ?? Instant(.now()) }

    /// Asks for the end of the turn: after all connections of the loop had theirs, what was written is sent at once.
    func needsTurn() {
        guard !turn.isWanted, case .running = phase else { return }
        turn.isWanted = true
        if !turn.isEnding { eventLoop.assumeIsolated().execute(turnTask) }
    }

    /// The end of the turn: due timers, events, packets, and the next timer.
    func endTurn() {
        guard case .running = phase else { return }
        let now = turn.beginBatch()
        turn.isEnding = true
        if let deadline = core.nextDeadline, deadline <= now { core.advance(to: now) }
        dispatchEvents()
        turn.isWanted = false
        let isAllSent = transmit()
        // Sending can make room for streams that wait for it.
        let isAllTold = dispatchEvents()
        turn.isEnding = false
        turn.endBatch()
        if turn.isWanted { eventLoop.assumeIsolated().execute(turnTask) }
        arm(isAllSent && isAllTold ? core.nextDeadline : now, at: now)
    }

    /// How long the loop serves others when more could be done at once, and when the kernel's buffer is full: far less
    /// than that buffer needs to run dry.
    private static let pause = Interval.microseconds(20)
    private static let blockedPause = Interval.microseconds(500)

    /// Hands out events until there are none; false when there are more than one turn may take.
    @discardableResult
    func dispatchEvents() -> Bool {
        guard !turn.isDispatching else { return true }
        turn.isDispatching = true
        defer { turn.isDispatching = false }
        var left = settings.eventsPerTurn
        while let event = core.pollEvent() {
            handle(event)
            left -= 1
            guard left > 0 else { return false }
        }
        return true
    }

    /// Sends what the core has to send; false when there is more than one turn may take.
    @discardableResult
    func transmit() -> Bool {
        var left = settings.bytesPerTurn
        while left > 0 {
            guard let transmit = blocked ?? nextTransmit() else { return true }
            left -= max(transmit.byteCount, 1)
            guard send(transmit) else { return false }
        }
        return false
    }

    private func nextTransmit() -> Transmit? {
        var writer = PacketWriter(sendBuffer)
        let segments = underlays.reduce(1) { max($0, $1.maximumSegments) }
        return core.pollTransmit(into: &writer, maxSegments: segments, at: now)
    }

    /// Hands the packets in ``sendBuffer`` to the kernel; false when it has no room, and they stay where they are.
    private func send(_ transmit: Transmit) -> Bool {
        blocked = nil
        let bytes = UnsafeRawBufferPointer(rebasing: sendBuffer[..<transmit.byteCount])
        var outcome = SendOutcome.unbound
        for underlay in underlays where outcome == .unbound { outcome = underlay.send(bytes, transmit) }
        switch outcome {
        case .sent:
            return true
        case .blocked:
            failures.blockedSends += 1
            blocked = transmit
            return false
        case .tooLarge:
            core.packetsRefused(transmit, at: now)
            return true
        case .failed(let code):
            failures.sends += 1
            log.debug("the kernel refused to send", metadata: ["errno": "\(code)"])
            return true
        case .unbound:
            // The address is gone since; the core finds out as from silence.
            failures.sends += 1
            return true
        }
    }

    /// Sets the timer for `deadline`, but leaves the loop a moment for its other connections.
    private func arm(_ deadline: Instant?, at now: Instant) {
        guard let deadline else { return }
        let earliest = now + (blocked == nil ? Self.pause : Self.blockedPause)
        timer?.arm(max(deadline, earliest).deadline)
    }
}

/// The one timer of a node. It is moved only to an earlier time: firing too early costs less than moving it with every
/// packet.
final class LoopTimer: NIOScheduledCallbackHandler {
    private let node: OverlayNode
    private var armed: (deadline: NIODeadline, callback: NIOScheduledCallback)?

    init(node: OverlayNode) {
        self.node = node
    }

    /// The node's turn comes at `deadline` or before.
    func arm(_ deadline: NIODeadline) {
        if let armed {
            guard deadline < armed.deadline else { return }
            armed.callback.cancel()
        }
        // Fails only on a loop that shuts down, which runs no more timers anyway.
        armed = (try? node.eventLoop.assumeIsolated().scheduleCallback(at: deadline, handler: self)).map {
            (deadline, $0)
        }
    }

    func cancel() {
        armed?.callback.cancel()
        armed = nil
    }

    func handleScheduledCallback(eventLoop: some EventLoop) {
        armed = nil
        node.endTurn()
    }
}
