/// What becomes of the body of one message.
enum BodyTransform {
    /// It passes as it comes, and nobody looks at it.
    case pass
    /// It passes as it comes; the inspector sees its content first.
    case inspect(any BodyInspector)
    /// It is withheld together with its head until the gate opens; the gate and the inspector see all of its content.
    case gate(MethodGate, then: (any BodyInspector)?)
    /// It is withheld together with its head until it is whole; then the editor says what is sent. At most `limit`
    /// bytes are withheld, framing included.
    case collect(any BodyEditor, limit: Int, overflow: Overflow)
    /// It passes through this editor, in chunks, where its sender knows of chunks.
    case stream(any StreamEditor)

    /// What becomes of a message that cannot be collected: it is too large, or its client sends no body before it is
    /// told to (`Expect: 100-continue`).
    enum Overflow {
        /// It passes as it comes.
        case pass
        /// It goes no further.
        case reject(GatewayError)
        /// It passes through this editor, in chunks.
        case stream(any StreamEditor)
    }
}

/// Sees the content of a body while it passes: chunk framing is taken off.
protocol BodyInspector: AnyObject {
    /// The next part of the content.
    func inspect(_ content: Span<UInt8>)
}

/// Edits a body by a closure.
final class ContentEditor: BodyEditor {
    private let edit: ([UInt8]) throws(GatewayError) -> [UInt8]?

    init(_ edit: @escaping ([UInt8]) throws(GatewayError) -> [UInt8]?) {
        self.edit = edit
    }

    func replacement(for content: [UInt8]) throws(GatewayError) -> [UInt8]? { try edit(content) }
}

/// Sees the whole content of a body before its head is sent.
protocol BodyEditor: AnyObject {
    /// What is sent in place of `content`; nil sends the message as it came. Throwing refuses the message.
    func replacement(for content: [UInt8]) throws(GatewayError) -> [UInt8]?
}

/// Edits the content of a body while it passes.
protocol StreamEditor: AnyObject {
    /// Takes the next part of the content, and appends to `output` what goes on now.
    func edit(_ content: Span<UInt8>, into output: inout [UInt8])

    /// The content has ended: what was held back goes on.
    func finish(into output: inout [UInt8])
}
