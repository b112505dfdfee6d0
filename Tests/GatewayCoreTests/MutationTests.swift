import Testing

@testable import GatewayCore

/// How another reader of HTTP/1.1, strict and simple, splits what we forwarded: the targets of its requests, or nil
/// when it is not a sequence of whole requests and the beginning of one.
private func targets(_ bytes: [UInt8]) -> [String]? {
    var rest = bytes[...]
    var result: [String] = []
    while !rest.isEmpty {
        guard let end = rest.firstRange(of: Array("\r\n\r\n".utf8))?.upperBound else { return result }
        let lines = String(decoding: rest[..<(end - 4)], as: UTF8.self).components(by: "\r\n")
        let start = lines[0].split(separator: " ", omittingEmptySubsequences: false)
        guard start.count == 3, start[2].hasPrefix("HTTP/1.") else { return nil }
        result.append(String(start[1]))
        rest = rest[end...]
        var length = 0
        var isChunked = false
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { return nil }
            let value = line[line.index(after: colon)...].drop { $0 == " " || $0 == "\t" }
            switch line[..<colon].lowercased() {
            case "content-length": length = Int(value.filter { $0 != " " && $0 != "\t" }) ?? -1
            case "transfer-encoding": isChunked = true
            case _: break
            }
        }
        guard length >= 0 else { return nil }
        if isChunked {
            guard let after = afterChunks(rest) else { return result }
            rest = after
        } else {
            rest = rest.dropFirst(length)
        }
    }
    return result
}

private func afterChunks(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
    var rest = bytes
    while true {
        guard let end = rest.firstRange(of: Array("\r\n".utf8)) else { return nil }
        let digits = String(decoding: rest[..<end.lowerBound], as: UTF8.self).prefix { $0 != ";" }
        guard let size = Int(digits, radix: 16) else { return nil }
        rest = rest[end.upperBound...]
        if size == 0 {
            while let line = rest.firstRange(of: Array("\r\n".utf8)) {
                let isEmpty = line.lowerBound == rest.startIndex
                rest = rest[line.upperBound...]
                if isEmpty { return rest }
            }
            return nil
        }
        guard rest.count > size + 2 else { return nil }
        rest = rest.dropFirst(size + 2)
    }
}

extension String {
    fileprivate func components(by separator: String) -> [String] {
        var result: [String] = []
        var rest = self[...]
        while let range = rest.firstRange(of: separator) {
            result.append(String(rest[..<range.lowerBound]))
            rest = rest[range.upperBound...]
        }
        return result + [String(rest)]
    }
}

@Suite struct MutationTests {
    private static let originals = [
        message(
            "POST /a HTTP/1.1",
            "Host: 127.0.0.1",
            "Content-Length: 44",
            body: message("GET /hidden HTTP/1.1", "Host: 127.0.0.1")
        ),
        message(
            "POST /a HTTP/1.1",
            "Host: 127.0.0.1",
            "Transfer-Encoding: chunked",
            body: "2c\r\n" + message("GET /hidden HTTP/1.1", "Host: 127.0.0.1") + "\r\n0\r\n\r\n"
        ),
        message("GET /a HTTP/1.1", "Host: localhost:7701", "Connection: keep-alive, X", "X: y", "Keep-Alive: 5"),
    ]
    private static let pieces = [
        "\r", "\n", "\r\n", "\u{0}", " ", "\t", ":", ";", ",", "0", "\r\n\r\n", "Content-Length: 3\r\n",
        "Transfer-Encoding: chunked\r\n", "Transfer-Encoding: identity\r\n", "chunked", "Host: evil.example\r\n",
        "5\r\n", "\u{b}",
        "HTTP/1.1", "GET /hidden HTTP/1.1\r\n",
    ]

    @Test(arguments: 0..<40 as Range<UInt64>)
    func `mutations never crash, and two readers split what is forwarded alike`(seed: UInt64) {
        for round in 0..<250 as Range<UInt64> {
            var generator = SeededGenerator(seed: seed &* 1000 &+ round)
            var bytes = Array(Self.originals.randomElement(using: &generator).map(\.utf8) ?? "".utf8)
            for _ in 0..<Int.random(in: 1...4, using: &generator) { Self.mutate(&bytes, &generator) }
            let passage = Passage.reach()
            var rest = bytes[...]
            while !rest.isEmpty {
                let count = min(rest.count, Int.random(in: 1...80, using: &generator))
                passage.ask(Array(rest.prefix(count)))
                rest = rest.dropFirst(count)
            }
            let seen = targets(passage.forwarded)
            #expect(seen != nil, "seed \(seed), round \(round)")
            // Of every request that another reader finds in what was forwarded, we know as well.
            #expect((seen ?? []).count <= passage.outstandingCount, "seed \(seed), round \(round)")
            if seen?.contains("/hidden") == true {
                #expect(passage.outstandingCount >= 2, "seed \(seed), round \(round)")
            }
        }
    }

    @Test(arguments: 0..<20 as Range<UInt64>)
    func `mutated responses never crash and never answer more than was asked`(seed: UInt64) {
        let original = message("HTTP/1.1 200 OK", "Transfer-Encoding: chunked", body: "5\r\nhello\r\n0\r\n\r\n")
        for round in 0..<250 as Range<UInt64> {
            var generator = SeededGenerator(seed: seed &* 7919 &+ round)
            var bytes = Array(original.utf8)
            for _ in 0..<Int.random(in: 1...4, using: &generator) { Self.mutate(&bytes, &generator) }
            let passage = Passage.expose()
            passage.ask(message("GET / HTTP/1.1", "Host: 127.0.0.1"))
            for byte in bytes { passage.answer([byte]) }
            #expect(passage.returned.count <= bytes.count + 64)
            #expect(passage.outstandingCount <= 1)
        }
    }

    private static func mutate(_ bytes: inout [UInt8], _ generator: inout SeededGenerator) {
        let position = Int.random(in: 0..<max(1, bytes.count), using: &generator)
        switch Int.random(in: 0..<5, using: &generator) {
        case 0: bytes.insert(contentsOf: Array((pieces.randomElement(using: &generator) ?? "").utf8), at: position)
        case 1: bytes[position] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
        case 2: bytes.removeSubrange(position..<min(bytes.count, position + Int.random(in: 1...6, using: &generator)))
        case 3: bytes.insert(UInt8.random(in: 0...255, using: &generator), at: position)
        case _:
            let line = "\r\n" + (pieces.randomElement(using: &generator) ?? "")
            bytes.insert(contentsOf: Array(line.utf8), at: min(position, bytes.count))
        }
        if bytes.isEmpty { bytes = [0x47] }
    }
}
