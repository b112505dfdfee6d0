import PosternModel

/// Changes a JSON document on its way to one client.
protocol DocumentRewriter {
    /// What the client gets in place of `document`; nil leaves it as it came. Throwing refuses it.
    func rewrite(_ document: JSONValue) throws(GatewayError) -> JSONValue?

    /// What the result depends on beside the document.
    var variant: String { get }

    /// What a client is told whose document is too large to be changed.
    var tooLarge: GatewayError { get }
}

/// A request for a document by GET or HEAD that is changed for this client.
final class DocumentExchange: Exchange, BodyEditor {
    private let rewriter: any DocumentRewriter
    private let tags: EntityTags
    private let isHead: Bool
    private var coding = ContentCoding.identity

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
        guard head.status == 200, let coding = ContentCoding(head.contentCoding),
            !head.contentType.hasPrefix("text/event-stream")
        else { return nil }
        self.coding = coding
        return .collect(self, limit: Self.limit, overflow: .reject(rewriter.tooLarge))
    }

    func edit(response field: HeadField) -> FieldEdit {
        switch field.name {
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
    /// What the client gets in place of `content`; what is not JSON passes as it is.
    func rewrite(_ content: [UInt8], _ coding: ContentCoding) throws(GatewayError) -> [UInt8]? {
        guard let text = coding.decode(content, limit: DocumentExchange.limit),
            let document = try? JSONValue(parsing: text)
        else { return nil }
        return try rewrite(document)?.compactBytes
    }
}
