/// The entity tags of documents that the gateway changes: the agent's own with a mark in front, which depends on what
/// is changed. So no two forms share a tag, and a client's condition is true of the form that it has.
struct EntityTags {
    private let mark: [UInt8]

    /// Tags for the form that `variant` names.
    init(variant: String) {
        // FNV-1a with 64 bits: short, and different where the variants are.
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in variant.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        mark = Array("postern-\(String(hash, radix: 36))-".utf8)
    }

    /// The value of `ETag` for the changed form.
    func marked(_ tag: [UInt8]) -> [UInt8] {
        guard let quote = tag.firstIndex(of: UInt8(ascii: "\"")) else { return tag }
        return Array(tag[...quote]) + mark + tag[(quote + 1)...]
    }

    /// What `If-None-Match` asks of the agent: its own tags of this form; nil when none is left (RFC 9110 §13.1.2).
    func unmarked(_ list: [UInt8]) -> [UInt8]? {
        if list == [UInt8(ascii: "*")] { return list }
        let own = Self.tags(in: list).compactMap { tag -> [UInt8]? in
            guard let quote = tag.firstIndex(of: UInt8(ascii: "\"")) else { return nil }
            let opaque = tag[(quote + 1)...]
            guard opaque.starts(with: mark) else { return nil }
            return Array(tag[...quote] + opaque.dropFirst(mark.count))
        }
        return own.isEmpty ? nil : Array(own.joined(separator: ", ".utf8))
    }

    /// The elements of a list; a comma may stand inside a tag.
    private static func tags(in list: [UInt8]) -> [[UInt8]] {
        var tags: [[UInt8]] = []
        var tag: [UInt8] = []
        var isQuoted = false
        for byte in list {
            switch byte {
            case UInt8(ascii: ",") where !isQuoted:
                tags.append(tag)
                tag = []
                continue
            case UInt8(ascii: "\""): isQuoted.toggle()
            case ASCII.space where !isQuoted, ASCII.tab where !isQuoted: continue
            case _: break
            }
            tag.append(byte)
        }
        return tags + [tag]
    }
}
