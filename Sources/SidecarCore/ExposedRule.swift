package import PosternModel

/// A service that this sidecar exposes, and to whom (INTERFACE `expose`).
package struct ExposedRule: Hashable, Sendable {
    package var service: Service
    /// Empty: nobody.
    package var allow: [AllowRule]

    package init(service: Service, allow: [AllowRule]) {
        self.service = service
        self.allow = allow
    }
}
