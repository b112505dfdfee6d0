/// The cookie by which a browser may use the status page.
///
/// Browsers send the cookies of a host to each of its ports (RFC 6265 §8.5), so that those of 127.0.0.1 come to every
/// local service that is opened in the browser: ours never leave the sidecar.
package enum ControlCookie {
    package static let name = "postern-control"
}
