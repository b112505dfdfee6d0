/// The requests and responses of one connection: decides, for the bytes of either direction, what is sent on and how
/// the connection may fail. It does no input or output and keeps no body.
package struct Exchange: ~Copyable {
    /// What becomes of bytes that were received.
    package enum Verdict: Hashable, Sendable {
        /// The plan says what to send for the first `consumed` bytes. The rest waits: offer it again after a response.
        case forward(consumed: Int)
        /// The plan says what to send of what came before; the connection cannot go on.
        case refuse(Refusal)
    }

    /// How a failure is told to the client.
    package enum Answer: Hashable, Sendable {
        /// By a response; one to HEAD has no body.
        case respond(toHead: Bool)
        /// By a response, once the responses under way are complete.
        case wait
        /// Not at all: nothing was asked. The connection closes.
        case close
        /// A response began: only a broken connection tells that it is incomplete.
        case abort
    }

    /// How many requests may wait for their responses. A client that sends more is not read until one is answered.
    package static let pipelineLimit = 16

    private let rules: Rules
    private let workspace: Workspace
    private var requests: MessageReader
    private var responses: MessageReader
    private var waiting: [PendingRequest] = []
    private var isRaw: Bool
    /// A final response's head was forwarded and its end was not.
    private var isResponding = false
    /// The client said that no request follows.
    private var isLastRequest = false
    private var answeredCount: UInt64 = 0
    private var clientAuthority: [UInt8] = []
    private var faultyRequestIsHead = false
    private var faultIsInBody = false

    /// - Parameter workspace: of the loop on which the exchange lives; its plan is filled by every call.
    package init(rules: Rules, workspace: Workspace) {
        self.rules = rules
        self.workspace = workspace
        requests = MessageReader(.requests, limits: workspace.limits)
        responses = MessageReader(.responses, limits: workspace.limits)
        switch rules {
        case .passthrough: isRaw = true
        case .reach, .expose: isRaw = false
        }
    }

    /// Whether further requests wait until a response is complete.
    package var holdsRequests: Bool {
        guard let last = waiting.last, !isRaw, requests.isBetweenMessages else { return false }
        return last.asksUpgrade || waiting.count >= Self.pipelineLimit
    }

    /// Requests that were forwarded and are not answered in full.
    package var outstandingCount: Int { waiting.count }

    /// Whether bytes pass as they are: a `tcp` service, or after an upgrade.
    package var carriesRawBytes: Bool { isRaw }

    /// Whether nothing is under way: a good moment to end.
    package var isIdle: Bool {
        !isRaw && waiting.isEmpty && requests.isBetweenMessages && responses.isBetweenMessages
    }

    /// Whether the client said that no request follows, and has all its responses.
    package var isComplete: Bool { isLastRequest && isIdle }

    /// Whether a final response was begun and its end is still to come.
    package var isResponseUnderWay: Bool { isResponding }

    /// Takes bytes that the client sent.
    package mutating func receiveRequests(_ input: Span<UInt8>) -> Verdict {
        workspace.plan.clear()
        var offset = 0
        while offset < input.count {
            if isRaw {
                workspace.plan.append(input: offset..<input.count)
                return .forward(consumed: input.count)
            }
            if requests.isBetweenMessages {
                // RFC 9112 §9.6: what follows a request with `close` is not a request.
                if isLastRequest { return .forward(consumed: input.count) }
                if holdsRequests { return .forward(consumed: offset) }
            }
            switch requests.step(input, from: offset) {
            case .incompleteHead: return .forward(consumed: input.count)
            case .head(let range):
                if let refusal = acceptRequest(input.extracting(range), at: range) { return .refuse(refusal) }
                offset = range.upperBound
            case .heldHead(let end):
                let head = requests.takeHeldHead()
                if let refusal = acceptRequest(head.span, at: nil) { return .refuse(refusal) }
                requests.reuse(head)
                offset = end
            case .body(let range, _):
                workspace.plan.append(input: range)
                offset = range.upperBound
            case .malformed(let fault):
                faultIsInBody = requests.isInBody
                return .refuse(fault.requestRefusal)
            }
        }
        return .forward(consumed: offset)
    }

    /// Takes bytes that the upstream sent.
    package mutating func receiveResponses(_ input: Span<UInt8>) -> Verdict {
        workspace.plan.clear()
        var offset = 0
        while offset < input.count {
            if isRaw {
                workspace.plan.append(input: offset..<input.count)
                return .forward(consumed: input.count)
            }
            if responses.isBetweenMessages, waiting.isEmpty {
                return .refuse(.badResponse("it came without a request"))
            }
            switch responses.step(input, from: offset) {
            case .incompleteHead: return .forward(consumed: input.count)
            case .head(let range):
                if let refusal = acceptResponse(input.extracting(range), at: range) { return .refuse(refusal) }
                offset = range.upperBound
            case .heldHead(let end):
                let head = responses.takeHeldHead()
                if let refusal = acceptResponse(head.span, at: nil) { return .refuse(refusal) }
                responses.reuse(head)
                offset = end
            case .body(let range, let ends):
                workspace.plan.append(input: range)
                offset = range.upperBound
                if ends { completeResponse() }
            case .malformed(let fault): return .refuse(.badResponse(fault.text))
            }
        }
        return .forward(consumed: offset)
    }

    /// The client sends no more. Returns what is wrong when it stopped in the middle of a head; in the middle of a body
    /// the upstream sees the same end and judges for itself.
    package mutating func endRequests() -> Refusal? {
        if isRaw || requests.isBetweenMessages || requests.isInBody { return nil }
        return .badRequest("the connection ended in the middle of the head")
    }

    /// The upstream sends no more. Returns what is wrong when that left a request without a whole response.
    package mutating func endResponses() -> Refusal? {
        if isRaw { return nil }
        if responses.endsWithConnection {
            completeResponse()
            responses = MessageReader(.responses, limits: workspace.limits)
        }
        if responses.isBetweenMessages, waiting.isEmpty { return nil }
        return Refusal(
            .upstreamBroken,
            "the agent closed the connection before its response was complete",
            hint: "look into the agent's log for the reason"
        )
    }

    /// How to tell the client that its request was refused. After `wait`, ask again when a response is complete.
    package var answerToRefusedRequest: Answer {
        if faultIsInBody {
            if waiting.isEmpty { return .close }
            return waiting.count == 1 && !isResponding ? .respond(toHead: waiting[0].isHead) : .abort
        }
        return waiting.isEmpty ? .respond(toHead: faultyRequestIsHead) : .wait
    }

    /// How to tell the client that its upstream is lost, or never was.
    ///
    /// - Parameter wasClosed: the other side closed in order and without a word. On a connection that has served
    ///   before, that is the usual race between a client's next request and an idle server's close; clients know how
    ///   to repeat what got no answer at all, and would take a response of ours for the agent's.
    package func answerToLoss(wasClosed: Bool) -> Answer {
        if isRaw || isResponding { return .abort }
        guard let first = waiting.first else {
            return requests.isBetweenMessages ? .close : .respond(toHead: false)
        }
        return wasClosed && answeredCount > 0 ? .close : .respond(toHead: first.isHead)
    }

    private mutating func acceptRequest(_ bytes: Span<UInt8>, at range: Range<Int>?) -> Refusal? {
        if let fault = requests.parse(bytes, skipsBody: false, into: &workspace.head) {
            faultyRequestIsHead = false
            return fault.requestRefusal
        }
        faultyRequestIsHead = workspace.head.isHeadRequest
        workspace.edits.clear()
        do {
            let review = try RequestReview(
                bytes,
                workspace.head,
                rules: rules,
                knownAuthority: clientAuthority,
                edits: &workspace.edits
            )
            guard requests.beginBody(review.framing, of: workspace.head) else {
                return .badRequest(HeadFault.unparseable.text)
            }
            clientAuthority = review.request.clientAuthority
            waiting.append(review.request)
            isLastRequest = !workspace.head.keepsAlive
            workspace.forwardHead(bytes, at: range)
            return nil
        } catch {
            return error.requestRefusal
        }
    }

    private mutating func acceptResponse(_ bytes: Span<UInt8>, at range: Range<Int>?) -> Refusal? {
        guard let request = waiting.first else { return .badResponse("it came without a request") }
        if let fault = responses.parse(bytes, skipsBody: request.isHead, into: &workspace.head) {
            return .badResponse(fault.text)
        }
        workspace.edits.clear()
        do {
            let review = try ResponseReview(
                bytes,
                workspace.head,
                to: request,
                rules: rules,
                edits: &workspace.edits
            )
            guard responses.beginBody(review.framing, of: workspace.head) else {
                return .badResponse(HeadFault.unparseable.text)
            }
            workspace.forwardHead(bytes, at: range)
            switch workspace.head.status {
            case 101: isRaw = true
            case 100..<200: break
            case _:
                isResponding = true
                if case .none = review.framing { completeResponse() }
            }
            return nil
        } catch {
            return .badResponse(error.text)
        }
    }

    private mutating func completeResponse() {
        isResponding = false
        answeredCount += 1
        if !waiting.isEmpty { waiting.removeFirst() }
    }
}

/// Storage that all exchanges of one loop share, so that none of them allocates per message.
package final class Workspace {
    let limits: HeadLimits
    fileprivate(set) var head: MessageHead
    fileprivate var edits = HeadEdits()
    /// What the last call on an exchange said to send.
    package fileprivate(set) var plan = ForwardPlan()

    /// Storage for heads within `limits`.
    package init(limits: HeadLimits = .defaults) {
        self.limits = limits
        head = MessageHead(limits: limits)
    }

    fileprivate func forwardHead(_ bytes: Span<UInt8>, at range: Range<Int>?) {
        if let range, edits.isEmpty {
            plan.append(input: range)
        } else {
            plan.append { edits.apply(to: bytes, into: &$0) }
        }
    }
}
