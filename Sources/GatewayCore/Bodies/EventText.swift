/// Takes a stream of type `text/event-stream` apart (WHATWG HTML §9.2.5), as it comes.
struct EventSplitter {
    /// The bytes of the event that is not whole yet.
    private var event: [UInt8] = []
    private var isAtLineStart = true
    private var lastWasReturn = false
    /// Whether the rest of an event passes that is too long to be held.
    private var passesRest = false

    /// Bytes of an event that are held at most.
    static let limit = 4 << 20

    /// Takes the next part of the content. Appends to `output` what `edit` makes of each event that is whole now, with
    /// the empty line at its end; nil leaves it.
    mutating func take(_ content: Span<UInt8>, into output: inout [UInt8], _ edit: ([UInt8]) -> [UInt8]?) {
        for position in content.indices {
            let octet = content[position]
            if octet == ASCII.lineFeed, lastWasReturn {
                // The second half of a line's end.
                lastWasReturn = false
                if event.isEmpty || passesRest { output.append(octet) } else { event.append(octet) }
                continue
            }
            let endsLine = octet == ASCII.lineFeed || octet == ASCII.carriageReturn
            lastWasReturn = octet == ASCII.carriageReturn
            if passesRest { output.append(octet) } else { event.append(octet) }
            if endsLine, isAtLineStart {
                if !passesRest { output += edit(event) ?? event }
                event.removeAll(keepingCapacity: true)
                passesRest = false
            } else if event.count > Self.limit {
                flush(into: &output)
                passesRest = true
            }
            isAtLineStart = endsLine
        }
    }

    /// Appends what is held of an event that is not whole.
    mutating func flush(into output: inout [UInt8]) {
        output += event
        event.removeAll()
    }
}

/// One event of such a stream.
struct EventText {
    /// What its fields say; several lines of data are joined as their reader does.
    private(set) var type = ""
    private(set) var data: [UInt8]?
    /// Its lines, with their ends.
    private var lines: [(text: ArraySlice<UInt8>, isData: Bool)] = []

    private static let lineEnds: Set<UInt8> = [ASCII.lineFeed, ASCII.carriageReturn]

    init(_ bytes: [UInt8]) {
        var rest = bytes[...]
        while !rest.isEmpty {
            var end = rest.firstIndex(where: Self.lineEnds.contains) ?? rest.endIndex
            let content = rest[..<end]
            if end < rest.endIndex {
                let isPair = rest[end] == ASCII.carriageReturn && rest[(end + 1)...].first == ASCII.lineFeed
                end += isPair ? 2 : 1
            }
            read(content, rest[..<end])
            rest = rest[end...]
        }
    }

    private mutating func read(_ content: ArraySlice<UInt8>, _ line: ArraySlice<UInt8>) {
        let name = content.prefix { $0 != UInt8(ascii: ":") }
        var value = content.dropFirst(name.count + 1)
        if value.first == ASCII.space { value = value.dropFirst() }
        let isData = name.elementsEqual("data".utf8)
        if isData { data = data.map { $0 + [ASCII.lineFeed] + value } ?? Array(value) }
        if name.elementsEqual("event".utf8) { type = String(decoding: value, as: UTF8.self) }
        lines.append((line, isData))
    }

    /// The same event with other data, which has no line end in it.
    func replacing(data: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        var isWritten = false
        for line in lines {
            guard line.isData else {
                result += line.text
                continue
            }
            guard !isWritten else { continue }
            isWritten = true
            result += Array("data: ".utf8) + data + line.text.drop { !Self.lineEnds.contains($0) }
        }
        return result
    }
}
