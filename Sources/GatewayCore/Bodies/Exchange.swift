/// Decides with which requests to one service the gateway does more than to pass them on.
protocol BodyPolicy: Sendable {
    /// The exchange that begins with the request whose `head` was read from `bytes`; nil passes it and its response as
    /// they come.
    ///
    /// - Parameter host: where the `Host` stands by which the client knows us.
    func exchange(_ head: MessageHead, _ bytes: Span<UInt8>, host: Range<Int>) -> (any Exchange)?
}

/// One request and its response, of which the gateway reads or changes something.
protocol Exchange: AnyObject {
    /// Why the request goes no further; nil lets it pass.
    var refusal: GatewayError? { get }

    /// What the agent gets for the request's target, which is a path; nil leaves it.
    var newTarget: [UInt8]? { get }

    /// What the agent gets for `Host`; nil leaves it to the service's policy.
    var newHost: [UInt8]? { get }

    /// Whether no other request may follow on the connection.
    var isLast: Bool { get }

    /// What becomes of the request's body.
    var requestBody: BodyTransform { get }

    /// What becomes of a field of the request that frames nothing.
    func edit(request field: HeadField) -> FieldEdit

    /// The head of the final response was read. Nil leaves the response as it is; else its fields are asked for, and
    /// this becomes of its body.
    func receive(response head: ResponseHead) -> BodyTransform?

    /// What becomes of a field of the response that frames nothing.
    func edit(response field: HeadField) -> FieldEdit
}

// An exchange that changes nothing.
extension Exchange {
    var refusal: GatewayError? { nil }
    var newTarget: [UInt8]? { nil }
    var newHost: [UInt8]? { nil }
    var isLast: Bool { false }
    var requestBody: BodyTransform { .pass }
    func edit(request field: HeadField) -> FieldEdit { .keep }
    func receive(response head: ResponseHead) -> BodyTransform? { nil }
    func edit(response field: HeadField) -> FieldEdit { .keep }
}

/// A copy of one field of a head.
struct HeadField {
    /// In lower case.
    let name: String
    /// Without white space at its ends.
    let value: [UInt8]

    init(_ line: MessageHead.Line, of head: MessageHead, _ bytes: Span<UInt8>) {
        name = String(decoding: bytes.copy(head.name(line.index)).map(ASCII.lowercase), as: UTF8.self)
        value = bytes.copy(line.value)
    }
}

/// What becomes of a field.
enum FieldEdit: Equatable {
    case keep
    case remove
    /// It gets this value.
    case replace([UInt8])
}

/// What an exchange has to know of its response before the body comes.
struct ResponseHead {
    let status: Int
    let contentType: String
    let contentCoding: String

    /// The head that `head` was read into, all of whose fields were noted.
    init(_ head: MessageHead, _ bytes: Span<UInt8>) {
        status = head.status
        var (contentType, contentCoding) = ("", "")
        for line in head.lines where line.field == .other {
            let field = HeadField(line, of: head, bytes)
            switch field.name {
            case "content-type": contentType = String(decoding: field.value, as: UTF8.self).lowercased()
            case "content-encoding": contentCoding = String(decoding: field.value, as: UTF8.self).lowercased()
            case _: break
            }
        }
        self.contentType = contentType
        self.contentCoding = contentCoding
    }
}

extension HeadEdits {
    /// Records what becomes of the field in `line`.
    mutating func apply(_ edit: FieldEdit, to line: MessageHead.Line, of head: MessageHead, headCount: Int) {
        switch edit {
        case .keep: break
        case .remove: remove(head.line(line.index, headCount: headCount))
        case .replace(let value): replace(line.value) { $0.append(contentsOf: value) }
        }
    }
}
