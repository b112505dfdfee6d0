/// The requests and responses of one connection: decides, for the bytes of either direction, what is sent on and how
/// the connection may fail. It does no input or output and keeps no body.
package struct HTTP1ConnectionState: ~Copyable {
    /// How a failure is told to the client.
    package enum Answer: Hashable, Sendable {
        /// By a response; one to HEAD has no body.
        case respond(toHead: Bool)
        /// By a response, once the responses under way are complete.
        case wait
        /// By the end of the connection behind everything that came: nothing was asked, the client repeats what was not
        /// answered, or sees for itself that the response under way ended early.
        case close
        /// By a broken connection: the client must not take what it got for the whole.
        case abort
    }

    /// How the upstream was lost.
    package enum Loss: Hashable, Sendable {
        /// It closed in order and without a word.
        case closed
        /// It broke the connection.
        case broken
        /// It is not there, or what it says cannot be passed on.
        case unavailable
    }

    /// How many requests may wait for their responses. A client that sends more is not read until one is answered.
    package static let pipelineLimit = 16

    private let policy: ForwardingPolicy
    private let scratch: HeadScratch
    private var requests: MessageReader
    private var responses: MessageReader
    /// What is left of the peer's requests; nil: any number.
    private let budget: RequestBudget?
    private var requestBody = BodyStage()
    private var responseBody = BodyStage()
    private var waiting: [PendingRequest] = []
    private var isRaw: Bool
    /// The client began with HTTP/2, of which everything passes as it is.
    private var isHTTP2 = false
    /// A final response's head was forwarded and its end was not.
    private var isResponding = false
    /// The client said that no request follows.
    private var isLastRequest = false
    var progress = ExchangeProgress()
    private var clientAuthority: [UInt8] = []
    private var faultyRequestIsHead = false
    private var faultIsInBody = false
    /// The response under way, when it is one into which comments may be put.
    private var events: EventStream?
    private let addressing: Addressing
    /// A request for another target, behind which nothing is taken.
    private(set) var turn: Turn?

    /// - Parameters:
    ///   - budget: of the peer whose requests these are; nil when nothing bounds them.
    ///   - scratch: of the loop on which the connection lives; its plan is filled by every call.
    package init(policy: ForwardingPolicy, budget: RequestBudget? = nil, scratch: HeadScratch) {
        self.init(policy: policy, budget: budget, addressing: .origin, scratch: scratch)
    }

    /// - Parameter addressing: how the requests name their target.
    init(policy: ForwardingPolicy, budget: RequestBudget? = nil, addressing: Addressing, scratch: HeadScratch) {
        self.addressing = addressing
        self.policy = policy
        self.budget = budget
        self.scratch = scratch
        requests = MessageReader(.requests, limits: scratch.limits)
        responses = MessageReader(.responses, limits: scratch.limits)
        switch policy {
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

    /// Whether the service is known to speak HTTP: then errors are told in HTTP, whatever came.
    package var isKnownToBeHTTP: Bool {
        if isHTTP2 { return false }
        return switch policy {
        case .reach(let policy): policy.isKnownToBeHTTP
        case .expose: true
        case .passthrough: false
        }
    }

    /// Whether bytes pass as they are: a `tcp` service, after an upgrade, or HTTP/2.
    package var carriesRawBytes: Bool { isRaw }

    /// Where the requests are to go.
    var destination: ProxyConnection.Destination { isHTTP2 ? .grpc : .service }

    /// Whether the head of a request has begun and is not complete.
    var isInRequestHead: Bool { !isRaw && !requests.isBetweenMessages && !requests.isInBody }

    /// Whether nothing is under way: a good moment to end.
    package var isIdle: Bool {
        !isRaw && waiting.isEmpty && requests.isBetweenMessages && responses.isBetweenMessages
    }

    /// Whether the client said that no request follows, and has all its responses.
    package var isComplete: Bool { isLastRequest && isIdle }

    /// Whether a final response was begun and its end is still to come.
    package var isResponseUnderWay: Bool { isResponding }

    /// Takes bytes that the client sent, and returns how many of them; the rest waits: offer it again after a response.
    /// The plan says what to send for them, also for what came before an error. The connection cannot go on behind one.
    package mutating func receiveRequests(_ input: Span<UInt8>) throws(GatewayError) -> Int {
        scratch.plan.clear()
        var offset = 0
        while offset < input.count {
            if isRaw {
                scratch.plan.append(input: offset..<input.count)
                return input.count
            }
            if requests.isBetweenMessages {
                // RFC 9112 §9.6: what follows a request with `close` is not a request.
                if isLastRequest { return input.count }
                if holdsRequests { return offset }
            }
            switch requests.step(input, from: offset) {
            case .incompleteHead: return input.count
            case .head(let range):
                try acceptRequest(input.extracting(range), at: range)
                offset = range.upperBound
                if turn != nil { return offset }
            case .heldHead(let end):
                let head = requests.takeHeldHead()
                try acceptRequest(head.span, at: nil)
                requests.reuse(head)
                offset = end
                if turn != nil { return offset }
            case .body(let range, let ends):
                if requestBody.isPassing {
                    scratch.plan.append(input: range)
                } else {
                    try transformRequest(input, range, ends: ends)
                }
                offset = range.upperBound
            case .chunkExtension(let end): offset = end
            case .malformed(let fault):
                faultIsInBody = requests.isInBody
                throw fault.requestError
            }
        }
        return offset
    }

    /// Takes bytes that the upstream sent. The plan says what to send for them, also for what came before an error. The
    /// connection cannot go on behind one.
    package mutating func receiveResponses(_ input: Span<UInt8>) throws(GatewayError) {
        scratch.plan.clear()
        var offset = 0
        while offset < input.count {
            if isRaw {
                scratch.plan.append(input: offset..<input.count)
                return
            }
            if responses.isBetweenMessages, waiting.isEmpty { throw .badResponse("it came without a request") }
            switch responses.step(input, from: offset) {
            case .incompleteHead: return
            case .head(let range):
                try acceptResponse(input.extracting(range), at: range)
                offset = range.upperBound
            case .heldHead(let end):
                let head = responses.takeHeldHead()
                try acceptResponse(head.span, at: nil)
                responses.reuse(head)
                offset = end
            case .body(let range, let ends):
                if responseBody.isPassing {
                    scratch.plan.append(input: range)
                    events?.note(input, range)
                } else {
                    try responseBody.receive(input, range, ends: ends, plan: &scratch.plan)
                    isResponding = !responseBody.isWithholding
                }
                offset = range.upperBound
                if ends { completeResponse() }
            case .chunkExtension(let end): offset = end
            case .malformed(let fault): throw .badResponse(fault.text)
            }
        }
    }

    /// The client sends no more. Returns what is wrong when it stopped in the middle of a head; in the middle of a body
    /// the upstream sees the same end and judges for itself.
    package mutating func endRequests() -> GatewayError? {
        if isRaw || requests.isBetweenMessages || requests.isInBody { return nil }
        return .badRequest("the connection ended in the middle of the head")
    }

    /// The upstream sends no more; the plan says what is still to be sent. Returns what is wrong when that left a
    /// request without a whole response.
    package mutating func endResponses() -> GatewayError? {
        scratch.plan.clear()
        if isRaw { return nil }
        if responses.endsWithConnection {
            do throws(GatewayError) { try responseBody.end(plan: &scratch.plan) } catch { return error }
            completeResponse()
            responses = MessageReader(.responses, limits: scratch.limits)
        }
        if responses.isBetweenMessages, waiting.isEmpty { return nil }
        return .incompleteResponse
    }

    /// How to tell the client that its request was refused. After `wait`, ask again when a response is complete.
    package var answerToRejectedRequest: Answer {
        if faultIsInBody {
            if waiting.isEmpty { return .close }
            return waiting.count == 1 && !isResponding ? .respond(toHead: waiting[0].isHead) : .abort
        }
        return waiting.isEmpty ? .respond(toHead: faultyRequestIsHead) : .wait
    }

    /// How to tell the client that its upstream is lost, or never was.
    ///
    /// On a connection that has served before, a close or a reset is the usual race between a client's next request and
    /// the end of an idle server's patience. Clients know how to repeat what got no answer at all, and would take a
    /// response of ours for the agent's: they see what they would see without us.
    package func answerToLoss(_ loss: Loss) -> Answer {
        if isRaw { return .abort }
        if isResponding { return loss == .closed ? .close : .abort }
        guard let first = waiting.first else {
            return requests.isBetweenMessages ? .close : .respond(toHead: false)
        }
        switch loss {
        case .closed where progress.counts.answers > 0: return .close
        case .broken where progress.counts.answers > 0: return .abort
        case .closed, .broken, .unavailable: return .respond(toHead: first.isHead)
        }
    }

    private mutating func acceptRequest(_ bytes: Span<UInt8>, at range: Range<Int>?) throws(GatewayError) {
        let head = scratch.head
        faultyRequestIsHead = false
        if let fault = requests.parse(bytes, skipsBody: false, into: head) {
            guard isHTTP2Preface(bytes) else { throw fault.requestError }
            return try beginHTTP2(bytes, at: range)
        }
        faultyRequestIsHead = head.isHeadRequest
        if try leavesTarget(bytes, head) { return }
        scratch.edits.clear()
        let framing: MessageReader.Framing
        do throws(HeadFault) {
            let review = try RequestReview(
                bytes,
                head,
                policy: policy,
                knownAuthority: clientAuthority,
                edits: &scratch.edits
            )
            framing = review.framing
            guard budget?.take(at: scratch.now) ?? true else { throw HeadFault.overLimit }
            guard requests.beginBody(framing, of: head) else { throw HeadFault.unparseable }
            clientAuthority = review.request.clientAuthority
            waiting.append(review.request)
            progress.noteRequest(bytes, start: 0..<head.target.upperBound, isKept: scratch.keepsRequestLines)
        } catch {
            throw error.requestError
        }
        let exchange = waiting.last?.exchange
        if let refusal = exchange?.refusal { throw dropWithheldRequest(refusal) }
        isLastRequest = !head.keepsAlive || exchange?.isLast ?? false
        guard let exchange, framing.hasBody else { return scratch.forwardHead(bytes, at: range) }
        let transform = exchange.requestBody
        do throws(GatewayError) {
            try requestBody.begin(transform, bytes, at: range, isChunked: framing.isChunked, scratch: scratch)
        } catch {
            throw dropWithheldRequest(error)
        }
    }

    /// Whether the request is for another target than those before. It then waits in `turn`; behind requests that are
    /// not answered yet nothing more is taken, and the client repeats it on a new connection (RFC 9112 §9.3.2).
    private mutating func leavesTarget(_ bytes: Span<UInt8>, _ head: MessageHead) throws(GatewayError) -> Bool {
        guard case .proxy(let current) = addressing else { return false }
        let target = try ProxyTarget(bytes, head)
        if target == current, !target.isTunnel { return false }
        if waiting.isEmpty, scratch.plan.isEmpty {
            turn = Turn(target: target, head: bytes.copy(0..<bytes.count), isHead: head.isHeadRequest)
        } else {
            isLastRequest = true
        }
        return true
    }

    /// Whether the connection begins with HTTP/2 and may (RFC 9113 §3.3, §3.4: prior knowledge).
    private func isHTTP2Preface(_ bytes: Span<UInt8>) -> Bool {
        policy.carriesHTTP2 && progress.counts.answers == 0 && waiting.isEmpty
            && bytes.matches(0..<bytes.count, "pri * http/2.0\r\n\r\n")
    }

    private mutating func beginHTTP2(_ bytes: Span<UInt8>, at range: Range<Int>?) throws(GatewayError) {
        guard budget?.take(at: scratch.now) ?? true else { throw .tooManyRequests }
        isRaw = true
        isHTTP2 = true
        scratch.edits.clear()
        scratch.forwardHead(bytes, at: range)
    }

    private mutating func transformRequest(
        _ input: Span<UInt8>,
        _ range: Range<Int>,
        ends: Bool
    ) throws(GatewayError) {
        do throws(GatewayError) {
            try requestBody.receive(input, range, ends: ends, plan: &scratch.plan)
        } catch {
            throw dropWithheldRequest(error)
        }
    }

    /// The last request is not forwarded after all: nobody will answer it.
    private mutating func dropWithheldRequest(_ error: GatewayError) -> GatewayError {
        waiting.removeLast()
        return error
    }

    private mutating func acceptResponse(_ bytes: Span<UInt8>, at range: Range<Int>?) throws(GatewayError) {
        guard let request = waiting.first else { throw .badResponse("it came without a request") }
        let head = scratch.head
        if let fault = responses.parse(bytes, skipsBody: request.isHead, into: head) {
            throw .badResponse(fault.text)
        }
        scratch.edits.clear()
        let framing: MessageReader.Framing
        let body: BodyTransform
        do throws(HeadFault) {
            let review = try ResponseReview(bytes, head, to: request, policy: policy, edits: &scratch.edits)
            (framing, body) = (review.framing, review.body)
            guard responses.beginBody(framing, of: head) else { throw HeadFault.unparseable }
        } catch {
            throw .badResponse(error.text)
        }
        switch body {
        case .pass:
            scratch.forwardHead(bytes, at: range)
            watchEvents(framing, head, bytes)
        case .inspect, .collect, .gate, .stream:
            guard framing.hasBody else {
                scratch.forwardHead(bytes, at: range)
                break
            }
            try responseBody.begin(body, bytes, at: range, isChunked: framing.isChunked, scratch: scratch)
        }
        switch head.status {
        case 101: isRaw = true
        case 100..<200: break
        case _:
            isResponding = !responseBody.isWithholding
            progress.noteResponse(head, bytes, isPeers: policy.isReach)
            if !framing.hasBody { completeResponse() }
        }
    }

    /// A stream of events is followed where its client wants comments in it.
    private mutating func watchEvents(_ framing: MessageReader.Framing, _ head: MessageHead, _ bytes: Span<UInt8>) {
        guard case .reach(let reach) = policy, reach.keepsEventsAlive, head.status == 200 else { return }
        switch framing {
        case .chunked, .untilClose: break
        case .none, .length: return
        }
        head.noteAllFields(bytes)
        let response = ResponseHead(head, bytes)
        guard response.contentType.hasPrefix("text/event-stream"), response.contentCoding.isEmpty else { return }
        events = EventStream(isChunked: framing.isChunked)
    }

    /// Whether a stream of events is under way whose client wants comments in it.
    var hasEvents: Bool { events != nil }

    /// Plans a comment where the stream of events is silent between two events.
    mutating func keepEventsAlive() {
        scratch.plan.clear()
        guard let events, events.hasRoomForComment else { return }
        scratch.plan.append { $0.append(events.commentBytes) }
    }

    private mutating func completeResponse() {
        isResponding = false
        events = nil
        progress.counts.answers += 1
        if !waiting.isEmpty { waiting.removeFirst() }
    }
}
