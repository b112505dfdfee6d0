package import NIOCore
package import OverlayCore
import OverlayWire
package import PosternModel

/// One call to a node: a stream that carries one JSON document there and one back.
package final class RPCClientStream: OverlayStreamHandler {
    /// What an answer may cost.
    package struct Limits: Hashable, Sendable {
        /// Bytes of the answer; a longer one is no answer. Default 64 KiB.
        package var answerSize: Int
        /// Time from the call to the whole answer. Default 15 seconds.
        package var patience: TimeAmount

        package static let defaults = Limits(answerSize: 65_536, patience: .seconds(15))

        package init(answerSize: Int, patience: TimeAmount) {
            self.answerSize = answerSize
            self.patience = patience
        }
    }

    private let limits: Limits
    private var answered: ((JSONValue?) -> Void)?
    private var text: [UInt8] = []
    private var deadline: Scheduled<Void>?

    /// Asks `document` of the node `key` on `port`. `answered` is called once, after this has returned: with the
    /// answer, or with nil when the stream ended without a JSON document or a limit was reached.
    package static func ask(
        _ document: JSONValue,
        of key: NodeKey,
        port: VirtualPort,
        on node: OverlayNode,
        limits: Limits = .defaults,
        answered: @escaping (JSONValue?) -> Void
    ) throws(OverlayError) {
        let call = RPCClientStream(limits: limits, answered: answered)
        let stream = try node.openStream(to: key, port: port, handler: call)
        stream.write(ByteBuffer(bytes: document.compactBytes))
        stream.finish()
        call.deadline = node.eventLoop.assumeIsolated().scheduleTask(in: limits.patience) {
            stream.reset(.aborted)
            call.tell(nil)
        }
    }

    private init(limits: Limits, answered: @escaping (JSONValue?) -> Void) {
        self.limits = limits
        self.answered = answered
    }

    package func streamReadable(_ stream: OverlayStream) {
        while answered != nil, let bytes = stream.read() {
            text += bytes.readableBytesView
            guard text.count <= limits.answerSize else {
                stream.reset(.overLimit)
                return tell(nil)
            }
        }
        if stream.isAtEnd { tell(try? JSONValue(parsing: text)) }
    }

    package func streamWritable(_ stream: OverlayStream) {}

    package func streamEnded(_ stream: OverlayStream, _ end: StreamEnd) { tell(nil) }

    private func tell(_ answer: JSONValue?) {
        deadline?.cancel()
        text = []
        answered.take()?(answer)
    }
}
