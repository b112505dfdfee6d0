import PosternModel

/// Changes a JSON document on its way to one client.
protocol DocumentRewriter {
    /// What the client gets in place of `document`; nil leaves it as it came. Throwing refuses it.
    func rewrite(_ document: JSONValue) throws(GatewayError) -> JSONValue?

    /// What the result depends on beside the document.
    var variant: String { get }

    /// What a client is told whose document is too large to be changed.
    var tooLarge: GatewayError { get }

    /// What a client is told of a document that cannot be read; nil passes it as it is.
    var unreadable: GatewayError? { get }
}

/// A request for a document by GET or HEAD that is changed for this client.
final class DocumentExchange: Exchange, BodyEditor {
    private let rewriter: any DocumentRewriter
    private let tags: EntityTags
    private let isHead: Bool
    private var coding = ContentCoding.identity
    /// Whether the response leads to another place, and what it answers has to be read.
    private var leadsElsewhere = false

    /// Bytes of a document, with its framing and without its coding.
    static let limit = 1 << 20

    init(_ rewriter: any DocumentRewriter, isHead: Bool) {
        self.rewriter = rewriter
        self.isHead = isHead
        tags = EntityTags(variant: rewriter.variant)
    }

    /// Asks for the whole document in a form that can be changed, and for it anew unless this very form is known.
    func edit(request field: HeadField) -> FieldEdit {
        switch field.name {
        case "accept-encoding": .replace(Array("identity".utf8))
        case "if-none-match": tags.unmarked(field.value).map { .replace($0) } ?? .remove
        // The date of a document says nothing of its form, and a range of it cannot be changed.
        case "if-modified-since", "range", "if-range": .remove
        case _: .keep
        }
    }

    func receive(response head: ResponseHead) -> BodyTransform? {
        if head.status == 304 { return .pass }
        if let unreadable = rewriter.unreadable {
            leadsElsewhere = head.status / 100 == 3
            if leadsElsewhere { return .pass }
            guard head.status / 100 == 2 else { return nil }
            guard head.isReadable else { return .collect(self, limit: 0, overflow: .reject(unreadable)) }
        }
        guard head.status / 100 == 2, head.status == 200 || rewriter.unreadable != nil, head.isReadable,
            let coding = ContentCoding(head.contentCoding)
        else { return nil }
        self.coding = coding
        return .collect(self, limit: Self.limit, overflow: .reject(rewriter.tooLarge))
    }

    func edit(response field: HeadField) -> FieldEdit {
        switch field.name {
        // Where it leads nobody would look at the document.
        case "location": leadsElsewhere ? .remove : .keep
        case "etag": .replace(tags.marked(field.value))
        case "last-modified", "accept-ranges": .remove
        case "content-encoding": isHead ? .remove : .keep
        case _: .keep
        }
    }

    func replacement(for content: [UInt8]) throws(GatewayError) -> [UInt8]? {
        try rewriter.rewrite(content, coding)
    }
}

extension DocumentRewriter {
    var unreadable: GatewayError? { nil }

    /// What the client gets in place of `content`; what cannot be read passes as it is, or is refused.
    func rewrite(_ content: [UInt8], _ coding: ContentCoding) throws(GatewayError) -> [UInt8]? {
        guard let document = try document(in: content, coding) else { return nil }
        return try rewrite(document)?.compactBytes
    }

    /// The document that `content` is, as most clients read it: a byte order mark is passed over, and the last of
    /// members with one key counts. Nil when it cannot be read, and passes.
    func document(in content: [UInt8], _ coding: ContentCoding) throws(GatewayError) -> JSONValue? {
        let text: [UInt8]
        do throws(ContentCoding.Fault) {
            text = try coding.decode(content, limit: DocumentExchange.limit)
        } catch {
            switch error {
            case .tooLong: throw tooLarge
            case .damaged: return try passed(unreadable)
            }
        }
        var limits = JSONLimits.defaults
        limits.takesLastOfDuplicates = true
        let mark: [UInt8] = [0xef, 0xbb, 0xbf]
        let start = text.starts(with: mark) ? mark.count : 0
        guard let document = try? JSONValue(parsing: Array(text[start...]), limits: limits) else {
            return try passed(unreadable)
        }
        return document
    }

    private func passed(_ error: GatewayError?) throws(GatewayError) -> JSONValue? {
        if let error { throw error }
        return .none
    }
}

extension ResponseHead {
    /// Whether the body is one document in a form that can be read.
    var isReadable: Bool { ContentCoding(contentCoding) != nil && !contentType.hasPrefix("text/event-stream") }
}
