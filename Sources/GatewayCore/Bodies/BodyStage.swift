/// Carries out the ``BodyTransform`` of the message under way in one direction.
struct BodyStage {
    private enum State {
        case passing
        /// The framing takes chunk sizes off for the inspector.
        case inspecting(any BodyInspector, ChunkedFraming?)
        case collecting(Collection)
        case gating(GatedBody)
    }

    /// A message that is withheld.
    fileprivate struct Collection {
        let editor: any BodyEditor
        let limit: Int
        let overflow: BodyTransform.Overflow
        let isChunked: Bool
        let share: WithheldShare
        var head: [UInt8]
        /// The body as it came, with its framing.
        var body: [UInt8] = []
    }

    private var state = State.passing

    /// Whether the head of the message has not been sent.
    var isWithholding: Bool {
        switch state {
        case .collecting: true
        case .gating(let body): body.isWithheld
        case .passing, .inspecting: false
        }
    }

    /// Begins a message that has a body. Its head stands in `bytes`, and in the input at `range` where it came in one
    /// piece; the edits of `scratch` are for it.
    mutating func begin(
        _ transform: BodyTransform,
        _ bytes: Span<UInt8>,
        at range: Range<Int>?,
        isChunked: Bool,
        scratch: HeadScratch
    ) throws(GatewayError) {
        switch transform {
        case .pass: state = .passing
        case .inspect(let inspector): state = .inspecting(inspector, isChunked ? ChunkedFraming() : nil)
        case .gate(let gate, let inspector):
            guard !scratch.head.lines.contains(where: { $0.field == .expect }) else { throw gate.tooLong }
            var head: [UInt8] = []
            scratch.edits.apply(to: bytes, into: &head)
            state = .gating(
                GatedBody(
                    gate: gate,
                    inspector: inspector,
                    isChunked: isChunked,
                    share: WithheldShare(of: scratch.withheld),
                    head: head
                )
            )
            return
        case .collect(let editor, let limit, let overflow):
            if !scratch.head.lines.contains(where: { $0.field == .expect }) {
                var head: [UInt8] = []
                scratch.edits.apply(to: bytes, into: &head)
                let collection = Collection(
                    editor: editor,
                    limit: limit,
                    overflow: overflow,
                    isChunked: isChunked,
                    share: WithheldShare(of: scratch.withheld),
                    head: head
                )
                state = .collecting(collection)
                return
            }
            if case .reject(let error) = overflow { throw error }
            state = .passing
        }
        scratch.forwardHead(bytes, at: range)
    }

    /// Whether the body passes as it comes and nobody looks at it.
    var isPassing: Bool {
        switch state {
        case .passing: true
        case .inspecting, .collecting, .gating: false
        }
    }

    /// Takes the part of the body that stands in `range` of the input; `ends` says that the message ends with it.
    @inline(never)
    mutating func receive(
        _ input: Span<UInt8>,
        _ range: Range<Int>,
        ends: Bool,
        plan: inout ForwardPlan
    ) throws(GatewayError) {
        switch state {
        case .passing: plan.append(input: range)
        case .inspecting(let inspector, var framing):
            let part = input.extracting(range)
            if framing != nil {
                framing?.forEachContent(of: part) { inspector.inspect(part.extracting($0)) }
                state = .inspecting(inspector, framing)
            } else {
                inspector.inspect(part)
            }
            plan.append(input: range)
            if ends { state = .passing }
        case .gating(var body):
            state = .passing
            try body.receive(input, range, ends: ends, plan: &plan)
            if !ends { state = .gating(body) }
        case .collecting(var collection):
            state = .passing
            collection.body.append(contentsOf: input, range)
            guard collection.body.count <= collection.limit, collection.share.take(range.count) else {
                if case .reject(let error) = collection.overflow { throw error }
                collection.sendAsItCame(&plan)
                return
            }
            if ends { try collection.send(&plan) } else { state = .collecting(collection) }
        }
    }

    /// The body ended with its connection.
    mutating func end(plan: inout ForwardPlan) throws(GatewayError) {
        let ended = state
        state = .passing
        if case .collecting(let collection) = ended { try collection.send(&plan) }
    }
}

extension BodyStage.Collection {
    /// Sends what the editor makes of the message.
    fileprivate func send(_ plan: inout ForwardPlan) throws(GatewayError) {
        guard let replacement = try editor.replacement(for: content) else { return sendAsItCame(&plan) }
        plan.append { output in
            appendHead(length: replacement.count, to: &output)
            output.append(contentsOf: replacement)
        }
    }

    fileprivate func sendAsItCame(_ plan: inout ForwardPlan) {
        plan.append { output in
            output.append(contentsOf: head)
            output.append(contentsOf: body)
        }
    }

    private var content: [UInt8] {
        guard isChunked else { return body }
        var content: [UInt8] = []
        var framing = ChunkedFraming()
        framing.forEachContent(of: body.span) { content.append(contentsOf: body[$0]) }
        return content
    }

    /// The head with another length, whatever framed the message before, and without what was true of its former
    /// content only.
    private func appendHead(length: Int, to output: inout [UInt8]) {
        var start = 0
        while let end = head[start...].firstIndex(of: ASCII.lineFeed).map({ $0 + 1 }), end - start > 2 {
            let colon = head[start..<end].firstIndex(of: UInt8(ascii: ":")) ?? start
            let name = start..<(start == 0 ? start : colon)
            if !Self.describesContent(head.span, name) { output.append(contentsOf: head[start..<end]) }
            start = end
        }
        output.append(contentsOf: "Content-Length: \(length)\r\n\r\n".utf8)
    }

    /// Whether the field of this name frames the content, or says how its bytes were coded (RFC 9110 §6.6, §8.4;
    /// RFC 9530).
    private static func describesContent(_ head: Span<UInt8>, _ name: Range<Int>) -> Bool {
        head.matches(name, "content-length") || head.matches(name, "transfer-encoding")
            || head.matches(name, "content-encoding") || head.matches(name, "trailer")
            || head.matches(name, "content-digest") || head.matches(name, "repr-digest")
            || head.matches(name, "digest") || head.matches(name, "content-md5")
    }
}
