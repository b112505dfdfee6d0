/// Carries out the ``BodyTransform`` of the message under way in one direction.
struct BodyStage {
    private enum State {
        case passing
        /// The framing takes chunk sizes off for the inspector.
        case inspecting(any BodyInspector, ChunkedFraming?)
        case collecting(Collection)
        case gating(GatedBody)
        case streaming(StreamedBody)
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
        case .passing, .inspecting, .streaming: false
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
        case .stream(let editor):
            return begin(editor, bytes, at: range, isChunked: isChunked, scratch: scratch)
        case .collect(let editor, let limit, let overflow):
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
            if scratch.head.lines.contains(where: { $0.field == .expect }) {
                try overflowed(collection, &scratch.plan)
            } else {
                state = .collecting(collection)
            }
            return
        }
        scratch.forwardHead(bytes, at: range)
    }

    /// Begins a message that passes through `editor`.
    private mutating func begin(
        _ editor: any StreamEditor,
        _ bytes: Span<UInt8>,
        at range: Range<Int>?,
        isChunked: Bool,
        scratch: HeadScratch
    ) {
        let hasLength = scratch.head.lines.contains { $0.field == .contentLength }
        state = .streaming(StreamedBody(editor, isChunked: isChunked, writesChunks: isChunked || hasLength))
        guard hasLength else { return scratch.forwardHead(bytes, at: range) }
        var head: [UInt8] = []
        scratch.edits.apply(to: bytes, into: &head)
        guard HeadFraming.canBeChunked(head) else {
            state = .passing
            return scratch.forwardHead(bytes, at: range)
        }
        scratch.plan.append { HeadFraming.append(head, framedBy: .chunks, to: &$0) }
    }

    /// Whether the body passes as it comes and nobody looks at it.
    var isPassing: Bool {
        switch state {
        case .passing: true
        case .inspecting, .collecting, .gating, .streaming: false
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
                return try overflowed(collection, ends: ends, &plan)
            }
            if ends { try collection.send(&plan) } else { state = .collecting(collection) }
        case .streaming(var body):
            state = .passing
            let part = input.extracting(range)
            plan.append { body.take(part, ends: ends, into: &$0) }
            if !ends { state = .streaming(body) }
        }
    }

    /// What was withheld of a message that cannot be collected is sent, and the rest of it follows.
    private mutating func overflowed(
        _ collection: Collection,
        ends: Bool = false,
        _ plan: inout ForwardPlan
    ) throws(GatewayError) {
        state = .passing
        switch collection.overflow {
        case .reject(let error): throw error
        case .pass: collection.sendAsItCame(&plan)
        case .stream(let editor):
            guard HeadFraming.canBeChunked(collection.head) else { return collection.sendAsItCame(&plan) }
            var body = StreamedBody(editor, isChunked: collection.isChunked)
            plan.append { output in
                HeadFraming.append(collection.head, framedBy: .chunks, to: &output)
                body.take(collection.body.span, ends: ends, into: &output)
            }
            if !ends { state = .streaming(body) }
        }
    }

    /// The body ended with its connection.
    mutating func end(plan: inout ForwardPlan) throws(GatewayError) {
        let ended = state
        state = .passing
        switch ended {
        case .collecting(let collection): try collection.send(&plan)
        case .streaming(var body): plan.append { body.take(Span(), ends: true, into: &$0) }
        case .passing, .inspecting, .gating: break
        }
    }
}

extension BodyStage.Collection {
    /// Sends what the editor makes of the message.
    fileprivate func send(_ plan: inout ForwardPlan) throws(GatewayError) {
        guard let replacement = try editor.replacement(for: content) else { return sendAsItCame(&plan) }
        plan.append { output in
            HeadFraming.append(head, framedBy: .length(replacement.count), to: &output)
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
}
