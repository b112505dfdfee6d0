/// How the connection to an agent is secured (RFC 8446). The certificate is always verified.
package struct UpstreamTLS: Hashable, Sendable {
    /// The authorities that may have issued the agent's certificate, as PEM; nil: those that the system trusts.
    package var authorities: String?
    /// The name that the certificate has to be for; nil: the upstream's host.
    package var serverName: String?

    package init(authorities: String? = nil, serverName: String? = nil) {
        self.authorities = authorities
        self.serverName = serverName
    }
}

/// Why an agent's certificate is refused (RFC 5280 §6.1, RFC 9525 §6).
package enum CertificateFault: Hashable, Sendable {
    /// No authority that is trusted here has issued it.
    case unknownAuthority
    /// Its time is over.
    case expired
    /// Its time has not begun.
    case notYetValid
    /// It is for none of the names by which the agent is called here, which is this.
    case otherName(String)

    /// What is wrong with it, behind "the certificate of …".
    var reason: String {
        switch self {
        case .unknownAuthority: "was not issued by an authority that is trusted here"
        case .expired: "has expired"
        case .notYetValid: "is not valid yet"
        case .otherName(let name): "is for another name than \(name)"
        }
    }

    /// What to do about it.
    var hint: String {
        switch self {
        case .unknownAuthority: "name the authority's certificate by `tls.ca` of the service"
        case .expired: "renew the agent's certificate"
        case .notYetValid: "check the clocks of this host and of the agent's"
        case .otherName: "correct the host in `upstream`, or name the certificate's by `tls.serverName` of the service"
        }
    }
}

extension GatewayError {
    /// The agent behind `service` shows a certificate that is refused.
    package static func certificateRefused(_ service: String, _ fault: CertificateFault) -> GatewayError {
        GatewayError(
            .upstreamUntrusted,
            "the certificate of the agent behind service '\(service)' \(fault.reason)",
            service: service,
            hint: fault.hint
        )
    }

    /// The agent behind `service` and this node found no common ground in TLS.
    package static func handshakeFailed(_ service: String) -> GatewayError {
        GatewayError(
            .upstreamRefused,
            "the TLS handshake with the agent behind service '\(service)' failed",
            service: service,
            hint: "check that it speaks TLS 1.2 or 1.3 there: `upstream` says https; the log has the details"
        )
    }
}
