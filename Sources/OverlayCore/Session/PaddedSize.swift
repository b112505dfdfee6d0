/// The sizes that packets have when they are padded (`Protocol.md` §3.4): a call or an answer looks like a keep-alive
/// or like any other, and a bulk transfer like any other.
enum PaddedSize {
    /// In bytes of UDP payload; whatever is larger fills the path.
    static let buckets = [128, 512, 1200]

    /// The size of a packet of `byteCount` bytes on a path that carries `limit`.
    static func of(_ byteCount: Int, limit: Int) -> Int {
        min(buckets.first { $0 >= byteCount } ?? limit, limit)
    }
}
