import OverlayCore
import OverlayWire
import PosternModel
import SidecarCore

/// What operators' commands see of a shell that has nothing to show.
struct SilentView: SidecarView {
    var version: String { "simulated" }
    var uptime: Interval { .zero }
    var boundAddresses: [Endpoint] { [] }
    var translation: StatusDocument.NAT { StatusDocument.NAT(mapping: nil, filtering: nil, portMapping: nil) }
    var localPorts: [LocalPort] { [] }
    var unstoredCount: Int { 0 }
    var configuration: StatusDocument.Configuration { .init(file: nil, since: Timestamp(seconds: 0)) }

    func session(with peer: NodeKey) -> PeerStatus? { nil }
    func upstream(of name: ServiceName) -> UpstreamStatus { UpstreamStatus("") }
    func activeStreams(of name: ServiceName) -> Int { 0 }
    func allows(_ method: String, of name: ServiceName) -> Bool? { nil }
}
