import GatewayCore
import Logging
import NIOCore
import NIOPosix
import OverlayNIO

/// The exposing end: a peer's stream comes first, the connection to the agent when there is something to say.
extension Coupling {
    /// Opens the far side, once.
    func openFar() {
        switch side {
        case .reach: openStream()
        case .expose(let exposure): connect(to: exposure)
        }
    }

    private func connect(to exposure: Exposure) {
        guard case .open = phase, context == nil, !isConnecting else { return }
        isConnecting = true
        let handler = NIOLoopBound(self, eventLoop: gateway.eventLoop)
        let bootstrap = ClientBootstrap(group: gateway.eventLoop)
            .connectTimeout(gateway.settings.connectTimeout)
            .channelOption(.autoRead, value: false)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.recvAllocator, value: Gateway.receiveAllocator)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(handler.value) }
            }
        let service = exposure.service
        let connected =
            exposure.address.map { bootstrap.connect(to: $0) }
            ?? bootstrap.connect(host: service.upstreamHost, port: service.upstreamPort)
        connected.assumeIsolated().whenFailure { error in
            self.isConnecting = false
            self.connectFailed(error, exposure)
        }
    }

    /// The agent's connection is established.
    func connectSucceeded() {
        isConnecting = false
        guard case .open = phase else {
            context?.close(promise: nil)
            return
        }
        openSink(.requests)
        pull(.requests)
        flush()
        pull(.responses)
    }

    private func connectFailed(_ error: any Error, _ exposure: Exposure) {
        let service = exposure.service
        gateway.log.warning(
            "the agent behind an exposed service cannot be reached",
            metadata: ["service": "\(service.name)", "upstream": "\(service.upstreamAuthority)", "error": "\(error)"]
        )
        if Self.isTimeout(error) {
            lose(
                Refusal(
                    .upstreamTimeout,
                    "the agent behind service '\(service.name)' does not accept a connection in time",
                    peer: service.name,
                    hint: "check the agent's load and the `upstream` of the service"
                )
            )
        } else {
            lose(
                Refusal(
                    .upstreamRefused,
                    "the agent behind service '\(service.name)' does not accept connections",
                    peer: service.name,
                    hint: "start the agent, or correct the `upstream` of the service"
                )
            )
        }
        retireIfDone()
    }

    private static func isTimeout(_ error: any Error) -> Bool {
        switch error {
        case ChannelError.connectTimeout: true
        case let error as NIOConnectionError:
            error.connectionErrors.contains { isTimeout($0.error) }
        case _: false
        }
    }
}
