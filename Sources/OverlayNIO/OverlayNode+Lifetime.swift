import Logging
import NIOCore
import OverlayCore
import OverlayWire
import PosternModel

/// The search for the time that translators keep a silent mapping, by trial with one hub.
struct MappingTrial {
    let hub: PeerHandle
    /// The socket whose like is tried.
    let base: Endpoint
    /// Distinguishes it from those before a change of the network.
    let number: Int
    var lifetime = MappingLifetime()
    /// Whether the answer of the trial under way has come.
    var isAnswered = false
}

extension OverlayNode {
    /// From the first packet of a trial to the second: both are answered, and translators take the flow for one that is
    /// in use.
    private static let trialSettling = TimeAmount.seconds(3)
    /// How long an answer may take beyond its silence.
    private static let trialPatience = Interval.seconds(3)
    /// When a trial is made that could not be.
    private static let trialPause = TimeAmount.seconds(60)

    /// `hub` sees this node's socket at `base`, from outside.
    func learnLifetime(with hub: NodeKey, base: Endpoint) {
        guard trial == nil, case .ipv4 = base, !base.isLoopback, let peer = core.peer(with: hub) else { return }
        trialCount += 1
        trial = MappingTrial(hub: peer, base: base, number: trialCount)
        tryMapping(trialCount)
    }

    /// The network changed: what was learnt says nothing any more.
    func relearnLifetime() {
        guard let former = trial else { return }
        core.endMappingProbe(former.hub)
        core.setKeepAlive(settings.node.keepAlive)
        trialCount += 1
        trial = MappingTrial(hub: former.hub, base: former.base, number: trialCount)
        tryMapping(trialCount)
    }

    /// The hub's answer came through a mapping that had been silent for so long.
    func noteMappingAlive(_ hub: PeerHandle, after silence: Interval) {
        guard trial?.hub == hub, trial?.lifetime.next == silence else { return }
        trial?.isAnswered = true
    }

    private func tryMapping(_ number: Int) {
        guard let trial = current(number), let silence = trial.lifetime.next, let udp else { return }
        udp.openSpares(like: trial.base, count: 1).assumeIsolated().whenComplete { result in
            guard let local = (try? result.get())?.first, self.challenge(from: local, delay: nil, number) else {
                return self.tryLater(number)
            }
            self.eventLoop.assumeIsolated().scheduleTask(in: Self.trialSettling) {
                guard self.challenge(from: local, delay: silence, number) else { return self.tryLater(number) }
                let end = TimeAmount.nanoseconds((silence + Self.trialPatience).nanoseconds)
                self.eventLoop.assumeIsolated().scheduleTask(in: end) { self.endTrial(of: silence, number) }
            }
        }
    }

    private func challenge(from local: Endpoint, delay: Interval?, _ number: Int) -> Bool {
        guard let trial = current(number) else { return false }
        self.trial?.isAnswered = false
        defer { needsTurn() }
        return core.probeMapping(trial.hub, from: local, delay: delay, at: now)
    }

    private func tryLater(_ number: Int) {
        eventLoop.assumeIsolated().scheduleTask(in: Self.trialPause) { self.tryMapping(number) }
    }

    private func endTrial(of silence: Interval, _ number: Int) {
        guard let trial = current(number) else { return }
        core.endMappingProbe(trial.hub)
        // A hub that is away says nothing of the translator.
        let status = core.status(of: trial.hub)
        guard trial.isAnswered || status?.isConnected == true && status?.isSilent == false else {
            return tryLater(number)
        }
        self.trial?.lifetime.note(silence, survived: trial.isAnswered)
        if let keepAlive = self.trial?.lifetime.keepAlive {
            core.setKeepAlive(keepAlive)
            let outcome = trial.isAnswered ? "endured" : "not endured"
            log.debug(
                "a silent mapping was tried",
                metadata: ["seconds": "\(silence.seconds)", "was": "\(outcome)", "keepAlive": "\(keepAlive.seconds)"]
            )
        }
        needsTurn()
        tryMapping(number)
    }

    private func current(_ number: Int) -> MappingTrial? {
        guard case .running = phase, let trial, trial.number == number else { return nil }
        return trial
    }
}
