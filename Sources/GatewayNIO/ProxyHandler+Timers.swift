import GatewayCore
import NIOCore
import OverlayNIO
import PosternModel

// What a connection waits for.
extension ProxyHandler {
    /// What runs at present.
    struct Timers {
        var patience: Scheduled<Void>?
        var lingering: Scheduled<Void>?
        var heading: Scheduled<Void>?
        var events: Scheduled<Void>?
    }

    func arm(_ timer: ProxyConnection.Timer) {
        let loop = gateway.eventLoop.assumeIsolated()
        switch timer {
        case .patience:
            timers.patience = loop.scheduleTask(in: gateway.settings.peerPatience) { [weak self] in
                guard let self else { return }
                self.connection.patienceEnded(
                    peerIsPresent: self.peer.map(self.gateway.isPresent) ?? false,
                    unresolved: self.port?.policy(nil, of: nil) ?? .passthrough
                )
                self.settle()
            }
        case .linger:
            timers.lingering = loop.scheduleTask(in: gateway.settings.lingerTimeout) { [weak self] in
                self?.connection.lingerEnded()
                self?.settle()
            }
        case .head:
            timers.heading = loop.scheduleTask(in: gateway.settings.headTimeout) { [weak self] in
                self?.connection.headEnded()
                self?.settle()
            }
        case .events:
            lastEvents = .now()
            watchEvents()
        }
    }

    func cancel(_ timer: ProxyConnection.Timer) {
        switch timer {
        case .patience: timers.patience?.cancel()
        case .linger: timers.lingering?.cancel()
        case .head: timers.heading?.cancel()
        case .events:
            timers.events?.cancel()
            lastEvents = nil
        }
    }

    /// Puts a comment into the stream of events whenever it has been silent for long.
    private func watchEvents() {
        guard let port, let lastEvents else { return }
        let silence = TimeAmount.nanoseconds(port.service.eventSilence.nanoseconds)
        timers.events = gateway.eventLoop.assumeIsolated().scheduleTask(deadline: lastEvents + silence) { [weak self] in
            guard let self, let last = self.lastEvents else { return }
            if NIODeadline.now() >= last + silence {
                self.connection.eventsSilent()
                self.gateway.emit(ByteBuffer()) { self.write($0, to: .downstream) }
                self.lastEvents = .now()
                self.settle()
            }
            self.watchEvents()
        }
    }
}
