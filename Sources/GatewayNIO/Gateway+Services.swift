import GatewayCore
package import PosternModel

// What is exposed, and how it is reached.
extension Gateway {
    /// The service as the gateway serves it from now on.
    func expose(_ service: ExposedService) -> Exposure {
        let exposure = Exposure(service, eventLoop: eventLoop)
        if let program = service.program, program.isBridged {
            exposure.bridge = BridgeHost(program, of: exposure, gateway: self)
        }
        return exposure
    }

    /// What opens upstreams of a service for `peer`.
    func connector(to exposure: Exposure, for peer: NodeKey) -> any UpstreamConnector {
        if let bridge = exposure.bridge {
            return BridgeConnector(host: bridge, exposure: exposure, peer: peer, gateway: self)
        }
        guard let program = exposure.service.program else { return TCPConnector(exposure: exposure, gateway: self) }
        return ProgramConnector(program: program, exposure: exposure, peer: peer, gateway: self)
    }

    /// Streams of peers that the exposed service `name` serves now.
    package func activeStreams(of name: ServiceName) -> Int {
        exposures.values.first { $0.service.service.name == name }?.activeStreams ?? 0
    }

    /// Why the agent behind the exposed service `name` could not be reached the last time; nil: it could.
    package func problem(of name: ServiceName) -> String? {
        exposures.values.first { $0.service.service.name == name }?.problem
    }
}
