import Dispatch
import GatewayCore
import NIOCore
import NIOSSL
import NIOTLS
import PosternModel

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// An agent that is reached over TLS.
final class SecuredUpstream {
    /// Ready once the authorities are read, which takes a disk and some milliseconds.
    let context: EventLoopFuture<NIOSSLContext>
    /// The name that the certificate has to be for.
    let name: String
    /// The same for the server name indication, which takes no addresses (RFC 6066 §3).
    private let indication: String?

    init(_ settings: UpstreamTLS, host: String, eventLoop: any EventLoop) {
        name = settings.serverName ?? host
        indication = HostPort(host: name, port: 0)?.address == nil ? name : nil
        let made = eventLoop.makePromise(of: NIOSSLContext.self)
        context = made.futureResult
        DispatchQueue.global().async { made.completeWith(Result { try Self.context(settings) }) }
    }

    private static func context(_ settings: UpstreamTLS) throws -> NIOSSLContext {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        // RFC 7301: nothing but HTTP/1.1 is spoken to agents.
        configuration.applicationProtocols = ["http/1.1"]
        if let authorities = settings.authorities {
            configuration.trustRoots = .certificates(try NIOSSLCertificate.fromPEMBytes(Array(authorities.utf8)))
        }
        return try NIOSSLContext(configuration: configuration)
    }

    /// Puts TLS into `channel`, in front of `link`, which learns of the connection once the handshake is complete.
    func secure(
        _ channel: any Channel,
        with context: NIOSSLContext,
        in front: ChannelLink,
        timeout: TimeAmount,
        failed: @escaping (TLSFailure) -> Void
    ) throws {
        let tls = try NIOSSLClientHandler(context: context, serverHostname: indication)
        let gate = HandshakeGate(timeout: timeout) { error in
            failed(TLSFailure(error, certificate: tls.peerCertificate, name: self.name))
        }
        try channel.pipeline.syncOperations.addHandlers([tls, gate, front])
    }
}

/// Why there is no TLS connection.
struct TLSFailure: Error {
    let cause: any Error
    /// What is wrong with the agent's certificate, if that is the reason.
    let fault: CertificateFault?

    init(_ cause: any Error, certificate: NIOSSLCertificate?, name: String) {
        self.cause = cause
        fault = Self.fault(cause, certificate, name: name)
    }

    private static func fault(
        _ cause: any Error,
        _ certificate: NIOSSLCertificate?,
        name: String
    ) -> CertificateFault? {
        switch cause {
        case let error as NIOSSLExtraError: return error == .failedToValidateHostname ? .otherName(name) : nil
        case NIOSSLError.handshakeFailed(.sslError(let stack))
        where stack.contains { "\($0)".contains("CERTIFICATE_VERIFY_FAILED") }:
            guard let certificate else { return .unknownAuthority }
            let now = time(nil)
            if certificate.notValidAfter < now { return .expired }
            return certificate.notValidBefore > now ? .notYetValid : .unknownAuthority
        case NIOSSLError.unableToValidateCertificate: return .unknownAuthority
        case _: return nil
        }
    }
}

/// Keeps a connection from whoever waits for it until its TLS handshake is complete.
private final class HandshakeGate: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private enum State {
        case waiting(Scheduled<Void>?)
        case passed
        case failed
    }

    private let timeout: TimeAmount
    private let failed: (any Error) -> Void
    private var state = State.waiting(nil)

    init(timeout: TimeAmount, failed: @escaping (any Error) -> Void) {
        self.timeout = timeout
        self.failed = failed
    }

    private var hasPassed: Bool {
        switch state {
        case .passed: true
        case .waiting, .failed: false
        }
    }

    func channelActive(context: ChannelHandlerContext) {
        let timeout = timeout
        state = .waiting(
            context.eventLoop.assumeIsolated().scheduleTask(in: timeout) {
                self.fail(ChannelError.connectTimeout(timeout), context)
            }
        )
        context.read()
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if hasPassed { context.fireChannelReadComplete() } else { context.read() }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case .waiting(let deadline) = state else { return context.fireUserInboundEventTriggered(event) }
        guard case TLSUserEvent.handshakeCompleted? = event as? TLSUserEvent else { return }
        deadline?.cancel()
        state = .passed
        context.fireChannelActive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if hasPassed { context.fireErrorCaught(error) } else { fail(error, context) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        if hasPassed { context.fireChannelInactive() } else { fail(ChannelError.eof, context) }
    }

    private func fail(_ error: any Error, _ context: ChannelHandlerContext) {
        guard case .waiting(let deadline) = state else { return }
        deadline?.cancel()
        state = .failed
        failed(error)
        context.close(promise: nil)
    }
}

extension ChannelHandlerContext {
    /// Closes the connection without the goodbye of TLS, where it has one: an abort has to look like one.
    func abort() {
        if let tls = try? pipeline.syncOperations.context(handlerType: NIOSSLClientHandler.self) {
            tls.close(promise: nil)
        } else {
            close(promise: nil)
        }
    }
}
