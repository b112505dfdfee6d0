internal import CZlib

/// The codings of content that the gateway can undo (RFC 9110 §8.4.1).
enum ContentCoding {
    case identity
    case gzip
    /// zlib's format, as `deflate` is defined.
    case deflate

    /// The coding that a `Content-Encoding` in lower case names; nil for any other, and for several.
    init?(_ text: String) {
        switch text {
        case "", "identity": self = .identity
        case "gzip", "x-gzip": self = .gzip
        case "deflate": self = .deflate
        case _: return nil
        }
    }

    /// What is wrong with bytes that cannot be decoded.
    enum Fault: Error {
        case damaged
        /// They hold more than was asked for.
        case tooLong
    }

    /// What `bytes` say without the coding, at most `limit` bytes.
    func decode(_ bytes: [UInt8], limit: Int) throws(Fault) -> [UInt8] {
        switch self {
        case .identity:
            guard bytes.count <= limit else { throw .tooLong }
            return bytes
        // zlib.h, `inflateInit2`: the largest window; 16 more for gzip's head and tail.
        case .gzip: return try Self.inflated(bytes, windowBits: 15 + 16, limit: limit)
        case .deflate: return try Self.inflated(bytes, windowBits: 15, limit: limit)
        }
    }

    private static func inflated(_ bytes: [UInt8], windowBits: Int32, limit: Int) throws(Fault) -> [UInt8] {
        var stream = z_stream()
        let size = Int32(MemoryLayout<z_stream>.size)
        guard inflateInit2_(&stream, windowBits, ZLIB_VERSION, size) == Z_OK else { throw .damaged }
        defer { inflateEnd(&stream) }
        var output: [UInt8] = []
        var room = [UInt8](repeating: 0, count: 1 << 14)
        return try bytes.withUnsafeBufferPointer { (input) throws(Fault) in
            // zlib reads avail_in bytes at next_in and changes none of them.
            stream.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
            stream.avail_in = uInt(input.count)
            while true {
                let state = room.withUnsafeMutableBufferPointer { part in
                    stream.next_out = part.baseAddress
                    stream.avail_out = uInt(part.count)
                    return inflate(&stream, Z_NO_FLUSH)
                }
                output += room[..<(room.count - Int(stream.avail_out))]
                guard output.count <= limit else { throw .tooLong }
                if state == Z_STREAM_END, stream.avail_in == 0 { return output }
                guard state == Z_OK, stream.avail_in > 0 || stream.avail_out == 0 else { throw .damaged }
            }
        }
    }
}
