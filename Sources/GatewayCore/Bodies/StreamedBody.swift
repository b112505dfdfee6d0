/// A body that is edited while it passes. It goes on in chunks, since nobody knows how long it becomes, or ends with
/// its connection as it came.
struct StreamedBody {
    private let editor: any StreamEditor
    /// Takes chunk sizes off for the editor.
    private var framing: ChunkedFraming?
    private let writesChunks: Bool

    /// - Parameters:
    ///   - isChunked: whether the body comes in chunks.
    ///   - writesChunks: whether it goes on in chunks.
    init(_ editor: any StreamEditor, isChunked: Bool, writesChunks: Bool = true) {
        self.editor = editor
        self.writesChunks = writesChunks
        framing = isChunked ? ChunkedFraming() : nil
    }

    /// Takes the next part of the body, with its framing; `ends` says that it is the last. Appends what goes on now.
    mutating func take(_ part: Span<UInt8>, ends: Bool, into output: inout [UInt8]) {
        var content: [UInt8] = []
        if framing != nil {
            framing?.forEachContent(of: part) { editor.edit(part.extracting($0), into: &content) }
        } else {
            editor.edit(part, into: &content)
        }
        if ends { editor.finish(into: &content) }
        guard writesChunks else { return output.append(contentsOf: content) }
        if !content.isEmpty {
            output.append(contentsOf: (String(content.count, radix: 16) + "\r\n").utf8)
            output.append(contentsOf: content)
            output.append(contentsOf: "\r\n".utf8)
        }
        if ends { output.append(contentsOf: "0\r\n\r\n".utf8) }
    }
}
