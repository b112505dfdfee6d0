package import NIOCore
package import OverlayCore
package import OverlayWire
package import PosternModel

/// The calls that nodes make on one port: gathers each document, hands it over when it is whole, and bounds what
/// callers who never finish can cost. Confined to the node's event loop.
package final class RPCServer {
    /// What requests may cost until they are whole.
    package struct Limits: Hashable, Sendable {
        /// The size and depth of one request. Default 64 KiB, and the depth of ``JSONLimits/defaults``.
        package var request: JSONLimits
        /// Time from the opening of a stream to its whole request; the stream is reset then. Default 10 seconds.
        package var patience: TimeAmount
        /// Unfinished requests of one node; further streams are reset. Default 64.
        package var unfinishedPerPeer: Int
        /// Bytes of all unfinished requests together; the stream that exceeds it is reset. Default 16 MiB.
        package var heldByteCount: Int

        package static let defaults = Limits(
            request: JSONLimits(depth: JSONLimits.defaults.depth, byteCount: 65_536),
            patience: .seconds(10),
            unfinishedPerPeer: 64,
            heldByteCount: 16 << 20
        )

        package init(request: JSONLimits, patience: TimeAmount, unfinishedPerPeer: Int, heldByteCount: Int) {
            self.request = request
            self.patience = patience
            self.unfinishedPerPeer = unfinishedPerPeer
            self.heldByteCount = heldByteCount
        }
    }

    fileprivate let limits: Limits
    private let received: (RPCServerStream, JSONValue?) -> Void
    private var unfinished: [NodeKey: Int] = [:]
    private var heldByteCount = 0

    /// `received` gets each call whose request is whole, with the document, or with nil when it is not JSON within the
    /// limits. It, or somebody later, answers or refuses the call.
    package init(limits: Limits = .defaults, received: @escaping (RPCServerStream, JSONValue?) -> Void) {
        self.limits = limits
        self.received = received
    }

    /// Takes a call that a node began by opening `stream`.
    package func accept(_ stream: OverlayStream) -> RPCServerStream {
        let isAdmitted = unfinished[stream.peer, default: 0] < limits.unfinishedPerPeer
        let call = RPCServerStream(stream, server: self)
        guard isAdmitted else {
            call.refuse(.overLimit)
            return call
        }
        unfinished[stream.peer, default: 0] += 1
        call.begin()
        return call
    }

    /// Whether `byteCount` more bytes of requests can be held.
    fileprivate func hold(_ byteCount: Int) -> Bool {
        heldByteCount += byteCount
        return heldByteCount <= limits.heldByteCount
    }

    /// A request of `peer`, of which `byteCount` bytes were held, is whole or given up.
    fileprivate func release(_ byteCount: Int, of peer: NodeKey) {
        heldByteCount -= byteCount
        let left = unfinished[peer, default: 0] - 1
        unfinished[peer] = left > 0 ? left : nil
    }

    fileprivate func finished(_ call: RPCServerStream, _ text: [UInt8]) {
        received(call, try? JSONValue(parsing: text, limits: limits.request))
    }
}

/// One call of another node, from the opening of its stream to the answer.
package final class RPCServerStream: OverlayStreamHandler {
    /// Who calls.
    package var peer: NodeKey { stream.peer }

    private enum Phase {
        /// The request is on its way.
        case gathering
        /// The request is whole, or was given up.
        case done
    }

    private let stream: OverlayStream
    private let server: RPCServer
    private var phase = Phase.done
    /// What is here of the request.
    private var text: [UInt8] = []
    private var deadline: Scheduled<Void>?

    fileprivate init(_ stream: OverlayStream, server: RPCServer) {
        self.stream = stream
        self.server = server
    }

    /// Sends the answer and ends the stream. Nothing happens when the stream has ended already.
    package func answer(_ document: JSONValue) {
        stream.write(ByteBuffer(bytes: document.compactBytes))
        stream.finish()
    }

    /// Ends the stream without an answer.
    package func refuse(_ code: ErrorCode) {
        stream.reset(code)
    }

    fileprivate func begin() {
        phase = .gathering
        deadline = stream.eventLoop.assumeIsolated().scheduleTask(in: server.limits.patience) {
            self.giveUp(.aborted)
        }
    }

    package func streamReadable(_ stream: OverlayStream) {
        while case .gathering = phase {
            guard let bytes = stream.read() else {
                guard stream.isAtEnd else { return }
                let request = text
                end()
                return server.finished(self, request)
            }
            text += bytes.readableBytesView
            let isHeld = server.hold(bytes.readableBytes)
            guard isHeld, text.count <= server.limits.request.byteCount else { return giveUp(.overLimit) }
        }
    }

    package func streamWritable(_ stream: OverlayStream) {}

    package func streamEnded(_ stream: OverlayStream, _ end: StreamEnd) { self.end() }

    private func giveUp(_ code: ErrorCode) {
        end()
        refuse(code)
    }

    /// The request is awaited no longer.
    private func end() {
        guard case .gathering = phase else { return }
        phase = .done
        deadline?.cancel()
        server.release(text.count, of: stream.peer)
        text = []
    }
}
