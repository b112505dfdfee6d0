package import PosternModel

/// Virtual ports of a hub.
package enum HubPort {
    /// One JSON request and its answer per stream.
    package static let requests = VirtualPort(1)
    /// Events, one JSON document a line.
    package static let events = VirtualPort(2)
    /// One JSON call of an administrator and its answer per stream. To everybody else there is nothing.
    package static let admin = VirtualPort(3)
}

/// Virtual ports of a sidecar that are not for services.
package enum SidecarPort {
    /// One JSON request of a peer's sidecar and its answer per stream.
    package static let control = VirtualPort(65_281)
    /// Push notifications of a peer's agents to receivers that clients here registered (RULES P): HTTP/1.1.
    package static let callbacks = VirtualPort(65_282)
}
